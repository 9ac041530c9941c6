//! This process on this system, as far as it says anything.

use std::fs;
use std::hint::black_box;
use std::os::unix::fs::symlink;
use std::process::Command;

use heapwise::core::process::Column::{
    self, Anon, CpuSystem, CpuUser, Descriptors, File, HostAvailable, HostTotal, MallocInUse, MinorFaults, PeakRss,
    Rss, Shmem, Threads, Virtual,
};
use heapwise::core::process::os;
use heapwise::core::process::reader::Reader;
use heapwise::core::process::sampler::Sampler;

use crate::tree::{Tree, known};

#[test]
fn clocks_run() {
    let first = os::monotonic_nanoseconds();
    let mut reader = Reader::of_system();
    let (one, two) = (reader.fresh(), reader.fresh());
    assert!(first as f64 <= one[Column::At] && one[Column::At] < two[Column::At]);
    // After 2020.
    assert!(one[Column::Time] > 1.577e12);
    assert!(os::ticks_per_second().unwrap() >= 1);
    assert!(os::physical_memory().unwrap() > 1 << 24);
}

#[cfg(target_os = "linux")]
#[test]
fn the_parts_make_the_whole() {
    let sample = Reader::of_system().fresh();
    let [rss, anon, file, shmem] = known(&sample, [Rss, Anon, File, Shmem]).map(Option::unwrap);
    assert!(((anon + file + shmem) - rss).abs() < 1.0, "{sample:?}");
    let [peak, space, threads, total] = known(&sample, [PeakRss, Virtual, Threads, HostTotal]).map(Option::unwrap);
    assert!(peak >= rss * 0.9 && space >= rss && threads >= 1.0 && total > rss);
    let [available, descriptors] = known(&sample, [HostAvailable, Descriptors]);
    assert!(available.is_none_or(|available| available <= total && available > 0.0));
    assert!(descriptors.is_none_or(|count| count >= 3.0));
}

#[test]
fn time_and_faults_are_counted() {
    let mut reader = Reader::of_system();
    let before = reader.fresh();
    let pages = black_box(vec![1_u8; 32 << 20]);
    let time = |sample: &heapwise::core::process::Sample| sample[CpuUser] + sample[CpuSystem];
    loop {
        assert_eq!(black_box(pages.iter().map(|&byte| u64::from(byte)).sum::<u64>()), 32 << 20);
        if time(&reader.paced()) > time(&before) + 20_000.0 {
            break;
        }
    }
    let after = reader.fresh();
    // The other tests allocate as well, so there may be more; with huge pages, less.
    assert!(after[MinorFaults] > before[MinorFaults]);
    assert!(after[Anon].is_nan() || after[PeakRss] > 32.0 * f64::from(1 << 20));
}

#[cfg(all(target_os = "linux", target_env = "gnu"))]
#[test]
fn malloc_is_seen() {
    let mut reader = Reader::of_system();
    let before = reader.fresh();
    let block = black_box(Vec::<u8>::with_capacity(256 << 20));
    let during = reader.fresh();
    // Only much less than the block is allocated elsewhere meanwhile.
    assert!(during[MallocInUse] > before[MallocInUse] + f64::from(200 << 20), "{before:?} {during:?}");
    drop(block);
    assert!(reader.fresh()[MallocInUse] < before[MallocInUse] + f64::from(200 << 20));
    assert!(os::trim());
}

/// As when the process was moved, and the cgroup where it was is removed.
#[cfg(target_os = "linux")]
#[test]
fn a_file_that_cannot_be_read_any_more_is_opened_anew() {
    let tree = Tree::of(&[("proc/self/other", "Threads:\t9\n")]);
    let status = tree.root().join("proc/self/status");
    let mut child = Command::new("sleep").arg("1000").spawn().unwrap();
    symlink(format!("/proc/{}/status", child.id()), &status).unwrap();
    let mut reader = tree.reader();
    assert_eq!(known(&reader.fresh(), [Threads]), [Some(1.0)]);
    child.kill().unwrap();
    child.wait().unwrap();
    fs::remove_file(&status).unwrap();
    symlink("other", &status).unwrap();
    assert_eq!(known(&reader.fresh(), [Threads]), [Some(9.0)]);
}

#[test]
fn the_sampler_of_the_process() {
    let sample = Sampler::shared().now();
    assert!(sample[Column::At] > 0.0);
    assert!(!Sampler::shared().is_running());
}
