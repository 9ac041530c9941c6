//! Whether a series of measurements grows, by how much, and how sure that is.
//!
//! Meant for what is left after full collections (the floor of the live heap), and for other figures of memory. A rise
//! alone says little: caches fill, load comes and goes in waves, bursts pass, noise drifts. So what counts as growth
//! must be significant ([`rank`]), more than noise that wanders does by itself ([`drift`]), large enough to matter, and
//! still going on at the end ([`course`]), without a bend ([`shape`]). The tests measure how often that errs.

pub mod course;
pub mod drift;
pub mod rank;
pub mod shape;

/// Fewer measurements than these say nothing.
pub const LEAST_POINTS: usize = 8;
/// From here on growth is likely rather than suspected.
pub const LIKELY_POINTS: usize = 20;
/// From here on growth may be certain, and may be called a leak without a limit being near.
pub const CERTAIN_POINTS: usize = 60;

const HOUR: f64 = 3_600_000.0;
const DAY: f64 = 24.0 * HOUR;
/// Growth of an hour that a daily wave can explain: ±23 % at its steepest, 2 pi * 0.23 / 24.
const WAVE_AN_HOUR: f64 = 0.06;
/// Standard errors that make growth likely.
const LIKELY_WEIGHT: f64 = 5.2;
/// Standard errors, and share of the level, that make it worth an alarm: a series is looked at again and again.
const LEAK_WEIGHT: f64 = 6.5;
const LEAK_SHARE: f64 = 0.08;
/// Growth that does not matter, as a share of the level.
const SMALL_SHARE: f64 = 0.05;
/// Growth that noise explains, in standard deviations of what the line leaves over.
const SMALL_NOISE: f64 = 1.5;
/// Most points that are looked at; of longer series the least of each group is.
const MOST_POINTS: usize = 512;
/// No times and no sizes are larger.
const MOST: f64 = 1e18;

/// What to judge by.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Options<'a> {
    /// What the value must not reach, in bytes.
    pub limit: Option<f64>,
    /// Growth over the whole series that does not matter whatever its share is, in bytes.
    pub floor: f64,
    /// The least time the series must span, in ms.
    pub least_span: f64,
    /// Measurements without which no alarm is raised, unless the limit is near.
    pub enough: usize,
    /// Period of the waves that slow growth might be, in ms. 0: there are none.
    pub season: f64,
    /// Measurements before the series, thinned or not, as (ms, bytes): what the value did before.
    pub earlier: &'a [(f64, f64)],
}

impl Default for Options<'_> {
    fn default() -> Self {
        Self {
            limit: None,
            floor: 512.0 * 1024.0,
            least_span: 2_000.0,
            enough: CERTAIN_POINTS,
            season: DAY,
            earlier: &[],
        }
    }
}

/// What the series does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Too few measurements, or too short a time.
    NotEnoughData,
    /// Nothing that could not be noise, waves or a step.
    Steady,
    /// It rose and levels off.
    WarmingUp,
    /// It rises and goes on rising.
    Growing,
    /// It falls.
    Shrinking,
}

/// How sure that is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Confidence {
    /// There is nothing to be sure of.
    None,
    /// 8 to 19 measurements, or another explanation is at hand.
    Suspected,
    /// 20 measurements or more.
    Likely,
    /// 60 or more, and no doubt.
    Certain,
}

/// Why, beyond what the verdict says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// Nothing more to say.
    Plain,
    /// Fewer than 8 measurements.
    FewPoints,
    /// Too short a time.
    ShortTime,
    /// The rise is significant but no larger than 5 %, the noise or the floor.
    Small,
    /// The rise could be a step, or noise that wanders.
    Drift,
    /// The rise is over: the end lies lower than what came before.
    Passed,
    /// The value has been as high before, and came down again.
    SeenBefore,
    /// So slow that a daily wave would look the same, and no day has been seen yet.
    MayBeWave,
    /// It rose faster before: the end of a start that levels off.
    Settling,
    /// The limit is near.
    LimitNear,
}

/// The verdict with its figures.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Assessment {
    /// What the series does.
    pub verdict: Verdict,
    /// How sure that is.
    pub confidence: Confidence,
    /// Why.
    pub reason: Reason,
    /// Whether to raise an alarm: growth that has lasted and that nothing else explains.
    pub leak: bool,
    /// Bytes an hour.
    pub slope: f64,
    /// Lower end of the interval that holds the slope with 95 %, in bytes an hour.
    pub low: f64,
    /// Upper end of it.
    pub high: f64,
    /// How likely so much trend is by chance: Mann-Kendall, two-sided.
    pub p: f64,
    /// The slope in standard errors, if the noise is an autoregression.
    pub weight: f64,
    /// Measurements that were used.
    pub points: usize,
    /// Time from the first to the last, in ms.
    pub span: f64,
    /// Bytes at the start, of the fitted line.
    pub from: f64,
    /// Bytes at the end, of the fitted line.
    pub to: f64,
    /// Standard deviation of what the line leaves over, in bytes, from the median of its absolute values.
    pub noise: f64,
    /// Until the line reaches the limit, in ms, if it grows and there is one.
    pub time_to_limit: Option<f64>,
}

impl Assessment {
    fn unknown(points: usize, span: f64, reason: Reason) -> Self {
        Self {
            verdict: Verdict::NotEnoughData,
            confidence: Confidence::None,
            reason,
            leak: false,
            slope: 0.0,
            low: 0.0,
            high: 0.0,
            p: 1.0,
            weight: 0.0,
            points,
            span,
            from: 0.0,
            to: 0.0,
            noise: 0.0,
            time_to_limit: None,
        }
    }
}

/// Judges a series of (time in ms, value in bytes). Points that are no numbers, or beyond 1e18, are left out; the order
/// does not matter; of points of one time the least counts.
pub fn assess(points: &[(f64, f64)], options: &Options<'_>) -> Assessment {
    let points = clean(points);
    let span = points.last().zip(points.first()).map_or(0.0, |(last, first)| last.0 - first.0);
    if points.len() < LEAST_POINTS {
        return Assessment::unknown(points.len(), span, Reason::FewPoints);
    }
    if span < options.least_span.max(f64::MIN_POSITIVE) {
        return Assessment::unknown(points.len(), span, Reason::ShortTime);
    }
    let series = Series::new(&points, span);
    let figures = Figures::of(&series);
    let mut assessment = figures.assessment(&series, options);
    judge(&points, &series, &figures, options, &mut assessment);
    assessment
}

/// In order of time, no two of one time, not too many.
fn clean(points: &[(f64, f64)]) -> Vec<(f64, f64)> {
    let usable = |point: &&(f64, f64)| point.0.abs() <= MOST && point.1.abs() <= MOST;
    let mut points: Vec<_> = points.iter().filter(usable).copied().collect();
    points.sort_unstable_by(|a, b| a.0.total_cmp(&b.0).then(a.1.total_cmp(&b.1)));
    points.dedup_by(|later, kept| later.0 == kept.0);
    if points.len() > MOST_POINTS {
        let group = points.len().div_ceil(MOST_POINTS);
        let least = |group: &[(f64, f64)]| group.iter().copied().min_by(|a, b| a.1.total_cmp(&b.1));
        points = points.chunks(group).filter_map(least).collect();
    }
    points
}

/// Times from 0 to 1, values above their median.
struct Series {
    x: Vec<f64>,
    y: Vec<f64>,
    middle: f64,
    span: f64,
}

impl Series {
    fn new(points: &[(f64, f64)], span: f64) -> Self {
        let start = points.first().map_or(0.0, |point| point.0);
        let middle = rank::median(&mut points.iter().map(|point| point.1).collect::<Vec<_>>());
        Self {
            x: points.iter().map(|point| (point.0 - start) / span).collect(),
            y: points.iter().map(|point| point.1 - middle).collect(),
            middle,
            span,
        }
    }
}

struct Figures {
    slope: rank::Slope,
    test: rank::MannKendall,
    at_zero: f64,
    noise: f64,
    weight: f64,
    /// The values, outliers brought in.
    calm: Vec<f64>,
}

impl Figures {
    fn of(series: &Series) -> Self {
        let (x, y) = (&series.x, &series.y);
        let rough = rank::theil_sen(x, y);
        let mut above: Vec<f64> = y.iter().zip(x).map(|(y, x)| y - rough * x).collect();
        let residuals = above.clone();
        let at_zero = rank::median(&mut above);
        let mut sizes: Vec<f64> = residuals.iter().map(|r| (r - at_zero).abs()).collect();
        // The factor makes it the standard deviation, if the noise is normal.
        let noise = 1.4826 * rank::median(&mut sizes);
        let test = rank::mann_kendall(y, &residuals);
        let slope = rank::sen(x, y, test.variance);
        let calm = drift::calm(y);
        let weight = drift::weight(x, &calm);
        Self { slope, test, at_zero, noise, weight, calm }
    }

    fn assessment(&self, series: &Series, options: &Options<'_>) -> Assessment {
        let an_hour = HOUR / series.span;
        let from = series.middle + self.at_zero;
        let to = from + self.slope.slope;
        let rising = self.slope.slope > 0.0;
        let until = |limit: f64| ((limit - to) / self.slope.slope * series.span).max(0.0);
        Assessment {
            verdict: Verdict::Steady,
            confidence: Confidence::None,
            reason: Reason::Plain,
            leak: false,
            slope: self.slope.slope * an_hour,
            low: self.slope.low * an_hour,
            high: self.slope.high * an_hour,
            p: self.test.p,
            weight: self.weight,
            points: series.x.len(),
            span: series.span,
            from,
            to,
            noise: self.noise,
            time_to_limit: options.limit.filter(|limit| rising && limit.is_finite()).map(until),
        }
    }
}

/// What the series does.
fn judge(points: &[(f64, f64)], series: &Series, figures: &Figures, options: &Options<'_>, out: &mut Assessment) {
    let growth = figures.slope.slope;
    if figures.test.p > 0.01 {
        return;
    }
    if growth < 0.0 {
        if -growth > least(out, options) && figures.weight < -2.5 {
            (out.verdict, out.confidence) = (Verdict::Shrinking, certainty(figures, out));
        }
        return;
    }
    if growth <= least(out, options) {
        out.reason = Reason::Small;
        return;
    }
    let rise = course::Rise { y: &series.y, calm: &figures.calm, level: out.to, least: least(out, options) };
    let course = course::Course::of(&series.x, &rise);
    out.weight = course.weight;
    if course.grows && shape::ends_high(&series.y, growth) {
        out.verdict = Verdict::Growing;
        out.confidence = certainty(figures, out);
        grade(points, growth, course.lately, options, out);
    } else if course.levels_off && figures.weight > 0.0 {
        (out.verdict, out.confidence) = (Verdict::WarmingUp, certainty(figures, out).min(Confidence::Likely));
    } else {
        out.reason = if course.grows { Reason::Passed } else { Reason::Drift };
    }
}

/// The least growth that matters.
fn least(out: &Assessment, options: &Options<'_>) -> f64 {
    let level = out.from.abs().min(out.to.abs());
    (SMALL_SHARE * level).max(SMALL_NOISE * out.noise).max(options.floor)
}

fn certainty(figures: &Figures, out: &Assessment) -> Confidence {
    let far = figures.slope.low.abs().min(figures.slope.high.abs()) > 0.5 * figures.slope.slope.abs()
        && figures.slope.low * figures.slope.high > 0.0;
    match out.points {
        ..LIKELY_POINTS => Confidence::Suspected,
        CERTAIN_POINTS.. if far && out.p < 1e-6 && out.weight.abs() > 4.0 => Confidence::Certain,
        _ => Confidence::Likely,
    }
}

/// Whether growth is worth an alarm, and what else could explain it.
fn grade(points: &[(f64, f64)], growth: f64, lately: bool, options: &Options<'_>, out: &mut Assessment) {
    if shape::earlier_high(options.earlier, growth).is_some_and(|high| out.to - high < 0.4 * growth) {
        (out.reason, out.confidence) = (Reason::SeenBefore, Confidence::Suspected);
        return;
    }
    let near = out.time_to_limit.is_some_and(|time| time <= out.span) && out.points >= LIKELY_POINTS;
    if near {
        (out.reason, out.leak) = (Reason::LimitNear, true);
        return;
    }
    let slow = out.slope < WAVE_AN_HOUR * out.from.abs() && options.season > 0.0;
    if slow && !grew_over(points, options) {
        (out.reason, out.confidence) = (Reason::MayBeWave, Confidence::Suspected);
        return;
    }
    if settles(points, options, growth) {
        (out.reason, out.confidence) = (Reason::Settling, Confidence::Suspected);
        return;
    }
    if out.p > 1e-3 || out.weight < LIKELY_WEIGHT || !lately {
        out.confidence = Confidence::Suspected;
        return;
    }
    let worth = growth > LEAK_SHARE * out.from.abs() && out.weight >= LEAK_WEIGHT;
    out.leak = worth && out.points >= options.enough.max(LIKELY_POINTS);
}

/// Whether the growth is the end of a rise that began before the series, and levels off.
fn settles(points: &[(f64, f64)], options: &Options<'_>, growth: f64) -> bool {
    let earlier = clean(options.earlier);
    let Some(recent) = earlier.get(earlier.len().saturating_sub(points.len())..).filter(|recent| !recent.is_empty())
    else {
        return false;
    };
    let all = clean(&[recent, points].concat());
    let span = all.last().zip(all.first()).map_or(0.0, |(last, first)| last.0 - first.0);
    let series = Series::new(&all, span);
    let calm = drift::calm(&series.y);
    let share = points.len() as f64 / all.len() as f64;
    let time = points.last().zip(points.first()).map_or(1.0, |(last, first)| (last.0 - first.0) / span);
    let settles = |axis: &[f64], share: f64| {
        let slope = rank::theil_sen(axis, &series.y);
        slope > 0.0 && shape::levels_off(axis, &calm, slope) && {
            let part = shape::steady_part(axis, &calm);
            part.errors < 6.0 || part.growth * share < 0.6 * growth
        }
    };
    settles(&series.x, time) || settles(&course::even(all.len()), share)
}

/// Whether the value grew over a whole season and more.
fn grew_over(points: &[(f64, f64)], options: &Options<'_>) -> bool {
    let mut all = clean(options.earlier);
    all.extend_from_slice(points);
    let all = clean(&all);
    let span = all.last().zip(all.first()).map_or(0.0, |(last, first)| last.0 - first.0);
    if span < options.season * 1.1 {
        return false;
    }
    let series = Series::new(&all, span);
    let figures = Figures::of(&series);
    figures.test.p < 0.01 && figures.weight > 2.5 && figures.slope.slope > 0.0
}
