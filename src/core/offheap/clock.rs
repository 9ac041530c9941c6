//! Time for expiry, in whole milliseconds on a clock that never goes back.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use once_cell::sync::Lazy;

/// The latest deadline that an entry can hold: 40 bits, almost 35 years after the process started.
pub const MAX_TIME: u64 = (1 << 40) - 1;

static START: Lazy<Instant> = Lazy::new(Instant::now);

/// A source of time. The system's, or one that a test sets.
#[derive(Debug, Clone, Default)]
pub enum Clock {
    /// Milliseconds since the process first asked, plus one.
    #[default]
    System,
    /// What the shared number says.
    Manual(Arc<AtomicU64>),
}

impl Clock {
    /// Now, in milliseconds; at least 1.
    pub fn now(&self) -> u64 {
        match self {
            Self::System => u64::try_from(START.elapsed().as_millis()).unwrap_or(MAX_TIME).min(MAX_TIME - 1) + 1,
            Self::Manual(time) => time.load(Ordering::Relaxed).clamp(1, MAX_TIME),
        }
    }
}

/// Wall-clock time in milliseconds since 1970, for what outlives the process.
pub fn unix_now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| u64::try_from(d.as_millis()).unwrap_or(u64::MAX))
}
