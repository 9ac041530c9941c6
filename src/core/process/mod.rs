//! What the operating system says of the process, its container and its machine.
//!
//! A [`Reader`](reader::Reader) takes a [`Sample`]; the [`Sampler`](sampler::Sampler), a thread, takes one after the
//! other, whatever JavaScript does meanwhile. Nothing here knows V8.
//!
//! A sample takes 14 system calls and about 30 µs on Linux, and 100 to 200 µs of a thread that has slept since the last
//! one. The dearest parts are `/proc/self/status` (8 µs), the cgroup's `memory.stat` (6 µs, far more in a cgroup of many
//! others) and `/proc/meminfo` (5 µs). `mallinfo2` takes 0.1 to 100 µs under the locks of malloc's arenas, growing with
//! the number of free chunks. So the thread reads malloc, and container
//! and machine, at a pace of their own: each rests two hundred times as long as it took, and takes at most half a per
//! cent of one core.
//!
//! What cannot be known is `NaN`, never 0. On systems other than Linux that is most of it.

use std::ops::{Index, IndexMut};

pub mod cgroup;
pub mod files;
pub mod os;
pub mod reader;
pub mod sampler;
pub mod text;
pub mod threads;

/// The numbers of a sample, in the order in which JavaScript gets them (`lib/gc-monitor/process.js` has the same list).
/// Bytes, if nothing else is said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(usize)]
pub enum Column {
    /// When it was begun: nanoseconds on the clock of `process.hrtime`.
    At,
    /// The same in milliseconds since 1970.
    Time,
    /// What of the process is in memory.
    Rss,
    /// The part of it that is no file's: heaps and stacks.
    Anon,
    /// The part of it that is mapped files': the program and its libraries.
    File,
    /// The part of it that is shared memory.
    Shmem,
    /// What of the process is in swap.
    Swap,
    /// The most that `Rss` has ever been.
    PeakRss,
    /// Address space.
    Virtual,
    /// How many threads.
    Threads,
    /// Page faults that needed no reading, since the start.
    MinorFaults,
    /// Page faults that waited for a disk, since the start.
    MajorFaults,
    /// CPU time in user mode, all threads, in microseconds.
    CpuUser,
    /// CPU time in the kernel, all threads, in microseconds.
    CpuSystem,
    /// How many file descriptors are open. Only where the kernel has the number at hand (Linux 6.2 and later).
    Descriptors,
    /// Whose numbers the next four are: see [`Allocator`](os::Allocator).
    Allocator,
    /// What has been allocated by malloc and not freed.
    MallocInUse,
    /// What has been freed and is held for the next who allocates; given back or not.
    MallocFree,
    /// The part of `MallocInUse` that has mappings of its own.
    MallocMapped,
    /// What malloc has had from the system for all but those.
    MallocArenas,
    /// 1 or 2, or 0 where there is no memory cgroup.
    CgroupVersion,
    /// The lowest limit of the cgroup and those around it. None where the machine has no more.
    CgroupLimit,
    /// The lowest limit above which the kernel slows the process down and reclaims (version 2).
    CgroupHigh,
    /// What the cgroup uses, file cache included.
    CgroupCurrent,
    /// The same without file cache that has not been used lately: what Kubernetes looks at.
    CgroupWorkingSet,
    /// The most that `CgroupCurrent` has ever been.
    CgroupPeak,
    /// What of the cgroup is in swap.
    CgroupSwap,
    /// How much more fits, in whichever of the cgroups that have a limit is the fullest.
    CgroupHeadroom,
    /// How often it was reclaimed from though it is protected.
    EventsLow,
    /// How often it was slowed down for being above `CgroupHigh`.
    EventsHigh,
    /// How often the limit was met.
    EventsMax,
    /// How often nothing could be reclaimed any more.
    EventsOom,
    /// How many processes were killed for that.
    EventsOomKill,
    /// Pressure in the cgroup: the next eight are for how much of the time (per cent of the last 10, 60 and 300 seconds;
    /// microseconds in all) some of the processes, and then all of them, waited for memory.
    CgroupSome10,
    /// See [`CgroupSome10`](Self::CgroupSome10).
    CgroupSome60,
    /// See [`CgroupSome10`](Self::CgroupSome10).
    CgroupSome300,
    /// See [`CgroupSome10`](Self::CgroupSome10).
    CgroupSomeTotal,
    /// See [`CgroupSome10`](Self::CgroupSome10).
    CgroupFull10,
    /// See [`CgroupSome10`](Self::CgroupSome10).
    CgroupFull60,
    /// See [`CgroupSome10`](Self::CgroupSome10).
    CgroupFull300,
    /// See [`CgroupSome10`](Self::CgroupSome10).
    CgroupFullTotal,
    /// The machine's memory.
    HostTotal,
    /// What of it can be had without swapping.
    HostAvailable,
    /// Pressure in the machine, as [`CgroupSome10`](Self::CgroupSome10) and the seven after it.
    HostSome10,
    /// See [`HostSome10`](Self::HostSome10).
    HostSome60,
    /// See [`HostSome10`](Self::HostSome10).
    HostSome300,
    /// See [`HostSome10`](Self::HostSome10).
    HostSomeTotal,
    /// See [`HostSome10`](Self::HostSome10).
    HostFull10,
    /// See [`HostSome10`](Self::HostSome10).
    HostFull60,
    /// See [`HostSome10`](Self::HostSome10).
    HostFull300,
    /// See [`HostSome10`](Self::HostSome10).
    HostFullTotal,
}

/// How many numbers a sample has.
pub const WIDTH: usize = Column::HostFullTotal as usize + 1;

/// The process at a moment.
#[derive(Debug, Clone, Copy)]
pub struct Sample(pub [f64; WIDTH]);

impl Sample {
    /// One in which nothing is known.
    pub const UNKNOWN: Self = Self([f64::NAN; WIDTH]);

    /// Makes nothing known of `columns`.
    pub fn forget(&mut self, columns: std::ops::RangeInclusive<Column>) {
        self.0[*columns.start() as usize..=*columns.end() as usize].fill(f64::NAN);
    }

    /// Writes a number that may not be known.
    pub fn put(&mut self, column: Column, value: Option<u64>) {
        self[column] = value.map_or(f64::NAN, |value| value as f64);
    }

    /// Writes the eight numbers of a pressure, of which `first` is the first.
    pub fn put_pressure(&mut self, first: Column, pressure: &text::Pressure) {
        let at = first as usize;
        for (to, from) in self.0.iter_mut().skip(at).zip(pressure.some.iter().chain(&pressure.full)) {
            *to = *from;
        }
    }
}

impl Index<Column> for Sample {
    type Output = f64;

    fn index(&self, column: Column) -> &f64 {
        &self.0[column as usize]
    }
}

impl IndexMut<Column> for Sample {
    fn index_mut(&mut self, column: Column) -> &mut f64 {
        &mut self.0[column as usize]
    }
}
