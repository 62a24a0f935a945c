//! The strategies of one instrument: what each of them wants, and what the account holds for all of them.
//!
//! * `Conflict::Priority`, `Conflict::Confidence`: one strategy has the say, and the account holds what it
//!   wants. A LONG or SHORT that does not get the say is recorded as BLOCK `conflict`.
//! * `Conflict::Netting`: each wish has a quantity, fixed when the strategy takes its side, and the account holds
//!   the sum.
//!
//! A wish that risk refused stays a wish; it is proposed again when its strategy repeats it, or when any
//! strategy of the instrument changes its mind.

use super::checks::Ruling;
use super::desk::{Desk, Target};
use super::state::HELD_MAX;
use super::{Bounded, Risk};
use crate::config::{Conflict, StrategyConfig};
use crate::event::{Action, Rule, Side, Signal};
use crate::stage::Emit;
use crate::state::StateIo;
use crate::units::{Qty, StrategyId};

/// The position one strategy wants of one instrument.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Stance {
    /// None: it has not spoken in this session, said EXIT, or its position was closed by risk.
    None = 0,
    /// A long position.
    Long = 1,
    /// A short position.
    Short = 2,
}

impl Stance {
    fn from_u8(code: u8) -> Option<Self> {
        [Self::None, Self::Long, Self::Short].into_iter().find(|&stance| stance as u8 == code)
    }

    /// The target of a desk that follows this stance.
    fn target(self) -> Target {
        match self {
            Self::None => Target::Flat,
            Self::Long => Target::Long,
            Self::Short => Target::Short,
        }
    }

    fn sign(self) -> i64 {
        match self {
            Self::None => 0,
            Self::Long => 1,
            Self::Short => -1,
        }
    }

    fn side(self) -> Option<Side> {
        self.target().entry_side()
    }
}

/// One strategy that trades an instrument: its terms, and what it wants now.
#[derive(Clone, Copy, Debug)]
pub(super) struct Claim {
    pub(super) strategy: StrategyId,
    pub(super) allow_short: bool,
    pub(super) passive: bool,
    /// How long a resting entry stays at a price the market has left, in nanoseconds; zero = for ever.
    pub(super) reprice_ns: u64,
    pub(super) priority: u32,
    /// Shares of the entry value, zero = none; as in `StrategyConfig`.
    pub(super) stop_loss_bps: i64,
    pub(super) take_profit_bps: i64,
    /// How long a position is held at most, in nanoseconds; zero = no limit.
    pub(super) holding_ns: u64,
    /// A strategy without the right to go short never has the stance `Short`.
    pub(super) stance: Stance,
    /// Confidence of the signal that confirmed the stance last, in 1/10,000.
    pub(super) confidence_bps: u16,
    /// That signal.
    pub(super) signal: u64,
    /// What it would hold, negative when short; only kept when stances are netted.
    pub(super) quantity: Qty,
}

impl Claim {
    /// The claim of a strategy that has not spoken.
    pub(super) fn new(strategy: StrategyId, config: &StrategyConfig) -> Self {
        Self {
            strategy,
            allow_short: config.allow_short,
            passive: config.passive_entry,
            reprice_ns: config.reprice_ns,
            priority: config.priority,
            stop_loss_bps: config.stop_loss_bps,
            take_profit_bps: config.take_profit_bps,
            holding_ns: config.holding_ns,
            stance: Stance::None,
            confidence_bps: 0,
            signal: 0,
            quantity: Qty::ZERO,
        }
    }

    /// Takes the stance of a signal; whether it is another than before.
    fn take(&mut self, stance: Stance, signal: &Signal) -> bool {
        let changed = self.stance != stance;
        self.stance = stance;
        (self.confidence_bps, self.signal) = (signal.confidence_bps, signal.id);
        if stance == Stance::None {
            self.forget();
        }
        changed
    }

    fn forget(&mut self) {
        self.stance = Stance::None;
        self.confidence_bps = 0;
        self.signal = 0;
        self.quantity = Qty::ZERO;
    }

    pub(super) fn state(&mut self, io: &mut StateIo<'_>) {
        io.code(&mut self.stance, |stance| stance as u8, Stance::from_u8);
        io.within(&mut self.confidence_bps, 0, 10_000);
        io.count(&mut self.signal);
        io.plain(&mut self.quantity);
        let sign = if self.quantity.is_zero() { 0 } else { self.stance.sign() };
        let netted =
            self.quantity.0.signum() == sign && self.quantity.0.unsigned_abs() <= HELD_MAX.0.unsigned_abs();
        if !netted || self.stance == Stance::Short && !self.allow_short {
            io.refuse("a strategy cannot want this");
        }
    }
}

impl Desk {
    /// The claim of a strategy.
    fn claim_of(&self, strategy: StrategyId) -> usize {
        let at = self.claims.iter().position(|claim| claim.strategy == strategy);
        at.expect("signals come from the strategies of the instrument")
    }

    /// The claim that has the say, `None` if no strategy wants a position. Not asked when stances are netted.
    fn say(&self, conflict: Conflict) -> Option<usize> {
        let mut say: Option<usize> = None;
        for (at, claim) in self.claims.iter().enumerate().filter(|(_, claim)| claim.stance != Stance::None) {
            let first = say.map(|say| &self.claims[say]);
            let better = conflict == Conflict::Confidence
                && first.is_some_and(|first| claim.confidence_bps > first.confidence_bps);
            if first.is_none() || better {
                say = Some(at);
            }
        }
        say
    }

    /// The sum of what the strategies would hold. Sizes are bounded so that it fits.
    pub(super) fn net(&self) -> Qty {
        self.claims.iter().fold(Qty::ZERO, |sum, claim| sum + claim.quantity)
    }

    /// Where a sum leads, and whose wish that is: `by`'s if it points there, else the first that does.
    fn direction(&self, net: Qty, by: usize) -> (Target, usize) {
        let stance = match net.0.signum() {
            1 => Stance::Long,
            -1 => Stance::Short,
            _ => return (Target::Flat, by),
        };
        let points = |claim: &Claim| claim.stance == stance && !claim.quantity.is_zero();
        let first = || self.claims.iter().position(points).expect("a sum has a term of its sign");
        (stance.target(), if points(&self.claims[by]) { by } else { first() })
    }

    /// Whether a claim other than `but` has a stance, and whether one of them is `stance`.
    fn others(&self, but: usize, stance: Stance) -> (bool, bool) {
        let others = || self.claims.iter().enumerate().filter(|&(at, _)| at != but).map(|(_, claim)| claim);
        (others().any(|claim| claim.stance != Stance::None), others().any(|claim| claim.stance == stance))
    }
}

impl Risk {
    pub(super) fn on_signal(&mut self, signal: &Signal, out: &mut Bounded<'_, impl Emit>) {
        let at = self.desk_at(self.cause.instrument).expect("signals come for instruments that are traded");
        let by = self.desks[at].claim_of(signal.strategy);
        let claim = self.desks[at].claims[by];
        let stance = match Action::from_u8(signal.action).expect("the strategy stage writes known actions") {
            Action::Hold => return,
            Action::Exit => Stance::None,
            Action::Long => Stance::Long,
            Action::Short if claim.allow_short => Stance::Short,
            Action::Short => {
                // It is an exit where there is something to leave, and else refused as data.
                let (others, against) = self.desks[at].others(by, Stance::Long);
                let exits =
                    if others { claim.stance == Stance::Long || !against } else { self.is_occupied(at) };
                if !exits {
                    self.refuse(at, by, signal, Side::Sell, out);
                }
                Stance::None
            }
        };
        if self.config.conflict == Conflict::Netting {
            self.follow_all(at, by, stance, signal, out);
        } else {
            self.follow_one(at, by, stance, signal, out);
        }
    }

    /// Takes the stance of claim `by` and brings the desk to what the claim with the say wants.
    fn follow_one(
        &mut self,
        at: usize,
        by: usize,
        stance: Stance,
        signal: &Signal,
        out: &mut Bounded<'_, impl Emit>,
    ) {
        let conflict = self.config.conflict;
        let desk = &mut self.desks[at];
        let before = desk.say(conflict);
        let changed = desk.claims[by].take(stance, signal);
        let say = desk.say(conflict);
        let (target, cause) = match say {
            Some(say) => (desk.claims[say].stance.target(), desk.claims[say].signal),
            None => (Target::Flat, signal.id),
        };
        if let (Some(side), Some(say)) = (stance.side(), say)
            && target != stance.target()
        {
            self.emit_conflict(at, (by, say), signal.id, side, out);
        }
        if changed || say != before || say.is_none_or(|say| say == by) {
            self.want(at, say.unwrap_or(by), target, cause);
            self.pursue(at, false, out);
        }
    }

    /// Takes the stance of claim `by` and brings the desk to the sum of what all want.
    fn follow_all(
        &mut self,
        at: usize,
        by: usize,
        stance: Stance,
        signal: &Signal,
        out: &mut Bounded<'_, impl Emit>,
    ) {
        let occupied = self.is_occupied(at);
        let claim = &mut self.desks[at].claims[by];
        let was = claim.quantity;
        let mut changed = claim.take(stance, signal);
        if changed || was.is_zero() || !occupied {
            let size = self.entry_size(&self.desks[at], &self.desks[at].claims[by]);
            self.desks[at].claims[by].quantity = Qty(size.0 * stance.sign());
            changed |= self.desks[at].claims[by].quantity != was;
        }
        let desk = &self.desks[at];
        if let Some(side) = stance.side().filter(|_| desk.claims[by].quantity.is_zero()) {
            self.refuse(at, by, signal, side, out);
        }
        let net = self.desks[at].net();
        // A repeated wish is not refused what was refused before, nor is a position topped up by it.
        let again = if stance == Stance::None { net.is_zero() } else { !occupied && !net.is_zero() };
        if changed || again {
            let (target, speaker) = self.desks[at].direction(net, by);
            self.want(at, speaker, target, signal.id);
            self.pursue(at, false, out);
        }
    }

    /// Notes what the desk is to reach, whose wish that is, and the signal that it follows from. A repeated
    /// wish stays that of the signal it came with first.
    fn want(&mut self, at: usize, speaker: usize, target: Target, signal: u64) {
        let desk = &mut self.desks[at];
        if desk.target != target || desk.speaker != speaker || self.config.conflict == Conflict::Netting {
            desk.signal = signal;
        }
        desk.speaker = speaker;
        self.set_target(at, target);
    }

    /// Forgets what the strategies want of a desk, and wants it flat: nothing is opened before one of them
    /// speaks again. For exits that risk decides on.
    pub(super) fn forget_stances(&mut self, at: usize) {
        self.clear_stances(at);
        let target = if self.is_occupied(at) { Target::Flat } else { Target::Reached };
        self.set_target(at, target);
    }

    /// Forgets what the strategies want of a desk; what is being done stays as it is.
    pub(super) fn clear_stances(&mut self, at: usize) {
        for claim in &mut self.desks[at].claims {
            claim.forget();
        }
    }

    /// Records why an entry that cannot come about is refused: by the rule that is first, and at the latest
    /// because it has no size or no right.
    fn refuse(&self, at: usize, by: usize, signal: &Signal, side: Side, out: &mut Bounded<'_, impl Emit>) {
        let desk = &self.desks[at];
        let claim = &desk.claims[by];
        let ruling = self.check_entry(desk, claim, side, self.last(desk), self.entry_size(desk, claim));
        assert!(ruling.allowed.is_zero(), "an entry without size or right was allowed");
        self.emit_entry_verdict(at, &ruling, (signal.id, signal.strategy), side, out);
    }

    /// Records that claim `by` wants something else than the one with the `say`.
    fn emit_conflict(
        &self,
        at: usize,
        (by, say): (usize, usize),
        signal: u64,
        side: Side,
        out: &mut Bounded<'_, impl Emit>,
    ) {
        let claims = &self.desks[at].claims;
        let weight = |claim: &Claim| match self.config.conflict {
            Conflict::Confidence => i64::from(claim.confidence_bps),
            Conflict::Priority | Conflict::Netting => i64::from(claim.priority),
        };
        let (observed, limit) = (weight(&claims[by]), weight(&claims[say]));
        let ruling = Ruling::block(Rule::Conflict, observed, limit, Qty::ZERO);
        self.emit_entry_verdict(at, &ruling, (signal, claims[by].strategy), side, out);
    }
}
