//! Takes samples: all sources, each at its pace.

use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use super::cgroup::Cgroup;
use super::files::{Kept, PIECE, Piece};
use super::text::{self, Pressure, Status};
use super::{Column, Sample, os};

/// How long a dear part rests, as a multiple of what it took.
const REST: u64 = 200;
/// How often it looks whether the process has moved to another cgroup, and for files that were missing: nanoseconds.
const LOOK_AGAIN: u64 = 60_000_000_000;

/// A part that is read at its own pace.
#[derive(Debug, Default)]
struct Paced {
    not_before: u64,
}

impl Paced {
    fn due(&self, now: u64) -> bool {
        now >= self.not_before
    }

    fn took(&mut self, start: u64) {
        let end = os::monotonic_nanoseconds();
        self.not_before = end.saturating_add(end.saturating_sub(start).saturating_mul(REST));
    }
}

#[derive(Debug)]
struct Sources {
    /// Whose descriptors these are: a process that was forked reads its own files.
    process: u32,
    status: Kept,
    descriptors: Kept,
    meminfo: Kept,
    pressure: Kept,
    cgroup: Cgroup,
    looked: u64,
}

/// Takes samples. After the first it allocates nothing, unless the process moves to another cgroup.
#[derive(Debug)]
pub struct Reader {
    root: PathBuf,
    /// The machine's memory, if something else than its files says.
    physical: Option<u64>,
    look_again: u64,
    sources: Option<Sources>,
    malloc: Paced,
    surroundings: Paced,
    last: Sample,
}

impl Reader {
    /// One that reads the system's files.
    pub fn of_system() -> Self {
        Self { physical: os::physical_memory(), ..Self::below(Path::new("/")) }
    }

    /// One for which `root` is the root of all file systems.
    pub fn below(root: &Path) -> Self {
        Self {
            root: root.to_owned(),
            physical: None,
            look_again: LOOK_AGAIN,
            sources: None,
            malloc: Paced::default(),
            surroundings: Paced::default(),
            last: Sample::UNKNOWN,
        }
    }

    /// The same, looking at each sample for files that were missing, and for another cgroup. Usually it does so once a
    /// minute.
    #[must_use]
    pub fn looking_always(self) -> Self {
        Self { look_again: 0, ..self }
    }

    /// Closes all files. The next sample opens them again.
    pub fn close(&mut self) {
        self.sources = None;
    }

    /// A sample, all of it as it is now.
    pub fn fresh(&mut self) -> Sample {
        self.malloc = Paced::default();
        self.surroundings = Paced::default();
        self.paced()
    }

    /// A sample whose dearer parts (malloc, container and machine) may be those of some time ago.
    pub fn paced(&mut self) -> Sample {
        let process = std::process::id();
        let now = os::monotonic_nanoseconds();
        if self.sources.as_ref().is_some_and(|sources| sources.process != process) {
            self.sources = None;
        }
        if self.sources.is_none() {
            self.malloc = Paced::default();
            self.surroundings = Paced::default();
            self.last = Sample::UNKNOWN;
        }
        let sources = self.sources.get_or_insert_with(|| Sources::open(&self.root, process, now));
        let mut piece: Piece = [0; PIECE];
        let sample = &mut self.last;
        sample[Column::At] = now as f64;
        let time = SystemTime::now().duration_since(UNIX_EPOCH);
        sample[Column::Time] = time.map_or(f64::NAN, |time| time.as_secs_f64() * 1000.0);
        sources.read_process(&mut piece, sample);
        if self.malloc.due(now) {
            let start = os::monotonic_nanoseconds();
            read_malloc(sample);
            self.malloc.took(start);
        }
        if self.surroundings.due(now) {
            let start = os::monotonic_nanoseconds();
            if now.saturating_sub(sources.looked) >= self.look_again {
                sources.looked = now;
                sources.look_again(&self.root, &mut piece);
            }
            let total = sources.read_host(&mut piece, sample);
            // The larger of both: lxcfs puts the container's memory into the file.
            let physical = total.max(self.physical);
            sources.cgroup.read(&mut piece, physical, sample);
            self.surroundings.took(start);
        }
        *sample
    }
}

fn read_malloc(sample: &mut Sample) {
    sample.forget(Column::Allocator..=Column::MallocArenas);
    sample[Column::Allocator] = 0.0;
    let Some(malloc) = os::malloc() else { return };
    sample[Column::Allocator] = f64::from(malloc.allocator as u8);
    sample.put(Column::MallocInUse, Some(malloc.in_use));
    sample.put(Column::MallocFree, Some(malloc.free));
    sample.put(Column::MallocMapped, malloc.mapped);
    sample.put(Column::MallocArenas, Some(malloc.arenas));
}

impl Sources {
    fn open(root: &Path, process: u32, now: u64) -> Self {
        let kept = |path: &str| Kept::new(root.join(path));
        Self {
            process,
            status: kept("proc/self/status"),
            descriptors: kept("proc/self/fd"),
            meminfo: kept("proc/meminfo"),
            pressure: kept("proc/pressure/memory"),
            cgroup: Cgroup::find(root),
            looked: now,
        }
    }

    fn read_process(&mut self, piece: &mut Piece, sample: &mut Sample) {
        let status = self.status.read(piece).map(Status::parse).unwrap_or_default();
        sample.put(Column::Rss, status.rss);
        sample.put(Column::Anon, status.anon);
        sample.put(Column::File, status.file);
        sample.put(Column::Shmem, status.shmem);
        sample.put(Column::Swap, status.swap);
        sample.put(Column::PeakRss, status.peak_rss);
        sample.put(Column::Virtual, status.virtual_size);
        sample.put(Column::Threads, status.threads);
        // Counting a directory's entries would take a microsecond each. Older kernels say 0.
        sample.put(Column::Descriptors, self.descriptors.size().filter(|&count| count > 0));
        // Not /proc/self/stat, whose times are ticks of 10 ms.
        let usage = os::usage();
        sample.put(Column::MinorFaults, usage.map(|usage| usage.minor_faults));
        sample.put(Column::MajorFaults, usage.map(|usage| usage.major_faults));
        sample.put(Column::CpuUser, usage.map(|usage| usage.user));
        sample.put(Column::CpuSystem, usage.map(|usage| usage.system));
    }

    /// Answers the memory of the machine.
    fn read_host(&mut self, piece: &mut Piece, sample: &mut Sample) -> Option<u64> {
        sample.forget(Column::HostTotal..=Column::HostFullTotal);
        let (total, available) = self.meminfo.read(piece).map(text::host_memory).unwrap_or_default();
        sample.put(Column::HostTotal, total);
        sample.put(Column::HostAvailable, available);
        if let Some(bytes) = self.pressure.read(piece) {
            sample.put_pressure(Column::HostSome10, &Pressure::parse(bytes));
        }
        total
    }

    /// Now and then: files that were missing, a process that has moved.
    fn look_again(&mut self, root: &Path, piece: &mut Piece) {
        for file in [&mut self.status, &mut self.descriptors, &mut self.meminfo, &mut self.pressure] {
            file.retry();
        }
        let mut membership = Kept::new(root.join("proc/self/cgroup"));
        if !self.cgroup.is_current(membership.read(piece).unwrap_or_default()) {
            self.cgroup = Cgroup::find(root);
        }
    }
}
