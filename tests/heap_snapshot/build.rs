//! Snapshots that are made up.

use std::collections::HashMap;
use std::sync::atomic::AtomicBool;

use heapwise::core::heap_snapshot::graph::Graph;
use heapwise::core::heap_snapshot::reader::{ReadError, Reader, read};

/// What is put into a snapshot.
#[derive(Debug, Clone, Default)]
pub struct Made {
    /// Kind, name, id, size.
    pub nodes: Vec<(&'static str, String, u32, u64)>,
    /// From, kind, name (a number for elements and hidden edges), to.
    pub edges: Vec<(usize, &'static str, String, usize)>,
    /// Node, script, line, column.
    pub locations: Vec<(usize, u32, u32, u32)>,
    /// As Node 20 and 22 write them: with `trace_node_id`, and a line for each node.
    pub old: bool,
}

pub const NODE_KINDS: [&str; 15] = [
    "hidden",
    "array",
    "string",
    "object",
    "code",
    "closure",
    "regexp",
    "number",
    "native",
    "synthetic",
    "concatenated string",
    "sliced string",
    "symbol",
    "bigint",
    "object shape",
];
pub const EDGE_KINDS: [&str; 7] = ["context", "element", "property", "internal", "hidden", "shortcut", "weak"];

fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for unit in text.encode_utf16() {
        match char::from_u32(u32::from(unit)) {
            Some(character @ (' '..='~')) if !matches!(character, '"' | '\\') => out.push(character),
            _ => out.push_str(&format!("\\u{unit:04x}")),
        }
    }
    out + "\""
}

fn list(words: &[&str]) -> String {
    let words: Vec<String> = words.iter().map(|word| quoted(word)).collect();
    format!("[{}]", words.join(","))
}

impl Made {
    pub fn node(&mut self, kind: &'static str, name: &str, size: u64) -> usize {
        let id = self.nodes.len() as u32 * 2 + 1;
        self.nodes.push((kind, name.into(), id, size));
        self.nodes.len() - 1
    }

    pub fn edge(&mut self, from: usize, kind: &'static str, name: impl ToString, to: usize) {
        self.edges.push((from, kind, name.to_string(), to));
    }

    /// The text of the snapshot.
    pub fn text(&self) -> String {
        let mut strings: Vec<String> = vec!["<dummy>".into()];
        let mut known: HashMap<String, usize> = HashMap::new();
        let mut string = |text: &str| {
            *known.entry(text.into()).or_insert_with(|| {
                strings.push(text.into());
                strings.len() - 1
            })
        };
        let fields = if self.old { 7 } else { 6 };
        let line = if self.old { "\n" } else { "" };
        let position = |list: &[&str], word: &str| list.iter().position(|other| *other == word).unwrap();
        let (mut nodes, mut edges) = (Vec::new(), Vec::new());
        for (index, (kind, name, id, size)) in self.nodes.iter().enumerate() {
            let own: Vec<_> = self.edges.iter().filter(|edge| edge.0 == index).collect();
            let kind = position(&NODE_KINDS, kind);
            let trace = if self.old { ",0" } else { "" };
            nodes.push(format!("{kind},{},{id},{size},{}{trace},0{line}", string(name), own.len()));
            for (_, kind, name, to) in own {
                let name = match *kind {
                    "element" | "hidden" => name.parse().unwrap(),
                    _ => string(name),
                };
                edges.push(format!("{},{name},{}{line}", position(&EDGE_KINDS, kind), to * fields));
            }
        }
        let locations: Vec<_> = self
            .locations
            .iter()
            .map(|(node, script, line, column)| format!("{},{script},{line},{column}", node * fields))
            .collect();
        let strings: Vec<_> = strings.iter().map(|text| quoted(text)).collect();
        let node_fields: &[&str] = if self.old {
            &["type", "name", "id", "self_size", "edge_count", "trace_node_id", "detachedness"]
        } else {
            &["type", "name", "id", "self_size", "edge_count", "detachedness"]
        };
        let text = [
            format!("{{\"snapshot\":{{\"meta\":{{\"node_fields\":{},", list(node_fields)),
            format!("\"node_types\":[{},\"string\",\"number\"],", list(&NODE_KINDS)),
            "\"edge_fields\":[\"type\",\"name_or_index\",\"to_node\"],".into(),
            format!("\"edge_types\":[{},\"string_or_number\",\"node\"],", list(&EDGE_KINDS)),
            "\"location_fields\":[\"object_index\",\"script_id\",\"line\",\"column\"]},".into(),
            format!("\"node_count\":{},\"edge_count\":{},\"extra\":-1.5e3}},\n", nodes.len(), edges.len()),
            format!("\"nodes\":[{}],\n\"edges\":[{}],\n", nodes.join(","), edges.join(",")),
            "\"trace_function_infos\":[],\"trace_tree\":[{\"a\":[true,false,null]}],\"samples\":[],\n".into(),
            format!("\"locations\":[{}],\n\"strings\":[{}]}}\n", locations.join(","), strings.join(",\n")),
        ];
        text.concat()
    }

    pub fn graph(&self) -> Graph {
        whole(self.text().as_bytes()).unwrap()
    }
}

/// Read at once.
pub fn whole(bytes: &[u8]) -> Result<Graph, ReadError> {
    read(bytes, bytes.len() as u64, &AtomicBool::new(false))
}

/// Read in pieces that end at `cuts`.
pub fn pieces(bytes: &[u8], cuts: &[usize]) -> Result<Graph, ReadError> {
    let mut reader = Reader::new(bytes.len() as u64);
    let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut % (bytes.len() + 1)).collect();
    cuts.extend([0, bytes.len()]);
    cuts.sort_unstable();
    for pair in cuts.windows(2) {
        reader.push(&bytes[pair[0]..pair[1]])?;
    }
    reader.finish()
}
