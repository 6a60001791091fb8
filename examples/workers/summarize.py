"""Reads {"numbers": [...]} and prints what is known of them."""

import json
import statistics
import sys

numbers = json.load(sys.stdin)["numbers"]
if len(numbers) < 2:
    sys.exit("at least two numbers are needed")
print(
    json.dumps(
        {
            "mean": statistics.mean(numbers),
            "median": statistics.median(numbers),
            "deviation": round(statistics.stdev(numbers), 6),
        }
    )
)
