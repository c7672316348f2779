//! Chances: tails of counts and of the normal law.
//!
//! `libm` where sums and products do not suffice: its functions are the same on every machine,
//! those of the standard library are not.

/// The chance of `observed` mentions or more where `before` mentions were counted over an exposure
/// that is `ratio` times smaller, all mentions together being what they are.
///
/// With `dispersion` 1 mentions fall independently: the binomial tail, which is the exact test
/// that two Poisson counts have means in this proportion (Przyborowski and Wilenski 1940). With
/// more, they come in clusters: counts whose variance is `dispersion` times their mean (the
/// negative binomial with that property) fall, given their total, as the beta-binomial law says.
/// How clustered that law is depends on the mean, which is taken from `before` alone, with half a
/// mention more so that a history of zeros has one.
pub fn excess_tail(observed: u64, before: u64, ratio: f64, dispersion: f64) -> f64 {
    if observed == 0 || !ratio.is_finite() {
        return 1.0;
    }
    if ratio <= 0.0 {
        return 0.0;
    }
    let share = ratio / (1.0 + ratio);
    let (y, n) = (observed as f64, (observed + before) as f64);
    let spread = dispersion - 1.0;
    // Within rounding of 1 the two laws cannot be told apart.
    let clustered = spread > 1e-6;
    let (a, b) = match clustered {
        true => {
            let mean = before as f64 + 0.5;
            (mean * ratio / spread, mean / spread)
        }
        false => (0.0, 0.0),
    };
    let choose = libm::lgamma(n + 1.0) - libm::lgamma(y + 1.0) - libm::lgamma(n - y + 1.0);
    let first = match clustered {
        true => {
            choose
                + (libm::lgamma(y + a) - libm::lgamma(a))
                + (libm::lgamma(n - y + b) - libm::lgamma(b))
                - (libm::lgamma(n + a + b) - libm::lgamma(a + b))
        }
        false => choose + y * libm::log(share) + (n - y) * libm::log1p(-share),
    };
    // Terms relative to the first, which may be too small for a float while their sum is not.
    let (mut term, mut sum, mut k) = (1.0, 1.0, y);
    while k < n {
        term *= (n - k) / (k + 1.0)
            * match clustered {
                true => (k + a) / (n - k - 1.0 + b),
                false => share / (1.0 - share),
            };
        sum += term;
        k += 1.0;
        if term < sum * 1e-17 && k > n * share {
            break;
        }
    }
    libm::exp(first + libm::log(sum)).min(1.0)
}

/// The chances of 0, 1, 2, … of a count of this mean whose variance is `dispersion` times its mean:
/// Poisson for 1, else negative binomial; until what is left is below `left`.
pub fn count_chances(mean: f64, dispersion: f64, left: f64) -> Vec<f64> {
    if mean <= 0.0 || !mean.is_finite() {
        return vec![1.0];
    }
    let spread = dispersion - 1.0;
    let size = mean / spread;
    let clustered = spread > 1e-6;
    // Logarithms, since the chance of 0 may be too small for a float.
    let mut log = match clustered {
        true => -size * libm::log(dispersion),
        false => -mean,
    };
    let (mut out, mut sum, mut k) = (Vec::new(), 0.0, 0.0);
    // A count so far above its mean is beyond any float.
    let most = mean + 60.0 * libm::sqrt(mean * dispersion.max(1.0)) + 60.0 * dispersion.max(1.0);
    while k <= most {
        let chance = libm::exp(log);
        sum += chance;
        out.push(chance);
        if k > mean && 1.0 - sum < left {
            break;
        }
        log += match clustered {
            true => libm::log((size + k) / (k + 1.0) * (spread / dispersion)),
            false => libm::log(mean / (k + 1.0)),
        };
        k += 1.0;
    }
    out
}

/// The chance that a standard normal value is `z` or more.
pub(crate) fn normal_tail(z: f64) -> f64 {
    0.5 * libm::erfc(z * core::f64::consts::FRAC_1_SQRT_2)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(a: f64, b: f64) {
        assert!((a - b).abs() <= 1e-9 * b.abs().max(1e-3), "{a} is not {b}");
    }

    #[test]
    fn excesses_by_enumeration() {
        // Two of two in a quarter; at least one of two; three of four in a half.
        close(excess_tail(2, 0, 1.0 / 3.0, 1.0), 1.0 / 16.0);
        close(excess_tail(1, 1, 1.0 / 3.0, 1.0), 7.0 / 16.0);
        close(excess_tail(3, 1, 1.0, 1.0), 5.0 / 16.0);
        close(excess_tail(0, 4, 1.0, 1.0), 1.0);
        // Beta-binomial with a = b = 1 is uniform: half a mention and dispersion 1.5 make it so.
        close(excess_tail(2, 0, 1.0, 1.5), 1.0 / 3.0);
        // a = b = 3/2, of two mentions: at least one is 1 - (3/2 · 5/2) / (3 · 4).
        close(excess_tail(1, 1, 1.0, 2.0), 1.0 - 3.75 / 12.0);
    }

    #[test]
    fn clusters_make_surprises_less_surprising() {
        let mut last = 0.0;
        for dispersion in [1.0, 1.000_002, 1.1, 1.5, 2.0, 4.0] {
            let p = excess_tail(9, 51, 1.0 / 26.0, dispersion);
            assert!(p >= last, "{p} at {dispersion}");
            last = p;
        }
        assert!(excess_tail(400, 0, 0.01, 1.0) < 1e-300);
    }

    #[test]
    fn count_chances_have_their_mean_and_variance() {
        for (mean, dispersion) in [
            (0.3, 1.0),
            (4.0, 1.0),
            (4.0, 2.5),
            (120.0, 1.3),
            (900.0, 3.0),
        ] {
            let chances = count_chances(mean, dispersion, 1e-13);
            let moment = |p: i32| -> f64 {
                chances
                    .iter()
                    .enumerate()
                    .map(|(k, c)| c * (k as f64).powi(p))
                    .sum()
            };
            close(moment(0), 1.0);
            assert!(
                (moment(1) - mean).abs() < 1e-6 * mean,
                "{mean} {dispersion}"
            );
            let variance = moment(2) - moment(1) * moment(1);
            assert!(
                (variance - dispersion * mean).abs() < 1e-4 * variance,
                "{mean} {dispersion}: {variance}"
            );
        }
        assert_eq!(count_chances(0.0, 1.0, 1e-9), [1.0]);
    }

    #[test]
    fn the_normal_tail_of_the_tables() {
        for (z, p) in [
            (0.0, 0.5),
            (1.0, 0.158_655_253_931_457),
            (1.959_963_984_540_054, 0.025),
            (3.0, 0.001_349_898_031_63),
            (6.0, 9.865_876_450_377e-10),
            (-1.0, 0.841_344_746_068_543),
        ] {
            assert!((normal_tail(z) / p - 1.0).abs() < 1e-9, "{z}");
        }
        assert_eq!(normal_tail(40.0), 0.0);
    }
}
