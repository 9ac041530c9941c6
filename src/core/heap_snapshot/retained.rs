//! What keeps what alive: who leads to a node, who dominates it, what it retains.

use super::graph::{EdgeKind, Graph};

/// No node.
pub const NOBODY: u32 = u32::MAX;

/// Tells edges that keep alive from those that do not.
#[derive(Debug)]
pub struct Strength {
    /// By string: the id of the table of an entry of a `WeakMap`, or 0. Such a name stands on two edges to the value,
    /// from the key and from the table, of which only the key keeps it alive.
    tables: Vec<(u32, u32)>,
}

impl Strength {
    /// Looks at the names of all strings.
    pub fn new(graph: &Graph) -> Self {
        let strings = graph.strings();
        let tables = (0..strings.len() as u32).filter_map(|index| Some((index, table_of(strings.bytes(index))?)));
        Self { tables: tables.collect() }
    }

    /// Whether edge `index` of node `from` keeps what it leads to alive.
    #[inline]
    pub fn keeps(&self, graph: &Graph, from: u32, index: usize) -> bool {
        match graph.edge_kinds[index] {
            EdgeKind::Weak => false,
            EdgeKind::Shortcut => from == 0,
            EdgeKind::Internal if !self.tables.is_empty() => {
                let table = self.tables.binary_search_by_key(&graph.edge_names[index], |entry| entry.0);
                table.map_or(true, |at| self.tables[at].1 != graph.id(from))
            }
            _ => true,
        }
    }
}

/// The id of the table in a name such as `4 / part of key (…) -> value (…) pair in WeakMap (table @103951)`.
fn table_of(name: &[u8]) -> Option<u32> {
    let name = name.strip_suffix(b")")?;
    if !name.first()?.is_ascii_digit() {
        return None;
    }
    let text = std::str::from_utf8(name).ok()?;
    let (before, id) = text.rsplit_once("(table @")?;
    if !before.contains(" / part of key (") {
        return None;
    }
    id.parse().ok()
}

/// For each node, who leads to it by an edge that keeps it alive.
#[derive(Debug)]
pub struct Retainers {
    first: Vec<u32>,
    from: Vec<u32>,
}

impl Retainers {
    /// Turns all edges round.
    pub fn new(graph: &Graph, strength: &Strength) -> Self {
        let nodes = graph.nodes();
        let mut first = vec![0u32; nodes + 1];
        for_each_strong(graph, strength, |_, to| first[to as usize + 1] += 1);
        for node in 0..nodes {
            first[node + 1] += first[node];
        }
        let mut from = vec![0u32; first[nodes] as usize];
        let mut next = first.clone();
        for_each_strong(graph, strength, |node, to| {
            from[next[to as usize] as usize] = node;
            next[to as usize] += 1;
        });
        Self { first, from }
    }

    /// Who leads to `node`, once for each edge.
    pub fn of(&self, node: u32) -> &[u32] {
        &self.from[self.first[node as usize] as usize..self.first[node as usize + 1] as usize]
    }
}

fn for_each_strong(graph: &Graph, strength: &Strength, mut tell: impl FnMut(u32, u32)) {
    for node in 0..graph.nodes() as u32 {
        for index in graph.range(node) {
            if strength.keeps(graph, node, index) {
                tell(node, graph.edge_targets[index]);
            }
        }
    }
}

/// The dominator tree: a node keeps alive what it dominates.
#[derive(Debug)]
pub struct Dominators {
    idom: Vec<u32>,
    retained: Vec<u64>,
}

/// The work of [`Dominators::new`], in numbers of a depth-first walk.
struct Work {
    node_of: Vec<u32>,
    number_of: Vec<u32>,
    parent: Vec<u32>,
}

impl Dominators {
    /// The algorithm is Semi-NCA (Georgiadis, Linear-Time Algorithms for Dominators and Related Problems, 2005), without
    /// recursion: the depth of a heap has no bound.
    pub fn new(graph: &Graph, strength: &Strength, retainers: &Retainers) -> Self {
        let work = walk(graph, strength);
        let idom_numbers = semi_nca(&work, retainers);
        let nodes = graph.nodes();
        let mut idom = vec![NOBODY; nodes];
        let mut retained = graph.sizes.clone();
        for number in (1..work.node_of.len()).rev() {
            let node = work.node_of[number];
            let above = work.node_of[idom_numbers[number] as usize];
            idom[node as usize] = above;
            retained[above as usize] = retained[above as usize].saturating_add(retained[node as usize]);
        }
        Self { idom, retained }
    }

    /// The immediate dominator of `node`. None if it is the root, or the root does not lead to it.
    pub fn above(&self, node: u32) -> Option<u32> {
        self.idom.get(node as usize).copied().filter(|&above| above != NOBODY)
    }

    /// Whether the root leads to `node`.
    pub fn is_alive(&self, node: u32) -> bool {
        node == 0 || self.above(node).is_some()
    }

    /// What would be freed if `node` were, itself included, in bytes.
    pub fn retained(&self, node: u32) -> u64 {
        self.retained[node as usize]
    }

    /// The retained size of each class of nodes: of nodes that no other node of their class dominates.
    ///
    /// `class_of` gives the number of a node's class, below `classes`.
    pub fn by_class(&self, classes: usize, class_of: &[u32]) -> Vec<u64> {
        let nodes = self.idom.len();
        // Children of each node, as lists.
        let mut first_child = vec![NOBODY; nodes];
        let mut sibling = vec![NOBODY; nodes];
        for node in (0..nodes).rev() {
            if let Some(above) = self.above(node as u32) {
                sibling[node] = std::mem::replace(&mut first_child[above as usize], node as u32);
            }
        }
        let mut sums = vec![0u64; classes];
        let mut inside = vec![0u32; classes];
        let mut stack: Vec<(u32, bool)> = vec![(0, false)];
        while let Some((node, leaving)) = stack.pop() {
            let class = class_of[node as usize] as usize;
            if leaving {
                inside[class] -= 1;
                continue;
            }
            if inside[class] == 0 {
                sums[class] = sums[class].saturating_add(self.retained[node as usize]);
            }
            inside[class] += 1;
            stack.push((node, true));
            let mut child = first_child[node as usize];
            while child != NOBODY {
                stack.push((child, false));
                child = sibling[child as usize];
            }
        }
        sums
    }
}

/// Numbers all nodes that the root leads to, depth first.
fn walk(graph: &Graph, strength: &Strength) -> Work {
    let nodes = graph.nodes();
    let mut work = Work { node_of: vec![0], number_of: vec![NOBODY; nodes], parent: vec![0] };
    work.number_of[0] = 0;
    let mut stack: Vec<(u32, u32)> = vec![(0, graph.range(0).start as u32)];
    while let Some(top) = stack.last_mut() {
        let (node, index) = (top.0, top.1 as usize);
        if index == graph.range(node).end {
            stack.pop();
            continue;
        }
        top.1 += 1;
        let to = graph.edge_targets[index];
        if work.number_of[to as usize] != NOBODY || !strength.keeps(graph, node, index) {
            continue;
        }
        work.number_of[to as usize] = work.node_of.len() as u32;
        work.parent.push(work.number_of[node as usize]);
        work.node_of.push(to);
        stack.push((to, graph.range(to).start as u32));
    }
    work
}

/// The immediate dominators, all in numbers of the walk.
fn semi_nca(work: &Work, retainers: &Retainers) -> Vec<u32> {
    let count = work.node_of.len();
    let mut semi: Vec<u32> = (0..count as u32).collect();
    let mut label = semi.clone();
    let mut ancestor = work.parent.clone();
    let mut stack = Vec::new();
    for number in (1..count).rev() {
        let mut least = work.parent[number];
        for &from in retainers.of(work.node_of[number]) {
            let from = work.number_of[from as usize];
            if from != NOBODY {
                let best = evaluate(from, number as u32 + 1, &mut ancestor, &mut label, &semi, &mut stack);
                least = least.min(semi[best as usize]);
            }
        }
        semi[number] = least;
    }
    let mut idom = work.parent.clone();
    for number in 1..count {
        let mut candidate = idom[number];
        while candidate > semi[number] {
            candidate = idom[candidate as usize];
        }
        idom[number] = candidate;
    }
    idom
}

/// The node of least semidominator on the way up from `number`, among those from `linked` on; shortens the way.
fn evaluate(
    number: u32,
    linked: u32,
    ancestor: &mut [u32],
    label: &mut [u32],
    semi: &[u32],
    stack: &mut Vec<u32>,
) -> u32 {
    if ancestor[number as usize] < linked {
        return label[number as usize];
    }
    let mut top = number;
    while ancestor[top as usize] >= linked {
        stack.push(top);
        top = ancestor[top as usize];
    }
    let mut best = label[top as usize];
    let up = ancestor[top as usize];
    while let Some(node) = stack.pop() {
        ancestor[node as usize] = up;
        if semi[best as usize] < semi[label[node as usize] as usize] {
            label[node as usize] = best;
        } else {
            best = label[node as usize];
        }
    }
    label[number as usize]
}
