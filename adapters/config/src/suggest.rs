//! The nearest known name to a misspelt one.

/// A hint for an unknown `name`: the nearest of `known` if one is near, else the list of them.
pub(crate) fn hint(name: &str, known: &[&str]) -> String {
    match nearest(name, known) {
        Some(near) => format!("did you mean `{near}`?"),
        None if known.is_empty() => "there is nothing to set here".to_owned(),
        None => format!("known: {}", known.join(", ")),
    }
}

/// The known name with the fewest edits, if they are at most a third of the longer name (and at least one may be).
pub(crate) fn nearest<'a>(name: &str, known: &[&'a str]) -> Option<&'a str> {
    let lower = name.to_ascii_lowercase();
    let scored = known.iter().map(|known| (edits(&lower, &known.to_ascii_lowercase()), *known));
    let (edits, near) = scored.min_by_key(|(edits, _)| *edits)?;
    (edits <= (name.len().max(near.len()) / 3).max(1)).then_some(near)
}

/// Insertions, deletions, replacements and swaps of neighbours that turn `a` into `b`.
fn edits(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let mut rows = vec![vec![0; b.len() + 1]; a.len() + 1];
    for i in 0..=a.len() {
        for j in 0..=b.len() {
            rows[i][j] = if i == 0 || j == 0 {
                i + j
            } else {
                let replaced = rows[i - 1][j - 1] + usize::from(a[i - 1] != b[j - 1]);
                let mut best = replaced.min(rows[i - 1][j] + 1).min(rows[i][j - 1] + 1);
                if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                    best = best.min(rows[i - 2][j - 2] + 1);
                }
                best
            };
        }
    }
    rows[a.len()][b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_names_are_suggested_and_far_ones_are_not() {
        let known = ["capital", "position", "daily_loss"];
        assert_eq!(nearest("capitel", &known), Some("capital"));
        assert_eq!(nearest("cpaital", &known), Some("capital"));
        assert_eq!(nearest("DAILY_LOSS", &known), Some("daily_loss"));
        assert_eq!(nearest("leverage", &known), None);
        assert_eq!(hint("leverage", &known), "known: capital, position, daily_loss");
    }
}
