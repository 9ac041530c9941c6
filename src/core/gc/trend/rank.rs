//! Slope and significance from ranks: outliers weigh no more than other points, and no distribution is assumed.
//!
//! - Slope: the median of the slopes of all pairs (Theil 1950, "A rank-invariant method of linear and polynomial
//!   regression analysis"; for uneven times and ties Sen 1968, "Estimates of the regression coefficient based on
//!   Kendall's tau", which also has the interval).
//! - Significance: Mann 1945, "Nonparametric tests against trend"; Kendall 1975, "Rank Correlation Methods", for the
//!   variance with ties.
//! - Measurements that resemble their neighbours make any trend look surer than it is. The variance is widened by the
//!   autocorrelation of the ranks: Hamed & Rao 1998, "A modified Mann-Kendall trend test for autocorrelated data".

use std::cmp::Ordering;

/// The slope of a series, and the interval that holds it with 95 %.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Slope {
    /// Median of the slopes of all pairs, in units of `y` by units of `x`.
    pub slope: f64,
    /// Lower end of the interval.
    pub low: f64,
    /// Upper end of the interval.
    pub high: f64,
}

/// What the Mann-Kendall test says.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MannKendall {
    /// Pairs that rise less pairs that fall.
    pub s: f64,
    /// Variance of `s` if there is no trend, ties and autocorrelation considered.
    pub variance: f64,
    /// `s` in standard deviations, corrected for continuity.
    pub z: f64,
    /// How likely so much trend, up or down, is by chance.
    pub p: f64,
}

/// The median. The values are reordered. 0 of none.
pub fn median(values: &mut [f64]) -> f64 {
    let n = values.len();
    if n == 0 {
        return 0.0;
    }
    let (below, &mut middle, _) = values.select_nth_unstable_by(n / 2, f64::total_cmp);
    if n % 2 == 1 {
        return middle;
    }
    let lower = below.iter().copied().max_by(f64::total_cmp).unwrap_or(middle);
    lower + (middle - lower) / 2.0
}

/// The median of the slopes of all pairs, without an interval. `x` ascends.
pub fn theil_sen(x: &[f64], y: &[f64]) -> f64 {
    median(&mut slopes(x, y))
}

fn slopes(x: &[f64], y: &[f64]) -> Vec<f64> {
    let n = x.len().min(y.len());
    let mut all = Vec::with_capacity(n * n.saturating_sub(1) / 2);
    for i in 0..n {
        for j in i + 1..n {
            if x[j] > x[i] {
                all.push((y[j] - y[i]) / (x[j] - x[i]));
            }
        }
    }
    all
}

/// Slope with its interval at 95 %, for which `variance` is that of the Mann-Kendall statistic.
pub fn sen(x: &[f64], y: &[f64], variance: f64) -> Slope {
    let mut all = slopes(x, y);
    let pairs = all.len();
    if pairs == 0 {
        return Slope { slope: 0.0, low: 0.0, high: 0.0 };
    }
    let slope = median(&mut all);
    // Sen 1968, eq. 2.9: the ranks of the ends.
    let half = 1.96 * variance.max(0.0).sqrt();
    let at = |rank: f64| (rank.max(0.0) as usize).min(pairs - 1);
    let low = *all.select_nth_unstable_by(at((pairs as f64 - half) / 2.0), f64::total_cmp).1;
    let high = *all.select_nth_unstable_by(at((pairs as f64 + half) / 2.0), f64::total_cmp).1;
    Slope { slope, low, high }
}

/// Rank of each value, from 1; equal ones share the mean of theirs. And the sizes of the groups of equal ones.
pub fn ranks(values: &[f64]) -> (Vec<f64>, Vec<usize>) {
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_unstable_by(|&a, &b| values[a].total_cmp(&values[b]));
    let (mut ranks, mut ties) = (vec![0.0; values.len()], Vec::new());
    for group in order.chunk_by(|&a, &b| values[a] == values[b]) {
        let start = ties.iter().sum::<usize>();
        let rank = start as f64 + (group.len() + 1) as f64 / 2.0;
        group.iter().for_each(|&index| ranks[index] = rank);
        ties.push(group.len());
    }
    (ranks, ties)
}

/// The test on `y`, in order of time. `residuals` is `y` without its trend: their autocorrelation widens the variance.
pub fn mann_kendall(y: &[f64], residuals: &[f64]) -> MannKendall {
    let n = y.len() as f64;
    let mut s: f64 = 0.0;
    for (i, a) in y.iter().enumerate() {
        for b in &y[i + 1..] {
            s += match b.partial_cmp(a) {
                Some(Ordering::Greater) => 1.0,
                Some(Ordering::Less) => -1.0,
                _ => 0.0,
            };
        }
    }
    let pairs = |t: f64| t * (t - 1.0) * (2.0 * t + 5.0);
    let tied: f64 = ranks(y).1.into_iter().map(|t| pairs(t as f64)).sum();
    let variance = (pairs(n) - tied).max(0.0) / 18.0 * widening(residuals);
    let z = if s == 0.0 || variance == 0.0 { 0.0 } else { (s - s.signum()) / variance.sqrt() };
    MannKendall { s, variance, z, p: two_sided(z) }
}

/// By how much autocorrelation widens the variance: at least 1, for what oscillates is no surer than what does not.
fn widening(residuals: &[f64]) -> f64 {
    let (ranks, _) = ranks(residuals);
    let n = ranks.len();
    if n < 4 {
        return 1.0;
    }
    let mean = (n as f64 + 1.0) / 2.0;
    let square: f64 = ranks.iter().map(|r| (r - mean) * (r - mean)).sum();
    if square == 0.0 {
        return 1.0;
    }
    let significant = 1.645 / (n as f64).sqrt();
    let m = n as f64;
    let mut sum = 0.0;
    // Beyond half the series the estimates are noise.
    for lag in 1..=n / 2 {
        let product: f64 = ranks.iter().zip(&ranks[lag..]).map(|(a, b)| (a - mean) * (b - mean)).sum();
        let r = product / square;
        if r.abs() > significant {
            let rest = m - lag as f64;
            sum += rest * (rest - 1.0) * (rest - 2.0) * r;
        }
    }
    (1.0 + 2.0 / (m * (m - 1.0) * (m - 2.0)) * sum).max(1.0)
}

/// Probability that a standard normal variable is at least `|z|` from 0.
pub fn two_sided(z: f64) -> f64 {
    erfc(z.abs() / std::f64::consts::SQRT_2)
}

/// Complementary error function of `x >= 0`, to 1.2e-7 of itself: the rational Chebyshev fit of Press et al., "Numerical
/// Recipes", 6.2.
fn erfc(x: f64) -> f64 {
    const C: [f64; 10] = [
        -1.265_512_23,
        1.000_023_68,
        0.374_091_96,
        0.096_784_18,
        -0.186_288_06,
        0.278_868_07,
        -1.135_203_98,
        1.488_515_87,
        -0.822_152_23,
        0.170_872_77,
    ];
    let t = 1.0 / (1.0 + 0.5 * x);
    let poly = C.iter().rev().fold(0.0, |sum, c| sum * t + c);
    (t * (-x * x + poly).exp()).min(1.0)
}
