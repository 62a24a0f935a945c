//! What a strategy is: it sees bars, ticks and the start of a session, and says what it wants and why.

use crate::event::{
    Action, Bar, Event, Full, Header, Kind, Ltp, MARKET_INDEX, MARKET_VOLUME, Quote, SessionStart,
    SignalReason,
};
use crate::state::StateIo;
use crate::units::{InstrumentId, Price, SCALE, TsNs};

/// Facts of one signal; the kind of strategy says what each is.
pub type Facts = [f64; 6];

/// A price in rupees, for indicators only.
pub fn rupees(price: Price) -> f64 {
    price.0 as f64 / SCALE as f64
}

/// A closed bar of the strategy's instrument and timeframe.
#[derive(Clone, Copy, Debug)]
pub struct BarView<'a> {
    /// The instrument.
    pub instrument: InstrumentId,
    /// The sequencer's time of the input that closed the bar; a bar of an earlier day is an input itself.
    pub ts: TsNs,
    /// Whether the instrument is in continuous trading: what is said while it is not becomes a hold, so a kind
    /// that remembers what it said must not remember that. Bars of earlier days come with `false`.
    pub trading: bool,
    /// The bar.
    pub bar: &'a Bar,
}

impl BarView<'_> {
    /// Last price of the bar in rupees.
    pub fn close(&self) -> f64 {
        rupees(self.bar.close)
    }
}

/// One market event of the strategy's instrument.
#[derive(Clone, Copy, Debug)]
pub struct TickView<'a> {
    /// The instrument.
    pub instrument: InstrumentId,
    /// The sequencer's time.
    pub ts: TsNs,
    /// As in a bar's view.
    pub trading: bool,
    /// Last traded price or index value.
    pub last: Price,
    /// The day's volume in units as the packet gives it; `None` if the packet has no such field. It is not
    /// cleaned: it may fall, and a first packet may be of an earlier date. Bars have the cleaned increases.
    pub volume: Option<u32>,
    event: &'a Event,
}

impl<'a> TickView<'a> {
    /// What a strategy may know of a market event; `None` for any other.
    #[inline(always)]
    pub(super) fn of(event: &'a Event, trading: bool) -> Option<Self> {
        let last = event.last()?;
        let (flags, volume) = if event.is(Kind::Full) {
            let body = event.body::<Full>();
            (body.flags, body.volume)
        } else if event.is(Kind::Quote) {
            let body = event.body::<Quote>();
            (body.flags, body.volume)
        } else {
            (event.body::<Ltp>().flags, 0)
        };
        let Header { instrument, ts, .. } = event.header;
        let volume = (flags & MARKET_VOLUME != 0).then_some(volume);
        Some(Self { instrument, ts, trading, last, volume, event })
    }

    /// Orders that wait on both sides; `None` if the packet has no such fields.
    pub fn pending(&self) -> Option<Pending> {
        let (flags, pending) = match self.event.kind() {
            Kind::Quote => {
                let body = self.event.body::<Quote>();
                let totals = Pending { buy: u64::from(body.buy_qty), sell: u64::from(body.sell_qty) };
                (body.flags, totals)
            }
            Kind::Full => {
                let body = self.event.body::<Full>();
                (body.flags, Pending::of_full(body))
            }
            _ => return None,
        };
        (flags & MARKET_INDEX == 0).then_some(pending)
    }
}

/// Quantities of the orders that wait, in units.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pending {
    /// Of buy orders.
    pub buy: u64,
    /// Of sell orders.
    pub sell: u64,
}

impl Pending {
    /// The sums over the five levels; if no level has any, the totals of the whole book.
    #[inline]
    fn of_full(body: &Full) -> Self {
        // Five numbers of 32 bits are far within 64: no addition needs a look at its overflow.
        let sum =
            |levels: [u32; 5]| levels.into_iter().fold(0_u64, |sum, next| sum.wrapping_add(next.into()));
        let levels = Self { buy: sum(body.bid_qty), sell: sum(body.ask_qty) };
        if levels.buy + levels.sell > 0 {
            return levels;
        }
        Self { buy: u64::from(body.buy_qty), sell: u64::from(body.sell_qty) }
    }

    /// `(buy − sell) ÷ (buy + sell)`: 1 if only buyers wait, −1 if only sellers; `None` if nobody does.
    pub fn imbalance(self) -> Option<f64> {
        let (buy, sell) = (self.buy as f64, self.sell as f64);
        (self.buy > 0 || self.sell > 0).then(|| (buy - sell) / (buy + sell))
    }
}

/// What a strategy says in answer to one bar or tick.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Said {
    /// What it wants.
    pub action: Action,
    /// Why.
    pub reason: SignalReason,
    /// How sure it is, 0 to 10,000; zero for a hold.
    pub confidence_bps: u16,
    /// The facts used; finite.
    pub facts: Facts,
}

/// Takes what a strategy says. Ids, prices and times are filled in by the stage.
#[derive(Debug, Default)]
pub struct Signals {
    said: Option<Said>,
}

impl Signals {
    /// Says what the strategy wants; at most once per bar or tick, because a position has one direction.
    pub fn say(&mut self, said: Said) {
        assert!(self.said.is_none(), "a strategy speaks once per bar or tick");
        assert!(said.confidence_bps <= 10_000, "confidence is at most 1");
        assert!(said.facts.iter().all(|fact| fact.is_finite()), "facts are finite");
        self.said = Some(said);
    }

    /// Says that nothing is wanted. The stage records it only when the reason differs from the last one.
    pub fn hold(&mut self, reason: SignalReason, facts: Facts) {
        self.say(Said { action: Action::Hold, reason, confidence_bps: 0, facts });
    }

    /// Hands over what was said.
    #[inline]
    pub(super) fn take(&mut self) -> Option<Said> {
        self.said.take()
    }
}

/// One strategy instance on one instrument. It knows no broker, no size and no limit.
pub trait Strategy: Send {
    /// A bar of its timeframe has closed. Bars that close outside the instrument's hours come too, so that
    /// indicators stay whole; what is said to them is replaced by a hold. So do, before the first session, bars
    /// of earlier days; what is said to those is not recorded at all.
    fn on_bar(&mut self, bar: &BarView<'_>, out: &mut Signals);

    /// A one-minute bar of its instrument has closed, whatever its own timeframe is; if that is a minute too,
    /// this comes first. Longer bars that end with the minute come after it.
    fn on_minute(&mut self, _bar: &BarView<'_>) {}

    /// A price has come. Bars that it closes come after it.
    fn on_tick(&mut self, _tick: &TickView<'_>, _out: &mut Signals) {}

    /// Whether `on_tick` does anything. Asked once; a kind that lives on bars alone says no, and ticks pass it by.
    fn wants_ticks(&self) -> bool {
        true
    }

    /// A session starts. State is kept unless the kind drops it here. The hours it names are the widest of any
    /// instrument; whether this one trades is said with every bar and tick.
    fn on_session_start(&mut self, _session: &SessionStart) {}

    /// Walks over the whole state, in a fixed order: all that can differ between two events, and nothing that the
    /// parameters say. It is called to hash, to save and to load.
    fn state(&mut self, io: &mut StateIo<'_>);
}
