//! The market that is measured on: a synthetic day or recorded ticks as the broker's packets, one packet a frame, kept in
//! memory and played again and again, each time a day later.

use crate::strategy;
use anyhow::Context;
use jiff::ToSpan;
use pitlane_config::{Settings, StrategySettings, ist};
use pitlane_engine::config::{PipelineConfig, RiskConfig, SessionPlan};
use pitlane_engine::drive::sink::Sink;
use pitlane_engine::drive::{Resumed, Run, Stages};
use pitlane_engine::event::Timeframe;
use pitlane_engine::feed::{FeedItem, FrameFeed};
use pitlane_engine::log::{EventLog, NoLog};
use pitlane_engine::sequencer::schedule::Schedule;
use pitlane_engine::sequencer::source::Decoded;
use pitlane_engine::sequencer::{SOURCE_FEED, SequencerState};
use pitlane_engine::stages::bars::Bars;
use pitlane_engine::stages::decoder::Decoder;
use pitlane_engine::stages::risk::Risk;
use pitlane_engine::stages::strategy::{REGISTRY, Strategies, StrategyKind};
use pitlane_engine::stages::venue::Venue;
use pitlane_engine::units::{Money, NS_PER_S, TsNs};
use pitlane_feeds::SyntheticFeed;
use pitlane_feeds::kite::{FULL_BYTES, INDEX_FULL_BYTES};
use pitlane_session::exit::data;
use pitlane_session::import::Ticks;
use pitlane_session::market::synthetic_config;
use std::sync::Arc;

/// From one playing of the day to the next, in the market's time.
const DAY_S: u64 = 86_400;

/// Packets of all the days that the schedule knows at most: 400 synthetic days.
const PACKETS_MAX: u64 = 200_000_000;
/// Days that it knows at most: half a century of a thin recording, within the 32-bit seconds of packets.
const DAYS_MAX: u64 = 20_000;

/// Bytes before the packet of a frame: their number and the length.
const PREFIX_BYTES: usize = 4;

/// Where the packets come from.
pub enum Market {
    /// The synthetic day of these settings.
    Synthetic(Box<Settings>),
    /// Recorded ticks.
    Recorded(Box<Ticks>),
}

/// A day of frames.
pub struct Day {
    settings: Settings,
    /// What the stages are built from.
    pub config: PipelineConfig,
    /// Kinds that its strategies are among.
    kinds: &'static [StrategyKind],
    bytes: Vec<u8>,
    frames: Arc<Frames>,
}

/// The records of a run: inputs, outputs.
pub type Logs = (Box<dyn EventLog>, Box<dyn EventLog>);

/// Where each frame ends and when it came.
struct Frames {
    ends: Vec<usize>,
    received: Vec<TsNs>,
}

impl Day {
    /// The day of `market`, with the bench's strategy and limits that do not end the trading.
    ///
    /// # Errors
    /// If there is no market in it.
    pub fn of(market: Market) -> anyhow::Result<Self> {
        match market {
            Market::Synthetic(settings) => Self::new(*settings),
            Market::Recorded(ticks) => Self::recorded(*ticks),
        }
    }

    /// The synthetic day that `settings` describe.
    ///
    /// # Errors
    /// If the settings do not make a market.
    pub fn new(mut settings: Settings) -> anyhow::Result<Self> {
        prepare(&mut settings);
        let config = settings.pipeline(settings.instruments()?)?;
        let times = settings.fixed_session_times(settings.sim.date);
        let mut feed = SyntheticFeed::new(&synthetic_config(&settings), &config.instruments, &times.into())?;
        let frames = packets(&mut feed);
        Self::with(settings, config, frames)
    }

    /// The day of recorded ticks. It ends with the minute of the last one: what follows would be timers alone.
    ///
    /// # Errors
    /// If there is no tick of a tradable instrument, or a file could not be read to its end.
    pub fn recorded(ticks: Ticks) -> anyhow::Result<Self> {
        let Ticks { mut settings, mut feed } = ticks;
        prepare(&mut settings);
        settings.strategies.clear();
        let frames = packets(&mut feed);
        if let Some(error) = feed.error() {
            return Err(data(error.to_string()));
        }
        let (open, close) = settings.fixed_hours();
        if let Some(last) = frames.1.received.last() {
            let minutes = last.since(ist(settings.sim.date, open)) / (60 * NS_PER_S) + 1;
            settings.session.open = Some(open);
            settings.session.close = Some(open.saturating_add((minutes as i64).minutes()).min(close));
        }
        let config = settings.pipeline(settings.instruments.clone())?;
        let day = Self::with(settings, config, frames)?;
        anyhow::ensure!(
            day.config.instruments.iter().any(|spec| spec.tradable),
            "no instrument of these ticks can be traded, so nothing would order; name tokens with --instruments"
        );
        Ok(day)
    }

    fn with(
        settings: Settings,
        mut config: PipelineConfig,
        (bytes, frames): (Vec<u8>, Frames),
    ) -> anyhow::Result<Self> {
        strategy::install(&mut config);
        anyhow::ensure!(!frames.ends.is_empty(), "the market of these settings has no packet");
        Ok(Self { settings, config, kinds: &strategy::KINDS, bytes, frames: Arc::new(frames) })
    }

    /// The same market traded by the engine's own crossover over bars of a second. A journal of it can be replayed: it
    /// says what it was made by, where the bench's strategy is in no registry.
    ///
    /// # Errors
    /// If the settings do not hold together.
    pub fn with_crossover(mut self) -> anyhow::Result<Self> {
        let crossover =
            StrategySettings { timeframe: Timeframe::S1, allow_short: true, ..StrategySettings::default() };
        self.settings.strategies = vec![crossover];
        self.config = self.settings.pipeline(self.config.instruments.clone())?;
        self.kinds = REGISTRY;
        Ok(self)
    }

    /// For the head of a result: what was played.
    pub fn describe(&self) -> String {
        let count = self.config.instruments.len();
        format!("{} packets of {}, {count} instruments", self.packets(), self.settings.sim.date)
    }
    /// Its packets.
    pub fn packets(&self) -> usize {
        self.frames.ends.len()
    }

    /// The frames from the first on, without end.
    pub fn player(&self) -> Player {
        Player { bytes: self.bytes.clone(), frames: self.frames.clone(), next: 0, days: 0 }
    }

    /// When each packet of the day came.
    pub fn times(&self) -> Times {
        Times { frames: self.frames.clone(), next: 0, days: 0 }
    }

    /// Sessions and timers of as many days as `packets` take.
    ///
    /// # Errors
    /// If the days would leave the calendar.
    pub fn schedule(&self, packets: u64) -> anyhow::Result<Schedule> {
        let held = self.packets() as u64;
        let days = (packets / held + 2).min(PACKETS_MAX / held + 1).min(DAYS_MAX);
        let date = |day: u64| self.settings.sim.date.checked_add((day as i64).days());
        let plan = |day| -> anyhow::Result<SessionPlan> {
            let date = date(day).context("the days of the bench leave the calendar")?;
            Ok(self.settings.fixed_session_times(date).into())
        };
        let plans: Vec<SessionPlan> = (0..days).map(plan).collect::<anyhow::Result<_>>()?;
        let text = self.settings.journaled_toml();
        Ok(Schedule::new(&text, Settings::hash(&text), &self.config.instruments, &[], &plans, &[]))
    }

    /// The stages, with the day's strategies.
    pub fn stages(&self) -> Stages {
        let config = &self.config;
        let bars = Bars::new(&config.instruments, &config.bars);
        Stages { bars, strategy: self.strategies(), risk: Risk::new(config), matcher: Venue::new(config) }
    }

    /// The strategy stage alone.
    fn strategies(&self) -> Strategies {
        Strategies::with_kinds(&self.config, self.kinds).expect("both kinds have their defaults")
    }

    /// A run from nothing with these stages.
    pub fn fresh(&self) -> Box<Resumed> {
        let sink = Sink::new(NoLog, &self.config);
        Box::new(Resumed { stages: self.stages(), sequencer: SequencerState::default(), sink })
    }

    /// The whole pipeline behind `feed`, which brings up to `packets` of the day's packets, with its records in `logs`.
    ///
    /// # Errors
    /// If the days would leave the calendar.
    pub fn run(
        &self,
        feed: impl FrameFeed + 'static,
        (inputs, outputs): Logs,
        packets: u64,
    ) -> anyhow::Result<Run<'_>> {
        let decoder = Decoder::new(&self.config.instruments, SOURCE_FEED);
        Ok(Run {
            resume: Some(self.fresh()),
            ..Run::new(
                &self.config,
                Box::new(self.schedule(packets)?),
                Box::new(Decoded::new(feed, decoder)),
                inputs,
                outputs,
            )
        })
    }
}

/// Limits that do not end the trading; and nothing but timers happens before the open, so that a day follows another
/// without a quarter of an hour of them.
fn prepare(settings: &mut Settings) {
    let (open, _) = settings.fixed_hours();
    settings.session.pre_open = open;
    settings.risk = RiskConfig {
        capital: Money::rupees(1_000_000_000),
        position_bps: 20,
        order_value_bps: 10_000,
        open_positions_max: 128,
        daily_loss_bps: 10_000,
        protection_bps: settings.risk.protection_bps,
        ..RiskConfig::UNLIMITED
    };
}

/// Every packet of a feed as a frame of its own. What a feed refuses is left out.
fn packets(feed: &mut impl FrameFeed) -> (Vec<u8>, Frames) {
    let (mut bytes, mut frames) = (Vec::new(), Frames { ends: Vec::new(), received: Vec::new() });
    loop {
        match feed.poll() {
            FeedItem::Frame { received, bytes: frame } => split(frame, |packet| {
                bytes.extend_from_slice(&[0, 1]);
                bytes.extend_from_slice(packet);
                frames.ends.push(bytes.len());
                frames.received.push(received);
            }),
            FeedItem::Refused(_) => {}
            FeedItem::Pending | FeedItem::Quiet | FeedItem::Closed => return (bytes, frames),
        }
    }
}

/// Calls `each` with every packet of a frame, with its length before it.
fn split(frame: &[u8], mut each: impl FnMut(&[u8])) {
    let mut rest = frame.get(2..).unwrap_or_default();
    while let Some((length, _)) = rest.split_first_chunk::<2>() {
        let (packet, tail) = rest.split_at(2 + usize::from(u16::from_be_bytes(*length)));
        each(packet);
        rest = tail;
    }
}

/// When packets came, one after another, without end.
pub struct Times {
    frames: Arc<Frames>,
    next: usize,
    days: u64,
}

impl Times {
    /// The time of the next packet.
    pub fn advance(&mut self) -> TsNs {
        if self.next == self.frames.received.len() {
            (self.next, self.days) = (0, self.days + 1);
        }
        self.next += 1;
        self.frames.received[self.next - 1].plus(self.days * DAY_S * NS_PER_S)
    }
}

/// Plays a day again and again. The times in the packets move with the day, in place: a playing touches each packet once.
pub struct Player {
    bytes: Vec<u8>,
    frames: Arc<Frames>,
    next: usize,
    days: u64,
}

impl Player {
    /// The next frame and when it came.
    #[inline]
    pub fn advance(&mut self) -> (TsNs, &[u8]) {
        if self.next == self.frames.ends.len() {
            (self.next, self.days) = (0, self.days + 1);
        }
        let start = self.next.checked_sub(1).map_or(0, |before| self.frames.ends[before]);
        let frame = &mut self.bytes[start..self.frames.ends[self.next]];
        let received = self.frames.received[self.next].plus(self.days * DAY_S * NS_PER_S);
        self.next += 1;
        if self.days > 0 {
            next_day(&mut frame[PREFIX_BYTES..]);
        }
        (received, frame)
    }
}

/// Moves the times in a packet a day on; zero stands for none.
fn next_day(packet: &mut [u8]) {
    let offsets: &[usize] = match packet.len() {
        FULL_BYTES => &[44, 60],
        INDEX_FULL_BYTES => &[28],
        _ => &[],
    };
    for &offset in offsets {
        let word = packet[offset..].first_chunk_mut::<4>().expect("the offset is one of this packet's");
        let seconds = u32::from_be_bytes(*word);
        if seconds != 0 {
            *word = seconds.wrapping_add(DAY_S as u32).to_be_bytes();
        }
    }
}

impl FrameFeed for Player {
    fn poll(&mut self) -> FeedItem<'_> {
        let (received, bytes) = self.advance();
        FeedItem::Frame { received, bytes }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_playing_is_the_first_a_day_later() {
        let mut settings = Settings::demo();
        settings.sim.halts = 0;
        let day = Day::new(settings).unwrap();
        let mut first: Vec<(TsNs, Vec<u8>)> = Vec::new();
        let mut playing = day.player();
        for _ in 0..day.packets() {
            let (received, frame) = playing.advance();
            first.push((received, frame.to_vec()));
        }
        let mut player = day.player();
        let mut times = day.times();
        for _ in 0..day.packets() {
            player.advance();
            times.advance();
        }
        for (received, frame) in &first {
            let mut expected = frame.clone();
            next_day(&mut expected[PREFIX_BYTES..]);
            let (at, again) = player.advance();
            assert_eq!((at, again), (received.plus(DAY_S * NS_PER_S), &expected[..]));
            assert_eq!(times.advance(), at);
        }
        assert!(
            first.iter().filter(|(_, frame)| frame.len() == PREFIX_BYTES + FULL_BYTES).count()
                > first.len() / 2
        );
    }
}
