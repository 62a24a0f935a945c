//! Requests on their way to the venue: orders, changes and cancels that take their time to arrive.
//!
//! ```text
//!   Order, Modify, Cancel ──► take ──► Now                          no latency, nothing of this order is on its way
//!                               └────► Later ··· Wake ──► arrive    the request, as an event of the wake-up's step
//! ```
//! A request that takes time is kept, and the venue asks for a wake-up at the time it arrives. What it meets is the market
//! of that moment. Requests of one order never overtake each other.

use super::latency::Latency;
use super::{Matcher, Refusal};
use crate::event::{Body, Cancel, Event, Header, Kind, Modify, Order, ReportReason, Side, StageId, Wake};
use crate::limits::{OPEN_ORDERS_MAX, REQUESTS_OPEN_MAX};
use crate::stage::{Emit, Progress};
use crate::state::StateIo;
use crate::units::{InstrumentId, OrderId, Seq, TsNs};
use zerocopy::FromZeros;

/// Orders and changes on their way at once. The rest of the room is for cancels: an order has one on its way at most, so
/// that those of all open orders fit.
const WITHOUT_CANCELS_MAX: usize = REQUESTS_OPEN_MAX - OPEN_ORDERS_MAX;

/// What becomes of a request.
#[derive(Clone, Copy, Debug)]
pub(super) enum Taken {
    /// It is to be acted on now.
    Now,
    /// It is kept; the venue is to ask for this wake-up.
    Later(Wake),
    /// Nothing: a cancel of the order is on its way already, and nothing that follows it changes anything.
    Moot,
    /// Refused: too many requests are on their way.
    Full,
}

/// What is asked.
#[derive(Clone, Copy, Debug)]
enum Ask {
    Place(Order),
    Modify(Modify),
    Cancel(Cancel),
}

/// A request on its way.
#[derive(Clone, Copy, Debug)]
struct Request {
    /// The input in whose step it was sent.
    cause: Seq,
    /// When it arrives.
    vtime: TsNs,
    /// Its number among those of its order that are on their way, from 1.
    number: u32,
    instrument: InstrumentId,
    ask: Ask,
}

/// The requests on their way, in the order in which they were sent.
pub(super) struct Requests {
    open: Vec<Request>,
}

impl Ask {
    /// The request in an event. Panics on any other kind.
    fn of(event: &Event) -> Self {
        match event.kind() {
            Kind::Order => Self::Place(*event.body()),
            Kind::Modify => Self::Modify(*event.body()),
            Kind::Cancel => Self::Cancel(*event.body()),
            other => unreachable!("{} is no request", other.name()),
        }
    }

    fn kind(&self) -> Kind {
        match self {
            Self::Place(_) => Kind::Order,
            Self::Modify(_) => Kind::Modify,
            Self::Cancel(_) => Kind::Cancel,
        }
    }

    fn order(&self) -> OrderId {
        match self {
            Self::Place(order) => order.id,
            Self::Modify(modify) => modify.order,
            Self::Cancel(cancel) => cancel.order,
        }
    }

    /// The request as an event of the step of `cause`.
    fn event(&self, cause: &Header, instrument: InstrumentId) -> Event {
        match self {
            Self::Place(order) => of_risk(cause, instrument, order),
            Self::Modify(modify) => of_risk(cause, instrument, modify),
            Self::Cancel(cancel) => of_risk(cause, instrument, cancel),
        }
    }

    fn state(&mut self, io: &mut StateIo<'_>) {
        let mut kind = self.kind();
        io.code(&mut kind, |kind| kind as u8, request_kind);
        if io.is_loading() {
            *self = Self::blank(kind);
        }
        match self {
            Self::Place(order) => io.plain(order),
            Self::Modify(modify) => io.plain(modify),
            Self::Cancel(cancel) => io.plain(cancel),
        }
        let event = self.event(&Header::default(), InstrumentId(0));
        io.check(
            || Event::from_bytes(event.used_bytes()).is_ok(),
            "a request on its way holds an unknown code",
        );
    }

    /// A request of `kind` to be loaded over.
    fn blank(kind: Kind) -> Self {
        match kind {
            Kind::Order => Self::Place(Order::new_zeroed()),
            Kind::Modify => Self::Modify(Modify::new_zeroed()),
            _ => Self::Cancel(Cancel::new_zeroed()),
        }
    }
}

fn of_risk<B: Body>(cause: &Header, instrument: InstrumentId, body: &B) -> Event {
    Event::output(StageId::Risk, cause, instrument, body)
}

/// The kind of a code, if it is that of a request.
fn request_kind(code: u8) -> Option<Kind> {
    Kind::from_u8(code).filter(|kind| matches!(kind, Kind::Order | Kind::Modify | Kind::Cancel))
}

impl Request {
    fn state(&mut self, io: &mut StateIo<'_>) {
        io.plain(&mut self.cause);
        io.time(&mut self.vtime);
        io.within(&mut self.number, 1, REQUESTS_OPEN_MAX as u32);
        io.plain(&mut self.instrument);
        self.ask.state(io);
    }

    /// Whether a later request of the same order may stand behind it.
    fn is_before(&self, later: &Self) -> bool {
        self.ask.order() != later.ask.order()
            || self.number < later.number && self.vtime <= later.vtime && self.cause <= later.cause
    }
}

impl Requests {
    /// Room for all that may be on their way.
    pub(super) fn new() -> Self {
        Self { open: Vec::with_capacity(REQUESTS_OPEN_MAX) }
    }

    /// Whether none is on its way.
    pub(super) fn is_empty(&self) -> bool {
        self.open.is_empty()
    }

    /// Takes a request of this step, an order, a change or a cancel.
    pub(super) fn take(&mut self, event: &Event, latency: &Latency) -> Taken {
        let (kind, header) = (event.kind(), &event.header);
        let order = match kind {
            Kind::Order => event.body::<Order>().id,
            Kind::Modify => event.body::<Modify>().order,
            _ => event.body::<Cancel>().order,
        };
        let arrives = latency.request(kind, order, header.seq, header.ts);
        if self.open.is_empty() && arrives.is_none() {
            return Taken::Now;
        }
        let (mut behind, mut others) = (None, 0);
        for request in &self.open {
            let is_cancel = request.ask.kind() == Kind::Cancel;
            others += usize::from(!is_cancel);
            if request.ask.order() == order {
                if is_cancel && kind != Kind::Order {
                    return Taken::Moot;
                }
                behind = Some((request.vtime, request.number));
            }
        }
        let Some(arrives) = arrives.or(behind.map(|_| latency.soonest(header.ts))) else { return Taken::Now };
        let full = kind != Kind::Cancel && others >= WITHOUT_CANCELS_MAX;
        if full || self.open.len() >= REQUESTS_OPEN_MAX {
            return Taken::Full;
        }
        let (vtime, number) = behind.map_or((arrives, 1), |(vtime, number)| (arrives.max(vtime), number + 1));
        let (cause, instrument) = (header.seq, header.instrument);
        self.open.push(Request { cause, vtime, number, instrument, ask: Ask::of(event) });
        Taken::Later(Wake { order, cause: header.seq, vtime, number, reserved: [0; 4] })
    }

    /// The request that a wake-up is for, as an event of the wake-up's step; it is on its way no more. `None` for a
    /// wake-up that this venue did not ask for.
    pub(super) fn arrive(&mut self, event: &Event) -> Option<Event> {
        let &Wake { order, cause, number, .. } = event.body();
        let is = |request: &Request| {
            (request.ask.order(), request.cause, request.number) == (order, cause, number)
        };
        let at = self.open.iter().position(is)?;
        let request = self.open.remove(at);
        Some(request.ask.event(&event.header, request.instrument))
    }

    /// Walks over the requests in the order in which they were sent.
    pub(super) fn state(&mut self, io: &mut StateIo<'_>) {
        const BLANK: Request = Request {
            cause: Seq::ZERO,
            vtime: TsNs::ZERO,
            number: 0,
            instrument: InstrumentId::NONE,
            ask: Ask::Cancel(Cancel {
                order: OrderId::ZERO,
                strategy: crate::units::StrategyId::NONE,
                intent: 0,
                reserved: [0; 21],
            }),
        };
        io.list(&mut self.open, REQUESTS_OPEN_MAX, &BLANK, |io, request| request.state(io));
        let ordered = || {
            let pairs = |(n, request): (usize, &Request)| {
                self.open[n + 1..].iter().all(|later| request.is_before(later))
            };
            self.open.iter().enumerate().all(pairs)
        };
        io.check(ordered, "requests of an order are not one behind the other");
    }
}

impl Matcher {
    /// Takes an order, a change or a cancel: acts on it, or lets it be on its way.
    pub(super) fn on_request(&mut self, event: &Event, out: &mut impl Emit) -> Progress {
        match self.requests.take(event, &self.latency) {
            Taken::Now => return self.act(event, out),
            Taken::Later(wake) => {
                out.emit(&Event::output(StageId::Matcher, &event.header, event.header.instrument, &wake));
            }
            Taken::Moot => {}
            Taken::Full => self.refuse_request(event),
        }
        Progress::Done
    }

    /// Acts on the request that has arrived with a wake-up.
    pub(super) fn on_wake(&mut self, event: &Event, out: &mut impl Emit) -> Progress {
        match self.requests.arrive(event) {
            Some(request) => self.act(&request, out),
            None => Progress::Done,
        }
    }

    /// Acts on a request as of the step of its header.
    fn act(&mut self, request: &Event, out: &mut impl Emit) -> Progress {
        match request.kind() {
            Kind::Order => self.on_order(request, out),
            Kind::Modify => self.on_modify(request, out),
            _ => {
                self.cancel(request.body::<Cancel>().order, ReportReason::Requested);
                Progress::Done
            }
        }
    }

    /// Refuses a request for which there is no room: an order as a whole; of an open order the next report says that it
    /// stays as it is.
    fn refuse_request(&mut self, event: &Event) {
        let reason = ReportReason::VenueFull;
        let id = match Ask::of(event) {
            Ask::Place(order) => {
                let Order { id, quantity, strategy, .. } = order;
                let (instrument, side) = (event.header.instrument, Side::from_u8(order.side));
                let side = side.expect("events are checked where they enter");
                return self.refusals.push(Refusal { id, instrument, strategy, side, quantity, reason });
            }
            Ask::Modify(modify) => modify.order,
            Ask::Cancel(cancel) => cancel.order,
        };
        if let Some(slot) = self.orders.find(id).filter(|&slot| !self.orders.get(slot).state.is_final()) {
            self.orders.change(slot, |order| order.reason = reason);
        }
    }
}

#[cfg(test)]
mod tests;
