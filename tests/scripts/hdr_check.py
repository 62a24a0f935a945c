#!/usr/bin/env python3
"""Reads a .hlog with HdrHistogram as Python has it, and holds the .hgrm beside it against the sum of its windows.

    hdr_check.py FILE.hgrm FILE.hlog

Every row: its value must be the largest that is equivalent to the histogram's value at that percentile, its count the
histogram's up to there. Windows with a tag are no part of the .hgrm. Ends with 1 and the line if they differ.
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


def count_to(histogram, value):
    return sum(item.count_added_in_this_iter_step for item in histogram.get_recorded_iterator()
               if item.value_iterated_to <= value)


def main(hgrm, hlog):
    total = HdrHistogram(*LIMITS)
    for histogram in windows(hlog):
        total.add(histogram)
    rows = 0
    for number, line in enumerate(open(hgrm), 1):
        words = line.split()
        if line.startswith("#") or not words or words[0] == "Value":
            continue
        value, quantile, count = float(words[0]), float(words[1]), int(words[2])
        expected = total.get_value_at_percentile(100 * quantile)
        if not total.values_are_equivalent(int(value), int(expected)):
            sys.exit(f"{hgrm}: line {number}: {value} at {quantile}, the histogram has {expected}")
        if count != count_to(total, total.get_highest_equivalent_value(int(value))):
            sys.exit(f"{hgrm}: line {number}: {count} up to {value}, the histogram has another count")
        rows += 1
    if rows < 10:
        sys.exit(f"{hgrm}: {rows} rows")
    print(f"{rows} rows and {total.get_total_count()} values agree")


main(*sys.argv[1:])
