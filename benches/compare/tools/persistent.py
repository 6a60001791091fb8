"""What `report.py` does, as a script that can stay: it defines `main`, and works by itself, too."""

import json
import sys


def main(arguments):
    count = arguments["count"]
    return {"count": count, "numbers": list(range(count))}


if __name__ == "__main__":
    print(json.dumps(main(json.load(sys.stdin))))
