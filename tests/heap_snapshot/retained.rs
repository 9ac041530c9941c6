//! Dominators and retained sizes against their definitions.

use heapwise::core::heap_snapshot::classes::Classes;
use heapwise::core::heap_snapshot::graph::Graph;
use heapwise::core::heap_snapshot::retained::{Dominators, Retainers, Strength};
use proptest::collection::vec;
use proptest::prelude::*;

use super::build::Made;
use super::cases::config;

fn any_heap() -> impl Strategy<Value = Made> {
    let kinds = prop::sample::select(vec!["property", "property", "internal", "element", "weak", "shortcut"]);
    (
        vec((0..3usize, 1..1000u64), 1..24),
        vec((any::<prop::sample::Index>(), kinds, any::<prop::sample::Index>()), 0..70),
    )
        .prop_map(|(nodes, edges)| {
            let mut made = Made::default();
            for (class, size) in nodes {
                made.node("object", ["A", "B", "C"][class], size);
            }
            let count = made.nodes.len();
            for (from, kind, to) in edges {
                made.edge(from.index(count), kind, 7, to.index(count));
            }
            made
        })
}

/// All that the root leads to when `without` is not there.
fn reached(graph: &Graph, without: Option<u32>) -> Vec<bool> {
    let strength = Strength::new(graph);
    let mut seen = vec![false; graph.nodes()];
    if without == Some(0) {
        return seen;
    }
    let mut waiting = vec![0u32];
    seen[0] = true;
    while let Some(node) = waiting.pop() {
        for index in graph.range(node) {
            let to = graph.edge(index).to;
            if strength.keeps(graph, node, index) && Some(to) != without && !seen[to as usize] {
                seen[to as usize] = true;
                waiting.push(to);
            }
        }
    }
    seen
}

fn dominators(graph: &Graph) -> Dominators {
    let strength = Strength::new(graph);
    Dominators::new(graph, &strength, &Retainers::new(graph, &strength))
}

proptest! {
    #![proptest_config(config(400))]

    #[test]
    fn what_is_retained_is_what_would_be_lost(made in any_heap()) {
        let graph = made.graph();
        let found = dominators(&graph);
        let alive = reached(&graph, None);
        for node in 0..graph.nodes() as u32 {
            prop_assert_eq!(found.is_alive(node), alive[node as usize]);
            if !alive[node as usize] {
                continue;
            }
            let left = reached(&graph, Some(node));
            let lost: Vec<u32> = (0..graph.nodes() as u32).filter(|&n| alive[n as usize] && !left[n as usize]).collect();
            prop_assert_eq!(found.retained(node), lost.iter().map(|&n| graph.size(n)).sum::<u64>());
            for &other in &lost {
                // `node` dominates `other`: it is on the way up.
                let mut up = Some(other);
                while up.is_some() && up != Some(node) {
                    up = found.above(up.unwrap());
                }
                prop_assert_eq!(up, Some(node));
            }
        }
    }

    #[test]
    fn a_class_retains_what_its_outermost_nodes_do(made in any_heap()) {
        let graph = made.graph();
        let found = dominators(&graph);
        let classes = Classes::new(&graph);
        let sums = found.by_class(classes.list.len(), &classes.of);
        for (index, class) in classes.list.iter().enumerate() {
            let own = |node: u32| classes.of[node as usize] as usize == index;
            let outermost = |node: u32| {
                let mut up = found.above(node);
                while up.is_some_and(|above| !own(above)) {
                    up = found.above(up.unwrap());
                }
                up.is_none()
            };
            let all = (0..graph.nodes() as u32).filter(|&node| own(node));
            prop_assert_eq!(all.clone().count() as u64, class.count);
            prop_assert_eq!(all.clone().map(|node| graph.size(node)).sum::<u64>(), class.size);
            let alive = all.filter(|&node| found.is_alive(node) && outermost(node));
            prop_assert_eq!(alive.map(|node| found.retained(node)).sum::<u64>(), sums[index]);
        }
    }
}

#[test]
fn a_long_chain_needs_no_stack() {
    let mut made = Made::default();
    for at in 0..200_000 {
        made.node("object", "Link", 1);
        if at > 0 {
            made.edges.push((at - 1, "property", "next".into(), at));
        }
    }
    // The text is made in quadratic time otherwise.
    let graph = chain(&made);
    let found = dominators(&graph);
    assert_eq!(found.retained(0), 200_000);
    assert_eq!(found.retained(199_999), 1);
    let classes = Classes::new(&graph);
    assert_eq!(found.by_class(classes.list.len(), &classes.of), [200_000]);
}

fn chain(made: &Made) -> Graph {
    let small = Made { nodes: made.nodes[..1].to_vec(), ..Made::default() }.text();
    let count = made.nodes.len();
    let nodes: Vec<_> = (0..count).map(|at| format!("3,0,{},1,{},0", at * 2 + 1, u8::from(at + 1 < count))).collect();
    let edges: Vec<_> = (1..count).map(|at| format!("2,0,{}", at * 6)).collect();
    let from = small.find("\"nodes\"").unwrap();
    let to = small.find("\"trace_function_infos\"").unwrap();
    let head = small[..from].replace("\"node_count\":1", &format!("\"node_count\":{count}"));
    let head = head.replace("\"edge_count\":0", &format!("\"edge_count\":{}", count - 1));
    let text = format!("{head}\"nodes\":[{}],\"edges\":[{}],{}", nodes.join(","), edges.join(","), &small[to..]);
    super::build::whole(text.as_bytes()).unwrap()
}

#[test]
fn the_table_of_a_weak_map_does_not_keep_its_values() {
    let mut made = Made::default();
    let root = made.node("synthetic", "", 0);
    let table = made.node("array", "", 10);
    let key = made.node("object", "Key", 20);
    let value = made.node("object", "Value", 40);
    let id = made.nodes[table].2;
    let pair = format!("4 / part of key (Key @5) -> value (Value @7) pair in WeakMap (table @{id})");
    made.edge(root, "property", "table", table);
    made.edge(root, "property", "key", key);
    made.edge(table, "weak", "3", key);
    made.edge(table, "internal", &pair, value);
    made.edge(key, "internal", &pair, value);
    let graph = made.graph();
    let found = dominators(&graph);
    assert_eq!(found.retained(table as u32), 10);
    assert_eq!(found.retained(key as u32), 60);
}
