//! What a comparison found, for people and for programs.

use super::limits::fraction;
use super::score::{FIELDS, FieldScore, MILLI, Pair, STEPS_BP, Score, VolumeScore};
use super::{BySymbol, MINUTE_NS, Outcome, ReconArgs, Window};
use comfy_table::{Table, presets};
use pitlane_config::format_ist;
use pitlane_engine::units::{TsNs, decimal};
use serde_json::{Value, json};

/// Stretches of minutes on one side that the text lists for an instrument.
const STRETCHES_SHOWN: usize = 6;

/// The object `cold-recon/1`: money as decimal texts in rupees, times in nanoseconds, distances in basis points.
pub(super) fn json(args: &ReconArgs, outcome: &Outcome) -> Value {
    let instruments: Vec<Value> = outcome.scores.iter().map(|score| instrument(score, args.worst)).collect();
    json!({
        "schema": "cold-recon/1",
        "hours": args.hours,
        "compared": outcome.scores.iter().map(|score| score.compared).sum::<u64>(),
        "instruments": instruments,
        "unchecked": outcome.unchecked,
        "failed": outcome.failed,
    })
}

fn instrument(score: &Score, worst: usize) -> Value {
    let fields: serde_json::Map<String, Value> = FIELDS
        .iter()
        .zip(&score.fields)
        .map(|(name, field)| ((*name).to_owned(), field_json(field)))
        .collect();
    let within: serde_json::Map<String, Value> =
        STEPS_BP[1..].iter().map(|bp| (format!("within_{bp}bp"), score.within(*bp).into())).collect();
    let mut object = json!({
        "instrument": score.symbol,
        "days": score.days,
        "compared": score.compared,
        "only_own": score.only_own.len(),
        "only_theirs": score.only_theirs.len(),
        "theirs_outside_hours": score.outside,
        "theirs_of_other_dates": score.other_dates,
        "missing": stretches(&score.only_theirs).iter().map(stretch_json).collect::<Vec<_>>(),
        "extra": stretches(&score.only_own).iter().map(stretch_json).collect::<Vec<_>>(),
        "exact": score.exact,
        "fields": fields,
        "volume": score.volume.as_ref().map(|volume| json!({
            "exact": volume.exact, "own": volume.own.to_string(), "theirs": volume.theirs.to_string(),
        })),
        "worst_bp": bp(score.worst()),
        "worst": score.apart.iter().take(worst).map(pair_json).collect::<Vec<_>>(),
    });
    object.as_object_mut().expect("it is written as an object above").extend(within);
    object
}

fn field_json(field: &FieldScore) -> Value {
    let minutes = field.distances.len() as i128;
    json!({
        "exact": field.exact,
        "p50_bp": bp(field.percentile(50)),
        "p90_bp": bp(field.percentile(90)),
        "p99_bp": bp(field.percentile(99)),
        "max_bp": bp(field.percentile(100)),
        "mean_difference": mean(field.bias, minutes),
    })
}

fn stretch_json(&(from, to, minutes): &Stretch) -> Value {
    json!({ "start": from, "end": to, "minutes": minutes })
}

fn pair_json(pair: &Pair) -> Value {
    let side = |minute: &super::Minute| {
        let [open, high, low, close] = minute.prices.map(decimal);
        json!({ "open": open, "high": high, "low": low, "close": close, "volume": minute.volume })
    };
    json!({
        "start": pair.start, "bp": bp(pair.distance), "own": side(&pair.own), "theirs": side(&pair.theirs),
    })
}

/// Thousandths of a basis point as a decimal of basis points.
fn bp(milli: u64) -> String {
    format!("{}.{:03}", milli / MILLI, milli % MILLI)
}

/// A mean in rupees, rounded half away from zero.
fn mean(sum: i128, count: i128) -> String {
    if count == 0 {
        return decimal(0);
    }
    let half = if sum < 0 { -(count / 2) } else { count / 2 };
    decimal(i64::try_from((sum + half) / count).expect("a mean of prices is as large as a price at most"))
}

/// Minutes without a gap between: start, end, how many.
type Stretch = (u64, u64, u64);

fn stretches(starts: &[u64]) -> Vec<Stretch> {
    let mut found: Vec<Stretch> = Vec::new();
    for &start in starts {
        match found.last_mut() {
            Some((_, end, minutes)) if *end == start => {
                *end += MINUTE_NS;
                *minutes += 1;
            }
            _ => found.push((start, start + MINUTE_NS, 1)),
        }
    }
    found
}

/// Tables and notes for people.
pub(super) fn text(args: &ReconArgs, outcome: &Outcome) -> String {
    let mut parts = vec![overview(outcome), distances(outcome)];
    if outcome.scores.iter().any(|score| score.volume.is_some()) {
        parts.push(volumes(outcome));
    }
    if args.worst > 0 && outcome.scores.iter().any(|score| !score.apart.is_empty()) {
        parts.push(worst(outcome, args.worst));
    }
    let notes = notes(args, outcome);
    if !notes.is_empty() {
        parts.push(notes.iter().map(|note| format!(" {note}")).collect::<Vec<_>>().join("\n"));
    }
    parts.join("\n\n") + "\n"
}

fn table(header: Vec<String>, rows: impl Iterator<Item = Vec<String>>) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    table.set_header(header);
    rows.for_each(|row| {
        table.add_row(row);
    });
    table.to_string().lines().map(str::trim_end).collect::<Vec<_>>().join("\n")
}

fn header(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

fn percent(count: u64, of: u64) -> String {
    if of == 0 { "-".to_owned() } else { format!("{}%", fraction(u128::from(count) * 100, of.into())) }
}

fn overview(outcome: &Outcome) -> String {
    let head = ["instrument", "days", "minutes", "only own", "only theirs", "exact"];
    let mut head = header(&head);
    head.extend(FIELDS.iter().map(|name| (*name).to_owned()));
    head.extend(STEPS_BP[1..].iter().map(|bp| format!("<={bp} bp")));
    table(
        head,
        outcome.scores.iter().map(|score| {
            let share = |count| percent(count, score.compared);
            let mut row = vec![
                score.symbol.clone(),
                score.days.to_string(),
                score.compared.to_string(),
                score.only_own.len().to_string(),
                score.only_theirs.len().to_string(),
                share(score.exact),
            ];
            row.extend(score.fields.iter().map(|field| share(field.exact)));
            row.extend(STEPS_BP[1..].iter().map(|bp| share(score.within(*bp))));
            row
        }),
    )
}

fn distances(outcome: &Outcome) -> String {
    let head = ["bp apart", "price", "p50", "p90", "p99", "max", "mean difference"];
    let rows = outcome.scores.iter().filter(|score| score.compared > 0).flat_map(|score| {
        FIELDS.iter().zip(&score.fields).map(|(name, field)| {
            let at = |percent| bp(field.percentile(percent));
            let mean = mean(field.bias, field.distances.len() as i128);
            vec![score.symbol.clone(), (*name).to_owned(), at(50), at(90), at(99), at(100), mean]
        })
    });
    table(header(&head), rows)
}

fn volumes(outcome: &Outcome) -> String {
    let rows = outcome.scores.iter().filter_map(|score| {
        let VolumeScore { exact, own, theirs } = score.volume.clone()?;
        Some(vec![score.symbol.clone(), percent(exact, score.compared), own.to_string(), theirs.to_string()])
    });
    table(header(&["volume", "exact", "own", "theirs"]), rows)
}

fn worst(outcome: &Outcome, worst: usize) -> String {
    let side = |minute: &super::Minute| minute.prices.map(decimal).join(" ");
    let rows = outcome.scores.iter().flat_map(|score| {
        score.apart.iter().take(worst).map(|pair| {
            let start = format_ist(TsNs(pair.start));
            vec![score.symbol.clone(), start, bp(pair.distance), side(&pair.own), side(&pair.theirs)]
        })
    });
    table(header(&["farthest", "minute from", "bp", "own open high low close", "theirs"]), rows)
}

fn notes(args: &ReconArgs, outcome: &Outcome) -> Vec<String> {
    let mut notes = Vec::new();
    for score in &outcome.scores {
        for (starts, whose) in [(&score.only_own, "own"), (&score.only_theirs, "theirs")] {
            let all = stretches(starts);
            if all.is_empty() {
                continue;
            }
            let shown = all
                .iter()
                .take(STRETCHES_SHOWN)
                .map(|(from, _, minutes)| format!("{} ({minutes})", format_ist(TsNs(*from))));
            let shown = shown.collect::<Vec<_>>().join(", ");
            let more = if all.len() > STRETCHES_SHOWN { ", ..." } else { "" };
            notes.push(format!("only {whose}: {} from {shown}{more}", score.symbol));
        }
        if score.outside > 0 {
            let (count, hours) = (score.outside, &args.hours);
            notes.push(format!("not compared: {} {count} of their minutes outside {hours}", score.symbol));
        }
        if score.other_dates > 0 {
            let count = score.other_dates;
            notes.push(format!(
                "not compared: {} {count} of their minutes, of dates of which there are no own",
                score.symbol
            ));
        }
    }
    if !outcome.unchecked.is_empty() {
        notes.push(format!("not compared: no file is about {}", outcome.unchecked.join(", ")));
    }
    notes.extend(outcome.failed.iter().map(|failed| format!("failed: {failed}")));
    notes
}

/// Why there was nothing to compare.
pub(super) fn nothing_in_common(own: &BySymbol, theirs: &BySymbol, window: &Window) -> String {
    let span = |minutes: &BySymbol| {
        let named: Vec<String> = minutes
            .iter()
            .filter_map(|(symbol, minutes)| {
                let (first, last) = (minutes.first_key_value()?.0, minutes.last_key_value()?.0);
                Some(format!("{symbol} {} to {}", format_ist(TsNs(*first)), format_ist(TsNs(*last))))
            })
            .collect();
        if named.is_empty() { "none".to_owned() } else { named.join(", ") }
    };
    let dates = if window.dates.is_empty() { "" } else { " of the dates asked for" };
    format!(
        "no minute{dates} is on both sides within the hours; own: {}; theirs: {}; name symbols with SYMBOL=FILE, widen --hours \
         or leave --date out",
        span(own),
        span(theirs)
    )
}
