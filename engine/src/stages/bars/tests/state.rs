//! A saved state goes on like the original.

use super::*;
use crate::state::trips::{changed_bytes_never_panic, loaded_stages_go_on};

const INSTRUMENTS: usize = 3;

/// Two random sessions: ticks with and without exchange time, late and stale ones, quiet seconds.
fn days(seed: u64) -> Vec<Event> {
    let mut random = Random(seed);
    let mut events = Vec::new();
    for day in 0..2 {
        events.push(session_start(day));
        if day == 0 {
            events.push(hours(2, 30, 600));
        }
        let (mut seconds, mut volume) = (0, 1_000);
        while seconds < 1_500 {
            let now = day * DAY + seconds;
            let (id, last) = (random.below(3) as u32, 1_000_000 + random.below(41) as i64 * 500);
            volume += random.below(4) as u32 * 10;
            events.push(match random.below(12) {
                0..=3 => full(id, now, last, volume),
                4 | 5 => quote(id, now * 1_000 + random.below(900), last, volume),
                6 => ltp(id, now * 1_000 + random.below(900), last),
                7 => index(id, now, last),
                8 => full(id, now.saturating_sub(random.below(90)), last, volume),
                9 => timer(now),
                _ => {
                    seconds += random.below(20);
                    timer(now)
                }
            });
        }
        events.push(session_end());
    }
    for (number, event) in events.iter_mut().enumerate() {
        event.header.seq = Seq(number as u64 + 1);
    }
    events
}

fn stage() -> Bars {
    Run::fresh(INSTRUMENTS)
}

#[test]
fn a_loaded_stage_goes_on_and_changed_bytes_never_panic() {
    let states = loaded_stages_go_on(stage, &days(3), 37);
    loaded_stages_go_on(stage, &days(4), 101);
    changed_bytes_never_panic(stage, &states, 5);
}
