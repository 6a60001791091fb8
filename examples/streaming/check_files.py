"""Prints a line of JSON for each file of a folder."""

import hashlib
import json
import pathlib
import sys

for path in sorted(pathlib.Path(sys.argv[1]).iterdir()):
    if path.is_file():
        content = path.read_bytes()
        digest = hashlib.sha256(content).hexdigest()
        print(json.dumps({"file": path.name, "bytes": len(content), "sha256": digest}))
