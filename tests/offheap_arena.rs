//! The allocator against a model: a list of live blocks.

#[path = "common/cases.rs"]
mod cases;

use heapwise::core::offheap::arena::{Arena, Block, MIN_BLOCK};
use proptest::prelude::*;

#[derive(Debug, Clone)]
enum Step {
    Allocate(u32),
    Free(usize),
    Limit(u32),
    Purge,
    Cursor(usize),
    Clear(usize, usize),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let size = prop_oneof![4 => MIN_BLOCK..40_u32, 2 => 60..300_u32, 1 => 300..20_000_u32];
    let step = prop_oneof![
        6 => size.prop_map(Step::Allocate),
        5 => any::<usize>().prop_map(Step::Free),
        1 => (0..60_000_u32).prop_map(Step::Limit),
        1 => Just(Step::Purge),
        1 => any::<usize>().prop_map(Step::Cursor),
        1 => (any::<usize>(), 1..12_usize).prop_map(|(at, n)| Step::Clear(at, n)),
    ];
    prop::collection::vec(step, 1..300)
}

proptest! {
    #![proptest_config(cases::config(400))]

    #[test]
    fn blocks_never_overlap_and_nothing_is_lost(steps in steps()) {
        let mut arena = Arena::new(60_000).map_err(|error| TestCaseError::fail(error.to_string()))?;
        let mut limit = 60_000_u32;
        let mut live: Vec<(u32, u32, u64)> = Vec::new();
        let mut tag = 0;
        for step in steps {
            match step {
                Step::Allocate(words) => {
                    let largest_gap = limit.saturating_sub(arena.top());
                    match arena.allocate(words, limit) {
                        Some(at) => {
                            let size = arena.size(at);
                            prop_assert!(size >= words && size < words + MIN_BLOCK);
                            tag += 1;
                            for i in 1..size as usize {
                                arena.words_mut()[at as usize + i] = tag;
                            }
                            live.push((at, size, tag));
                        }
                        None => prop_assert!(largest_gap < words),
                    }
                }
                Step::Free(i) => {
                    if !live.is_empty() {
                        let (at, ..) = live.swap_remove(i % live.len());
                        arena.free(at);
                    }
                }
                Step::Limit(to) => limit = to,
                Step::Purge => {
                    arena.purge(0);
                    prop_assert!(arena.touched() < arena.top() + 8192);
                }
                Step::Cursor(i) => {
                    let at = if live.is_empty() { arena.top() } else { live[i % live.len()].0 };
                    arena.set_cursor(at);
                }
                // A run of neighbouring blocks is cleared and freed as one.
                Step::Clear(i, count) => {
                    if live.is_empty() { continue }
                    let from = live[i % live.len()].0;
                    let mut to = from;
                    for _ in 0..count {
                        if to == arena.top() { break }
                        match arena.kind(to) {
                            Block::Free => arena.hold(to),
                            Block::Used => {
                                arena.retire(to);
                                live.retain(|&(at, ..)| at != to);
                            }
                            Block::Held => prop_assert!(false, "a block is held already"),
                        }
                        to += arena.size(to);
                    }
                    arena.free_held(from, to);
                }
            }
            if let Err(broken) = arena.validate() {
                prop_assert!(false, "{}", broken);
            }
            prop_assert_eq!(u64::from(arena.used_words()), live.iter().map(|&(_, size, _)| u64::from(size)).sum::<u64>());
        }
        live.sort_unstable();
        for pair in live.windows(2) {
            prop_assert!(pair[0].0 + pair[0].1 <= pair[1].0);
        }
        for &(at, size, tag) in &live {
            prop_assert!(arena.words()[at as usize + 1..(at + size) as usize].iter().all(|&word| word == tag));
        }
        for (at, ..) in live {
            arena.free(at);
        }
        prop_assert_eq!((arena.top(), arena.free_words()), (arena.first(), 0));
    }
}
