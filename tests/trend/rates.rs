//! How often the verdict errs, over many series of every kind. `HEAPWISE_SERIES` says how many of each, `HEAPWISE_SEED`
//! which. With many, it wants `--release`:
//!
//!     HEAPWISE_SERIES=2000 cargo test --release --no-default-features --test trend -- --nocapture rates

use heapwise::core::gc::trend::rank::median;
use heapwise::core::gc::trend::{Assessment, Confidence, Options, Verdict, assess};

use super::random::Random;
use super::series::{HOUR, LEAKS, Leak, MB, MINUTE, Make, Points, QUIET};

/// At most so many false alarms, at least so many leaks found.
const ALARMS: f64 = 0.02;
const FOUND: f64 = 0.95;

fn from_environment(name: &str, usual: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(usual)
}

/// Each kind of series has its own random numbers.
fn random(name: &str) -> Random {
    let seed = from_environment("HEAPWISE_SEED", 5);
    Random::new(name.bytes().fold(seed, |seed, byte| seed.wrapping_mul(31).wrapping_add(byte.into())))
}

fn announce(what: &str, count: u64) {
    println!("\n{what} in %, {count} series each, HEAPWISE_SEED={}", from_environment("HEAPWISE_SEED", 5));
}

fn percent(count: u64, of: u64) -> f64 {
    100.0 * count as f64 / of as f64
}

/// Two standard errors of a share among `of` series: what chance adds.
fn allowance(share: f64, of: u64) -> f64 {
    2.0 * (share * (1.0 - share) / of as f64).sqrt()
}

#[derive(Default)]
struct Count {
    growing: u64,
    likely: u64,
    leak: u64,
}

impl Count {
    fn of(series: impl Iterator<Item = Assessment>) -> Self {
        let mut count = Self::default();
        for assessment in series {
            let growing = assessment.verdict == Verdict::Growing;
            count.growing += u64::from(growing);
            count.likely += u64::from(growing && assessment.confidence >= Confidence::Likely);
            count.leak += u64::from(assessment.leak);
        }
        count
    }
}

fn quiet(name: &str, make: Make, n: usize, of: u64) -> Count {
    let mut random = random(name);
    Count::of((0..of).map(|_| assess(&make(&mut random, n), &Options::default())))
}

fn leaking(name: &str, make: Leak, n: usize, rate: f64, of: u64) -> Count {
    let mut random = random(name);
    // Their times are made up, and some so slow that they could be a day.
    let options = Options { season: 0.0, ..Options::default() };
    Count::of((0..of).map(|_| assess(&make(&mut random, n, rate), &options)))
}

#[test]
fn false_alarms() {
    let of = from_environment("HEAPWISE_SERIES", 50);
    announce("False alarms: growing at all (likely or certain)", of);
    println!("{:28} {:>16} {:>16}", "no leak", "20 collections", "60 collections");
    let mut sum = 0;
    for (name, make, tellable) in QUIET {
        let [some, sixty] = [20, 60].map(|n| quiet(name, make, n, of));
        let shown = [some.growing, some.likely, sixty.growing, sixty.likely].map(|count| percent(count, of));
        println!("{name:28} {:7.1} ({:6.1}) {:7.1} ({:6.1})", shown[0], shown[1], shown[2], shown[3]);
        if tellable {
            sum += sixty.likely;
            let share = sixty.likely as f64 / of as f64;
            assert!(share <= ALARMS + allowance(ALARMS, of), "{name}: {share}");
        }
    }
    assert!(sum as f64 <= ALARMS * (of * (QUIET.len() as u64 - 1)) as f64, "{sum}");
}

#[test]
fn leaks_found() {
    let of = from_environment("HEAPWISE_SERIES", 50);
    announce("Leaks found: growing at all (and worth an alarm)", of);
    println!("{:20} {:>14} {:>16} {:>16}", "leak", "a collection", "20 collections", "60 collections");
    for (name, make, least) in LEAKS {
        for rate in [least, 2.0 * least] {
            let [some, sixty] = [20, 60].map(|n| leaking(name, make, n, rate, of));
            let shown = [some.growing, some.leak, sixty.growing, sixty.leak].map(|count| percent(count, of));
            let rate = rate * 100.0;
            println!("{name:20} {rate:12.2} % {:7.1} ({:6.1}) {:7.1} ({:6.1})", shown[0], shown[1], shown[2], shown[3]);
            let share = sixty.growing as f64 / of as f64;
            assert!(share >= FOUND - allowance(FOUND, of), "{name}: {share}");
        }
    }
}

/// `n` full collections, spaced as V8 does it: when about half the live heap has been promoted.
fn on_v8(random: &mut Random, n: usize, base: f64, rate: f64, noise: f64) -> Points {
    let promoted = random.magnitude(0.05, 1.0) * (base / MB).sqrt() / 10.0 * MB / 1000.0;
    let leak = rate * MB / MINUTE;
    let (mut time, mut points) = (0.0, Vec::new());
    for _ in 0..n {
        let live = base + leak * time;
        points.push((time, live * (1.0 + noise * random.normal())));
        let gap = (0.5 * live + 4.0 * MB) / (promoted + leak);
        time += gap.clamp(1_000.0, 300_000.0) * (0.3 * random.normal()).exp();
    }
    points
}

/// From 0.1 to 100 MB a minute on heaps from 20 MB to 2 GB. What hides in the noise cannot be found: what must be has
/// leaked 8 standard deviations of it, and 8 % of the heap, in the time of 60 collections.
#[test]
fn leaks_of_any_rate_on_any_heap() {
    let of = from_environment("HEAPWISE_SERIES", 12);
    announce("Leaks found at 20 and 60 full collections (and what has leaked, in standard deviations of noise)", of);
    for noise in [0.01, 0.03] {
        for base in [20.0, 100.0, 500.0, 2048.0] {
            print!("noise {:1.0} %, heap {base:4} MB", noise * 100.0);
            for rate in [0.1, 1.0, 10.0, 100.0] {
                let mut random = random("matrix");
                let (mut early, mut found, mut detectable, mut missed, mut size) = (0, 0, 0, 0, 0.0);
                for _ in 0..of {
                    let points = on_v8(&mut random, 60, base * MB, rate, noise);
                    let is_growing = |n: usize| assess(&points[..n], &Options::default()).verdict == Verdict::Growing;
                    let share = rate * points[59].0 / MINUTE / base;
                    early += u64::from(is_growing(20));
                    let seen = is_growing(60);
                    found += u64::from(seen);
                    if share > 8.0 * noise && share > 0.08 {
                        detectable += 1;
                        missed += u64::from(!seen);
                    }
                    size += share / noise / of as f64;
                }
                print!(" |{rate:4} MB/min {:4.0} {:4.0} ({size:8.1})", percent(early, of), percent(found, of));
                let share = missed as f64 / f64::max(detectable as f64, 1.0);
                let most = 1.0 - FOUND;
                assert!(share <= most + allowance(most, detectable.max(1)), "{share} of {detectable} missed");
            }
            println!();
        }
    }
}

/// At most 128 points: the lowest and the highest of as many each, as the façade keeps them, without spikes.
fn thinned(points: &[(f64, f64)]) -> Points {
    let middle = |five: &[(f64, f64)]| {
        let mut values: Vec<f64> = five.iter().map(|point| point.1).collect();
        (five[0].0, median(&mut values))
    };
    let calm: Points = points.windows(5).map(middle).collect();
    let group = (2 * calm.len()).div_ceil(128).max(2).next_power_of_two();
    let ends = |group: &[(f64, f64)]| {
        let by_value = |a: &&(f64, f64), b: &&(f64, f64)| a.1.total_cmp(&b.1);
        let (low, high) = (*group.iter().min_by(by_value).unwrap(), *group.iter().max_by(by_value).unwrap());
        if low.0 < high.0 { [low, high] } else { [high, low] }
    };
    calm.chunks(group).flat_map(ends).collect()
}

/// The window slides over the series, as in a monitor: after how many collections does an alarm go off? It must have
/// been worth one at 12 collections in a row, of which each `stride`th is looked at.
fn first_alarm(points: &Points, stride: usize, season: f64) -> Option<usize> {
    let mut held = 0;
    (60..=points.len()).step_by(stride).find(|&end| {
        let start = end.saturating_sub(120);
        let earlier = thinned(&points[..start]);
        let options = Options { earlier: &earlier, season, ..Options::default() };
        let leak = assess(&points[start..end], &options).leak;
        held = if !leak {
            0
        } else if held == 0 {
            1
        } else {
            held + stride
        };
        held >= 12
    })
}

#[test]
fn alarms_while_it_runs() {
    let of = from_environment("HEAPWISE_SERIES", 30).div_ceil(10);
    let stride = if of > 50 { 4 } else { 12 };
    announce("Alarms in 500 collections, the window sliding", of);
    let mut sum = 0;
    for (name, make, _) in QUIET {
        let mut random = random(name);
        let count = (0..of).filter(|_| first_alarm(&make(&mut random, 500), stride, 24.0 * HOUR).is_some()).count();
        println!("{name:28} {:6.1}", percent(count as u64, of));
        assert!(count as f64 <= (ALARMS + allowance(ALARMS, of)) * of as f64 + 0.5, "{name}: {count} of {of}");
        sum += count;
    }
    let all = of * QUIET.len() as u64;
    assert!(sum as f64 <= (ALARMS + allowance(ALARMS, all)) * all as f64, "{sum} of {all}");
    println!("{:28} by 72    by 90   by 120   by 200", "leaks");
    for (name, make, rate) in LEAKS {
        let mut random = random(name);
        let alarms: Vec<usize> =
            (0..of).filter_map(|_| first_alarm(&make(&mut random, 200, rate), stride, 0.0)).collect();
        let by = |end: usize| percent(alarms.iter().filter(|&&at| at <= end).count() as u64, of);
        println!("{name:28} {:5.1} {:8.1} {:8.1} {:8.1}", by(72), by(90), by(120), by(200));
        assert!(alarms.len() as f64 >= (FOUND - allowance(FOUND, of)) * of as f64 - 0.5, "{name}: {}", alarms.len());
    }
}
