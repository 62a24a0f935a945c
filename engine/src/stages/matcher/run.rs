//! One piece of the venue's work with an instrument: operations of the exchange one after the other, each of them bounded.
//!
//! | what came | steps |
//! |---|---|
//! | an order, a change | the operation itself, then `Settle` |
//! | a packet with depth | `Trade`, `Shrink`, `Meet`, `Grow`, `Wake`, `Settle` |
//! | a packet without | `Trade`, `Wake`, `Settle` |
//! | a trading state | `Uncross` (if a call ends), `Phase`, `Band`, then as a packet that says nothing new |
//!
//! A call makes fills in one operation at most, so that its bound holds.

use super::Matcher;
use super::model::Allowance;
use super::records::Records;
use crate::event::{FILL_DEPTH, FILL_MAKER, Header, MarketPhase, Side, TradingState};
use crate::exchange::Exchange;
use crate::stage::{Emit, Progress};
use crate::units::{InstrumentId, OrderId, Price, Qty};

/// What comes next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// A call auction ends.
    Uncross,
    /// Another phase begins.
    Phase,
    /// The price band is set.
    Band,
    /// What was traded elsewhere consumes the queues.
    Trade,
    /// Displayed volume that got less leaves the queues.
    Shrink,
    /// A displayed level that own orders of the side touch trades with them.
    Meet(Side, u8),
    /// Displayed volume that got more joins the queues.
    Grow,
    /// The last price wakes stops.
    Wake,
    /// What is left of the market is put away, if no own order is open any more.
    Settle,
}

/// A piece of work with an instrument, and how far it is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Run {
    pub(super) instrument: InstrumentId,
    pub(super) step: Step,
    /// Whether the exchange has to go on with an operation of the step before.
    pub(super) under_way: bool,
    /// The last price.
    pub(super) last: Price,
    /// What may still trade with resting orders.
    pub(super) allowance: Allowance,
    /// The order that came or is changed, zero for none; its limit, and its quantity if it is changed.
    pub(super) order: OrderId,
    pub(super) price: Price,
    pub(super) quantity: Qty,
    /// `FILL_*` flags of own orders that come, and of those that rest.
    pub(super) taker_flags: u8,
    pub(super) maker_flags: u8,
    /// The phase and the band to come.
    pub(super) phase: MarketPhase,
    pub(super) band: (Price, Price),
}

impl Run {
    /// Nothing but the end of some work.
    pub(super) fn new(instrument: InstrumentId, last: Price) -> Self {
        Self {
            instrument,
            step: Step::Settle,
            under_way: false,
            last,
            allowance: Allowance::UpTo(Qty::ZERO),
            order: OrderId::ZERO,
            price: Price::ZERO,
            quantity: Qty::ZERO,
            taker_flags: 0,
            maker_flags: FILL_MAKER,
            phase: MarketPhase::Continuous,
            band: (Price::ZERO, Price::ZERO),
        }
    }

    /// What a trading state asks for.
    pub(super) fn of_state(instrument: InstrumentId, last: Price, state: &TradingState) -> Self {
        let phase = MarketPhase::from_u8(state.phase).expect("coded fields are checked where events enter");
        Self { step: Step::Uncross, phase, band: (state.low, state.high), ..Self::new(instrument, last) }
    }
}

impl Matcher {
    /// Begins some work whose first operation the exchange has just answered: its progress and the fills it made.
    pub(super) fn begin(
        &mut self,
        run: Run,
        answer: (Progress, usize),
        cause: &Header,
        out: &mut impl Emit,
    ) -> Progress {
        let mut run = run;
        run.under_way = answer.0 == Progress::More;
        if answer.1 > 0 && (run.under_way || run.step != Step::Settle) {
            return self.put_off(run, cause);
        }
        self.go_on(run, cause, out)
    }

    /// Goes on with some work until it ends or a call has made its fills.
    pub(super) fn go_on(&mut self, mut run: Run, cause: &Header, out: &mut impl Emit) -> Progress {
        loop {
            let (progress, fills) = if run.under_way {
                self.operate(&mut run, cause, out, |exchange, _, records| {
                    exchange.resume(&mut |record| records.take(record))
                })
            } else if run.step == Step::Settle {
                self.settle(run.instrument);
                return Progress::Done;
            } else {
                self.step(&mut run, cause, out)
            };
            run.under_way = progress == Progress::More;
            let only_settle = !run.under_way && run.step == Step::Settle;
            if fills > 0 && !only_settle {
                return self.put_off(run, cause);
            }
        }
    }

    fn put_off(&mut self, run: Run, cause: &Header) -> Progress {
        self.work = super::Work::Run(run, *cause);
        Progress::More
    }

    /// Makes one step: an operation of the exchange, or work that makes no records; then the next one is due.
    fn step(&mut self, run: &mut Run, cause: &Header, out: &mut impl Emit) -> (Progress, usize) {
        let at = run.instrument;
        match run.step {
            Step::Uncross => return self.uncross(run, cause, out),
            Step::Phase => {
                run.step = Step::Band;
                self.before_phase(run);
                return self.operate(run, cause, out, |exchange, run, records| {
                    exchange.set_phase(at, run.phase, &mut |record| records.take(record))
                });
            }
            Step::Band => {
                let goes_on = run.phase == MarketPhase::Continuous && !self.is_empty(at);
                run.step = if goes_on { Step::Shrink } else { Step::Settle };
                return self.operate(run, cause, out, |exchange, run, records| {
                    exchange.set_band(at, run.band.0, run.band.1, &mut |record| records.take(record))
                });
            }
            Step::Trade => return self.trade(run, cause, out),
            Step::Shrink => {
                self.shrink(at);
                run.maker_flags = FILL_MAKER | FILL_DEPTH;
                run.step = Step::Meet(Side::Buy, 0);
            }
            Step::Meet(side, number) => return self.meet(run, side, number, cause, out),
            Step::Grow => {
                self.depths[at.index()].lend(&mut self.exchange, at);
                run.maker_flags = FILL_MAKER;
                run.step = Step::Wake;
            }
            Step::Wake => {
                run.step = Step::Settle;
                return self.operate(run, cause, out, |exchange, run, records| {
                    exchange.traded(at, run.last, &mut |record| records.take(record))
                });
            }
            Step::Settle => {}
        }
        (Progress::Done, 0)
    }

    /// One operation of the exchange; answers its progress and the fills it made.
    pub(super) fn operate<E: Emit>(
        &mut self,
        run: &mut Run,
        cause: &Header,
        out: &mut E,
        operation: impl FnOnce(&mut Exchange, &Run, &mut Records<'_, E>) -> Progress,
    ) -> (Progress, usize) {
        let (exchange, mut records) = self.parts(run, cause, out);
        let progress = operation(exchange, run, &mut records);
        let (fills, swept) = (records.fills, records.swept);
        if let Step::Meet(side, number) = run.step
            && !swept.is_zero()
        {
            let shown = side.opposite();
            let depth = &mut self.depths[run.instrument.index()];
            // The step is that of the level behind the one that has traded.
            let (price, _) = depth.level(shown, usize::from(number) - 1).expect("the level that traded");
            depth.take(shown, price, swept);
        }
        (progress, fills)
    }

    /// The exchange, and what takes its records.
    pub(super) fn parts<'a, E: Emit>(
        &'a mut self,
        run: &'a Run,
        cause: &'a Header,
        out: &'a mut E,
    ) -> (&'a mut Exchange, Records<'a, E>) {
        let at = run.instrument.index();
        let (orders, spec, depth) = (&mut self.orders, &self.instruments[at], &self.depths[at]);
        let records = Records { orders, spec, depth, run, cause, out, fills: 0, swept: Qty::ZERO };
        (&mut self.exchange, records)
    }
}
