"""A tool is a script: arguments come in as JSON, the answer goes out on standard output."""

import json
import sys

arguments = json.load(sys.stdin)
greetings = [f"Hello, {arguments['name']}!"] * arguments["times"]

print(json.dumps({"greetings": greetings}))
