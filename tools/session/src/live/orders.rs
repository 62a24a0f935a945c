//! The order gateway of a live run: built with a consent, started when the journal is open, ended when nothing is under way.

use super::consent::{Consent, counts_units, not_clean};
use super::listings;
use super::log::Log;
use super::say::say;
use super::world::Opening;
use crate::exit::{Exit, Refusal};
use anyhow::Context;
use pitlane_config::{BrokerSettings, ForeignOrders, Settings};
use pitlane_engine::config::{InstrumentClass, InstrumentSpec, Product as Held};
use pitlane_engine::drive::broker::{Broker, GatewayEnds, Positions};
use pitlane_engine::event::Side;
use pitlane_engine::limits::{OPEN_ORDERS_MAX, PENDING_REPORTS_MAX};
use pitlane_engine::sequencer::Waiting;
use pitlane_engine::stages::live_venue::OpenOrder;
use pitlane_engine::units::{InstrumentId, NS_PER_S};
use pitlane_kite_feed::OrderUpdate;
use pitlane_kite_gateway::decimal::Decimal;
use pitlane_kite_gateway::driver::{Figures, GatewayThread, Rings, Shared, Start, restored};
use pitlane_kite_gateway::gateway::{Restored, Terms, Verdict, Wanted};
use pitlane_kite_gateway::instruments::{Instruments, Listed, Product};
use pitlane_kite_gateway::rest::{Credentials, Rest};
use pitlane_kite_gateway::session::Session;
use pitlane_kite_gateway::settings::{ForeignOrders as Foreign, Rates, Settings as GatewaySettings};
use pitlane_kite_gateway::wire::OrderRow;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// Orders, changes and cancels that may be on their way to the gateway: all that a kill sends at once, several times.
const INTENTS: usize = 8 * OPEN_ORDERS_MAX;
/// Order updates that may be on their way to it.
const UPDATES: usize = 4_096;
/// How long the start waits for the broker's lists, beside the time after which an order counts as never accepted.
const CLEAN_AFTER: Duration = Duration::from_secs(30);

/// The thread, where whoever has to can reach it.
pub(super) type Running = Arc<Mutex<Option<GatewayThread>>>;

/// A gateway that runs, with the ends that the helper needs.
pub(super) struct Gateway {
    /// The thread.
    pub(super) running: Running,
    /// What it is asked and what it shows.
    pub(super) shared: Arc<Shared>,
    /// The way of order updates to it.
    pub(super) updates: rtrb::Producer<OrderRow>,
    /// Whether the run waits for nothing but reports.
    pub(super) waiting: Waiting,
    /// The run's positions.
    pub(super) positions: Positions,
}

/// What the gateway is told of the configuration.
fn gateway_settings(broker: &BrokerSettings) -> GatewaySettings {
    let default = GatewaySettings::default();
    let BrokerSettings { orders_per_second, orders_per_minute, orders_per_day, .. } = *broker;
    // What entries leave to cancels and exits: three of eight, a third, a sixth.
    let rates = Rates {
        per_second: orders_per_second,
        per_minute: orders_per_minute,
        per_day: orders_per_day,
        reserve_second: (orders_per_second * 3 / 8).min(orders_per_second - 1),
        reserve_minute: (orders_per_minute / 3).min(orders_per_minute - 1),
        reserve_day: (orders_per_day / 6).min(orders_per_day - 1),
        ..default.rates
    };
    GatewaySettings {
        rates,
        entry_wait: broker.entry_wait_ns,
        absent_time: broker.absent_after_ns,
        reconcile_every: broker.reconcile_every_ns,
        foreign_orders: match broker.foreign_orders {
            ForeignOrders::Note => Foreign::Note,
            ForeignOrders::Halt => Foreign::Halt,
        },
        algo_id: broker.algo_id.clone(),
        ..default
    }
}

/// What the broker calls the run's instruments; an index has no orders and is left out.
fn listed(instruments: &[InstrumentSpec], held: Held) -> Instruments {
    let rows = (0..).zip(instruments).filter(|(_, spec)| spec.class != InstrumentClass::Index);
    Instruments::new(rows.map(|(id, spec)| {
        let (exchange, symbol) =
            spec.symbol.split_once(':').expect("symbols are checked where they are read");
        assert!(!spec.tradable || counts_units(spec), "{} is refused before the run begins", spec.symbol);
        let product = match (held, spec.class) {
            (Held::Intraday, _) => Product::Mis,
            (Held::Delivery, InstrumentClass::Future | InstrumentClass::Option) => Product::Nrml,
            (Held::Delivery, InstrumentClass::Equity | InstrumentClass::Index) => Product::Cnc,
        };
        Listed {
            instrument: InstrumentId(id),
            exchange: exchange.to_owned(),
            symbol: symbol.to_owned(),
            class: spec.class,
            product,
            tick: spec.tick.0,
            lot: spec.lot.0,
            multiplier: spec.multiplier,
            freeze: spec.freeze.0,
            tradable: spec.tradable,
        }
    }))
}

/// An order of the recovered run as the gateway takes it over.
fn restore(order: &OpenOrder) -> Restored {
    Restored {
        wanted: Wanted {
            id: order.id,
            instrument: order.instrument,
            strategy: order.strategy,
            cause: order.cause,
            side: order.side,
            order_type: order.order_type,
            validity: order.validity,
            intent: order.intent,
            terms: Terms {
                quantity: order.quantity.0,
                price: order.price.0,
                trigger: order.trigger.0,
                disclosed: order.disclosed.0,
            },
        },
        // Risk changes prices alone.
        quantity_before: 0,
        filled: order.filled.0,
        value: order.value.0,
        reports: order.reports,
        acknowledged: order.acknowledged,
        cancelling: order.cancelling,
    }
}

/// What the ticker says of an order, as the gateway reads it; `None` if it lacks what decides.
pub(super) fn order_row(update: &OrderUpdate) -> Option<OrderRow> {
    let decimal = |value: Option<pitlane_kite_feed::Decimal>| {
        value.map_or(Decimal::ZERO, |value| Decimal {
            mantissa: i128::from(value.digits),
            places: u32::from(value.places),
        })
    };
    let side = match update.transaction_type.as_deref()? {
        "BUY" => Side::Buy,
        "SELL" => Side::Sell,
        _ => return None,
    };
    let mut tags: Vec<String> = update.tag.iter().chain(&update.tags).cloned().collect();
    tags.dedup();
    let (quantity, filled) = (update.quantity?, update.filled_quantity?);
    // Not of what instrument: it would contradict the order that it is of.
    let (exchange, symbol) = (update.exchange.clone()?, update.tradingsymbol.clone()?);
    let fits = quantity > 0 && (0..=quantity).contains(&filled);
    fits.then(|| OrderRow {
        order_id: update.order_id.clone(),
        tags,
        status: update.status.clone(),
        message: update.status_message.clone().unwrap_or_default(),
        exchange,
        symbol,
        side,
        quantity,
        filled,
        average: decimal(update.average_price),
        price: decimal(update.price),
        trigger: decimal(update.trigger_price),
        product: update.product.clone().unwrap_or_default(),
        variety: update.variety.clone().unwrap_or_default(),
    })
}

/// Who the journal is, in its orders' tags.
fn journal(opening: &Opening<'_>) -> u64 {
    u64::from_le_bytes(opening.journal[..8].try_into().expect("eight of sixteen bytes"))
}

/// The broker's interface outside of the gateway.
fn rest(broker: &BrokerSettings, session: &Session) -> Rest {
    let credentials = Credentials::default();
    credentials.set(&session.api_key, &session.access_token);
    Rest::new(&broker.rest, credentials)
}

/// Holds the instruments against the broker's list, then starts the gateway and waits until it is armed: orders, trades and positions at the broker are what the journal says.
///
/// # Errors
/// If they are not, or the broker does not answer.
pub(super) fn open(
    consent: &Consent,
    settings: &Settings,
    instruments: &[InstrumentSpec],
    opening: &Opening<'_>,
    log: &mut Log,
) -> anyhow::Result<(Broker, Gateway)> {
    let inputs = opening.inputs.clone().context("a live run has a journal")?;
    let name = |id: &InstrumentId| instruments[id.index()].symbol.clone();
    for order in opening.orders {
        log.line(&format!("order {} of {} is looked for at the broker", order.id.0, name(&order.instrument)));
    }
    let rest = rest(&settings.broker, consent.session());
    log.line("holding the instruments against the broker's list");
    listings::check(instruments, settings.sim.date, &mut |exchange| rest.instruments(Some(exchange)))?;
    let core = restored(
        gateway_settings(&settings.broker),
        listed(instruments, settings.charges.product),
        journal(opening),
        opening.orders.iter().map(restore).collect(),
        opening.positions.clone(),
    )?;
    let (mut broker, GatewayEnds { orders, reports, waiting, positions }) =
        Broker::rings(INTENTS, PENDING_REPORTS_MAX);
    broker.kill_grace_ns = kill_grace_ns(settings);
    let (updates, updates_out) = rtrb::RingBuffer::new(UPDATES);
    let rings = Rings { intents: orders, updates: updates_out, reports };
    let start =
        Start { gateway: core, root: settings.broker.rest.clone(), session: consent.session().clone() };
    let thread = GatewayThread::start(start, rings, move || inputs.durable_seq())
        .context("cannot start the order gateway")?;
    let shared = thread.shared().clone();
    let figures = shared.clone();
    broker.nothing_open = Some(Box::new(move || {
        let figures = figures.figures();
        figures.live == 0 && figures.waiting == 0
    }));
    let gateway =
        Gateway { running: Arc::new(Mutex::new(Some(thread))), shared, updates, waiting, positions };
    armed(&gateway, settings, opening, log)?;
    Ok((broker, gateway))
}

/// How much longer a kill may take than on paper: until a lost exit is known to be absent, and its next try is settled. The
/// gateway goes by the wall clock, the run by the market's.
fn kill_grace_ns(settings: &Settings) -> u64 {
    if !settings.risk.flatten_on_kill {
        // Positions stay on purpose: there is no exit to wait for.
        return 0;
    }
    let wall_ns = settings.broker.absent_after_ns + CLEAN_AFTER.as_nanos() as u64 + settings.broker.settle_ns;
    wall_ns.saturating_mul(settings.clock.map_or(1, |clock| u64::from(clock.speed)))
}

fn armed(gateway: &Gateway, settings: &Settings, opening: &Opening<'_>, log: &mut Log) -> anyhow::Result<()> {
    let limit = CLEAN_AFTER + Duration::from_nanos(settings.broker.absent_after_ns);
    let started = Instant::now();
    let mut said = Vec::new();
    say("reconciling with the broker: orders, trades, positions ...");
    loop {
        for note in gateway.shared.take_notes() {
            let text = format!("{note:?}");
            log.line(&format!("gateway: {text}"));
            said.push(text);
        }
        let figures = gateway.shared.figures();
        let refuse = |exit, message: String| Err(Refusal { exit, message }.into());
        if figures.armed {
            log.line("the gateway is armed: the broker and the journal agree");
            return Ok(());
        }
        let stopped = opening.signals.exit();
        if figures.verdict == Verdict::Halt {
            return Err(not_clean(&said, opening.dir));
        } else if figures.token_dead {
            return refuse(
                Exit::Usage,
                "the broker refuses the access token; `engine login` makes a new one".into(),
            );
        } else if let Some(exit) = stopped {
            return refuse(exit, "stopped before the run began; nothing was traded".into());
        } else if ended(&gateway.running) {
            return refuse(Exit::Failure, "the order gateway ended; its message is above".into());
        } else if started.elapsed() > limit {
            let last = said.last().map_or_else(|| "it did not answer".to_owned(), Clone::clone);
            return refuse(
                Exit::Unavailable,
                format!("no clean reconciliation with {} within {limit:?}: {last}", settings.broker.rest),
            );
        }
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// Whether the thread has ended.
pub(super) fn ended(running: &Running) -> bool {
    let running = running.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    running.as_ref().is_none_or(GatewayThread::has_ended)
}

/// Whether nothing is left of what was sent.
const fn is_settled(figures: &Figures) -> bool {
    figures.quiet && figures.live == 0 && figures.waiting == 0
}

/// Decides when a gateway may go: when the run waits for nothing but reports and none can come any more. What is not final
/// after the time for that is taken back, and after as long again the gateway goes all the same.
pub(super) struct Settling {
    settle: Duration,
    since: Option<Instant>,
    /// Reports taken, and the gateway's round, when it was seen with nothing under way.
    seen: Option<(u64, u64)>,
    latched: bool,
}

/// Rounds of the gateway after which what was in the rings has been taken.
const ROUNDS: u64 = 20;

impl Settling {
    /// For a run whose end may wait for so long.
    pub(super) fn new(broker: &BrokerSettings) -> Self {
        Self { settle: settle(broker), since: None, seen: None, latched: false }
    }

    /// Tells the gateway to go if it may; `true` when it was told.
    pub(super) fn poll(&mut self, gateway: &Gateway, log: &mut Log) -> bool {
        let Some(taken) = gateway.waiting.taken() else { return false };
        let since = *self.since.get_or_insert_with(Instant::now);
        let figures = gateway.shared.figures();
        let (before, round) = *self.seen.get_or_insert((taken, figures.rounds));
        if !is_settled(&figures) || before != taken {
            self.seen = None;
        } else if figures.rounds >= round + ROUNDS {
            gateway.shared.stop();
            log.line("nothing is under way at the broker; the gateway ends");
            return true;
        }
        if since.elapsed() > self.settle && !std::mem::replace(&mut self.latched, true) {
            gateway.shared.latch();
            log.line(&format!("{} orders are not final after {:?}: taken back", figures.live, self.settle));
        }
        if since.elapsed() > 2 * self.settle {
            gateway.shared.stop();
            log.line(&left(&figures));
            return true;
        }
        false
    }
}

/// How long a run's end waits for its orders.
pub(super) fn settle(broker: &BrokerSettings) -> Duration {
    Duration::from_nanos(broker.settle_ns.max(NS_PER_S))
}

fn left(figures: &Figures) -> String {
    format!("{} ORDERS ARE STILL OPEN AT THE BROKER; the gateway ends, look at the account", figures.live)
}

/// For a run that ended without waiting for its orders: takes back what works at the broker, waits for that at most
/// `settle` long, and lets the gateway go. A gateway that has ended, or that has nothing, goes without a word.
pub(super) fn wind_down(running: &Running, shared: &Shared, settle: Duration, log: &mut Log) {
    if ended(running) {
        return;
    }
    shared.latch();
    let (began, since) = (shared.figures().rounds, Instant::now());
    let mut told = false;
    loop {
        std::thread::sleep(Duration::from_millis(1));
        let figures = shared.figures();
        // Some rounds later what the run sent last is in the figures, and so is the latch. After a panic its orders are
        // cancelled without it.
        if ended(running)
            || shared.rescue().is_some()
            || figures.rounds >= began + ROUNDS && is_settled(&figures)
        {
            break;
        }
        if figures.rounds >= began + ROUNDS && !std::mem::replace(&mut told, true) {
            log.line(&format!(
                "the run ended without its orders: {} at the broker are taken back, positions stay as they are",
                figures.live
            ));
        }
        if since.elapsed() > settle {
            log.line(&left(&figures));
            break;
        }
    }
    shared.stop();
}

#[cfg(test)]
mod tests {
    use super::*;
    use pitlane_engine::event::Intent;
    use pitlane_engine::units::{OrderId, Price, Qty, Seq, TsNs};

    #[test]
    fn every_setting_that_can_be_configured_makes_a_gateway() {
        for (second, minute, day) in [(1, 1, 1), (8, 180, 2_500), (10, 400, 5_000)] {
            let broker = BrokerSettings {
                orders_per_second: second,
                orders_per_minute: minute,
                orders_per_day: day,
                ..BrokerSettings::default()
            };
            gateway_settings(&broker).check().expect("the gateway takes it");
        }
        assert_eq!(gateway_settings(&BrokerSettings::default()).rates.reserve_second, 3);
    }

    #[test]
    fn instruments_have_their_names_and_products() {
        let settings = Settings::demo();
        let table = listed(&settings.instruments, Held::Delivery);
        let named = |symbol: &str| settings.instruments.iter().position(|spec| spec.symbol == symbol);
        let id = |symbol: &str| InstrumentId(named(symbol).expect("of the demo") as u32);
        let share = table.get(id("NSE:RELIANCE")).expect("a share");
        assert_eq!(
            (share.exchange.as_str(), share.symbol.as_str(), share.product),
            ("NSE", "RELIANCE", Product::Cnc)
        );
        assert_eq!(table.get(id("NFO:NIFTY26AUGFUT")).expect("a future").product, Product::Nrml);
        assert!(table.get(id("NSE:NIFTY 50")).is_none());
        let intraday = listed(&settings.instruments, Held::Intraday);
        assert!(intraday.iter().all(|row| row.product == Product::Mis));
    }

    /// A gateway whose broker cannot be reached, with orders that a run before it may have left there.
    fn gateway(orders: Vec<Restored>) -> (Running, Arc<Shared>) {
        let settings = Settings::demo();
        let table = listed(&settings.instruments, Held::Intraday);
        let core =
            restored(gateway_settings(&settings.broker), table, 5, orders, Vec::new()).expect("settings");
        let session = Session {
            user_id: "AB1234".to_owned(),
            api_key: "key".to_owned(),
            access_token: pitlane_kite_gateway::session::Secret::new("token"),
            made_ns: 0,
            expires_ns: u64::MAX,
        };
        let (_, GatewayEnds { orders, reports, .. }) = Broker::rings(4, 4);
        let (_, updates) = rtrb::RingBuffer::new(4);
        // A port that nobody listens on.
        let start = Start { gateway: core, root: "http://127.0.0.1:1".to_owned(), session };
        let thread = GatewayThread::start(start, Rings { intents: orders, updates, reports }, || u64::MAX)
            .expect("a thread");
        let shared = thread.shared().clone();
        (Arc::new(Mutex::new(Some(thread))), shared)
    }

    fn wait_until(what: impl Fn() -> bool) {
        let since = Instant::now();
        while !what() {
            assert!(since.elapsed() < Duration::from_secs(60), "it does not happen");
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    #[test]
    fn a_run_that_ended_badly_takes_its_orders_back_before_the_gateway_goes() {
        let dir = tempfile::TempDir::new().expect("a directory");
        let text = || std::fs::read_to_string(dir.path().join("live.log")).expect("a log");
        let order = OpenOrder {
            id: OrderId::new(Seq(9), 2),
            cause: Seq(9),
            instrument: InstrumentId(3),
            quantity: Qty(10),
            price: Price(500),
            acknowledged: true,
            ..OpenOrder::BLANK
        };
        let mut log = Log::default();
        log.beside(dir.path()).expect("a file");
        // Nothing is open: it goes at once.
        let (running, shared) = gateway(Vec::new());
        wind_down(&running, &shared, Duration::from_secs(600), &mut log);
        wait_until(|| ended(&running));
        assert_eq!(text(), "");
        // One may be, and nobody answers: it is latched, waited for no longer than that, and said.
        let (running, shared) = gateway(vec![restore(&order)]);
        wait_until(|| shared.figures().live == 1);
        wind_down(&running, &shared, Duration::from_millis(300), &mut log);
        assert!(shared.figures().latched);
        wait_until(|| ended(&running));
        assert!(text().contains("1 at the broker are taken back"), "{}", text());
        assert!(text().contains("1 ORDERS ARE STILL OPEN AT THE BROKER"), "{}", text());
        // It has gone.
        wind_down(&running, &shared, Duration::from_secs(600), &mut log);
    }

    #[test]
    fn an_update_without_what_decides_is_none() {
        let whole = OrderUpdate {
            received: TsNs(1),
            order_id: "1".to_owned(),
            status: "OPEN".to_owned(),
            exchange: Some("NSE".to_owned()),
            tradingsymbol: Some("ITC".to_owned()),
            transaction_type: Some("BUY".to_owned()),
            quantity: Some(10),
            filled_quantity: Some(4),
            average_price: Some(pitlane_kite_feed::Decimal { digits: 47_050, places: 2 }),
            tag: Some("pabc".to_owned()),
            tags: vec!["pabc".to_owned(), "mktp".to_owned()],
            ..OrderUpdate::default()
        };
        let row = order_row(&whole).expect("it is whole");
        assert_eq!((row.quantity, row.filled, row.average.scaled()), (10, 4, Some(4_705_000)));
        assert_eq!(row.tags, ["pabc", "mktp"]);
        for change in [
            (|update: &mut OrderUpdate| update.quantity = None) as fn(&mut OrderUpdate),
            |update| update.filled_quantity = None,
            |update| update.transaction_type = Some("HOLD".to_owned()),
            |update| update.filled_quantity = Some(11),
            |update| update.quantity = Some(0),
            |update| update.exchange = None,
            |update| update.tradingsymbol = None,
        ] {
            let mut changed = whole.clone();
            change(&mut changed);
            assert_eq!(order_row(&changed), None);
        }
    }

    #[test]
    fn a_recovered_order_keeps_its_terms() {
        let order = OpenOrder {
            id: OrderId::new(Seq(9), 2),
            cause: Seq(9),
            instrument: InstrumentId(3),
            side: Side::Sell,
            intent: Intent::Exit,
            quantity: Qty(10),
            price: Price(500),
            ..OpenOrder::BLANK
        };
        let taken = restore(&order);
        assert_eq!(
            (taken.wanted.cause, taken.wanted.side, taken.wanted.intent),
            (Seq(9), Side::Sell, Intent::Exit)
        );
        assert_eq!((taken.wanted.terms.quantity, taken.wanted.terms.price, taken.reports), (10, 500, 0));
    }
}
