//! Strategies that mean harm: what no author would write, and risk has to stand all the same.

use pitlane_engine::event::{Action, SignalReason};
use pitlane_engine::stages::strategy::{
    BarView, Parameter, Said, Settings, Signals, Strategy, StrategyKind, TickView,
};
use pitlane_engine::state::StateIo;
use pitlane_engine::units::{IST_OFFSET_NS, NS_PER_S, Price, TsNs};

/// Names of the styles; a style's number is its place.
pub(crate) const STYLES: [&str; 7] =
    ["storm", "flip_flop", "random", "always_long", "always_short", "losing", "bell"];

/// Bells one instance knows.
pub(crate) const BELLS: [&str; 5] = ["bell_a", "bell_b", "bell_c", "bell_d", "bell_e"];

const fn number(name: &'static str, max: f64, doc: &'static str) -> Parameter {
    Parameter { name, default: 0.0, min: 0.0, max, whole: true, doc }
}

const DAY_S: f64 = 86_400.0;

/// The kinds of these tests.
pub(crate) static KINDS: &[StrategyKind] = &[StrategyKind {
    name: "adversary",
    description: "signals in the way of its style, from its seed",
    parameters: &[
        number("seed", 4_294_967_295.0, "where its randomness starts"),
        number("style", 6.0, "the way it signals: see STYLES"),
        number(BELLS[0], DAY_S, "a second of the day, Indian time, at which the style bell speaks"),
        number(BELLS[1], DAY_S, "another"),
        number(BELLS[2], DAY_S, "another"),
        number(BELLS[3], DAY_S, "another"),
        number(BELLS[4], DAY_S, "another"),
    ],
    build,
}];

fn build(settings: &Settings<'_>) -> Result<Box<dyn Strategy>, String> {
    Ok(Box::new(Adversary {
        style: settings.whole("style"),
        bells: BELLS.map(|bell| u64::from(settings.whole(bell))),
        random: u64::from(settings.whole("seed")),
        turn: 0,
        reference: Price::ZERO,
    }))
}

struct Adversary {
    style: u32,
    bells: [u64; 5],
    random: u64,
    turn: u64,
    /// The price at its last entry.
    reference: Price,
}

impl Adversary {
    /// SplitMix64.
    fn draw(&mut self) -> u64 {
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.random;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn any(&mut self) -> Action {
        [Action::Long, Action::Short, Action::Exit, Action::Long, Action::Short][(self.draw() % 5) as usize]
    }

    fn wish(&mut self, ts: TsNs, last: Price) -> Option<Action> {
        self.turn += 1;
        match STYLES[self.style as usize] {
            "storm" => Some(self.any()),
            "flip_flop" => Some([Action::Long, Action::Short, Action::Exit][(self.turn % 3) as usize]),
            "random" => self.draw().is_multiple_of(8).then(|| self.any()),
            "always_long" => Some(Action::Long),
            "always_short" => Some(Action::Short),
            // Out of what loses, and in again at once: averaging down with a detour.
            "losing" if last < self.reference && self.turn.is_multiple_of(2) => Some(Action::Exit),
            "losing" => {
                let losing = self.reference.is_zero() || last < self.reference;
                self.reference = if losing { last } else { self.reference };
                losing.then_some(Action::Long)
            }
            _ => {
                let of_day = (ts.0 + IST_OFFSET_NS) / NS_PER_S % 86_400;
                self.bells.iter().any(|bell| bell.abs_diff(of_day) <= 1).then(|| self.any())
            }
        }
    }

    fn speak(&mut self, ts: TsNs, last: Price, out: &mut Signals) {
        if let Some(action) = self.wish(ts, last) {
            let confidence_bps = (self.draw() % 10_001) as u16;
            out.say(Said { action, reason: SignalReason::FactorsAlign, confidence_bps, facts: [0.0; 6] });
        }
    }
}

impl Strategy for Adversary {
    fn on_bar(&mut self, bar: &BarView<'_>, out: &mut Signals) {
        self.speak(bar.ts, bar.bar.close, out);
    }

    fn on_tick(&mut self, tick: &TickView<'_>, out: &mut Signals) {
        self.speak(tick.ts, tick.last, out);
    }

    fn state(&mut self, io: &mut StateIo<'_>) {
        io.plain(&mut self.random);
        io.plain(&mut self.turn);
        io.plain(&mut self.reference);
    }
}
