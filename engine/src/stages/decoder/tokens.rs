//! From a broker's token to an instrument id.

use super::packet::Origin;
use crate::config::InstrumentSpec;
use crate::limits::INSTRUMENTS_MAX;
use crate::units::{InstrumentId, TsNs};

/// A slot of the table; free when the id is `InstrumentId::NONE`. Four of them are a line.
#[derive(Clone, Copy)]
#[repr(align(16))]
struct Slot {
    token: u32,
    id: InstrumentId,
    /// The token once more, if the instrument is plain; else one that is not looked for here first.
    plain: u32,
    /// Flags of a plain instrument's full packets; else zero.
    full_flags: u32,
}

/// An open-addressing table, at most a quarter full, with the best of a few fixed hashes: one probe for nearly every packet,
/// and the same probes on every machine.
pub(super) struct TokenTable {
    slots: Box<[Slot]>,
    /// What a token is multiplied by.
    factor: u32,
    /// Keeps as many high bits of a hash as the table has address bits.
    shift: u32,
}

/// The golden ratio as a 32-bit fraction (Knuth, TAOCP 6.4): tokens of one segment differ in the high bytes only.
const GOLDEN: u32 = 0x9E37_79B1;
/// Multiples of it that are tried for one that puts every instrument in a place of its own, as there is for a few dozen.
const FACTORS: u32 = 64;

impl TokenTable {
    /// The table of `instruments`. Panics if two share a token or if there are too many.
    pub(super) fn new(instruments: &[InstrumentSpec]) -> Self {
        assert!(instruments.len() <= INSTRUMENTS_MAX, "more than {INSTRUMENTS_MAX} instruments");
        let tables = (0..FACTORS).map(|n| Self::with(instruments, GOLDEN.wrapping_mul(2 * n + 1)));
        let mut best: Option<(usize, Self)> = None;
        for table in tables {
            let is_displaced =
                |(place, slot): &(usize, &Slot)| slot.id.is_some() && table.first(slot.token) != *place;
            let displaced = table.slots.iter().enumerate().filter(is_displaced).count();
            if best.as_ref().is_none_or(|(fewest, _)| displaced < *fewest) {
                best = Some((displaced, table));
            }
            if displaced == 0 {
                break;
            }
        }
        best.expect("one hash at least is tried").1
    }

    fn with(instruments: &[InstrumentSpec], factor: u32) -> Self {
        let size = (instruments.len() * 4).next_power_of_two().max(2);
        let free = Slot { token: 0, id: InstrumentId::NONE, plain: 0, full_flags: 0 };
        let shift = u32::BITS - size.trailing_zeros();
        let mut table = Self { slots: vec![free; size].into_boxed_slice(), factor, shift };
        // Token 0 is looked for in the first slot, and there are others that are not.
        let other = (1..u32::MAX).find(|&token| table.first(token) != 0);
        table.slots[0].plain = other.expect("a hash is no constant");
        for (index, spec) in instruments.iter().enumerate() {
            let place = table.probe(spec.token);
            let slot = &mut table.slots[place];
            assert!(!slot.id.is_some(), "{}: token {} is another instrument's", spec.symbol, spec.token);
            let id = u32::try_from(index).expect("INSTRUMENTS_MAX fits");
            (slot.token, slot.id) = (spec.token, InstrumentId(id));
            let origin = Origin::new(spec.token, TsNs::ZERO);
            if origin.is_in_paise() && !origin.is_index() {
                (slot.plain, slot.full_flags) = (spec.token, origin.full_flags());
            }
        }
        table
    }

    /// The instrument of `token` and the flags of an event made of its full packet, if such packets are read the plain way
    /// (prices in paise, and no index) and the instrument is where it is looked for first, as most are.
    #[inline(always)]
    pub(super) fn find_first(&self, token: u32) -> Option<(InstrumentId, u32)> {
        let slot = self.slots.get(self.first(token))?;
        (slot.plain == token).then_some((slot.id, slot.full_flags))
    }

    /// The same wherever the instrument is.
    #[cfg(any(target_arch = "x86_64", test))]
    #[inline(always)]
    pub(super) fn find_plain(&self, token: u32) -> Option<(InstrumentId, u32)> {
        let slot = &self.slots[self.probe(token)];
        (slot.full_flags != 0).then_some((slot.id, slot.full_flags))
    }

    /// The instrument of `token`.
    pub(super) fn find(&self, token: u32) -> Option<InstrumentId> {
        let id = self.slots[self.probe(token)].id;
        id.is_some().then_some(id)
    }

    /// Where `token` is looked for first.
    #[inline(always)]
    fn first(&self, token: u32) -> usize {
        token.wrapping_mul(self.factor).wrapping_shr(self.shift) as usize
    }

    /// Where `token` is, or the free slot where it would be. Ends because most slots are free.
    #[inline(always)]
    fn probe(&self, token: u32) -> usize {
        let mut place = self.first(token);
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
    use crate::event::{MARKET_SEGMENT_UNKNOWN, MARKET_TRADE_TIME, MARKET_VOLUME};
    use crate::stages::decoder::tests::spec;

    #[test]
    fn every_token_is_found_and_no_other() {
        // Two segments over the same scattered tokens, and token 0, which a free slot also holds.
        let tokens: Vec<u32> =
            (0..2_000).map(|n| n * n * 256 + 1).chain((1..2_000).map(|n| n * n * 256 + 2)).collect();
        let mut specs: Vec<_> = tokens.iter().map(|&token| spec(token)).collect();
        specs.push(spec(0));
        let table = TokenTable::new(&specs);
        let flags = MARKET_VOLUME | MARKET_TRADE_TIME;
        let mut first = 0;
        for (index, spec) in specs.iter().enumerate() {
            let id = InstrumentId(index as u32);
            assert_eq!(table.find(spec.token), Some(id));
            let flags = if spec.token == 0 { flags | MARKET_SEGMENT_UNKNOWN } else { flags };
            assert_eq!(table.find_plain(spec.token), Some((id, flags)));
            let found = table.find_first(spec.token);
            assert!(found.is_none_or(|found| found == (id, flags)));
            first += usize::from(found.is_some());
        }
        assert!(first > specs.len() / 2 && first < specs.len(), "{first} of {}", specs.len());
        for other in [3, 255, 2 * 256 + 1, u32::MAX] {
            assert_eq!(table.find(other), None);
            assert_eq!((table.find_first(other), table.find_plain(other)), (None, None));
        }
        let empty = TokenTable::new(&[]);
        for token in [0, 1, 2, u32::MAX] {
            assert_eq!((empty.find(token), empty.find_first(token)), (None, None));
        }
    }

    #[test]
    fn few_instruments_all_have_a_place_of_their_own() {
        // Tokens of well-known shares, of which the golden ratio alone displaces three.
        let tokens =
            [738_561, 2_953_217, 408_065, 341_249, 1_270_529, 779_521, 1_510_401, 2_939_649, 424_961];
        let table = TokenTable::new(&tokens.map(spec));
        assert!(tokens.iter().all(|&token| table.find_first(token).is_some()));
    }

    #[test]
    fn currencies_and_indices_are_not_plain() {
        let tokens = [3, 6, 9].map(|segment| 500 * 256 + segment);
        let table = TokenTable::new(&tokens.map(spec));
        for (index, token) in tokens.into_iter().enumerate() {
            assert_eq!(table.find(token), Some(InstrumentId(index as u32)));
            assert_eq!((table.find_first(token), table.find_plain(token)), (None, None));
        }
    }

    #[test]
    #[should_panic(expected = "another instrument's")]
    fn a_shared_token_is_a_configuration_bug() {
        TokenTable::new(&[spec(257), spec(257)]);
    }
}
