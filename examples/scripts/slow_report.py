"""Takes its time, a line each tenth of the way, so that a timeout or a cancel leaves something to read."""

import sys
import time

STEPS = 10
seconds = float(sys.argv[1])

for step in range(1, STEPS + 1):
    time.sleep(seconds / STEPS)
    print(f"part {step} of {STEPS}: done")
