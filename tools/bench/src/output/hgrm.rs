//! A percentile distribution as the Java HdrHistogram prints it, and as its plotter (hdrhistogram.github.io) reads it.
//! Values are nanoseconds.

use hdrhistogram::Histogram;
use std::fmt::Write;

/// Lines in each halving of the distance to 100 %, as Java has it.
const TICKS_PER_HALF: u32 = 5;

/// The text of a `.hgrm` file.
pub fn text(histogram: &Histogram<u64>) -> String {
    let mut text =
        format!("{:>12} {:>14} {:>10} {:>14}\n\n", "Value", "Percentile", "TotalCount", "1/(1-Percentile)");
    let mut line = |line: std::fmt::Arguments<'_>| text.write_fmt(line).expect("a string takes everything");
    let mut total = 0;
    for step in histogram.iter_quantiles(TICKS_PER_HALF) {
        total += step.count_since_last_iteration();
        let (value, quantile) = (step.value_iterated_to() as f64, step.quantile_iterated_to());
        if quantile < 1.0 {
            line(format_args!("{value:12.3} {quantile:2.12} {total:10} {:14.2}\n", 1.0 / (1.0 - quantile)));
        } else {
            line(format_args!("{value:12.3} {quantile:2.12} {total:10}\n"));
        }
    }
    // Java's own bucket count: halvings of the range above the first 2^11 values at three digits.
    let sub_buckets = 2_u64 * 10_u64.pow(u32::from(histogram.sigfig())).next_power_of_two();
    let mut buckets = 1;
    let mut untrackable = sub_buckets;
    while untrackable <= histogram.high() {
        (untrackable, buckets) = (untrackable * 2, buckets + 1);
    }
    line(format_args!(
        "#[Mean    = {:12.3}, StdDeviation   = {:12.3}]\n",
        histogram.mean(),
        histogram.stdev()
    ));
    line(format_args!(
        "#[Max     = {:12.3}, Total count    = {:12}]\n",
        histogram.max() as f64,
        histogram.len()
    ));
    line(format_args!("#[Buckets = {buckets:12}, SubBuckets     = {sub_buckets:12}]\n"));
    text
}
