//! From events to rows.
//!
//! Rows are made of a step's events as they come; what a step does to the account is known when it ends. The state is
//! small and of bounded size (the ledger, the orders under way, the positions of pairs of strategy and instrument), walks
//! like that of a stage, and can be saved between steps, so that a reader goes on where the rows of a store end.

mod account;
mod market;
mod run;
mod trading;

use crate::tables::{Key, Row, RowSink, Table};
use crate::value::{Code, Date, Uuid};
use account::Account;
use pitlane_engine::config::{ChargesConfig, InstrumentSpec};
use pitlane_engine::event::{Event, Kind};
use pitlane_engine::state::{self, StateError, StateIo};
use pitlane_engine::units::{InstrumentId, Money, Seq, StrategyId};

/// What a journal's head says: it does not change while the journal is read.
#[derive(Clone, Debug)]
pub struct Context {
    /// The name that the streams of the journal share.
    pub journal: Uuid,
    /// The instruments, by id.
    pub instruments: Vec<InstrumentSpec>,
    /// Names of the strategies, by id.
    pub strategies: Vec<String>,
    /// What trading costs.
    pub charges: ChargesConfig,
    /// Trading capital.
    pub capital: Money,
    /// The configuration text.
    pub config_text: String,
    /// Where orders went: `paper`, or the broker's name.
    pub venue: &'static str,
    /// Trading date (yyyymmdd) of the first session, for what comes before it.
    pub first_date: u32,
}

/// How far a journal was read: whole steps only.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Offset {
    /// The last input; 0 before the first.
    pub seq: u64,
    /// Outputs that were read: the next is frame `outputs + 1` of its stream.
    pub outputs: u64,
}

/// Why events are not those of one journal, in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProjectionError {
    /// An input that is not the next one.
    #[error(
        "input {found} follows input {last}; rows need every input, from the first one or from where a saved state ends"
    )]
    InputOrder {
        /// The input before.
        last: u64,
        /// The one found.
        found: u64,
    },
    /// An output outside its step.
    #[error(
        "output {index} of input {found} stands in the step of input {step}; check the journal with `journal-replay verify`"
    )]
    OutputOrder {
        /// The input whose step it is.
        step: u64,
        /// The input that caused the output.
        found: u64,
        /// Its number within the step.
        index: u32,
    },
    /// An instrument that is not in the table.
    #[error(
        "input {seq} or its outputs concern instrument {instrument}, of which the journal's head says nothing"
    )]
    Instrument {
        /// The input.
        seq: u64,
        /// The instrument's id.
        instrument: u32,
    },
}

/// Layout of a saved state.
const STATE_DOMAIN: u64 = 0x726f_7773_0000_0001;

/// Makes rows of a journal's events. One that has returned an error is of no more use.
#[derive(Clone, Debug)]
pub struct Projection {
    context: Context,
    /// Number of the running session, or of the last one.
    session: u32,
    /// Its trading date (yyyymmdd).
    date: u32,
    /// Of the last input.
    seq: Seq,
    outputs: u64,
    /// Next output of the step that is open.
    index: u32,
    /// The input whose step is open.
    step: Option<Box<Event>>,
    /// Whether the last step ended its session.
    ended: bool,
    account: Account,
}

impl Projection {
    /// Before the first input of a journal.
    pub fn new(context: Context) -> Self {
        let account = Account::new(&context);
        let date = context.first_date;
        Self {
            context,
            session: 0,
            date,
            seq: Seq::ZERO,
            outputs: 0,
            index: 0,
            step: None,
            ended: false,
            account,
        }
    }

    /// As it was when `save` made `bytes`, of the same journal.
    ///
    /// # Errors
    /// If the bytes are no saved state of this version, or of a journal with other instruments.
    pub fn load(context: Context, bytes: &[u8]) -> Result<Self, StateError> {
        let Some((hash, state)) = bytes.split_first_chunk::<16>() else {
            return Err(StateError("there are too few bytes"));
        };
        let mut projection = Self::new(context);
        state::load(state, |io| projection.state(io))?;
        if state::hash(STATE_DOMAIN, |io| projection.state(io)) != u128::from_le_bytes(*hash) {
            return Err(StateError("its checksum is wrong, or it is of another version"));
        }
        Ok(projection)
    }

    /// The state, to go on from later.
    ///
    /// Panics inside a step.
    pub fn save(&mut self) -> Vec<u8> {
        assert!(self.step.is_none(), "a state is saved between steps");
        let mut bytes = state::hash(STATE_DOMAIN, |io| self.state(io)).to_le_bytes().to_vec();
        state::save(&mut bytes, |io| self.state(io));
        bytes
    }

    fn state(&mut self, io: &mut StateIo<'_>) {
        let mut journal = self.context.journal.0;
        io.plain(&mut journal);
        if journal != self.context.journal.0 {
            io.refuse("it is of another journal");
        }
        io.plain(&mut self.session);
        io.within(&mut self.date, 0, 99_991_231);
        io.plain(&mut self.seq);
        io.count(&mut self.outputs);
        io.flag(&mut self.ended);
        self.account.state(io);
    }

    /// Whole steps that are in the rows.
    ///
    /// Panics inside a step.
    pub fn offset(&self) -> Offset {
        assert!(self.step.is_none(), "an offset is between steps");
        Offset { seq: self.seq.0, outputs: self.outputs }
    }

    /// The last input.
    pub fn seq(&self) -> u64 {
        self.seq.0
    }

    /// Number and trading date of the running session, or of the last one; 0 and the first one's date before it.
    pub fn session(&self) -> (u32, Date) {
        (self.session, Date::of(self.date))
    }

    /// Whether the last step ended its session: a place to end a file at.
    pub fn session_ended(&self) -> bool {
        self.ended
    }

    /// What the journal's head says.
    pub fn context(&self) -> &Context {
        &self.context
    }

    /// Takes the next input; the step before must have ended.
    ///
    /// # Errors
    /// If it is not the next one, or its instrument is unknown.
    pub fn input(&mut self, event: &Event, sink: &mut dyn RowSink) -> Result<(), ProjectionError> {
        let found = event.header.seq;
        if self.step.is_some() || found != self.seq.next() {
            return Err(ProjectionError::InputOrder { last: self.seq.0, found: found.0 });
        }
        self.check_instrument(event)?;
        self.seq = found;
        self.index = 0;
        match event.kind() {
            Kind::SessionStart => self.session_start(event, sink),
            Kind::Ltp | Kind::Quote | Kind::Full => self.market(event, sink),
            Kind::DeadLetter => self.dead_letter(event, -1, sink),
            Kind::Report => self.report(event, sink),
            Kind::Command => self.command(event, sink),
            Kind::Hours => self.hours(event, sink),
            Kind::TradingState => self.trading_state(event, sink),
            // Bars among the inputs are of earlier days: history, not this journal's. A session's end and a minute's are told
            // when their step ends; configuration and instruments with the session they are for.
            _ => {}
        }
        self.account.input(event);
        match &mut self.step {
            Some(step) => **step = *event,
            none => *none = Some(Box::new(*event)),
        }
        Ok(())
    }

    /// Takes the next output of the step that is open.
    ///
    /// # Errors
    /// If it is of another step, or its instrument is unknown.
    pub fn output(&mut self, event: &Event, sink: &mut dyn RowSink) -> Result<(), ProjectionError> {
        let (found, index) = (event.header.seq, event.header.index);
        if self.step.is_none() || found != self.seq || index != self.index {
            return Err(ProjectionError::OutputOrder { step: self.seq.0, found: found.0, index });
        }
        self.check_instrument(event)?;
        self.index += 1;
        self.outputs += 1;
        self.account.output(event);
        let idx = index as i32;
        match event.kind() {
            Kind::Bar => self.bar(event, idx, sink),
            Kind::Signal => self.signal(event, idx, sink),
            Kind::Verdict => self.verdict(event, idx, sink),
            Kind::Order => self.order(event, idx, sink),
            Kind::Cancel | Kind::Modify => self.order_request(event, idx, sink),
            Kind::Fill => self.fill(event, idx, sink),
            Kind::DeadLetter => self.dead_letter(event, idx, sink),
            Kind::Alarm => self.alarm(event, idx, sink),
            Kind::StateHash => self.checkpoint(event, idx, sink),
            // A report is told when it is sequenced, a request to be called is nothing that happened.
            _ => {}
        }
        Ok(())
    }

    /// Ends the step: all its outputs were taken.
    ///
    /// Panics if none is open.
    pub fn end_step(&mut self, sink: &mut dyn RowSink) {
        let input = self.step.take().expect("a step is ended once");
        self.ended = input.kind() == Kind::SessionEnd;
        self.account.end_step();
        match input.kind() {
            Kind::Timer => self.minute(&input, sink),
            Kind::SessionEnd => self.session_end(&input, sink),
            _ => {}
        }
    }

    fn check_instrument(&self, event: &Event) -> Result<(), ProjectionError> {
        let InstrumentId(instrument) = event.header.instrument;
        if event.header.instrument.is_some() && instrument as usize >= self.context.instruments.len() {
            return Err(ProjectionError::Instrument { seq: event.header.seq.0, instrument });
        }
        Ok(())
    }

    fn key(&self, event: &Event, idx: i32) -> Key {
        Key {
            journal: self.context.journal,
            session: self.session as i32,
            trading_date: Date::of(self.date),
            seq: event.header.seq.0 as i64,
            idx,
            ts_ns: event.header.ts.0 as i64,
        }
    }

    fn symbol(&self, id: InstrumentId) -> Code<'_> {
        Code(self.context.instruments.get(id.index()).map_or("", |spec| spec.symbol.as_str()))
    }

    /// Id and symbol of an event that may concern no instrument.
    fn instrument_if_any(&self, event: &Event) -> (Option<i32>, Option<Code<'_>>) {
        let id = event.header.instrument;
        if id.is_some() { (Some(id.0 as i32), Some(self.symbol(id))) } else { (None, None) }
    }

    fn strategy(&self, id: StrategyId) -> Code<'_> {
        if id == StrategyId::NONE {
            return Code("risk");
        }
        Code(self.context.strategies.get(usize::from(id.0)).map_or("unknown", String::as_str))
    }
}

/// Hands a row to the sink.
fn put(sink: &mut dyn RowSink, table: Table, key: &Key, row: &impl Row) {
    row.with_values(key, &mut |values| sink.append(table, values));
}

/// The name of a code that was checked when its event was read.
macro_rules! name_of {
    ($code:ty, $value:expr) => {
        crate::value::Code(<$code>::from_u8($value).map_or("unknown", <$code>::name))
    };
}
use name_of;

/// A price that may be zero for "none".
fn price_if_any(price: pitlane_engine::units::Price) -> Option<pitlane_engine::units::Price> {
    (!price.is_zero()).then_some(price)
}

/// A number that may be zero for "none".
fn number_if_any(number: u64) -> Option<i64> {
    (number > 0).then_some(number as i64)
}
