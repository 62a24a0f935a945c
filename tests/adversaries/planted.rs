//! Broken promises, planted in a stream that keeps them all: the checker must see each. What it cannot see, it does not
//! promise.

use crate::checker::{Tally, check};
use crate::scenario::Scenario;
use pitlane_engine::config::{Broker, PipelineConfig};
use pitlane_engine::event::{
    Alarm, AlarmCode, Cancel, Event, FLAG_ENDO, Intent, Kind, Modify, Order, OrderState, Report,
    ReportReason, Rule, Verdict,
};
use pitlane_engine::units::{OrderId, Price, Qty};

/// A recorded session and the limits it is to be checked against.
#[derive(Clone)]
struct Recorded {
    config: PipelineConfig,
    inputs: Vec<Event>,
    outputs: Vec<Event>,
}

/// Doctors a recording; `false` if it has nothing that could be broken this way.
type Plant = fn(&mut Recorded, &Tally) -> bool;

/// The first output that `fits`.
fn first(recorded: &Recorded, fits: impl Fn(&Event) -> bool) -> Option<usize> {
    recorded.outputs.iter().position(fits)
}

fn is_order(event: &Event, entry: bool) -> bool {
    event.kind() == Kind::Order && (event.body::<Order>().intent == Intent::Entry as u8) == entry
}

/// The first order, of an entry or of an exit.
fn first_order(recorded: &Recorded, entry: bool) -> Option<usize> {
    first(recorded, |event| is_order(event, entry))
}

fn double(recorded: &mut Recorded, _: &Tally) -> bool {
    let Some(at) = first_order(recorded, true) else { return false };
    let order = recorded.outputs[at].body_mut::<Order>();
    order.quantity = Qty(order.quantity.0 * 2);
    true
}

fn double_exit(recorded: &mut Recorded, _: &Tally) -> bool {
    let Some(at) = first_order(recorded, false) else { return false };
    let order = recorded.outputs[at].body_mut::<Order>();
    order.quantity = Qty(order.quantity.0 * 2);
    let quantity = order.quantity;
    let verdict = recorded.outputs[at - 1].body_mut::<Verdict>();
    (verdict.wanted, verdict.allowed) = (quantity, quantity);
    true
}

/// Sends the first entry again in the step of the first event that `fits` and comes later: with its verdict, and with the
/// id of that step.
fn send_again(recorded: &mut Recorded, fits: impl Fn(&Event) -> bool) -> bool {
    let Some(at) = first_order(recorded, true) else { return false };
    let sent = recorded.outputs[at].header;
    let step = recorded.inputs.iter().find(|event| event.header.seq > sent.seq && fits(event));
    let Some(step) = step.map(|event| event.header) else { return false };
    let orders = recorded.outputs.iter().filter(|event| event.header.seq == step.seq);
    let orders = orders.filter(|event| event.kind() == Kind::Order).count() as u64;
    let id = OrderId::new(step.seq, orders);
    let (mut verdict, mut order) = (recorded.outputs[at - 1], recorded.outputs[at]);
    (verdict.header.seq, verdict.header.ts) = (step.seq, step.ts);
    (order.header.seq, order.header.ts) = (step.seq, step.ts);
    verdict.body_mut::<Verdict>().order = id;
    order.body_mut::<Order>().id = id;
    let place = recorded.outputs.partition_point(|event| event.header.seq <= step.seq);
    recorded.outputs.splice(place..place, [verdict, order]);
    true
}

fn after_a_kill(recorded: &mut Recorded, _: &Tally) -> bool {
    let killed =
        |event: &Event| event.kind() == Kind::Alarm && event.body::<Alarm>().code == AlarmCode::Killed as u8;
    let Some(kill) = first(recorded, killed).map(|at| recorded.outputs[at].header.seq) else { return false };
    send_again(recorded, |event| event.header.seq == kill)
}

fn at_the_end(recorded: &mut Recorded, _: &Tally) -> bool {
    send_again(recorded, |event| event.kind() == Kind::SessionEnd)
}

fn drop_first(recorded: &mut Recorded, fits: impl Fn(&Event) -> bool) -> bool {
    let found = first(recorded, fits);
    found.map(|at| recorded.outputs.remove(at)).is_some()
}

fn no_verdict(recorded: &mut Recorded, _: &Tally) -> bool {
    let Some(at) = first_order(recorded, true) else { return false };
    recorded.outputs.remove(at - 1);
    true
}

/// Takes an exit of the kind away: its verdict and order. What the venue said of it goes too.
fn drop_exit(recorded: &mut Recorded, intent: Intent) -> bool {
    let of = |event: &Event| event.kind() == Kind::Order && event.body::<Order>().intent == intent as u8;
    let Some(at) = first(recorded, of) else { return false };
    let id = recorded.outputs[at].body::<Order>().id;
    let concerns = |event: &Event| match event.kind() {
        Kind::Verdict => event.body::<Verdict>().order == id,
        Kind::Order => event.body::<Order>().id == id,
        Kind::Fill => event.body::<pitlane_engine::event::Fill>().order == id,
        Kind::Report => event.body::<Report>().order == id,
        _ => false,
    };
    recorded.outputs.retain(|event| !concerns(event));
    recorded.inputs.retain(|event| event.header.flags & FLAG_ENDO == 0 || !concerns(event));
    true
}

fn rejected(recorded: &mut Recorded, reason: ReportReason) -> bool {
    let Some(at) = first(recorded, |event| event.kind() == Kind::Report) else { return false };
    let report = recorded.outputs[at].body_mut::<Report>();
    (report.state, report.reason) = (OrderState::Rejected as u8, reason as u8);
    true
}

fn alarm(recorded: &mut Recorded, code: AlarmCode) -> bool {
    drop_first(recorded, |event| event.kind() == Kind::Alarm && event.body::<Alarm>().code == code as u8)
}

fn far_modify(recorded: &mut Recorded, _: &Tally) -> bool {
    let found = first(recorded, |event| event.kind() == Kind::Modify);
    if recorded.config.risk.price_collar_bps == 0 {
        return false;
    }
    found.map(|at| recorded.outputs[at].body_mut::<Modify>().price.0 *= 4).is_some()
}

fn cancel_of_nothing(recorded: &mut Recorded, _: &Tally) -> bool {
    let found = first(recorded, |event| event.kind() == Kind::Cancel);
    found.map(|at| recorded.outputs[at].body_mut::<Cancel>().order = OrderId(1)).is_some()
}

fn off_tick(recorded: &mut Recorded, _: &Tally) -> bool {
    let found = first_order(recorded, true);
    found.map(|at| recorded.outputs[at].body_mut::<Order>().price = Price(1)).is_some()
}

/// A limit that the stream went up to, made one less: `None` if nothing reached it, or none would be left.
fn below(tally: &Tally, what: &str) -> Option<i64> {
    let most = tally.most.get(what).and_then(|&most| i64::try_from(most).ok())?;
    (most > 1).then(|| most - 1)
}

fn tighten(tally: &Tally, what: &str, set: impl FnOnce(i64)) -> bool {
    below(tally, what).map(set).is_some()
}

/// Shares of an amount in bps, just too small for `most` of it.
fn bps_below(most: i64, whole: i64) -> i64 {
    ((i128::from(most) * 10_000 / i128::from(whole.max(1))) as i64 - 1).max(1)
}

/// What is planted, and the promise that has to be named first or later.
const PLANTS: &[(&str, &str, Plant)] = &[
    ("a doubled order", "verdict", double),
    ("an exit of twice the position", "exit", double_exit),
    ("an order without verdict", "verdict", no_verdict),
    ("a price off the tick", "shape", off_tick),
    ("an entry after a kill", "latch", after_a_kill),
    ("an entry at the session's end", "hours", at_the_end),
    ("an entry at the session's end", "entry_time", at_the_end),
    ("a signal that nobody gave", "signal", |recorded, _| {
        drop_first(recorded, |event| {
            event.kind() == Kind::Signal && event.body::<pitlane_engine::event::Signal>().action != 4
        })
    }),
    ("a stop loss that is not sent", "exits", |recorded, _| drop_exit(recorded, Intent::StopLoss)),
    ("a target that is not sent", "exits", |recorded, _| drop_exit(recorded, Intent::TakeProfit)),
    ("a square-off that is not sent", "exits", |recorded, _| drop_exit(recorded, Intent::SquareOff)),
    ("a flatten that is not sent", "exits", |recorded, _| drop_exit(recorded, Intent::Flatten)),
    ("a stop that was not reached", "intent", |recorded, _| {
        let found = first(recorded, |event| {
            event.kind() == Kind::Order && event.body::<Order>().intent == Intent::Exit as u8
        });
        let Some(at) = found else { return false };
        recorded.outputs[at].body_mut::<Order>().intent = Intent::StopLoss as u8;
        recorded.outputs[at - 1].body_mut::<Verdict>().intent = Intent::StopLoss as u8;
        true
    }),
    ("a cancel that is not sent", "cancels", |recorded, _| {
        drop_first(recorded, |event| {
            event.kind() == Kind::Cancel && event.body::<Cancel>().intent != Intent::Exit as u8
        })
    }),
    ("a cancel of nothing", "cancel", cancel_of_nothing),
    ("a change far from the market", "price_collar", far_modify),
    ("a halt that nobody hears of", "halt", |recorded, _| alarm(recorded, AlarmCode::Halted)),
    ("a position that nobody hears of", "flat", |recorded, _| alarm(recorded, AlarmCode::NotFlat)),
    ("an order that the market rejects", "venue", |recorded, _| rejected(recorded, ReportReason::Closed)),
    ("an order out of shape", "venue", |recorded, _| rejected(recorded, ReportReason::Malformed)),
    ("a report of more than was filled", "report", |recorded, _| {
        let found = first(recorded, |event| event.kind() == Kind::Report);
        found.map(|at| recorded.outputs[at].body_mut::<Report>().filled.0 += 1).is_some()
    }),
    ("a verdict that allows and blocks", "verdict", |recorded, _| {
        let found = first(recorded, |event| {
            event.kind() == Kind::Verdict && event.body::<Verdict>().rule == Rule::SessionHalted as u8
        });
        found.map(|at| recorded.outputs[at].body_mut::<Verdict>().allowed = Qty(1)).is_some()
    }),
    // The same stream against limits that it went past.
    ("orders_per_second", "orders_per_second", |r, t| {
        tighten(t, "orders_per_second", |most| r.config.risk.orders_per_second = most as u32)
    }),
    ("the entries' share of a second", "entry_rate", |r, t| {
        tighten(t, "orders_per_second", |most| r.config.risk.orders_per_second = most as u32)
    }),
    ("trades_per_day", "trades_per_day", |r, t| {
        tighten(t, "trades_per_day", |most| r.config.risk.trades_per_day = most as u32)
    }),
    ("trades_per_symbol", "trades_per_symbol", |r, t| {
        tighten(t, "trades_per_symbol", |most| r.config.risk.trades_per_symbol = most as u32)
    }),
    ("open_positions", "open_positions", |r, t| {
        tighten(t, "open_positions", |most| r.config.risk.open_positions_max = most as u32)
    }),
    ("order_quantity", "order_quantity", |r, t| {
        tighten(t, "order_quantity", |most| r.config.risk.order_quantity_max = Qty(most))
    }),
    ("freeze", "freeze", |r, t| {
        tighten(t, "freeze", |most| r.config.instruments.iter_mut().for_each(|spec| spec.freeze = Qty(most)))
    }),
    ("order_value", "order_value", |r, t| {
        let capital = r.config.risk.capital.0;
        tighten(t, "order_value", |most| r.config.risk.order_value_bps = bps_below(most, capital))
    }),
    ("price_collar", "price_collar", |r, t| {
        tighten(t, "price_collar", |most| r.config.risk.price_collar_bps = most)
    }),
    ("exposure", "exposure", |r, t| tighten(t, "exposure", |most| r.config.risk.exposure_bps = most)),
    ("leverage", "leverage", |r, t| tighten(t, "leverage", |most| r.config.risk.leverage_bps = most)),
    ("derivatives_value", "derivatives_value", |r, t| {
        tighten(t, "derivatives_value", |most| r.config.risk.derivatives_bps = most)
    }),
    ("daily_loss", "halt", |r, t| {
        let capital = r.config.risk.capital.0;
        tighten(t, "loss", |most| r.config.risk.daily_loss_bps = bps_below(most, capital))
    }),
    ("drawdown", "halt", |r, t| {
        let capital = r.config.risk.capital.0;
        tighten(t, "drawdown", |most| r.config.risk.drawdown_bps = bps_below(most, capital))
    }),
    ("symbol_loss", "symbol_loss", |r, t| {
        let capital = r.config.risk.capital.0;
        tighten(t, "symbol_loss", |most| r.config.risk.symbol_loss_bps = bps_below(most / 8, capital))
    }),
    ("charges that nobody took", "halt", |r, _| {
        let none = r.config.charges.broker == Broker::None;
        r.config.charges.broker = Broker::Zerodha;
        none
    }),
    ("charges that somebody took", "halt", |r, _| {
        let taken = r.config.charges.broker == Broker::Zerodha;
        r.config.charges.broker = Broker::None;
        taken
    }),
    ("a stop loss nearer by", "exits", |r, _| {
        r.config.strategies.iter_mut().for_each(|terms| terms.stop_loss_bps = 1);
        true
    }),
    ("a holding time", "exits", |r, _| {
        r.config.strategies.iter_mut().for_each(|terms| terms.holding_ns = 1);
        true
    }),
    ("nobody may sell short", "short", |r, _| {
        r.config.strategies.iter_mut().for_each(|terms| terms.allow_short = false);
        true
    }),
    ("an earlier end of entries", "entry_time", |r, _| {
        r.config.risk.no_new_entry_s = 33_305;
        true
    }),
    ("an earlier square-off", "exits", |r, _| {
        r.config.risk.square_off_s = 33_303;
        true
    }),
];

/// Every plant is seen in one of `sessions` from `base` on; what was not, by name.
pub(crate) fn unseen(base: u64, sessions: u64) -> Vec<&'static str> {
    let mut left: Vec<_> = PLANTS.iter().collect();
    for n in 0..sessions {
        if left.is_empty() {
            break;
        }
        let scenario = Scenario::new(base.wrapping_add(n));
        let (inputs, outputs) = scenario.run();
        let clean = Recorded { config: scenario.config.clone(), inputs, outputs };
        let (violations, tally) = check(&scenario, &clean.config, &clean.inputs, &clean.outputs);
        assert!(violations.is_empty(), "the stream is sound before it is doctored");
        left.retain(|(name, promise, plant)| {
            let mut doctored = clean.clone();
            if !plant(&mut doctored, &tally) {
                return true;
            }
            let (found, _) = check(&scenario, &doctored.config, &doctored.inputs, &doctored.outputs);
            let seen = found.iter().any(|violation| violation.promise == *promise);
            if seen {
                println!("{name}: {promise} in session {}", base.wrapping_add(n));
            }
            !seen
        });
    }
    left.into_iter().map(|(name, ..)| *name).collect()
}
