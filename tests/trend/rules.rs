//! What each verdict is given for.

use heapwise::core::gc::trend::{Assessment, Confidence, Options, Reason, Verdict, assess};

use super::random::Random;
use super::series::{HOUR, MB, MINUTE, Points};

/// `n` points, one a minute, of what `shape` says (in MB), with a little noise.
fn series(n: usize, shape: impl Fn(f64) -> f64) -> Points {
    let mut random = Random::new(7);
    (0..n).map(|i| (i as f64 * MINUTE, shape(i as f64) * MB * (1.0 + 0.005 * random.normal()))).collect()
}

fn plain(points: &Points) -> Assessment {
    assess(points, &Options::default())
}

#[test]
fn too_little_to_say() {
    let points = series(7, |i| 50.0 + i);
    assert_eq!((plain(&points).verdict, plain(&points).reason), (Verdict::NotEnoughData, Reason::FewPoints));
    let quick: Points = (0..40).map(|i| (f64::from(i) * 10.0, 50.0 * MB)).collect();
    assert_eq!((plain(&quick).verdict, plain(&quick).reason), (Verdict::NotEnoughData, Reason::ShortTime));
    let same_time: Points = (0..40).map(|i| (5.0, f64::from(i))).collect();
    assert_eq!((plain(&same_time).points, plain(&same_time).reason), (1, Reason::FewPoints));
}

#[test]
fn grades_of_growth() {
    let leak = |n| plain(&series(n, |i| 50.0 + i));
    let graded = [8, 19, 20, 59, 60].map(|n| (leak(n).verdict, leak(n).confidence, leak(n).leak));
    assert_eq!(graded[0], (Verdict::Growing, Confidence::Suspected, false));
    assert_eq!(graded[1], (Verdict::Growing, Confidence::Suspected, false));
    assert_eq!(graded[2], (Verdict::Growing, Confidence::Likely, false));
    assert_eq!(graded[3], (Verdict::Growing, Confidence::Likely, false));
    assert_eq!(graded[4], (Verdict::Growing, Confidence::Certain, true));
    let figures = leak(60);
    assert!((figures.slope / (60.0 * MB) - 1.0).abs() < 0.03, "{figures:?}");
    assert!(figures.low < figures.slope && figures.slope < figures.high && figures.low > 0.9 * figures.slope);
    assert!((figures.from / MB - 50.0).abs() < 1.0 && (figures.to / MB - 109.0).abs() < 1.0, "{figures:?}");
}

#[test]
fn fewer_measurements_are_enough_if_told() {
    let points = series(30, |i| 50.0 + i);
    assert!(!plain(&points).leak);
    assert!(assess(&points, &Options { enough: 30, ..Options::default() }).leak);
}

#[test]
fn the_other_verdicts() {
    assert_eq!(plain(&series(60, |_| 50.0)).verdict, Verdict::Steady);
    assert_eq!(plain(&series(60, |i| 150.0 - i)).verdict, Verdict::Shrinking);
    assert_eq!(plain(&series(60, |i| 50.0 + 50.0 * (1.0 - (-i / 10.0).exp()))).verdict, Verdict::WarmingUp);
    assert_eq!(plain(&series(60, |i| 50.0 + i.min(40.0))).verdict, Verdict::WarmingUp);
    assert_eq!(plain(&series(60, |i| if i < 45.0 { 50.0 } else { 80.0 })).verdict, Verdict::Steady);
    // A leak that a warm-up came before.
    let both = plain(&series(60, |i| 50.0 + 40.0 * (1.0 - (-i / 4.0).exp()) + i));
    assert_eq!((both.verdict, both.leak), (Verdict::Growing, true));
}

#[test]
fn growth_that_does_not_matter() {
    let small = plain(&series(240, |i| 50.0 + 0.01 * i));
    assert_eq!((small.verdict, small.reason), (Verdict::Steady, Reason::Small));
    // 400 KB on 1 MB is much by share, little by size.
    let points: Points = (0..60).map(|i| (f64::from(i) * MINUTE, MB + f64::from(i) * 7_000.0)).collect();
    assert_eq!(plain(&points).reason, Reason::Small);
    assert!(assess(&points, &Options { floor: 100_000.0, ..Options::default() }).leak);
}

#[test]
fn the_limit() {
    let points = series(60, |i| 50.0 + i);
    let limit = |mb: f64| assess(&points, &Options { limit: Some(mb * MB), ..Options::default() }).time_to_limit;
    assert!((limit(409.0).unwrap() / (300.0 * MINUTE) - 1.0).abs() < 0.05);
    assert_eq!(limit(60.0), Some(0.0));
    assert_eq!(plain(&points).time_to_limit, None);
    // With the limit near, 20 measurements are enough.
    let early = series(25, |i| 50.0 + i);
    let near = assess(&early, &Options { limit: Some(80.0 * MB), ..Options::default() });
    assert_eq!((near.leak, near.reason), (true, Reason::LimitNear));
    assert!(!assess(&early, &Options { limit: Some(800.0 * MB), ..Options::default() }).leak);
    // What does not grow has no time to the limit's alarm either.
    assert!(!assess(&series(60, |_| 79.0), &Options { limit: Some(80.0 * MB), ..Options::default() }).leak);
}

#[test]
fn slow_growth_may_be_a_day() {
    // 5 % an hour.
    let slow = series(120, |i| 50.0 * (1.0 + 0.05 * i / 60.0));
    let verdict = plain(&slow);
    assert_eq!((verdict.verdict, verdict.confidence), (Verdict::Growing, Confidence::Suspected));
    assert_eq!((verdict.reason, verdict.leak), (Reason::MayBeWave, false));
    assert!(assess(&slow, &Options { season: 0.0, ..Options::default() }).leak);
    // The same after more than a day of it.
    let day: Points =
        (0..128).map(|i| (f64::from(i) * 15.0 * MINUTE, 50.0 * MB * (1.0 + 0.01 * f64::from(i)))).collect();
    let end = 128.0 * 15.0 * MINUTE;
    let later: Points = slow.iter().map(|(time, value)| (time + end, value * 2.28)).collect();
    assert!(assess(&later, &Options { earlier: &day, ..Options::default() }).leak);
    // And after a day that was a wave, of which this is the next rise.
    let wave = |time: f64| 100.0 * MB * (1.0 + 0.2 * (std::f64::consts::TAU * time / (24.0 * HOUR)).sin());
    let past: Points = (0..128).map(|i| f64::from(i) * 12.0 * MINUTE).map(|time| (time, wave(time))).collect();
    let rise: Points = (0..120).map(|i| 26.0 * HOUR + f64::from(i) * MINUTE).map(|time| (time, wave(time))).collect();
    assert!(!assess(&rise, &Options { earlier: &past, ..Options::default() }).leak);
}

#[test]
fn what_came_and_went_before() {
    let points: Points = series(60, |i| 50.0 + i).into_iter().map(|(time, value)| (time + HOUR, value)).collect();
    // A cache that was flushed at 150 MB once.
    let flushed: Points = (0..60).map(|i| (f64::from(i) * MINUTE, (50.0 + 100.0 * f64::from(i) / 59.0) * MB)).collect();
    let seen = assess(&points, &Options { earlier: &flushed, ..Options::default() });
    assert_eq!((seen.reason, seen.confidence, seen.leak), (Reason::SeenBefore, Confidence::Suspected, false));
    // A start that took more memory than what came after is no such rise.
    let start: Points = (0..60).map(|i| (f64::from(i) * MINUTE, if i < 5 { 300.0 } else { 50.0 } * MB)).collect();
    assert!(assess(&points, &Options { earlier: &start, ..Options::default() }).leak);
}

#[test]
fn the_end_of_a_long_settling() {
    let settling = |i: f64| 100.0 + 40.0 * (1.0 + i / 10.0).ln();
    let all = series(240, settling);
    let (earlier, window) = all.split_at(120);
    let verdict = assess(window, &Options { earlier, ..Options::default() });
    assert!(!verdict.leak, "{verdict:?}");
}
