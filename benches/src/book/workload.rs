//! The mixed flow that books are compared on: 60 % limit orders around a random walk, 30 % cancels, 10 % market orders.

use super::ladder::Ladder;
use super::{Book, Op, SplitMix};

/// Orders that rest before the measured part begins.
pub const PRELOAD: usize = 10_000;
/// Resting orders below which a cancel becomes an order.
const LIVE_MIN: usize = 2_000;
/// Resting orders above which an order becomes a cancel.
const LIVE_MAX: usize = 20_000;
/// Room for all that rest at once.
pub const ORDERS: usize = LIVE_MAX + 1;
/// Where the random walk starts.
const MID: u32 = 100_000;

/// A flow: its first `PRELOAD` operations fill the book and are not measured.
pub struct Flow {
    /// The operations.
    pub ops: Vec<Op>,
    /// Operations before the measured part.
    pub preload: usize,
    /// Most orders that rest at once.
    pub orders: usize,
    /// Ids are below this.
    pub ids: usize,
}

/// How many operations of each kind a flow has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Kinds {
    /// Limit orders, those before the measured part included.
    pub adds: u64,
    /// Cancels.
    pub cancels: u64,
    /// Market orders.
    pub markets: u64,
}

impl Flow {
    /// How many operations of each kind it has.
    pub fn kinds(&self) -> Kinds {
        let mut kinds = Kinds::default();
        for op in &self.ops {
            match op {
                Op::Add { .. } => kinds.adds += 1,
                Op::Cancel { .. } => kinds.cancels += 1,
                Op::Market { .. } => kinds.markets += 1,
            }
        }
        kinds
    }
}

/// Makes the flow, with a book of its own to know which orders still rest.
struct Maker {
    random: SplitMix,
    mid: u32,
    next_id: u32,
    live: Vec<u32>,
    book: Ladder,
    ops: Vec<Op>,
}

/// The mixed flow with `measured` operations after the preload, always the same.
pub fn mixed(measured: usize) -> Flow {
    let ids = PRELOAD + measured + 1;
    let mut maker = Maker {
        random: SplitMix(42),
        mid: MID,
        next_id: 1,
        live: Vec::new(),
        book: Ladder::new(ORDERS, ids),
        ops: Vec::with_capacity(PRELOAD + measured),
    };
    for _ in 0..PRELOAD {
        maker.add();
    }
    for _ in 0..measured {
        maker.step();
    }
    Flow { ops: maker.ops, preload: PRELOAD, orders: ORDERS, ids }
}

impl Maker {
    fn step(&mut self) {
        match self.random.below(20) {
            0 => self.mid -= 1,
            1 => self.mid += 1,
            _ => {}
        }
        let resting = self.book.resting();
        match self.random.below(100) {
            0..60 if resting > LIVE_MAX => self.cancel(),
            60..90 if resting < LIVE_MIN => self.add(),
            0..60 => self.add(),
            60..90 => self.cancel(),
            _ => {
                let side = self.random.side();
                let quantity = 1 + self.random.below(300);
                let id = self.id();
                self.apply(Op::Market { id, side, quantity });
            }
        }
    }

    fn add(&mut self) {
        let side = self.random.side();
        let away = 1 + self.random.below(100).min(self.random.below(100));
        let price = if side == super::Side::Buy { self.mid - away } else { self.mid + away };
        let quantity = 1 + self.random.below(100);
        let id = self.id();
        self.apply(Op::Add { id, side, price, quantity });
        if self.book.open(id).is_some() {
            self.live.push(id);
        }
    }

    /// Cancels one of those that rest, each as likely as any other: one drawn that has traded away is drawn again.
    fn cancel(&mut self) {
        loop {
            let place = self.random.below(self.live.len() as u32) as usize;
            let id = self.live.swap_remove(place);
            if self.book.open(id).is_some() {
                return self.apply(Op::Cancel { id });
            }
        }
    }

    fn id(&mut self) -> u32 {
        self.next_id += 1;
        self.next_id - 1
    }

    fn apply(&mut self, op: Op) {
        self.book.apply(op);
        self.ops.push(op);
    }
}
