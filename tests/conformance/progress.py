"""Tells of progress three times, some 50 ms apart, and then answers."""

import sys
import time

for done in (0, 50, 100):
    print(f"::progress {done}/100", file=sys.stderr, flush=True)
    time.sleep(0.15)
print("Progress was told three times.")
