//! How long a report takes: a function of the order, the report's number and the seed, so that every run and
//! every driver sees the same.

use crate::config::VenueConfig;
use crate::units::OrderId;

/// Latencies of reports, in nanoseconds.
#[derive(Clone, Copy, Debug)]
pub(super) struct Latency {
    min_ns: u64,
    step_ns: u64,
    /// Number of different latencies.
    choices: u64,
    seed: u64,
}

impl Latency {
    /// The latencies of a configuration.
    pub(super) fn new(config: &VenueConfig) -> Self {
        assert!(
            config.latency_min_ns > 0,
            "a report without latency would be older than what follows its cause"
        );
        assert!(config.latency_step_ns > 0, "latencies come in steps of at least a nanosecond");
        Self {
            min_ns: config.latency_min_ns,
            step_ns: config.latency_step_ns,
            choices: config.latency_spread_ns / config.latency_step_ns + 1,
            seed: config.seed,
        }
    }

    /// The latency of report `number` of an order: the least one and 0 to `spread` more, in whole steps.
    pub(super) fn of(&self, order: OrderId, number: u32) -> u64 {
        let hash = mix(mix(mix(self.seed) ^ order.0) ^ u64::from(number));
        self.min_ns + self.step_ns * (hash % self.choices)
    }
}

/// The step of splitmix64: every bit of the result depends on every bit of `x`.
fn mix(x: u64) -> u64 {
    let z = x.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn latencies_take_every_step_of_the_spread_and_no_other() {
        let latency = Latency { min_ns: 1_000, step_ns: 10, choices: 4, seed: 7 };
        let mut counts = [0u32; 4];
        for order in 0..1_000 {
            for number in 1..=4 {
                let extra = latency.of(OrderId(order), number) - 1_000;
                assert_eq!(extra % 10, 0);
                counts[(extra / 10) as usize] += 1;
            }
        }
        assert!(counts.iter().all(|&count| (900..1_100).contains(&count)), "{counts:?}");
    }
}
