//! Threads that carry calls. There are as many as calls may be under way, so none waits behind one that hangs.

use super::Rest;
use crate::call::{Answer, Call, CallError, CallId};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

/// A call's number and what came of it.
pub type Answered = (CallId, Result<Answer, CallError>);

/// The pool. Dropped, it lets every call under way come to its end.
#[derive(Debug)]
pub struct Workers {
    calls: Option<Sender<Call>>,
    answers: Receiver<Answered>,
    threads: Vec<JoinHandle<()>>,
}

impl Workers {
    /// Starts `threads` threads, each with its own connections.
    ///
    /// # Errors
    /// If the system gives no thread.
    pub fn start(rest: &Rest, threads: usize) -> std::io::Result<Self> {
        let (calls, to_carry) = channel::<Call>();
        let (answered, answers) = channel();
        let to_carry = Arc::new(Mutex::new(to_carry));
        let mut started = Vec::with_capacity(threads);
        for number in 0..threads {
            let (rest, to_carry, answered) = (rest.clone(), Arc::clone(&to_carry), answered.clone());
            let body = move || carry(&rest, &to_carry, &answered);
            started.push(std::thread::Builder::new().name(format!("kite-rest-{number}")).spawn(body)?);
        }
        Ok(Self { calls: Some(calls), answers, threads: started })
    }

    /// Hands a call over. Never blocks.
    pub fn send(&self, call: Call) {
        let calls = self.calls.as_ref().expect("taken only when dropped");
        calls.send(call).expect("a worker ends only when the pool does");
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

fn carry(rest: &Rest, calls: &Mutex<Receiver<Call>>, answered: &Sender<Answered>) {
    loop {
        let next = calls.lock().expect("nothing panics with this lock held").recv();
        let Ok(call) = next else { return };
        if answered.send((call.id, rest.call(&call))).is_err() {
            return;
        }
    }
}

impl Drop for Workers {
    fn drop(&mut self) {
        self.calls = None;
        for thread in self.threads.drain(..) {
            // A worker that panicked has printed why; here it only has to be gone.
            drop(thread.join());
        }
    }
}
