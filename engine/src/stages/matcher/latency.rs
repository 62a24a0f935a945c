//! How long the venue takes: functions of the seed and of what the latency is for, so that every run and every driver
//! sees the same.

use crate::config::{LatencyModel, VenueConfig};
use crate::event::Kind;
use crate::units::{OrderId, Seq, TsNs};

/// Latencies in nanoseconds.
#[derive(Clone, Debug)]
pub(super) struct Latency {
    /// `L_min`: nothing that the venue causes comes sooner.
    least_ns: u64,
    place: LatencyModel,
    modify: LatencyModel,
    cancel: LatencyModel,
    report: LatencyModel,
    seed: u64,
}

impl Latency {
    /// The latencies of a configuration. Panics on models that the edges should have refused.
    pub(super) fn new(config: &VenueConfig) -> Self {
        assert!(
            config.latency_min_ns > 0,
            "a report without latency would be older than what follows its cause"
        );
        assert!(config.latency_step_ns > 0, "latencies come in steps of at least a nanosecond");
        let least_ns = config.latency_min_ns;
        let checked = |model: &LatencyModel| {
            if let Some(fault) = model.fault(least_ns) {
                panic!("the latency {model} cannot be: {fault}");
            }
            model.clone()
        };
        Self {
            least_ns,
            place: checked(&config.place_latency),
            modify: checked(&config.modify_latency),
            cancel: checked(&config.cancel_latency),
            report: checked(&config.reports()),
            seed: config.seed,
        }
    }

    /// When report `number` of an order, made at `ts`, reaches the sequencer.
    pub(super) fn report(&self, order: OrderId, number: u32, ts: TsNs) -> TsNs {
        let draw = mix(mix(mix(self.seed) ^ order.0) ^ u64::from(number));
        ts.plus(self.report.at(draw, ts))
    }

    /// When the venue acts on a request of `kind` about `order` that came in at `ts`, in the step of `cause`; `None` if
    /// that takes no time.
    pub(super) fn request(&self, kind: Kind, order: OrderId, cause: Seq, ts: TsNs) -> Option<TsNs> {
        let model = match kind {
            Kind::Order => &self.place,
            Kind::Modify => &self.modify,
            Kind::Cancel => &self.cancel,
            _ => unreachable!("a request places, changes or cancels an order"),
        };
        if model.is_none() {
            return None;
        }
        let draw = mix(mix(mix(mix(self.seed) ^ order.0) ^ cause.0) ^ kind as u64);
        Some(ts.plus(model.at(draw, ts)))
    }

    /// The soonest that a wake-up asked for at `ts` may come.
    pub(super) fn soonest(&self, ts: TsNs) -> TsNs {
        ts.plus(self.least_ns)
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
        let config = VenueConfig {
            latency_min_ns: 1_000,
            latency_spread_ns: 39,
            latency_step_ns: 10,
            seed: 7,
            ..VenueConfig::default()
        };
        let latency = Latency::new(&config);
        let mut counts = [0u32; 4];
        for order in 0..1_000 {
            for number in 1..=4 {
                let extra = latency.report(OrderId(order), number, TsNs(5_000)).0 - 6_000;
                assert_eq!(extra % 10, 0);
                counts[(extra / 10) as usize] += 1;
            }
        }
        assert!(counts.iter().all(|&count| (900..1_100).contains(&count)), "{counts:?}");
    }

    #[test]
    fn each_request_draws_its_own() {
        let spread = LatencyModel::Uniform { least_ns: 1_000, spread_ns: 1 << 40, step_ns: 1 };
        let config = VenueConfig {
            latency_min_ns: 1_000,
            place_latency: spread.clone(),
            cancel_latency: spread,
            modify_latency: LatencyModel::Constant(2_000),
            ..VenueConfig::default()
        };
        let latency = Latency::new(&config);
        let at = |kind, order, cause| latency.request(kind, OrderId(order), Seq(cause), TsNs(10));
        let drawn =
            [at(Kind::Order, 5, 1), at(Kind::Order, 6, 1), at(Kind::Order, 5, 2), at(Kind::Cancel, 5, 1)];
        for (n, one) in drawn.iter().enumerate() {
            assert!(drawn.iter().skip(n + 1).all(|other| other != one), "{drawn:?}");
        }
        assert_eq!(at(Kind::Modify, 5, 1), Some(TsNs(2_010)));
        assert_eq!(at(Kind::Order, 5, 1), drawn[0], "the same every time");
        let other = Latency::new(&VenueConfig { seed: 2, ..config });
        assert_ne!(other.request(Kind::Order, OrderId(5), Seq(1), TsNs(10)), drawn[0]);
        let none = Latency::new(&VenueConfig::default());
        assert_eq!(none.request(Kind::Order, OrderId(5), Seq(1), TsNs(10)), None);
    }

    #[test]
    #[should_panic(expected = "shorter than the least latency")]
    fn a_request_sooner_than_the_least_latency_is_a_bug() {
        let place_latency = LatencyModel::Constant(999);
        let config = VenueConfig { latency_min_ns: 1_000, place_latency, ..VenueConfig::default() };
        drop(Latency::new(&config));
    }
}
