//! Rows of what the market said.

use super::{Projection, put};
use crate::tables::{Bar, Depth, RowSink, Table, Tick};
use crate::value::{Code, Stamp};
use pitlane_engine::event::{
    self, Event, Full, Kind, Ltp, MARKET_TRADE_TIME, MARKET_VOLUME, Quote, Timeframe,
};
use pitlane_engine::units::Price;

impl Projection {
    pub(super) fn market(&self, event: &Event, sink: &mut dyn RowSink) {
        if sink.wants().has(Table::Ticks) {
            put(sink, Table::Ticks, &self.key(event, -1), &self.tick(event));
        }
        if event.kind() == Kind::Full && sink.wants().has(Table::Depth) {
            put(sink, Table::Depth, &self.key(event, -1), &self.depth(event));
        }
    }

    fn tick(&self, event: &Event) -> Tick<'_> {
        let id = event.header.instrument;
        let blank = Tick {
            instrument_id: id.0 as i32,
            symbol: self.symbol(id),
            mode: Code("ltp"),
            last: Price::ZERO,
            received_ns: 0,
            source_seq: 0,
            flags: 0,
            exchange_at: None,
            last_trade_at: None,
            last_qty: None,
            volume: None,
            average: None,
            day_open: None,
            day_high: None,
            day_low: None,
            previous_close: None,
            buy_qty: None,
            sell_qty: None,
            open_interest: None,
            open_interest_high: None,
            open_interest_low: None,
        };
        match event.kind() {
            Kind::Ltp => {
                let Ltp { last, received, source_seq, flags, .. } = *event.body::<Ltp>();
                let (received_ns, source_seq) = (received.0 as i64, source_seq as i64);
                Tick { last, received_ns, source_seq, flags: flags as i32, ..blank }
            }
            Kind::Quote => quote(event.body(), blank),
            _ => full(event.body(), blank),
        }
    }

    fn depth(&self, event: &Event) -> Depth<'_> {
        let (id, full) = (event.header.instrument, event.body::<Full>());
        let level = |delta: &[i32; 5], qty: &[u32; 5], orders: &[u16; 5], at: usize| {
            let price = (qty[at] > 0).then(|| Price(full.last.0 + i64::from(delta[at])));
            (price, i64::from(qty[at]), i32::from(orders[at]))
        };
        let bid = |at| level(&full.bid_delta, &full.bid_qty, &full.bid_orders, at);
        let ask = |at| level(&full.ask_delta, &full.ask_qty, &full.ask_orders, at);
        let (bid1_price, bid1_qty, bid1_orders) = bid(0);
        let (bid2_price, bid2_qty, bid2_orders) = bid(1);
        let (bid3_price, bid3_qty, bid3_orders) = bid(2);
        let (bid4_price, bid4_qty, bid4_orders) = bid(3);
        let (bid5_price, bid5_qty, bid5_orders) = bid(4);
        let (ask1_price, ask1_qty, ask1_orders) = ask(0);
        let (ask2_price, ask2_qty, ask2_orders) = ask(1);
        let (ask3_price, ask3_qty, ask3_orders) = ask(2);
        let (ask4_price, ask4_qty, ask4_orders) = ask(3);
        let (ask5_price, ask5_qty, ask5_orders) = ask(4);
        #[rustfmt::skip]
        let row = Depth {
            instrument_id: id.0 as i32,
            symbol: self.symbol(id),
            bid1_price, bid1_qty, bid1_orders, bid2_price, bid2_qty, bid2_orders, bid3_price, bid3_qty, bid3_orders,
            bid4_price, bid4_qty, bid4_orders, bid5_price, bid5_qty, bid5_orders,
            ask1_price, ask1_qty, ask1_orders, ask2_price, ask2_qty, ask2_orders, ask3_price, ask3_qty, ask3_orders,
            ask4_price, ask4_qty, ask4_orders, ask5_price, ask5_qty, ask5_orders,
        };
        row
    }

    pub(super) fn bar(&self, event: &Event, idx: i32, sink: &mut dyn RowSink) {
        let (id, bar) = (event.header.instrument, event.body::<event::Bar>());
        let timeframe = Timeframe::from_u8(bar.timeframe).expect("events are checked where they enter");
        let table = Table::of_bars(timeframe);
        if !sink.wants().has(table) {
            return;
        }
        let row = Bar {
            instrument_id: id.0 as i32,
            symbol: self.symbol(id),
            start_at: Stamp::of(bar.start),
            end_at: Stamp::of(bar.end),
            open: bar.open,
            high: bar.high,
            low: bar.low,
            close: bar.close,
            volume: bar.volume as i64,
            turnover: bar.turnover,
            open_interest: bar.open_interest.into(),
            trades: bar.trades.into(),
            gap: bar.gap.into(),
            flags: bar.flags.into(),
        };
        put(sink, table, &self.key(event, idx), &row);
    }
}

fn quote<'a>(quote: &Quote, blank: Tick<'a>) -> Tick<'a> {
    let wide = |number: u32| Some(i64::from(number));
    let has_volume = quote.flags & MARKET_VOLUME != 0;
    let if_volume = |number: u32| has_volume.then_some(i64::from(number));
    Tick {
        mode: Code("quote"),
        last: quote.last,
        received_ns: quote.received.0 as i64,
        source_seq: quote.source_seq as i64,
        flags: quote.flags as i32,
        exchange_at: Stamp::of_secs(quote.exchange_secs),
        last_qty: if_volume(quote.last_qty),
        volume: if_volume(quote.volume),
        average: has_volume.then_some(quote.average),
        day_open: Some(quote.open),
        day_high: Some(quote.high),
        day_low: Some(quote.low),
        previous_close: Some(quote.close),
        buy_qty: wide(quote.buy_qty).filter(|_| has_volume),
        sell_qty: wide(quote.sell_qty).filter(|_| has_volume),
        ..blank
    }
}

fn full<'a>(full: &Full, blank: Tick<'a>) -> Tick<'a> {
    let wide = |number: u32| Some(i64::from(number));
    Tick {
        mode: Code("full"),
        last: full.last,
        received_ns: full.received.0 as i64,
        source_seq: full.source_seq as i64,
        flags: full.flags as i32,
        exchange_at: Stamp::of_secs(full.exchange_secs),
        last_trade_at: Stamp::of_secs(full.last_trade_secs).filter(|_| full.flags & MARKET_TRADE_TIME != 0),
        last_qty: wide(full.last_qty),
        volume: wide(full.volume),
        average: Some(full.average),
        day_open: Some(full.open),
        day_high: Some(full.high),
        day_low: Some(full.low),
        previous_close: Some(full.close),
        buy_qty: wide(full.buy_qty),
        sell_qty: wide(full.sell_qty),
        open_interest: wide(full.open_interest),
        open_interest_high: wide(full.open_interest_high),
        open_interest_low: wide(full.open_interest_low),
        ..blank
    }
}
