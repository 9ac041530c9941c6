//! The policy of the on-heap caches (`LRUCache`, `BoundedMap`): who was used last, and who expires next.
//!
//! JavaScript keeps the keys and values and gives each entry a *slot*, a small integer. Everything here is about slots.

pub mod recency;
