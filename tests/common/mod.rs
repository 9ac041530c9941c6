//! What the model tests share.

use std::cell::Cell;

use proptest::prelude::*;

mod cases;
pub use cases::config;

/// An array as JavaScript lends it. `content` is what it holds before it is laid out.
pub fn cells(length: usize, content: u32) -> Vec<Cell<u32>> {
    vec![Cell::new(content); length]
}

/// One write of damage: where (a part of the array's length) and what.
#[derive(Debug, Clone)]
pub struct Damage {
    at: prop::sample::Index,
    value: u32,
}

/// A few damaged cells: values that look like slots and links, and any others.
pub fn wreck() -> impl Strategy<Value = Vec<Damage>> {
    let value = prop_oneof![
        3 => 0u32..64,
        1 => (0u32..64).prop_map(|value| value | 1 << 31),
        1 => (0u32..64).prop_map(|value| u32::MAX - value),
        1 => any::<u32>(),
    ];
    let damage = (any::<prop::sample::Index>(), value).prop_map(|(at, value)| Damage { at, value });
    prop::collection::vec(damage, 1..24)
}

/// Writes the damage into `mem`, except to the cells of `spare` (those that hold the shape: with them damaged, nothing
/// would be reached but the check of the shape).
pub fn mutilate(mem: &[Cell<u32>], damage: &[Damage], spare: &[usize]) {
    for write in damage {
        let at = write.at.index(mem.len());
        if !spare.contains(&at) {
            mem[at].set(write.value);
        }
    }
}
