//! Columns and lines that fit a terminal of 100 columns.

/// Widest line.
pub(super) const WIDTH: usize = 100;

/// Where a column's texts stand.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Align {
    Left,
    Right,
}

fn width(text: &str) -> usize {
    text.chars().count()
}

/// Rows under their headers, two blanks between columns. A left column is cut, with a mark, where it would not fit.
pub(super) fn table(headers: &[&str], aligns: &[Align], rows: &[Vec<String>]) -> String {
    if rows.is_empty() {
        return String::new();
    }
    let mut widths: Vec<usize> = headers.iter().map(|header| width(header)).collect();
    for row in rows {
        widths.iter_mut().zip(row).for_each(|(widest, cell)| *widest = (*widest).max(width(cell)));
    }
    let total: usize = widths.iter().map(|width| width + 2).sum();
    if total > WIDTH {
        let left = aligns.iter().position(|align| *align == Align::Left).unwrap_or(0);
        widths[left] = widths[left].saturating_sub(total - WIDTH).max(8);
    }
    let heads: Vec<String> = headers.iter().map(|header| (*header).to_owned()).collect();
    let mut text = String::new();
    for row in std::iter::once(&heads).chain(rows) {
        let mut line = String::new();
        for ((cell, &wide), align) in row.iter().zip(&widths).zip(aligns) {
            let mut cell = cell.clone();
            if width(&cell) > wide {
                cell = cell.chars().take(wide - 1).chain(['…']).collect();
            }
            line.push_str("  ");
            match align {
                Align::Left => line.push_str(&format!("{cell:<wide$}")),
                Align::Right => line.push_str(&format!("{cell:>wide$}")),
            }
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

/// Names and their values, values broken into lines where they are long.
pub(super) fn card<N: AsRef<str>>(rows: &[(N, String)]) -> String {
    let widest = rows.iter().map(|(name, _)| width(name.as_ref())).max().unwrap_or(0);
    rows.iter().map(|(name, value)| wrapped(&format!("  {:<widest$}  ", name.as_ref()), value)).collect()
}

/// `text` after `lead`, broken at blanks so that no line is too wide; what follows stands below the first line's text.
/// A word that is wider than a line stands on one of its own.
pub(super) fn wrapped(lead: &str, text: &str) -> String {
    let indent = " ".repeat(width(lead));
    let (mut lines, mut line) = (String::new(), lead.to_owned());
    let mut empty = true;
    for word in text.split(' ') {
        if !empty && width(&line) + 1 + width(word) > WIDTH {
            lines.push_str(line.trim_end());
            lines.push('\n');
            line.clone_from(&indent);
            empty = true;
        }
        if !empty {
            line.push(' ');
        }
        line.push_str(word);
        empty = false;
    }
    lines + line.trim_end() + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_line_is_too_wide() {
        let long = "word ".repeat(60);
        let text = wrapped("  name  ", long.trim());
        assert!(text.lines().all(|line| width(line) <= WIDTH), "{text}");
        assert_eq!(text.split_whitespace().count(), 61);
        let rows = vec![vec!["S".repeat(140), "1".to_owned()]];
        let text = table(&["symbol", "n"], &[Align::Left, Align::Right], &rows);
        assert!(text.lines().all(|line| width(line) <= WIDTH), "{text}");
        assert!(text.contains('…'));
    }
}
