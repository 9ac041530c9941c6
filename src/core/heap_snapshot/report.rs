//! A look, or a comparison of snapshots, as JSON for the façade.

use std::collections::HashMap;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use std::time::Instant;

use super::classes::Classes;
use super::collections::{Collection, Sort, ViewFinder, Views, find};
use super::graph::{Graph, NodeKind};
use super::history::{Course, Grower, History, Thresholds};
use super::holders::{End, Holder, Holders, Place};
use super::json::Writer;
use super::names::Names;
use super::reader::{ReadError, read};
use super::retained::{Dominators, Retainers, Strength};

/// What is wanted of an analysis.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// From when on growth is of interest.
    pub thresholds: Thresholds,
    /// How many growers are told at most.
    pub most: usize,
    /// Whether the classes are told as well.
    pub classes: bool,
    /// How the paths of scripts begin that are not the user's.
    pub foreign: Vec<String>,
}

/// Why there is no report.
#[derive(Debug)]
pub struct ReportError {
    /// Which file.
    pub file: PathBuf,
    /// What is wrong.
    pub error: ReadError,
}

impl std::fmt::Display for ReportError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.file.display(), self.error)
    }
}

impl std::error::Error for ReportError {}

/// The sum of a class in one snapshot.
type Sums = HashMap<String, (u64, u64)>;

fn open(path: &Path, cancel: &AtomicBool) -> Result<Graph, ReadError> {
    let file = File::open(path).map_err(ReadError::Io)?;
    let length = file.metadata().map_err(ReadError::Io)?.len();
    read(file, length, cancel)
}

/// Reads `files`, in the order in which they were written, notes them in `history`, and tells what grew up to the last.
///
/// # Errors
/// If a file cannot be read, or `cancel` has been set.
pub fn analyse(
    files: &[PathBuf],
    history: &mut History,
    options: &Options,
    cancel: &AtomicBool,
) -> Result<String, ReportError> {
    let mut out = Writer::default();
    out.open('{').key("snapshots").open('[');
    let mut sums: Vec<Sums> = Vec::new();
    for (index, file) in files.iter().enumerate() {
        let fault = |error| ReportError { file: file.clone(), error };
        let begun = Instant::now();
        let graph = open(file, cancel).map_err(fault)?;
        let names = Names::new(graph.strings());
        let seen = survey(&graph, &names, &options.thresholds);
        let size = graph.sizes.iter().fold(0u64, |sum, &size| sum.saturating_add(size));
        out.open('{').key("file").text(&file.to_string_lossy());
        out.key("nodes").number(graph.nodes() as f64).key("edges").number(graph.edges() as f64);
        out.key("bytes").number(size as f64).key("collections").number(seen.len() as f64);
        out.key("memory").number(graph.memory() as f64);
        history.mark(marks(&graph));
        let growers = history.look(seen, &options.thresholds);
        out.key("ms").number(begun.elapsed().as_secs_f64() * 1e3).close('}');
        if cancel.load(std::sync::atomic::Ordering::Relaxed) {
            return Err(fault(ReadError::Cancelled));
        }
        let last = index + 1 == files.len();
        if last {
            out.close(']').key("looks").number(f64::from(history.looks()));
            conclude(&mut out, &graph, &names, &growers, options, &sums);
        } else if options.classes {
            sums.push(sum_classes(&graph));
        }
    }
    if files.is_empty() {
        out.close(']');
    }
    out.close('}');
    Ok(out.finish())
}

/// The façade has an object of this class, by which it is seen whether numbers of objects still hold.
const MARK: &[u8] = b"HeapwiseMark";

fn marks(graph: &Graph) -> Vec<u32> {
    let nodes = 0..graph.nodes() as u32;
    nodes
        .filter(|&node| graph.kind(node) == NodeKind::Object && graph.name(node) == MARK)
        .map(|n| graph.id(n))
        .collect()
}

/// Few entries are enough if they are views of much memory: of so many entries on, for such a part of what is told.
const FEW: u32 = 2;
const PART: u64 = 4;

/// All collections with their views: those of many entries, and those of few that keep much memory.
pub fn survey(graph: &Graph, names: &Names, thresholds: &Thresholds) -> Vec<(u32, Collection, Views)> {
    let mut finder = ViewFinder::new(graph, names);
    let floor = thresholds.floor;
    let found = find(graph, names, if finder.is_empty() { floor } else { floor.min(FEW) });
    let with_views = found.into_iter().filter_map(|collection| {
        // An object of few properties is no collection.
        if collection.entries < floor && collection.sort == Sort::Object {
            return None;
        }
        let views = finder.within(graph, names, collection.node);
        let followed = collection.entries >= floor || views.bytes.saturating_mul(PART) >= thresholds.view_bytes.max(1);
        followed.then(|| (graph.id(collection.node), collection, views))
    });
    with_views.collect()
}

fn sum_classes(graph: &Graph) -> Sums {
    Classes::new(graph).list.into_iter().map(|class| (class.name, (class.count, class.size))).collect()
}

/// What is told of the last snapshot.
fn conclude(out: &mut Writer, graph: &Graph, names: &Names, growers: &[Grower], options: &Options, sums: &[Sums]) {
    out.key("growers").open('[');
    let graphs = if growers.is_empty() && !options.classes {
        None
    } else {
        let strength = Strength::new(graph);
        let retainers = Retainers::new(graph, &strength);
        let dominators = Dominators::new(graph, &strength, &retainers);
        Some((strength, retainers, dominators))
    };
    if let Some((strength, retainers, dominators)) = &graphs
        && !growers.is_empty()
    {
        let holders = Holders::new(graph, names, strength, retainers, &options.foreign);
        let mut told = 0;
        for grower in growers {
            let node = grower.collection.node;
            // What nobody holds is garbage of the next collection, or of V8's own.
            if !dominators.is_alive(node) {
                continue;
            }
            // The inside of a cache is told by what is in it.
            if grower.collection.sort == Sort::Object && holders.is_of_own_class(node) {
                continue;
            }
            let holder = holders.of(node);
            if matches!(holder.end, End::Foreign(_)) {
                continue;
            }
            if told == options.most {
                break;
            }
            told += 1;
            write_grower(out, graph, grower, &holder, dominators.retained(node));
        }
    }
    out.close(']');
    if let Some((_, _, dominators)) = &graphs
        && options.classes
    {
        write_classes(out, graph, dominators, sums);
    }
}

fn write_course(out: &mut Writer, name: &str, course: &Course) {
    out.key(name).open('{').key("from").number(course.from as f64).key("to").number(course.to as f64);
    out.key("looks").number(f64::from(course.looks)).key("rises").number(f64::from(course.rises)).close('}');
}

fn write_grower(out: &mut Writer, graph: &Graph, grower: &Grower, holder: &Holder, retained: u64) {
    let Grower { collection, views, track, .. } = grower;
    out.open('{').key("id").number(f64::from(graph.id(collection.node)));
    out.key("sort").text(collection.sort.name());
    out.key("class").text(&graph.strings().text(graph.name_index(collection.node)));
    out.key("grows").flag(grower.entries).key("memoryGrows").flag(grower.memory);
    out.key("large").flag(grower.large).key("largeLooks").number(f64::from(track.large));
    out.key("estimated").flag(collection.estimated);
    write_course(out, "entries", &track.entries);
    write_course(out, "viewBytes", &track.view_bytes);
    out.key("views").number(f64::from(views.views)).key("memories").number(f64::from(views.memories));
    out.key("bytes").number(collection.bytes as f64).key("retained").number(retained as f64);
    write_holder(out, holder);
    out.close('}');
}

fn write_holder(out: &mut Writer, holder: &Holder) {
    out.key("holder").open('{').key("kind");
    match &holder.end {
        End::Variable(name, place) => write_place(out.text("variable").key("name").text(name), place),
        End::Export(name, place) => write_place(out.text("export").key("name").text(name), place),
        End::Global(name) => _ = out.text("global").key("name").text(name),
        End::Function(name, place) => write_place(out.text("function").key("name").text(name), place),
        End::Suspended(place) => write_place(out.text("suspended"), place),
        End::Foreign(script) => _ = out.text("foreign").key("script").text(script),
        End::Unknown => _ = out.text("unknown"),
    }
    out.key("within").text(holder.within.as_deref().unwrap_or_default());
    out.key("steps").open('[');
    for step in &holder.steps {
        out.open('{').key("via").text(step.via.name()).key("name").text(&step.name);
        out.key("class").text(&step.class).close('}');
    }
    out.close(']').close('}');
}

fn write_place(out: &mut Writer, place: &Place) {
    out.key("script").text(&place.script).key("function").text(&place.function);
    out.key("line").number(f64::from(place.line)).key("column").number(f64::from(place.column));
    out.key("exact").flag(place.exact).key("module").flag(place.module);
}

/// Classes that are told.
const MOST_CLASSES: usize = 200;

fn write_classes(out: &mut Writer, graph: &Graph, dominators: &Dominators, sums: &[Sums]) {
    let classes = Classes::new(graph);
    let retained = dominators.by_class(classes.list.len(), &classes.of);
    let first = sums.first();
    let mut order: Vec<usize> = (0..classes.list.len()).collect();
    // By growth, or by size if there is nothing to compare with.
    order.sort_by_key(|&index| {
        let class = &classes.list[index];
        let before = first.map_or(0, |sums| sums.get(&class.name).map_or(0, |sum| sum.1));
        let own = if first.is_some() { class.size as i128 - i128::from(before) } else { i128::from(retained[index]) };
        std::cmp::Reverse(own)
    });
    out.key("classes").open('[');
    for index in order.into_iter().take(MOST_CLASSES) {
        let class = &classes.list[index];
        out.open('{').key("name").text(&class.name).key("retained").number(retained[index] as f64);
        out.key("count").open('[');
        let earlier: Vec<_> = sums.iter().map(|sums| sums.get(&class.name).copied().unwrap_or_default()).collect();
        for sum in &earlier {
            out.number(sum.0 as f64);
        }
        out.number(class.count as f64).close(']').key("bytes").open('[');
        for sum in &earlier {
            out.number(sum.1 as f64);
        }
        out.number(class.size as f64).close(']').close('}');
    }
    out.close(']');
}
