//! Series of the live heap after full collections, as programs have them that leak and that do not.

use std::f64::consts::TAU;

use super::random::Random;

pub const MB: f64 = 1024.0 * 1024.0;
pub const MINUTE: f64 = 60_000.0;
pub const HOUR: f64 = 60.0 * MINUTE;

pub type Points = Vec<(f64, f64)>;

/// The shape of a series: `n` values around 1, and the times.
pub type Make = fn(&mut Random, usize) -> Points;

/// Values around 1 become bytes, times get their spacing: a heap of 20 MB to 2 GB, a full collection every 2 s to 5 min, the
/// gaps uneven.
fn on_a_heap(random: &mut Random, values: Vec<f64>) -> Points {
    let base = random.magnitude(20.0, 2048.0) * MB;
    let gap = random.magnitude(2_000.0, 300_000.0);
    let mut time = random.between(0.0, 1e12);
    values
        .into_iter()
        .map(|value| {
            time += gap * (0.4 * random.normal()).exp();
            (time, base * value.max(0.05))
        })
        .collect()
}

fn noisy(random: &mut Random, noise: f64, values: impl IntoIterator<Item = f64>) -> Vec<f64> {
    values.into_iter().map(|value| value * (1.0 + noise * random.normal())).collect()
}

/// Noise of 1 to 3 %.
fn usual(random: &mut Random, values: impl IntoIterator<Item = f64>) -> Points {
    let noise = random.between(0.01, 0.03);
    let values = noisy(random, noise, values);
    on_a_heap(random, values)
}

/// An autoregression of order 1 with standard deviation `deviation`.
fn autoregression(random: &mut Random, n: usize, rho: f64, deviation: f64) -> Vec<f64> {
    let fresh = (1.0 - rho * rho).sqrt();
    let mut state = random.normal();
    (0..n)
        .map(|_| {
            state = rho * state + fresh * random.normal();
            1.0 + deviation * state
        })
        .collect()
}

// ---- no leak

pub fn white(random: &mut Random, n: usize) -> Points {
    let values = noisy(random, 0.03, vec![1.0; n]);
    on_a_heap(random, values)
}

pub fn correlated(random: &mut Random, n: usize) -> Points {
    let values = autoregression(random, n, 0.7, 0.03);
    on_a_heap(random, values)
}

/// Load that wanders, within ±15 %.
pub fn wandering(random: &mut Random, n: usize) -> Points {
    let step = random.between(0.01, 0.03);
    let mut level = random.between(-0.15, 0.15);
    let values: Vec<f64> = (0..n)
        .map(|_| {
            level += step * random.normal();
            if level.abs() > 0.15 {
                level = 0.3 * level.signum() - level;
            }
            1.0 + level
        })
        .collect();
    usual(random, values)
}

pub fn warm_up(random: &mut Random, n: usize) -> Points {
    let (height, pace) = (random.magnitude(0.2, 3.0), random.between(2.0, 20.0));
    let values: Vec<f64> = (0..n).map(|i| 1.0 + height * (1.0 - (-(i as f64) / pace).exp())).collect();
    usual(random, values)
}

/// Rises ever more slowly: about 15 to 50 % in 60 collections.
pub fn settling(random: &mut Random, n: usize) -> Points {
    let (height, pace) = (random.between(0.03, 0.1), random.between(0.5, 3.0));
    let values: Vec<f64> = (0..n).map(|i| 1.0 + height * (1.0 + i as f64 / pace).ln()).collect();
    usual(random, values)
}

/// A cache that fills at a constant rate up to its bound, and has been full for a quarter of the series or more.
pub fn filled(random: &mut Random, n: usize) -> Points {
    let (height, full) = (random.magnitude(0.1, 3.0), random.between(0.1, 0.75) * (n.min(60) as f64));
    let values: Vec<f64> = (0..n).map(|i| 1.0 + height * (i as f64 / full).min(1.0)).collect();
    usual(random, values)
}

/// The same, full only for the last 10 to 20 % of the series.
pub fn just_filled(random: &mut Random, n: usize) -> Points {
    let (height, full) = (random.magnitude(0.3, 3.0), random.between(0.8, 0.9) * (n.min(60) as f64));
    let values: Vec<f64> = (0..n).map(|i| 1.0 + height * (i as f64 / full).min(1.0)).collect();
    usual(random, values)
}

pub fn step(random: &mut Random, n: usize) -> Points {
    let (height, at) = (random.magnitude(0.1, 2.0), random.between(0.05, 0.95) * n as f64);
    let values: Vec<f64> = (0..n).map(|i| if (i as f64) < at { 1.0 } else { 1.0 + height }).collect();
    usual(random, values)
}

/// Levels of load, each for 5 to 25 collections.
pub fn levels(random: &mut Random, n: usize) -> Points {
    let (mut level, mut left) = (1.0, 0);
    let values: Vec<f64> = (0..n)
        .map(|_| {
            if left == 0 {
                (level, left) = (random.between(0.8, 1.25), random.between(5.0, 25.0) as usize);
            }
            left -= 1;
            level
        })
        .collect();
    usual(random, values)
}

/// A wave of which the series sees one period or more.
pub fn waves(random: &mut Random, n: usize) -> Points {
    let (height, period) = (random.between(0.03, 0.25), random.between(8.0, 60.0));
    let phase = random.between(0.0, TAU);
    let values: Vec<f64> = (0..n).map(|i| 1.0 + height * (TAU * i as f64 / period + phase).sin()).collect();
    usual(random, values)
}

/// Days and weeks by the clock: nights are quiet, and so are weekends. A collection every 1 to 20 minutes.
pub fn days(random: &mut Random, n: usize) -> Points {
    let (height, quiet) = (random.between(0.05, 0.2), random.between(0.0, 0.7));
    let (base, gap) = (random.magnitude(20.0, 2048.0) * MB, random.magnitude(1.0, 20.0) * MINUTE);
    let noise = random.between(0.01, 0.03);
    let mut time = random.between(0.0, 7.0 * 24.0) * HOUR;
    (0..n)
        .map(|_| {
            time += gap * (0.3 * random.normal()).exp();
            let day = time / (24.0 * HOUR);
            let share = if day % 7.0 < 5.0 { 1.0 } else { 1.0 - quiet };
            let value = 1.0 + height * share * (TAU * day).sin();
            (time, base * value * (1.0 + noise * random.normal()))
        })
        .collect()
}

/// Now and then 2 to 8 collections see more.
pub fn bursts(random: &mut Random, n: usize) -> Points {
    let (mut height, mut left) = (0.0, 0);
    let values: Vec<f64> = (0..n)
        .map(|_| {
            if left > 0 {
                left -= 1;
            } else if random.chance(0.04) {
                (height, left) = (random.between(0.1, 0.8), random.between(2.0, 8.0) as usize);
            } else {
                height = 0.0;
            }
            1.0 + height
        })
        .collect();
    usual(random, values)
}

/// One in ten is 10 to 50 % too high.
pub fn spikes(random: &mut Random, n: usize) -> Points {
    let values: Vec<f64> =
        (0..n).map(|_| if random.chance(0.1) { 1.0 + random.between(0.1, 0.5) } else { 1.0 }).collect();
    usual(random, values)
}

/// A cache that is flushed from time to time.
pub fn sawtooth(random: &mut Random, n: usize) -> Points {
    let (height, length) = (random.between(0.1, 1.0), random.between(4.0, 20.0));
    let mut at = random.between(0.0, length);
    let values: Vec<f64> = (0..n)
        .map(|_| {
            at += 1.0;
            if at > length {
                at = random.between(0.0, 1.0);
            }
            1.0 + height * at / length
        })
        .collect();
    usual(random, values)
}

pub fn falling(random: &mut Random, n: usize) -> Points {
    let fall = random.between(0.1, 0.6);
    let values: Vec<f64> = (0..n).map(|i| 1.0 - fall * i as f64 / n as f64).collect();
    usual(random, values)
}

/// What is no leak. For those with `false` nobody could tell at 60 collections; an alarm must not come all the same.
pub const QUIET: [(&str, Make, bool); 16] = [
    ("white noise 3 %", white, true),
    ("AR(1) 0.7, 3 %", correlated, true),
    ("load that wanders, bounded", wandering, true),
    ("warm-up, exponential", warm_up, true),
    ("warm-up, logarithmic", settling, true),
    ("cache filled to its bound", filled, true),
    ("cache filled just now", just_filled, false),
    ("one step up", step, true),
    ("steps up and down", levels, true),
    ("waves", waves, true),
    ("days and weeks", days, true),
    ("bursts", bursts, true),
    ("spikes 10 %", spikes, true),
    ("sawtooth", sawtooth, true),
    ("falling", falling, true),
    ("constant", |random, n| on_a_heap(random, vec![1.0; n]), true),
];

// ---- leaks. `rate` is the growth of a collection, as a share of the base.

pub type Leak = fn(&mut Random, usize, f64) -> Points;

fn linear(n: usize, rate: f64) -> impl Iterator<Item = f64> {
    (0..n).map(move |i| 1.0 + rate * i as f64)
}

pub fn leak(random: &mut Random, n: usize, rate: f64) -> Points {
    let values: Vec<f64> = linear(n, rate).map(|value| value + 0.03 * random.normal()).collect();
    on_a_heap(random, values)
}

pub fn leak_quiet(random: &mut Random, n: usize, rate: f64) -> Points {
    let values: Vec<f64> = linear(n, rate).map(|value| value + 0.01 * random.normal()).collect();
    on_a_heap(random, values)
}

pub fn leak_correlated(random: &mut Random, n: usize, rate: f64) -> Points {
    let noise = autoregression(random, n, 0.7, 0.03);
    let values = linear(n, rate).zip(noise).map(|(value, noise)| value + noise - 1.0).collect();
    on_a_heap(random, values)
}

pub fn leak_spikes(random: &mut Random, n: usize, rate: f64) -> Points {
    let values: Vec<f64> = linear(n, rate)
        .map(|value| value + if random.chance(0.1) { random.between(0.1, 0.5) } else { 0.0 } + 0.02 * random.normal())
        .collect();
    on_a_heap(random, values)
}

/// Each 4 to 9 collections all at once.
pub fn leak_steps(random: &mut Random, n: usize, rate: f64) -> Points {
    let every = random.between(4.0, 9.0).floor();
    let start = random.between(0.0, every);
    let values: Vec<f64> =
        (0..n).map(|i| 1.0 + rate * every * ((i as f64 + start) / every).floor() + 0.02 * random.normal()).collect();
    on_a_heap(random, values)
}

pub fn leak_after_warm_up(random: &mut Random, n: usize, rate: f64) -> Points {
    let (height, pace) = (random.magnitude(0.2, 1.0), random.between(2.0, 8.0));
    let values: Vec<f64> = linear(n, rate)
        .enumerate()
        .map(|(i, value)| value + height * (1.0 - (-(i as f64) / pace).exp()) + 0.02 * random.normal())
        .collect();
    on_a_heap(random, values)
}

/// Under waves with a period of 8 to 30 collections.
pub fn leak_waves(random: &mut Random, n: usize, rate: f64) -> Points {
    let (height, period, phase) = (random.between(0.03, 0.1), random.between(8.0, 30.0), random.between(0.0, TAU));
    let values: Vec<f64> = linear(n, rate)
        .enumerate()
        .map(|(i, value)| value + height * (TAU * i as f64 / period + phase).sin() + 0.02 * random.normal())
        .collect();
    on_a_heap(random, values)
}

/// Beside a cache of 10 to 30 % that is flushed from time to time.
pub fn leak_sawtooth(random: &mut Random, n: usize, rate: f64) -> Points {
    let (height, length, start) = (random.between(0.1, 0.3), random.between(4.0, 12.0), random.between(0.0, 10.0));
    let values: Vec<f64> = linear(n, rate)
        .enumerate()
        .map(|(i, value)| value + height * (((i as f64 + start) / length) % 1.0) + 0.02 * random.normal())
        .collect();
    on_a_heap(random, values)
}

/// Name, shape, and the growth of a collection from which on 95 % must be found at 60.
pub const LEAKS: [(&str, Leak, f64); 8] = [
    ("noise 1 %", leak_quiet, 0.002),
    ("noise 3 %", leak, 0.004),
    ("AR(1) 0.7, 3 %", leak_correlated, 0.008),
    ("spikes 10 %", leak_spikes, 0.006),
    ("in steps", leak_steps, 0.005),
    ("after warm-up", leak_after_warm_up, 0.02),
    ("under waves", leak_waves, 0.016),
    ("beside a sawtooth", leak_sawtooth, 0.005),
];
