//! How often the verdict errs, over many series of every kind.

use heapwise::core::gc::trend::{Assessment, Confidence, Options, Verdict, assess};

use super::random::Random;
use super::series::{LEAKS, Leak, MB, MINUTE, Make, Points, QUIET};

fn from_environment(name: &str, usual: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(usual)
}

fn seed(name: &str) -> u64 {
    name.bytes()
        .fold(from_environment("HEAPWISE_SEED", 5), |seed, byte| seed.wrapping_mul(31).wrapping_add(byte.into()))
}

fn series(usual: u64) -> u64 {
    from_environment("HEAPWISE_SERIES", usual)
}

fn share(count: u64, of: u64) -> f64 {
    100.0 * count as f64 / of as f64
}

#[derive(Default)]
struct Count {
    growing: u64,
    likely: u64,
    leak: u64,
    warming: u64,
}

impl Count {
    fn add(&mut self, assessment: &Assessment) {
        let growing = assessment.verdict == Verdict::Growing;
        self.growing += u64::from(growing);
        self.likely += u64::from(growing && assessment.confidence >= Confidence::Likely);
        self.leak += u64::from(assessment.leak);
        self.warming += u64::from(assessment.verdict == Verdict::WarmingUp);
    }
}

fn quiet_rates(name: &str, make: Make, n: usize, of: u64) -> Count {
    let mut random = Random::new(seed(name));
    let mut count = Count::default();
    for _ in 0..of {
        count.add(&assess(&make(&mut random, n), &Options::default()));
    }
    count
}

fn leak_rates(name: &str, make: Leak, n: usize, rate: f64, of: u64) -> Count {
    let mut random = Random::new(seed(name));
    let mut count = Count::default();
    for _ in 0..of {
        count.add(&assess(&make(&mut random, n, rate), &Options { season: 0.0, ..Options::default() }));
    }
    count
}

#[test]
fn false_alarms() {
    let of = series(150);
    println!("false alarms in %, {of} series each, seed {}", from_environment("HEAPWISE_SEED", 5));
    println!(
        "{:28} {:>8} {:>8} {:>8} {:>8} {:>8} {:>8} {:>8}",
        "no leak", "n=12", "n=20", "n=60", "n=120", "likely20", "likely60", "leak@120"
    );
    for (name, make) in QUIET {
        let [few, some, sixty, many] = [12, 20, 60, 120].map(|n| quiet_rates(name, make, n, of));
        let rates = [few.growing, some.growing, sixty.growing, many.growing, some.likely, sixty.leak, many.leak]
            .map(|count| share(count, of));
        println!(
            "{name:28} {:8.1} {:8.1} {:8.1} {:8.1} {:8.1} {:8.1} {:8.1}   warm@60 {:.0}",
            rates[0],
            rates[1],
            rates[2],
            rates[3],
            rates[4],
            rates[5],
            rates[6],
            share(sixty.warming, of)
        );
    }
}

#[test]
fn leaks_found() {
    let of = series(150);
    println!("leaks found in %, {of} series each");
    for (name, make, least) in LEAKS {
        for times in [0.5, 1.0, 2.0, 4.0] {
            let rate = least * times;
            let [some, sixty, many] = [20, 60, 120].map(|n| leak_rates(name, make, n, rate, of));
            println!(
                "{name:20} {:5.2} %/gc   n=20 {:6.1}  ({:6.1})  n=60 {:6.1} leak {:6.1}  n=120 {:6.1} leak {:6.1}",
                rate * 100.0,
                share(some.growing, of),
                share(some.likely, of),
                share(sixty.growing, of),
                share(sixty.leak, of),
                share(many.growing, of),
                share(many.leak, of)
            );
        }
    }
}

/// At most 128 points, each the least of as many, as the façade keeps them.
fn thinned(points: &[(f64, f64)]) -> Points {
    let group = points.len().div_ceil(128).max(1).next_power_of_two();
    points.chunks(group).map(|group| *group.iter().min_by(|a, b| a.1.total_cmp(&b.1)).unwrap()).collect()
}

/// The window slides: where in 500 collections does an alarm go off that stays on for 10 of them?
fn first_alarm(points: &Points, stride: usize, season: f64) -> Option<usize> {
    let mut held = 0;
    (20..=points.len()).step_by(stride).find(|&end| {
        let start = end.saturating_sub(120);
        let earlier = thinned(&points[..start]);
        let options = Options { earlier: &earlier, season, ..Options::default() };
        held = if assess(&points[start..end], &options).leak { held + stride } else { 0 };
        held >= 12
    })
}

/// 60 full collections, spaced as V8 does it: when half the live heap has been promoted.
fn on_v8(random: &mut Random, base: f64, rate: f64, noise: f64) -> Points {
    let promoted = random.magnitude(0.05, 1.0) * (base / MB).sqrt() / 10.0 * MB / 1000.0;
    let leak = rate * MB / MINUTE;
    let (mut time, mut points) = (0.0, Vec::new());
    for _ in 0..60 {
        let live = base + leak * time;
        points.push((time, live * (1.0 + noise * random.normal())));
        let gap = (0.5 * live + 4.0 * MB) / (promoted + leak);
        time += gap.clamp(1_000.0, 300_000.0) * (0.3 * random.normal()).exp();
    }
    points
}

#[test]
fn matrix() {
    let of = series(50);
    println!("leaks found at 60 full collections in %, and the leak in standard deviations of the noise");
    for noise in [0.01, 0.03] {
        for base in [20.0, 100.0, 500.0, 2048.0] {
            print!("noise {:2.0} %, heap {base:5} MB:", noise * 100.0);
            for rate in [0.1, 1.0, 10.0, 100.0] {
                let mut random = Random::new(seed("matrix"));
                let (mut found, mut sure, mut size) = (0, 0, 0.0);
                for _ in 0..of {
                    let points = on_v8(&mut random, base * MB, rate, noise);
                    let assessment = assess(&points, &Options::default());
                    found += u64::from(assessment.verdict == Verdict::Growing);
                    sure += u64::from(assessment.leak);
                    size += rate * (points[59].0 - points[0].0) / MINUTE / base / noise / of as f64;
                }
                print!("  {rate:5} MB/min {:5.1} {:5.1} ({size:6.1})", share(found, of), share(sure, of));
            }
            println!();
        }
    }
}

#[test]
fn alarms_while_it_runs() {
    let (of, stride) = (series(20) / 5, from_environment("HEAPWISE_STRIDE", 5) as usize);
    for (name, make) in QUIET {
        let mut random = Random::new(seed(name));
        let mut alarms: Vec<usize> =
            (0..of).filter_map(|_| first_alarm(&make(&mut random, 500), stride, 8.64e7)).collect();
        alarms.sort();
        println!("{name:28} {:6.1} {:?}", share(alarms.len() as u64, of), alarms);
    }
    for (name, make, rate) in LEAKS {
        let mut random = Random::new(seed(name));
        let mut alarms: Vec<usize> =
            (0..of).filter_map(|_| first_alarm(&make(&mut random, 200, rate), stride, 0.0)).collect();
        alarms.sort();
        let by = |end: usize| share(alarms.iter().filter(|&&at| at <= end).count() as u64, of);
        println!("{name:28} {:6.1} {:6.1} {:6.1} {:6.1}", by(75), by(90), by(120), by(200));
    }
}
