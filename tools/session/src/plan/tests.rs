use super::*;
use jiff::civil::{date, time};
use pitlane_engine::units::{NS_PER_S, Price, Qty, TsNs};
use pitlane_market::instruments::BROKER_HEADER;
use std::path::Path;

fn spec(symbol: &str, token: u32, class: InstrumentClass, derivatives: bool) -> InstrumentSpec {
    let (lot, tick, symbol) = (Qty(1), Price(500), symbol.to_owned());
    let tradable = class != InstrumentClass::Index;
    InstrumentSpec {
        symbol,
        token,
        class,
        tradable,
        lot,
        tick,
        multiplier: 1,
        freeze: Qty::ZERO,
        derivatives,
    }
}

/// An index, a share with derivatives, one without, a future.
fn table() -> Vec<InstrumentSpec> {
    vec![
        spec("NSE:NIFTY 50", 256_265, InstrumentClass::Index, false),
        spec("NSE:RELIANCE", 738_561, InstrumentClass::Equity, true),
        spec("NSE:IDEA", 3_677_697, InstrumentClass::Equity, false),
        spec("NFO:NIFTY26AUGFUT", 53_001 * 256 + 2, InstrumentClass::Future, false),
    ]
}

fn planned(table: &[InstrumentSpec], date: Date, purpose: Purpose) -> anyhow::Result<Planned> {
    let (settings, calendar) = (Settings::default(), Calendar::new());
    Planner { settings: &settings, calendar: &calendar, instruments: table, dump: None }.plan(date, purpose)
}

fn hours(table: &[InstrumentSpec], date: Date, planned: &Planned) -> Vec<String> {
    let shown = |id: u32| {
        let (open, close) = planned.plan.hours_of(InstrumentId(id));
        let minutes = |ts: TsNs| ts.since(ist(date, time(0, 0, 0, 0))) / (60 * NS_PER_S);
        format!("{}-{}", minutes(open), minutes(close))
    };
    (0..table.len() as u32).map(shown).collect()
}

const OPEN_TO_1515: &str = "555-915";
const OPEN_TO_1530: &str = "555-930";
const OPEN_TO_1540: &str = "555-940";

#[test]
fn hours_are_those_of_date_and_segment() {
    let before = [OPEN_TO_1530; 4];
    let since_august = [OPEN_TO_1530, OPEN_TO_1515, OPEN_TO_1530, OPEN_TO_1540];
    for (date, expected, own) in [
        (date(2026, 7, 31), before, vec![]),
        (date(2026, 8, 3), since_august, vec![0, 1, 2]),
        (date(2026, 8, 4), since_august, vec![0, 1, 2]),
    ] {
        let planned = planned(&table(), date, Purpose::Run).expect("a trading day");
        assert_eq!(hours(&table(), date, &planned), expected, "{date}");
        let listed: Vec<u32> = planned.plan.hours.iter().map(|hours| hours.instrument.0).collect();
        assert_eq!(listed, own, "{date}: only those with other hours");
        assert_eq!(planned.warnings, Vec::<String>::new(), "{date}");
        let times = planned.plan.times;
        assert_eq!(times.end.since(times.close), 2 * NS_PER_S);
        assert_eq!(times.open.since(times.pre_open), 900 * NS_PER_S);
    }
    // Without a future the day ends with the others, and a share alone keeps its hours as the session's.
    let day = date(2026, 8, 4);
    let planned_three = planned(&table()[..3], day, Purpose::Run).expect("a trading day");
    assert_eq!(planned_three.plan.times.close, ist(day, time(15, 30, 0, 0)));
    assert_eq!(planned_three.plan.hours.len(), 1);
    let alone = planned(&table()[1..2], day, Purpose::Run).expect("a trading day");
    assert_eq!((alone.plan.times.close, alone.plan.hours.len()), (ist(day, time(15, 15, 0, 0)), 0));
    assert!(planned(&[], day, Purpose::Run).is_ok());
}

#[test]
fn a_date_without_data_is_warned_of_once_with_the_longest_hours() {
    let old = planned(&table(), date(2021, 4, 15), Purpose::Run).expect("a weekday");
    assert_eq!(old.warnings.len(), 1, "{:?}", old.warnings);
    assert!(
        old.warnings[0].contains("2021-04-15") && old.warnings[0].contains("15:30"),
        "{:?}",
        old.warnings
    );
    assert_eq!(old.plan.hours, []);
    let later = planned(&table(), date(2027, 3, 1), Purpose::Run).expect("a weekday");
    assert!(later.warnings[0].contains("09:15 to 15:30"), "{:?}", later.warnings);
    assert_eq!(hours(&table(), date(2027, 3, 1), &later)[1], OPEN_TO_1515);
    let sunday = planned(&table(), date(2026, 2, 1), Purpose::Run).expect("the budget's Sunday");
    assert!(sunday.warnings[0].contains("not confirmed"), "{:?}", sunday.warnings);
}

#[test]
fn closed_days_are_refused_in_a_run_and_noted_in_an_import() {
    for (date, name) in [(date(2026, 1, 26), "Republic Day"), (date(2026, 8, 8), "Saturday")] {
        let error = planned(&table(), date, Purpose::Run).expect_err("a holiday").to_string();
        for word in [name, "sim.date", "[session]", "`open` and `close`"] {
            assert!(error.contains(word), "`{word}` is missing in: {error}");
        }
        let imported = planned(&table(), date, Purpose::Import).expect("ticks are ticks");
        assert!(imported.warnings.len() == 1 && imported.warnings[0].contains(name), "{imported:?}");
    }
    let saturday = planned(&table(), date(2026, 8, 8), Purpose::Import).expect("ticks are ticks");
    assert_eq!(hours(&table(), date(2026, 8, 8), &saturday)[1], OPEN_TO_1515, "of an ordinary day then");
    for purpose in [Purpose::Run, Purpose::Import] {
        let error = planned(&table(), date(2026, 11, 8), purpose).expect_err("no hours").to_string();
        assert!(error.contains("Muhurat") && error.contains("`open` and `close` of [session]"), "{error}");
    }
}

#[test]
fn an_instrument_file_of_the_date_decides_which_shares_have_derivatives() {
    let rows = "738561,2885,RELIANCE,RELIANCE,0,,0,0.1,1,EQ,NSE,NSE\n\
                3677697,14366,IDEA,VODAFONE IDEA,0,,0,0.01,1,EQ,NSE,NSE\n\
                258,1,IDEA26AUGFUT,IDEA,0,2026-08-27,0,0.01,500,FUT,NFO-FUT,NFO\n";
    let dump = Dump::read(format!("{BROKER_HEADER}\n{rows}").as_bytes(), Path::new("d")).expect("a dump");
    let (settings, calendar, table) = (Settings::default(), Calendar::new(), table());
    let planner =
        Planner { settings: &settings, calendar: &calendar, instruments: &table, dump: Some(&dump) };
    let of = |date| hours(&table, date, &planner.plan(date, Purpose::Run).expect("a trading day"));
    assert_eq!(of(date(2026, 8, 4))[1..3], [OPEN_TO_1530, OPEN_TO_1515], "the file's word, not the table's");
    assert_eq!(
        of(date(2026, 9, 1))[1..3],
        [OPEN_TO_1515, OPEN_TO_1530],
        "its futures have expired: the table's"
    );
}

#[test]
fn configured_hours_hold_for_all_on_any_date() {
    let mut settings = Settings::default();
    (settings.session.open, settings.session.close) = (Some(time(18, 0, 0, 0)), Some(time(19, 0, 0, 0)));
    let (calendar, table) = (Calendar::new(), table());
    let planner = Planner { settings: &settings, calendar: &calendar, instruments: &table, dump: None };
    for day in [date(2026, 11, 8), date(2026, 1, 26), date(2021, 4, 15), date(2026, 8, 4)] {
        let planned = planner.plan(day, Purpose::Run).expect("hours are given");
        assert_eq!(planned.plan.times.open, ist(day, time(18, 0, 0, 0)), "{day}");
        assert_eq!(planned.plan.times.close, ist(day, time(19, 0, 0, 0)), "{day}");
        assert!(planned.plan.hours.is_empty(), "{day}");
        // The square-off of an ordinary day is before such an open.
        let warnings = planned.warnings.join(" ");
        assert!(warnings.contains("NSE:RELIANCE and 2 more will not be traded"), "{warnings}");
    }
    (settings.risk.square_off_s, settings.risk.no_new_entry_s) = (0, 0);
    let planner = Planner { settings: &settings, calendar: &calendar, instruments: &table, dump: None };
    let remedied = planner.plan(date(2026, 11, 8), Purpose::Run).expect("hours are given");
    assert!(remedied.warnings.is_empty(), "the remedy helps: {:?}", remedied.warnings);
}

#[test]
fn bands_hold_from_the_start_and_halts_from_and_until_their_times() {
    let text = r#"
[[instruments]]
symbol = "NSE:RELIANCE"
token = 738561
class = "equity"
band = ["90", "110"]
[[halts]]
symbol = "NSE:IDEA"
from = "12:00"
until = "12:30"
[[halts]]
symbol = "NSE:RELIANCE"
from = "15:00"
until = "16:00"
[[halts]]
symbol = "NSE:IDEA"
from = "08:00"
until = "08:30"
"#;
    let settings = Settings::from_toml(text, "test").expect("it is whole");
    let (calendar, date) = (Calendar::new(), date(2026, 7, 31));
    let table = table();
    let planner = Planner { settings: &settings, calendar: &calendar, instruments: &table, dump: None };
    let planned = planner.plan(date, Purpose::Import).expect("a trading day");
    let shown: Vec<(u64, u32, i64, &str)> = planned
        .trading
        .iter()
        .map(|change| {
            let second = change.at.since(ist(date, time(0, 0, 0, 0))) / NS_PER_S;
            (second / 60, change.instrument.0, change.band.1.0, change.phase.name())
        })
        .collect();
    let (reliance, idea, high) = (1, 2, 1_100_000);
    assert_eq!(
        shown,
        [
            (540, reliance, high, "continuous"),
            (720, idea, 0, "halted"),
            (750, idea, 0, "continuous"),
            (900, reliance, high, "halted"),
        ],
        "the halt that outlasts the session ends with it"
    );
    assert_eq!(planned.warnings.len(), 1, "{:?}", planned.warnings);
    assert!(
        planned.warnings[0].starts_with("the halt of NSE:IDEA from 2026-07-31T08:00:00+05:30 lies outside")
    );
    let unknown = Planner { instruments: &table[..1], ..planner }.plan(date, Purpose::Import).unwrap_err();
    assert!(unknown.to_string().contains("no instrument `NSE:RELIANCE` in this run"), "{unknown}");
}
