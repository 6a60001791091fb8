"""Knows some words, and how often it was asked since it was loaded.

A worker loads this file once and calls `main` for each call. By hand: `python3 synonyms.py quick`.
"""

import json
import os
import sys

with open(os.path.join(os.path.dirname(__file__), "synonyms.json")) as file:
    SYNONYMS = json.load(file)

asked = 0


def main(arguments):
    global asked
    asked += 1
    word = arguments["word"].lower()
    if word not in SYNONYMS:
        sys.exit("no synonyms of %r are known; try one of %s" % (word, ", ".join(sorted(SYNONYMS))))
    return {"word": word, "synonyms": SYNONYMS[word], "asked": asked}


if __name__ == "__main__":
    print(json.dumps(main({"word": sys.argv[1]})))
