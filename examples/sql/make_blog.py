"""Makes the database of the example: a file of SQLite, with what Python brings itself."""

import json
import sqlite3
from pathlib import Path

TABLES = """
DROP TABLE IF EXISTS comments;
DROP TABLE IF EXISTS posts;
DROP TABLE IF EXISTS users;
CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT NOT NULL);
CREATE TABLE posts (id INTEGER PRIMARY KEY, user_id INTEGER REFERENCES users, title TEXT NOT NULL, written_on DATE);
CREATE TABLE comments (id INTEGER PRIMARY KEY, user_id INTEGER REFERENCES users, text TEXT NOT NULL);
INSERT INTO users VALUES (1, 'Ann'), (2, 'Bob'), (3, 'Cid');
INSERT INTO posts VALUES
    (1, 1, 'It''s spring', '2024-03-20'),
    (2, 1, 'What it''s like to write', '2024-04-02'),
    (3, 3, 'A long walk', '2024-04-11');
INSERT INTO comments VALUES (1, 1, 'First!'), (2, 2, 'Nice');
"""

path = Path(__file__).with_name("blog.db")
with sqlite3.connect(path) as database:
    database.executescript(TABLES)
    count = database.execute("SELECT count(*) FROM posts").fetchone()[0]
print(json.dumps({"file": path.name, "posts": count}))
