//! One event as a line: every field that the engine's tables name, in its unit.
//!
//! A new field shows up here without a change. A field of a new type, or a new coded field, fails a test until its
//! meaning is added to `size` and `primitive`, or to `coded` and `value`.

use super::Names;
use crate::operator::reason;
use pitlane_config::format_ist;
use pitlane_engine::config::InstrumentClass;
use pitlane_engine::event::{
    Action, Alarm, AlarmCode, BAR_AFTER_GAP, BAR_BY_TIMER, BAR_RECEIVE_TIME, Command, CommandCode,
    ConfigText, DeadLetter, DeadReason, Decision, Event, FILL_DEPTH, FILL_MAKER, FILL_NO_VOLUME,
    FILL_SLIPPAGE, FLAG_ENDO, FLAG_EXO, FLAG_OUT, Field, Full, Intent, Kind, MARKET_INDEX,
    MARKET_SEGMENT_UNKNOWN, MARKET_TRADE_TIME, MARKET_VOLUME, MarketPhase, ORDER_POST_ONLY, OrderState,
    OrderType, ReportReason, Rule, RuleUnit, Side, SignalReason, StageId, Timeframe, Validity, Verdict,
};
use pitlane_engine::units::{TsNs, decimal};
use pitlane_store::INPUTS;
use serde::ser::{Serialize, SerializeMap, Serializer};
use serde_json::Value;
use std::io::Write;

/// The schema of a JSON line. On every line: each is an object of its own, for whoever sees only some of them.
const SCHEMA: &str = "journal-event/1";

/// Writes one line, JSON or text.
pub(crate) fn write_line(
    out: &mut dyn Write,
    event: &Event,
    stream: &'static str,
    names: &Names,
    json: bool,
) -> std::io::Result<()> {
    let decoded = Decoded { event, stream, names, json };
    if json {
        serde_json::to_writer(&mut *out, &decoded)?;
        return out.write_all(b"\n");
    }
    let header = &event.header;
    let time = time(header.ts, false);
    let time = time.as_str().unwrap_or_default();
    let (kind, instrument) = (event.kind().name(), names.instrument(event).unwrap_or_default());
    let seq = if stream == INPUTS {
        format!("{}", header.seq.0)
    } else {
        format!("{}.{}", header.seq.0, header.index)
    };
    write!(out, "{seq:<12} {time:<29} {kind:<12} {instrument:<20}")?;
    for (name, value) in decoded.body().0 {
        match value {
            Value::Null => {}
            Value::String(text) => write!(out, " {name}={text}")?,
            Value::Array(values) if values.is_empty() => {}
            Value::Array(values) => {
                let shown: Vec<String> = values.iter().map(plain).collect();
                write!(out, " {name}={}", shown.join("/"))?;
            }
            other => write!(out, " {name}={other}")?,
        }
    }
    out.write_all(b"\n")
}

fn plain(value: &Value) -> String {
    match value {
        Value::Null => "-".to_owned(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// Fields in the order of the layout, which is the order people know from the documents.
struct Fields(Vec<(&'static str, Value)>);

impl Serialize for Fields {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(name, value)| (name, value)))
    }
}

/// An event, to be shown.
pub(crate) struct Decoded<'a> {
    pub(crate) event: &'a Event,
    pub(crate) stream: &'static str,
    pub(crate) names: &'a Names,
    pub(crate) json: bool,
}

impl Serialize for Decoded<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let header = &self.event.header;
        let made_here = header.flags & (FLAG_OUT | FLAG_ENDO) != 0;
        let stage = u8::try_from(header.source).ok().and_then(StageId::from_u8).filter(|_| made_here);
        let source = stage.map_or_else(|| Value::from(header.source), |stage| stage.name().into());
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("schema", SCHEMA)?;
        map.serialize_entry("stream", self.stream)?;
        map.serialize_entry("seq", &header.seq.0)?;
        map.serialize_entry("ts", &header.ts.0)?;
        map.serialize_entry("instrument", &self.names.instrument(self.event))?;
        map.serialize_entry("kind", self.event.kind().name())?;
        map.serialize_entry("lines", &header.lines)?;
        map.serialize_entry("flags", &bits(HEADER_FLAGS, u64::from(header.flags)))?;
        map.serialize_entry("index", &header.index)?;
        map.serialize_entry("source", &source)?;
        map.serialize_entry("body", &self.body())?;
        map.end()
    }
}

/// Names of the bits of a field.
type Bits = &'static [(u64, &'static str)];
const HEADER_FLAGS: Bits = &[(FLAG_EXO as u64, "exo"), (FLAG_ENDO as u64, "endo"), (FLAG_OUT as u64, "out")];
const MARKET_FLAGS: Bits = &[
    (MARKET_INDEX as u64, "index"),
    (MARKET_VOLUME as u64, "volume"),
    (MARKET_TRADE_TIME as u64, "trade_time"),
    (MARKET_SEGMENT_UNKNOWN as u64, "segment_unknown"),
];
const BAR_FLAGS: Bits = &[
    (BAR_RECEIVE_TIME as u64, "receive_time"),
    (BAR_BY_TIMER as u64, "by_timer"),
    (BAR_AFTER_GAP as u64, "after_gap"),
];
const ORDER_FLAGS: Bits = &[(ORDER_POST_ONLY as u64, "post_only")];
const FILL_FLAGS: Bits = &[
    (FILL_NO_VOLUME as u64, "no_volume"),
    (FILL_MAKER as u64, "maker"),
    (FILL_SLIPPAGE as u64, "slippage"),
    (FILL_DEPTH as u64, "depth"),
];

/// The names of the bits that are set; bits without a name as a hexadecimal number.
fn bits(names: Bits, value: u64) -> Value {
    let mut rest = value;
    let mut set = Vec::new();
    for &(bit, name) in names.iter().filter(|(bit, _)| value & bit != 0) {
        rest &= !bit;
        set.push(Value::from(name));
    }
    if rest != 0 {
        set.push(format!("{rest:#x}").into());
    }
    set.into()
}

/// A time: nanoseconds for programs, Indian time for people.
fn time(ts: TsNs, json: bool) -> Value {
    match (json, ts.is_zero()) {
        (true, _) => ts.0.into(),
        (false, true) => Value::Null,
        (false, false) => format_ist(ts).trim_end_matches("+05:30").replacen('T', " ", 1).into(),
    }
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// The name of a coded field's value, or `None` if the field is not coded.
fn coded(kind: Kind, field: &str, code: u8) -> Option<Value> {
    let name = match (field, kind) {
        ("side", _) => Side::from_u8(code).map(Side::name),
        ("intent", _) => Intent::from_u8(code).map(Intent::name),
        ("order_type", _) => OrderType::from_u8(code).map(OrderType::name),
        ("validity", _) => Validity::from_u8(code).map(Validity::name),
        ("state", Kind::Report) => OrderState::from_u8(code).map(OrderState::name),
        ("reason", Kind::Report) => ReportReason::from_u8(code).map(ReportReason::name),
        ("reason", Kind::Signal) => SignalReason::from_u8(code).map(SignalReason::name),
        ("reason", Kind::DeadLetter) => DeadReason::from_u8(code).map(DeadReason::name),
        ("action", Kind::Signal) => Action::from_u8(code).map(Action::name),
        ("decision", Kind::Verdict) => Decision::from_u8(code).map(Decision::name),
        ("rule", Kind::Verdict) => Rule::from_u8(code).map(Rule::name),
        ("timeframe", _) => Timeframe::from_u8(code).map(Timeframe::name),
        ("code", Kind::Alarm) => AlarmCode::from_u8(code).map(AlarmCode::name),
        ("code", Kind::Command) => CommandCode::from_u8(code).map(CommandCode::name),
        ("stage", Kind::StateHash) => StageId::from_u8(code).map(StageId::name),
        ("phase", Kind::TradingState) => MarketPhase::from_u8(code).map(MarketPhase::name),
        ("class", Kind::Instrument) => InstrumentClass::from_u8(code).map(|class| match class {
            InstrumentClass::Equity => "equity",
            InstrumentClass::Index => "index",
            InstrumentClass::Future => "future",
            InstrumentClass::Option => "option",
        }),
        _ => return None,
    };
    Some(name.map_or_else(|| format!("unknown ({code})").into(), Value::from))
}

/// Whether a field says something: not what is reserved, and not the length of the reason beside it.
pub(crate) fn is_shown(field: &Field) -> bool {
    !field.name.starts_with("reserved") && field.name != "reason_bytes"
}

impl Decoded<'_> {
    /// The body's fields, without the reserved ones.
    fn body(&self) -> Fields {
        let fields = self.event.kind().fields().iter().filter(|field| is_shown(field));
        let mut shown: Vec<(&'static str, Value)> =
            fields.map(|field| (field.name, self.value(field))).collect();
        if self.event.kind() == Kind::Full {
            let full = self.event.body::<Full>();
            let prices = |quantities: &[u32; 5], deltas: &[i32; 5]| {
                let level = |(&quantity, &delta): (&u32, &i32)| {
                    (quantity != 0).then(|| decimal(full.last.0 + i64::from(delta)))
                };
                quantities.iter().zip(deltas).map(level).collect::<Value>()
            };
            // For people the prices stand in for the distances that are recorded.
            shown.retain(|(name, _)| self.json || !name.ends_with("_delta"));
            shown.push(("bid_price", prices(&full.bid_qty, &full.bid_delta)));
            shown.push(("ask_price", prices(&full.ask_qty, &full.ask_delta)));
        }
        Fields(shown)
    }

    pub(crate) fn value(&self, field: &Field) -> Value {
        let kind = self.event.kind();
        let bytes = &self.event.used_bytes()[field.offset..field.offset + field.bytes];
        if let Some(value) = self.of_unit(kind, field.name) {
            return value;
        }
        if let Some(value) = coded(kind, field.name, bytes[0]) {
            return value;
        }
        let number = || self.event.field_value(field).unwrap_or_default();
        match (field.name, kind) {
            ("flags", Kind::Ltp | Kind::Quote | Kind::Full) => bits(MARKET_FLAGS, number()),
            ("flags", Kind::Bar) => bits(BAR_FLAGS, number()),
            ("flags", Kind::Fill) => bits(FILL_FLAGS, number()),
            ("flags", Kind::Order) => bits(ORDER_FLAGS, number()),
            ("tradable" | "derivatives", _) => (number() != 0).into(),
            ("config_hash" | "instruments_hash" | "calendar_hash", _) | ("low" | "high", Kind::StateHash) => {
                format!("{:016x}", number()).into()
            }
            ("exchange_secs" | "last_trade_secs", _) if !self.json => {
                time(TsNs::from_secs(number() as u32), false)
            }
            ("bid_delta" | "ask_delta", _) => {
                elements(field.ty, bytes, &|value| value.as_i64().map(decimal).into())
            }
            ("symbol", Kind::Instrument) => {
                let used = bytes.split(|&byte| byte == 0).next().unwrap_or_default();
                String::from_utf8_lossy(used).into()
            }
            ("reason", Kind::Command) => {
                let reason = reason(self.event.body::<Command>());
                if self.json { reason.into() } else { format!("{reason:?}").into() }
            }
            ("text", Kind::ConfigText) => {
                let used = self.event.body::<ConfigText>().used_bytes as usize;
                let text = String::from_utf8_lossy(&bytes[..used.min(bytes.len())]);
                // One line each, for people too.
                if self.json { text.into() } else { format!("{text:?}").into() }
            }
            ("data", Kind::DeadLetter) => {
                let letter = self.event.body::<DeadLetter>();
                let kept = &bytes[..usize::from(letter.kept_bytes).min(bytes.len())];
                let readable = kept.iter().all(|&byte| (0x20..0x7f).contains(&byte));
                if self.json || !readable { hex(kept).into() } else { String::from_utf8_lossy(kept).into() }
            }
            _ if field.ty.starts_with('[') => elements(field.ty, bytes, &|value| value),
            _ => self.scalar(field.ty, bytes),
        }
    }

    /// What is in a unit that another field of the event implies.
    fn of_unit(&self, kind: Kind, name: &str) -> Option<Value> {
        match (kind, name) {
            (Kind::Verdict, "observed" | "limit") => {
                let verdict = self.event.body::<Verdict>();
                let value = if name == "limit" { verdict.limit } else { verdict.observed };
                Some(match (Rule::from_u8(verdict.rule).map(Rule::unit), u64::try_from(value)) {
                    (Some(RuleUnit::Money), _) => decimal(value).into(),
                    (Some(RuleUnit::Time), Ok(ns)) => time(TsNs(ns), self.json),
                    _ => value.into(),
                })
            }
            (Kind::Alarm, "value") => {
                let alarm = self.event.body::<Alarm>();
                let is_loss = AlarmCode::from_u8(alarm.code) == Some(AlarmCode::Halted);
                Some(if is_loss { decimal(alarm.value).into() } else { alarm.value.into() })
            }
            _ => None,
        }
    }

    fn scalar(&self, ty: &str, bytes: &[u8]) -> Value {
        let number = primitive(ty, bytes);
        match (ty, number.as_u64(), number.as_i64()) {
            ("Price" | "Money", _, Some(scaled)) => decimal(scaled).into(),
            ("TsNs", Some(ns), _) => time(TsNs(ns), self.json),
            // A string, because readers of JSON take numbers for floats.
            ("OrderId", Some(id), _) => id.to_string().into(),
            ("StrategyId", Some(id), _) => self.names.strategy(id as u16).into(),
            _ => number,
        }
    }
}

/// The elements of an array field of type `[T; N]`.
fn elements(ty: &str, bytes: &[u8], each: &dyn Fn(Value) -> Value) -> Value {
    let element = ty.trim_start_matches('[').split(';').next().unwrap_or_default();
    let size = size(element).unwrap_or(1);
    bytes.chunks_exact(size).map(|bytes| each(primitive(element, bytes))).collect()
}

/// Bytes of a type of the field tables, or `None` if it is unknown here.
pub(super) fn size(ty: &str) -> Option<usize> {
    Some(match ty {
        "u8" => 1,
        "u16" | "StrategyId" => 2,
        "u32" | "i32" => 4,
        "u64" | "i64" | "f64" | "Price" | "Money" | "Qty" | "TsNs" | "Seq" | "OrderId" => 8,
        _ => return None,
    })
}

/// A number of the type's representation; bytes of an unknown type in hexadecimal.
fn primitive(ty: &str, bytes: &[u8]) -> Value {
    let mut wide = [0; 8];
    if size(ty) != Some(bytes.len()) {
        return hex(bytes).into();
    }
    wide[..bytes.len()].copy_from_slice(bytes);
    let number = u64::from_le_bytes(wide);
    match ty {
        "i32" => (number as u32 as i32).into(),
        "i64" | "Price" | "Money" | "Qty" => (number as i64).into(),
        "f64" => f64::from_bits(number).into(),
        _ => number.into(),
    }
}
