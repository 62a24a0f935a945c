"""Drives the simulator with the broker's official client, unchanged but for its root addresses.

usage: official_client.py HTTP_ADDR WS_ADDR; exits with an assertion's trace if anything is not as with the broker.
"""

import datetime
import sys
import threading
import time

from kiteconnect import KiteConnect, KiteTicker, exceptions

http, ws = sys.argv[1], sys.argv[2]
kite = KiteConnect(api_key="demo", root="http://" + http)

try:
    kite.set_access_token("wrong")
    kite.profile()
    raise SystemExit("a wrong token was taken")
except exceptions.TokenException as error:
    assert error.code == 403, error.code
try:
    kite.generate_session("demo", api_secret="wrong")
    raise SystemExit("a wrong checksum was taken")
except exceptions.TokenException:
    pass

session = kite.generate_session("demo", api_secret="demo")
kite.set_access_token(session["access_token"])
assert isinstance(session["login_time"], datetime.datetime), session["login_time"]
assert kite.profile()["user_id"] == session["user_id"]

# Instruments and quotes.
rows = {row["tradingsymbol"]: row for row in kite.instruments("NSE")}
share = rows["RELIANCE"]
token, symbol = share["instrument_token"], "NSE:RELIANCE"
assert share["tick_size"] > 0 and share["lot_size"] == 1, share
assert len(kite.instruments()) >= len(rows)
quote = kite.quote(symbol)[symbol]
last = quote["last_price"]
assert quote["instrument_token"] == token and len(quote["depth"]["buy"]) == 5, quote
assert isinstance(quote["timestamp"], datetime.datetime), quote
time.sleep(1.1)
assert kite.ltp(symbol)[symbol]["last_price"] > 0
time.sleep(1.1)
assert set(kite.ohlc(symbol)[symbol]["ohlc"]) == {"open", "high", "low", "close"}

# Ticker: three modes and order updates.
ticks, updates, opened = {"ltp": [], "quote": [], "full": []}, [], threading.Event()
ticker = KiteTicker("demo", session["access_token"], root="ws://" + ws)
other = rows["TCS"]["instrument_token"]
index = 256265


def on_connect(socket, response):
    socket.subscribe([token, other, index])
    socket.set_mode(socket.MODE_FULL, [token])
    socket.set_mode(socket.MODE_LTP, [other])
    opened.set()


def on_ticks(socket, received):
    for tick in received:
        ticks[tick["mode"]].append(tick)


ticker.on_connect = on_connect
ticker.on_ticks = on_ticks
ticker.on_order_update = lambda socket, data: updates.append(data)
ticker.connect(threaded=True)
assert opened.wait(10), "the ticker did not connect"


def wait(what, seconds=10):
    for _ in range(seconds * 20):
        if what():
            return
        time.sleep(0.05)
    raise SystemExit("waited in vain")


# Orders.
step = share["tick_size"]
low = round(round(last * 0.9 / step) * step, 2)
common = dict(
    variety=kite.VARIETY_REGULAR,
    exchange="NSE",
    tradingsymbol="RELIANCE",
    transaction_type="BUY",
    product="MIS",
    quantity=7,
)
resting = kite.place_order(order_type="LIMIT", price=low, tag="official1", **common)
assert len(resting) == 19, resting
assert kite.modify_order("regular", resting, quantity=9, price=round(low + step, 2), order_type="LIMIT") == resting
assert kite.cancel_order("regular", resting) == resting
statuses = [row["status"] for row in kite.order_history(resting)]
assert statuses == [
    "PUT ORDER REQ RECEIVED",
    "VALIDATION PENDING",
    "OPEN PENDING",
    "OPEN",
    "MODIFY VALIDATION PENDING",
    "MODIFY PENDING",
    "MODIFIED",
    "OPEN",
    "CANCEL PENDING",
    "CANCELLED",
], statuses
try:
    kite.place_order(order_type="MARKET", **common)
    raise SystemExit("an unprotected market order was taken")
except exceptions.InputException as error:
    assert error.code == 400 and "market protection" in str(error)
bought = kite.place_order(order_type="MARKET", market_protection=-1, tag="official2", **common)
wait(lambda: [row for row in kite.orders() if row["order_id"] == bought][0]["status"] == "COMPLETE")
orders = {row["order_id"]: row for row in kite.orders()}
assert orders[resting]["status"] == "CANCELLED" and orders[resting]["cancelled_quantity"] == 9
assert orders[bought]["tag"] == "official2" and "mktp" in orders[bought]["tags"]
assert isinstance(orders[bought]["order_timestamp"], datetime.datetime)
trades = kite.order_trades(bought)
assert sum(trade["quantity"] for trade in trades) == 7
assert [trade["trade_id"] for trade in kite.trades()] == [trade["trade_id"] for trade in trades]
value = sum(trade["quantity"] * trade["average_price"] for trade in trades)
assert abs(value / 7 - orders[bought]["average_price"]) < 0.0001
position = kite.positions()["net"][0]
assert (position["tradingsymbol"], position["quantity"], position["product"]) == ("RELIANCE", 7, "MIS")
assert kite.holdings() == []
assert kite.margins()["equity"]["net"] < kite.margins("equity")["available"]["cash"]
time.sleep(1.1)
note = kite.get_virtual_contract_note(
    [
        dict(
            order_id=bought,
            exchange="NSE",
            tradingsymbol="RELIANCE",
            transaction_type="BUY",
            variety="regular",
            product="MIS",
            order_type="LIMIT",
            quantity=7,
            average_price=orders[bought]["average_price"],
        )
    ]
)
assert note[0]["charges"]["total"] > 0, note
margin = kite.order_margins([dict(common, order_type="LIMIT", price=last, trigger_price=0)])
assert abs(margin[0]["total"] - last * 7 / 5) < 0.01, margin
assert kite.basket_order_margins([dict(common, order_type="LIMIT", price=last)])["final"]["total"] > 0
assert kite.convert_position("NSE", "RELIANCE", "BUY", "day", 2, "MIS", "CNC") is True

# Candles, as the client's own types.
day = orders[bought]["order_timestamp"].date()
start = datetime.datetime.combine(day, datetime.time(9, 15))
end = datetime.datetime.combine(day, datetime.time(15, 30))
candles = kite.historical_data(token, start, end, "minute", oi=True)
assert candles and candles[0]["date"].hour == 9 and candles[0]["date"].minute == 15, candles[:1]
assert all(candle["low"] <= candle["open"] <= candle["high"] for candle in candles)
assert all(candle["low"] <= candle["close"] <= candle["high"] for candle in candles)

# What the socket brought.
wait(lambda: all(ticks.values()) and len(ticks["full"]) > 5)
full, quoted, price = ticks["full"][-1], ticks["quote"][-1], ticks["ltp"][-1]
assert full["instrument_token"] == token and full["tradable"] and len(full["depth"]["sell"]) == 5
assert isinstance(full["exchange_timestamp"], datetime.datetime)
assert quoted["instrument_token"] == index and not quoted["tradable"] and quoted["ohlc"]["open"] > 0
assert price["instrument_token"] == other and price["last_price"] > 0
wait(lambda: len(updates) >= 3)
seen = [(update["order_id"], update["status"]) for update in updates]
assert (resting, "UPDATE") in seen and (resting, "CANCELLED") in seen and (bought, "COMPLETE") in seen, seen

# A limit of the broker, with the broker's error.
try:
    for _ in range(3):
        kite.ltp(symbol)
    raise SystemExit("three quotes in a second were answered")
except exceptions.NetworkException as error:
    assert error.code == 429, error.code

ticker.close()
assert kite.invalidate_access_token() is True
print("official client: ok, %d ticks, %d order updates" % (sum(map(len, ticks.values())), len(updates)))
