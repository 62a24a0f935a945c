"""Holds a broker's account against what an engine says of its day, by the broker's trade list alone.

usage: broker_day.py http://HOST:PORT TOKEN_FILE SUMMARY_JSON OPENING_CASH

Every number is exact: prices are decimals, charges are sums of rounded parts as the broker's list of charges has them
(equity, intraday, NSE; the rates that hold from 2024-10-01, rounded half up to 1/10,000 rupee per order and part).
Exits 1 and names the difference if one is found.
"""

import json
import sys
import urllib.request
from collections import defaultdict
from decimal import ROUND_HALF_UP, Decimal

PLACES = Decimal("0.0001")
PAISA = Decimal("0.01")

BROKERAGE, BROKERAGE_MAX = Decimal("0.0003"), Decimal(20)
STT_SELL = Decimal("0.00025")
EXCHANGE, EXCHANGE_TAXED = Decimal("0.0000307"), Decimal("0.0000297")
SEBI = Decimal("0.000001")
STAMP_BUY = Decimal("0.00003")
GST = Decimal("0.18")


def get(root, path, session):
    request = urllib.request.Request(root + path)
    request.add_header("X-Kite-Version", "3")
    request.add_header("Authorization", f"token {session['api_key']}:{session['access_token']}")
    with urllib.request.urlopen(request, timeout=10) as answer:
        return json.loads(answer.read(), parse_float=Decimal, parse_int=Decimal)["data"]


def rounded(amount):
    return amount.quantize(PLACES, rounding=ROUND_HALF_UP)


def charges(side, value):
    brokerage = min(value * BROKERAGE, BROKERAGE_MAX)
    taxed = brokerage + value * EXCHANGE_TAXED + value * SEBI
    return {
        "brokerage": rounded(brokerage),
        "stt": rounded(value * STT_SELL) if side == "SELL" else Decimal(0),
        "exchange": rounded(value * EXCHANGE),
        "sebi": rounded(value * SEBI),
        "stamp": rounded(value * STAMP_BUY) if side == "BUY" else Decimal(0),
        "gst": rounded(taxed * GST),
    }


def differ(what, *values):
    print(f"{what} differ: " + ", ".join(str(value) for value in values), file=sys.stderr)
    sys.exit(1)


def main():
    root, token_file, summary_file, cash = sys.argv[1:5]
    session = json.load(open(token_file))
    summary = json.load(open(summary_file), parse_float=Decimal)
    orders, trades = get(root, "/orders", session), get(root, "/trades", session)
    positions, margins = get(root, "/portfolio/positions", session), get(root, "/user/margins", session)

    value, quantity, side = defaultdict(Decimal), defaultdict(Decimal), {}
    held, gross = defaultdict(Decimal), Decimal(0)
    for trade in trades:
        sign = 1 if trade["transaction_type"] == "BUY" else -1
        worth = trade["quantity"] * trade["average_price"]
        value[trade["order_id"]] += worth
        quantity[trade["order_id"]] += trade["quantity"]
        side[trade["order_id"]] = trade["transaction_type"]
        held[trade["tradingsymbol"]] += sign * trade["quantity"]
        gross -= sign * worth
    total = defaultdict(Decimal)
    for order, worth in value.items():
        for part, amount in charges(side[order], worth).items():
            total[part] += amount
    charged = sum(total.values(), Decimal(0))

    for order in orders:
        if order["filled_quantity"] != quantity[order["order_id"]]:
            differ(f"filled of order {order['order_id']} and its trades", order["filled_quantity"], quantity[order["order_id"]])
        if order["status"] not in ("COMPLETE", "CANCELLED", "REJECTED"):
            differ(f"order {order['order_id']} is not final", order["status"])
    net = {row["tradingsymbol"]: row["quantity"] for row in positions["net"]}
    for symbol in set(net) | set(held):
        if net.get(symbol, 0) != held[symbol]:
            differ(f"the position of {symbol} and its trades", net.get(symbol, 0), held[symbol])
    flat = not any(held.values())
    if not flat or summary["open_positions"] != 0:
        differ("the day does not end flat", dict(held), summary["open_positions"])

    states = summary["broker"]["orders"]
    sent = sum(count for count in states.values())
    filled = sum(1 for order in orders if order["status"] == "COMPLETE")
    if summary["broker"]["open_orders"] or sent != summary["orders"]:
        differ("orders", states, summary["orders"], summary["broker"]["open_orders"])
    if states.get("filled", 0) != filled:
        differ("orders filled, of the engine and of the broker", states, filled)
    if len(orders) > sent:
        differ("the broker has more orders than the engine sent", len(orders), sent)
    if Decimal(summary["gross_pnl"]) != gross:
        differ("gross", summary["gross_pnl"], gross)
    for part, amount in total.items():
        if Decimal(summary["charges"][part]) != amount:
            differ(f"charges, {part}", summary["charges"][part], amount)
    if Decimal(summary["net_pnl"]) != gross - charged:
        differ("net", summary["net_pnl"], gross - charged)
    live = margins["equity"]["available"]["live_balance"]
    own = Decimal(cash) + gross - charged
    if live.quantize(PAISA) != own.quantize(PAISA) or live != own:
        differ("cash after charges, of the broker and by its trades", live, own)
    print(json.dumps({
        "orders": len(orders), "sent": int(sent), "trades": len(trades), "gross": str(gross), "charges": str(charged),
        "cash": str(own),
    }))


main()
