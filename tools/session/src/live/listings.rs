//! Holds the instruments of a live run against the broker's own file of the day, before anything is armed.
//!
//! The broker gives tokens of expired contracts to others, and ticks and lots change: a row that is out of date would let
//! the prices of one contract drive orders in another, or stop trading in the middle of the day.

use crate::exit::{Exit, Refusal, data, usage};
use jiff::civil::Date;
use pitlane_engine::config::{InstrumentClass, InstrumentSpec};
use pitlane_kite_gateway::call::{Answer, CallError};
use pitlane_kite_gateway::decimal::Decimal;
use std::collections::BTreeMap;
use std::time::Duration;

/// How often the file is asked for, and how long is waited in between.
const TRIES: u32 = 3;
const AGAIN: Duration = Duration::from_secs(1);
/// The broker's name for indices among segments.
const INDICES: &str = "INDICES";

/// What the broker says of one instrument.
#[derive(Clone, Debug)]
struct Row {
    token: String,
    expiry: String,
    tick: String,
    lot: String,
    kind: String,
    segment: String,
}

/// The rows of one exchange by symbol.
type Rows = BTreeMap<String, Row>;

/// Refuses a run whose `instruments` on `date` are not what the broker lists. `ask` fetches an exchange's file.
///
/// # Errors
/// If they are not, with both values; if the broker does not answer, or with what is no such file.
pub(super) fn check(
    instruments: &[InstrumentSpec],
    date: Date,
    ask: &mut dyn FnMut(&str) -> Result<Answer, CallError>,
) -> anyhow::Result<()> {
    let mut files = BTreeMap::<&str, Rows>::new();
    let mut faults = Vec::new();
    for spec in instruments {
        let (exchange, symbol) =
            spec.symbol.split_once(':').expect("symbols are checked where they are read");
        if !files.contains_key(exchange) {
            files.insert(exchange, rows(&fetch(exchange, ask)?, exchange)?);
        }
        faults.extend(fault(spec, symbol, &files[exchange], date));
    }
    if faults.is_empty() {
        return Ok(());
    }
    Err(usage(format!(
        "the instruments are not what the broker lists on {date}: {}. Nothing was traded. Correct [[instruments]], or give \
         the broker's file of today with --instruments",
        faults.join("; ")
    )))
}

fn fetch(exchange: &str, ask: &mut dyn FnMut(&str) -> Result<Answer, CallError>) -> anyhow::Result<Vec<u8>> {
    let mut why = String::new();
    for attempt in 0..TRIES {
        if attempt > 0 {
            std::thread::sleep(AGAIN);
        }
        match ask(exchange) {
            Ok(Answer { status: 200, body }) => return Ok(body),
            Ok(Answer { status: 403, .. }) => {
                return Err(usage("the broker refuses the access token; `engine login` makes a new one"));
            }
            Ok(Answer { status, .. }) => why = format!("status {status}"),
            Err(error) => why = error.to_string(),
        }
    }
    let message = format!(
        "the broker's list of the instruments of {exchange} cannot be had ({why}), so nobody knows whether tokens, lots and \
         ticks are right; nothing was traded"
    );
    Err(Refusal { exit: Exit::Unavailable, message }.into())
}

/// Reads a file. The columns go by their names.
fn rows(body: &[u8], exchange: &str) -> anyhow::Result<Rows> {
    let bad =
        |why: String| data(format!("the broker's list of the instruments of {exchange} is unusable: {why}"));
    let mut reader = csv::ReaderBuilder::new().flexible(true).from_reader(body);
    let headers = reader.headers().map_err(|error| bad(error.to_string()))?.clone();
    let column = |name: &str| {
        headers.iter().position(|header| header == name).ok_or_else(|| bad(format!("no column `{name}`")))
    };
    let [token, symbol, expiry, tick, lot, kind, segment, of] = [
        column("instrument_token")?,
        column("tradingsymbol")?,
        column("expiry")?,
        column("tick_size")?,
        column("lot_size")?,
        column("instrument_type")?,
        column("segment")?,
        column("exchange")?,
    ];
    let mut rows = Rows::new();
    for record in reader.records() {
        let record = record.map_err(|error| bad(error.to_string()))?;
        let field = |at: usize| record.get(at).unwrap_or_default().trim().to_owned();
        if field(of) == exchange {
            let row = Row {
                token: field(token),
                expiry: field(expiry),
                tick: field(tick),
                lot: field(lot),
                kind: field(kind),
                segment: field(segment),
            };
            rows.entry(field(symbol)).or_insert(row);
        }
    }
    Ok(rows)
}

/// What is wrong with one instrument. Of what is not traded only the prices' origin matters.
fn fault(spec: &InstrumentSpec, symbol: &str, rows: &Rows, date: Date) -> Option<String> {
    let name = &spec.symbol;
    let is_index = spec.class == InstrumentClass::Index;
    let token = spec.token.to_string();
    // Names of indices are spelled in more ways than one; their tokens never change.
    let by_token = || rows.values().find(|row| is_index && row.segment == INDICES && row.token == token);
    let Some(row) = rows.get(symbol).or_else(by_token) else {
        return Some(format!("{name} is not listed"));
    };
    let differs =
        |what: &str, ours: &str, theirs: &str| Some(format!("{name}: {what} {ours}, the broker's {theirs}"));
    if row.token != token {
        return differs("token", &token, &row.token);
    }
    let class = match row.kind.as_str() {
        _ if row.segment == INDICES => InstrumentClass::Index,
        "EQ" => InstrumentClass::Equity,
        "FUT" => InstrumentClass::Future,
        "CE" | "PE" => InstrumentClass::Option,
        other => return differs("class", &format!("{:?}", spec.class), other),
    };
    if class != spec.class {
        return differs("class", &format!("{:?}", spec.class), &format!("{class:?}"));
    }
    if !spec.tradable {
        return None;
    }
    if row.lot.parse() != Ok(spec.lot.0) {
        return differs("lot", &spec.lot.0.to_string(), &row.lot);
    }
    if Decimal::parse(&row.tick).and_then(Decimal::scaled) != Some(spec.tick.0) {
        return differs("tick", &spec.tick.to_string(), &row.tick);
    }
    if row.expiry.is_empty() {
        // Shares have none; of contracts the broker's file says it.
        return None;
    }
    match row.expiry.parse::<Date>() {
        Ok(expiry) if expiry >= date => None,
        Ok(expiry) => Some(format!("{name} expired on {expiry}")),
        Err(_) => Some(format!("{name}: its expiry `{}` is no date", row.expiry)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exit::exit_of;
    use jiff::civil::date;
    use pitlane_engine::units::{Price, Qty};

    const HEADER: &str = "instrument_token,exchange_token,tradingsymbol,name,last_price,expiry,strike,tick_size,lot_size,\
                          instrument_type,segment,exchange\n";
    const NSE: &str = "256265,1001,NIFTY 50,NIFTY 50,0,,0,0,0,EQ,INDICES,NSE\n\
                       738561,2885,RELIANCE,\"RELIANCE, IND\",0,,0,0.1,1,EQ,NSE,NSE\n";
    const NFO: &str = "258,1,NIFTY26AUGFUT,NIFTY,0,2026-08-25,0,0.1,65,FUT,NFO-FUT,NFO\n\
                       514,2,NIFTY26AUG25000CE,NIFTY,0,2026-08-25,25000,0.05,65,CE,NFO-OPT,NFO\n";

    fn spec(symbol: &str, token: u32, class: InstrumentClass, tick: i64, lot: i64) -> InstrumentSpec {
        let tradable = class != InstrumentClass::Index;
        let known = pitlane_config::default_instrument(symbol).expect("a symbol").0;
        InstrumentSpec { token, class, tick: Price(tick), lot: Qty(lot), tradable, ..known }
    }

    fn table() -> Vec<InstrumentSpec> {
        vec![
            spec("NSE:NIFTY 50", 256_265, InstrumentClass::Index, 500, 1),
            spec("NSE:RELIANCE", 738_561, InstrumentClass::Equity, 1_000, 1),
            spec("NFO:NIFTY26AUGFUT", 258, InstrumentClass::Future, 1_000, 65),
            spec("NFO:NIFTY26AUG25000CE", 514, InstrumentClass::Option, 500, 65),
        ]
    }

    fn checked(table: &[InstrumentSpec], day: Date) -> anyhow::Result<()> {
        check(table, day, &mut |exchange| {
            let rows = if exchange == "NSE" { NSE } else { NFO };
            Ok(Answer { status: 200, body: format!("{HEADER}{rows}").into_bytes() })
        })
    }

    #[test]
    fn what_the_broker_lists_is_taken_on_the_day_of_its_expiry_too() {
        checked(&table(), date(2026, 8, 4)).expect("it is the same");
        checked(&table(), date(2026, 8, 25)).expect("it trades today");
    }

    #[test]
    fn every_difference_is_refused_with_both_values() {
        type Change = fn(&mut InstrumentSpec);
        let changes: [(usize, Change, &str); 8] = [
            (1, |spec| spec.token = 7, "NSE:RELIANCE: token 7, the broker's 738561"),
            (0, |spec| spec.token = 9, "token 9, the broker's 256265"),
            (1, |spec| spec.tick = Price(500), "the broker's 0.1"),
            (2, |spec| spec.lot = Qty(75), "NFO:NIFTY26AUGFUT: lot 75, the broker's 65"),
            (3, |spec| spec.class = InstrumentClass::Future, "class Future, the broker's Option"),
            (2, |spec| spec.symbol = "NFO:NIFTY26JULFUT".to_owned(), "NIFTY26JULFUT is not listed"),
            // Prices of what is not traded may drive what is.
            (2, |spec| (spec.tradable, spec.token) = (false, 514), "token 514"),
            (1, |spec| (spec.tradable, spec.class) = (false, InstrumentClass::Option), "class Option"),
        ];
        for (at, change, expected) in changes {
            let mut table = table();
            change(&mut table[at]);
            let error = checked(&table, date(2026, 8, 4)).expect_err(expected);
            assert_eq!(exit_of(&error), Exit::Usage);
            assert!(error.to_string().contains(expected), "{error}");
        }
        let error = checked(&table(), date(2026, 8, 26)).expect_err("it is over").to_string();
        assert!(error.contains("NIFTY26AUGFUT expired on 2026-08-25"), "{error}");
    }

    #[test]
    fn a_list_that_is_not_there_or_none_is_refused() {
        for (answer, exit) in [
            (Ok(Answer { status: 403, body: Vec::new() }), Exit::Usage),
            (Ok(Answer { status: 200, body: b"<html>".to_vec() }), Exit::Data),
            (Ok(Answer { status: 200, body: Vec::new() }), Exit::Data),
            (Err(CallError::MayHaveLeft("no answer in time")), Exit::Unavailable),
        ] {
            let error = check(&table(), date(2026, 8, 4), &mut |_| answer.clone()).expect_err("no list");
            assert_eq!(exit_of(&error), exit, "{error}");
        }
        // A passing failure is none.
        let mut asked = 0;
        let once = check(&table()[..1], date(2026, 8, 4), &mut |_| {
            asked += 1;
            let body = format!("{HEADER}{NSE}").into_bytes();
            Ok(Answer { status: if asked == 1 { 502 } else { 200 }, body })
        });
        once.expect("it answered in the end");
    }
}
