//! `multi_factor_momentum`: long when price, strength and order book agree that buyers lead, out when price
//! or strength no longer do; the mirror image for shorts.
//!
//! | | enter if all hold | leave if one holds |
//! |---|---|---|
//! | long | price > VWAP, RSI > `rsi_entry`, imbalance > 0 | price < VWAP, RSI < `rsi_exit` |
//! | short | price < VWAP, RSI < 100 − `rsi_entry`, imbalance < 0 | price > VWAP, RSI > 100 − `rsi_exit` |
//!
//! Short only if the instance may; else the same market is one to be flat in.
//!
//! * It is evaluated when a bar of its timeframe closes. The price is that of the newest tick, which usually
//!   is the one that closed the bar; if a timer closed it, it usually is the bar's own last price.
//! * VWAP is Σ turnover ÷ Σ volume of the session's one-minute bars, so it holds what the bars observed and
//!   nothing else: increases of the day's volume after the first packet, each at its price. RSI is of the
//!   closes of one-minute bars, whatever the timeframe, and runs across sessions.
//! * Imbalance is that of the newest packet of the session that says what waits: over five levels, else over
//!   the whole book. A packet without such fields leaves it; one with empty books makes it unknown. While it
//!   is unknown, it is no factor (`obi` = 0), or nothing is entered (`obi` = 1); leaving never asks for it.
//! * It speaks on a change of the direction it wants, and remembers what it said, not what became of it: an
//!   entry that risk refused is asked for again only after a rule to leave has held. Every session starts
//!   flat. Leaving at the square-off time is risk's work.
//!
//! Facts: price, VWAP (rupees), RSI, imbalance, 1 if the imbalance is known, minutes seen; what is not ready
//! or not known is 0.

use super::api::{BarView, Facts, Said, Signals, Strategy, TickView, rupees};
use super::indicators::{Rsi, Vwap};
use super::registry::{Parameter, Settings, StrategyKind};
use crate::event::{Action, SessionStart, SignalReason};
use crate::state::StateIo;
use crate::units::Price;

/// The parameter of the order-book imbalance, and what its values are called, from 0 on.
pub(super) const OBI: (&str, &[&str]) = ("obi", &["optional", "required"]);

/// The kind's entry in the registry.
pub(super) const KIND: StrategyKind = StrategyKind {
    name: "multi_factor_momentum",
    description: "LONG when price > session VWAP, RSI > 50 and more buyers than sellers wait; EXIT below",
    parameters: &[
        Parameter {
            name: "rsi_period",
            default: 14.0,
            min: 1.0,
            max: 10_000.0,
            whole: true,
            doc: "Minutes of Wilder's RSI; fewer react sooner and turn more often",
        },
        Parameter {
            name: "rsi_entry",
            default: 50.0,
            min: 0.0,
            max: 100.0,
            whole: false,
            doc: "RSI above which to go long, 100 less it to go short below; higher enters less often",
        },
        Parameter {
            name: "rsi_exit",
            default: 45.0,
            min: 0.0,
            max: 100.0,
            whole: false,
            doc: "RSI below which to leave a long, and 100 less it above which a short; at most `rsi_entry`",
        },
        Parameter {
            name: "obi",
            default: 0.0,
            min: 0.0,
            max: 1.0,
            whole: true,
            doc: "Order-book imbalance: optional (0) = a factor where the feed has it, required (1) = no entry without it",
        },
    ],
    build,
};

fn build(settings: &Settings<'_>) -> Result<Box<dyn Strategy>, String> {
    let (entry, exit) = (settings.value("rsi_entry"), settings.value("rsi_exit"));
    if exit > entry {
        return Err(format!("rsi_exit ({exit}) must be at most rsi_entry ({entry})"));
    }
    Ok(Box::new(MultiFactor {
        allow_short: settings.allow_short,
        obi_required: settings.whole("obi") == 1,
        rsi_entry: entry,
        rsi_exit: exit,
        rsi: Rsi::new(settings.whole("rsi_period")),
        minutes: 0,
        vwap: Vwap::NEW,
        last: None,
        imbalance: None,
        wanted: Direction::Flat,
    }))
}

/// The direction a strategy wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Direction {
    Flat = 0,
    Long = 1,
    Short = 2,
}

impl Direction {
    fn from_u8(code: u8) -> Option<Self> {
        [Self::Flat, Self::Long, Self::Short].into_iter().find(|&direction| direction as u8 == code)
    }
}

struct MultiFactor {
    allow_short: bool,
    obi_required: bool,
    rsi_entry: f64,
    rsi_exit: f64,
    rsi: Rsi,
    /// One-minute bars over all sessions.
    minutes: u64,
    /// From here on: of this session.
    vwap: Vwap,
    last: Option<Price>,
    imbalance: Option<f64>,
    /// What was said last.
    wanted: Direction,
}

/// What a decision is made from.
#[derive(Clone, Copy, Debug)]
struct Factors {
    price: f64,
    vwap: f64,
    rsi: f64,
    imbalance: Option<f64>,
}

impl Factors {
    /// The same market seen by a seller: every comparison of a long's rules then is that of a short's.
    fn mirrored(self) -> Self {
        Self {
            price: -self.price,
            vwap: -self.vwap,
            rsi: 100.0 - self.rsi,
            imbalance: self.imbalance.map(|imbalance| -imbalance),
        }
    }

    /// Mean of how far RSI is above its middle and, if known, the imbalance above its own, in 1/10,000 of the
    /// way to the greatest value.
    fn confidence_bps(self) -> u16 {
        let strength = (self.rsi - 50.0) / 50.0;
        let mean = self.imbalance.map_or(strength, |imbalance| (strength + imbalance) / 2.0);
        // A cast from a float saturates, so what is below zero is zero.
        (mean * 10_000.0) as u16
    }
}

impl MultiFactor {
    fn facts(&self, price: f64) -> Facts {
        let known = if self.imbalance.is_some() { 1.0 } else { 0.0 };
        [
            price,
            self.vwap.value().unwrap_or(0.0),
            self.rsi.value().unwrap_or(0.0),
            self.imbalance.unwrap_or(0.0),
            known,
            self.minutes as f64,
        ]
    }

    /// Whether all that is known speaks for a long.
    fn may_enter(&self, factors: Factors) -> bool {
        factors.price > factors.vwap
            && factors.rsi > self.rsi_entry
            && factors.imbalance.map_or(!self.obi_required, |imbalance| imbalance > 0.0)
    }

    /// Whether a long must be left.
    fn must_leave(&self, factors: Factors) -> bool {
        factors.price < factors.vwap || factors.rsi < self.rsi_exit
    }

    /// The direction for which all factors speak, among those that may be taken.
    fn aligned(&self, factors: Factors) -> Direction {
        if self.may_enter(factors) {
            Direction::Long
        } else if self.allow_short && self.may_enter(factors.mirrored()) {
            Direction::Short
        } else {
            Direction::Flat
        }
    }

    /// The direction wanted now, given the one that was.
    fn decide(&self, factors: Factors, aligned: Direction) -> Direction {
        let leave = match self.wanted {
            Direction::Flat => true,
            Direction::Long => self.must_leave(factors),
            Direction::Short => self.must_leave(factors.mirrored()),
        };
        // All factors for one side make the other leave: the price then is on the wrong side of its VWAP.
        if leave { aligned } else { self.wanted }
    }

    fn evaluate(&mut self, factors: Factors, facts: Facts, out: &mut Signals) {
        let aligned = self.aligned(factors);
        let wanted = self.decide(factors, aligned);
        let reason = if aligned != Direction::Flat && aligned == wanted {
            SignalReason::FactorsAlign
        } else if self.obi_required && factors.imbalance.is_none() && wanted == self.wanted {
            SignalReason::ObiMissing
        } else {
            SignalReason::FactorsFail
        };
        if wanted == self.wanted {
            out.hold(reason, facts);
            return;
        }
        self.wanted = wanted;
        let (action, confidence_bps) = match wanted {
            Direction::Long => (Action::Long, factors.confidence_bps()),
            Direction::Short => (Action::Short, factors.mirrored().confidence_bps()),
            // A rule that ends a position is not weighed.
            Direction::Flat => (Action::Exit, 10_000),
        };
        out.say(Said { action, reason, confidence_bps, facts });
    }
}

impl Strategy for MultiFactor {
    fn on_minute(&mut self, bar: &BarView<'_>) {
        self.minutes += 1;
        self.rsi.update(bar.close());
        self.vwap.add(bar.bar.turnover, bar.bar.volume);
    }

    fn on_tick(&mut self, tick: &TickView<'_>, _out: &mut Signals) {
        self.last = Some(tick.last);
        if let Some(pending) = tick.pending() {
            self.imbalance = pending.imbalance();
        }
    }

    fn on_bar(&mut self, bar: &BarView<'_>, out: &mut Signals) {
        let price = rupees(self.last.unwrap_or(bar.bar.close));
        let facts = self.facts(price);
        // Nobody acts on what is said now, so nothing may be remembered as said.
        if !bar.trading {
            out.hold(SignalReason::SessionClosed, facts);
            return;
        }
        let Some(rsi) = self.rsi.value() else {
            out.hold(SignalReason::IndicatorsNotReady, facts);
            return;
        };
        let Some(vwap) = self.vwap.value() else {
            out.hold(SignalReason::VwapMissing, facts);
            return;
        };
        self.evaluate(Factors { price, vwap, rsi, imbalance: self.imbalance }, facts, out);
    }

    fn on_session_start(&mut self, _session: &SessionStart) {
        self.vwap = Vwap::NEW;
        self.last = None;
        self.imbalance = None;
        self.wanted = Direction::Flat;
    }

    fn state(&mut self, io: &mut StateIo<'_>) {
        self.rsi.state(io);
        io.count(&mut self.minutes);
        self.vwap.state(io);
        io.option(&mut self.last, || Price::ZERO, |io, last| io.plain(last));
        io.option(
            &mut self.imbalance,
            || 0.0,
            |io, imbalance| {
                io.float(imbalance);
                if imbalance.abs() > 1.0 {
                    io.refuse("an imbalance is beyond its range");
                }
            },
        );
        io.code(&mut self.wanted, |wanted| wanted as u8, Direction::from_u8);
    }
}
