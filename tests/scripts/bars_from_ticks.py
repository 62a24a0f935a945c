#!/usr/bin/env python3
"""Bars straight from recorded ticks, to compare those of the engine's cascade with, byte for byte.

    bars_from_ticks.py [--timeframes 1m,3m,5m] --out DIR SYMBOL=FILE [SYMBOL=FILE ...]

Files have rows `timestamp,ltp,volume` in Indian time, plain or gzip; several may be of one symbol. DIR gets
one file for each timeframe, named like `3m.csv`, with the columns of `journal-replay export bars`: symbols in
the order in which they were first named, each with its bars in the order of time.

Nothing here is taken from the engine. Its rules are those of the importer and of the bar sequencer:
* A row counts on a weekday at 09:15:00 <= t < 15:30:00 with a price above zero.
* A row older than the last row of its file that counted is dropped. Files of one symbol are merged by time.
* Every row of an index moves the price. A row of a share does if its volume is not that of the row before, or
  if it is the first of its date.
* Volume is the increase of the day's highest cumulative volume; the first row of a date only sets it.
* Periods are counted from 09:15, the last one ends at 15:30. No row that moved the price, no bar.
"""

import argparse
import csv
import datetime
import gzip
import heapq
import os
from decimal import Decimal

INDICES = {"NSE:NIFTY 50", "NSE:NIFTY BANK", "NSE:NIFTY", "NSE:BANKNIFTY"}
OPEN, CLOSE = datetime.time(9, 15), datetime.time(15, 30)
SECONDS = {"1s": 1, "1m": 60, "3m": 180, "5m": 300, "15m": 900, "30m": 1800, "60m": 3600, "day": 86400}
COLUMNS = ["instrument", "start", "open", "high", "low", "close", "volume", "trades"]
PAISA = Decimal("0.01")


def rows(path):
    """The rows of a file that count, as (time, price, volume), in the order of time."""
    opened = gzip.open(path, "rt", newline="") if path.endswith(".gz") else open(path, newline="")
    last = None
    with opened as text:
        for row in csv.DictReader(text):
            time = datetime.datetime.fromisoformat(row["timestamp"])
            price = Decimal(row["ltp"]).quantize(PAISA)
            if time.weekday() > 4 or not OPEN <= time.time() < CLOSE or price <= 0:
                continue
            if last is not None and time < last:
                continue
            last = time
            yield time, price, int(float(row["volume"] or 0))


def moves(ticks, is_index):
    """The ticks that move the price, as (time, price, added volume)."""
    date, highest, before = None, 0, None
    for time, price, volume in ticks:
        if time.date() != date:
            date, highest, before = time.date(), volume, None
        added = max(volume - highest, 0)
        highest = max(highest, volume)
        if is_index or volume != before:
            yield time, price, added
        before = volume


def bars(ticks, seconds):
    """Bars as [start, open, high, low, close, volume, trades], up to a tick of the next period."""
    bar, date, session = None, None, None
    length = datetime.timedelta(seconds=seconds)
    for time, price, added in ticks:
        if time.date() != date:
            date = time.date()
            session = datetime.datetime.combine(date, OPEN)
        start = session + (time - session) // length * length
        if bar is None or bar[0] != start:
            if bar is not None:
                yield bar
            bar = [start, price, price, price, price, 0, 0]
        bar[2], bar[3], bar[4] = max(bar[2], price), min(bar[3], price), price
        bar[5] += added
        bar[6] += 1
    if bar is not None:
        yield bar


def main():
    as_written = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=as_written)
    parser.add_argument("files", nargs="+", metavar="SYMBOL=FILE")
    parser.add_argument("--timeframes", default="1m", help="comma separated, of " + ", ".join(SECONDS))
    parser.add_argument("--out", required=True, metavar="DIR")
    args = parser.parse_args()
    by_symbol = {}
    for file in args.files:
        symbol, path = file.split("=", 1)
        by_symbol.setdefault(symbol, []).append(path)
    os.makedirs(args.out, exist_ok=True)
    frames = args.timeframes.split(",")
    sinks = {frame: open(os.path.join(args.out, frame + ".csv"), "w", newline="") for frame in frames}
    writers = {frame: csv.writer(sink, lineterminator="\n") for frame, sink in sinks.items()}
    for writer in writers.values():
        writer.writerow(COLUMNS)
    for symbol, paths in by_symbol.items():
        merged = heapq.merge(*map(rows, paths), key=lambda row: row[0])
        ticks = list(moves(merged, symbol in INDICES))
        for frame, writer in writers.items():
            for start, *figures in bars(ticks, SECONDS[frame]):
                writer.writerow([symbol, start.isoformat() + "+05:30", *figures])
    for sink in sinks.values():
        sink.close()


if __name__ == "__main__":
    main()
