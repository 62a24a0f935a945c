//! From what is wanted to orders: cancels, exits and entries of one instrument.

use super::checks::Ruling;
use super::desk::Desk;
use super::desk::{Target, Working};
use super::{Bounded, Risk};
use crate::event::{
    Cancel, Decision, Event, Intent, Order, OrderType, Rule, Side, StageId, Validity, Verdict,
};
use crate::limits::OPEN_ORDERS_MAX;
use crate::stage::Emit;
use crate::units::{InstrumentId, Money, OrderId, Price, Qty, StrategyId};

/// An order before its id.
struct Ticket {
    signal: u64,
    strategy: StrategyId,
    side: Side,
    price: Price,
    validity: Validity,
    intent: Intent,
}

/// How far an exit's limit may move from the last price, in bps, however often exits are missed.
const EXIT_WIDTH_BPS_MAX: i64 = 2_000;

impl Risk {
    /// Does what brings the desk nearer to what is wanted, as far as its orders under way allow. Emits at
    /// most `PER_DESK` events. `retry` repeats cancels that were not answered.
    ///
    /// Cancels go first, then exits; an entry waits until the position is flat and nothing of the desk is
    /// under way.
    pub(super) fn pursue(&mut self, at: usize, retry: bool, out: &mut Bounded<'_, impl Emit>) {
        self.cancel_unwanted(at, retry, out);
        let desk = &self.desks[at];
        let held = self.ledger.position(desk.instrument).closing_side();
        let opening = desk.target.entry_side();
        if let Some(closing) = held {
            let contrary = desk.target == Target::Flat || opening == Some(closing);
            if contrary || self.must_close(desk) {
                if desk.exit.is_none() && self.may_trade() {
                    self.send_exit(at, closing, out);
                }
            } else if desk.exit.is_none() {
                // Held on the wanted side: a repeated wish, or an exit that is wanted no more.
                self.set_target(at, Target::Reached);
            }
            return;
        }
        if desk.exit.is_some() {
            return;
        }
        match (desk.entry.as_ref(), opening) {
            (None, Some(side)) => {
                self.set_target(at, Target::Reached);
                self.propose_entry(at, side, out);
            }
            (None, None) => self.set_target(at, Target::Reached),
            (Some(entry), Some(side)) if entry.side == side && !entry.cancelling => {
                self.set_target(at, Target::Reached);
            }
            (Some(_), _) => {} // its final report decides
        }
    }

    /// Cancels a resting entry that is not wanted. An IOC order is not cancelled: it cannot rest.
    fn cancel_unwanted(&mut self, at: usize, retry: bool, out: &mut Bounded<'_, impl Emit>) {
        let desk = &self.desks[at];
        let intent = if self.killed { Intent::Flatten } else { self.exit_intent(desk) };
        let stop = self.closing() || desk.barred;
        let desk = &mut self.desks[at];
        let target = desk.target;
        let Some(entry) = desk.entry.as_mut().filter(|entry| entry.rests) else { return };
        let contrary = target == Target::Flat || target.entry_side().is_some_and(|side| side != entry.side);
        if (stop || contrary) && (retry || !entry.cancelling) {
            entry.cancelling = true;
            let (strategy, order) = (desk.strategy, entry.id);
            let body = Cancel { order, strategy, intent: intent as u8, reserved: [0; 21] };
            out.emit(&Event::output(StageId::Risk, &self.cause, desk.instrument, &body));
        }
    }

    /// Whether the desk's position has to go, whatever its strategy wants.
    fn must_close(&self, desk: &Desk) -> bool {
        desk.barred || self.must_flatten()
    }

    /// Why an exit is sent now.
    fn exit_intent(&self, desk: &Desk) -> Intent {
        if self.halted || desk.barred || self.killed && self.config.flatten_on_kill {
            Intent::Flatten
        } else if self.squaring {
            Intent::SquareOff
        } else {
            Intent::Exit
        }
    }

    /// Sends a protected IOC order that closes the position, or the part of it that one order may have.
    fn send_exit(&mut self, at: usize, side: Side, out: &mut Bounded<'_, impl Emit>) {
        let desk = &self.desks[at];
        let intent = self.exit_intent(desk);
        let (signal, strategy) =
            if intent == Intent::Exit { (desk.signal, desk.strategy) } else { (0, StrategyId::NONE) };
        let wanted = self.ledger.position(desk.instrument).quantity.abs();
        let most = self.config.order_quantity_max;
        let orders = self.open_orders + 1;
        let ruling = if orders > OPEN_ORDERS_MAX {
            Ruling::block(Rule::OpenOrders, orders as i64, OPEN_ORDERS_MAX as i64, wanted)
        } else if let Some((observed, limit)) = self.rate.exit_objection(self.cause.ts) {
            self.waiting = self.waiting.or(Some(at));
            Ruling::block(Rule::OrderRate, observed, limit, wanted)
        } else if !most.is_zero() && wanted > most {
            // At least a lot: a limit below it must not keep a position open.
            let slice = most.floor_to_lot(desk.lot).max(desk.lot).min(wanted);
            Ruling::allow(wanted).reduce(Rule::OrderQuantity, wanted.0, most.0, slice)
        } else {
            Ruling::allow(wanted)
        };
        let price = self.exit_price(at, side);
        let ticket = Ticket { signal, strategy, side, price, validity: Validity::Ioc, intent };
        self.desks[at].exit = self.send(at, &ruling, &ticket, out);
    }

    /// Proposes the entry that the desk's signal asks for.
    fn propose_entry(&mut self, at: usize, side: Side, out: &mut Bounded<'_, impl Emit>) {
        let desk = &self.desks[at];
        let (price, validity) = if desk.passive {
            (rounded(self.last(desk), side, desk.tick), Validity::Day)
        } else {
            (self.protected_price(at, side), Validity::Ioc)
        };
        let ruling = self.check_entry(desk, side, price);
        let (signal, strategy) = (desk.signal, desk.strategy);
        let ticket = Ticket { signal, strategy, side, price, validity, intent: Intent::Entry };
        let entry = self.send(at, &ruling, &ticket, out);
        let sent = u32::from(entry.is_some());
        self.occupied += sent;
        self.trades += sent;
        let desk = &mut self.desks[at];
        desk.trades += sent;
        desk.entry = entry;
        if ruling.decision == Decision::HaltSession {
            self.latch_halt(Money(ruling.observed), out);
        }
    }

    /// Records the ruling and, if it allows a quantity, sends the order.
    fn send(
        &mut self,
        at: usize,
        ruling: &Ruling,
        ticket: &Ticket,
        out: &mut Bounded<'_, impl Emit>,
    ) -> Option<Working> {
        let instrument = self.desks[at].instrument;
        let id = if ruling.allowed.is_zero() { OrderId::ZERO } else { self.next_order_id() };
        self.emit_verdict(instrument, ruling, ticket, id, out);
        if id.is_zero() {
            return None;
        }
        let body = Order {
            id,
            signal: ticket.signal,
            quantity: ruling.allowed,
            price: ticket.price,
            strategy: ticket.strategy,
            side: ticket.side as u8,
            order_type: OrderType::Limit as u8,
            validity: ticket.validity as u8,
            intent: ticket.intent as u8,
            reserved: [0; 58],
        };
        out.emit(&Event::output(StageId::Risk, &self.cause, instrument, &body));
        self.open_orders += 1;
        self.rate.count(self.cause.ts);
        Some(Working {
            id,
            side: ticket.side,
            quantity: ruling.allowed,
            price: ticket.price,
            filled: Qty::ZERO,
            value: Money::ZERO,
            reports: 0,
            rests: ticket.validity == Validity::Day,
            cancelling: false,
        })
    }

    fn emit_verdict(
        &self,
        instrument: InstrumentId,
        ruling: &Ruling,
        ticket: &Ticket,
        order: OrderId,
        out: &mut Bounded<'_, impl Emit>,
    ) {
        let body = Verdict {
            signal: ticket.signal,
            order,
            wanted: ruling.wanted,
            allowed: ruling.allowed,
            observed: ruling.observed,
            limit: ruling.limit,
            strategy: ticket.strategy,
            decision: ruling.decision as u8,
            rule: ruling.rule as u8,
            side: ticket.side as u8,
            intent: ticket.intent as u8,
            reserved: [0; 42],
        };
        out.emit(&Event::output(StageId::Risk, &self.cause, instrument, &body));
    }

    /// Records that a loss of the session reached its limit at an event of `instrument`.
    pub(super) fn emit_halt_verdict(
        &self,
        instrument: InstrumentId,
        (rule, loss, limit): (Rule, Money, Money),
        out: &mut Bounded<'_, impl Emit>,
    ) {
        let (observed, limit) = (loss.0, limit.0);
        let none = Qty::ZERO;
        let decision = Decision::HaltSession;
        let ruling = Ruling { decision, rule, observed, limit, wanted: none, allowed: none };
        self.emit_loss_verdict(instrument, &ruling, out);
    }

    /// Records that the desk's own loss reached its limit.
    pub(super) fn emit_bar_verdict(
        &self,
        at: usize,
        loss: Money,
        limit: Money,
        out: &mut Bounded<'_, impl Emit>,
    ) {
        let ruling = Ruling::block(Rule::SymbolLoss, loss.0, limit.0, Qty::ZERO);
        self.emit_loss_verdict(self.desks[at].instrument, &ruling, out);
    }

    /// A verdict that no order caused. The side is the one that would close the position.
    fn emit_loss_verdict(&self, instrument: InstrumentId, ruling: &Ruling, out: &mut Bounded<'_, impl Emit>) {
        let ticket = Ticket {
            signal: 0,
            strategy: StrategyId::NONE,
            side: self.ledger.position(instrument).closing_side().unwrap_or(Side::Sell),
            price: Price::ZERO,
            validity: Validity::Ioc,
            intent: Intent::Flatten,
        };
        self.emit_verdict(instrument, ruling, &ticket, OrderId::ZERO, out);
    }

    /// The last price moved by the protection in the direction that costs, on the tick.
    fn protected_price(&self, at: usize, side: Side) -> Price {
        let desk = &self.desks[at];
        let moved = self.last(desk).shifted_bps(side.sign() * self.config.protection_bps);
        rounded(moved, side, desk.tick)
    }

    /// The limit of an exit. It must be reachable: rounded away from the last price, so that there is always a tick to
    /// trade through, and wider by one protection and one tick for each exit in a row that was not filled at all.
    /// Losing a little more is better than a position that cannot be closed.
    fn exit_price(&self, at: usize, side: Side) -> Price {
        let desk = &self.desks[at];
        let tries = i64::from(desk.exit_misses) + 1;
        let width_bps =
            (self.config.protection_bps * tries).min(EXIT_WIDTH_BPS_MAX.max(self.config.protection_bps));
        let moved = self.last(desk).shifted_bps(side.sign() * width_bps);
        let extra = desk.tick.0 * (tries - 1);
        match side {
            Side::Buy => Price(moved.ceil_to(desk.tick).0 + extra),
            Side::Sell => Price((moved.floor_to(desk.tick).0 - extra).max(desk.tick.0)),
        }
    }

    fn next_order_id(&mut self) -> OrderId {
        let id = OrderId::new(self.cause.seq, self.orders_in_step);
        self.orders_in_step += 1;
        id
    }
}

/// `price` on the tick, never further than asked: down for a buy, up for a sell; at least one tick, because
/// an order at zero would be refused.
fn rounded(price: Price, side: Side, tick: Price) -> Price {
    match side {
        Side::Buy => price.floor_to(tick).max(tick),
        Side::Sell => price.ceil_to(tick).max(tick),
    }
}
