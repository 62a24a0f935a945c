//! Rows of what the run was, and of what went wrong.

use super::account::Totals;
use super::{Projection, name_of, number_if_any, price_if_any, put};
use crate::tables::{
    Alarm, Checkpoint, Command, DeadLetter, Hours, Instrument, RowSink, Session, SessionTotals, Table,
    TradingState,
};
use crate::value::{Code, Stamp, Text};
use pitlane_engine::event::{
    self, AlarmCode, CommandCode, DeadReason, Event, MarketPhase, SessionStart, StageId, StateHash,
};

impl Projection {
    pub(super) fn session_start(&mut self, event: &Event, sink: &mut dyn RowSink) {
        let start = event.body::<SessionStart>();
        self.session = start.number;
        self.date = start.date;
        if sink.wants().has(Table::Sessions) {
            let hex = |hash: u64| format!("{hash:016x}");
            let (config, table, hours) =
                (hex(start.config_hash), hex(start.instruments_hash), hex(start.calendar_hash));
            let text = without_nul(&self.context.config_text);
            let row = Session {
                pre_open: Stamp::of(start.pre_open),
                open_at: Stamp::of(start.open),
                close_at: Stamp::of(start.close),
                end_at: Stamp::of(start.end),
                config_hash: Text(&config),
                instruments_hash: Text(&table),
                calendar_hash: Text(&hours),
                config: Text(&text),
                venue: Code(self.context.venue),
            };
            put(sink, Table::Sessions, &self.key(event, -1), &row);
        }
        if sink.wants().has(Table::Instruments) {
            self.instruments(event, sink);
        }
    }

    /// The instrument table, once for each session, so that each trading day stands for itself.
    fn instruments(&self, event: &Event, sink: &mut dyn RowSink) {
        for (id, spec) in self.context.instruments.iter().enumerate() {
            let row = Instrument {
                instrument_id: id as i32,
                symbol: Code(&spec.symbol),
                token: spec.token.into(),
                class: Code(class(spec.class)),
                tradable: spec.tradable,
                lot: spec.lot.0,
                tick_size: spec.tick,
                multiplier: spec.multiplier,
                freeze_qty: (!spec.freeze.is_zero()).then_some(spec.freeze.0),
                derivatives: spec.derivatives,
            };
            put(sink, Table::Instruments, &self.key(event, id as i32), &row);
        }
    }

    /// The rows at a session's end: the positions of all pairs, the account, the totals.
    pub(super) fn session_end(&mut self, event: &Event, sink: &mut dyn RowSink) {
        for pair in 0..self.account.pairs.len() {
            self.position(event, -2 - pair as i32, pair, "session_end", sink);
        }
        self.equity(event, -2, event.header.ts, "end", sink);
        if !sink.wants().has(Table::SessionTotals) {
            return;
        }
        let Totals { inputs, outputs, ticks, bars, signals, orders, fills, rejected, dead_letters, alarms } =
            self.account.totals;
        let ledger = &self.account.ledger;
        let row = SessionTotals {
            inputs: inputs as i64,
            outputs: outputs as i64,
            ticks: ticks as i64,
            bars: bars as i64,
            signals: signals as i64,
            orders: orders as i64,
            fills: fills as i64,
            rejected: rejected as i64,
            dead_letters: dead_letters as i64,
            alarms: alarms as i64,
            turnover: self.account.turnover,
            gross: ledger.gross(),
            charges: ledger.charged(),
            net: ledger.net(),
            open_positions: ledger.open_positions() as i32,
            state: Code("ended"),
        };
        put(sink, Table::SessionTotals, &self.key(event, -2), &row);
    }

    pub(super) fn hours(&self, event: &Event, sink: &mut dyn RowSink) {
        let (id, hours) = (event.header.instrument, event.body::<event::Hours>());
        if sink.wants().has(Table::Hours) {
            let row = Hours {
                instrument_id: id.0 as i32,
                symbol: self.symbol(id),
                open_at: Stamp::of(hours.open),
                close_at: Stamp::of(hours.close),
            };
            put(sink, Table::Hours, &self.key(event, -1), &row);
        }
    }

    pub(super) fn trading_state(&self, event: &Event, sink: &mut dyn RowSink) {
        let (id, state) = (event.header.instrument, event.body::<event::TradingState>());
        if sink.wants().has(Table::TradingStates) {
            let row = TradingState {
                instrument_id: id.0 as i32,
                symbol: self.symbol(id),
                phase: name_of!(MarketPhase, state.phase),
                low: price_if_any(state.low),
                high: price_if_any(state.high),
            };
            put(sink, Table::TradingStates, &self.key(event, -1), &row);
        }
    }

    pub(super) fn command(&self, event: &Event, sink: &mut dyn RowSink) {
        let command = event.body::<event::Command>();
        if sink.wants().has(Table::Commands) {
            let used = usize::from(command.reason_bytes).min(command.reason.len());
            let typed = String::from_utf8_lossy(&command.reason[..used]);
            let reason = without_nul(&typed);
            let row = Command { command: name_of!(CommandCode, command.code), reason: Text(&reason) };
            put(sink, Table::Commands, &self.key(event, -1), &row);
        }
    }

    pub(super) fn alarm(&self, event: &Event, idx: i32, sink: &mut dyn RowSink) {
        let alarm = event.body::<event::Alarm>();
        if sink.wants().has(Table::Alarms) {
            let (instrument_id, symbol) = self.instrument_if_any(event);
            let row = Alarm {
                instrument_id,
                symbol,
                alarm: name_of!(AlarmCode, alarm.code),
                value: alarm.value,
                order_id: number_if_any(alarm.order.0),
            };
            put(sink, Table::Alarms, &self.key(event, idx), &row);
        }
    }

    pub(super) fn checkpoint(&self, event: &Event, idx: i32, sink: &mut dyn RowSink) {
        let state = event.body::<StateHash>();
        if sink.wants().has(Table::Checkpoints) {
            let hash = format!("{:016x}{:016x}", state.high, state.low);
            let row = Checkpoint { stage: stage(state.stage), state_hash: Text(&hash) };
            put(sink, Table::Checkpoints, &self.key(event, idx), &row);
        }
    }

    pub(super) fn dead_letter(&self, event: &Event, idx: i32, sink: &mut dyn RowSink) {
        if !sink.wants().has(Table::DeadLetters) {
            return;
        }
        let letter = event.body::<event::DeadLetter>();
        let kept = usize::from(letter.kept_bytes).min(letter.data.len());
        let data: String = letter.data[..kept].iter().map(|byte| format!("{byte:02x}")).collect();
        let (instrument_id, symbol) = self.instrument_if_any(event);
        let row = DeadLetter {
            instrument_id,
            symbol,
            reason: name_of!(DeadReason, letter.reason),
            stage: if idx < 0 { Code("input") } else { stage(event.header.source) },
            received_ns: letter.received.0 as i64,
            source_seq: letter.source_seq as i64,
            token: number_if_any(letter.token.into()),
            original_bytes: letter.original_bytes.into(),
            line: number_if_any(letter.line.into()),
            data: Text(&data),
        };
        put(sink, Table::DeadLetters, &self.key(event, idx), &row);
    }
}

fn stage(code: u32) -> Code<'static> {
    Code(u8::try_from(code).ok().and_then(StageId::from_u8).map_or("unknown", StageId::name))
}

fn class(class: pitlane_engine::config::InstrumentClass) -> &'static str {
    use pitlane_engine::config::InstrumentClass::{Equity, Future, Index, Option};
    match class {
        Equity => "equity",
        Index => "index",
        Future => "future",
        Option => "option",
    }
}

/// A text as Postgres can hold it: a NUL shows as the replacement character.
fn without_nul(text: &str) -> std::borrow::Cow<'_, str> {
    if text.contains('\0') { text.replace('\0', "\u{fffd}").into() } else { text.into() }
}
