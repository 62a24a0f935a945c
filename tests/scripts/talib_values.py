#!/usr/bin/env python3
"""Values of TA-Lib's indicators, for the tests of ours.

    talib_values.py QUOTES.csv

QUOTES has columns date, open, high, low, close, volume. Prints a line `NAME,PERIOD,INDEX,VALUE` for every row
(INDEX from 0) at which TA-Lib has a value, as the shortest text that reads back as the same double. VWAP is
cumulative from the first row, of the typical price (high + low + close) / 3; its period is given as 0.
Made with TA-Lib 0.8.2 (`pip install TA-Lib`); ends with exit code 3 if that is not installed.
"""

import csv
import sys

try:
    import numpy
    import talib
except ImportError as error:
    print(f"not installed: {error}", file=sys.stderr)
    sys.exit(3)

PERIODS = {
    "SMA": (1, 5, 20, 50, 200),
    "EMA": (2, 12, 20, 50, 200),
    "RSI": (2, 9, 14, 50),
    "ATR": (1, 2, 14, 50),
}


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    with open(sys.argv[1], newline="") as text:
        rows = list(csv.DictReader(text))
    high, low, close, volume = (
        numpy.array([float(row[name]) for row in rows]) for name in ("high", "low", "close", "volume")
    )
    shown = [("VWAP", 0, talib.VWAP(high, low, close, volume))]
    for name, periods in PERIODS.items():
        inputs = (high, low, close) if name == "ATR" else (close,)
        shown += [(name, period, getattr(talib, name)(*inputs, timeperiod=period)) for period in periods]
    for name, period, values in shown:
        for index, value in enumerate(values):
            if not numpy.isnan(value):
                print(f"{name},{period},{index},{float(value)!r}")


main()
