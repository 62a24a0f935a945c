#!/usr/bin/env python3
"""Reads a .hlog with HdrHistogram as Python has it, and holds the .hgrm beside it against the sum of its windows.

    hdr_check.py FILE.hgrm FILE.hlog

Every row: its value must be equivalent to the first that the row's share of all values does not exceed, its count that of
the values up to there. Windows with a tag are no part of the .hgrm. Ends with 1 and the line if they differ.
"""
import sys

from hdrh.histogram import HdrHistogram
from hdrh.log import HistogramLogReader

LIMITS = (1, 60_000_000_000, 3)


def windows(path):
    """The histograms of the untagged windows. The reader skips tags, so the lines are told apart here."""
    reader = HistogramLogReader(path, HdrHistogram(*LIMITS))
    tagged = [line.startswith("Tag=") for line in open(path) if line.startswith("Tag=") or line[:1].isdigit()]
    for is_tagged in tagged:
        histogram = reader.get_next_interval_histogram()
        assert histogram is not None, f"{path}: the reader ends before the file does"
        if not is_tagged:
            yield histogram
    assert reader.get_next_interval_histogram() is None, f"{path}: more windows than lines"


def main(hgrm, hlog):
    total = HdrHistogram(*LIMITS)
    for histogram in windows(hlog):
        total.add(histogram)
    recorded, seen = [], 0
    for item in total.get_recorded_iterator():
        seen += item.count_added_in_this_iter_step
        recorded.append((item.value_iterated_to, seen))
    rows = 0
    for number, line in enumerate(open(hgrm), 1):
        words = line.split()
        if line.startswith("#") or not words or words[0] == "Value":
            continue
        value, quantile, count = float(words[0]), float(words[1]), int(words[2])
        # Twelve digits of the quantile are printed: where it falls on a count, either side of it may be meant.
        bounds = [(quantile + slack) * seen for slack in (-1e-11, 1e-11)]
        found = [next((step for step in recorded if step[1] >= bound), recorded[-1]) for bound in bounds]
        if not any(total.values_are_equivalent(int(value), at) and count == upto for at, upto in found):
            sys.exit(f"{hgrm}: line {number}: {value}, {count} at {quantile}; the histogram has {found[0]}")
        rows += 1
    if rows < 10:
        sys.exit(f"{hgrm}: {rows} rows")
    print(f"{rows} rows and {seen} values agree")


main(*sys.argv[1:])
