//! The exchange with everything compiled in, beside a naive book and beside a bare ladder: one flow, one process,
//! rounds in turn, so that the machine's moods fall on all of them alike.
//!
//! `cargo bench -p pitlane-benches --bench book`; `PITLANE_ROUNDS` sets the rounds (5). What counts is the ratios.

use pitlane_benches::book::exchange::Full;
use pitlane_benches::book::ladder::Ladder;
use pitlane_benches::book::naive::Naive;
use pitlane_benches::book::workload::{Flow, Kinds, PRELOAD, mixed};
use pitlane_benches::book::{Book, Op, Totals, adversarial, filled, rate};
use pitlane_benches::spread;
use quanta::Clock;

const MEASURED: usize = 1_000_000;
/// Operations of an adversarial flow.
const ADVERSARIAL: usize = 300_000;
/// Names of the kinds of operations, in the order of `kind`.
const KINDS: [&str; 3] = ["add", "cancel", "market"];

/// What one book did in all rounds.
#[derive(Default)]
struct Figures {
    /// Millions of operations a second, one per round, without stamps.
    rates: Vec<f64>,
    /// Nanoseconds of each operation of the stamped runs, one stamp included: by kind.
    times: [Vec<u32>; 3],
    /// Nanoseconds of each operation divided by its fills.
    per_fill: Vec<u32>,
    totals: Totals,
}

impl Figures {
    fn all(&self) -> Vec<u32> {
        self.times.concat()
    }
}

fn kind(op: Op) -> usize {
    match op {
        Op::Add { .. } => 0,
        Op::Cancel { .. } => 1,
        Op::Market { .. } => 2,
    }
}

/// One run without stamps and one with.
fn round<B: Book>(flow: &Flow, clock: &Clock, figures: &mut Figures) {
    let (rate, totals) = rate::<B>(flow);
    figures.rates.push(rate);
    figures.totals = totals;

    let mut book = filled::<B>(flow);
    let mut before = clock.raw();
    for op in &flow.ops[flow.preload..] {
        let trades = book.totals().trades;
        book.apply(*op);
        let now = clock.raw();
        let nanos = clock.delta_as_nanos(before, now).min(u64::from(u32::MAX)) as u32;
        figures.times[kind(*op)].push(nanos);
        figures.per_fill.push(nanos / (book.totals().trades - trades).max(1) as u32);
        before = clock.raw();
    }
}

/// The value below which `share` (in ten-thousandths) of the figures are.
fn quantile(figures: &mut [u32], share: usize) -> u32 {
    if figures.is_empty() {
        return 0;
    }
    let place = ((figures.len() * share) / 10_000).min(figures.len() - 1);
    *figures.select_nth_unstable(place).1
}

fn report<B: Book>(figures: &Figures) {
    let (least, middle, most) = spread(figures.rates.clone());
    let mut all = figures.all();
    let [p50, p99, p999, max] = [5_000, 9_900, 9_990, 10_000].map(|share| quantile(&mut all, share));
    println!("| {} | {least:.1} / **{middle:.1}** / {most:.1} | {p50} | {p99} | {p999} | {max} |", B::NAME);
}

fn report_kinds<B: Book>(figures: &mut Figures) {
    let texts: Vec<String> = KINDS
        .iter()
        .zip(&mut figures.times)
        .map(|(name, times)| format!("{name} {}/{}", quantile(times, 5_000), quantile(times, 9_990)))
        .collect();
    println!("{}: p50/p99.9 {}", B::NAME, texts.join(", "));
}

fn median(figures: &Figures) -> f64 {
    spread(figures.rates.clone()).1
}

fn main() {
    let rounds = std::env::var("PITLANE_ROUNDS").ok().and_then(|text| text.parse().ok()).unwrap_or(5);
    let clock = Clock::new();
    let flow = mixed(MEASURED);
    let Kinds { adds, cancels, markets } = flow.kinds();
    let (mut exchange, mut naive, mut ladder) = (Figures::default(), Figures::default(), Figures::default());
    for _ in 0..rounds {
        round::<Full>(&flow, &clock, &mut exchange);
        round::<Naive>(&flow, &clock, &mut naive);
        round::<Ladder>(&flow, &clock, &mut ladder);
    }
    assert_eq!(exchange.totals, naive.totals, "the exchange and the naive book did not do the same");
    assert_eq!(exchange.totals, ladder.totals, "the exchange and the ladder did not do the same");
    let Totals { trades, quantity } = exchange.totals;
    println!(
        "mixed flow: {PRELOAD} orders, then {MEASURED} operations: {adds} adds, {cancels} cancels, {markets} market"
    );
    println!("orders; {trades} trades, traded quantity {quantity}, the same by all; {rounds} rounds in turn");
    println!(
        "\n| book | M ops/s min / **med** / max | p50 ns | p99 | p99.9 | max |\n|---|---|---|---|---|---|"
    );
    report::<Full>(&exchange);
    report::<Naive>(&naive);
    report::<Ladder>(&ladder);
    report_kinds::<Full>(&mut exchange);
    report_kinds::<Naive>(&mut naive);
    report_kinds::<Ladder>(&mut ladder);
    let p999 = |figures: &Figures| f64::from(quantile(&mut figures.all(), 9_990));
    println!(
        "\nexchange: {:.2} x naive (goal 3), {:.2} x bare ladder (goal 0.6), p99.9 {:.2} x naive (goal 0.4)",
        median(&exchange) / median(&naive),
        median(&exchange) / median(&ladder),
        p999(&exchange) / p999(&naive)
    );
    adversaries(rounds, &clock, p999(&exchange));
}

/// The flows that look for the worst; their tails against the exchange's own in the mixed flow.
fn adversaries(rounds: usize, clock: &Clock, normal: f64) {
    println!(
        "\n| adversarial flow | M ops/s | p50 ns | p99.9 ns an operation | p99.9 ns a fill | x the mixed p99.9 (goal 10) |"
    );
    println!("|---|---|---|---|---|---|");
    for (name, flow_of) in adversarial::ALL {
        let flow = flow_of(ADVERSARIAL);
        let mut figures = Figures::default();
        for _ in 0..rounds {
            round::<Full>(&flow, clock, &mut figures);
        }
        let mut all = figures.all();
        let (p50, p999) = (quantile(&mut all, 5_000), quantile(&mut all, 9_990));
        let fill = quantile(&mut figures.per_fill, 9_990);
        let ratio = f64::from(p999) / normal;
        println!("| {name} | {:.1} | {p50} | {p999} | {fill} | {ratio:.1} |", median(&figures));
    }
}
