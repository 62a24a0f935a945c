//! What a run gained, what it was charged for it, and what is left, for programs and for people.

use pitlane_engine::charges::{Exchange, Meter};
use pitlane_engine::config::{Broker, PipelineConfig, Product};
use pitlane_engine::event::{Event, FLAG_EXO, Fill, Kind, OrderState, Report, SessionStart, Side};
use pitlane_engine::ledger::Ledger;
use pitlane_engine::units::{InstrumentId, Money, OrderId, Seq, TsNs};
use pitlane_store::Head;
use serde::Serialize;
use serde_json::Value;

/// The figures of a summary, in rupees.
#[derive(Clone, Debug, Serialize)]
pub struct Profit {
    /// Realised and unrealised profit or loss, less the charges.
    pub net_pnl: String,
    /// The same before charges.
    pub gross_pnl: String,
    /// What `net_pnl` counts: `net of charges`, or `gross` if none are configured.
    pub pnl_basis: &'static str,
    /// What was charged.
    pub charges: ChargesSummary,
}

/// What a run was charged, in rupees.
#[derive(Clone, Debug, Serialize)]
pub struct ChargesSummary {
    /// The sum of the parts.
    pub total: String,
    /// The broker's part.
    pub brokerage: String,
    /// Securities transaction tax.
    pub stt: String,
    /// The exchange's transaction charge.
    pub exchange: String,
    /// The regulator's fee.
    pub sebi: String,
    /// Stamp duty.
    pub stamp: String,
    /// Goods and services tax.
    pub gst: String,
    /// Whose charges: `zerodha` or `none`.
    pub broker: &'static str,
    /// How shares are held: `intraday` or `delivery`.
    pub product: &'static str,
    /// The latest first date of the rates used, YYYY-MM-DD; `null` if nothing was charged.
    pub rates_from: Option<String>,
    /// Whether a trading date was charged by rates of a later one, because its own are not known.
    pub rates_stand_in: bool,
    /// Charged instruments of no known exchange: they were charged as on the National Stock Exchange.
    pub charged_as_nse: Vec<String>,
}

/// A date as yyyymmdd, as YYYY-MM-DD.
pub fn show_date(date: u32) -> String {
    format!("{:04}-{:02}-{:02}", date / 10_000, date / 100 % 100, date % 100)
}

impl Profit {
    /// The figures of `ledger` at the end of a run of `pipeline`.
    pub fn of(ledger: &Ledger, pipeline: &PipelineConfig) -> Self {
        let parts = ledger.charges();
        let broker = match pipeline.charges.broker {
            Broker::None => "none",
            Broker::Zerodha => "zerodha",
        };
        let product = match pipeline.charges.product {
            Product::Intraday => "intraday",
            Product::Delivery => "delivery",
        };
        let charged = ledger.positions().iter().zip(&pipeline.instruments);
        let elsewhere = charged.filter(|(position, spec)| {
            !position.charges.is_zero() && Exchange::of_symbol(&spec.symbol).is_none()
        });
        let charges = ChargesSummary {
            total: ledger.charged().to_string(),
            brokerage: parts.brokerage.to_string(),
            stt: parts.stt.to_string(),
            exchange: parts.exchange.to_string(),
            sebi: parts.sebi.to_string(),
            stamp: parts.stamp.to_string(),
            gst: parts.gst.to_string(),
            broker,
            product,
            rates_from: ledger.rates().map(|(from, _)| show_date(from)),
            rates_stand_in: ledger.rates().is_some_and(|(_, stand_in)| stand_in),
            charged_as_nse: elsewhere.map(|(_, spec)| spec.symbol.clone()).collect(),
        };
        Self {
            net_pnl: ledger.net().to_string(),
            gross_pnl: ledger.gross().to_string(),
            pnl_basis: if pipeline.charges.broker == Broker::None { "gross" } else { "net of charges" },
            charges,
        }
    }

    /// Adds the figures to a summary object.
    pub fn add_to(&self, summary: &mut Value) {
        let Ok(Value::Object(figures)) = serde_json::to_value(self) else {
            unreachable!("a struct of texts becomes an object")
        };
        summary.as_object_mut().expect("a summary is an object").extend(figures);
    }

    /// Rows of a card; `after` follows the net figure.
    pub fn rows(&self, after: &str) -> Vec<(&'static str, String)> {
        let charges = &self.charges;
        let mut rows = vec![("gross pnl", format!("{} rupees", self.gross_pnl))];
        if charges.broker == "none" {
            rows.push(("charges", "none are configured".to_owned()));
        } else {
            rows.push((
                "charges",
                format!(
                    "{} rupees: brokerage {}, stt {}, exchange {}, sebi {}, stamp {}, gst {}",
                    charges.total,
                    charges.brokerage,
                    charges.stt,
                    charges.exchange,
                    charges.sebi,
                    charges.stamp,
                    charges.gst
                ),
            ));
            rows.push(("charged by", self.terms()));
        }
        rows.push(("net pnl", format!("{} rupees{after}", self.net_pnl)));
        rows
    }

    /// Whose rates they are, and from when.
    fn terms(&self) -> String {
        let charges = &self.charges;
        let mut text = format!("{}, {}", charges.broker, charges.product);
        if let Some(from) = &charges.rates_from {
            text += &format!("; rates from {from}");
        }
        if charges.rates_stand_in {
            text += ", which stand in for older ones that are not known";
        }
        if !charges.charged_as_nse.is_empty() {
            text += &format!("; {} as on NSE", charges.charged_as_nse.join(", "));
        }
        text
    }
}

/// The charges of recorded fills.
pub struct Bills {
    meter: Meter,
    /// Each session's start and trading date, ascending.
    sessions: Vec<(TsNs, u32)>,
    next: usize,
    /// The inputs by which a broker reported orders to be over, ascending.
    over: Vec<(Seq, OrderId)>,
    next_over: usize,
}

/// A fill with what it added to its order's charges, by their parts.
pub struct Billed<'a> {
    /// The fill.
    pub fill: &'a Fill,
    /// Its side.
    pub side: Side,
    /// Its value.
    pub value: Money,
    /// What it added; nothing if nothing is charged.
    pub charged: Option<pitlane_engine::charges::Charged>,
}

impl Bills {
    /// Before the first fill of a journal that begins with `head`.
    pub fn new(head: &Head, pipeline: &PipelineConfig) -> Self {
        let mut meter = Meter::new(&pipeline.instruments, &pipeline.charges);
        meter.start(head.first_session.date);
        Self { meter, sessions: Vec::new(), next: 0, over: Vec::new(), next_over: 0 }
    }

    /// Notes the date of a session and which orders a broker reports to be over. All inputs go before all outputs.
    pub fn input(&mut self, event: &Event) {
        match event.kind() {
            Kind::SessionStart => {
                self.sessions.push((event.header.ts, event.body::<SessionStart>().date));
            }
            Kind::Report if event.header.flags & FLAG_EXO != 0 => {
                let report = event.body::<Report>();
                if OrderState::from_u8(report.state).is_some_and(OrderState::is_final) {
                    self.over.push((event.header.seq, report.order));
                }
            }
            _ => {}
        }
    }

    /// Takes an output: what its fill was charged, if it is one of an instrument of `multiplier`.
    pub fn output<'a>(&mut self, event: &'a Event, multiplier: i64) -> Option<Billed<'a>> {
        while let Some(&(_, date)) = self.sessions.get(self.next).filter(|(ts, _)| *ts <= event.header.ts) {
            self.meter.start(date);
            self.next += 1;
        }
        // The fills of a report belong to its step: the order is over behind them.
        while let Some(&(_, order)) = self.over.get(self.next_over).filter(|(seq, _)| *seq < event.header.seq)
        {
            self.meter.finish(order);
            self.next_over += 1;
        }
        match event.kind() {
            Kind::Fill => {
                let fill = event.body::<Fill>();
                let side = Side::from_u8(fill.side).expect("events are checked where they enter");
                let value = fill.price.value(fill.quantity, multiplier);
                let instrument: InstrumentId = event.header.instrument;
                let charged = self.meter.fill(fill.order, instrument, side, value);
                Some(Billed { fill, side, value, charged })
            }
            Kind::Report => {
                let report = event.body::<Report>();
                if OrderState::from_u8(report.state).is_some_and(OrderState::is_final) {
                    self.meter.finish(report.order);
                }
                None
            }
            _ => None,
        }
    }
}
