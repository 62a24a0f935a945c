//! The normal distribution, to about 1e-15.

/// Probability of a value below `x`.
pub(super) fn below(x: f64) -> f64 {
    let tail = tail(x.abs());
    if x > 0.0 { 1.0 - tail } else { tail }
}

fn density(x: f64) -> f64 {
    (-x * x / 2.0).exp() / (2.0 * std::f64::consts::PI).sqrt()
}

/// Probability of a value above `x`, which is not negative.
fn tail(x: f64) -> f64 {
    if x > 38.0 {
        return 0.0;
    }
    if x < 4.0 {
        // Φ(x) − ½ = φ(x) (x + x³/3 + x⁵/(3·5) + …): all terms have one sign.
        let (mut term, mut sum, mut odd) = (x, x, 3.0);
        while term > sum * 1e-17 && term > 0.0 {
            term *= x * x / odd;
            sum += term;
            odd += 2.0;
        }
        return 0.5 - density(x) * sum;
    }
    // Laplace's continued fraction φ(x) / (x + 1/(x + 2/(x + …))), from its end.
    let fraction = (1..=100).rev().fold(x, |rest, n| x + f64::from(n) / rest);
    density(x) / fraction
}

/// The value below which the share `p` lies, 0 < p < 1: bisection, because it is asked twice a sweep.
pub(super) fn quantile(p: f64) -> f64 {
    let (mut low, mut high) = (-40.0_f64, 40.0_f64);
    for _ in 0..200 {
        let middle = (low + high) / 2.0;
        if below(middle) < p { low = middle } else { high = middle }
    }
    (low + high) / 2.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_of_tables() {
        // Python's statistics.NormalDist: cdf and inv_cdf.
        for (x, wanted) in [
            (0.0, 0.5),
            (1.0, 0.841_344_746_068_542_9),
            (-1.959_963_984_540_054, 0.025),
            (3.9, 0.999_951_903_655_982_4),
            (4.1, 0.999_979_342_493_087_5),
            (-5.0, 2.866_515_718_791_939e-7),
        ] {
            assert!((below(x) - wanted).abs() < 1e-14, "{x}: {}", below(x));
        }
        for (p, wanted) in [(0.5, 0.0), (0.975, 1.959_963_984_540_054), (0.995, 2.575_829_303_548_900_4)] {
            assert!((quantile(p) - wanted).abs() < 1e-10, "{p}: {}", quantile(p));
        }
    }
}
