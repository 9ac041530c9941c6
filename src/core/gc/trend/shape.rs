//! What else a rise could be: a cache that fills up to its bound, a start that settles down, a step, a wave.

use super::drift::{line, persistence};
use super::rank::{median, theil_sen};

/// The second half alone must rise at least at this share of the slope of the whole.
const SECOND_HALF: f64 = 0.4;

/// A value and how surely it is not 0.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Part {
    /// Growth over the whole series.
    pub growth: f64,
    /// The same in standard errors.
    pub errors: f64,
}

/// Whether a rise of `growth` over the whole series (`x` from 0 to 1) levels off: its second half hardly rises, or
/// significantly less than the first, or its end is flat. `y` should be free of outliers.
pub fn levels_off(x: &[f64], y: &[f64], growth: f64) -> bool {
    let n = x.len().min(y.len());
    let half = n / 2;
    if theil_sen(&x[half..n], &y[half..n]) < SECOND_HALF * growth {
        return true;
    }
    slows(&x[..n], &y[..n], 2.5) || bends(&x[..n], &y[..n])
}

/// Whether the second half rises by a quarter less than the first or worse, by more than so many standard errors.
pub fn slows(x: &[f64], y: &[f64], errors: f64) -> bool {
    let ((x1, x2), (y1, y2)) = (x.split_at(x.len() / 2), y.split_at(x.len() / 2));
    let (first, second) = (line(x1, y1), line(x2, y2));
    let rest = [leftover(x1, y1), leftover(x2, y2)].concat();
    let error = first.error.hypot(second.error) * widening(persistence(&rest).min(0.9));
    second.slope < 0.75 * first.slope && first.slope - second.slope > errors * error
}

/// Whether a line that bends at one place, and hardly rises after it, fits significantly better than a straight one.
fn bends(x: &[f64], y: &[f64]) -> bool {
    let n = x.len();
    let places = (n / 10).max(4)..n.saturating_sub(4);
    let fits = places.step_by((n / 60).max(1)).map(|at| {
        let bent: Vec<f64> = x.iter().map(|a| (a - x[at]).max(0.0)).collect();
        let (rest_x, rest_y) = (leftover(x, &bent), leftover(x, y));
        let change = line(&rest_x, &rest_y);
        let without: Vec<f64> = y.iter().zip(&bent).map(|(y, b)| y - change.slope * b).collect();
        let rest = leftover(&rest_x, &rest_y);
        (rest.iter().map(|r| r * r).sum::<f64>(), line(x, &without).slope, change, rest)
    });
    let Some((_, before, change, rest)) = fits.min_by(|a, b| a.0.total_cmp(&b.0)) else { return false };
    let error = change.error * widening(persistence(&rest).min(0.9));
    change.slope < -3.0 * error && before + change.slope < SECOND_HALF * before
}

fn leftover(x: &[f64], y: &[f64]) -> Vec<f64> {
    let line = line(x, y);
    x.iter().zip(y).map(|(a, b)| b - line.at_zero - line.slope * a).collect()
}

/// By how much autocorrelation `rho` widens a standard error.
fn widening(rho: f64) -> f64 {
    ((1.0 + rho) / (1.0 - rho)).sqrt()
}

/// What rises steadily besides a start that levels off, a fill up to a bound, or a step: the least of all those shapes
/// that fit about as well as the best one does.
pub fn steady_part(x: &[f64], y: &[f64]) -> Part {
    let n = x.len().min(y.len());
    let mut fits: Vec<Fit> = shapes().filter_map(|shape| fit(&x[..n], &y[..n], &shape)).collect();
    fits.sort_unstable_by(|a, b| a.square.total_cmp(&b.square));
    let Some(best) = fits.first() else { return Part { growth: 0.0, errors: 0.0 } };
    // Those that chance, of residuals that resemble their neighbours, may well have put behind the best one.
    let near = best.square * (1.0 + 3.0 * best.widening * best.widening / (n as f64 - 4.0).max(1.0));
    let parts = fits.iter().take_while(|fit| fit.square <= near).map(|fit| fit.part);
    parts.fold(Part { growth: f64::INFINITY, errors: f64::INFINITY }, |least, part| Part {
        growth: least.growth.min(part.growth),
        errors: least.errors.min(part.errors),
    })
}

struct Fit {
    /// Sum of the squares of what is left.
    square: f64,
    /// By how much its autocorrelation widens errors.
    widening: f64,
    part: Part,
}

type Shape = Box<dyn Fn(f64) -> f64>;

fn shapes() -> impl Iterator<Item = Shape> {
    let settle = [0.02, 0.04, 0.07, 0.12, 0.2, 0.3, 0.45, 0.7, 1.0];
    let slow = [0.002, 0.004, 0.008, 0.016, 0.03, 0.06, 0.12, 0.25, 0.5];
    let bound = [0.15, 0.25, 0.35, 0.45, 0.55, 0.65, 0.75, 0.82, 0.88, 0.93];
    let step = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9];
    let settle = settle.into_iter().map(|t| Box::new(move |x: f64| 1.0 - (-x / t).exp()) as Shape);
    let slow = slow.into_iter().map(|t| Box::new(move |x: f64| (1.0 + x / t).ln()) as Shape);
    let bound = bound.into_iter().map(|t| Box::new(move |x: f64| x.min(t)) as Shape);
    let step = step.into_iter().map(|t| Box::new(move |x: f64| f64::from(u8::from(x > t))) as Shape);
    settle.chain(slow).chain(bound).chain(step)
}

/// `y` = constant + `shape` + line: the sum of squares that is left, and the line. None if the shape would have to fall.
/// The line is had by taking the shape out of `x` and `y` first (Frisch & Waugh 1933).
fn fit(x: &[f64], y: &[f64], shape: &Shape) -> Option<Fit> {
    let bent: Vec<f64> = x.iter().map(|&x| shape(x)).collect();
    let (rest_x, rest_y) = (leftover(&bent, x), leftover(&bent, y));
    let straight = line(&rest_x, &rest_y);
    let without: Vec<f64> = y.iter().zip(x).map(|(y, x)| y - straight.slope * x).collect();
    if line(&bent, &without).slope < 0.0 {
        return None;
    }
    let rest = leftover(&rest_x, &rest_y);
    let square = rest.iter().map(|r| r * r).sum::<f64>();
    let widening = widening(persistence(&rest).min(0.9));
    let error = straight.error * widening;
    let errors = if error > 0.0 { straight.slope / error } else { f64::INFINITY.copysign(straight.slope) };
    Some(Fit { square, widening, part: Part { growth: straight.slope, errors } })
}

/// Whether the end of the series is about the highest part of it: a wave that has passed its crest is not growth.
pub fn ends_high(y: &[f64], growth: f64) -> bool {
    let block = (y.len() / 8).max(3);
    let middle = |part: &[f64]| median(&mut part.to_vec());
    let Some(end) = y.rchunks(block).next().map(middle) else { return false };
    y.rchunks(block).filter(|part| part.len() == block).all(|part| middle(part) <= end + growth / 4.0)
}

/// The highest level that was reached before, by a rise about as large as this one: what has come and gone once may
/// come again without being a leak. None if there was no such rise.
pub fn earlier_high(earlier: &[(f64, f64)], growth: f64) -> Option<f64> {
    let mut least = f64::INFINITY;
    let mut high = None;
    for &(_, value) in earlier.iter().filter(|point| point.1.is_finite()) {
        least = least.min(value);
        if value - least >= growth / 3.0 {
            high = Some(high.map_or(value, |high: f64| high.max(value)));
        }
    }
    high
}
