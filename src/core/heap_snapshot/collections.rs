//! Which nodes are collections, and how many entries they have.

use super::graph::{EdgeKind, Graph, NodeKind};
use super::names::{Names, is_plain_object, numbered};

/// What sort of collection it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Sort {
    /// A `Map`, or a class derived from it.
    Map,
    /// A `Set`, or a class derived from it.
    Set,
    /// An array.
    Array,
    /// An object with many properties.
    Object,
}

impl Sort {
    /// In a word.
    pub fn name(self) -> &'static str {
        match self {
            Self::Map => "Map",
            Self::Set => "Set",
            Self::Array => "Array",
            Self::Object => "object",
        }
    }
}

/// A collection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Collection {
    /// Its node.
    pub node: u32,
    /// What it is.
    pub sort: Sort,
    /// How many entries it has.
    pub entries: u32,
    /// Small integers are no nodes. Of a collection that holds nothing else there is only the room that it has.
    pub estimated: bool,
    /// The size of the object and its tables, in bytes, without what is in them.
    pub bytes: u64,
}

/// The views of memory in a collection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Views {
    /// Buffers, typed arrays and DataViews.
    pub views: u32,
    /// How many pieces of memory they are views of.
    pub memories: u32,
    /// The size of all of that memory, in bytes.
    pub bytes: u64,
}

/// Bytes of a pointer, and of the head of a backing store.
const WORD: u64 = 8;
const HEAD: u64 = 2;

/// Finds all collections of at least `floor` entries.
pub fn find(graph: &Graph, names: &Names, floor: u32) -> Vec<Collection> {
    let nodes = 0..graph.nodes() as u32;
    let objects = nodes.filter(|&node| is_plain_object(graph, node));
    objects.filter_map(|node| measure(graph, names, node, floor)).filter(|found| found.entries >= floor).collect()
}

/// The collection that `node` is. None if it is none, or clearly smaller than `floor`.
pub fn measure(graph: &Graph, names: &Names, node: u32, floor: u32) -> Option<Collection> {
    let (mut elements, mut properties, mut backing, mut dictionary, mut table) = (0u32, 0u32, None, None, None);
    for index in graph.range(node) {
        let name = graph.edge_names[index];
        match graph.edge_kinds[index] {
            EdgeKind::Element => elements += 1,
            EdgeKind::Property if name != names.proto => properties += 1,
            EdgeKind::Internal if name == names.table => table = Some(graph.edge_targets[index]),
            EdgeKind::Internal if name == names.elements => backing = Some(graph.edge_targets[index]),
            EdgeKind::Internal if name == names.properties => dictionary = Some(graph.edge_targets[index]),
            _ => (),
        }
    }
    if let Some(table) = table {
        return measure_table(graph, names, node, table);
    }
    let class = graph.name(node);
    let is_array = class == b"Array" || (backing.is_some() && class.ends_with(b"Array") && properties <= 2);
    let room = backing.map_or(0, |backing| array_length(graph, backing));
    let named = dictionary.map_or(0, |dictionary| dictionary_entries(graph, names, dictionary, properties, floor));
    let seen = if is_array { elements } else { elements.saturating_add(properties.max(named)) };
    // All but nothing of it is seen: numbers.
    let estimated = room >= floor && elements <= room / 16;
    let entries = if estimated { seen.max(room) } else { seen };
    let tables = backing.into_iter().chain(dictionary).map(|array| graph.size(array)).sum::<u64>();
    let sort = if is_array { Sort::Array } else { Sort::Object };
    Some(Collection { node, sort, entries, estimated, bytes: graph.size(node).saturating_add(tables) })
}

/// How many words a backing store has room for.
fn array_length(graph: &Graph, array: u32) -> u32 {
    let own = graph.kind(array) == NodeKind::Array;
    if own { u32::try_from((graph.size(array) / WORD).saturating_sub(HEAD)).unwrap_or(u32::MAX) } else { 0 }
}

/// The entries of a dictionary of properties: keys are strings or symbols, at every third place.
fn dictionary_entries(graph: &Graph, names: &Names, dictionary: u32, properties: u32, floor: u32) -> u32 {
    let range = graph.range(dictionary);
    // With a node for each value, all properties are seen on the object.
    if graph.kind(dictionary) != NodeKind::Array || (range.len() as u32) < floor.max(properties) {
        return 0;
    }
    let mut at = [0u32; 3];
    for index in range {
        let target = graph.edge_targets[index];
        let key = matches!(
            graph.kind(target),
            NodeKind::String | NodeKind::Symbol | NodeKind::ConcatenatedString | NodeKind::SlicedString
        );
        if key
            && !is_hole(graph, names, target)
            && let Some(place) = numbered(graph, index)
        {
            at[place as usize % 3] += 1;
        }
    }
    at.into_iter().max().unwrap_or(0)
}

fn is_hole(graph: &Graph, names: &Names, node: u32) -> bool {
    graph.kind(node) == NodeKind::Hidden && graph.name_index(node) == names.hole
}

/// A Map or a Set. Its table is `3 + buckets` words, then three for each entry of a Map (key, value, chain) and two for one
/// of a Set, with room for two entries a bucket.
fn measure_table(graph: &Graph, names: &Names, node: u32, table: u32) -> Option<Collection> {
    let class = graph.name(node);
    if graph.kind(table) != NodeKind::Array || class.ends_with(b" Iterator") {
        return None;
    }
    let words = array_length(graph, table).saturating_sub(3);
    // A power of two tells which of both it is; a derived class may have any name.
    let (stride, buckets) = match (words % 7, words % 5) {
        (0, _) if (words / 7).is_power_of_two() => (3, words / 7),
        (_, 0) if (words / 5).is_power_of_two() => (2, words / 5),
        _ => return None,
    };
    let first = 3 + buckets;
    let mut entries = 0u32;
    let mut last = u32::MAX;
    let mut deleted = u32::MAX;
    let mut seen = 0u32;
    for index in graph.range(table) {
        if graph.edge_kinds[index] == EdgeKind::Weak {
            return None;
        }
        let Some(place) = numbered(graph, index).and_then(|place| place.checked_sub(first)) else { continue };
        seen += 1;
        let (entry, field) = (place / stride, place % stride);
        let target = graph.edge_targets[index];
        // A key that is deleted is a hole, an oddball in older versions: there `true` and `undefined` are as well.
        if field == 0 && (is_hole(graph, names, target) || is_the_hole(graph, names, target)) {
            deleted = entry;
        } else if entry != last && entry != deleted {
            last = entry;
            entries += 1;
        }
    }
    // A table is as full as half of its room at least, or it would be smaller; save for the smallest.
    let estimated = seen == 0 && buckets > 8;
    let entries = if estimated { buckets } else { entries };
    let sort = if stride == 3 { Sort::Map } else { Sort::Set };
    let bytes = graph.size(node).saturating_add(graph.size(table));
    Some(Collection { node, sort, entries, estimated, bytes })
}

/// Node 20 names each oddball after its text, and calls this one so.
fn is_the_hole(graph: &Graph, names: &Names, node: u32) -> bool {
    graph.kind(node) == NodeKind::Hidden
        && graph.name_index(node) == names.oddball
        && graph.edges_of(node).any(|edge| graph.name(edge.to) == b"hole")
}

/// Finds views of memory in collections.
#[derive(Debug)]
pub struct ViewFinder {
    /// For each node the memory that it is a view of, as a node, or 0.
    memory: Vec<u32>,
    /// For which question a memory has been counted last.
    stamp: Vec<u32>,
    question: u32,
    any: bool,
}

impl ViewFinder {
    /// Finds all views.
    pub fn new(graph: &Graph, names: &Names) -> Self {
        let mut memory = vec![0; graph.nodes()];
        let mut any = false;
        for node in 0..graph.nodes() as u32 {
            if is_plain_object(graph, node)
                && let Some(buffer) = graph.internal(node, names.buffer)
                && let Some(store) = graph.internal(buffer, names.backing_store)
            {
                memory[node as usize] = store;
                any = true;
            }
        }
        Self { stamp: vec![0; if any { memory.len() } else { 0 }], question: 0, memory, any }
    }

    /// Whether there is no view at all.
    pub fn is_empty(&self) -> bool {
        !self.any
    }

    /// The views that are entries of `collection`, or properties of entries.
    pub fn within(&mut self, graph: &Graph, names: &Names, collection: u32) -> Views {
        let mut sum = Views::default();
        if !self.any {
            return sum;
        }
        self.question += 1;
        for edge in graph.edges_of(collection) {
            match edge.kind {
                EdgeKind::Element => self.entry(graph, names, edge.to, &mut sum),
                EdgeKind::Property if edge.name != names.proto => {
                    self.entry(graph, names, edge.to, &mut sum);
                }
                EdgeKind::Internal if edge.name == names.table => {
                    for index in graph.range(edge.to) {
                        self.entry(graph, names, graph.edge_targets[index], &mut sum);
                    }
                }
                _ => (),
            }
        }
        sum
    }

    fn entry(&mut self, graph: &Graph, names: &Names, entry: u32, sum: &mut Views) {
        if self.count(graph, entry, sum) || !is_plain_object(graph, entry) {
            return;
        }
        let range = graph.range(entry);
        if range.len() > 64 {
            return;
        }
        for index in range {
            let kind = graph.edge_kinds[index];
            if matches!(kind, EdgeKind::Property | EdgeKind::Element) && graph.edge_names[index] != names.proto {
                self.count(graph, graph.edge_targets[index], sum);
            }
        }
    }

    fn count(&mut self, graph: &Graph, node: u32, sum: &mut Views) -> bool {
        let memory = self.memory[node as usize];
        if memory == 0 {
            return false;
        }
        sum.views = sum.views.saturating_add(1);
        if self.stamp[memory as usize] != self.question {
            self.stamp[memory as usize] = self.question;
            sum.memories += 1;
            sum.bytes = sum.bytes.saturating_add(graph.size(memory));
        }
        true
    }
}
