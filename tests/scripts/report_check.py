#!/usr/bin/env python3
"""Checks the figures of a report (replay-report/1) against what `journal-replay export` says, with code of its own.

usage: report_check.py REPORT.json CAPITAL JOURNAL_EXPORTS...

Each of JOURNAL_EXPORTS is a folder, in date order, with the files that `journal-replay export` wrote of one journal:
fills.csv, charges.csv, bars.csv (1m) and, for what is held at the end and for the worst and best points of trades,
ticks.csv. Besides: sessions.csv with rows date,open,close,capital,last (the time of the session's
last input). Amounts are held in 1/10,000 rupee and must be equal;
ratios must be within 1e-9. Standard library only. Exit code 1 names the first differences.
"""

import bisect
import collections
import csv
import datetime
import json
import math
import os
import sys
from fractions import Fraction

SCALE = 10_000
IST = datetime.timezone(datetime.timedelta(hours=5, minutes=30))
MINUTE = 60 * 10**9
wrong = []


def money(text):
    sign = -1 if text.startswith("-") else 1
    whole, _, part = text.lstrip("-").partition(".")
    return sign * (int(whole) * SCALE + int((part + "0000")[:4]))


def ns(text):
    """RFC 3339 with +05:30 as nanoseconds; the fraction may have nine digits."""
    head, rest = text[:19], text[19:]
    fraction = rest[1:].split("+")[0] if rest.startswith(".") else ""
    seconds = int(datetime.datetime.fromisoformat(head).replace(tzinfo=IST).timestamp())
    return seconds * 10**9 + int((fraction + "0" * 9)[:9])


def rows(folder, name):
    path = os.path.join(folder, name)
    if not os.path.exists(path):
        return []
    with open(path, newline="") as file:
        return list(csv.DictReader(file))


def same(what, found, wanted):
    if found != wanted:
        wrong.append(f"{what}: the report has {found}, from the exports comes {wanted}")


def near(what, found, wanted):
    if (found is None) != (wanted is None):
        wrong.append(f"{what}: the report has {found}, from the exports comes {wanted}")
    elif wanted is not None and abs(found - wanted) > 1e-9 * max(1.0, abs(wanted)):
        wrong.append(f"{what}: the report has {found!r}, from the exports comes {wanted!r}")


class Trade:
    def __init__(self, fill):
        self.instrument, self.is_long = fill["instrument"], fill["side"] == "buy"
        self.opened = self.closed = fill["ns"]
        self.held = self.cash = self.charges = self.entered = self.entry_value = 0
        self.steps = []

    def take(self, fill, quantity, charges):
        sign = 1 if fill["side"] == "buy" else -1
        value = quantity * fill["price"]
        self.cash -= sign * value
        self.held += sign * quantity
        self.charges += charges
        if (sign > 0) == self.is_long:
            self.entered += quantity
            self.entry_value += value
        self.closed = fill["ns"]
        self.steps.append((fill["ns"], self.cash, self.held))

    def net(self):
        return self.cash - self.charges


def trades_of(fills):
    """From flat to flat in each instrument; a fill through zero is cut."""
    running, ended = {}, []
    for fill in fills:
        name, sign = fill["instrument"], 1 if fill["side"] == "buy" else -1
        held = running[name].held if name in running else 0
        closing = min(abs(held), fill["quantity"]) if held * sign < 0 else 0
        opening = fill["quantity"] - closing
        part = fill["charges"] * closing // fill["quantity"]
        if closing:
            trade = running[name]
            trade.take(fill, closing, part)
            if trade.held == 0:
                ended.append(running.pop(name))
        if opening:
            if name not in running:
                running[name] = Trade(fill)
            running[name].take(fill, opening, fill["charges"] - part)
    return ended, list(running.values())


class Journal:
    def __init__(self, folder):
        self.fills = rows(folder, "fills.csv")
        for fill in self.fills:
            fill["ns"], fill["price"] = ns(fill["time"]), money(fill["price"])
            fill["quantity"], fill["charges"] = int(fill["quantity"]), money(fill["charges"])
        traded = {fill["instrument"] for fill in self.fills}
        self.bars = [(ns(bar["start"]), bar["instrument"], money(bar["close"]))
                     for bar in rows(folder, "bars.csv") if bar["instrument"] in traded]
        self.bars.sort(key=lambda bar: bar[0])
        self.charges = rows(folder, "charges.csv")
        self.sessions = rows(folder, "sessions.csv")
        self.ticks = {}
        for tick in rows(folder, "ticks.csv"):
            if tick["instrument"] in traded:
                self.ticks.setdefault(tick["instrument"], []).append((ns(tick["time"]), money(tick["last"])))

    def value(self, until, held):
        """What is held at the last price before a time."""
        def last(name):
            return [price for at, price in self.ticks[name] if at < until][-1]
        return sum(units * last(name) for name, units in held.items() if units)


def walk(journals, capital):
    """Day by day: date, net profit, charges, value at the end, what the return is a share of; and the curve in minutes."""
    days, curve, worth = [], [], capital
    for journal in journals:
        own = money(journal.sessions[0]["capital"])
        cash, held, mark = 0, {}, {}
        fills, bars = list(journal.fills), list(journal.bars)
        start_value = 0
        for number, session in enumerate(journal.sessions):
            opened, closed = ns(session["open"]), ns(session["close"])
            later = [ns(s["open"]) for s in journal.sessions[number + 1:]]
            until = later[0] if later else 10**20
            todays = [fill for fill in fills if fill["ns"] < until]
            fills = fills[len(todays):]
            closes = [bar for bar in bars if bar[0] < until]
            bars = bars[len(closes):]
            start = worth + start_value + cash
            charges = sum(fill["charges"] for fill in todays)
            filled = max([fill["ns"] + 1 for fill in todays], default=0)
            last = max([closed, filled] + [bar[0] + MINUTE for bar in closes])
            last = min(last, max(ns(session["last"]), filled))
            at, done, seen, fresh = opened, 0, 0, {}
            while at < last:
                at += MINUTE
                while done < len(todays) and todays[done]["ns"] < at:
                    fill = todays[done]
                    sign = 1 if fill["side"] == "buy" else -1
                    cash -= sign * fill["quantity"] * fill["price"] + fill["charges"]
                    held[fill["instrument"]] = held.get(fill["instrument"], 0) + sign * fill["quantity"]
                    mark[fill["instrument"]] = fill["price"]
                    done += 1
                while seen < len(closes) and closes[seen][0] < at:
                    fresh[closes[seen][1]] = closes[seen][2]
                    seen += 1
                mark.update({name: fresh[name] for name in held if name in fresh})
                curve.append(worth + cash + sum(units * mark[name] for name, units in held.items()))
            start_value = journal.value(until, held)
            mark.update({name: journal.value(until, {name: 1}) for name, units in held.items() if units})
            end = worth + cash + start_value
            curve.append(end)
            days.append({"date": session["date"], "net": end - start, "charges": charges, "end": end,
                         "base": own + start - worth})
        worth += cash + start_value
    return days, curve


def excursions(trade, ticks):
    """Worst and best gross profit at every price while it was open, and after each of its fills; None where a fill and
    several prices have one time, so that the exports do not say which came first."""
    first = bisect.bisect_left(ticks, (trade.opened,))
    last = bisect.bisect_right(ticks, (trade.closed, math.inf))
    times = {step[0] for step in trade.steps}
    # A tick that has the time of a fill made it: nothing else does with paper latencies of none.
    prices = [(at, 0, price) for at, price in ticks[max(first - 1, 0):last]]
    if any(count > 1 for count in collections.Counter(at for at, _, _ in prices if at in times).values()):
        return None
    worst = best = price = 0
    step = None
    for at, which, what in sorted(prices + [(step[0], 1, step) for step in trade.steps], key=lambda one: one[:2]):
        if which:
            step = what
        else:
            price = what
        if step is not None:
            gross = step[1] + step[2] * price
            worst, best = min(worst, gross), max(best, gross)
    return worst, best


def check(report, capital, journals):
    days, curve = walk(journals, capital)
    summary, ratios = report["summary"], report["ratios"]
    same("dates", [day["date"] for day in report["days"]], [day["date"] for day in days])
    for found, wanted in zip(report["days"], days):
        same(f"net of {wanted['date']}", money(found["net_pnl"]), wanted["net"])
        same(f"charges of {wanted['date']}", money(found["charges"]), wanted["charges"])
        same(f"equity at the end of {wanted['date']}", money(found["equity_end"]), wanted["end"])
        same(f"base of {wanted['date']}", money(found["return_base"]), wanted["base"])
    same("net pnl", money(summary["net_pnl"]), sum(day["net"] for day in days))
    same("gross pnl", money(summary["gross_pnl"]), sum(day["net"] + day["charges"] for day in days))
    orders = [order for journal in journals for order in journal.charges]
    same("charges by orders", money(summary["charges"]), sum(money(order["charges"]) for order in orders))
    for kind, amount in report["charges"]["by_kind"].items():
        same(f"charges, {kind}", money(amount), sum(money(order[kind]) for order in orders))
    same("minutes", len(report["curve"]), len(curve))
    same("curve", [money(point[1]) for point in report["curve"]], curve)
    peak, top, fall = capital, capital, 0
    for value in [capital] + curve:
        peak = max(peak, value)
        if peak - value > fall:
            fall, top = peak - value, peak
    same("max drawdown", money(summary["max_drawdown"]), fall)
    near("drawdown as a share", summary["max_drawdown_share"], float(Fraction(fall, top)))
    returns = [day["net"] / day["base"] for day in days]
    sharpe = sortino = None
    if len(returns) > 1:
        mean = math.fsum(returns) / len(returns)
        deviation = math.sqrt(math.fsum((r - mean) ** 2 for r in returns) / (len(returns) - 1))
        downside = math.sqrt(math.fsum(min(r, 0.0) ** 2 for r in returns) / len(returns))
        sharpe = mean / deviation * math.sqrt(252) if deviation else None
        sortino = mean / downside * math.sqrt(252) if downside else None
    near("sharpe", ratios["sharpe"], sharpe)
    near("sortino", ratios["sortino"], sortino)
    return check_trades(report, journals)


def check_trades(report, journals):
    summary, ratios = report["summary"], report["ratios"]
    ended = [(trade, journal) for journal in journals for trade in trades_of(journal.fills)[0]]
    still = sum(len(trades_of(journal.fills)[1]) for journal in journals)
    found = [trade for trade in report["trades"] if trade["closed"]]
    same("trades", len(found), len(ended))
    same("open trades", summary["open_trades"], still)
    compared = 0
    for mine, (trade, journal) in zip(found, ended):
        what = f"trade of {trade.instrument} opened {mine['opened']}"
        same(what + ", instrument", mine["instrument"], trade.instrument)
        same(what + ", times", (ns(mine["opened"]), ns(mine["closed"])), (trade.opened, trade.closed))
        same(what + ", quantity", (mine["quantity"], mine["side"] == "long"), (trade.entered, trade.is_long))
        same(what + ", gross", money(mine["gross_pnl"]), trade.cash)
        same(what + ", charges", money(mine["charges"]), trade.charges)
        points = excursions(trade, journal.ticks[trade.instrument]) if journal.ticks else None
        if points:
            compared += 1
            same(what + ", worst and best", (money(mine["max_adverse"]), money(mine["max_favourable"])), points)
    nets = [trade.net() for trade, _ in ended]
    won, lost = [n for n in nets if n > 0], [n for n in nets if n < 0]
    same("wins", summary["wins"], len(won))
    same("losses", summary["losses"], len(lost))
    near("win rate", ratios["win_rate"], len(won) / len(nets) if nets else None)
    near("expectancy", ratios["expectancy"], sum(nets) / SCALE / len(nets) if nets else None)
    near("profit factor", ratios["profit_factor"], sum(won) / -sum(lost) if lost else None)
    turnover = sum(f["quantity"] * f["price"] for journal in journals for f in journal.fills)
    same("turnover", money(summary["turnover"]), turnover)
    for kind, key in [("symbols", "instrument")]:
        for row in report[kind]:
            charged = sum(f["charges"] for j in journals for f in j.fills if f[key] == row["name"])
            same(f"charges of {row['name']}", money(row["charges"]), charged)
            if not still:
                gross = sum(t.cash for t, _ in ended if t.instrument == row["name"])
                same(f"gross of {row['name']}", money(row["gross_pnl"]), gross)
    same("strategies' net", sum(money(row["net_pnl"]) for row in report["strategies"]), money(summary["net_pnl"]))
    return len(ended), compared


def main():
    with open(sys.argv[1]) as file:
        report = json.load(file)
    journals = [Journal(folder) for folder in sys.argv[3:]]
    ended, compared = check(report, money(sys.argv[2]), journals)
    for line in wrong[:20]:
        print(line)
    if wrong:
        print(f"{len(wrong)} figures differ")
        return 1
    print(f"same figures: {len(report['days'])} days, {len(report['curve'])} minutes, {ended} trades, "
          f"worst and best points of {compared}, net {report['summary']['net_pnl']}, "
          f"drawdown {report['summary']['max_drawdown']}, sharpe {report['ratios']['sharpe']}, "
          f"win rate {report['ratios']['win_rate']}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
