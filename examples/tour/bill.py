"""Adds up orders in a currency. The arguments come as one JSON object."""

import json
import sys
from decimal import Decimal

arguments = json.load(sys.stdin)
cents = sum(order["cents"] for order in arguments["orders"])
total = Decimal(cents) / 100 * Decimal(str(arguments["rate"]))
print(json.dumps({"items": len(arguments["orders"]), "total": f"{total:.2f} {arguments['currency']}"}))
