"""What a small tool is: it reads its arguments, imports json, and prints an object."""

import json
import sys

count = int(sys.argv[1])
print(json.dumps({"count": count, "numbers": list(range(count))}))
