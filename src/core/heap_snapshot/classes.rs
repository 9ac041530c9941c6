//! How many objects of each class there are, and how large they are.

use std::collections::HashMap;

use super::graph::{Graph, NodeKind};

/// All nodes of one class.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Class {
    /// The constructor's name, or the kind in brackets.
    pub name: String,
    /// How many.
    pub count: u64,
    /// Their own sizes, in bytes.
    pub size: u64,
}

/// The classes of a graph.
#[derive(Debug)]
pub struct Classes {
    /// Each class once.
    pub list: Vec<Class>,
    /// The index of each node's class.
    pub of: Vec<u32>,
}

impl Classes {
    /// Sorts all nodes into classes, named as DevTools names them.
    pub fn new(graph: &Graph) -> Self {
        let mut list = Vec::new();
        let mut by_name: HashMap<Vec<u8>, u32> = HashMap::new();
        // Two nodes of equal kind and name are of one class: most are found here.
        let mut by_index: HashMap<(NodeKind, u32), u32> = HashMap::new();
        let mut of = Vec::with_capacity(graph.nodes());
        for node in 0..graph.nodes() as u32 {
            let kind = graph.kind(node);
            let own = matches!(kind, NodeKind::Object | NodeKind::Native);
            let key = (kind, if own { graph.name_index(node) } else { 0 });
            let class = *by_index.entry(key).or_insert_with(|| {
                let name = if own { graph.name(node) } else { class_of_kind(kind).as_bytes() };
                *by_name.entry(name.to_vec()).or_insert_with(|| {
                    list.push(Class { name: String::from_utf8_lossy(name).into_owned(), count: 0, size: 0 });
                    list.len() as u32 - 1
                })
            });
            let entry: &mut Class = &mut list[class as usize];
            entry.count += 1;
            entry.size = entry.size.saturating_add(graph.size(node));
            of.push(class);
        }
        Self { list, of }
    }
}

fn class_of_kind(kind: NodeKind) -> &'static str {
    match kind {
        NodeKind::Closure => "Function",
        NodeKind::Regexp => "RegExp",
        NodeKind::Code => "(compiled code)",
        NodeKind::Hidden => "(hidden)",
        NodeKind::Array => "(array)",
        NodeKind::String => "(string)",
        NodeKind::Number => "(number)",
        NodeKind::Synthetic => "(synthetic)",
        NodeKind::ConcatenatedString => "(concatenated string)",
        NodeKind::SlicedString => "(sliced string)",
        NodeKind::Symbol => "(symbol)",
        NodeKind::BigInt => "(bigint)",
        NodeKind::Shape => "(object shape)",
        NodeKind::Object | NodeKind::Native | NodeKind::Other => "(other)",
    }
}
