//! What the bars need of a market event, whatever its packet was.

use crate::event::{Event, Full, Kind, Ltp, MARKET_INDEX, MARKET_TRADE_TIME, MARKET_VOLUME, Quote};
use crate::units::{Price, TsNs};

/// One market event.
#[derive(Clone, Copy, Debug)]
pub(super) struct Tick {
    /// Last price or index value.
    pub(super) last: Price,
    /// The exchange's time, or the sequencer's where the packet has none.
    pub(super) time: TsNs,
    /// Whether `time` is the exchange's.
    pub(super) exchange_time: bool,
    /// Whether it is of an index.
    pub(super) index: bool,
    /// The day's volume, if the packet has the field.
    pub(super) volume: Option<u32>,
    /// Unix seconds of the last trade, if the packet has the field; 0 = absent.
    pub(super) trade_secs: Option<u32>,
    /// Open interest, if the packet has the field.
    pub(super) open_interest: Option<u32>,
    /// As in the event's body.
    pub(super) received: TsNs,
    /// As in the event's body.
    pub(super) source_seq: u64,
}

impl Tick {
    /// The tick of a market event; `None` for any other.
    #[inline(always)]
    pub(super) fn of(event: &Event) -> Option<Self> {
        if event.is(Kind::Full) {
            let body = event.body::<Full>();
            let tick =
                Self::new(event, body.last, body.exchange_secs, body.flags, body.received, body.source_seq);
            Some(Self {
                volume: (body.flags & MARKET_VOLUME != 0).then_some(body.volume),
                trade_secs: (body.flags & MARKET_TRADE_TIME != 0).then_some(body.last_trade_secs),
                open_interest: Some(body.open_interest),
                ..tick
            })
        } else if event.is(Kind::Quote) {
            let body = event.body::<Quote>();
            let tick =
                Self::new(event, body.last, body.exchange_secs, body.flags, body.received, body.source_seq);
            Some(Self { volume: (body.flags & MARKET_VOLUME != 0).then_some(body.volume), ..tick })
        } else if event.is(Kind::Ltp) {
            let body = event.body::<Ltp>();
            Some(Self::new(event, body.last, 0, body.flags, body.received, body.source_seq))
        } else {
            None
        }
    }

    #[inline(always)]
    fn new(
        event: &Event,
        last: Price,
        exchange_secs: u32,
        flags: u32,
        received: TsNs,
        source_seq: u64,
    ) -> Self {
        let exchange_time = exchange_secs != 0;
        Self {
            last,
            time: if exchange_time { TsNs::from_secs(exchange_secs) } else { event.header.ts },
            exchange_time,
            index: flags & MARKET_INDEX != 0,
            volume: None,
            trade_secs: None,
            open_interest: None,
            received,
            source_seq,
        }
    }
}
