//! The live feed of a run: what is subscribed, and a source that ends with the session.

use super::consent::token;
use pitlane_config::Settings;
use pitlane_engine::config::{InstrumentSpec, SessionTimes};
use pitlane_engine::drive::clock::Pace;
use pitlane_engine::event::Event;
use pitlane_engine::sequencer::SOURCE_FEED;
use pitlane_engine::sequencer::source::{Decoded, Head, Source};
use pitlane_engine::stages::decoder::{Decoder, DecoderCounters};
use pitlane_engine::units::TsNs;
use pitlane_kite_feed::{
    Credentials, FeedConfig, FeedControl, FeedHandle, LiveFeed, Mode, Secret, Subscription, TokenSlot,
};
use pitlane_kite_gateway::session::Session;
use std::sync::Arc;
use std::time::Duration;

/// A feed with its other ends.
pub(super) struct Market {
    /// What the run reads.
    pub(super) source: Box<dyn Source>,
    /// What operators see, order postbacks, notes.
    pub(super) handle: FeedHandle,
    /// Where a new token goes.
    pub(super) tokens: Arc<TokenSlot>,
    /// The session that it began with.
    pub(super) session: Session,
}

/// The feed's credentials of a session at the broker.
pub(super) fn credentials(session: &Session) -> Credentials {
    let access_token = Secret::new(session.access_token.reveal());
    Credentials { api_key: session.api_key.clone(), access_token }
}

/// Subscribes `instruments` for the session `times`. The feed connects when it is first polled.
///
/// # Errors
/// If there is no token, or the feed refuses its configuration.
pub(super) fn market(
    settings: &Settings,
    instruments: &[InstrumentSpec],
    times: &SessionTimes,
    pace: &Pace,
) -> anyhow::Result<Market> {
    let broker = &settings.broker;
    let session = token(broker)?;
    let tokens = Arc::new(TokenSlot::new(credentials(&session)));
    let subscriptions =
        instruments.iter().map(|spec| Subscription { token: spec.token, mode: Mode::Full }).collect();
    let mut config = FeedConfig::new(subscriptions, vec![(times.open, times.close)]);
    config.url.clone_from(&broker.ticker);
    config.silent = Duration::from_nanos(broker.silent_after_ns);
    config.frozen = Duration::from_nanos(broker.frozen_after_ns);
    let (feed, handle) = LiveFeed::new(config, pace.clone(), tokens.clone())
        .map_err(|error| crate::exit::usage(format!("the live feed cannot be made: {error}")))?;
    let source = Ending {
        inner: Decoded::new(feed, Decoder::new(instruments, SOURCE_FEED)),
        pace: pace.clone(),
        end: times.end,
        control: handle.control.clone(),
        over: false,
    };
    Ok(Market { source: Box::new(source), handle, tokens, session })
}

/// A live source that is never waited for, and that ends when the session's time has passed.
struct Ending<S> {
    inner: S,
    pace: Pace,
    end: TsNs,
    control: Arc<FeedControl>,
    over: bool,
}

impl<S: Source> Source for Ending<S> {
    fn poll(&mut self) -> Head {
        if self.over {
            return Head::Closed;
        }
        match self.inner.poll() {
            Head::Ready => Head::Ready,
            // What has no frame, for whatever reason, holds nothing up.
            Head::Pending | Head::Quiet if self.pace.now() <= self.end => Head::Quiet,
            Head::Pending | Head::Quiet | Head::Closed => {
                self.close();
                Head::Closed
            }
        }
    }

    fn head(&self) -> &Event {
        self.inner.head()
    }

    fn advance(&mut self) {
        self.inner.advance();
    }

    fn close(&mut self) {
        self.over = true;
        self.control.close();
        // Once more, so that it closes its connections.
        self.inner.poll();
    }

    fn decoder_counters(&self) -> Option<&DecoderCounters> {
        self.inner.decoder_counters()
    }
}
