//! From the events of the lexer to a graph: which number means what, and whether it can be.

use super::graph::{EdgeKind, Graph, Location, NodeKind};
use super::lexer::{Event, Listener, Refusal};

/// What is kept of a string. V8 itself cuts strings at 1024 characters.
const MOST_TEXT: usize = 4096;
/// Kept of a name of a member, and of what is not looked at.
const MOST_KEY: usize = 64;
/// A node takes at least so many bytes of text; an edge too: `0,1,2,3,4,5,` and `0,1,2,`.
const NODE_TEXT: u64 = 10;
const EDGE_TEXT: u64 = 5;

/// What a member of the top object holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Section {
    None,
    Description,
    Nodes,
    Edges,
    Locations,
    Strings,
    Other,
}

/// What a number in `nodes` means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum NodeField {
    Kind,
    Name,
    Id,
    Size,
    Edges,
    Other,
}

/// What a number in `edges` means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum EdgeField {
    Kind,
    Name,
    Target,
    Other,
}

/// What a number in `locations` means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum LocationField {
    Node,
    Script,
    Line,
    Column,
    Other,
}

/// The lists of words in the description.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum List {
    None,
    NodeFields,
    NodeKinds,
    EdgeFields,
    EdgeKinds,
    LocationFields,
}

/// A graph that is being made from what the lexer tells.
#[derive(Debug)]
pub(super) struct Build {
    graph: Graph,
    section: Section,
    depth: usize,
    seen: Vec<Section>,
    /// The lists of the description.
    list: List,
    /// `node_types` is a list of a list and of words; likewise `edge_types`.
    lists_in_list: u32,
    member: Vec<u8>,
    node_fields: Vec<NodeField>,
    node_kinds: Vec<NodeKind>,
    edge_fields: Vec<EdgeField>,
    edge_kinds: Vec<EdgeKind>,
    location_fields: Vec<LocationField>,
    declared_nodes: Option<u64>,
    declared_edges: Option<u64>,
    /// Where in a node, an edge or a location.
    column: usize,
    /// Edges of all nodes so far.
    edge_sum: u64,
    location: Location,
    /// How long the text is at most.
    text_length: u64,
}

fn content(what: impl Into<String>) -> Refusal {
    Refusal::Content(what.into())
}

fn small(number: u64, what: &str) -> Result<u32, Refusal> {
    u32::try_from(number).map_err(|_| content(format!("{what} of {number}")))
}

impl Listener for Build {
    fn event(&mut self, event: Event<'_>) -> Result<(), Refusal> {
        match event {
            Event::ObjectStart | Event::ArrayStart => self.depth += 1,
            Event::ObjectEnd | Event::ArrayEnd => self.depth -= 1,
            _ => (),
        }
        match self.section {
            Section::Nodes => self.node_event(event),
            Section::Edges => self.edge_event(event),
            Section::Strings => self.string_event(event),
            Section::Locations => self.location_event(event),
            Section::Description => self.description_event(event),
            Section::None => self.top_event(event),
            Section::Other => {
                self.leave();
                Ok(())
            }
        }
    }

    fn most_text(&self) -> usize {
        if self.section == Section::Strings { MOST_TEXT } else { MOST_KEY }
    }
}

impl Build {
    pub(super) fn new(text_length: u64) -> Self {
        Self {
            graph: Graph::default(),
            section: Section::None,
            depth: 0,
            seen: Vec::new(),
            list: List::None,
            lists_in_list: 0,
            member: Vec::new(),
            node_fields: Vec::new(),
            node_kinds: Vec::new(),
            edge_fields: Vec::new(),
            edge_kinds: Vec::new(),
            location_fields: Vec::new(),
            declared_nodes: None,
            declared_edges: None,
            column: 0,
            edge_sum: 0,
            location: Location { node: 0, script: 0, line: 0, column: 0 },
            text_length,
        }
    }

    /// A value of the top object may be over.
    fn leave(&mut self) {
        if self.depth == 1 {
            self.section = Section::None;
        }
    }

    fn top_event(&mut self, event: Event<'_>) -> Result<(), Refusal> {
        match event {
            Event::ObjectStart if self.depth == 1 => Ok(()),
            Event::ObjectEnd if self.depth == 0 => Ok(()),
            Event::Key(key) => self.enter(key),
            _ => Err(content("it is no object")),
        }
    }

    fn enter(&mut self, key: &[u8]) -> Result<(), Refusal> {
        let section = match key {
            b"snapshot" => Section::Description,
            b"nodes" => Section::Nodes,
            b"edges" => Section::Edges,
            b"locations" => Section::Locations,
            b"strings" => Section::Strings,
            _ => Section::Other,
        };
        if section != Section::Other {
            if self.seen.contains(&section) {
                return Err(content(format!("'{}' comes twice", String::from_utf8_lossy(key))));
            }
            self.seen.push(section);
        }
        self.column = 0;
        match section {
            Section::Nodes => self.begin_nodes()?,
            Section::Edges => self.begin_edges()?,
            Section::Locations if self.node_fields.is_empty() => return Err(content("locations before nodes")),
            _ => (),
        }
        self.section = section;
        Ok(())
    }

    // ---- the description

    fn description_event(&mut self, event: Event<'_>) -> Result<(), Refusal> {
        match event {
            Event::Key(key) => {
                self.member.clear();
                self.member.extend_from_slice(key);
                self.lists_in_list = 0;
                self.list = match (self.depth, key) {
                    (3, b"node_fields") => List::NodeFields,
                    (3, b"node_types") => List::NodeKinds,
                    (3, b"edge_fields") => List::EdgeFields,
                    (3, b"edge_types") => List::EdgeKinds,
                    (3, b"location_fields") => List::LocationFields,
                    _ => List::None,
                };
            }
            Event::Text(text) => self.word(text)?,
            Event::Number(number) if self.depth == 2 => match self.member.as_slice() {
                b"node_count" => self.declared_nodes = Some(number),
                b"edge_count" => self.declared_edges = Some(number),
                _ => (),
            },
            Event::ArrayStart if self.depth == 5 => self.lists_in_list += 1,
            Event::ObjectEnd => self.leave(),
            _ => (),
        }
        Ok(())
    }

    fn word(&mut self, word: &[u8]) -> Result<(), Refusal> {
        // More than any version has: nobody may fill the memory with them.
        let most = 1 << 8;
        let many = || content("too many fields or kinds");
        match self.list {
            List::NodeFields if self.depth == 4 => {
                let field = match word {
                    b"type" => NodeField::Kind,
                    b"name" => NodeField::Name,
                    b"id" => NodeField::Id,
                    b"self_size" => NodeField::Size,
                    b"edge_count" => NodeField::Edges,
                    _ => NodeField::Other,
                };
                push(&mut self.node_fields, field, most).ok_or_else(many)
            }
            List::EdgeFields if self.depth == 4 => {
                let field = match word {
                    b"type" => EdgeField::Kind,
                    b"name_or_index" => EdgeField::Name,
                    b"to_node" => EdgeField::Target,
                    _ => EdgeField::Other,
                };
                push(&mut self.edge_fields, field, most).ok_or_else(many)
            }
            List::LocationFields if self.depth == 4 => {
                let field = match word {
                    b"object_index" => LocationField::Node,
                    b"script_id" => LocationField::Script,
                    b"line" => LocationField::Line,
                    b"column" => LocationField::Column,
                    _ => LocationField::Other,
                };
                push(&mut self.location_fields, field, most).ok_or_else(many)
            }
            List::NodeKinds if self.depth == 5 && self.lists_in_list == 1 => {
                push(&mut self.node_kinds, NodeKind::from_name(word), most).ok_or_else(many)
            }
            List::EdgeKinds if self.depth == 5 && self.lists_in_list == 1 => {
                push(&mut self.edge_kinds, EdgeKind::from_name(word), most).ok_or_else(many)
            }
            _ => Ok(()),
        }
    }

    // ---- nodes

    fn begin_nodes(&mut self) -> Result<(), Refusal> {
        for field in [NodeField::Kind, NodeField::Name, NodeField::Id, NodeField::Size, NodeField::Edges] {
            if self.node_fields.iter().filter(|&&other| other == field).count() != 1 {
                return Err(content("the fields of a node are not described"));
            }
        }
        // Believed only as far as the text can hold so many.
        let count = self.declared_nodes.unwrap_or(0).min(self.text_length / NODE_TEXT) as usize;
        let graph = &mut self.graph;
        let room = graph
            .kinds
            .try_reserve_exact(count)
            .and_then(|()| graph.names.try_reserve_exact(count))
            .and_then(|()| graph.ids.try_reserve_exact(count))
            .and_then(|()| graph.sizes.try_reserve_exact(count))
            .and_then(|()| graph.first.try_reserve_exact(count + 1));
        room.map_err(|_| content("there is no memory for its nodes"))?;
        graph.first.push(0);
        Ok(())
    }

    fn node_event(&mut self, event: Event<'_>) -> Result<(), Refusal> {
        let Event::Number(number) = event else { return self.array_event(event, "nodes", self.node_fields.len()) };
        let graph = &mut self.graph;
        match self.node_fields[self.column] {
            NodeField::Kind => {
                let kind = self.node_kinds.get(number as usize);
                graph.kinds.push(*kind.ok_or_else(|| content(format!("a node of kind {number}")))?);
            }
            NodeField::Name => graph.names.push(small(number, "a name")?),
            NodeField::Id => graph.ids.push(small(number, "an id")?),
            NodeField::Size => graph.sizes.push(number),
            NodeField::Edges => {
                self.edge_sum += number;
                graph.first.push(small(self.edge_sum, "a number of edges")?);
            }
            NodeField::Other => (),
        }
        self.column = if self.column + 1 == self.node_fields.len() { 0 } else { self.column + 1 };
        Ok(())
    }

    /// The brackets of an array of numbers.
    fn array_event(&mut self, event: Event<'_>, name: &str, fields: usize) -> Result<(), Refusal> {
        match event {
            Event::ArrayStart if self.depth == 2 => Ok(()),
            Event::ArrayEnd if self.depth == 1 => {
                if self.column != 0 {
                    return Err(content(format!("the last of the {name} has {} of {fields} fields", self.column)));
                }
                self.leave();
                Ok(())
            }
            _ => Err(content(format!("something in '{name}' that is no number"))),
        }
    }

    // ---- edges

    fn begin_edges(&mut self) -> Result<(), Refusal> {
        for field in [EdgeField::Kind, EdgeField::Name, EdgeField::Target] {
            if self.edge_fields.iter().filter(|&&other| other == field).count() != 1 {
                return Err(content("the fields of an edge are not described"));
            }
        }
        if !self.seen.contains(&Section::Nodes) {
            return Err(content("edges before nodes"));
        }
        let count = self.edge_sum.min(self.text_length / EDGE_TEXT) as usize;
        let graph = &mut self.graph;
        let room = graph
            .edge_kinds
            .try_reserve_exact(count)
            .and_then(|()| graph.edge_names.try_reserve_exact(count))
            .and_then(|()| graph.edge_targets.try_reserve_exact(count));
        room.map_err(|_| content("there is no memory for its edges"))
    }

    fn edge_event(&mut self, event: Event<'_>) -> Result<(), Refusal> {
        let Event::Number(number) = event else { return self.array_event(event, "edges", self.edge_fields.len()) };
        let graph = &mut self.graph;
        match self.edge_fields[self.column] {
            EdgeField::Kind => {
                let kind = self.edge_kinds.get(number as usize);
                graph.edge_kinds.push(*kind.ok_or_else(|| content(format!("an edge of kind {number}")))?);
                if graph.edge_kinds.len() as u64 > self.edge_sum {
                    return Err(content("there are more edges than the nodes have"));
                }
            }
            EdgeField::Name => graph.edge_names.push(small(number, "the name of an edge")?),
            EdgeField::Target => {
                let target = node_at(number, self.node_fields.len(), graph.kinds.len())?;
                graph.edge_targets.push(target);
            }
            EdgeField::Other => (),
        }
        self.column = if self.column + 1 == self.edge_fields.len() { 0 } else { self.column + 1 };
        Ok(())
    }

    // ---- locations and strings

    fn location_event(&mut self, event: Event<'_>) -> Result<(), Refusal> {
        let number = match event {
            Event::Number(number) => number,
            // No position: V8 writes -1.
            Event::Other => 0,
            _ => return self.array_event(event, "locations", self.location_fields.len()),
        };
        let Some(&field) = self.location_fields.get(self.column) else {
            return Err(content("the fields of a location are not described"));
        };
        match field {
            LocationField::Node => {
                self.location.node = node_at(number, self.node_fields.len(), self.graph.kinds.len())?;
            }
            LocationField::Script => self.location.script = small(number, "a script")?,
            LocationField::Line => self.location.line = small(number, "a line")?,
            LocationField::Column => self.location.column = small(number, "a column")?,
            LocationField::Other => (),
        }
        self.column += 1;
        if self.column == self.location_fields.len() {
            self.column = 0;
            self.graph.locations.push(self.location);
        }
        Ok(())
    }

    fn string_event(&mut self, event: Event<'_>) -> Result<(), Refusal> {
        let Event::Text(text) = event else {
            return match event {
                Event::ArrayStart if self.depth == 2 => Ok(()),
                Event::ArrayEnd if self.depth == 1 => {
                    self.leave();
                    Ok(())
                }
                _ => Err(content("something in 'strings' that is no string")),
            };
        };
        let strings = &mut self.graph.strings;
        strings.bytes.extend_from_slice(text);
        strings.ends.push(small(strings.bytes.len() as u64, "a length of all strings")?);
        Ok(())
    }

    // ---- at the end

    pub(super) fn finish(mut self) -> Result<Graph, Refusal> {
        for (section, name) in [(Section::Nodes, "nodes"), (Section::Edges, "edges"), (Section::Strings, "strings")] {
            if !self.seen.contains(&section) {
                return Err(content(format!("there is no '{name}'")));
            }
        }
        let graph = &mut self.graph;
        let (nodes, edges, strings) = (graph.kinds.len() as u64, graph.edge_kinds.len() as u64, graph.strings.len());
        if nodes == 0 {
            return Err(content("there are no nodes"));
        }
        if edges != self.edge_sum {
            return Err(content(format!("the nodes have {} edges, and there are {edges}", self.edge_sum)));
        }
        if self.declared_nodes.is_some_and(|count| count != nodes) {
            return Err(content(format!("it says another number of nodes than there are: {nodes}")));
        }
        if self.declared_edges.is_some_and(|count| count != edges) {
            return Err(content(format!("it says another number of edges than there are: {edges}")));
        }
        if graph.names.iter().any(|&name| name as usize >= strings) {
            return Err(content("a node has a name that is not there"));
        }
        let mut named = graph.edge_kinds.iter().zip(&graph.edge_names);
        if named.any(|(kind, &name)| !kind.is_numbered() && name as usize >= strings) {
            return Err(content("an edge has a name that is not there"));
        }
        graph.locations.sort_unstable();
        graph.locations.dedup_by_key(|location| location.node);
        for list in [&mut graph.names, &mut graph.ids, &mut graph.first, &mut graph.edge_names] {
            list.shrink_to_fit();
        }
        graph.strings.bytes.shrink_to_fit();
        graph.strings.ends.shrink_to_fit();
        Ok(self.graph)
    }
}

fn push<T>(list: &mut Vec<T>, item: T, most: usize) -> Option<()> {
    (list.len() < most).then(|| list.push(item))
}

/// The node whose first field is at `index` of the array of nodes.
fn node_at(index: u64, fields: usize, nodes: usize) -> Result<u32, Refusal> {
    let fields = fields as u64;
    if !index.is_multiple_of(fields) || index / fields >= nodes as u64 {
        return Err(content(format!("an edge or a location leads to {index}, where no node is")));
    }
    small(index / fields, "a node")
}
