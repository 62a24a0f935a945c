//! Threads that carry calls. There are as many as calls may be under way, so none waits behind one that hangs.

use super::{LatchCount, Rest};
use crate::call::{Answer, Call, CallError, CallId};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

/// A call's number and what came of it.
pub type Answered = (CallId, Result<Answer, CallError>);

/// The pool. Dropped, it lets every call under way come to its end; by a panic, nothing more is opened.
#[derive(Debug)]
pub struct Workers {
    calls: Option<Sender<(Call, u64)>>,
    latches: LatchCount,
    answers: Receiver<Answered>,
    threads: Vec<JoinHandle<()>>,
}

impl Workers {
    /// Starts `threads` threads.
    ///
    /// # Errors
    /// If the system gives no thread.
    pub fn start(rest: &Rest, threads: usize) -> std::io::Result<Self> {
        Self::carried_by(threads, LatchCount::default(), {
            let rest = rest.clone();
            move |call: &Call, latches: &LatchCount, count| match call.ends_with_latch {
                true => rest.call_unless_latched(call, latches, count),
                false => rest.call(call),
            }
        })
    }

    fn carried_by<C>(threads: usize, latches: LatchCount, carrier: C) -> std::io::Result<Self>
    where
        C: Fn(&Call, &LatchCount, u64) -> Result<Answer, CallError> + Clone + Send + 'static,
    {
        let (calls, to_carry) = channel();
        let (answered, answers) = channel();
        let to_carry = Arc::new(Mutex::new(to_carry));
        let mut started = Vec::with_capacity(threads);
        for number in 0..threads {
            let (to_carry, answered) = (Arc::clone(&to_carry), answered.clone());
            let (carrier, latches) = (carrier.clone(), latches.clone());
            let body = move || carry(|call, count| carrier(call, &latches, count), &to_carry, &answered);
            started.push(std::thread::Builder::new().name(format!("kite-rest-{number}")).spawn(body)?);
        }
        Ok(Self { calls: Some(calls), latches, answers, threads: started })
    }

    /// The kill switch was pulled: calls handed over before that open anything do not leave, unless they have begun to.
    /// They are answered as such.
    pub fn latch(&self) {
        self.latches.pull();
    }

    /// Hands a call over. Never blocks.
    pub fn send(&self, call: Call) {
        let calls = self.calls.as_ref().expect("taken only when dropped");
        calls.send((call, self.latches.now())).expect("a worker ends only when the pool does");
    }

    /// The next answer, waiting for one at most so long.
    pub fn answer(&self, wait: Duration) -> Option<Answered> {
        match self.answers.recv_timeout(wait) {
            Ok(answered) => Some(answered),
            Err(RecvTimeoutError::Timeout) => None,
            Err(RecvTimeoutError::Disconnected) => panic!("every worker has died"),
        }
    }
}

fn carry(
    carrier: impl Fn(&Call, u64) -> Result<Answer, CallError>,
    calls: &Mutex<Receiver<(Call, u64)>>,
    answered: &Sender<Answered>,
) {
    loop {
        let next = calls.lock().expect("nothing panics with this lock held").recv();
        let Ok((call, count)) = next else { return };
        // A panic is a bug of ours or below us. It costs this call its answer, not the gateway its hand: with one hand less
        // for each, in the end not even a cancel would leave.
        let result = catch_unwind(AssertUnwindSafe(|| carrier(&call, count)));
        let result = result.unwrap_or(Err(CallError::MayHaveLeft("a bug: what carried it panicked")));
        if answered.send((call.id, result)).is_err() {
            return;
        }
    }
}

impl Drop for Workers {
    fn drop(&mut self) {
        if std::thread::panicking() {
            // Nobody will hear of the orders that these would open.
            self.latch();
        }
        self.calls = None;
        for thread in self.threads.drain(..) {
            // A worker that panicked has printed why; here it only has to be gone.
            drop(thread.join());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::call::{CallKind, Method};

    fn call(id: u64) -> Call {
        let (kind, form) = (CallKind::Orders, Vec::new());
        Call {
            id: CallId(id),
            kind,
            method: Method::Get,
            path: "/orders".into(),
            form,
            ends_with_latch: false,
        }
    }

    #[test]
    fn a_panic_costs_a_call_its_answer_and_no_hand() {
        let workers = Workers::carried_by(1, LatchCount::default(), |call: &Call, _: &LatchCount, _| {
            assert!(call.id.0.is_multiple_of(2), "odd calls panic");
            Ok(Answer { status: 200, body: Vec::new() })
        })
        .unwrap();
        for id in 1..=6 {
            workers.send(call(id));
        }
        for id in 1..=6 {
            let (answered, result) = workers.answer(Duration::from_secs(10)).unwrap();
            assert_eq!(answered, CallId(id));
            assert_eq!(result.is_ok(), id % 2 == 0);
            assert!(id % 2 == 0 || matches!(result, Err(CallError::MayHaveLeft(_))));
        }
    }

    /// A driver that panics drops its pool: what waits there and opens something has nobody behind it.
    #[test]
    fn what_waits_in_a_pool_that_a_panic_drops_does_not_leave() {
        for panics in [false, true] {
            let (left, calls) = channel();
            let (go, gate) = channel::<()>();
            let gate = Arc::new(Mutex::new(gate));
            let workers = Workers::carried_by(1, LatchCount::default(), move |call, latches, count| {
                if call.id.0 == 1 {
                    // The only hand: the others wait for it.
                    gate.lock().unwrap().recv().unwrap();
                }
                if latches.now() == count {
                    left.send(call.id).unwrap();
                }
                Err(CallError::NeverLeft("a test"))
            })
            .unwrap();
            workers.send(call(1));
            workers.send(call(2));
            let ended = std::thread::spawn(move || {
                let _workers = workers;
                let _go = GoAtEnd(go);
                assert!(!panics, "as a bug would");
            })
            .join();
            assert_eq!(ended.is_err(), panics);
            assert_eq!(calls.iter().count(), if panics { 0 } else { 2 });
        }
    }

    /// Frees the hand a moment before the pool waits for it; by then a panic is under way.
    struct GoAtEnd(Sender<()>);

    impl Drop for GoAtEnd {
        fn drop(&mut self) {
            // The pool is dropped after this: its hand must still be busy then.
            let go = self.0.clone();
            std::thread::spawn(move || {
                std::thread::sleep(Duration::from_millis(200));
                go.send(()).unwrap();
            });
        }
    }
}
