//! The exchange: every kind of order over the price-time books, for any number of accounts.
//!
//! The paper venue is this exchange fed with the displayed market as anonymous volume; a recorded order flow is
//! replayed through the same code. Order kinds, self-trade prevention, stops, icebergs, price bands, phases and call
//! auctions are here; the queues themselves are in [`crate::book`].
//!
//! A call makes at most [`Limits::records_max`] records; work that needs more answers [`Progress::More`] and goes on
//! in [`Exchange::resume`] before anything else is asked of the exchange (asking is a bug and panics).
//!
//! # Rules
//! Sources: NSE = the market rules of the National Stock Exchange; (U) = no official text is known, so it is stated.
//!
//! *Entry.* Checked in this order, the first that fails rejects: the instrument is listed (`NotTradable`); the id is
//! not zero and its top bit is clear (`Malformed`); the id is not held (`Duplicate`); the phase (`Closed`, `Halted`);
//! quantity, tick, lot, trigger (`Malformed`); freeze quantity, an order above it freezes (`FreezeQuantity`, NSE);
//! combinations that have no meaning (`NotAllowed`: post-only unless limit and day; in a call phase anything but plain
//! limit and market orders for the day, NSE); the limit of `Limit` and `StopLimit` within the band (`PriceBand`; the
//! worst price of a market order may be outside, but not in a call phase, where it is a limit); room (`VenueFull`,
//! before any trade; asked only of orders that may rest or wait).
//!
//! *Matching.* Best price, then time; trades are at the resting order's price (NSE). What is left rests (`Limit`,
//! `Day`), or is cancelled: `IocRest` for `Ioc` of any type, `MarketRest` for market orders. `Fok`: all of it can trade
//! now or `Cancelled` with `FillOrKill` before the first trade; an own order in the way counts as the end of the book
//! (`CancelNewest`, `Decrement`) or as nothing (`CancelOldest`). Post-only: `Cancelled` with `PostOnly` if the best
//! opposite price is within its limit, whoever is there.
//!
//! *Disclosed quantity.* At most `disclosed` is displayed at a time. When the clip is gone the next goes to the back of
//! its price with a new time [U: common convention]. An arriving order trades with its whole quantity. `disclosed` of
//! the open quantity or more, and on orders that cannot rest, means nothing.
//!
//! *Stops.* Wait by trigger (buys the lowest first, sells the highest first), then arrival. They wake when a last price
//! reaches the trigger, and at once if it has. An operation first ends its own matching; then due stops are woken one
//! at a time, buys before sells, each to its end; what their trades reach is due too. A woken limit outside the band is
//! cancelled (`PriceBand`). Buy: trigger <= limit, sell: trigger >= limit, else `Malformed` (NSE). Nothing wakes
//! outside continuous trading; what the last price has reached when it begins wakes then.
//!
//! *Modify.* `Modified` is followed by what becomes of the order: trades, then `Rested`, `Waiting`, `Cancelled` or
//! nothing if filled. A smaller or equal quantity keeps the place (hidden quantity goes first); another price or a
//! larger quantity goes to the back, another price may trade [NSE practice, U]. Only the disclosed quantity: keeps the
//! place; less hides at once, more shows with the next clip (U). Quantity not above what is filled: `Kept` with
//! `Malformed`. A waiting stop keeps its place unless the trigger changes or the quantity grows. A change is checked as
//! an entry is (phase, terms, freeze, allowed, band) and `Kept` with the reason.
//!
//! *Self-trade prevention* by account; [`Account::MARKET`] trades with anyone. `Decrement`: both lose the smaller of
//! the two open quantities (hidden included), the resting order's record first. In an auction the order that arrived
//! later is cancelled (NSE).
//!
//! *Call phase.* Orders collect, the book may be crossed. When it begins waiting stops and orders with undisclosed
//! quantity are cancelled (`NotAllowed`; NSE closing session). A market order with a worst price collects as a limit
//! order at it. [`Exchange::uncross`]: the price of a limit order (the reference, rounded down to the tick, if there is
//! none) with most volume, then least unmatched quantity, then nearest the reference, then the higher (U); market
//! orders first, then price, then time; all at one price; `taker` is the buy. If self-trade prevention takes away so much
//! that what is to be carried over still crosses, that is matched in the same way at a price of its own (U).

mod ahead;
mod auction;
mod bulk;
mod checks;
mod enter;
mod look;
mod matching;
mod modify;
mod phases;
mod state;
mod stops;
mod terms;
mod validate;
mod views;
mod volume;

#[cfg(test)]
mod tests;

pub use terms::{Account, Change, Listing, Record, Terms};

use crate::book::{NONE, Queues, Slab};
use crate::event::{MarketPhase, OrderType, SelfTrade, Side, Validity};
use crate::stage::Progress;
use crate::units::{InstrumentId, OrderId, Price, Qty};
use bulk::Bulk;
use look::Look;
use matching::Taker;

/// The bounds of an exchange; memory for them is taken by its constructor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Orders with an id of their own that rest or wait at once, in all instruments.
    pub orders: usize,
    /// Pieces of anonymous volume at once, in all instruments.
    pub anonymous: usize,
    /// Records of one call, at least [`Limits::RECORDS_LEAST`].
    pub records_max: usize,
    /// Ticks of the price ladder of each side of each book, a power of two of at least 256; zero for no ladders. Three
    /// quarters of them reach from the best price into the book. A new price further away walks over the levels from
    /// there, and without ladders from the best price: whoever expects thousands of levels takes them all in.
    pub ladder_ticks: usize,
}

impl Limits {
    /// The fewest records of a call with which every operation gets on.
    pub const RECORDS_LEAST: usize = 4;
}

/// An order that the exchange holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Holding {
    /// Its id; the top bit is set for anonymous volume.
    pub id: OrderId,
    /// Whose it is.
    pub account: Account,
    /// The instrument.
    pub instrument: InstrumentId,
    /// Buy or sell.
    pub side: Side,
    /// Its limit. Zero: a market order that waits for its trigger or, in a call phase, for the auction.
    pub price: Price,
    /// The trigger of a stop order that waits; zero for orders in the book.
    pub trigger: Price,
    /// What is open, undisclosed quantity included.
    pub open: Qty,
    /// What the book displays of it; zero while it waits.
    pub displayed: Qty,
    /// What is filled.
    pub filled: Qty,
}

/// What a call auction would do now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Indicative {
    /// The price at which all would trade.
    pub price: Price,
    /// How much would trade, more than zero.
    pub quantity: Qty,
    /// What would be left over at that price: more than zero of buys, less of sells.
    pub imbalance: Qty,
}

/// What becomes of orders that an auction leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unmatched {
    /// Limit orders keep price and time for continuous trading; market orders become limits at the auction's price,
    /// without one at the reference (NSE pre-open), behind what is there; without either they are cancelled (`NoPrice`).
    Carry,
    /// All are cancelled with `AuctionEnd` (NSE closing session).
    Cancel,
}

/// Which end of the volume at a price.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// What trades first.
    Front,
    /// What trades last.
    Back,
}

/// The bit that ids of anonymous volume have and no others.
pub const ANONYMOUS: u64 = 1 << 63;

/// Largest price; far above any, and far enough from the end of the numbers.
pub const PRICE_MAX: Price = Price(1 << 56);

/// Orders that one call looks at, at most, beside those it makes records of.
const LOOKS_MAX: usize = 1_024;

/// The exchange; see the module.
#[derive(Clone)]
pub struct Exchange {
    listings: Box<[Listing]>,
    limits: Limits,
    self_trade: SelfTrade,
    markets: Box<[Market]>,
    books: Queues<Order>,
    /// Undisclosed parts of orders in the books.
    clips: Slab<Clip>,
    /// Orders that wait for a trigger, as orders at their triggers: buys among the sells, because the lowest wakes
    /// first.
    stops: Queues<Stop>,
    /// Orders with an id of their own that rest or wait; what else is in the books is anonymous.
    held: usize,
    /// Anonymous volume that came so far.
    anonymous: u64,
    tally: Tally,
    work: Work,
}

/// What an instrument's market is doing.
#[derive(Clone, Copy)]
struct Market {
    phase: MarketPhase,
    low: Price,
    high: Price,
    last: Price,
    /// Orders with an id of their own that rest or wait.
    open: u32,
    /// What the short way asks; follows from the rest and the listing.
    plain: Plain,
}

/// What orders the short way of [`Exchange::enter`] takes: all checks that an instrument has, in a few numbers.
#[derive(Clone, Copy)]
struct Plain {
    /// Their largest quantity; zero if there is no short way now.
    quantity_max: Qty,
    /// The lowest and the highest limit.
    low: Price,
    high: Price,
    tick: Price,
}

/// What is kept with an order in the books; what is filled is its quantity less what is open.
#[derive(Clone, Copy)]
struct Order {
    quantity: Qty,
    account: Account,
    /// Its slot in the clips, or `NONE`.
    clip: u32,
}

/// The undisclosed part of an order in the books.
#[derive(Clone, Copy)]
struct Clip {
    /// Not displayed yet.
    hidden: Qty,
    /// How much the next clip displays, at most.
    disclosed: Qty,
}

/// What is kept with an order that waits for its trigger.
#[derive(Clone, Copy)]
struct Stop {
    price: Price,
    disclosed: Qty,
    account: Account,
    order_type: OrderType,
    validity: Validity,
}

/// Conservation: what entered and is neither filled nor cancelled is open. Sums of quantities in wrapping 64 bits:
/// checksums, kept apart from the orders.
#[derive(Clone, Copy, Default)]
struct Tally {
    /// All that entered, less what was filled and cancelled.
    open: u64,
    /// Undisclosed quantity in the books.
    hidden: u64,
}

/// What an operation has still to do; nothing between operations.
#[derive(Clone, Copy)]
struct Work {
    taker: Option<Taker>,
    /// What the taker still has to see: whether all of it can trade.
    look: Option<Look>,
    wave: Option<Wave>,
    bulk: Option<Bulk>,
}

/// The prices that trades have reached since stops were last looked for.
#[derive(Clone, Copy)]
struct Wave {
    instrument: InstrumentId,
    low: Price,
    high: Price,
}

/// One call: where its records go, and how many more it may make.
struct Call<'a, F> {
    each: &'a mut F,
    left: usize,
    looks: usize,
}

impl<F: FnMut(Record)> Call<'_, F> {
    #[inline]
    fn emit(&mut self, record: Record) {
        assert!(self.left > 0, "a call keeps its bound");
        self.left -= 1;
        (self.each)(record);
    }
}

impl Order {
    const BLANK: Self = Self { quantity: Qty::ZERO, account: Account::MARKET, clip: NONE };
}

impl Tally {
    #[inline]
    fn enter(&mut self, quantity: Qty) {
        self.open = self.open.wrapping_add(quantity.0 as u64);
    }

    #[inline]
    fn cancel(&mut self, quantity: Qty) {
        self.open = self.open.wrapping_sub(quantity.0 as u64);
    }

    /// A trade: both sides have less open.
    #[inline]
    fn fill(&mut self, quantity: Qty) {
        self.open = self.open.wrapping_sub((quantity.0 as u64).wrapping_mul(2));
    }

    /// An order of which `was` is open has `open` from now on.
    fn change(&mut self, was: Qty, open: Qty) {
        self.open = self.open.wrapping_add((open - was).0 as u64);
    }

    fn hide(&mut self, quantity: Qty) {
        self.hidden = self.hidden.wrapping_add(quantity.0 as u64);
    }

    fn show(&mut self, quantity: Qty) {
        self.hidden = self.hidden.wrapping_sub(quantity.0 as u64);
    }
}

const fn is_anonymous(id: OrderId) -> bool {
    id.0 & ANONYMOUS != 0
}

impl Exchange {
    /// An empty exchange for the instruments `0 .. listings.len()`. Every instrument starts in
    /// [`MarketPhase::Continuous`] without a band and without a last price. Panics on a listing or a limit out of range.
    pub fn new(listings: &[Listing], limits: Limits, self_trade: SelfTrade) -> Self {
        assert!(limits.records_max >= Limits::RECORDS_LEAST, "a call makes a few records at least");
        for listing in listings {
            assert!(listing.tick > Price::ZERO && listing.lot > Qty::ZERO, "tick and lot are more than zero");
            assert!(listing.freeze >= Qty::ZERO, "a freeze quantity is not negative");
        }
        let mut market = Market {
            phase: MarketPhase::Continuous,
            low: Price::ZERO,
            high: Price::ZERO,
            last: Price::ZERO,
            open: 0,
            plain: Plain { quantity_max: Qty::ZERO, low: Price::ZERO, high: Price::ZERO, tick: Price(1) },
        };
        let markets = listings.iter().map(|listing| {
            market.set_plain(listing);
            market
        });
        let ticks = listings.iter().map(|listing| listing.tick);
        let stop = Stop {
            price: Price::ZERO,
            disclosed: Qty::ZERO,
            account: Account::MARKET,
            order_type: OrderType::StopLimit,
            validity: Validity::Day,
        };
        let clip = Clip { hidden: Qty::ZERO, disclosed: Qty::ZERO };
        Self {
            listings: listings.into(),
            limits,
            self_trade,
            markets: markets.collect(),
            books: Queues::new(
                ticks.clone(),
                limits.orders + limits.anonymous,
                limits.ladder_ticks,
                Order::BLANK,
            ),
            clips: Slab::with_capacity(limits.orders, clip),
            stops: Queues::new(ticks, limits.orders, limits.ladder_ticks, stop),
            held: 0,
            anonymous: 0,
            tally: Tally::default(),
            work: Work { taker: None, look: None, wave: None, bulk: None },
        }
    }

    /// Goes on with the last operation, if it answered [`Progress::More`].
    pub fn resume(&mut self, each: &mut impl FnMut(Record)) -> Progress {
        let call = &mut self.call(each);
        if let Some(taker) = self.work.taker.take() {
            return self.run(taker, call);
        }
        if let Some(bulk) = self.work.bulk.take() {
            return self.go_through(bulk, call);
        }
        self.wake_due(call)
    }

    /// Whether nothing of an operation is left to do.
    #[inline]
    pub fn is_idle(&self) -> bool {
        // Without branches: every operation asks.
        self.work.taker.is_none() & self.work.bulk.is_none() & self.work.wave.is_none()
    }

    #[inline]
    fn call<'a, F: FnMut(Record)>(&self, each: &'a mut F) -> Call<'a, F> {
        Call { each, left: self.limits.records_max, looks: LOOKS_MAX }
    }

    /// A call that begins an operation.
    #[inline]
    fn begin<'a, F: FnMut(Record)>(&self, each: &'a mut F) -> Call<'a, F> {
        self.assert_idle();
        self.call(each)
    }

    #[inline]
    fn assert_idle(&self) {
        assert!(self.is_idle(), "the last operation has more to do: resume it first");
    }

    /// Whether what is open is what entered and was neither filled nor cancelled.
    #[inline]
    fn is_conserved(&self) -> bool {
        let open = self.books.open_sum().wrapping_add(self.stops.open_sum());
        open.wrapping_add(self.tally.hidden) == self.tally.open
    }

    /// The end of an operation: what must hold whatever happened.
    #[inline]
    fn settle(&self, instrument: InstrumentId) -> Progress {
        assert!(self.is_conserved(), "quantity was lost or made");
        assert!(!self.is_crossed(instrument), "the book is crossed in continuous trading");
        Progress::Done
    }
}
