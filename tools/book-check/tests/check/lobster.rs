use super::day::{Day, day};
use super::{Rng, gzip, outcome, put, run, text, zip};
use serde_json::{Value, json};
use tempfile::TempDir;

fn check(dir: &TempDir, messages: &str, rows: &str) -> (i32, Value, String) {
    let (messages, rows) = (put(dir, "message.csv", messages), put(dir, "orderbook.csv", rows));
    outcome(&["lobster", "--messages", text(&messages), "--book", text(&rows), "--json"])
}

fn assert_exact(day: &Day, report: &Value, name: &str) {
    let rows = day.messages.lines().count() as u64 - 1;
    assert_eq!(report["schema"], "book-check/1", "{name}");
    assert_eq!((&report["rows"], &report["rows_exact"]), (&json!(rows), &json!(rows)), "{name}: {report}");
    let executions = json!(day.executions.len());
    assert_eq!((&report["executions"], &report["executions_at_best"]), (&executions, &executions), "{name}");
    assert_eq!(report["runs"], json!(day.runs), "{name}");
    assert_eq!(report["exceptions"], json!(day.beyond), "{name}: {report}");
    assert_eq!(report["runs_exact"], json!(day.runs - day.beyond.len() as u64), "{name}");
    assert!(report["ops_per_s"].as_u64().unwrap() > 0 && report["fills"].is_null(), "{name}");
}

#[test]
fn days_of_a_naive_book_are_exact_and_only_what_was_not_shown_is_an_exception() {
    let dir = TempDir::new().unwrap();
    let mut rng = Rng::seeded("days of a naive book", 5);
    let (mut runs, mut beyond) = (0, 0);
    let days = if std::env::var_os("PITLANE_LONG").is_some() { 200 } else { 12 };
    for at in 0..days {
        let levels = [1, 2, 5, 10][at % 4];
        let day = day(&mut rng, 1_500, levels, 8);
        let (code, report, stderr) = check(&dir, &day.messages, &day.rows);
        assert_eq!(code, 0, "{levels} levels: {stderr}");
        assert_exact(&day, &report, &format!("day {at}, {levels} levels"));
        runs += day.runs;
        beyond += day.beyond.len();
    }
    println!("{runs} runs, {beyond} beyond what was shown");
    assert!(runs > 1_000 && beyond > 20, "the days have runs of both kinds");
}

#[test]
fn plain_gzip_and_zip_are_the_same_day() {
    let dir = TempDir::new().unwrap();
    let day = day(&mut Rng::seeded("packed", 6), 600, 5, 4);
    let (messages, rows) = (day.messages.as_bytes(), day.rows.as_bytes());
    let crlf = day.messages.replace('\n', "\r\n");
    let members: [(&str, &[u8]); 3] =
        [("X_orderbook_5.csv", rows), ("X_message_5.csv", messages), ("ReadMe.txt", b"text")];
    let archive = put(&dir, "day.zip", zip(&members));
    let pairs = [
        (put(&dir, "m.csv", messages), put(&dir, "b.csv", rows)),
        (put(&dir, "m.csv.gz", gzip(messages)), put(&dir, "b.csv.gz", gzip(rows))),
        // What a file is, its first bytes say, not its name.
        (put(&dir, "m.txt", gzip(messages)), put(&dir, "b.zst", zstd::encode_all(rows, 3).unwrap())),
        (put(&dir, "crlf.csv", crlf), put(&dir, "b.csv", rows)),
        (archive.clone(), archive),
    ];
    for (messages, rows) in &pairs {
        let (code, report, stderr) =
            outcome(&["lobster", "--messages", text(messages), "--book", text(rows), "--json"]);
        assert_eq!(code, 0, "{}: {stderr}", messages.display());
        assert_exact(&day, &report, text(messages));
    }
    let (messages, rows) = &pairs[0];
    let output = run(&["lobster", "--messages", text(messages), "--book", text(rows)]);
    let shown = String::from_utf8_lossy(&output.stdout);
    assert!(shown.contains("rows exact") && shown.contains(&format!("{} of", day.runs)), "{shown}");
}

/// Swaps a column of a line.
fn edited(text: &str, line: usize, column: usize, value: &str) -> String {
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    let mut fields: Vec<&str> = lines[line].split(',').collect();
    fields[column] = value;
    lines[line] = fields.join(",");
    lines.join("\n") + "\n"
}

#[test]
fn a_row_that_is_wrong_is_found_and_is_the_only_one() {
    let dir = TempDir::new().unwrap();
    let day = day(&mut Rng::seeded("wrong row", 7), 600, 5, 4);
    let rows = day.messages.lines().count() as u64 - 1;
    let quantity = day.rows.lines().nth(100).unwrap().split(',').nth(3).unwrap().parse::<i64>().unwrap() + 1;
    let (code, report, stderr) =
        check(&dir, &day.messages, &edited(&day.rows, 100, 3, &quantity.to_string()));
    assert_eq!(code, 4, "{stderr}");
    assert_eq!((&report["rows_exact"], &report["rows_wrong"]), (&json!(rows - 1), &json!([100])));
    assert!(stderr.contains(&format!("only {} of {rows} rows are exact", rows - 1)), "{stderr}");
}

#[test]
fn a_maker_out_of_turn_is_an_exception_and_an_execution_off_the_best_price_a_failure() {
    let dir = TempDir::new().unwrap();
    // Two sells at 101, bought from the back; then one at 102 while 101 is there.
    let messages = "1.0,1,7,10,1010000,-1\n2.0,1,8,10,1010000,-1\n3.0,1,9,10,1020000,-1\n\
                    4.0,4,8,10,1010000,-1\n5.0,4,9,5,1020000,-1\n";
    let rows = "1010000,10,990000,5,9999999999,0,-9999999999,0\n1010000,20,990000,5,9999999999,0,-9999999999,0\n\
                1010000,20,990000,5,1020000,10,-9999999999,0\n1010000,10,990000,5,1020000,10,-9999999999,0\n\
                1010000,10,990000,5,1020000,5,-9999999999,0\n";
    let (code, report, stderr) = check(&dir, messages, rows);
    assert_eq!(code, 4, "{stderr}");
    assert_eq!((&report["rows"], &report["rows_exact"]), (&json!(4), &json!(4)));
    assert_eq!((&report["executions"], &report["executions_at_best"]), (&json!(2), &json!(1)));
    assert_eq!(report["exceptions"], json!([3, 4]));
    let first = &report["exception_details"][0];
    assert_eq!((&first["actual"], &first["predicted"]), (&json!("1010000:8:10"), &json!("1010000:7:10")));
    assert!(stderr.contains("only 1 of 2 executions are at the best price"), "{stderr}");
}

#[test]
fn orders_that_cross_in_a_halt_wait_until_trading_goes_on() {
    let dir = TempDir::new().unwrap();
    let messages = "1.0,1,7,10,1010000,-1\n2.0,7,0,0,-1,-1\n3.0,1,8,10,1020000,1\n4.0,7,0,0,0,-1\n5.0,3,8,10,1020000,1\n\
                    6.0,7,0,0,1,-1\n7.0,1,9,4,1000000,1\n8.0,4,7,4,1010000,-1\n";
    let none = "9999999999,0";
    let rows: Vec<String> = [
        format!("1010000,10,-{none}"),
        format!("1010000,10,-{none}"),
        "1010000,10,1020000,10".to_owned(),
        "1010000,10,1020000,10".to_owned(),
        format!("1010000,10,-{none}"),
        format!("1010000,10,-{none}"),
        "1010000,10,1000000,4".to_owned(),
        "1010000,6,1000000,4".to_owned(),
    ]
    .into();
    let (code, report, stderr) = check(&dir, messages, &rows.join("\n"));
    assert_eq!(code, 0, "{report} {stderr}");
    assert_eq!((&report["rows_exact"], &report["runs_exact"]), (&json!(7), &json!(1)));
}
