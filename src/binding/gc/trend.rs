//! The callback that judges trends.

use std::cell::Cell;

use napi::bindgen_prelude::Result;

use super::super::raw::{Call, Exports, Fault, Reply, callback};
use crate::core::gc::trend::{Assessment, Confidence, Options, Reason, Verdict, assess};

/// Exports the callbacks.
pub fn register(exports: &Exports) -> Result<()> {
    exports.function("trendAssess", callback!(judge))
}

type Outcome = std::result::Result<Reply, Fault>;

/// Numbers of one answer.
const ANSWER: usize = 15;

/// `(times, values, count, options, out)`: judges the first `count` points. Options: limit in bytes or NaN, floor in bytes,
/// least span in ms, measurements that are enough, season in ms, and how many points from the first on are earlier ones.
fn judge(call: &Call) -> Outcome {
    let (times, values, count) = (call.f64s(0)?, call.f64s(1)?, call.u32(2)? as usize);
    let [limit, floor, least_span, enough, season, earlier, ..] = call.f64s(3)? else {
        return Err(Fault::new("too few options"));
    };
    let out = call.f64s(4)?;
    if count > times.len() || count > values.len() || out.len() < ANSWER {
        return Err(Fault::new("too little room"));
    }
    let points: Vec<(f64, f64)> = times.iter().zip(values).take(count).map(|(t, v)| (t.get(), v.get())).collect();
    let (earlier, points) = points.split_at((earlier.get() as usize).min(count));
    let options = Options {
        limit: Some(limit.get()).filter(|limit| limit.is_finite()),
        floor: floor.get(),
        least_span: least_span.get(),
        enough: enough.get() as usize,
        season: season.get(),
        earlier,
    };
    answer(&assess(points, &options), out);
    Ok(Reply::Nothing)
}

fn answer(assessment: &Assessment, out: &[Cell<f64>]) {
    let verdict = match assessment.verdict {
        Verdict::NotEnoughData => 0,
        Verdict::Steady => 1,
        Verdict::WarmingUp => 2,
        Verdict::Growing => 3,
        Verdict::Shrinking => 4,
    };
    let confidence = match assessment.confidence {
        Confidence::None => 0,
        Confidence::Suspected => 1,
        Confidence::Likely => 2,
        Confidence::Certain => 3,
    };
    let reason = match assessment.reason {
        Reason::Plain => 0,
        Reason::FewPoints => 1,
        Reason::ShortTime => 2,
        Reason::Small => 3,
        Reason::Drift => 4,
        Reason::Passed => 5,
        Reason::SeenBefore => 6,
        Reason::MayBeWave => 7,
        Reason::Settling => 8,
        Reason::LimitNear => 9,
    };
    let row: [f64; ANSWER] = [
        f64::from(verdict),
        f64::from(confidence),
        f64::from(reason),
        f64::from(u8::from(assessment.leak)),
        assessment.slope,
        assessment.low,
        assessment.high,
        assessment.p,
        assessment.weight,
        assessment.points as f64,
        assessment.span,
        assessment.from,
        assessment.to,
        assessment.noise,
        assessment.time_to_limit.unwrap_or(f64::NAN),
    ];
    out.iter().zip(row).for_each(|(cell, value)| cell.set(value));
}
