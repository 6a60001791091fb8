"""The stock of two warehouses as one list, and its movements line by line."""

import json
import sys


def stock(warehouse):
    first = 1000 if warehouse == "north" else 2000
    return [{"article": f"A-{first + n}", "stock": n * 7 % 50} for n in range(450)]


def movements():
    for n in range(1000):
        yield {"movement": n, "article": f"A-{1000 + n % 450}", "pieces": n % 9 - 4}


if sys.argv[1] == "movements":
    for movement in movements():
        print(json.dumps(movement))
else:
    print(json.dumps(stock(sys.argv[1])))
