import json
import sys

print(json.dumps({"got": json.load(sys.stdin)["text"]}))
