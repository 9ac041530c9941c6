//! The policy of the on-heap caches (`LRUCache`, `BoundedMap`): who was used last, and who expires next.
//!
//! JavaScript keeps the keys and values and gives each entry a *slot*, a small integer. Everything here is about slots.

use std::fmt;

pub mod expiry;
pub mod recency;

/// Most slots that one cache can have: slots and log positions must leave the top bit of a `u32` free.
pub const MAX_SLOTS: u32 = 1 << 29;

/// An array that JavaScript lent contradicts itself: a bug, or not such an array at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Corrupt(pub(crate) &'static str);

impl fmt::Display for Corrupt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a cache's bookkeeping is corrupt: {}", self.0)
    }
}

impl std::error::Error for Corrupt {}

/// What an operation on a lent array returns.
pub type Res<T> = Result<T, Corrupt>;
