//! The tag by which an order is known at the broker: the only thing that finds it again after an answer was lost.

use pitlane_engine::units::OrderId;

/// First letter of every tag of ours.
const MARK: char = 'p';
/// Letters that name the journal.
const JOURNAL_LETTERS: usize = 6;
/// Letters a tag may have at the broker.
pub const TAG_LETTERS_MAX: usize = 20;

const BASE36: &[u8; 36] = b"0123456789abcdefghijklmnopqrstuvwxyz";

fn base36(mut number: u64, least: usize) -> String {
    let mut letters = Vec::new();
    while number > 0 || letters.len() < least {
        letters.push(BASE36[(number % 36) as usize]);
        number /= 36;
    }
    letters.iter().rev().map(|&letter| char::from(letter)).collect()
}

/// Whose a tag is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Owner {
    /// An order of this journal.
    Ours(OrderId),
    /// An order of another journal of this program.
    OtherJournal,
    /// Anything else.
    Foreign,
}

/// Makes and reads the tags of one journal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tags {
    prefix: String,
}

impl Tags {
    /// The tags of the journal with this identity; its last 31 bits or so are what shows (36^6 values).
    pub fn new(journal: u64) -> Self {
        let name = base36(journal % 36u64.pow(JOURNAL_LETTERS as u32), JOURNAL_LETTERS);
        Self { prefix: format!("{MARK}{name}") }
    }

    /// The tag of an order: 8 to 20 lower-case letters and digits.
    pub fn of(&self, order: OrderId) -> String {
        let tag = format!("{}{}", self.prefix, base36(order.0, 1));
        assert!(tag.len() <= TAG_LETTERS_MAX, "7 letters and the 13 of the largest number");
        tag
    }

    /// Whose `tag` is. Case does not matter: some systems change it.
    pub fn owner(&self, tag: &str) -> Owner {
        let tag = tag.to_ascii_lowercase();
        let shaped = (JOURNAL_LETTERS + 2..=TAG_LETTERS_MAX).contains(&tag.len())
            && tag.starts_with(MARK)
            && tag.bytes().all(|letter| letter.is_ascii_alphanumeric());
        let Some((prefix, id)) = shaped.then(|| tag.split_at(1 + JOURNAL_LETTERS)) else {
            return Owner::Foreign;
        };
        match u64::from_str_radix(id, 36) {
            Ok(0) | Err(_) => Owner::Foreign,
            Ok(_) if prefix != self.prefix => Owner::OtherJournal,
            Ok(order) if self.of(OrderId(order)) == tag => Owner::Ours(OrderId(order)),
            Ok(_) => Owner::Foreign,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_lead_back_to_their_orders() {
        let tags = Tags::new(u64::MAX);
        for id in [1, 255, 256 * 77 + 3, u64::MAX] {
            let tag = tags.of(OrderId(id));
            assert!(tag.len() <= TAG_LETTERS_MAX && tag.bytes().all(|b| b.is_ascii_alphanumeric()), "{tag}");
            assert_eq!(tags.owner(&tag), Owner::Ours(OrderId(id)));
            assert_eq!(tags.owner(&tag.to_uppercase()), Owner::Ours(OrderId(id)));
            assert_eq!(Tags::new(5).owner(&tag), Owner::OtherJournal);
        }
        assert_eq!(Tags::new(5).of(OrderId(36)), "p00000510");
        for tag in ["", "p", "p000005", "hand made", "p0000050", "p00000501", "pzzzzz5-1", "mktp", "q000005z"]
        {
            let owner = Tags::new(5).owner(tag);
            assert!(
                owner == Owner::Foreign || tag == "p00000501" && owner == Owner::Ours(OrderId(1)),
                "{tag}"
            );
        }
    }
}
