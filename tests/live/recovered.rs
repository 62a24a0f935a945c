//! A live run that died goes on: its open orders are found again at the broker, and none is sent twice.

use crate::broker::{Book, Gateway, live};
use crate::world::{Live, Moving, Recorded, Setting, run, verify};
use pitlane_engine::drive::broker::Broker;
use pitlane_engine::drive::recover::{Recovery, Skip};
use pitlane_engine::event::Event;
use pitlane_engine::log::NoLog;
use pitlane_engine::units::NS_PER_S;
use pitlane_tests::market::Market;
use pitlane_tests::{Rng, seed};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

const SECONDS: u64 = 20;

/// Lives of one run: each but the last is cut at a random moment, and loses what was not durable, or a part of it.
#[test]
fn open_orders_are_found_again_and_none_is_sent_twice() {
    let base = seed("recovered live", 20_261_123);
    let (mut found, mut orders, mut not_sent, mut lost) = (0, 0, 0, 0);
    for n in 0..60 {
        let mut rng = Rng(base + n);
        let market =
            live(if n % 2 == 0 { Market::new(base + n, SECONDS) } else { Market::depth(base + n, SECONDS) });
        let (mut inputs, mut outputs): (Vec<Event>, Vec<Event>) = (Vec::new(), Vec::new());
        let (mut book, clock) = (Book::default(), Moving::new(market.sessions[0].pre_open, 200_000));
        let mut lives = 1 + rng.below(3);
        loop {
            let recovery = Recovery::new(&market.config).unwrap();
            let (mut again, mut made) = (inputs.clone().into_iter(), outputs.clone().into_iter());
            let mut recovery = recovery.run(&mut again, Some(&mut made), &mut NoLog, &mut |_| {}).unwrap();
            let open = recovery.resumed().stages.matcher.open_orders().to_vec();
            assert_eq!(open.len(), recovery.resumed().stages.risk.open_orders());
            found += open.len();
            let scheduled = recovery.counts().scheduled;
            let (broker, ends) = Broker::rings(256, 64);
            let durable = Arc::new(AtomicU64::new(inputs.len() as u64));
            let mut gateway = Gateway::new(ends, book, &durable, &open);
            let mut setting = Setting::of(&market, &clock, 1 + rng.below(5) as usize);
            setting.broker = Some(broker);
            setting.schedule = Box::new(Skip::new(market.schedule(), scheduled));
            // What the market did meanwhile nobody has seen.
            let now = clock.read();
            let events = market.events.iter().copied().filter(|event| event.header.ts > now).collect();
            setting.feed = Box::new(Live::new(events, &clock, market.sessions[0].end));
            setting.resume = Some(Box::new(recovery.into_resumed()));
            lives -= 1;
            let die = now.plus(rng.below(SECONDS * NS_PER_S / 2));
            let (before, behind, last) = (inputs.len(), rng.below(40), lives == 0);
            let recorded = run(&market.config, setting, Some(&mut gateway), &mut rng, &mut |made, _| {
                // The record is behind by some inputs; at its end it is whole.
                let made = made.bytes().len() as u64 / 64 / 4;
                let durable_to = (before as u64 + made).saturating_sub(behind);
                durable.fetch_max(if last { u64::MAX } else { durable_to }, Ordering::SeqCst);
                !last && clock.read() > die
            });
            (orders, not_sent) = (orders + gateway.sent, not_sent + gateway.not_sent);
            let result = recorded.result;
            inputs.extend(recorded.inputs);
            outputs.extend(recorded.outputs);
            if last {
                assert_eq!(result.broker_error, None, "seed {}", base + n);
                let whole = Recorded { inputs, outputs, result };
                verify(&market.config, &whole);
                gateway.book.check(&whole, market.config.instruments.len());
                break;
            }
            // The power goes: of the inputs that were not durable some are lost, and of the outputs any number.
            let durable = (durable.load(Ordering::SeqCst) as usize).clamp(before, inputs.len());
            let kept = durable + rng.below((inputs.len() - durable) as u64 + 1) as usize;
            lost += inputs.len() - kept;
            inputs.truncate(kept);
            // They are made again when the run goes on.
            let again = Recovery::new(&market.config).unwrap();
            let mut log = pitlane_engine::log::MemoryLog::default();
            again.run(&mut inputs.clone().into_iter(), None, &mut log.clone(), &mut |_| {}).unwrap();
            outputs = std::mem::take(&mut log).events();
            gateway.vanish();
            book = gateway.book;
        }
    }
    println!(
        "{orders} orders sent, {found} found open after a crash, {not_sent} never sent, {lost} inputs lost"
    );
    assert!(found > 20 && orders > 500 && not_sent > 20 && lost > 100, "too little happened");
}
