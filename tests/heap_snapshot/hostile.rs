//! Heaps that are well-formed and make no sense: whatever is asked of them, there is an answer.

use heapwise::core::heap_snapshot::classes::Classes;
use heapwise::core::heap_snapshot::collections::{ViewFinder, find};
use heapwise::core::heap_snapshot::history::{History, Thresholds};
use heapwise::core::heap_snapshot::holders::Holders;
use heapwise::core::heap_snapshot::names::Names;
use heapwise::core::heap_snapshot::retained::{Dominators, Retainers, Strength};
use proptest::collection::vec;
use proptest::prelude::*;

use super::build::{EDGE_KINDS, Made, NODE_KINDS};
use super::cases::config;

const CLASSES: [&str; 16] = [
    "Map",
    "Set",
    "Array",
    "Object",
    "Buffer",
    "ArrayBuffer",
    "WeakMap",
    "system / Context",
    "system / NativeContext",
    "system / Cell",
    "system / ContextCell",
    "system / SourceTextModule",
    "system / ScopeInfo",
    "system / Hole",
    "/app/server.js",
    "",
];
const NAMES: [&str; 28] = [
    "table",
    "elements",
    "properties",
    "buffer",
    "backing_store",
    "context",
    "previous",
    "shared",
    "script",
    "script_or_debug_info",
    "scope_info",
    "function",
    "parameters_and_registers",
    "extension",
    "value",
    "map",
    "__proto__",
    "constructor",
    "prototype",
    "global_object",
    "0",
    "5",
    "19",
    "20",
    "999999999",
    "99999999999",
    ".this",
    "4 / part of key (A @1) -> value (B @3) pair in WeakMap (table @5)",
];
// Of tables, of contexts, and of nothing.
const SIZES: [u64; 9] = [0, 24, 40, 96, 152, 16 + 8 * 17, 16 + 8 * 115, 16 + 8 * 5123, 1 << 53];

fn any_heap() -> impl Strategy<Value = Made> {
    let node = (0..NODE_KINDS.len() + 12, 0..CLASSES.len(), 0..SIZES.len());
    let edge = (any::<prop::sample::Index>(), 0..EDGE_KINDS.len(), 0..NAMES.len(), any::<prop::sample::Index>());
    (vec(node, 1..40), vec(edge, 0..160), vec((any::<prop::sample::Index>(), 0..3u32), 0..20)).prop_map(
        |(nodes, edges, places)| {
            let mut made = Made::default();
            for (kind, class, size) in nodes {
                // Most are what is looked at.
                let kind = NODE_KINDS.get(kind).unwrap_or(&["object", "closure", "code", "array"][kind % 4]);
                made.node(kind, CLASSES[class], SIZES[size]);
            }
            let count = made.nodes.len();
            for (from, kind, name, to) in edges {
                let kind = EDGE_KINDS[kind];
                let numbered = kind == "element" || kind == "hidden";
                let name = if numbered { name.to_string() } else { NAMES[name].into() };
                made.edge(from.index(count), kind, name, to.index(count));
            }
            made.locations = places.into_iter().map(|(node, script)| (node.index(count), script, 1, 1)).collect();
            made
        },
    )
}

proptest! {
    #![proptest_config(config(800))]

    #[test]
    fn all_questions_are_answered(made in any_heap()) {
        let graph = made.graph();
        let names = Names::new(graph.strings());
        let strength = Strength::new(&graph);
        let retainers = Retainers::new(&graph, &strength);
        let dominators = Dominators::new(&graph, &strength, &retainers);
        let holders = Holders::new(&graph, &names, &strength, &retainers, &["/app/lib/".into()]);
        let classes = Classes::new(&graph);
        let sums = dominators.by_class(classes.list.len(), &classes.of);
        prop_assert_eq!(sums.len(), classes.list.len());
        let mut finder = ViewFinder::new(&graph, &names);
        let mut history = History::default();
        let seen: Vec<_> = find(&graph, &names, 0).into_iter().map(|collection| {
            (graph.id(collection.node), collection, finder.within(&graph, &names, collection.node))
        }).collect();
        for _ in 0..3 {
            let grown = history.look(seen.clone(), &Thresholds { entries: 0, share: 0.0, ..Thresholds::default() });
            prop_assert!(grown.iter().all(|grower| !grower.entries), "nothing grows");
        }
        for node in 0..graph.nodes() as u32 {
            let holder = holders.of(node);
            prop_assert!(holder.steps.len() <= 32);
            prop_assert!(!dominators.is_alive(node) || dominators.retained(node) >= graph.size(node));
        }
    }
}
