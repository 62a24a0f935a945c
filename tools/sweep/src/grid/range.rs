//! `A..B/STEP`: exact decimal steps with a unit behind them.

/// The values of a range; any other text is a value itself. What is quoted is never a range.
pub(super) fn values(text: &str, most: usize) -> Result<Vec<String>, String> {
    let parts = text
        .split_once("..")
        .and_then(|(from, rest)| rest.split_once('/').map(|(to, step)| (from, to, step)));
    let Some((from, to, step)) = parts else { return Ok(vec![text.to_owned()]) };
    let parsed = (Decimal::parse(from), Decimal::parse(to), Decimal::parse(step));
    let (Some(from), Some(to), Some(step)) = parsed else {
        if text.starts_with(['"', '[', '{']) {
            return Ok(vec![text.to_owned()]);
        }
        return Err(format!(
            "`{text}` is no range; write FROM..TO/STEP with numbers, such as 5..20/5 or 0.5%..2%/0.5%"
        ));
    };
    // A unit that only the end has is that of all.
    let unit = to.unit;
    if [from.unit, step.unit].iter().any(|other| !other.is_empty() && *other != unit) {
        return Err(format!("`{text}` has different units; quote it if it is one value and no range"));
    }
    let digits = from.digits.max(to.digits).max(step.digits);
    let scaled =
        |number: &Decimal<'_>| number.scaled(digits).ok_or_else(|| format!("`{text}` has too many digits"));
    let (first, last, step) = (scaled(&from)?, scaled(&to)?, scaled(&step)?);
    if step <= 0 {
        return Err(format!("`{text}`: the step must be more than 0"));
    }
    if last < first {
        return Err(format!("`{text}` ends before it begins"));
    }
    let count = (i128::from(last) - i128::from(first)) / i128::from(step) + 1;
    if count > most as i128 {
        return Err(format!("`{text}` has {count} values; more than {most} are nobody's wish"));
    }
    Ok((0..count as i64).map(|at| show(first + at * step, digits) + unit).collect())
}

/// A decimal number as written: its digits without the point, how many of them are behind it, and what follows.
struct Decimal<'a> {
    number: i64,
    digits: u32,
    unit: &'a str,
}

impl<'a> Decimal<'a> {
    fn parse(text: &'a str) -> Option<Self> {
        let text = text.trim();
        let end = text
            .char_indices()
            .position(|(at, c)| !(c.is_ascii_digit() || c == '.' || (at == 0 && c == '-')));
        let (number, unit) = text.split_at(end.unwrap_or(text.len()));
        let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
        if whole.trim_start_matches('-').is_empty() || fraction.contains('.') || fraction.len() > 9 {
            return None;
        }
        Some(Self { number: format!("{whole}{fraction}").parse().ok()?, digits: fraction.len() as u32, unit })
    }

    fn scaled(&self, digits: u32) -> Option<i64> {
        self.number.checked_mul(10_i64.checked_pow(digits - self.digits)?)
    }
}

fn show(scaled: i64, digits: u32) -> String {
    let one = 10_u64.pow(digits);
    let (sign, size) = (if scaled < 0 { "-" } else { "" }, scaled.unsigned_abs());
    let fraction = format!("{:0width$}", size % one, width = digits as usize);
    let fraction = if digits == 0 { "" } else { fraction.trim_end_matches('0') };
    let point = if fraction.is_empty() { "" } else { "." };
    format!("{sign}{}{point}{fraction}", size / one)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_step_exactly() {
        for (text, wanted) in [
            ("5..20/5", "5 10 15 20"),
            ("5..19/5", "5 10 15"),
            ("0.1..0.5/0.1", "0.1 0.2 0.3 0.4 0.5"),
            ("0.5%..2%/0.5%", "0.5% 1% 1.5% 2%"),
            ("1..3/1ms", "1..3/1ms"),
            ("1..3ms/1", "1ms 2ms 3ms"),
            ("-1..1/1", "-1 0 1"),
            ("7", "7"),
            ("1ms..5ms", "1ms..5ms"),
            ("\"1ms..5ms/500us\"", "\"1ms..5ms/500us\""),
        ] {
            match values(text, 100) {
                Ok(found) => assert_eq!(found.join(" "), wanted, "{text}"),
                Err(why) => assert!(text == "1..3/1ms" && why.contains("units"), "{text}: {why}"),
            }
        }
        assert!(values("0..1000/1", 100).is_err());
    }
}
