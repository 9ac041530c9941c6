//! The name and the place of whatever holds a node.
//!
//! A variable that an inner function uses is a slot of a context, and the slot has its name. Where the context is, the
//! functions that see it tell: each leads to its script, and has a line. Of the many ways to a node the one is taken that
//! says most: costs of edges are such that named ones are cheap, and what V8 keeps for itself is dear.

use std::collections::HashMap;

use super::costs::{distances, edge_cost};
use super::graph::{Edge, EdgeKind, Graph, NodeKind};
use super::names::Names;
use super::retained::{NOBODY, Retainers, Strength};

/// One step from a holder to what it holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// How the one leads to the other.
    pub via: Via,
    /// The name of a property; else empty.
    pub name: String,
    /// The class of the holder.
    pub class: String,
    /// Whether that is a class of heapwise's own.
    pub own: bool,
}

/// How a holder leads to what it holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Via {
    /// By a property.
    Property,
    /// As an element.
    Element,
    /// As a key or a value of a Map, or as an element of a Set.
    Entry,
    /// In a way that only V8 knows.
    Inner,
}

impl Via {
    /// In a word.
    pub fn name(self) -> &'static str {
        match self {
            Self::Property => "property",
            Self::Element => "element",
            Self::Entry => "entry",
            Self::Inner => "inner",
        }
    }
}

/// A place in a script.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Place {
    /// A path or a URL.
    pub script: String,
    /// The function that has the variable, if its name is known.
    pub function: String,
    /// Of that function if it is still there, else of a function in it. From 1; 0: unknown.
    pub line: u32,
    /// From 1; 0: unknown.
    pub column: u32,
    /// Whether line and column are of that very function.
    pub exact: bool,
    /// Whether the variable is the module's own.
    pub module: bool,
}

/// Where a way up ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum End {
    /// At a variable that some function sees.
    Variable(String, Place),
    /// At what a module of the newer kind exports.
    Export(String, Place),
    /// At a property of the global object.
    Global(String),
    /// At a function or a class, a property of which leads on.
    Function(String, Place),
    /// At a function that waits for something.
    Suspended(Place),
    /// In the code of Node, of a test runner, of heapwise.
    Foreign(String),
    /// Nowhere that has a name.
    Unknown,
}

/// Who holds a node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holder {
    /// Where the way ends.
    pub end: End,
    /// From there to the node.
    pub steps: Vec<Step>,
    /// The class of heapwise's that the node is a part of, such as a cache: the steps end there.
    pub within: Option<String>,
}

/// Finds holders.
#[derive(Debug)]
pub struct Holders<'g> {
    graph: &'g Graph,
    names: &'g Names,
    retainers: &'g Retainers,
    /// How far each node is from the root, by costs.
    distances: Vec<u32>,
    /// Of each context, a function that sees it.
    functions: HashMap<u32, u32>,
    /// Of each function that has a name: script and name to its place.
    by_name: HashMap<(u32, u32), u32>,
    globals: Vec<u32>,
    foreign: Vec<Vec<u8>>,
    /// The numbers of heapwise's own scripts.
    own: Vec<u32>,
}

/// More who lead to a node are not looked at, nor more steps taken.
const MOST_RETAINERS: usize = 4096;
const MOST_STEPS: usize = 24;

impl<'g> Holders<'g> {
    /// `foreign`: how the paths of scripts begin that are not the user's, besides Node's own.
    pub fn new(
        graph: &'g Graph,
        names: &'g Names,
        strength: &Strength,
        retainers: &'g Retainers,
        foreign: &[String],
    ) -> Self {
        let realms = (0..graph.nodes() as u32).filter(|&node| graph.name_index(node) == names.native_context);
        let globals = realms.filter_map(|realm| graph.internal(realm, names.global_object));
        let shortcuts = graph.edges_of(0).filter(|edge| edge.kind == EdgeKind::Shortcut).map(|edge| edge.to);
        let globals = globals.chain(shortcuts.filter(|&node| graph.kind(node) == NodeKind::Object));
        let mut holders = Self {
            graph,
            names,
            retainers,
            distances: distances(graph, names, strength),
            functions: HashMap::new(),
            by_name: HashMap::new(),
            globals: globals.collect(),
            own: Vec::new(),
            foreign: foreign.iter().map(|start| start.as_bytes().to_vec()).collect(),
        };
        holders.find_functions();
        holders
    }

    /// Notes the functions, and which contexts they see.
    fn find_functions(&mut self) {
        let graph = self.graph;
        let mut seen = Vec::new();
        for node in 0..graph.nodes() as u32 {
            if graph.kind(node) != NodeKind::Closure {
                continue;
            }
            let Some(script) = self.script_of(node) else { continue };
            self.by_name.entry((script, graph.name_index(node))).or_insert(node);
            if let Some(context) = graph.internal(node, self.names.context) {
                seen.push((context, node));
            }
            if let Some(location) = graph.location(node)
                && self.is_own(graph.name(script))
                && !self.own.contains(&location.script)
            {
                self.own.push(location.script);
            }
        }
        // The first function in a scope says best where the scope is.
        seen.sort_by_key(|&(_, node)| graph.location(node).map(|place| (place.line, place.column)));
        for &(context, node) in &seen {
            self.functions.entry(context).or_insert(node);
        }
        // A scope that no function has directly: those further in do.
        for (context, node) in seen {
            let mut context = context;
            while let Some(outer) = graph.internal(context, self.names.previous) {
                if graph.name_index(outer) == self.names.native_context || self.functions.contains_key(&outer) {
                    break;
                }
                self.functions.insert(outer, node);
                context = outer;
            }
        }
    }

    /// The script of a function, as a node.
    fn script_of(&self, function: u32) -> Option<u32> {
        let shared = self.graph.internal(function, self.names.shared)?;
        let script = self.graph.internal(shared, self.names.script);
        let script = script.or_else(|| self.graph.internal(shared, self.names.script_or_debug_info))?;
        // While a debugger is at it, what it notes is in between.
        Some(self.graph.internal(script, self.names.script).unwrap_or(script))
    }

    /// Whether a node is an object of a class of heapwise's own.
    pub fn is_of_own_class(&self, node: u32) -> bool {
        self.graph.location(node).is_some_and(|location| self.own.contains(&location.script))
    }

    fn is_own(&self, script: &[u8]) -> bool {
        let plain = script.strip_prefix(b"file://").unwrap_or(script);
        self.foreign.iter().any(|start| !start.is_empty() && plain.starts_with(start))
    }

    fn is_foreign(&self, script: &[u8]) -> bool {
        const RUNNERS: [&str; 6] = [
            "/node_modules/jest",
            "/node_modules/@jest/",
            "/node_modules/expect/",
            "/node_modules/mocha/",
            "/node_modules/vitest/",
            "/node_modules/@vitest/",
        ];
        let text = String::from_utf8_lossy(script);
        let text = text.replace('\\', "/");
        script.is_empty()
            || script.starts_with(b"node:")
            || self.is_own(script)
            || RUNNERS.iter().any(|runner| text.contains(runner))
    }

    fn is_foreign_function(&self, function: u32) -> bool {
        self.script_of(function).is_none_or(|script| self.is_foreign(self.graph.name(script)))
    }

    fn place_of_function(&self, function: u32) -> Place {
        let script = self.script_of(function).map(|script| self.graph.strings().text(self.graph.name_index(script)));
        let location = self.graph.location(function);
        Place {
            script: script.map(std::borrow::Cow::into_owned).unwrap_or_default(),
            function: self.graph.strings().text(self.graph.name_index(function)).into_owned(),
            line: location.map_or(0, |location| location.line.saturating_add(1)),
            column: location.map_or(0, |location| location.column.saturating_add(1)),
            exact: true,
            module: false,
        }
    }

    /// The place of the scope whose variables are in `context`.
    fn place_of_context(&self, context: u32) -> Option<Place> {
        let inner = *self.functions.get(&context)?;
        let script = self.script_of(inner)?;
        let outer = self.graph.internal(context, self.names.previous);
        let module = outer.is_none_or(|outer| self.graph.name_index(outer) == self.names.native_context);
        let name = self.scope_name(context);
        // Of a function that ran once, nothing may be left but its variables.
        let own = name.and_then(|name| self.by_name.get(&(script, name)).copied());
        let function = name.map(|name| self.graph.strings().text(name).into_owned()).unwrap_or_default();
        let place = self.place_of_function(own.unwrap_or(inner));
        Some(Place { function, exact: own.is_some(), module, ..place })
    }

    /// The name of the function whose scope a context is. Its description names the variables, one for each slot, then the
    /// function, if it has a name.
    fn scope_name(&self, context: u32) -> Option<u32> {
        // The hidden class, the length, the description, the outer context.
        const HEAD: u64 = 4;
        let graph = self.graph;
        let scope = graph.internal(context, self.names.scope_info)?;
        let extension = u64::from(graph.internal(context, self.names.extension).is_some());
        let slots = (graph.size(context) / 8).checked_sub(HEAD + extension)?;
        let named = graph.edges_of(scope).filter(|edge| edge.kind == EdgeKind::Hidden);
        let named = named.filter(|edge| graph.kind(edge.to) == NodeKind::String);
        let (mut count, mut last) = (0, None);
        for edge in named {
            count += 1;
            last = last.max(Some((edge.name, edge.to)));
        }
        let name = graph.name_index(last.filter(|_| count > slots)?.1);
        (!graph.strings().bytes(name).is_empty()).then_some(name)
    }

    /// Who holds `node`.
    pub fn of(&self, node: u32) -> Holder {
        let mut steps = Vec::new();
        let mut way = vec![node];
        let mut current = node;
        let mut end = End::Unknown;
        while way.len() <= MOST_STEPS {
            match self.look_up(current, &way) {
                Found::End(found) => {
                    end = found;
                    break;
                }
                Found::Nothing => break,
                Found::Step(from, step) => {
                    if let Some(function) = self.function(current, steps.last()) {
                        end = function;
                        break;
                    }
                    steps.extend(step);
                    way.push(from);
                    current = from;
                }
            }
        }
        steps.reverse();
        let outside = steps.iter().rposition(|step| !step.own).map_or(0, |last| last + 1);
        let within = steps.get(outside).map(|step| step.class.clone());
        steps.truncate(outside);
        Holder { end, steps, within }
    }

    /// A function with a name, a property of which was the last step: no other holder says more.
    fn function(&self, node: u32, last: Option<&Step>) -> Option<End> {
        if self.graph.kind(node) != NodeKind::Closure || last.is_none_or(|step| step.via != Via::Property) {
            return None;
        }
        let place = self.place_of_function(node);
        let user = !place.function.is_empty() && !self.is_foreign(place.script.as_bytes());
        user.then(|| End::Function(place.function.clone(), place))
    }

    /// The best of those who lead to `node`.
    fn look_up(&self, node: u32, way: &[u32]) -> Found {
        let mut ends: Option<(u32, End)> = None;
        let mut foreign = None;
        let mut step: Option<(u32, u32, Edge)> = None;
        for &from in self.retainers.of(node).iter().take(MOST_RETAINERS) {
            let distance = self.distances[from as usize];
            if distance == NOBODY || way.contains(&from) {
                continue;
            }
            for edge in self.graph.edges_of(from).filter(|edge| edge.to == node) {
                match self.end_at(from, edge) {
                    Some(End::Foreign(script)) => foreign = Some(script),
                    Some(end) => {
                        let rank = distance.saturating_add(rank_of(&end));
                        if ends.as_ref().is_none_or(|best| rank < best.0) {
                            ends = Some((rank, end));
                        }
                    }
                    None => {
                        let cost = distance.saturating_add(self.cost_up(from, edge));
                        if step.is_none_or(|best| cost < best.0) {
                            step = Some((cost, from, edge));
                        }
                    }
                }
            }
        }
        match (ends, foreign, step) {
            (Some((_, end)), _, _) => Found::End(end),
            (None, Some(script), _) => Found::End(End::Foreign(script)),
            (None, None, Some((_, from, edge))) if self.graph.kind(from) != NodeKind::Synthetic => {
                Found::Step(from, self.step(from, edge))
            }
            _ => Found::Nothing,
        }
    }

    fn cost_up(&self, from: u32, edge: Edge) -> u32 {
        let own = match self.graph.kind(from) {
            NodeKind::Hidden if self.graph.name_index(from) == self.names.context_cell => 0,
            NodeKind::Array => 5,
            NodeKind::Hidden | NodeKind::Code | NodeKind::Shape => 40,
            NodeKind::Synthetic => 1000,
            _ => 0,
        };
        own + edge_cost(self.graph, self.names, from, edge)
    }

    fn step(&self, from: u32, edge: Edge) -> Option<Step> {
        let graph = self.graph;
        let (via, name) = match edge.kind {
            EdgeKind::Property => (Via::Property, graph.strings().text(edge.name).into_owned()),
            EdgeKind::Element => (Via::Element, String::new()),
            _ if edge.name == self.names.table => (Via::Entry, String::new()),
            _ if edge.name == self.names.elements || edge.name == self.names.properties => {
                (Via::Element, String::new())
            }
            // The step out of a table is told when its Map is reached; a cell is its variable.
            _ if graph.kind(from) == NodeKind::Array => return None,
            _ if graph.name_index(from) == self.names.context_cell => return None,
            _ => (Via::Inner, String::new()),
        };
        let own = self.is_of_own_class(from);
        Some(Step { via, name, class: self.class(from), own })
    }

    fn class(&self, node: u32) -> String {
        self.graph.strings().text(self.graph.name_index(node)).into_owned()
    }

    /// Whether the way ends with an edge.
    fn end_at(&self, from: u32, edge: Edge) -> Option<End> {
        let graph = self.graph;
        let text = || graph.strings().text(edge.name).into_owned();
        match edge.kind {
            EdgeKind::Context => self.variable(from, edge),
            EdgeKind::Property if self.globals.contains(&from) => Some(End::Global(text())),
            // What a function of Node's has for a property is Node's: `Module._cache`.
            EdgeKind::Property if graph.kind(from) == NodeKind::Closure => {
                let script = self.script_of(from)?;
                let script = graph.name(script);
                self.is_foreign(script).then(|| End::Foreign(String::from_utf8_lossy(script).into_owned()))
            }
            EdgeKind::Internal if edge.name == self.names.value && graph.name_index(from) == self.names.cell => {
                self.export(from)
            }
            EdgeKind::Internal if graph.kind(from) == NodeKind::Array => self.suspended(from),
            _ => None,
        }
    }

    fn variable(&self, context: u32, edge: Edge) -> Option<End> {
        if self.graph.name_index(context) == self.names.native_context {
            return None;
        }
        let name = self.graph.strings().text(edge.name);
        if name.starts_with('.') {
            return None;
        }
        let Some(place) = self.place_of_context(context) else {
            // No function sees it any more.
            return None;
        };
        // `require.cache` is Node's, though each module sees it; `module` has children and paths.
        let foreign = self.is_foreign(place.script.as_bytes()) || name == "require";
        Some(if foreign { End::Foreign(place.script) } else { End::Variable(name.into_owned(), place) })
    }

    /// A module's exports are cells, in a table by name: the name is at the place before.
    fn export(&self, cell: u32) -> Option<End> {
        let graph = self.graph;
        for &table in self.retainers.of(cell) {
            if graph.kind(table) != NodeKind::Array {
                continue;
            }
            let Some(module) =
                self.retainers.of(table).iter().find(|&&node| graph.name_index(node) == self.names.module)
            else {
                continue;
            };
            let at = graph.range(table).find(|&index| graph.edge_targets[index] == cell)?;
            let place = super::names::numbered(graph, at)?;
            let mut name = graph
                .range(table)
                .filter(|&index| super::names::numbered(graph, index).is_some_and(|other| other + 1 == place));
            let name = graph.strings().text(graph.name_index(graph.edge(name.next()?).to)).into_owned();
            let contexts = self.retainers.of(*module).iter();
            let place = contexts.filter_map(|&context| self.place_of_context(context)).next().unwrap_or_default();
            return Some(End::Export(name, place));
        }
        None
    }

    /// The variables of a function that waits are in its generator's registers.
    fn suspended(&self, registers: u32) -> Option<End> {
        let graph = self.graph;
        let generator = self.retainers.of(registers).iter().find(|&&node| {
            graph.edges_of(node).any(|edge| edge.name == self.names.registers && edge.to == registers)
        })?;
        let function = graph.internal(*generator, self.names.function)?;
        let place = self.place_of_function(function);
        Some(if self.is_foreign_function(function) { End::Foreign(place.script) } else { End::Suspended(place) })
    }
}

enum Found {
    End(End),
    Step(u32, Option<Step>),
    Nothing,
}

fn rank_of(end: &End) -> u32 {
    match end {
        End::Variable(..) | End::Export(..) => 0,
        End::Global(_) => 2,
        End::Suspended(_) => 10,
        End::Function(..) | End::Foreign(_) | End::Unknown => 1000,
    }
}
