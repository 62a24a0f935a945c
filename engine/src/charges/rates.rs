//! The rates, as data: what a share of an order's value costs in each market, and from which date on.
//!
//! Sources: Zerodha's list of charges of 2026; the exchange's circulars on transaction charges (of which FA/73061); the
//! Finance Acts. Where they name no date, a row begins on 2024-10-01, the first date of their table: the day the exchanges'
//! slabs ended. A date before the first row has that row, because an unknown rate is nearer to it than to nothing; what
//! was charged so says from when its rates are.
//!
//! Not in here, because they follow from no order: the depository's fee for a delivery that is sold (Rs 13 and GST a
//! day and security), fees for squaring off by the broker or by phone, securities transaction tax on exercise.

use super::{Exchange, Segment};
use crate::units::{Money, SCALE};

/// A share of an order's value, in 1/1,000,000,000: 0.001 % is 10,000; a rupee in a crore is 100.
pub(super) type Rate = i64;

/// The whole, as a rate.
pub(super) const WHOLE: i128 = 1_000_000_000;

/// A dated series: from which trading date on (yyyymmdd) a value holds, ascending, at least one.
pub(super) type Rows<T> = &'static [(u32, T)];

/// What the broker asks for an executed order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Brokerage {
    /// Nothing.
    Free,
    /// A share of the value, up to an amount.
    Capped(Rate, Money),
    /// An amount, whatever the value.
    Flat(Money),
}

/// What the exchange asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Transaction {
    /// All of it, the contribution to the investor protection fund included.
    pub(super) rate: Rate,
    /// The part on which goods and services tax is due. Before 2026-03-01 brokers showed the fund's part beside the
    /// charge and took no tax on it (inferred from the broker's own sample answers).
    pub(super) taxed: Rate,
}

/// The dated rates of one market.
pub(super) struct Schedule {
    pub(super) brokerage: Rows<Brokerage>,
    /// Securities transaction tax.
    pub(super) stt_buy: Rows<Rate>,
    pub(super) stt_sell: Rows<Rate>,
    pub(super) transaction: Rows<Transaction>,
    /// The regulator's fee.
    pub(super) sebi: Rows<Rate>,
    /// Stamp duty, which buyers pay.
    pub(super) stamp_buy: Rows<Rate>,
    /// Goods and services tax: a share of brokerage, transaction charge and regulator's fee.
    pub(super) gst: Rows<Rate>,
}

/// Where the source names no date.
const FIRST: u32 = 20_241_001;

const TWENTY: Money = Money(20 * SCALE);
const NOTHING: Rows<Rate> = &[(FIRST, 0)];
/// Rs 10 a crore.
const SEBI: Rows<Rate> = &[(FIRST, 1_000)];
/// 18 %.
const GST: Rows<Rate> = &[(FIRST, 180_000_000)];
/// 0.03 %, at most Rs 20.
const CAPPED: Rows<Brokerage> = &[(FIRST, Brokerage::Capped(300_000, TWENTY))];

const fn transaction(rate: Rate, taxed: Rate) -> Transaction {
    Transaction { rate, taxed }
}

/// Rs 297 and 10 a crore; since 2026-03-01 306.99 and 0.01, of which all is taxed.
const NSE_CASH: Rows<Transaction> =
    &[(FIRST, transaction(30_700, 29_700)), (20_260_301, transaction(30_700, 30_700))];
/// Rs 173 and 10 a crore; 182.99 and 0.01.
const NSE_FUTURES: Rows<Transaction> =
    &[(FIRST, transaction(18_300, 17_300)), (20_260_301, transaction(18_300, 18_300))];
/// Rs 3,503 and 50 a crore of premium; 3,552 and 1.
const NSE_OPTIONS: Rows<Transaction> =
    &[(FIRST, transaction(355_300, 350_300)), (20_260_301, transaction(355_300, 355_300))];
/// 0.00375 %.
const BSE_CASH: Rows<Transaction> = &[(FIRST, transaction(37_500, 37_500))];
/// None, unconfirmed.
const BSE_FUTURES: Rows<Transaction> = &[(FIRST, transaction(0, 0))];
/// 0.0325 % of premium.
const BSE_OPTIONS: Rows<Transaction> = &[(FIRST, transaction(325_000, 325_000))];

/// 0.0125 % (Finance Act 2023), 0.02 % (Finance (No. 2) Act 2024), 0.05 % (Finance Act 2026).
const STT_FUTURES: Rows<Rate> = &[(20_230_401, 125_000), (20_241_001, 200_000), (20_260_401, 500_000)];
/// 0.0625 %, 0.1 %, 0.15 % of premium, by the same acts.
const STT_OPTIONS: Rows<Rate> = &[(20_230_401, 625_000), (20_241_001, 1_000_000), (20_260_401, 1_500_000)];

/// The rates of a segment of an exchange.
pub(super) const fn schedule(exchange: Exchange, segment: Segment) -> Schedule {
    let (cash, futures, options) = match exchange {
        Exchange::Nse => (NSE_CASH, NSE_FUTURES, NSE_OPTIONS),
        Exchange::Bse => (BSE_CASH, BSE_FUTURES, BSE_OPTIONS),
    };
    match segment {
        // 0.1 % both ways; stamp 0.015 %.
        Segment::Delivery => Schedule {
            brokerage: &[(FIRST, Brokerage::Free)],
            stt_buy: &[(FIRST, 1_000_000)],
            stt_sell: &[(FIRST, 1_000_000)],
            transaction: cash,
            sebi: SEBI,
            stamp_buy: &[(FIRST, 150_000)],
            gst: GST,
        },
        // 0.025 %; stamp 0.003 %.
        Segment::Intraday => Schedule {
            brokerage: CAPPED,
            stt_buy: NOTHING,
            stt_sell: &[(FIRST, 250_000)],
            transaction: cash,
            sebi: SEBI,
            stamp_buy: &[(FIRST, 30_000)],
            gst: GST,
        },
        // Stamp 0.002 %.
        Segment::Futures => Schedule {
            brokerage: CAPPED,
            stt_buy: NOTHING,
            stt_sell: STT_FUTURES,
            transaction: futures,
            sebi: SEBI,
            stamp_buy: &[(FIRST, 20_000)],
            gst: GST,
        },
        // Stamp 0.003 %.
        Segment::Options => Schedule {
            brokerage: &[(FIRST, Brokerage::Flat(TWENTY))],
            stt_buy: NOTHING,
            stt_sell: STT_OPTIONS,
            transaction: options,
            sebi: SEBI,
            stamp_buy: &[(FIRST, 30_000)],
            gst: GST,
        },
    }
}
