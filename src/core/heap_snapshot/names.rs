//! The names that V8 gives to its own edges and nodes, as indices of strings.

use super::graph::{EdgeKind, Graph, NodeKind, Strings};

macro_rules! names {
    ($($(#[$doc:meta])* $field:ident = $text:literal,)*) => {
        /// The index of each name, or one that no string has.
        #[derive(Debug, Clone, Copy)]
        pub struct Names { $($(#[$doc])* pub $field: u32,)* }

        impl Names {
            /// Finds them.
            pub fn new(strings: &Strings) -> Self {
                let mut names = Self { $($field: u32::MAX,)* };
                for index in 0..strings.len() as u32 {
                    match strings.bytes(index) {
                        $($text => names.$field = index,)*
                        _ => (),
                    }
                }
                names
            }
        }
    };
}

names! {
    /// The hash table of a Map or a Set.
    table = b"table",
    /// The indexed properties of an object.
    elements = b"elements",
    /// The named properties of an object that has many.
    properties = b"properties",
    /// The ArrayBuffer of a view.
    buffer = b"buffer",
    /// The memory of an ArrayBuffer.
    backing_store = b"backing_store",
    /// The variables that a function sees.
    context = b"context",
    /// The next outer context.
    previous = b"previous",
    /// What functions of the same source share.
    shared = b"shared",
    /// The script of what is shared, in V8 before 12.
    script_or_debug_info = b"script_or_debug_info",
    /// The script of what is shared.
    script = b"script",
    /// What describes a context.
    scope_info = b"scope_info",
    /// The function of a generator.
    function = b"function",
    /// The variables of a generator that is suspended.
    registers = b"parameters_and_registers",
    /// What a context has besides.
    extension = b"extension",
    /// What is in a cell.
    value = b"value",
    /// The hidden class.
    map = b"map",
    /// The prototype.
    proto = b"__proto__",
    /// The constructor of a prototype.
    constructor = b"constructor",
    /// The prototype of instances.
    prototype = b"prototype",
    /// The context of a realm.
    native_context = b"system / NativeContext",
    /// The global object of a realm.
    global_object = b"global_object",
    /// A variable that a module exports.
    cell = b"system / Cell",
    /// A variable that is assigned to more than once, from V8 13 on.
    context_cell = b"system / ContextCell",
    /// A module.
    module = b"system / SourceTextModule",
    /// What is deleted, from V8 12 on.
    hole = b"system / Hole",
    /// `undefined`, `null`, `true`, `false`; before V8 12 what is deleted, too.
    oddball = b"system / Oddball",
}

/// The number that an internal edge has for a name: its place in a table. None if it has another name.
pub fn numbered(graph: &Graph, index: usize) -> Option<u32> {
    if graph.edge_kinds[index] != EdgeKind::Internal {
        return None;
    }
    let name = graph.strings().bytes(graph.edge_names[index]);
    let digits = name.len() <= 9 && !name.is_empty() && name.iter().all(u8::is_ascii_digit);
    digits.then(|| name.iter().fold(0, |number, &digit| number * 10 + u32::from(digit - b'0')))
}

/// Whether a node is an object of JavaScript, and none of V8's own.
pub fn is_plain_object(graph: &Graph, node: u32) -> bool {
    graph.kind(node) == NodeKind::Object && !graph.name(node).starts_with(b"system / ")
}
