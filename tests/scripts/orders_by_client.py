"""Lists the orders of an account with the broker's official client (pip install kiteconnect).

usage: orders_by_client.py http://HOST:PORT TOKEN_FILE      TOKEN_FILE is what `engine login` wrote
"""

import json
import sys

from kiteconnect import KiteConnect

root, token_file = sys.argv[1:3]
session = json.load(open(token_file))
kite = KiteConnect(api_key=session["api_key"], access_token=session["access_token"], root=root)
for order in kite.orders():
    print(
        order["order_id"],
        f"{order['order_timestamp']:%H:%M:%S}",
        order["status"],
        order["transaction_type"],
        f"{order['filled_quantity']}/{order['quantity']}",
        f"{order['exchange']}:{order['tradingsymbol']}",
        order["price"],
        order["tag"],
    )
