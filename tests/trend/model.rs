//! The algorithms against naive ones, and what must hold of any verdict.

use heapwise::core::gc::trend::drift::{calm, line, persistence, weigh};
use heapwise::core::gc::trend::rank::{mann_kendall, median, ranks, sen, theil_sen, two_sided};
use heapwise::core::gc::trend::{Assessment, Confidence, Options, Verdict, assess};
use proptest::prelude::*;

use super::cases::config;

/// Small integers, so that ties are frequent and sums exact.
fn values(most: usize) -> impl Strategy<Value = Vec<f64>> {
    prop::collection::vec((-20i32..20).prop_map(f64::from), 0..most)
}

/// Times that ascend unevenly, each with a value; some times are equal.
fn points() -> impl Strategy<Value = (Vec<f64>, Vec<f64>)> {
    prop::collection::vec((0u8..4, -20i32..20), 1..40).prop_map(|steps| {
        let mut time = 0.0;
        let timed = steps.into_iter().map(|(step, value)| {
            time += f64::from(step);
            (time, f64::from(value))
        });
        timed.unzip()
    })
}

fn naive_median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let half = sorted.len() / 2;
    match sorted.len() {
        0 => 0.0,
        n if n % 2 == 1 => sorted[half],
        _ => (sorted[half - 1] + sorted[half]) / 2.0,
    }
}

fn naive_slopes(x: &[f64], y: &[f64]) -> Vec<f64> {
    let pairs = (0..x.len()).flat_map(|i| (0..i).map(move |j| (j, i)));
    pairs.filter(|(i, j)| x[*i] != x[*j]).map(|(i, j)| (y[i] - y[j]) / (x[i] - x[j])).collect()
}

fn near(a: f64, b: f64) -> bool {
    (a - b).abs() <= 1e-9 * (1.0 + a.abs().max(b.abs()))
}

proptest! {
    #![proptest_config(config(400))]

    #[test]
    fn medians(values in values(30)) {
        prop_assert!(near(median(&mut values.clone()), naive_median(&values)));
    }

    #[test]
    fn slopes((x, y) in points()) {
        let slopes = naive_slopes(&x, &y);
        prop_assert!(near(theil_sen(&x, &y), naive_median(&slopes)));
        let all = sen(&x, &y, 50.0);
        prop_assert!(near(all.slope, naive_median(&slopes)));
        prop_assert!(all.low <= all.slope && all.slope <= all.high, "{:?}", all);
        // The share of slopes in the interval is what it should be: 1.96 standard deviations of the statistic.
        let inside = slopes.iter().filter(|slope| (all.low..=all.high).contains(*slope)).count() as f64;
        prop_assert!(inside >= (slopes.len() as f64).min(1.96 * 50f64.sqrt() - 1.0));
    }

    #[test]
    fn slopes_follow_their_series((x, y) in points(), shift in -50i32..50, factor in 1i32..9) {
        let (shift, factor) = (f64::from(shift), f64::from(factor));
        let slope = theil_sen(&x, &y);
        let moved: Vec<f64> = y.iter().map(|y| y * factor + shift).collect();
        prop_assert!(near(theil_sen(&x, &moved), slope * factor));
        let later: Vec<f64> = x.iter().map(|x| x * factor + shift).collect();
        prop_assert!(near(theil_sen(&later, &y), slope / factor));
        let backwards: (Vec<f64>, Vec<f64>) = x.iter().zip(&y).rev().map(|(x, y)| (-x, *y)).unzip();
        prop_assert!(near(theil_sen(&backwards.0, &backwards.1), -slope));
    }

    #[test]
    fn rank_sums(values in values(40)) {
        let (ranks, ties) = ranks(&values);
        prop_assert_eq!(ties.iter().sum::<usize>(), values.len());
        for (rank, value) in ranks.iter().zip(&values) {
            let below = values.iter().filter(|other| *other < value).count() as f64;
            let equal = values.iter().filter(|other| *other == value).count() as f64;
            prop_assert!(near(*rank, below + (equal + 1.0) / 2.0));
        }
    }

    #[test]
    fn the_test_for_trends(values in values(40)) {
        // No autocorrelation: the classic test.
        let test = mann_kendall(&values, &[]);
        let pairs = values.iter().enumerate().flat_map(|(i, a)| values[i + 1..].iter().map(move |b| b - a));
        let s: f64 = pairs.map(|rise| if rise == 0.0 { 0.0 } else { rise.signum() }).sum();
        prop_assert_eq!(test.s, s);
        let term = |t: f64| t * (t - 1.0) * (2.0 * t + 5.0) / 18.0;
        let mut variance = term(values.len() as f64);
        for value in -20..20 {
            variance -= term(values.iter().filter(|other| **other == f64::from(value)).count() as f64);
        }
        prop_assert!(near(test.variance, variance.max(0.0)));
        let reversed: Vec<f64> = values.iter().rev().copied().collect();
        let back = mann_kendall(&reversed, &[]);
        prop_assert_eq!((back.s, back.p), (-s, test.p));
        prop_assert!((0.0..=1.0).contains(&test.p));
    }

    #[test]
    fn autocorrelation_only_takes_away(values in values(40)) {
        let (plain, corrected) = (mann_kendall(&values, &[]), mann_kendall(&values, &values));
        prop_assert!(corrected.variance >= plain.variance);
        prop_assert!(corrected.p >= plain.p);
    }

    #[test]
    fn weights_without_autocorrelation_are_those_of_least_squares((x, y) in points()) {
        let fit = line(&x, &y);
        if x.len() > 4 && fit.error > 1e-6 {
            prop_assert!(near(weigh(&x, &y, 0.0), fit.slope / fit.error));
        }
    }

    #[test]
    fn a_random_walk_weighs_the_mean_of_its_steps(y in values(30)) {
        let x: Vec<f64> = (0..y.len()).map(|i| i as f64).collect();
        let steps: Vec<f64> = y.windows(2).map(|two| two[1] - two[0]).collect();
        let n = steps.len() as f64;
        let mean = steps.iter().sum::<f64>() / n;
        let spread = (steps.iter().map(|step| (step - mean).powi(2)).sum::<f64>() / (n - 1.0) / n).sqrt();
        if y.len() > 5 && spread > 1e-6 {
            prop_assert!(near(weigh(&x, &y, 1.0), mean / spread));
        }
    }

    #[test]
    fn calm_values_stay_among_the_values(values in values(60)) {
        let calm = calm(&values);
        prop_assert_eq!(calm.len(), values.len());
        let (least, most) = (values.iter().copied().fold(0.0, f64::min), values.iter().copied().fold(0.0, f64::max));
        prop_assert!(calm.iter().all(|value| (least..=most).contains(value)));
        prop_assert!((0.0..=1.0).contains(&persistence(&calm)));
    }
}

/// Any double, the strange ones often.
fn double() -> impl Strategy<Value = f64> {
    let strange = vec![
        f64::NAN,
        f64::INFINITY,
        f64::NEG_INFINITY,
        f64::MAX,
        f64::MIN,
        f64::MIN_POSITIVE,
        5e-324,
        1e18,
        -1e18,
        -0.0,
        0.0,
        1.0,
    ];
    prop_oneof![2 => prop::sample::select(strange), 1 => any::<f64>(), 4 => -1e3..1e3, 2 => 0.0..1e12]
}

fn check(a: &Assessment) -> Result<(), TestCaseError> {
    let numbers = [a.slope, a.low, a.high, a.p, a.span, a.from, a.to, a.noise];
    prop_assert!(numbers.iter().all(|number| number.is_finite()), "{:?}", a);
    prop_assert!(!a.weight.is_nan() && (0.0..=1.0).contains(&a.p), "{:?}", a);
    prop_assert!(a.low <= a.slope && a.slope <= a.high, "{:?}", a);
    prop_assert!(!a.leak || a.verdict == Verdict::Growing, "{:?}", a);
    prop_assert_eq!(a.confidence == Confidence::None, matches!(a.verdict, Verdict::Steady | Verdict::NotEnoughData));
    prop_assert!(a.verdict != Verdict::Growing || a.slope > 0.0, "{:?}", a);
    prop_assert!(a.verdict != Verdict::Shrinking || a.slope < 0.0, "{:?}", a);
    prop_assert!(a.confidence < Confidence::Likely || a.points >= 20, "{:?}", a);
    prop_assert!(a.time_to_limit.is_none_or(|time| time >= 0.0), "{:?}", a);
    Ok(())
}

proptest! {
    #![proptest_config(config(300))]

    #[test]
    fn any_numbers(
        points in prop::collection::vec((double(), double()), 0..90),
        earlier in prop::collection::vec((double(), double()), 0..40),
        (limit, floor, span, season) in (prop::option::of(double()), double(), double(), double()),
    ) {
        let options = Options { limit, floor, least_span: span, season, enough: 20, earlier: &earlier };
        check(&assess(&points, &options))?;
    }

    #[test]
    fn growth_with_anything_before(
        rise in 0.0..3.0f64,
        noise in prop::collection::vec(-1.0..1.0f64, 60..140),
        earlier in prop::collection::vec((-1e9..0.0f64, 0.0..1e9), 0..200),
        limit in prop::option::of(0.0..1e9f64),
    ) {
        let line = |(i, noise): (usize, &f64)| (i as f64 * 1e4, 1e8 * (1.0 + rise * i as f64 / 60.0 + 0.02 * noise));
        let points: Vec<_> = noise.iter().enumerate().map(line).collect();
        check(&assess(&points, &Options { limit, earlier: &earlier, ..Options::default() }))?;
    }

    #[test]
    fn order_does_not_matter(points in prop::collection::vec((0u16..500, 0.0..1e9f64), 8..60), seed in any::<u64>()) {
        let mut points: Vec<_> = points.into_iter().map(|(time, value)| (f64::from(time) * 1e3, value)).collect();
        let one = assess(&points, &Options::default());
        let mut random = super::random::Random::new(seed);
        for i in (1..points.len()).rev() {
            points.swap(i, random.between(0.0, i as f64 + 1.0) as usize);
        }
        prop_assert_eq!(one, assess(&points, &Options::default()));
    }
}

#[test]
fn figures_from_tables() {
    // Kendall 1975: of 10 that all rise, S = 45, variance 125.
    let rising: Vec<f64> = (0..10).map(f64::from).collect();
    let test = mann_kendall(&rising, &[]);
    assert_eq!((test.s, test.variance), (45.0, 125.0));
    assert!((test.z - 44.0 / 125f64.sqrt()).abs() < 1e-12);
    // Of the normal distribution.
    for (z, p) in [(0.0, 1.0), (1.0, 0.317_310_5), (1.96, 0.049_995_8), (2.575_829, 0.01), (4.0, 6.334_248e-5)] {
        assert!((two_sided(z) / p - 1.0).abs() < 1e-5, "{z}: {} instead of {p}", two_sided(z));
    }
    // Sen 1968 takes the slope of Theil for distinct times: the middle of 1, 2, 3.
    assert_eq!(theil_sen(&[0.0, 1.0, 2.0], &[0.0, 1.0, 4.0]), 2.0);
    assert_eq!(weigh(&[0.0, 1.0, 2.0, 3.0, 4.0], &[1.0, 3.0, 5.0, 7.0, 9.0], 0.0), f64::INFINITY);
}
