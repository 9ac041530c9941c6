//! The graph of a heap: nodes, edges, names, in flat arrays.

use std::borrow::Cow;
use std::ops::Range;

/// What a node is. V8's own list, by name; what it adds some day is `Other`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum NodeKind {
    /// Anything V8 does not show: maps, cells, oddballs.
    Hidden,
    /// A backing store of elements, properties or a table.
    Array,
    /// A string.
    String,
    /// An object of JavaScript, or a context.
    Object,
    /// Code, scripts, what functions share.
    Code,
    /// A function.
    Closure,
    /// A regular expression.
    Regexp,
    /// A number that has an object of its own.
    Number,
    /// Memory outside of the heap that an object stands for.
    Native,
    /// A root, or a group of them.
    Synthetic,
    /// A string of two that are not copied together yet.
    ConcatenatedString,
    /// A part of another string.
    SlicedString,
    /// A symbol.
    Symbol,
    /// A BigInt.
    BigInt,
    /// A hidden class.
    Shape,
    /// None of these.
    Other,
}

impl NodeKind {
    /// The kind that a snapshot calls `name`.
    pub fn from_name(name: &[u8]) -> Self {
        match name {
            b"hidden" => Self::Hidden,
            b"array" => Self::Array,
            b"string" => Self::String,
            b"object" => Self::Object,
            b"code" => Self::Code,
            b"closure" => Self::Closure,
            b"regexp" => Self::Regexp,
            b"number" => Self::Number,
            b"native" => Self::Native,
            b"synthetic" => Self::Synthetic,
            b"concatenated string" => Self::ConcatenatedString,
            b"sliced string" => Self::SlicedString,
            b"symbol" => Self::Symbol,
            b"bigint" => Self::BigInt,
            b"object shape" => Self::Shape,
            _ => Self::Other,
        }
    }

    /// As a snapshot calls it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Hidden => "hidden",
            Self::Array => "array",
            Self::String => "string",
            Self::Object => "object",
            Self::Code => "code",
            Self::Closure => "closure",
            Self::Regexp => "regexp",
            Self::Number => "number",
            Self::Native => "native",
            Self::Synthetic => "synthetic",
            Self::ConcatenatedString => "concatenated string",
            Self::SlicedString => "sliced string",
            Self::Symbol => "symbol",
            Self::BigInt => "bigint",
            Self::Shape => "object shape",
            Self::Other => "other",
        }
    }
}

/// What an edge is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum EdgeKind {
    /// A variable in a context. Its name is a string.
    Context,
    /// An element. Its name is a number.
    Element,
    /// A property. Its name is a string.
    Property,
    /// V8's own. Its name is a string.
    Internal,
    /// V8's own, without a name: a number.
    Hidden,
    /// From the root to where a reader would begin. Its name is a string.
    Shortcut,
    /// Does not keep alive. Its name is a string.
    Weak,
    /// None of these: taken as `Internal`.
    Other,
}

impl EdgeKind {
    /// The kind that a snapshot calls `name`.
    pub fn from_name(name: &[u8]) -> Self {
        match name {
            b"context" => Self::Context,
            b"element" => Self::Element,
            b"property" => Self::Property,
            b"internal" => Self::Internal,
            b"hidden" => Self::Hidden,
            b"shortcut" => Self::Shortcut,
            b"weak" => Self::Weak,
            _ => Self::Other,
        }
    }

    /// Whether the edge's name is a number, and not the index of a string.
    pub fn is_numbered(self) -> bool {
        matches!(self, Self::Element | Self::Hidden)
    }
}

/// Strings, one behind the other.
#[derive(Debug, Default)]
pub struct Strings {
    pub(super) bytes: Vec<u8>,
    /// Where each ends.
    pub(super) ends: Vec<u32>,
}

impl Strings {
    /// How many there are.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// The bytes of string `index`, which is empty if there is none. Nobody has checked that they are UTF-8.
    pub fn bytes(&self, index: u32) -> &[u8] {
        let index = index as usize;
        let Some(&end) = self.ends.get(index) else { return &[] };
        let start = if index == 0 { 0 } else { self.ends[index - 1] };
        &self.bytes[start as usize..end as usize]
    }

    /// String `index` as text.
    pub fn text(&self, index: u32) -> Cow<'_, str> {
        String::from_utf8_lossy(self.bytes(index))
    }

    /// Memory that is taken, in bytes.
    pub fn memory(&self) -> usize {
        self.bytes.capacity() + self.ends.capacity() * size_of::<u32>()
    }
}

/// Where a function, or the constructor of an object, is in its script.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Location {
    /// The node.
    pub node: u32,
    /// V8's number of the script.
    pub script: u32,
    /// From 0.
    pub line: u32,
    /// From 0.
    pub column: u32,
}

/// One edge, copied out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Edge {
    /// What it is.
    pub kind: EdgeKind,
    /// A number or the index of a string: [`EdgeKind::is_numbered`].
    pub name: u32,
    /// The node it leads to.
    pub to: u32,
}

/// The graph of a heap. Every index in it has been checked.
#[derive(Debug, Default)]
pub struct Graph {
    pub(super) kinds: Vec<NodeKind>,
    pub(super) names: Vec<u32>,
    pub(super) ids: Vec<u32>,
    pub(super) sizes: Vec<u64>,
    /// The first edge of each node, and the number of edges at the end.
    pub(super) first: Vec<u32>,
    pub(super) edge_kinds: Vec<EdgeKind>,
    pub(super) edge_names: Vec<u32>,
    pub(super) edge_targets: Vec<u32>,
    /// In order of nodes.
    pub(super) locations: Vec<Location>,
    pub(super) strings: Strings,
}

impl Graph {
    /// How many nodes there are. The first is the root.
    pub fn nodes(&self) -> usize {
        self.kinds.len()
    }

    /// How many edges there are.
    pub fn edges(&self) -> usize {
        self.edge_kinds.len()
    }

    /// What a node is.
    pub fn kind(&self, node: u32) -> NodeKind {
        self.kinds[node as usize]
    }

    /// The index of a node's name.
    pub fn name_index(&self, node: u32) -> u32 {
        self.names[node as usize]
    }

    /// The name of a node: of an object its class.
    pub fn name(&self, node: u32) -> &[u8] {
        self.strings.bytes(self.names[node as usize])
    }

    /// The same number in each snapshot of a process.
    pub fn id(&self, node: u32) -> u32 {
        self.ids[node as usize]
    }

    /// The node's own size, in bytes.
    pub fn size(&self, node: u32) -> u64 {
        self.sizes[node as usize]
    }

    /// The indices of a node's edges.
    pub fn range(&self, node: u32) -> Range<usize> {
        self.first[node as usize] as usize..self.first[node as usize + 1] as usize
    }

    /// Edge `index`.
    pub fn edge(&self, index: usize) -> Edge {
        Edge { kind: self.edge_kinds[index], name: self.edge_names[index], to: self.edge_targets[index] }
    }

    /// The edges of a node.
    pub fn edges_of(&self, node: u32) -> impl Iterator<Item = Edge> + '_ {
        self.range(node).map(|index| self.edge(index))
    }

    /// The strings.
    pub fn strings(&self) -> &Strings {
        &self.strings
    }

    /// The name of an edge whose name is a string.
    pub fn edge_name(&self, edge: Edge) -> &[u8] {
        if edge.kind.is_numbered() { &[] } else { self.strings.bytes(edge.name) }
    }

    /// Where `node` leads by an internal edge whose name is string `name`.
    pub fn internal(&self, node: u32, name: u32) -> Option<u32> {
        let found = self
            .range(node)
            .find(|&index| self.edge_names[index] == name && self.edge_kinds[index] == EdgeKind::Internal);
        found.map(|index| self.edge_targets[index])
    }

    /// Where a function, or the constructor of an object, is.
    pub fn location(&self, node: u32) -> Option<Location> {
        let at = self.locations.binary_search_by_key(&node, |location| location.node).ok()?;
        self.locations.get(at).copied()
    }

    /// Memory that is taken, in bytes.
    pub fn memory(&self) -> usize {
        self.kinds.capacity()
            + (self.names.capacity() + self.ids.capacity() + self.first.capacity()) * 4
            + self.sizes.capacity() * 8
            + self.edge_kinds.capacity()
            + (self.edge_names.capacity() + self.edge_targets.capacity()) * 4
            + self.locations.capacity() * size_of::<Location>()
            + self.strings.memory()
    }
}
