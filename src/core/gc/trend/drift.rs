//! Is it a trend, or something that wanders? A floor that drifts with the load can rise for a while by chance, and rank
//! tests take it for a trend. Here the noise is modelled as an autoregression of order 1, up to a random walk, and the
//! slope is weighed against what such noise does by itself.
//!
//! Feasible generalised least squares (Prais & Winsten 1954). The autocorrelation that a detrended series shows is too
//! small by about (2 + 4 rho) / n, and is corrected by that (Marriott & Pope 1954; Andrews 1993 for the case with a
//! trend; the same idea in Perron & Yabu 2009, "Estimating deterministic trends with an integrated or stationary noise
//! component").

use super::rank::median;

/// A line through a series, by least squares.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Line {
    /// In units of `y` by units of `x`.
    pub slope: f64,
    /// Standard error of the slope, as if the residuals were independent.
    pub error: f64,
    /// Value at `x` = 0.
    pub at_zero: f64,
}

/// The line through the points.
pub fn line(x: &[f64], y: &[f64]) -> Line {
    let n = x.len().min(y.len());
    let count = n.max(1) as f64;
    let (mx, my) = (x.iter().take(n).sum::<f64>() / count, y.iter().take(n).sum::<f64>() / count);
    let (mut sxx, mut sxy, mut syy) = (0.0, 0.0, 0.0);
    for (a, b) in x.iter().zip(y) {
        sxx += (a - mx) * (a - mx);
        sxy += (a - mx) * (b - my);
        syy += (b - my) * (b - my);
    }
    let slope = if sxx > 0.0 { sxy / sxx } else { 0.0 };
    let rest = (syy - slope * sxy).max(0.0);
    let error = if sxx > 0.0 && n > 2 { (rest / (count - 2.0) / sxx).sqrt() } else { 0.0 };
    Line { slope, error, at_zero: my - slope * mx }
}

/// The autocorrelation at lag 1 of what a line leaves over, corrected for its bias, from 0 to 1.
pub fn persistence(residuals: &[f64]) -> f64 {
    let n = residuals.len() as f64;
    let before: f64 = residuals.iter().take(residuals.len().saturating_sub(1)).map(|r| r * r).sum();
    if n < 6.0 || before == 0.0 {
        return 0.0;
    }
    let product: f64 = residuals.iter().zip(residuals.iter().skip(1)).map(|(a, b)| a * b).sum();
    ((n * product / before + 2.0) / (n - 4.0)).clamp(0.0, 1.0)
}

/// The values, outliers brought in to 3 standard deviations from the median of their neighbours (Hampel 1974).
pub fn calm(y: &[f64]) -> Vec<f64> {
    let around = |i: usize| {
        let reach = 3.min(i).min(y.len() - 1 - i).max(1);
        median(&mut y[i.saturating_sub(reach)..(i + reach + 1).min(y.len())].to_vec())
    };
    let middles: Vec<f64> = (0..y.len()).map(around).collect();
    let mut sizes: Vec<f64> = y.iter().zip(&middles).map(|(y, middle)| (y - middle).abs()).collect();
    let most = 3.0 * 1.4826 * median(&mut sizes);
    let most = if most > 0.0 { most } else { f64::INFINITY };
    y.iter().zip(&middles).map(|(y, middle)| middle + (y - middle).clamp(-most, most)).collect()
}

/// The slope in standard errors, if the noise is an autoregression: the least of what single points and means of several
/// say. Means see through noise of measurement that hides how much the rest wanders.
pub fn weight(x: &[f64], y: &[f64]) -> f64 {
    let n = x.len().min(y.len());
    let sizes = [1, 3, 5].into_iter().filter(|size| *size == 1 || n / size >= 10);
    let of = |size: usize| {
        let (x, y) = (means(&x[..n], size), means(&y[..n], size));
        let line = line(&x, &y);
        let rest: Vec<f64> = y.iter().zip(&x).map(|(y, x)| y - line.at_zero - line.slope * x).collect();
        weigh(&x, &y, persistence(&rest))
    };
    sizes.map(of).min_by(|a, b| a.abs().total_cmp(&b.abs())).unwrap_or(0.0)
}

/// Means of each `size` values; the first ones that make no group are left out.
fn means(values: &[f64], size: usize) -> Vec<f64> {
    let groups = values[values.len() % size..].chunks_exact(size);
    groups.map(|group| group.iter().sum::<f64>() / size as f64).collect()
}

/// The slope in standard errors, if the noise is an autoregression with coefficient `rho`. Infinite for a perfect line.
pub fn weigh(x: &[f64], y: &[f64], rho: f64) -> f64 {
    let n = x.len().min(y.len());
    if n < 4 {
        return 0.0;
    }
    // Rows (constant, x, y), transformed so that their noise is independent. At rho = 1 the first row and the constant
    // vanish: the mean of the differences is left.
    let first = (1.0 - rho * rho).max(0.0).sqrt();
    let (mut cc, mut cx, mut cy, mut xx, mut xy, mut yy) = (0.0, 0.0, 0.0, 0.0, 0.0, 0.0);
    for i in 0..n {
        let (c, a, b) = if i == 0 {
            (first, first * x[0], first * y[0])
        } else {
            (1.0 - rho, x[i] - rho * x[i - 1], y[i] - rho * y[i - 1])
        };
        cc += c * c;
        cx += c * a;
        cy += c * b;
        xx += a * a;
        xy += a * b;
        yy += b * b;
    }
    let (sxx, sxy, syy) =
        if cc > 0.0 { (xx - cx * cx / cc, xy - cx * cy / cc, yy - cy * cy / cc) } else { (xx, xy, yy) };
    if sxx <= 0.0 {
        return 0.0;
    }
    let slope = sxy / sxx;
    let rest = (syy - slope * sxy).max(0.0) / (n as f64 - 2.0);
    // What is left of a perfect line is rounding.
    if rest <= yy * 1e-24 {
        return if slope == 0.0 { 0.0 } else { f64::INFINITY.copysign(slope) };
    }
    slope / (rest / sxx).sqrt()
}
