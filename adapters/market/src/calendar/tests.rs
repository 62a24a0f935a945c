use super::*;
use jiff::civil::{date, time};

const ALL: [Segment; 3] = [Segment::Cash, Segment::CashWithDerivatives, Segment::Derivatives];

fn hours(date: Date, segment: Segment) -> Hours {
    Calendar::new().sessions(date, segment).hours().unwrap_or_else(|| panic!("{date} is a trading day"))
}

fn at(hour: i8, minute: i8) -> Time {
    time(hour, minute, 0, 0)
}

#[test]
fn the_hours_of_each_segment_change_on_3_august_2026() {
    let (before, after) = (date(2026, 7, 31), date(2026, 8, 3));
    let cases = [
        (before, Segment::CashWithDerivatives, at(15, 30), 375),
        (before, Segment::Cash, at(15, 30), 375),
        (before, Segment::Derivatives, at(15, 30), 375),
        (after, Segment::CashWithDerivatives, at(15, 15), 360),
        (after, Segment::Cash, at(15, 30), 375),
        (after, Segment::Derivatives, at(15, 40), 385),
    ];
    for (day, segment, close, minutes) in cases {
        let hours = hours(day, segment);
        assert_eq!((hours.open, hours.close), (at(9, 15), close), "{day} {segment:?}");
        assert_eq!(hours.minutes(), minutes, "{day} {segment:?}");
        assert_eq!(hours.certainty, Certainty::Confirmed, "{day} {segment:?}");
    }
}

#[test]
fn square_off_is_the_earlier_of_setting_and_end_less_margin() {
    let (before, after) = (date(2026, 7, 31), date(2026, 8, 3));
    let cases = [
        (before, Segment::CashWithDerivatives, at(15, 20), at(15, 20)),
        (before, Segment::Derivatives, at(15, 25), at(15, 20)),
        (after, Segment::CashWithDerivatives, at(15, 20), at(15, 5)),
        (after, Segment::CashWithDerivatives, at(15, 5), at(15, 5)),
        (after, Segment::CashWithDerivatives, at(15, 4), at(15, 4)),
        (after, Segment::Cash, at(15, 20), at(15, 20)),
        (after, Segment::Cash, at(15, 21), at(15, 20)),
        (after, Segment::Derivatives, at(15, 20), at(15, 20)),
        (after, Segment::Derivatives, at(15, 35), at(15, 30)),
        (after, Segment::Cash, at(9, 0), at(9, 15)),
    ];
    for (day, segment, configured, expected) in cases {
        let at = hours(day, segment).square_off(configured);
        assert_eq!(at, expected, "{day} {segment:?} configured {configured}");
    }
    let close = hours(after, Segment::Cash);
    assert_eq!(close.square_off_with(at(15, 29), 0), at(15, 29));
    assert_eq!(close.square_off_with(at(15, 29), 10_000), at(9, 15), "a margin longer than the day");
    let mut calendar = Calendar::new();
    calendar.add_session(date(2026, 11, 8), at(18, 0), at(18, 5)).unwrap();
    let evening = calendar.sessions(date(2026, 11, 8), Segment::Cash).hours().unwrap();
    assert_eq!(evening.square_off(at(15, 20)), at(18, 0), "too short to trade");
}

#[test]
fn the_auction_before_the_open_changes_on_7_september_2026() {
    for segment in ALL {
        let old = hours(date(2026, 9, 4), segment).pre_open.unwrap();
        assert_eq!((old.start, old.market_orders_until, old.entry_until), (at(9, 0), at(9, 8), at(9, 8)));
        let new = hours(date(2026, 9, 7), segment).pre_open.unwrap();
        assert_eq!((new.start, new.market_orders_until, new.entry_until), (at(9, 0), at(9, 5), at(9, 10)));
        assert_eq!((old.matched_by, new.matched_by), (at(9, 12), at(9, 12)));
    }
}

/// The weekday holidays of 2026 as the exchange lists them, month and day.
const WEEKDAY_HOLIDAYS: [(i8, i8); 16] = [
    (1, 15),
    (1, 26),
    (3, 3),
    (3, 26),
    (3, 31),
    (4, 3),
    (4, 14),
    (5, 1),
    (5, 28),
    (6, 26),
    (9, 14),
    (10, 2),
    (10, 20),
    (11, 10),
    (11, 24),
    (12, 25),
];

#[test]
fn every_day_of_2026_is_known() {
    let calendar = Calendar::new();
    let mut trading = 0;
    for day in date(2026, 1, 1).series(jiff::Span::new().days(1)).take_while(|day| day.year() == 2026) {
        assert!(calendar.covered().contains(&day));
        // Zeller's congruence is the oracle of the weekday: 0 is Saturday.
        let (month, year) = match day.month() {
            month @ 1..=2 => (i32::from(month) + 12, 2025),
            month => (i32::from(month), 2026),
        };
        let century_year = year % 100;
        let weekday =
            (i32::from(day.day()) + 13 * (month + 1) / 5 + century_year + century_year / 4 + 20 / 4 - 2 * 20)
                .rem_euclid(7);
        let closed = weekday < 2 || WEEKDAY_HOLIDAYS.contains(&(day.month(), day.day()));
        for segment in ALL {
            match calendar.sessions(day, segment) {
                Day::Trading(hours) if day == date(2026, 2, 1) => {
                    assert!(matches!(hours.certainty, Certainty::Unconfirmed(_)));
                    assert_eq!(hours.minutes(), 375);
                }
                Day::NoHours { name, reason } => {
                    assert_eq!(day, date(2026, 11, 8), "{name}");
                    assert!(reason.contains("configure"), "{reason}");
                }
                Day::Trading(_) => assert!(!closed, "{day}"),
                Day::Holiday(name) => assert!(closed && !name.is_empty(), "{day} {name}"),
                Day::Unknown { .. } => panic!("{day} is in the data"),
            }
        }
        trading += usize::from(!closed);
    }
    assert_eq!(trading, 261 - WEEKDAY_HOLIDAYS.len(), "261 weekdays");
}

#[test]
fn dates_without_data_are_ordinary_weekdays_with_a_warning() {
    let calendar = Calendar::new();
    let cases = [
        (date(2021, 4, 15), Segment::CashWithDerivatives, at(15, 30)),
        (date(2025, 12, 31), Segment::Derivatives, at(15, 30)),
        (date(2027, 1, 1), Segment::Cash, at(15, 30)),
        (date(2027, 1, 1), Segment::Derivatives, at(15, 30)),
        // Later than 15:15 the exchange would refuse the order.
        (date(2027, 1, 1), Segment::CashWithDerivatives, at(15, 15)),
    ];
    for (day, segment, close) in cases {
        assert!(!calendar.covered().contains(&day));
        let Day::Unknown { hours, warning } = calendar.sessions(day, segment) else {
            panic!("{day} is not in the data");
        };
        assert_eq!((hours.open, hours.close), (at(9, 15), close), "{day} {segment:?}");
        assert!(
            warning.contains(&day.to_string()) && warning.contains("2026-01-01 to 2026-12-31"),
            "{warning}"
        );
        assert!(warning.contains(&format!("09:15 to {}", close.strftime("%H:%M"))), "{warning}");
    }
    assert_eq!(calendar.sessions(date(2027, 1, 2), Segment::Cash), Day::Holiday("Saturday".to_owned()));
}

#[test]
fn days_can_be_added() {
    let mut calendar = Calendar::new();
    let muhurat = date(2026, 11, 8);
    calendar.add_session(muhurat, at(13, 45), at(14, 45)).unwrap();
    for segment in ALL {
        let hours = calendar.sessions(muhurat, segment).hours().unwrap();
        assert_eq!((hours.minutes(), hours.pre_open), (60, None));
        assert_eq!(hours.square_off(at(15, 20)), at(14, 35));
    }
    calendar.add_holiday(date(2026, 11, 9), "Mourning");
    assert_eq!(
        calendar.sessions(date(2026, 11, 9), Segment::Derivatives),
        Day::Holiday("Mourning".to_owned())
    );
    for (open, close) in [(at(14, 45), at(13, 45)), (at(14, 45), at(14, 45))] {
        let error = calendar.add_session(muhurat, open, close).unwrap_err().to_string();
        assert!(error.contains("2026-11-08") && error.contains("opening time before"), "{error}");
    }
    assert_eq!(
        calendar.sessions(muhurat, Segment::Cash).hours().unwrap().minutes(),
        60,
        "what is refused changes nothing"
    );
}

#[test]
fn what_is_listed_is_in_order_and_covered() {
    let dates: Vec<Date> = data::LISTED.iter().map(|row| row.0).collect();
    assert!(dates.windows(2).all(|pair| pair[0] < pair[1]), "sorted, none twice");
    assert!(dates.iter().all(|day| Calendar::new().covered().contains(day)));
}
