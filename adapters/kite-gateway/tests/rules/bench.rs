//! The gateway, and a broker that says just what it is told to say.

use pitlane_engine::config::InstrumentClass;
use pitlane_engine::event::{
    Cancel, Event, FLAG_OUT, Intent, Modify, Order, OrderState, OrderType, Report, ReportReason, Side,
    Validity,
};
use pitlane_engine::units::{InstrumentId, NS_PER_S, OrderId, Price, Qty, Seq, StrategyId};
use pitlane_kite_gateway::Gateway;
use pitlane_kite_gateway::call::{Answer, Call, CallError, CallKind};
use pitlane_kite_gateway::gateway::{Note, Restored};
use pitlane_kite_gateway::instruments::{Instruments, Listed, Product};
use pitlane_kite_gateway::settings::Settings;

/// State and reason of what never left.
pub(crate) const NOT_SENT: (u8, u8) = (OrderState::Rejected as u8, ReportReason::NotSent as u8);
pub(crate) const START: u64 = 1_795_235_400 * NS_PER_S;
pub(crate) const JOURNAL: u64 = 7;
pub(crate) const NAMES: [(&str, &str); 3] = [("NSE", "AAA"), ("NSE", "BBB"), ("MCX", "CRUDEOIL26NOVFUT")];

/// The gateway and what the broker says when it is asked.
pub(crate) struct Bench {
    pub(crate) gateway: Gateway,
    pub(crate) now: u64,
    pub(crate) seq: u64,
    /// Whether what causes a request is durable at once.
    pub(crate) durable: bool,
    pub(crate) orders: Vec<String>,
    pub(crate) trades: Vec<String>,
    pub(crate) positions: [i64; 3],
    /// Rows that the list of positions has beside those.
    pub(crate) other_positions: Vec<String>,
    /// Order calls that left, not answered.
    pub(crate) left: Vec<Call>,
    /// Lists of orders that are not answered yet, if they are to wait.
    pub(crate) held: Option<Vec<Call>>,
    pub(crate) reports: Vec<Event>,
    pub(crate) notes: Vec<Note>,
}

pub(crate) fn ok(data: &str) -> Result<Answer, CallError> {
    Ok(Answer { status: 200, body: format!(r#"{{"status":"success","data":{data}}}"#).into_bytes() })
}

pub(crate) fn refused(status: u16, kind: &str, words: &str) -> Result<Answer, CallError> {
    let body = format!(r#"{{"status":"error","message":"{words}","error_type":"{kind}","data":null}}"#);
    Ok(Answer { status, body: body.into_bytes() })
}

pub(crate) fn row(id: &str, at: usize, status: &str, tag: &str, filled: i64) -> String {
    let (exchange, symbol) = NAMES[at];
    format!(
        r#"{{"order_id":"{id}","status":"{status}","exchange":"{exchange}","tradingsymbol":"{symbol}",
        "transaction_type":"SELL","quantity":10,"price":100,"trigger_price":99,"average_price":0,
        "filled_quantity":{filled},"product":"MIS","variety":"regular","tag":"{tag}"}}"#
    )
}

impl Bench {
    pub(crate) fn new(settings: Settings, positions: [i64; 3]) -> Self {
        Self::restored(settings, positions, None)
    }

    /// A gateway that takes an order over.
    pub(crate) fn restored(settings: Settings, positions: [i64; 3], order: Option<Restored>) -> Self {
        let rows = (0..).zip(NAMES).map(|(id, (exchange, symbol))| Listed {
            instrument: InstrumentId(id),
            exchange: exchange.into(),
            symbol: symbol.into(),
            class: if id == 2 { InstrumentClass::Future } else { InstrumentClass::Equity },
            product: Product::Mis,
            tick: 500,
            lot: 1,
            multiplier: 1,
            freeze: if id == 1 { 10 } else { 0 },
            tradable: true,
        });
        let mut gateway = Gateway::new(settings, Instruments::new(rows), JOURNAL, START).unwrap();
        gateway.restore(order, (0..).zip(positions).map(|(id, held)| (InstrumentId(id), Qty(held))));
        let (orders, trades, left) = (Vec::new(), Vec::new(), Vec::new());
        let (reports, notes, other_positions) = (Vec::new(), Vec::new(), Vec::new());
        Self {
            gateway,
            now: START,
            seq: 0,
            durable: true,
            orders,
            trades,
            positions,
            other_positions,
            left,
            held: None,
            reports,
            notes,
        }
    }

    /// Time goes on; questions are answered at once.
    pub(crate) fn run(&mut self, seconds: u64) {
        for _ in 0..seconds * 4 {
            self.now += NS_PER_S / 4;
            self.gateway.on_tick(self.now);
            self.take();
        }
    }

    pub(crate) fn take(&mut self) {
        while let Some(call) = self.gateway.next_call() {
            let answer = match call.kind {
                kind if kind.is_order_call() => {
                    self.left.push(call);
                    continue;
                }
                CallKind::Orders if self.held.is_some() => {
                    self.held.as_mut().unwrap().push(call);
                    continue;
                }
                CallKind::Orders => ok(&format!("[{}]", self.orders.join(","))),
                CallKind::History(_) => {
                    let id = call.path.rsplit('/').next().unwrap();
                    match self.orders.iter().find(|row| row.contains(id)) {
                        Some(row) => ok(&format!("[{row}]")),
                        None => refused(404, "DataException", "no such order"),
                    }
                }
                CallKind::Positions => {
                    let rows: Vec<String> = NAMES
                        .iter()
                        .zip(self.positions)
                        .map(|((exchange, symbol), held)| {
                            format!(
                                r#"{{"exchange":"{exchange}","tradingsymbol":"{symbol}","product":"MIS","quantity":{held}}}"#
                            )
                        })
                        .chain(self.other_positions.iter().cloned())
                        .collect();
                    ok(&format!(r#"{{"net":[{}]}}"#, rows.join(",")))
                }
                _ => ok(&format!("[{}]", self.trades.join(","))),
            };
            self.gateway.on_answer(call.id, answer);
        }
        self.reports.extend(std::iter::from_fn(|| self.gateway.next_report()));
        self.notes.extend(std::iter::from_fn(|| self.gateway.next_note()));
    }

    /// An order of the engine; what it causes to leave leaves.
    pub(crate) fn order(&mut self, at: u32, intent: Intent, order_type: OrderType) -> u64 {
        let id = self.wish(at, intent, order_type);
        self.take();
        id
    }

    /// An order of the engine, of which nobody has fetched yet what it causes.
    pub(crate) fn wish(&mut self, at: u32, intent: Intent, order_type: OrderType) -> u64 {
        self.seq += 1;
        let id = OrderId::new(Seq(self.seq), 0);
        let stops = order_type == OrderType::StopLimit;
        let body = Order {
            id,
            signal: 0,
            quantity: Qty(10),
            price: Price(1_000_000),
            trigger: Price(if stops { 990_000 } else { 0 }),
            disclosed: Qty(0),
            strategy: StrategyId(0),
            side: Side::Sell as u8,
            order_type: order_type as u8,
            validity: Validity::Day as u8,
            intent: intent as u8,
            flags: 0,
            reserved: [0; 41],
        };
        let mut event = Event::new(InstrumentId(at), FLAG_OUT, &body);
        event.header.seq = Seq(self.seq);
        self.gateway.on_intent(&event);
        if self.durable {
            self.gateway.on_durable(Seq(self.seq));
        }
        id.0
    }

    /// Places an order that the broker takes under `broker_id` and lists as open.
    pub(crate) fn open(&mut self, at: usize, intent: Intent, broker_id: &str) -> u64 {
        let id = self.order(at as u32, intent, OrderType::Limit);
        self.answer(CallKind::Place(OrderId(id)), ok(&format!(r#"{{"order_id":"{broker_id}"}}"#)));
        self.orders.push(row(broker_id, at, "OPEN", "", 0));
        self.run(3);
        assert_eq!(self.last(id).map(|(state, _)| state), Some(OrderState::Open as u8));
        id
    }

    /// The engine asks for another quantity and price, in 1/10,000, of an order in an instrument.
    pub(crate) fn change(&mut self, at: u32, id: u64, quantity: i64, price: i64) {
        let body = Modify {
            order: OrderId(id),
            quantity: Qty(quantity),
            price: Price(price),
            trigger: Price(0),
            disclosed: Qty(0),
            strategy: StrategyId(0),
            intent: Intent::Exit as u8,
            reserved: [0; 53],
        };
        self.ask(at, &body);
    }

    /// The engine asks for the end of an order in an instrument.
    pub(crate) fn cancel(&mut self, at: u32, id: u64) {
        let strategy = StrategyId(0);
        let intent = Intent::Exit as u8;
        self.ask(at, &Cancel { order: OrderId(id), strategy, intent, reserved: [0; 21] });
    }

    fn ask<B: pitlane_engine::event::Body>(&mut self, at: u32, body: &B) {
        self.seq += 1;
        let mut event = Event::new(InstrumentId(at), FLAG_OUT, body);
        event.header.seq = Seq(self.seq);
        self.gateway.on_intent(&event);
        if self.durable {
            self.gateway.on_durable(Seq(self.seq));
        }
        self.take();
    }

    /// The last report of an order: state and reason.
    pub(crate) fn last(&self, id: u64) -> Option<(u8, u8)> {
        let mut mine =
            self.reports.iter().map(|event| *event.body::<Report>()).filter(|body| body.order.0 == id);
        mine.next_back().map(|report| (report.state, report.reason))
    }

    pub(crate) fn is_placed(&self, id: u64) -> bool {
        self.left.iter().any(|call| call.kind == CallKind::Place(OrderId(id)))
    }

    pub(crate) fn answer(&mut self, kind: CallKind, result: Result<Answer, CallError>) {
        let at = self.left.iter().position(|call| call.kind == kind).unwrap();
        let call = self.left.remove(at);
        self.gateway.on_answer(call.id, result);
        self.take();
    }
}
