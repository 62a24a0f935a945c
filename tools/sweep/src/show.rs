//! A finished sweep for people, and for programs as `replay-sweep/1`.

use crate::days::Journal;
use crate::figures::{Figures, Ranked};
use crate::guards::{Deflated, Shuffled};
use crate::walk::{Walk, Window};
use crate::{Finished, SweepArgs};
use comfy_table::{CellAlignment, Table, presets};
use pitlane_engine::units::Money;
use pitlane_session::profit::show_date;
use pitlane_session::summary::{card, rate};
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::ops::Range;

/// Rupees to the paisa for people.
fn amount(amount: Money) -> String {
    format!("{:.2}", amount.0 as f64 / 1e4)
}

fn ratio(value: Option<f64>) -> String {
    value.map_or_else(|| "-".to_owned(), |value| format!("{value:.2}"))
}

fn percent(share: f64) -> String {
    format!("{:.1}%", share * 100.0)
}

/// A table's lines without the blanks behind them.
fn plain(headers: &[String], rows: Vec<Vec<String>>) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header(headers);
    table.add_rows(rows);
    table.column_iter_mut().for_each(|column| {
        column.set_cell_alignment(CellAlignment::Right);
    });
    let text = table.to_string();
    text.lines().map(str::trim_end).fold(String::new(), |text, line| text + line + "\n")
}

/// The command for a shell that makes the run of a set on `journal`, whose `flags` come over what all sets start from.
pub(crate) fn look(args: &SweepArgs, journal: &Journal, flags: &[String]) -> String {
    let option = |name: &str, value: &str| format!(" --{name} '{value}'");
    let files = args.config.config.iter().map(|file| option("config", &file.to_string_lossy()));
    let warm = journal.warm.iter().map(|dir| option("warmup", &dir.to_string_lossy()));
    let sets = args.config.set.iter().chain(flags).map(|flag| option("set", flag));
    let options: String = warm.chain(files).chain(sets).collect();
    format!("journal-replay whatif '{}' --out DIR{options}", journal.recording.dir.display())
}

/// The object of a shard that is done; what it lacks belongs to the merge.
pub(crate) fn shard_json(args: &SweepArgs, runs: u64, before: u64) -> Value {
    json!({ "schema": "replay-sweep/1", "shard": args.shard, "out": args.out, "runs": runs, "runs_before": before })
}

impl Finished {
    /// The name of a set: its values.
    fn named(&self, set: u64) -> String {
        let names = self.sets.names(&[]);
        let given = names.iter().zip(self.sets.values(set));
        let given: Vec<String> =
            given.filter_map(|(name, value)| value.map(|value| format!("{name}={value}"))).collect();
        given.join(" ")
    }

    fn span(&self, days: &Range<usize>) -> String {
        let (first, last) = (show_date(self.dates[days.start]), show_date(self.dates[days.end - 1]));
        if first == last { first } else { format!("{first} to {last}") }
    }

    /// The answer for people.
    pub fn text(&self, args: &SweepArgs) -> String {
        let (run, passed, refused) = self.ranks.counts;
        let done = &self.done;
        let left_out = if refused > 0 { format!(", {refused} left out") } else { String::new() };
        let mut rows = vec![
            (
                "sets, days",
                format!("{run}{left_out}, {}: {}", self.dates.len(), self.span(&(0..self.dates.len()))),
            ),
            ("runs", format!("{} now, {} before", done.runs, done.before)),
        ];
        if self.is_bar_driven {
            rows.push(("prices", self.path.clone()));
        }
        if done.runs > 0 {
            let speed = rate(done.events, done.wall_s);
            let workers = if self.workers == 1 { "worker" } else { "workers" };
            rows.push((
                "speed",
                format!(
                    "{:.3} s, {speed:.0} inputs/s, {:.1} runs/s, {} {workers}",
                    done.wall_s,
                    done.runs as f64 / done.wall_s.max(1e-9),
                    self.workers
                ),
            ));
        }
        rows.push(("ranked", format!("{passed} of {run}, by {}", args.score)));
        if let Some((set, why)) = &self.ranks.gated {
            rows.push(("not ranked", format!("{}: the first is set {}, {why}", run - passed, set + 1)));
        }
        rows.push((
            "results",
            format!("{}: runs.parquet ({} rows), sets.parquet", args.out.display(), self.rows),
        ));
        rows.extend(self.notes.iter().map(|note| ("note", note.clone())));
        let mut text = card(&rows) + "\n\n";
        if self.ranks.best.is_empty() {
            text += "No set passes the gates: nothing is ranked. See sets.parquet, or ask for less with --min-trades and \
                     --max-drawdown.\n";
            return text;
        }
        text += &self.table();
        text += &self.luck();
        if let Some(walk) = &self.walk {
            text += &self.walked(walk);
        }
        let _ = write!(text, "\nlook at it:  {}\n", self.look);
        text
    }

    fn table(&self) -> String {
        let mut headers: Vec<String> = ["rank", "set"].map(str::to_owned).to_vec();
        headers.extend(self.sets.names(&[]));
        let own = ["score", "net", "charges", "at x2", "at x3", "trades", "won", "drawdown", "sharpe"];
        headers.extend(own.map(str::to_owned));
        let rows = self.ranks.best.iter().enumerate().map(|(rank, Ranked { score, figures })| {
            let mut row = vec![(rank + 1).to_string(), (figures.set + 1).to_string()];
            row.extend(self.sets.values(figures.set).iter().map(|value| value.unwrap_or("-").to_owned()));
            row.extend([
                format!("{score:.3}"),
                amount(figures.net()),
                amount(figures.charges),
                amount(figures.net_at(2)),
                amount(figures.net_at(3)),
                figures.trades.0.to_string(),
                figures.win_rate().map_or_else(|| "-".to_owned(), percent),
                amount(figures.drawdown),
                ratio(figures.sharpe),
            ]);
            row
        });
        plain(&headers, rows.collect())
    }

    fn luck(&self) -> String {
        let mut text = String::from("\nIs the best luck?\n");
        match &self.deflated {
            None => text += " It has no Sharpe ratio: that takes two days that differ.\n",
            Some(deflated) => {
                let yearly = |daily: f64| daily * pitlane_report::DAYS_PER_YEAR.sqrt();
                let _ = writeln!(
                    text,
                    " Of {} sets without skill the best would show a Sharpe ratio of {:.2} a year on these {} days; it shows {:.2}. \
                     The chance that its true one is above {:.2} is {} (deflated Sharpe ratio); above 0, had nothing else been \
                     tried, {}.",
                    deflated.trials,
                    yearly(deflated.expected),
                    deflated.days,
                    yearly(deflated.sharpe),
                    yearly(deflated.expected),
                    percent(deflated.deflated),
                    percent(deflated.probabilistic)
                );
                if deflated.days < 60 {
                    let _ = writeln!(text, " {} days say little, whatever the figures say.", deflated.days);
                }
            }
        }
        let best = &self.ranks.best[0].figures;
        let _ = writeln!(
            text,
            " Its trades at once, twice and three times the charges: {}, {}, {}.",
            amount(best.net_at(1)),
            amount(best.net_at(2)),
            amount(best.net_at(3))
        );
        match &self.shuffled {
            None => text += " Fewer than two trades: nothing to shuffle.\n",
            Some(shuffled) => {
                let _ = writeln!(
                    text,
                    " Its {} trades in {} other orders: drawdown {} (median), {} (95 of 100), and it had {}; {} were deeper. Drawn \
                     again, with repetition: net {} to {} (90 of 100), {} not above 0. Seed {}.",
                    shuffled.trades,
                    shuffled.rounds,
                    amount(shuffled.drawdowns.0),
                    amount(shuffled.drawdowns.1),
                    amount(shuffled.drawdown),
                    percent(shuffled.deeper),
                    amount(shuffled.nets.0),
                    amount(shuffled.nets.2),
                    percent(shuffled.losing),
                    shuffled.seed
                );
            }
        }
        text
    }

    fn walked(&self, walk: &Walk) -> String {
        let steps = walk.steps;
        let kind = if steps.is_anchored { "anchored" } else { "rolling" };
        let mut text =
            format!("\nWalk-forward, {kind}, chosen on {}, judged on {} days\n", steps.train, steps.test);
        let headers =
            ["chosen on", "judged on", "set", "net chosen", "net judged", "trades"].map(str::to_owned);
        let row = |window: &Window| {
            let chosen = window.chosen.as_ref().map(|chosen| &chosen.figures);
            let net = |figures: Option<&Figures>| figures.map_or_else(|| "-".to_owned(), |f| amount(f.net()));
            vec![
                self.span(&window.train),
                self.span(&window.test),
                chosen.map_or_else(
                    || "none passed".to_owned(),
                    |f| format!("{} ({})", f.set + 1, self.named(f.set)),
                ),
                net(chosen),
                net(window.out.as_ref()),
                window.out.as_ref().map_or_else(|| "-".to_owned(), |out| out.trades.0.to_string()),
            ]
        };
        text += &plain(&headers, walk.windows.iter().map(row).collect());
        if let Some(stitched) = &walk.stitched {
            let _ = writeln!(
                text,
                " Judged days together: net {}, charges {}, {} trades, drawdown {}, Sharpe {}; a day brought {} of what one brought \
                 where the sets were chosen.",
                amount(stitched.net()),
                amount(stitched.charges),
                stitched.trades.0,
                amount(stitched.drawdown),
                ratio(stitched.sharpe),
                walk.efficiency.map_or_else(|| "no share".to_owned(), percent)
            );
        }
        text
    }

    /// The object `replay-sweep/1`.
    pub fn json(&self, args: &SweepArgs) -> Value {
        let (run, passed, refused) = self.ranks.counts;
        let done = &self.done;
        json!({
            "schema": "replay-sweep/1",
            "out": args.out,
            "sets": run,
            "sets_refused": refused,
            "sets_ranked": passed,
            "days": self.dates,
            "path": self.path,
            "rows": self.rows,
            "runs": done.runs,
            "runs_before": done.before,
            "workers": self.workers,
            "events": done.events,
            "events_per_s": rate(done.events, done.wall_s),
            "wall_s": done.wall_s,
            "gates": { "min_trades": self.ranking.trades_min, "max_drawdown": args.max_drawdown },
            "score": args.score,
            "ranking": self.ranks.best.iter().map(|ranked| self.ranked(ranked)).collect::<Vec<_>>(),
            "luck": {
                "deflated_sharpe": self.deflated.as_ref().map(deflated),
                "shuffled": self.shuffled.as_ref().map(shuffled),
            },
            "walk_forward": self.walk.as_ref().map(|walk| self.walk_json(walk)),
            "notes": self.notes,
        })
    }

    fn ranked(&self, Ranked { score, figures }: &Ranked) -> Value {
        let mut object = self.figures(figures);
        object["score"] = json!(score);
        object
    }

    fn figures(&self, figures: &Figures) -> Value {
        let keys = self.sets.axes.iter().map(|axis| axis.key.clone());
        let values: serde_json::Map<String, Value> =
            keys.zip(self.sets.values(figures.set).iter().map(|value| json!(value))).collect();
        json!({
            "set": figures.set + 1,
            "values": values,
            "days": figures.days,
            "net_pnl": figures.net().to_string(),
            "gross_pnl": figures.gross.to_string(),
            "charges": figures.charges.to_string(),
            "net_pnl_at_charges": {
                "x1": figures.net_at(1).to_string(),
                "x2": figures.net_at(2).to_string(),
                "x3": figures.net_at(3).to_string(),
            },
            "turnover": figures.turnover.to_string(),
            "trades": figures.trades.0,
            "wins": figures.trades.1,
            "open_trades": figures.open,
            "win_rate": figures.win_rate(),
            "profit_factor": figures.profit_factor(),
            "expectancy": figures.expectancy(),
            "max_drawdown": figures.drawdown.to_string(),
            "sharpe": figures.sharpe,
            "orders": figures.sent.0,
            "fills": figures.sent.1,
            "stopped_days": figures.stopped,
        })
    }

    fn walk_json(&self, walk: &Walk) -> Value {
        let dates = |days: &Range<usize>| self.dates[days.clone()].to_vec();
        let window = |window: &Window| {
            json!({
                "chosen_on": dates(&window.train),
                "judged_on": dates(&window.test),
                "chosen": window.chosen.as_ref().map(|chosen| self.ranked(chosen)),
                "judged": window.out.as_ref().map(|figures| self.figures(figures)),
            })
        };
        let mut stitched = walk.stitched.as_ref().map(|figures| self.figures(figures));
        // It is of several sets.
        stitched.iter_mut().filter_map(Value::as_object_mut).for_each(|object| {
            object.remove("set");
            object.remove("values");
        });
        json!({
            "train": walk.steps.train,
            "test": walk.steps.test,
            "anchored": walk.steps.is_anchored,
            "windows": walk.windows.iter().map(window).collect::<Vec<_>>(),
            "stitched": stitched,
            "efficiency": walk.efficiency,
        })
    }
}

fn deflated(of: &Deflated) -> Value {
    json!({
        "deflated": of.deflated,
        "probabilistic": of.probabilistic,
        "sharpe_daily": of.sharpe,
        "expected_best_daily": of.expected,
        "trials": of.trials,
        "trials_variance": of.variance,
        "days": of.days,
        "skewness": of.skewness,
        "kurtosis": of.kurtosis,
    })
}

fn shuffled(of: &Shuffled) -> Value {
    json!({
        "trades": of.trades,
        "rounds": of.rounds,
        "seed": of.seed,
        "drawdown": of.drawdown.to_string(),
        "drawdown_p50": of.drawdowns.0.to_string(),
        "drawdown_p95": of.drawdowns.1.to_string(),
        "deeper": of.deeper,
        "net_p5": of.nets.0.to_string(),
        "net_p50": of.nets.1.to_string(),
        "net_p95": of.nets.2.to_string(),
        "losing": of.losing,
    })
}
