//! The document's questions, asked of DuckDB over the files, of PostgreSQL, and of the binary's own engine if it has one.

use crate::day::{Day, context, day, each_step};
use crate::document::{Question, questions};
use crate::{answer, binary, file, printed, python};
use pitlane_engine::units::IST_OFFSET_NS;
use pitlane_postgres::{Options, Sink, Target};
use pitlane_rows::Date;
use pitlane_tests::postgres::Server;
use serde_json::{Value, json};
use std::path::Path;
use std::process::Command;

/// The rows of an answer, every value in one spelling.
pub(crate) type Rows = Vec<Vec<String>>;

/// One spelling of what several programs print: numbers and times without trailing zeros, nothing as an empty text.
fn spelled(value: &str) -> String {
    match value {
        "True" | "t" => return "true".to_owned(),
        "False" | "f" => return "false".to_owned(),
        _ => {}
    }
    let ends_in_fraction = value.rsplit_once('.').is_some_and(|(whole, fraction)| {
        whole.ends_with(|last: char| last.is_ascii_digit())
            && fraction.bytes().all(|byte| byte.is_ascii_digit())
    });
    let short = if ends_in_fraction { value.trim_end_matches('0').trim_end_matches('.') } else { value };
    if short == "-0" { "0".to_owned() } else { short.to_owned() }
}

/// What DuckDB answers over the archive at `out`.
pub(crate) fn of_duckdb(out: &Path, questions: &[Question]) -> Option<Vec<Rows>> {
    let python = python()?;
    let views = out.with_extension("views.sql");
    let mut command = Command::new(binary("cold-path"));
    command.args(["query", "--duckdb-views", "--out"]).arg(out);
    std::fs::write(&views, printed(answer(&mut command, ""))).unwrap();
    let asked = json!(questions.iter().map(|question| &question.sql).collect::<Vec<_>>()).to_string();
    let mut command = Command::new(python);
    command.arg(file("scripts/archive_ask.py")).arg(views);
    let answers: Vec<Vec<Vec<Option<String>>>> =
        serde_json::from_str(&printed(answer(&mut command, &asked))).unwrap();
    let row = |row: Vec<Option<String>>| {
        row.iter().map(|v| v.as_deref().map_or_else(String::new, spelled)).collect()
    };
    Some(answers.into_iter().map(|rows| rows.into_iter().map(row).collect()).collect())
}

/// What psql answers from a database of the server.
pub(crate) fn of_postgres(server: &Server, database: &str, questions: &[Question]) -> Vec<Rows> {
    let ask = |question: &Question| {
        let printed = server.psql(database, &question.sql);
        printed.lines().map(|line| line.split('|').map(spelled).collect()).collect()
    };
    questions.iter().map(ask).collect()
}

/// The day in a database, asked.
fn in_postgres(day: &Day, questions: &[Question]) -> Option<Vec<Rows>> {
    let server = Server::start()?;
    let target = Target::argument(&server.database("day"), "the test").unwrap();
    let mut opened = Sink::open(&target, context(&day.journal_dir()), Options::default()).unwrap();
    let (projection, sink) = (&mut opened.projection, &mut opened.sink);
    each_step(&day.journal_dir(), projection, sink, &mut |projection, sink| {
        sink.end_step(projection).unwrap();
    });
    sink.commit(projection).unwrap();
    Some(of_postgres(&server, "day", questions))
}

fn of_the_binary(day: &Day, questions: &[Question]) -> Option<Vec<Rows>> {
    let ask = |question: &Question| {
        let mut command = Command::new(binary("cold-path"));
        command.args(["query", "--json", &question.sql, "--out"]).arg(day.archive_dir());
        let output = answer(&mut command, "");
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        if output.status.code() == Some(2) && said.contains("this build has no SQL engine") {
            // What it says instead is the same question for DuckDB, with a view of each table that is named.
            assert!(said.contains("--features sql") && said.contains("duckdb -c '"), "{said}");
            return None;
        }
        let answer: Value =
            serde_json::from_str(&printed(output)).unwrap_or_else(|error| panic!("{error}: {said}"));
        let cell = |value: &Value| match value {
            Value::Null => String::new(),
            Value::String(text) => spelled(text),
            other => spelled(&other.to_string()),
        };
        let rows = answer["rows"].as_array().unwrap().iter();
        Some(rows.map(|row| row.as_array().unwrap().iter().map(cell).collect()).collect())
    };
    let answers: Option<Vec<Rows>> = questions.iter().map(ask).collect();
    if answers.is_none() {
        println!("skipped: cold-path was built without the feature sql");
    }
    answers
}

/// Columns whose values are quotients, rounded to two places: programs divide in different ways, and one unit in the last
/// place is theirs. Everything else is exact, money to 1/10,000 rupee.
const ROUNDED: [(&str, &[usize]); 3] =
    [("get in and out", &[5, 6]), ("how deep is the market", &[2]), ("volatile", &[4, 5])];

/// Nanoseconds since the epoch of a text such as `2021-04-15 09:15:01.25`, Indian time.
fn instant(text: &str) -> Option<i64> {
    let (date, time) = text.split_once(' ')?;
    let date = Date::of(date.replace('-', "").parse().ok().filter(|_| date.len() == 10)?);
    let (clock, fraction) = time.split_once('.').unwrap_or((time, ""));
    let mut clock = clock.split(':').map(|part| part.parse::<i64>().ok());
    let (hour, minute, second) = (clock.next()??, clock.next()??, clock.next()??);
    let fraction = format!("{fraction:0<9}").parse::<i64>().ok()?;
    let seconds = i64::from(date.0) * 86_400 + hour * 3_600 + minute * 60 + second;
    Some(seconds * 1_000_000_000 + fraction - IST_OFFSET_NS as i64)
}

/// Whether two programs say the same: the same text, or the instant that one of them prints in nanoseconds, or, where that
/// is `rounded`, numbers that are a hundredth apart.
fn agree(one: &str, other: &str, rounded: bool) -> bool {
    let hundredths = |text: &str| text.parse::<f64>().ok().map(|number| (number * 100.0).round());
    let close =
        || hundredths(one).zip(hundredths(other)).is_some_and(|(one, other)| (one - other).abs() <= 1.0);
    one == other || instant(one).is_some_and(|at| other.parse() == Ok(at)) || rounded && close()
}

#[test]
fn a_paisa_is_a_difference_where_nothing_is_divided() {
    assert!(
        agree("12.5", "12.5", false) && !agree("12.5", "12.51", false) && !agree("12.5", "12.5001", false)
    );
    assert!(agree("12.5", "12.51", true) && !agree("12.5", "12.52", true) && !agree("a", "b", true));
    let (text, ns) = ("2021-04-15 09:15:01.25", "1618458301250000000");
    assert!(agree(text, ns, false) && !agree(text, "1618458301250000001", false));
}

/// Holds the answers of two programs to each other.
pub(crate) fn compare(questions: &[Question], one: &[Rows], other: &[Rows], whose: &str) {
    for ((question, one), other) in questions.iter().zip(one).zip(other) {
        let title = &question.title;
        let rounded = ROUNDED.iter().find(|(part, _)| title.contains(part)).map_or(&[][..], |(_, at)| *at);
        assert_eq!(one.len(), other.len(), "{title}: {whose} has another number of rows\n{one:?}\n{other:?}");
        for (one, other) in one.iter().zip(other) {
            let mut cells = one.iter().zip(other).enumerate();
            let same = one.len() == other.len()
                && cells.all(|(at, (one, other))| agree(one, other, rounded.contains(&at)));
            assert!(same, "{title}: {whose} differs\n{one:?}\n{other:?}");
        }
    }
}

/// What the answers must be, from what the run itself said.
fn check(day: &Day, questions: &[Question], answers: &[Rows]) {
    for (question, rows) in questions.iter().zip(answers) {
        println!("{}", question.title);
        rows.iter().take(4).for_each(|row| println!("    {}", row.join(" | ")));
        assert!(!rows.is_empty(), "{}: no rows", question.title);
    }
    let of = |title: &str| {
        let at = questions.iter().position(|question| question.title.contains(title));
        &answers[at.unwrap_or_else(|| panic!("no question is about {title}"))]
    };
    let sum = |rows: &Rows, column: usize| -> f64 {
        rows.iter().map(|row| row[column].parse::<f64>().unwrap()).sum()
    };
    let close = |found: f64, should: &str| (found - should.parse::<f64>().unwrap()).abs() < 0.000_05;
    let profit = serde_json::to_value(&day.summary).unwrap();
    let net = sum(of("profit"), 5);
    assert!(close(net, profit["net_pnl"].as_str().unwrap()), "{net} against {}", profit["net_pnl"]);
    let charges = sum(of("profit"), 4);
    assert!(close(charges, profit["charges"]["total"].as_str().unwrap()), "{charges}");
    assert!(
        of("add up").iter().all(|row| row.iter().rev().take(3).all(|cell| cell == "0")),
        "{:?}",
        of("add up")
    );
    assert!(of("missing").iter().all(|row| row[1..].iter().all(|cell| cell == "0")), "{:?}", of("missing"));
    let verdicts: u64 = day.summary.verdicts.values().sum();
    assert_eq!(sum(of("not traded"), 4) as u64, verdicts);
}

#[test]
fn ten_questions_have_one_answer() {
    let (day, questions) = (day(), questions());
    let duckdb = of_duckdb(&day.archive_dir(), &questions);
    let postgres = in_postgres(&day, &questions);
    let embedded = of_the_binary(&day, &questions);
    for answers in [&duckdb, &postgres].into_iter().flatten() {
        check(&day, &questions, answers);
    }
    if let (Some(duckdb), Some(postgres)) = (&duckdb, &postgres) {
        compare(&questions, duckdb, postgres, "PostgreSQL");
    }
    if let (Some(duckdb), Some(embedded)) = (&duckdb, &embedded) {
        compare(&questions, duckdb, embedded, "the engine of cold-path");
    }
}
