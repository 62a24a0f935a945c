//! Tokens of the broker to places in the subscription list.

use crate::config::Subscription;

/// No instrument.
const NONE: u32 = u32::MAX;

/// An open-addressing table that is made once, at most half full.
pub(crate) struct TokenTable {
    entries: Box<[(u32, u32)]>,
    mask: usize,
}

impl TokenTable {
    /// A table of tokens that differ.
    pub(crate) fn new(subscriptions: &[Subscription]) -> Self {
        let size = (subscriptions.len() * 2).next_power_of_two().max(16);
        let mut table = Self { entries: vec![(0, NONE); size].into_boxed_slice(), mask: size - 1 };
        for (place, subscription) in subscriptions.iter().enumerate() {
            let mut at = table.home(subscription.token);
            while table.entries[at].1 != NONE {
                at = (at + 1) & table.mask;
            }
            let place = u32::try_from(place).expect("at most 9,000 instruments");
            table.entries[at] = (subscription.token, place);
        }
        table
    }

    /// The place of `token`.
    pub(crate) fn find(&self, token: u32) -> Option<usize> {
        let mut at = self.home(token);
        loop {
            match self.entries[at] {
                (_, NONE) => return None,
                (found, place) if found == token => return Some(place as usize),
                _ => at = (at + 1) & self.mask,
            }
        }
    }

    fn home(&self, token: u32) -> usize {
        (token.wrapping_mul(0x9e37_79b1) >> 8) as usize & self.mask
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Mode;

    #[test]
    fn every_token_has_its_place_and_no_other_has_one() {
        let tokens: Vec<u32> = (0..9_000_u32).map(|n| n.wrapping_mul(n).wrapping_mul(256) + n % 9).collect();
        let mut unique = tokens.clone();
        unique.sort_unstable();
        unique.dedup();
        let list: Vec<Subscription> =
            unique.iter().map(|token| Subscription { token: *token, mode: Mode::Ltp }).collect();
        let table = TokenTable::new(&list);
        for (place, token) in unique.iter().enumerate() {
            assert_eq!(table.find(*token), Some(place));
        }
        for token in (0..u32::MAX).step_by(65_537).filter(|token| unique.binary_search(token).is_err()) {
            assert_eq!(table.find(token), None);
        }
        assert_eq!(TokenTable::new(&[]).find(0), None);
    }
}
