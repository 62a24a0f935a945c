#!/usr/bin/env python3
"""Scores exported one-minute bars of an index against those of another collector.

    score_bars.py [--list] BARS.csv [BARS.csv ...] --against SYMBOL=REFERENCE [SYMBOL=REFERENCE ...]

BARS are files of `journal-replay export bars --timeframe 1m`; a REFERENCE, plain or gzip, has rows
`SYM,YYYYMMDD,HH:MM,O,H,L,C,V,OI`, a minute labelled by its END. Minutes labelled 09:17 to 15:29 in both
are compared. Prints one JSON object: for each symbol the bars compared, and those with all four prices equal,
within 1 and within 2 basis points of the reference. `--list` also prints every bar that is not exact, to
standard error.
"""

import argparse
import csv
import datetime
import gzip
import json
import sys
from decimal import Decimal

FIRST, LAST = datetime.time(9, 17), datetime.time(15, 29)
MINUTE = datetime.timedelta(minutes=1)


def exported(paths):
    """{symbol: {end of the minute: [open, high, low, close]}}"""
    found = {}
    for path in paths:
        with open(path, newline="") as text:
            for row in csv.DictReader(text):
                end = datetime.datetime.fromisoformat(row["start"]).replace(tzinfo=None) + MINUTE
                prices = [Decimal(row[name]) for name in ("open", "high", "low", "close")]
                of_symbol = found.setdefault(row["instrument"], {})
                if end in of_symbol:
                    sys.exit(f"{path}: {row['instrument']} has two bars that end at {end}")
                of_symbol[end] = prices
    return found


def reference(path):
    """{end of the minute: [open, high, low, close]}"""
    found = {}
    with gzip.open(path, "rt") if path.endswith(".gz") else open(path) as text:
        for _, date, label, *figures in csv.reader(text):
            end = datetime.datetime.strptime(date + label, "%Y%m%d%H:%M")
            if FIRST <= end.time() <= LAST:
                found[end] = [Decimal(figure) for figure in figures[:4]]
    return found


def basis_points(ours, theirs):
    """The largest difference of the four prices."""
    return max(abs(a - b) / b * 10_000 for a, b in zip(ours, theirs))


def main():
    as_written = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=as_written)
    parser.add_argument("bars", nargs="+", metavar="BARS.csv")
    parser.add_argument("--against", nargs="+", required=True, metavar="SYMBOL=REFERENCE")
    parser.add_argument("--list", action="store_true")
    args = parser.parse_args()
    ours, theirs = exported(args.bars), {}
    for argument in args.against:
        symbol, path = argument.split("=", 1)
        theirs.setdefault(symbol, {}).update(reference(path))
    scores = {}
    for symbol, bars in theirs.items():
        mine = ours.get(symbol, {})
        common = sorted(bars.keys() & mine.keys())
        apart = {end: basis_points(mine[end], bars[end]) for end in common}
        scores[symbol] = {
            "bars": len(common),
            "exact": sum(difference == 0 for difference in apart.values()),
            "within_1bp": sum(difference <= 1 for difference in apart.values()),
            "within_2bp": sum(difference <= 2 for difference in apart.values()),
        }
        for end in common if args.list else []:
            if apart[end] > 0:
                shown = [" ".join(map(str, prices)) for prices in (mine[end], bars[end])]
                print(f"{symbol} {end} {apart[end]:.3f} bp: {shown[0]} against {shown[1]}", file=sys.stderr)
    print(json.dumps(scores))


if __name__ == "__main__":
    main()
