//! The memory cgroup that the process is in: version 2, version 1, both at a time, or none.
//!
//! The kernel applies the limits of all cgroups from the process's up to the root, so what counts is the lowest. A
//! container mostly sees its own cgroup as the root; then the ones above cannot be seen, and in version 1 the kernel still
//! says their lowest limit (`hierarchical_memory_limit`).

use std::fs::File;
use std::io::Read as _;
use std::path::{Component, Path, PathBuf};

use super::files::{Kept, PIECE, Piece};
use super::text::{self, Membership, Mount, Mounts, Pressure};
use super::{Column, Sample};

/// Trees are seldom ten deep. Each level takes up to three file descriptors.
const MOST_LEVELS: usize = 24;
/// `mountinfo` of a machine with thousands of mounts.
const LONGEST_TABLE: u64 = 4 << 20;

#[derive(Debug)]
struct Level {
    usage: Kept,
    limit: Kept,
    high: Option<Kept>,
}

#[derive(Debug)]
struct Leaf {
    peak: Kept,
    stat: Kept,
    events: Kept,
    /// Version 2: what is in swap. Version 1: how many were killed.
    other: Kept,
}

#[derive(Debug)]
struct Memory {
    version: u8,
    /// From the innermost that counts memory outwards.
    levels: Vec<Level>,
    leaf: Leaf,
}

/// The cgroups of a process.
#[derive(Debug)]
pub struct Cgroup {
    membership: Vec<u8>,
    memory: Option<Memory>,
    pressure: Option<Kept>,
}

/// What is read once, of whatever length.
fn table(path: &Path) -> Vec<u8> {
    let mut bytes = Vec::new();
    if let Ok(file) = File::open(path) {
        // What could be read before an error is as good as any table that is cut off.
        let _ = file.take(LONGEST_TABLE).read_to_end(&mut bytes);
    }
    bytes
}

/// `path` below `root`, without leaving it.
fn below(root: &Path, path: &Path) -> PathBuf {
    let mut whole = root.to_owned();
    whole.extend(path.components().filter(|part| matches!(part, Component::Normal(_))));
    whole
}

/// The directory of cgroup `path`, and how many levels there are from the mount down to it. `None` if it is outside of what
/// can be seen: in another cgroup namespace than the mount.
///
/// A path that is not below the mount's root leads to the mount itself, as in other runtimes: container engines mount a
/// container's own cgroup, and not all of them give it the name that the kernel gives it.
fn locate(root: &Path, mount: &Mount, path: &str) -> Option<(PathBuf, usize)> {
    let (mounted, path) = (Path::new(&mount.root), Path::new(path));
    if mounted.components().chain(path.components()).any(|part| part == Component::ParentDir) {
        return None;
    }
    let top = below(root, Path::new(&mount.point));
    let directory = below(&top, path.strip_prefix(mounted).unwrap_or(Path::new("")));
    let depth = directory.components().count() - top.components().count();
    // What is told to be there need not be.
    Some(if depth > 0 && directory.is_dir() { (directory, depth) } else { (top, 0) })
}

impl Memory {
    fn unified(directory: &Path, depth: usize) -> Option<Self> {
        // A cgroup counts memory only if the one above lets it.
        let counting: Vec<&Path> =
            directory.ancestors().take(depth + 1).skip_while(|path| !path.join("memory.current").exists()).collect();
        let innermost = *counting.first()?;
        let level = |path: &&Path| Level {
            usage: Kept::new(path.join("memory.current")),
            limit: Kept::new(path.join("memory.max")),
            high: Some(Kept::new(path.join("memory.high"))),
        };
        Some(Self {
            version: 2,
            levels: counting.iter().take(MOST_LEVELS).map(level).collect(),
            leaf: Leaf {
                peak: Kept::new(innermost.join("memory.peak")),
                stat: Kept::new(innermost.join("memory.stat")),
                events: Kept::new(innermost.join("memory.events")),
                other: Kept::new(innermost.join("memory.swap.current")),
            },
        })
    }

    fn legacy(directory: &Path, depth: usize) -> Option<Self> {
        if !directory.join("memory.usage_in_bytes").exists() {
            return None;
        }
        let level = |path: &Path| Level {
            usage: Kept::new(path.join("memory.usage_in_bytes")),
            limit: Kept::new(path.join("memory.limit_in_bytes")),
            high: None,
        };
        Some(Self {
            version: 1,
            levels: directory.ancestors().take((depth + 1).min(MOST_LEVELS)).map(level).collect(),
            leaf: Leaf {
                peak: Kept::new(directory.join("memory.max_usage_in_bytes")),
                stat: Kept::new(directory.join("memory.stat")),
                events: Kept::new(directory.join("memory.failcnt")),
                other: Kept::new(directory.join("memory.oom_control")),
            },
        })
    }

    fn files(&mut self) -> impl Iterator<Item = &mut Kept> {
        let Leaf { peak, stat, events, other } = &mut self.leaf;
        let levels = self.levels.iter_mut().flat_map(|level| {
            [Some(&mut level.usage), Some(&mut level.limit), level.high.as_mut()].into_iter().flatten()
        });
        levels.chain([peak, stat, events, other])
    }

    fn read(&mut self, piece: &mut Piece, physical: Option<u64>, sample: &mut Sample) {
        let number = |file: &mut Kept, piece: &mut Piece| text::only_number(file.read(piece)?);
        // A limit that the machine cannot reach is none. Version 1 writes «no limit» as a huge number.
        let real = |limit: &u64| physical.is_none_or(|physical| *limit < physical);

        let (mut limit, mut high, mut current, mut headroom) = (None, None, None, None);
        for (depth, level) in self.levels.iter_mut().enumerate() {
            let its_limit = number(&mut level.limit, piece).filter(real);
            let its_high = level.high.as_mut().and_then(|file| number(file, piece)).filter(real);
            if depth == 0 || its_limit.is_some() {
                let usage = number(&mut level.usage, piece);
                if depth == 0 {
                    current = usage;
                }
                headroom = lower(headroom, its_limit.zip(usage).map(|(limit, usage)| limit.saturating_sub(usage)));
            }
            limit = lower(limit, its_limit);
            high = lower(high, its_high);
        }
        sample[Column::CgroupVersion] = f64::from(self.version);
        sample.put(Column::CgroupHigh, high);
        sample.put(Column::CgroupCurrent, current);
        sample.put(Column::CgroupPeak, number(&mut self.leaf.peak, piece));
        let inactive = if self.version == 2 {
            self.read_unified(piece, sample)
        } else {
            let (inactive, hierarchical) = self.read_legacy(piece, sample);
            let hierarchical = hierarchical.filter(real);
            if lower(limit, hierarchical) != limit {
                limit = hierarchical;
                // How full that one is cannot be seen, but not less than this.
                headroom = lower(headroom, limit.zip(current).map(|(limit, current)| limit.saturating_sub(current)));
            }
            inactive
        };
        let working_set = current.zip(inactive).map(|(current, inactive)| current.saturating_sub(inactive));
        sample.put(Column::CgroupLimit, limit);
        sample.put(Column::CgroupHeadroom, headroom);
        sample.put(Column::CgroupWorkingSet, working_set);
    }

    /// Answers the file cache that has not been used lately.
    fn read_unified(&mut self, piece: &mut Piece, sample: &mut Sample) -> Option<u64> {
        let swap = self.leaf.other.read(piece).and_then(text::only_number);
        sample.put(Column::CgroupSwap, swap);
        if let Some(events) = self.leaf.events.read(piece) {
            sample.put(Column::EventsLow, text::keyed(events, b"low"));
            sample.put(Column::EventsHigh, text::keyed(events, b"high"));
            sample.put(Column::EventsMax, text::keyed(events, b"max"));
            sample.put(Column::EventsOom, text::keyed(events, b"oom"));
            sample.put(Column::EventsOomKill, text::keyed(events, b"oom_kill"));
        }
        text::keyed(self.leaf.stat.read(piece)?, b"inactive_file")
    }

    /// Answers the file cache that has not been used lately, and the lowest limit of all cgroups around.
    fn read_legacy(&mut self, piece: &mut Piece, sample: &mut Sample) -> (Option<u64>, Option<u64>) {
        let failures = self.leaf.events.read(piece).and_then(text::only_number);
        sample.put(Column::EventsMax, failures);
        let killed = self.leaf.other.read(piece).and_then(|bytes| text::keyed(bytes, b"oom_kill"));
        sample.put(Column::EventsOomKill, killed);
        let Some(stat) = self.leaf.stat.read(piece) else { return (None, None) };
        // The first is of this cgroup alone, the second with those inside it, as is what it uses.
        let of_all = |whole: &[u8], own: &[u8]| text::keyed(stat, whole).or_else(|| text::keyed(stat, own));
        sample.put(Column::CgroupSwap, of_all(b"total_swap", b"swap"));
        (of_all(b"total_inactive_file", b"inactive_file"), text::keyed(stat, b"hierarchical_memory_limit"))
    }
}

fn lower(one: Option<u64>, other: Option<u64>) -> Option<u64> {
    one.into_iter().chain(other).min()
}

impl Cgroup {
    /// Looks for them, in the file systems below `root`.
    pub fn find(root: &Path) -> Self {
        let bytes = table(&root.join("proc/self/cgroup"));
        let membership = Membership::parse(&bytes);
        let mounts = Mounts::parse(&table(&root.join("proc/self/mountinfo")));
        let place = |path: &Option<String>, mount: &Option<Mount>| locate(root, mount.as_ref()?, path.as_ref()?);
        let unified = place(&membership.unified, &mounts.unified);
        let legacy = place(&membership.memory, &mounts.memory);
        let memory = unified
            .as_ref()
            .and_then(|(directory, depth)| Memory::unified(directory, *depth))
            .or_else(|| legacy.and_then(|(directory, depth)| Memory::legacy(&directory, depth)));
        // Beside version 1, the root of version 2 is the whole machine.
        let pressure = unified
            .filter(|(_, depth)| *depth > 0 || memory.as_ref().is_none_or(|memory| memory.version == 2))
            .map(|(directory, _)| Kept::new(directory.join("memory.pressure")));
        Self { membership: bytes, memory, pressure }
    }

    /// Writes what it says. `physical`: the memory of the machine, from which on a limit is none.
    pub fn read(&mut self, piece: &mut Piece, physical: Option<u64>, sample: &mut Sample) {
        sample.forget(Column::CgroupVersion..=Column::CgroupFullTotal);
        sample[Column::CgroupVersion] = 0.0;
        if let Some(memory) = &mut self.memory {
            memory.read(piece, physical, sample);
        }
        if let Some(bytes) = self.pressure.as_mut().and_then(|file| file.read(piece)) {
            sample.put_pressure(Column::CgroupSome10, &Pressure::parse(bytes));
        }
    }

    /// Whether the process is where `membership` says, and what is there can be read still. What was missing is looked for
    /// again.
    pub fn is_current(&mut self, membership: &[u8]) -> bool {
        // As much of it as one read takes.
        let same = self.membership.get(..PIECE).unwrap_or(&self.membership) == membership;
        let Some(memory) = &mut self.memory else { return same };
        let readable = memory.levels.first().is_some_and(|level| !level.usage.is_missing());
        memory.files().chain(self.pressure.as_mut()).for_each(Kept::retry);
        same && readable
    }
}
