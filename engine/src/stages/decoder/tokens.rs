//! From a broker's token to an instrument id.

use crate::config::InstrumentSpec;
use crate::limits::INSTRUMENTS_MAX;
use crate::units::InstrumentId;

/// A slot of the table; free when the id is `InstrumentId::NONE`.
#[derive(Clone, Copy)]
struct Slot {
    token: u32,
    id: InstrumentId,
}

/// An open-addressing table with a fixed hash, at most half full: one probe for nearly every packet, and the
/// same probes on every machine.
pub(super) struct TokenTable {
    slots: Box<[Slot]>,
    /// Keeps as many high bits of a hash as the table has address bits.
    shift: u32,
}

impl TokenTable {
    /// The table of `instruments`. Panics if two share a token or if there are too many.
    pub(super) fn new(instruments: &[InstrumentSpec]) -> Self {
        assert!(instruments.len() <= INSTRUMENTS_MAX, "more than {INSTRUMENTS_MAX} instruments");
        let size = (instruments.len() * 2).next_power_of_two().max(2);
        let free = Slot { token: 0, id: InstrumentId::NONE };
        let mut table =
            Self { slots: vec![free; size].into_boxed_slice(), shift: u32::BITS - size.trailing_zeros() };
        for (index, spec) in instruments.iter().enumerate() {
            let place = table.probe(spec.token);
            let slot = &mut table.slots[place];
            assert!(!slot.id.is_some(), "{}: token {} is another instrument's", spec.symbol, spec.token);
            let id = u32::try_from(index).expect("INSTRUMENTS_MAX fits");
            *slot = Slot { token: spec.token, id: InstrumentId(id) };
        }
        table
    }

    /// The instrument of `token`.
    #[inline]
    pub(super) fn find(&self, token: u32) -> Option<InstrumentId> {
        let id = self.slots[self.probe(token)].id;
        id.is_some().then_some(id)
    }

    /// Where `token` is, or the free slot where it would be. Ends because half the slots are free.
    #[inline]
    fn probe(&self, token: u32) -> usize {
        // The golden ratio as a 32-bit fraction (Knuth, TAOCP 6.4): tokens of one segment differ in the high
        // bytes only.
        let mut place = (token.wrapping_mul(0x9E37_79B1) >> self.shift) as usize;
        loop {
            let slot = &self.slots[place];
            if slot.token == token || !slot.id.is_some() {
                return place;
            }
            place = (place + 1) & (self.slots.len() - 1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stages::decoder::tests::spec;

    #[test]
    fn every_token_is_found_and_no_other() {
        // Two segments over the same exchange tokens, and token 0, which a free slot also holds.
        let tokens: Vec<u32> =
            (0..2_000).map(|n| n * 256 + 1).chain((1..2_000).map(|n| n * 256 + 2)).collect();
        let mut specs: Vec<_> = tokens.iter().map(|&token| spec(token)).collect();
        specs.push(spec(0));
        let table = TokenTable::new(&specs);
        for (index, spec) in specs.iter().enumerate() {
            assert_eq!(table.find(spec.token), Some(InstrumentId(index as u32)));
        }
        for other in [3, 255, 2_000 * 256 + 1, u32::MAX] {
            assert_eq!(table.find(other), None);
        }
        assert_eq!(TokenTable::new(&[]).find(0), None);
    }

    #[test]
    #[should_panic(expected = "another instrument's")]
    fn a_shared_token_is_a_configuration_bug() {
        TokenTable::new(&[spec(257), spec(257)]);
    }
}
