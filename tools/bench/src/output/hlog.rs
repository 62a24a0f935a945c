//! The windows of a rung as an interval log, which HdrHistogram's readers take. Windows that the percentiles leave out
//! have the tag `loud`, so that a reader of untagged lines gets the same figures as the table.

use crate::result::Found;
use hdrhistogram::serialization::V2DeflateSerializer;
use hdrhistogram::serialization::interval_log::{IntervalLogWriterBuilder, Tag};
use std::time::{Duration, SystemTime};

/// Values are nanoseconds; the column of largest values is in milliseconds, as Java has it.
const MAX_DIVISOR: f64 = 1e6;

/// The bytes of a `.hlog` file for windows that began at `began`.
///
/// # Errors
/// If a histogram cannot be encoded.
pub fn bytes(found: &Found, began: SystemTime) -> anyhow::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let mut serializer = V2DeflateSerializer::new();
    let mut builder = IntervalLogWriterBuilder::new();
    let heading = format!("latency of {} at {}, nanoseconds", found.row.name, found.row.rate);
    builder.add_comment(&heading).with_start_time(began).with_base_time(began);
    let mut log = builder.with_max_value_divisor(MAX_DIVISOR).begin_log_with(&mut bytes, &mut serializer)?;
    let window_ns = found.measured.recorder.window_ns();
    let windows = found.measured.recorder.windows().iter().zip(&found.used);
    for (index, (window, used)) in windows.enumerate() {
        let tag = if *used { None } else { Tag::new("loud") };
        let start = Duration::from_nanos(index as u64 * window_ns);
        let written = log.write_histogram(&window.latency, start, Duration::from_nanos(window_ns), tag);
        written.map_err(|error| anyhow::anyhow!("window {index} cannot be encoded: {error:?}"))?;
    }
    Ok(bytes)
}
