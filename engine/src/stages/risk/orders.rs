//! From what is wanted to orders: cancels, exits and entries of one instrument.

use super::checks::Ruling;
use super::desk::Desk;
use super::desk::{Target, Working};
use super::reprice::passive_price;
use super::{Bounded, Risk};
use crate::config::Conflict;
use crate::event::{
    Cancel, Decision, Event, Intent, Order, OrderType, Rule, Side, StageId, Validity, Verdict,
};
use crate::limits::OPEN_ORDERS_MAX;
use crate::stage::Emit;
use crate::units::{InstrumentId, Money, OrderId, Price, Qty, StrategyId, quotient};

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
    /// Cancels go first, then exits; an entry waits until nothing of the desk is under way and, unless stances
    /// are netted, the position is flat.
    pub(super) fn pursue(&mut self, at: usize, retry: bool, out: &mut Bounded<'_, impl Emit>) {
        self.cancel_unwanted(at, retry, out);
        if self.config.conflict == Conflict::Netting {
            self.pursue_sum(at, out);
        } else {
            self.pursue_target(at, out);
        }
    }

    /// Brings the desk to the position that the claim with the say wants.
    fn pursue_target(&mut self, at: usize, out: &mut Bounded<'_, impl Emit>) {
        let desk = &self.desks[at];
        let position = self.ledger.position(desk.instrument);
        let (held, all) = (position.closing_side(), position.quantity.abs());
        let opening = desk.target.entry_side();
        if let Some(closing) = held {
            let contrary = desk.target == Target::Flat || opening == Some(closing);
            if contrary || self.must_close(desk) {
                if desk.exit.is_none() && self.may_exit(desk) {
                    self.send_exit(at, closing, all, out);
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
                let desk = &self.desks[at];
                let size = self.entry_size(desk, &desk.claims[desk.speaker]);
                self.propose_entry(at, side, size, out);
            }
            (None, None) => self.set_target(at, Target::Reached),
            (Some(entry), Some(side)) if entry.side == side && !entry.cancelling => {
                self.set_target(at, Target::Reached);
            }
            (Some(_), _) => {} // its final report decides
        }
    }

    /// Brings the desk to the sum of what its strategies want. What is too much is closed, what is missing is
    /// entered; a sum of the other sign is entered when the position is flat.
    fn pursue_sum(&mut self, at: usize, out: &mut Bounded<'_, impl Emit>) {
        let desk = &self.desks[at];
        let must_close = self.must_close(desk);
        if desk.target == Target::Reached && !must_close || desk.exit.is_some() {
            return;
        }
        let (position, net) = (self.ledger.position(desk.instrument), desk.net());
        let held = position.quantity;
        if let Some(closing) = position.closing_side() {
            let kept = if must_close || held.0.signum() != net.0.signum() { Qty::ZERO } else { net.abs() };
            // Lots: what is left of one by the venue's fills goes with the whole position.
            let excess = held.abs() - kept;
            let excess = if kept.is_zero() { excess } else { excess.floor_to_lot(desk.lot) };
            if excess.0 > 0 {
                if self.may_exit(desk) {
                    self.send_exit(at, closing, excess, out);
                }
                return;
            }
        }
        if let Some(entry) = &desk.entry {
            // Else its final report decides.
            if held + entry.coming() == net && !entry.cancelling {
                self.set_target(at, Target::Reached);
            }
            return;
        }
        let missing = net - held;
        let wanted = missing.abs().floor_to_lot(desk.lot);
        self.set_target(at, Target::Reached);
        if !wanted.is_zero() {
            let side = if missing.0 > 0 { Side::Buy } else { Side::Sell };
            self.propose_entry(at, side, wanted, out);
        }
    }

    /// Whether the resting entry would take the position past the sum that is wanted.
    fn overshoots(&self, desk: &Desk, entry: &Working) -> bool {
        let sum = self.ledger.position(desk.instrument).quantity + entry.coming();
        self.config.conflict == Conflict::Netting
            && desk.target != Target::Reached
            && (sum - desk.net()).0 * entry.side.sign() > 0
    }

    /// Cancels a resting entry that is not wanted. An IOC order is not cancelled: it cannot rest.
    fn cancel_unwanted(&mut self, at: usize, retry: bool, out: &mut Bounded<'_, impl Emit>) {
        let desk = &self.desks[at];
        let intent = if self.killed { Intent::Flatten } else { self.exit_intent(desk) };
        let stop = self.closing(desk) || desk.barred;
        let target = desk.target;
        let Some(entry) = desk.entry.as_ref().filter(|entry| entry.rests) else { return };
        let contrary = target == Target::Flat || target.entry_side().is_some_and(|side| side != entry.side);
        let unwanted = stop || contrary || self.overshoots(desk, entry);
        if unwanted && (retry || !entry.cancelling) && self.may_trade(desk) {
            let (strategy, order) = (desk.owner().strategy, entry.id);
            let body = Cancel { order, strategy, intent: intent as u8, reserved: [0; 21] };
            out.emit(&Event::output(StageId::Risk, &self.cause, desk.instrument, &body));
            self.desks[at].entry.as_mut().expect("looked at just now").cancelling = true;
        }
    }

    /// Whether the desk's position has to go, whatever its strategies want.
    pub(super) fn must_close(&self, desk: &Desk) -> bool {
        desk.barred || desk.closing.is_some() || self.must_flatten(desk)
    }

    /// Why an exit is sent now.
    fn exit_intent(&self, desk: &Desk) -> Intent {
        if self.halted || desk.barred || self.flatten || self.killed && self.config.flatten_on_kill {
            Intent::Flatten
        } else if self.squaring(desk) {
            Intent::SquareOff
        } else {
            desk.closing.unwrap_or(Intent::Exit)
        }
    }

    /// Sends a protected IOC order that closes `wanted` of the position, or the part of it that one order may
    /// have.
    fn send_exit(&mut self, at: usize, side: Side, wanted: Qty, out: &mut Bounded<'_, impl Emit>) {
        let desk = &self.desks[at];
        let intent = self.exit_intent(desk);
        // A stop, a target, a holding time are the owner's terms, though no signal asks for the exit.
        let (signal, strategy) = match intent {
            Intent::Exit => (desk.signal, desk.owner().strategy),
            Intent::Entry | Intent::SquareOff | Intent::Flatten => (0, StrategyId::NONE),
            Intent::StopLoss | Intent::TakeProfit | Intent::HoldingTime => (0, desk.owner().strategy),
        };
        let (rule, most) = self.order_most(desk);
        let orders = self.open_orders + 1;
        let ruling = if orders > OPEN_ORDERS_MAX {
            Ruling::block(Rule::OpenOrders, orders as i64, OPEN_ORDERS_MAX as i64, wanted)
        } else if let Some((observed, limit)) = self.rate.exit_objection(self.cause.ts) {
            self.waiting = self.waiting.or(Some(at));
            Ruling::block(Rule::OrderRate, observed, limit, wanted)
        } else if !most.is_zero() && wanted > most {
            // At least a lot: a limit below it must not keep a position open.
            let slice = most.floor_to_lot(desk.lot).max(desk.lot).min(wanted);
            Ruling::allow(wanted).reduce(rule, wanted.0, most.0, slice)
        } else {
            Ruling::allow(wanted)
        };
        let price = self.exit_price(at, side);
        let ticket = Ticket { signal, strategy, side, price, validity: Validity::Ioc, intent };
        self.desks[at].exit = self.send(at, &ruling, &ticket, out);
    }

    /// The largest quantity of one order of the desk and the rule that says so; zero = any.
    fn order_most(&self, desk: &Desk) -> (Rule, Qty) {
        let (most, freeze) = (self.config.order_quantity_max, desk.freeze);
        if most.is_zero() || !freeze.is_zero() && freeze < most {
            (Rule::FreezeQuantity, freeze)
        } else {
            (Rule::OrderQuantity, most)
        }
    }

    /// Proposes an entry of `wanted` units: for the claim whose wish it is, or, as an addition to a position, for
    /// the position's owner.
    fn propose_entry(&mut self, at: usize, side: Side, wanted: Qty, out: &mut Bounded<'_, impl Emit>) {
        let occupied = self.is_occupied(at);
        let desk = &self.desks[at];
        let by = if occupied { desk.owner } else { desk.speaker };
        let claim = &desk.claims[by];
        let (price, validity) = if claim.passive {
            (passive_price(self.last(desk), side, desk.tick), Validity::Day)
        } else {
            (self.protected_price(at, side), Validity::Ioc)
        };
        let wanted = with_value(wanted, price.max(self.last(desk)), desk);
        let ruling = self.check_entry(desk, claim, side, price, wanted);
        let netting = self.config.conflict == Conflict::Netting;
        // Of a sum, the signal that asked for the direction, not the one that moved the sum.
        let signal = if netting { desk.claims[desk.speaker].signal } else { desk.signal };
        let strategy = claim.strategy;
        let ticket = Ticket { signal, strategy, side, price, validity, intent: Intent::Entry };
        let entry = self.send(at, &ruling, &ticket, out);
        let sent = u32::from(entry.is_some());
        self.occupied += if occupied { 0 } else { sent };
        self.trades += sent;
        let desk = &mut self.desks[at];
        desk.trades += sent;
        if entry.is_some() {
            desk.owner = by;
        }
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
            trigger: Price::ZERO,
            disclosed: Qty::ZERO,
            flags: 0,
            reserved: [0; 41],
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
            since: self.cause.ts,
            asked: None,
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

    /// Records the ruling on an entry that is not sent.
    pub(super) fn emit_entry_verdict(
        &self,
        at: usize,
        ruling: &Ruling,
        (signal, strategy): (u64, StrategyId),
        side: Side,
        out: &mut Bounded<'_, impl Emit>,
    ) {
        let (validity, intent) = (Validity::Ioc, Intent::Entry);
        let ticket = Ticket { signal, strategy, side, price: Price::ZERO, validity, intent };
        self.emit_verdict(self.desks[at].instrument, ruling, &ticket, OrderId::ZERO, out);
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

/// The part of `wanted`, in lots, that has a value at `price` at all: a quantity of an earlier price meets the
/// price of now, and a corrupt one must not stop a process that holds positions.
fn with_value(wanted: Qty, price: Price, desk: &Desk) -> Qty {
    let one = i128::from(price.0) * i128::from(desk.multiplier);
    let most = quotient(i128::from(i64::MAX), one.max(1));
    if i128::from(wanted.0) <= most { wanted } else { Qty(most as i64).floor_to_lot(desk.lot) }
}

/// `price` on the tick, never further than asked: down for a buy, up for a sell; at least one tick, because
/// an order at zero would be refused.
pub(super) fn rounded(price: Price, side: Side, tick: Price) -> Price {
    match side {
        Side::Buy => price.floor_to(tick).max(tick),
        Side::Sell => price.ceil_to(tick).max(tick),
    }
}
