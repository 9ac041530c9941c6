//! How a rise goes on, along one axis.
//!
//! There are two: time, along which a forgotten interval leaks evenly, and collections, along which a leak of each
//! request does, whatever the load. A rise is a leak's if it goes on along either.

use super::drift::weight;
use super::rank::theil_sen;
use super::shape::{levels_off, steady_part};

/// Growth after a start that levels off, as a share of the level: that may go on for long, ever more slowly.
const AFTER_A_START: f64 = 0.1;
/// Standard errors, if the whole series is a line with noise.
const STRAIGHT: f64 = 3.5;
/// Standard errors of what rises steadily besides a start that levels off.
const BESIDES: f64 = 4.0;
/// That is less sure than it looks: there were many shapes to choose from.
const CHOICE: f64 = 1.5;
/// The last third must rise at least at this share of the whole slope, for growth to be likely.
const LATELY: f64 = 0.4;
/// How far apart the two axes must be somewhere, as a share of the whole.
const APART: f64 = 0.1;

/// What is asked of a rise.
#[derive(Debug, Clone, Copy)]
pub struct Rise<'a> {
    /// The values.
    pub y: &'a [f64],
    /// The values without outliers.
    pub calm: &'a [f64],
    /// The level at the end.
    pub level: f64,
    /// The least growth that matters.
    pub least: f64,
}

/// How a rise goes on.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Course {
    /// It goes on, steadily.
    pub grows: bool,
    /// It levels off, whether or not something rises steadily besides.
    pub levels_off: bool,
    /// The steady growth in standard errors.
    pub weight: f64,
    /// It went on in the last third.
    pub lately: bool,
}

impl Course {
    /// Along `axis`, from 0 to 1.
    pub fn along(axis: &[f64], rise: &Rise<'_>) -> Self {
        let growth = theil_sen(axis, rise.y);
        let third = rise.y.len() - rise.y.len() / 3;
        let end = theil_sen(&axis[third..], &rise.y[third..]);
        let lately = end >= LATELY * growth;
        let weight = weight(axis, rise.calm);
        let levels_off = growth <= 0.0 || levels_off(axis, rise.calm, growth);
        if !levels_off && weight > STRAIGHT {
            return Self { grows: true, levels_off, weight, lately };
        }
        let part = steady_part(axis, rise.calm);
        let grows = part.errors > BESIDES
            && end >= LATELY * part.growth
            && part.growth > rise.least.max(AFTER_A_START * rise.level.abs());
        Self { grows, levels_off, weight: weight.max(part.errors / CHOICE), lately }
    }

    /// Along time, and if it does not go on along that, along collections.
    pub fn of(time: &[f64], rise: &Rise<'_>) -> Self {
        let first = Self::along(time, rise);
        if first.grows && first.lately {
            return first;
        }
        let even = even(time.len());
        // Where they are about the same, another look would only be another chance to err.
        if time.iter().zip(&even).all(|(time, even)| (time - even).abs() < APART) {
            return first;
        }
        let second = Self::along(&even, rise);
        if second.grows && (second.lately || !first.grows) { second } else { first }
    }
}

/// `n` steps from 0 to 1: the axis of collections.
pub fn even(n: usize) -> Vec<f64> {
    let last = n.saturating_sub(1).max(1) as f64;
    (0..n).map(|i| i as f64 / last).collect()
}
