"""Makes the database of the shop, once."""

import json
import os
import sqlite3

ORDERS = [("Ada", "tea", 250), ("Ada", "cup", 1000), ("Grace", "tea", 500), ("O'Brien; DROP TABLE orders", "pot", 3100)]

with sqlite3.connect(os.environ.get("SHOP_DB", "shop.db")) as shop:
    shop.execute("CREATE TABLE IF NOT EXISTS orders (id INTEGER PRIMARY KEY, customer TEXT, item TEXT, cents INTEGER)")
    if shop.execute("SELECT count(*) FROM orders").fetchone()[0] == 0:
        shop.executemany("INSERT INTO orders (customer, item, cents) VALUES (?, ?, ?)", ORDERS)
    count = shop.execute("SELECT count(*) FROM orders").fetchone()[0]
print(json.dumps({"orders": count}))
