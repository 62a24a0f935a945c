#!/usr/bin/env python3
"""Computes a sweep's ranking, guards and walk-forward (replay-sweep/1) anew from its rows, with code of its own.

usage: sweep_check.py SWEEP.json RUNS.csv TRADES.csv

RUNS.csv is runs.parquet as text, TRADES.csv the net profits of the best set's trades (in 1/10,000 rupee) in the order in which
they ended. Amounts must be equal, ratios within 1e-9. Standard library only. Exit code 1 names the first differences.
"""

import csv
import json
import math
import statistics
import sys
from decimal import Decimal

wrong = []
NORMAL = statistics.NormalDist()


def money(text):
    return int(Decimal(text) * 10_000)


def same(what, found, wanted):
    if found != wanted:
        wrong.append(f"{what}: the sweep has {found}, from its rows comes {wanted}")


def near(what, found, wanted):
    if (found is None) != (wanted is None) or (
        found is not None and abs(found - wanted) > 1e-9 * max(1.0, abs(wanted))
    ):
        wrong.append(f"{what}: the sweep has {found!r}, from its rows comes {wanted!r}")


def figures(rows):
    total = {key: sum(money(row[key]) for row in rows) for key in ("net", "gross", "charges", "turnover", "won", "lost")}
    total["trades"] = sum(int(row["trades"]) for row in rows)
    total["wins"] = sum(int(row["wins"]) for row in rows)
    returns = [money(row["net"]) / money(row["base"]) for row in rows]
    total["returns"] = returns
    deviation = statistics.stdev(returns) if len(returns) > 1 else 0.0
    total["sharpe"] = statistics.fmean(returns) / deviation * math.sqrt(252) if deviation > 0 else None
    at = peak = deepest = 0
    for row in rows:
        deepest = max(deepest, money(row["drawdown"]), peak - (at + money(row["low"])))
        peak = max(peak, at + money(row["high"]))
        at += money(row["net"])
    total["drawdown"] = deepest
    return total


def within_the_day(row):
    """A day's deepest fall is no less than that from its beginning to its lowest minute, or from its highest to its end, and no
    more than from the one to the other."""
    fall, high, low, net = (money(row[key]) for key in ("drawdown", "high", "low", "net"))
    least, most = max(0, -low, high - net), max(0, high) - min(0, low)
    if not least <= fall <= most:
        wrong.append(f"set {row['set']}, {row['date']}: drawdown {fall}, from the day's path comes {least} to {most}")


def ranked(sets, days, gate):
    """Sets that pass, with their scores: net, sharpe and drawdown with the weights 1, 2 and 0.5."""
    of = {number: figures([row for row in rows if row["date"] in days]) for number, rows in sets.items()}
    passed = {number: f for number, f in of.items() if f["trades"] >= gate}
    scores = dict.fromkeys(passed, 0.0)
    for weight, value in (
        (1.0, lambda f: f["net"] / 1e4),
        (2.0, lambda f: f["sharpe"]),
        (0.5, lambda f: -f["drawdown"] / 1e4),
    ):
        values = {number: value(f) for number, f in passed.items() if value(f) is not None}
        if not values:
            continue
        mean, deviation = statistics.fmean(values.values()), statistics.pstdev(values.values())
        for number, found in values.items():
            scores[number] += weight * (found - mean) / deviation if deviation > 0 else 0.0
    order = sorted(passed, key=lambda number: (-scores[number], number))
    return of, passed, scores, order


def deflated(of, best, luck):
    daily = [f["sharpe"] / math.sqrt(252) for f in of.values() if f["sharpe"] is not None]
    n, variance = len(daily), statistics.variance(daily)
    gamma = 0.5772156649015329
    expected = math.sqrt(variance) * (
        (1 - gamma) * NORMAL.inv_cdf(1 - 1 / n) + gamma * NORMAL.inv_cdf(1 - 1 / (n * math.e))
    )
    returns = of[best]["returns"]
    sharpe = of[best]["sharpe"] / math.sqrt(252)
    mean, deviation = statistics.fmean(returns), statistics.pstdev(returns)
    skew = statistics.fmean(((r - mean) / deviation) ** 3 for r in returns)
    kurtosis = statistics.fmean(((r - mean) / deviation) ** 4 for r in returns)
    spread = math.sqrt(1 - skew * sharpe + (kurtosis - 1) / 4 * sharpe**2)
    root = math.sqrt(len(returns) - 1)
    found = luck["deflated_sharpe"]
    same("trials", found["trials"], n)
    for name, wanted in (
        ("trials_variance", variance),
        ("expected_best_daily", expected),
        ("skewness", skew),
        ("kurtosis", kurtosis),
        ("deflated", NORMAL.cdf((sharpe - expected) * root / spread)),
        ("probabilistic", NORMAL.cdf(sharpe * root / spread)),
    ):
        near(name, found[name], wanted)


def shuffled(nets, found):
    mask, state = 2**64 - 1, found["seed"]

    def below(bound):
        nonlocal state
        state = (state + 0x9E3779B97F4A7C15) & mask
        z = state
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9 & mask
        z = (z ^ (z >> 27)) * 0x94D049BB133111EB & mask
        return ((z ^ (z >> 31)) * bound) >> 64

    def fall(values):
        total = peak = deepest = 0
        for value in values:
            total += value
            peak = max(peak, total)
            deepest = max(deepest, peak - total)
        return deepest

    order, falls, sums = list(nets), [], []
    for _ in range(found["rounds"]):
        for left in range(len(order) - 1, 0, -1):
            other = below(left + 1)
            order[left], order[other] = order[other], order[left]
        falls.append(fall(order))
        sums.append(sum(nets[below(len(nets))] for _ in nets))
    own = fall(nets)
    same("trades shuffled", found["trades"], len(nets))
    same("drawdown by trades", money(found["drawdown"]), own)
    near("deeper", found["deeper"], sum(other > own for other in falls) / len(falls))
    near("losing", found["losing"], sum(total <= 0 for total in sums) / len(sums))
    falls.sort(), sums.sort()
    at = lambda values, percent: values[max(math.ceil(len(values) * percent / 100), 1) - 1]
    for name, wanted in (
        ("drawdown_p50", at(falls, 50)),
        ("drawdown_p95", at(falls, 95)),
        ("net_p5", at(sums, 5)),
        ("net_p50", at(sums, 50)),
        ("net_p95", at(sums, 95)),
    ):
        same(name, money(found[name]), wanted)


def check_figures(what, found, wanted):
    for name, key in (
        ("net_pnl", "net"),
        ("gross_pnl", "gross"),
        ("charges", "charges"),
        ("turnover", "turnover"),
        ("max_drawdown", "drawdown"),
    ):
        same(f"{what} {name}", money(found[name]), wanted[key])
    for times in (1, 2, 3):
        stressed = wanted["gross"] - times * wanted["charges"]
        same(f"{what} at x{times}", money(found["net_pnl_at_charges"][f"x{times}"]), stressed)
    same(f"{what} trades", (found["trades"], found["wins"]), (wanted["trades"], wanted["wins"]))
    near(f"{what} sharpe", found["sharpe"], wanted["sharpe"])
    near(f"{what} profit_factor", found["profit_factor"], wanted["won"] / -wanted["lost"] if wanted["lost"] else None)


def walk(sets, days, gate, found):
    stitched, inside, outside = [], [], []
    windows = iter(found["windows"])
    for at in range(found["train"], len(days), found["test"]):
        train = days[0 if found["anchored"] else at - found["train"] : at]
        test = days[at : at + found["test"]]
        window = next(windows)
        name = f"window {test[0]}"
        same(f"{name} days", (window["chosen_on"], window["judged_on"]), ([int(d.replace("-", "")) for d in train], [int(d.replace("-", "")) for d in test]))
        of, _, _, order = ranked(sets, train, gate)
        same(f"{name} set", window["chosen"] and window["chosen"]["set"], order[0] if order else None)
        if order:
            rows = [row for row in sets[order[0]] if row["date"] in test]
            check_figures(f"{name} judged", window["judged"], figures(rows))
            stitched += rows
            inside += of[order[0]]["returns"]
            outside += figures(rows)["returns"]
    same("windows left", list(windows), [])
    check_figures("stitched", found["stitched"], figures(stitched))
    mean = statistics.fmean(inside)
    near("efficiency", found["efficiency"], statistics.fmean(outside) / mean if mean > 0 else None)


def main():
    sweep = json.load(open(sys.argv[1]))
    sets = {}
    with open(sys.argv[2], newline="") as file:
        for row in csv.DictReader(file):
            within_the_day(row)
            sets.setdefault(int(row["set"]), []).append(row)
    nets = [int(line) for line in open(sys.argv[3])]
    days = sorted({row["date"] for rows in sets.values() for row in rows})
    gate = sweep["gates"]["min_trades"]
    of, passed, scores, order = ranked(sets, days, gate)
    same("sets", (sweep["sets"], sweep["sets_ranked"]), (len(of), len(passed)))
    same("order", [found["set"] for found in sweep["ranking"]], order[: len(sweep["ranking"])])
    for found in sweep["ranking"]:
        check_figures(f"set {found['set']}", found, of[found["set"]])
        near(f"set {found['set']} score", found["score"], scores[found["set"]])
    deflated(of, order[0], sweep["luck"])
    shuffled(nets, sweep["luck"]["shuffled"])
    if sweep["walk_forward"]:
        walk(sets, days, gate, sweep["walk_forward"])
    if wrong:
        print("\n".join(wrong[:20]))
        sys.exit(1)
    print(f"{len(of)} sets on {len(days)} days: ranking, guards and walk-forward are those of the rows")


main()
