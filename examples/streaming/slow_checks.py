"""Checks sites one after the other; the last one never answers."""

import json
import time

for site in ["alpha", "beta", "gamma", "delta", "epsilon"]:
    print(json.dumps({"site": site, "is_up": True}))
    time.sleep(0.05)
time.sleep(600)
