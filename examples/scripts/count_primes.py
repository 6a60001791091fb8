"""Counts the primes below a limit with the sieve of Eratosthenes and prints one JSON object."""

import json
import sys


def count_primes(below):
    composite = bytearray(below)
    count = 0
    for number in range(2, below):
        if not composite[number]:
            count += 1
            composite[number * number::number] = b"\x01" * len(range(number * number, below, number))
    return count


below = json.load(sys.stdin)["below"]
print(json.dumps({"below": below, "primes": count_primes(below)}))
