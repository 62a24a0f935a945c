//! What the strategies of a random day want, kept from their signals alone, and what that allows.

use super::*;

/// What one strategy wants of one instrument.
#[derive(Clone, Copy, Default)]
struct Wish {
    /// 1 long, −1 short, 0 nothing.
    sign: i64,
    confidence: u16,
    /// What it would hold, signed.
    quantity: i64,
}

/// What all strategies want of all instruments.
pub(super) struct Wishes {
    config: PipelineConfig,
    /// By instrument, then by strategy.
    wishes: Vec<Vec<Wish>>,
}

impl Wishes {
    pub(super) fn new(config: &PipelineConfig) -> Self {
        let none = vec![Wish::default(); config.strategies.len()];
        Self { config: config.clone(), wishes: vec![none; config.instruments.len()] }
    }

    /// Takes a signal of strategy `by` on instrument `id`, before risk is given it.
    pub(super) fn note(
        &mut self,
        (id, by): (u32, u16),
        action: Action,
        confidence: u16,
        occupied: bool,
        price: Price,
    ) {
        let by = usize::from(by);
        let sign = match action {
            Action::Hold => return,
            Action::Long => 1,
            Action::Short if self.config.strategies[by].allow_short => -1,
            Action::Short | Action::Exit => 0,
        };
        let lot = self.config.instruments[id as usize].lot.0;
        let size = self.config.risk.capital.bps(self.config.risk.position_bps).0 / price.0 / lot * lot;
        let was = self.wishes[id as usize][by];
        let stays = was.sign == sign && was.quantity != 0 && occupied;
        let quantity = if stays { was.quantity } else { sign * size };
        self.wishes[id as usize][by] = Wish { sign, confidence, quantity };
    }

    /// An entry goes where the strategy with the say wants it, from flat; or, netted, not past the sum of all.
    pub(super) fn check(&self, id: u32, held: i64, order: &Order) {
        let sign = Side::from_u8(order.side).unwrap().sign();
        let wishes = &self.wishes[id as usize];
        let conflict = self.config.risk.conflict;
        if conflict == Conflict::Netting {
            let net: i64 = wishes.iter().map(|wish| wish.quantity).sum();
            assert!(held * sign >= 0, "an addition to the other side");
            assert!(
                (held + sign * order.quantity.0) * sign <= net * sign,
                "{held} and an entry of {order:?}, {net}"
            );
            return;
        }
        assert_eq!(held, 0, "entries start flat");
        let weight = |by: usize| {
            let confidence = if conflict == Conflict::Confidence { wishes[by].confidence } else { 0 };
            (confidence, self.config.strategies[by].priority, std::cmp::Reverse(by))
        };
        let say = (0..wishes.len()).filter(|&by| wishes[by].sign != 0).max_by_key(|&by| weight(by));
        let say = say.expect("an entry that nobody wants");
        assert_eq!(
            (wishes[say].sign, say),
            (sign, usize::from(order.strategy.0)),
            "an entry against who has the say"
        );
    }

    /// Nobody wants anything of an instrument that risk closes.
    pub(super) fn forget(&mut self, seen: &Seen, flatten_on_kill: bool) {
        for code in seen.alarm_codes() {
            if code == AlarmCode::Halted || code == AlarmCode::Killed && flatten_on_kill {
                (0..self.wishes.len() as u32).for_each(|id| self.clear(id));
            }
        }
        for event in seen.events.iter().filter(|event| event.kind() == Kind::Verdict) {
            let verdict = event.body::<Verdict>();
            if verdict.rule == Rule::SymbolLoss as u8 && verdict.signal == 0 {
                self.clear(event.header.instrument.0);
            }
        }
    }

    pub(super) fn clear(&mut self, id: u32) {
        self.wishes[id as usize].fill(Wish::default());
    }
}
