//! Which way to a node says most: each edge has a cost, and the cheapest way is taken.

use super::graph::{Edge, EdgeKind, Graph, NodeKind};
use super::names::{Names, is_plain_object};
use super::retained::{NOBODY, Strength};

/// Costs of edges are below this.
const BUCKETS: usize = 128;
/// What an edge costs on the way from the root.
pub(super) fn edge_cost(graph: &Graph, names: &Names, from: u32, edge: Edge) -> u32 {
    let n = names;
    match edge.kind {
        EdgeKind::Internal if graph.name_index(from) == n.context_cell => 1,
        EdgeKind::Context | EdgeKind::Shortcut => 1,
        EdgeKind::Property if [n.proto, n.constructor, n.prototype].contains(&edge.name) => 60,
        EdgeKind::Property => 2,
        EdgeKind::Element => match graph.kind(from) {
            NodeKind::Synthetic => root_cost(graph, edge.to),
            _ => 3,
        },
        EdgeKind::Hidden => 40,
        _ if [n.table, n.elements, n.properties, n.buffer, n.backing_store].contains(&edge.name) => 1,
        _ if edge.name == n.value => 2,
        _ if edge.name == n.context || edge.name == n.registers || edge.name == n.extension => 5,
        _ if edge.name == n.previous => 8,
        _ => match graph.kind(from) {
            NodeKind::Array => 2,
            NodeKind::Object if is_plain_object(graph, from) => 20,
            _ => 40,
        },
    }
}

/// What a group of roots costs: handles of the moment say least.
fn root_cost(graph: &Graph, group: u32) -> u32 {
    match graph.name(group) {
        b"(GC roots)" => 1,
        b"(Handle scope)" | b"(Stack roots)" => 110,
        b"(Global handles)" => 40,
        _ => 70,
    }
}

/// The cheapest way from the root to each node: Dijkstra's algorithm, with a bucket for each cost (Dial, 1969).
pub(super) fn distances(graph: &Graph, names: &Names, strength: &Strength) -> Vec<u32> {
    let mut distances = vec![NOBODY; graph.nodes()];
    let mut buckets: Vec<Vec<u32>> = vec![Vec::new(); BUCKETS];
    distances[0] = 0;
    buckets[0].push(0);
    let mut distance = 0u32;
    let mut waiting = 1usize;
    while waiting > 0 {
        while let Some(node) = buckets[distance as usize % BUCKETS].pop() {
            waiting -= 1;
            if distances[node as usize] != distance {
                continue;
            }
            for index in graph.range(node) {
                if !strength.keeps(graph, node, index) {
                    continue;
                }
                let edge = graph.edge(index);
                let cost = edge_cost(graph, names, node, edge).clamp(1, BUCKETS as u32 - 1);
                let sum = distance.saturating_add(cost);
                if sum < distances[edge.to as usize] {
                    distances[edge.to as usize] = sum;
                    buckets[sum as usize % BUCKETS].push(edge.to);
                    waiting += 1;
                }
            }
        }
        distance = distance.saturating_add(1);
    }
    distances
}
