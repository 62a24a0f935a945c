//! What the run was: sessions, instruments, commands, and what went wrong.

use super::rows;
use crate::value::{Code, Stamp, Text};
use pitlane_engine::units::{Money, Price};

rows! {
    /// A trading session that was begun.
    Session {
        /// First timer; ticks before the open are not in bars.
        pre_open: Stamp,
        /// Start of continuous trading.
        open_at: Stamp,
        /// End of continuous trading.
        close_at: Stamp,
        /// Last timer: the close and the grace.
        end_at: Stamp,
        /// Hash of the configuration text, 16 hexadecimal digits.
        config_hash: Text<'a>,
        /// Hash of the instrument table.
        instruments_hash: Text<'a>,
        /// Hash of the hours.
        calendar_hash: Text<'a>,
        /// The configuration text the journal was made with.
        config: Text<'a>,
        /// Where orders went: `paper`, or to a broker: `zerodha`.
        venue: Code<'a>,
    }

    /// What a session had come to when it ended.
    SessionTotals {
        /// Inputs of the session.
        inputs: i64,
        /// Outputs of the session.
        outputs: i64,
        /// Market data among the inputs.
        ticks: i64,
        /// Bars closed.
        bars: i64,
        /// Signals, holds included.
        signals: i64,
        /// Orders sent.
        orders: i64,
        /// Fills.
        fills: i64,
        /// Orders the venue refused.
        rejected: i64,
        /// Dead letters.
        dead_letters: i64,
        /// Alarms.
        alarms: i64,
        /// Value of all fills.
        turnover: Money,
        /// Profit since the start of the journal, realised and unrealised, before charges.
        gross: Money,
        /// What was charged since the start of the journal.
        charges: Money,
        /// Gross less charges.
        net: Money,
        /// Instruments still held.
        open_positions: i32,
        /// `ended`: a session that never ended has no row.
        state: Code<'a>,
    }

    /// An instrument of a session's table.
    Instrument {
        /// Its place in the session's instrument table.
        instrument_id: i32,
        /// Its symbol, such as `NSE:RELIANCE`.
        symbol: Code<'a>,
        /// The broker's token.
        token: i64,
        /// `equity`, `index`, `future`, `option`.
        class: Code<'a>,
        /// Whether orders may be sent.
        tradable: bool,
        /// Units in a lot.
        lot: i64,
        /// Smallest price step.
        tick_size: Price,
        /// Value of one point of one unit.
        multiplier: i64,
        /// Largest quantity the exchange takes in one order, if known.
        freeze_qty: Option<i64>,
        /// Whether futures or options on it trade.
        derivatives: bool,
    }

    /// Hours of an instrument that are not its session's.
    Hours {
        /// Its place in the session's instrument table.
        instrument_id: i32,
        /// Its symbol, such as `NSE:RELIANCE`.
        symbol: Code<'a>,
        /// Start of continuous trading.
        open_at: Stamp,
        /// End of continuous trading.
        close_at: Stamp,
    }

    /// Whether, and within which prices, an instrument trades.
    TradingState {
        /// Its place in the session's instrument table.
        instrument_id: i32,
        /// Its symbol, such as `NSE:RELIANCE`.
        symbol: Code<'a>,
        /// `closed`, `call`, `continuous`, `halted`.
        phase: Code<'a>,
        /// Lowest price an order may have; nothing for any.
        low: Option<Price>,
        /// Highest price an order may have; nothing for any.
        high: Option<Price>,
    }

    /// A command.
    Command {
        /// `kill`, `stop`, `flatten`, `resume`, `reduce_only`.
        command: Code<'a>,
        /// What the operator typed as reason.
        reason: Text<'a>,
    }

    /// Something a person had to know at once.
    Alarm {
        /// The place in the session's instrument table of the one concerned, if one is.
        instrument_id: Option<i32>,
        /// Its symbol.
        symbol: Option<Code<'a>>,
        /// What about.
        alarm: Code<'a>,
        /// In the unit the alarm implies: a position in units, a loss in 1/10,000 rupee.
        value: i64,
        /// The order, if one is meant.
        order_id: Option<i64>,
    }

    /// A stage's state hash at the end of a step.
    Checkpoint {
        /// The stage.
        stage: Code<'a>,
        /// Its state hash, 32 hexadecimal digits.
        state_hash: Text<'a>,
    }

    /// Something that could not be used, and why.
    DeadLetter {
        /// The place in the session's instrument table of the one concerned, if one is.
        instrument_id: Option<i32>,
        /// Its symbol.
        symbol: Option<Code<'a>>,
        /// Why it could not be used.
        reason: Code<'a>,
        /// `input` if it came so, else the stage that refused it.
        stage: Code<'a>,
        /// When it was received, in nanoseconds since the Unix epoch.
        received_ns: i64,
        /// Number within its source.
        source_seq: i64,
        /// The token it names, if one could be read.
        token: Option<i64>,
        /// Bytes of the original.
        original_bytes: i64,
        /// The line of the file it came from; nothing for packets.
        line: Option<i64>,
        /// The first bytes of the original, in hexadecimal digits.
        data: Text<'a>,
    }
}
