//! Readers of file systems that are made up: both versions of cgroups, both at a time, nested, broken, absent.

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use heapwise::core::process::Column::{
    self, CgroupCurrent, CgroupFull10, CgroupHeadroom, CgroupHigh, CgroupLimit, CgroupPeak, CgroupSome10, CgroupSwap,
    CgroupVersion, CgroupWorkingSet, EventsHigh, EventsLow, EventsMax, EventsOom, EventsOomKill, HostAvailable,
    HostFullTotal, HostSome10, HostTotal, Rss, Threads,
};
use proptest::prelude::*;

use crate::cases;
use crate::tree::{Tree, known};

const MB: u64 = 1 << 20;
const MEMINFO: (&str, &str) = ("proc/meminfo", "MemTotal: 8388608 kB\nMemAvailable: 4194304 kB\n");
const UNIFIED: (&str, &str) =
    ("proc/self/mountinfo", "41 31 0:38 / /sys/fs/cgroup rw,relatime - cgroup2 cgroup2 rw,nsdelegate\n");
const LEGACY: (&str, &str) =
    ("proc/self/mountinfo", "35 31 0:32 / /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory\n");
const UNLIMITED: &str = "9223372036854771712\n";

fn mb(number: u64) -> Option<f64> {
    Some((number * MB) as f64)
}

#[test]
fn version_2_in_a_container() {
    let tree = Tree::of(&[
        MEMINFO,
        UNIFIED,
        ("proc/self/cgroup", "0::/\n"),
        (
            "proc/pressure/memory",
            "some avg10=0.50 avg60=0.00 avg300=0.00 total=1\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=2\n",
        ),
        ("sys/fs/cgroup/memory.max", "536870912\n"),
        ("sys/fs/cgroup/memory.high", "max\n"),
        ("sys/fs/cgroup/memory.current", "314572800\n"),
        ("sys/fs/cgroup/memory.peak", "419430400\n"),
        ("sys/fs/cgroup/memory.swap.current", "1048576\n"),
        (
            "sys/fs/cgroup/memory.stat",
            "anon 1\nfile 2\ninactive_anon 7\nactive_anon 7\ninactive_file 104857600\nactive_file 1\n",
        ),
        ("sys/fs/cgroup/memory.events", "low 1\nhigh 2\nmax 3\noom 4\noom_kill 5\noom_group_kill 0\n"),
        (
            "sys/fs/cgroup/memory.pressure",
            "some avg10=12.00 avg60=0.00 avg300=0.00 total=3\nfull avg10=7.25 avg60=0.00 avg300=0.00 total=4\n",
        ),
    ]);
    let sample = tree.sample();
    assert_eq!(
        known(
            &sample,
            [CgroupVersion, CgroupLimit, CgroupHigh, CgroupCurrent, CgroupWorkingSet, CgroupPeak, CgroupSwap]
        ),
        [Some(2.0), mb(512), None, mb(300), mb(200), mb(400), mb(1)]
    );
    assert_eq!(known(&sample, [CgroupHeadroom, HostTotal, HostAvailable]), [mb(212), mb(8192), mb(4096)]);
    assert_eq!(
        known(&sample, [EventsLow, EventsHigh, EventsMax, EventsOom, EventsOomKill]),
        [1.0, 2.0, 3.0, 4.0, 5.0].map(Some)
    );
    assert_eq!(
        known(&sample, [CgroupSome10, CgroupFull10, HostSome10, HostFullTotal]),
        [12.0, 7.25, 0.5, 2.0].map(Some)
    );
    // There is no /proc/self/status.
    assert_eq!(known(&sample, [Rss, Threads]), [None, None]);
}

fn nested(limits: [&str; 3], usages: [u64; 3]) -> Tree {
    let tree = Tree::of(&[MEMINFO, UNIFIED, ("proc/self/cgroup", "0::/pods.slice/pod 7/app\n")]);
    let directories =
        ["sys/fs/cgroup/pods.slice", "sys/fs/cgroup/pods.slice/pod 7", "sys/fs/cgroup/pods.slice/pod 7/app"];
    for ((directory, limit), usage) in directories.iter().zip(limits).zip(usages) {
        tree.write(&format!("{directory}/memory.max"), format!("{limit}\n"));
        tree.write(&format!("{directory}/memory.high"), format!("{limit}\n"));
        tree.write(&format!("{directory}/memory.current"), format!("{}\n", usage * MB));
    }
    tree
}

#[test]
fn the_lowest_limit_counts_whoever_has_it() {
    let limits = |limits| known(&nested(limits, [3000, 500, 100]).sample(), [CgroupLimit, CgroupHigh, CgroupHeadroom]);
    let (small, large) = ("629145600", "4294967296");
    assert_eq!(limits(["max", "max", "max"]), [None; 3]);
    assert_eq!(limits(["max", "max", small]), [mb(600), mb(600), mb(500)]);
    assert_eq!(limits(["max", small, "max"]), [mb(600), mb(600), mb(100)]);
    assert_eq!(limits([large, small, "max"]), [mb(600), mb(600), mb(100)]);
    assert_eq!(limits([small, large, "max"]), [mb(600), mb(600), mb(0)]);
    // The lowest limit and the fullest cgroup need not be the same.
    assert_eq!(limits(["3146776576", "max", small]), [mb(600), mb(600), mb(1)]);
    // More is in it than it may have: the limit was lowered.
    assert_eq!(limits(["max", "419430400", "max"]), [mb(400), mb(400), mb(0)]);
    // As much as the machine has, or more, is no limit.
    assert_eq!(limits(["max", "8589934592", "18446744073709551615"]), [None; 3]);
    assert_eq!(limits(["max", "8589934591", "99999999999999999999999"])[0], Some(8_589_934_591.0));
    assert_eq!(limits(["0", "max", "max"]), [Some(0.0); 3]);
}

#[test]
fn a_cgroup_that_does_not_count_memory_leaves_it_to_the_one_around_it() {
    let tree = nested(["max", "629145600", "max"], [3000, 500, 100]);
    for file in ["memory.max", "memory.high", "memory.current"] {
        tree.remove(&format!("sys/fs/cgroup/pods.slice/pod 7/app/{file}"));
    }
    let sample = tree.sample();
    assert_eq!(known(&sample, [CgroupVersion, CgroupLimit, CgroupCurrent]), [Some(2.0), mb(600), mb(500)]);
}

#[test]
fn what_is_mounted_is_a_part_of_the_tree() {
    let tree = Tree::of(&[
        MEMINFO,
        ("proc/self/mountinfo", "41 31 0:38 /docker/ab /sys/fs/cgroup ro - cgroup2 cgroup rw\n"),
        ("proc/self/cgroup", "0::/docker/ab/inner\n"),
        ("sys/fs/cgroup/memory.current", "5\n"),
        ("sys/fs/cgroup/memory.max", "9\n"),
        ("sys/fs/cgroup/inner/memory.current", "3\n"),
        ("sys/fs/cgroup/inner/memory.max", "max\n"),
    ]);
    assert_eq!(known(&tree.sample(), [CgroupCurrent, CgroupLimit]), [Some(3.0), Some(9.0)]);
    // The process is elsewhere, as far as can be seen: its own is what is mounted.
    for path in ["/docker/ab", "/docker/abc/inner", "/", "/docker/ab/gone", "inner"] {
        tree.write("proc/self/cgroup", format!("0::{path}\n"));
        assert_eq!(known(&tree.sample(), [CgroupCurrent, CgroupLimit]), [Some(5.0), Some(9.0)], "{path}");
    }
}

/// The process, or what is mounted, is outside of the namespace: where the process is cannot be seen.
#[test]
fn another_namespace() {
    let tree = Tree::of(&[
        MEMINFO,
        UNIFIED,
        ("sys/fs/cgroup/memory.current", "5\n"),
        ("sys/fs/cgroup/a/memory.current", "3\n"),
        ("sys/memory.current", "4\n"),
        ("proc/self/cgroup", "0::/a\n"),
    ]);
    assert_eq!(known(&tree.sample(), [CgroupVersion, CgroupCurrent]), [Some(2.0), Some(3.0)]);
    for path in ["/..", "/../a", "/a/../../a", "/../.."] {
        tree.write("proc/self/cgroup", format!("0::{path}\n"));
        assert_eq!(known(&tree.sample(), [CgroupVersion, CgroupCurrent]), [Some(0.0), None], "{path}");
    }
    tree.write("proc/self/cgroup", "0::/\n");
    tree.write("proc/self/mountinfo", "41 31 0:38 /../.. /sys/fs/cgroup rw,relatime - cgroup2 cgroup2 rw\n");
    assert_eq!(known(&tree.sample(), [CgroupVersion, CgroupCurrent]), [Some(0.0), None]);
}

#[test]
fn version_1() {
    let tree = Tree::of(&[
        MEMINFO,
        LEGACY,
        ("proc/self/cgroup", "9:name=systemd:/\n4:memory:/a/b\n0::/\n"),
        ("sys/fs/cgroup/memory/memory.limit_in_bytes", UNLIMITED),
        ("sys/fs/cgroup/memory/memory.usage_in_bytes", "4294967296\n"),
        ("sys/fs/cgroup/memory/a/memory.limit_in_bytes", "1073741824\n"),
        ("sys/fs/cgroup/memory/a/memory.usage_in_bytes", "838860800\n"),
        ("sys/fs/cgroup/memory/a/b/memory.limit_in_bytes", UNLIMITED),
        ("sys/fs/cgroup/memory/a/b/memory.usage_in_bytes", "314572800\n"),
        ("sys/fs/cgroup/memory/a/b/memory.max_usage_in_bytes", "419430400\n"),
        ("sys/fs/cgroup/memory/a/b/memory.failcnt", "12\n"),
        ("sys/fs/cgroup/memory/a/b/memory.oom_control", "oom_kill_disable 0\nunder_oom 0\noom_kill 3\n"),
        (
            "sys/fs/cgroup/memory/a/b/memory.stat",
            "cache 1\nswap 5\ninactive_file 7\nhierarchical_memory_limit 1073741824\ntotal_swap 1048576\ntotal_inactive_file 104857600\n",
        ),
    ]);
    let sample = tree.sample();
    assert_eq!(
        known(
            &sample,
            [CgroupVersion, CgroupLimit, CgroupHigh, CgroupCurrent, CgroupWorkingSet, CgroupPeak, CgroupSwap]
        ),
        [Some(1.0), mb(1024), None, mb(300), mb(200), mb(400), mb(1)]
    );
    assert_eq!(
        known(&sample, [EventsLow, EventsHigh, EventsMax, EventsOom, EventsOomKill]),
        [None, None, Some(12.0), None, Some(3.0)]
    );
    assert_eq!(known(&sample, [CgroupHeadroom, CgroupSome10]), [mb(224), None]);
    tree.write("sys/fs/cgroup/memory/a/memory.limit_in_bytes", UNLIMITED);
    tree.write("sys/fs/cgroup/memory/a/b/memory.stat", format!("hierarchical_memory_limit {UNLIMITED}"));
    assert_eq!(known(&tree.sample(), [CgroupLimit, CgroupHeadroom, CgroupWorkingSet]), [None; 3]);
}

#[test]
fn version_1_in_a_container_that_cannot_see_the_limit() {
    let tree = Tree::of(&[
        MEMINFO,
        ("proc/self/mountinfo", "35 31 0:32 /docker/ab /sys/fs/cgroup/memory ro - cgroup cgroup rw,memory\n"),
        ("proc/self/cgroup", "4:memory:/docker/ab\n"),
        ("sys/fs/cgroup/memory/memory.limit_in_bytes", UNLIMITED),
        ("sys/fs/cgroup/memory/memory.usage_in_bytes", "314572800\n"),
        ("sys/fs/cgroup/memory/memory.stat", "inactive_file 104857600\nhierarchical_memory_limit 536870912\n"),
    ]);
    assert_eq!(
        known(&tree.sample(), [CgroupLimit, CgroupHeadroom, CgroupWorkingSet, EventsMax]),
        [mb(512), mb(212), mb(200), None]
    );
}

#[test]
fn both_versions_at_a_time() {
    let tree = Tree::of(&[
        MEMINFO,
        (
            "proc/self/mountinfo",
            "35 31 0:32 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n\
             41 31 0:38 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n",
        ),
        ("proc/self/cgroup", "4:memory:/a\n0::/u\n"),
        ("sys/fs/cgroup/memory/a/memory.usage_in_bytes", "5\n"),
        ("sys/fs/cgroup/memory/a/memory.limit_in_bytes", "7\n"),
        ("sys/fs/cgroup/unified/memory.pressure", "some avg10=9.00 avg60=0.00 avg300=0.00 total=1\n"),
        ("sys/fs/cgroup/unified/u/memory.pressure", "some avg10=2.00 avg60=0.00 avg300=0.00 total=1\n"),
    ]);
    let columns = [CgroupVersion, CgroupLimit, CgroupCurrent, CgroupSome10];
    assert_eq!(known(&tree.sample(), columns), [1.0, 7.0, 5.0, 2.0].map(Some));
    // The root's pressure is the machine's.
    tree.write("proc/self/cgroup", "4:memory:/a\n0::/\n");
    assert_eq!(known(&tree.sample(), columns), [Some(1.0), Some(7.0), Some(5.0), None]);
    // Where version 2 counts memory, it is the one.
    tree.write("proc/self/cgroup", "4:memory:/a\n0::/u\n");
    tree.write("sys/fs/cgroup/unified/u/memory.current", "6\n");
    assert_eq!(known(&tree.sample(), columns), [Some(2.0), None, Some(6.0), Some(2.0)]);
}

#[test]
fn nothing_at_all() {
    let sample = Tree::new().sample();
    assert_eq!(known(&sample, [CgroupVersion, CgroupLimit, CgroupCurrent, HostTotal]), [Some(0.0), None, None, None]);
    // A membership without the file system.
    let tree = Tree::of(&[("proc/self/cgroup", "0::/a\n4:memory:/b\n"), UNIFIED]);
    assert_eq!(known(&tree.sample(), [CgroupVersion, CgroupLimit, CgroupSome10]), [Some(0.0), None, None]);
}

#[test]
fn files_that_make_no_sense_are_not_known_and_hurt_no_others() {
    let tree = nested(["max", "629145600", "max"], [3000, 500, 100]);
    let leaf = |file: &str| format!("sys/fs/cgroup/pods.slice/pod 7/app/{file}");
    tree.write(&leaf("memory.stat"), [0xff; 9000]);
    tree.write(&leaf("memory.events"), "oom_kill 99999999999999999999\nmax -1\nhigh 4\nlow 3");
    tree.write(&leaf("memory.peak"), "12");
    tree.write(&leaf("memory.swap.current"), "");
    tree.write("proc/self/status", "VmRSS: 1 kB\nRssAnon:");
    let sample = tree.sample();
    assert_eq!(known(&sample, [CgroupLimit, CgroupCurrent, CgroupWorkingSet]), [mb(600), mb(100), None]);
    assert_eq!(
        known(&sample, [EventsLow, EventsHigh, EventsMax, EventsOomKill, CgroupPeak, CgroupSwap, Rss]),
        [None, Some(4.0), None, None, None, None, Some(1024.0)]
    );
    tree.write(&leaf("memory.current"), "99999999999999999999\n");
    assert_eq!(known(&tree.sample(), [CgroupCurrent, CgroupLimit]), [None, mb(600)]);
}

#[test]
fn more_inactive_than_there_is_leaves_nothing() {
    let tree = nested(["max"; 3], [3, 2, 1]);
    tree.write("sys/fs/cgroup/pods.slice/pod 7/app/memory.stat", "inactive_file 999999999\n");
    assert_eq!(known(&tree.sample(), [CgroupWorkingSet]), [Some(0.0)]);
}

#[test]
fn a_sample_is_what_is_there_now() {
    let tree = nested(["max", "629145600", "max"], [3000, 500, 100]);
    let mut reader = tree.reader();
    assert_eq!(known(&reader.fresh(), [CgroupLimit]), [mb(600)]);
    tree.write("sys/fs/cgroup/pods.slice/pod 7/memory.max", "max\n");
    tree.write("proc/meminfo", "MemTotal: 1 kB\n");
    assert_eq!(known(&reader.fresh(), [CgroupLimit, HostTotal, HostAvailable]), [None, Some(1024.0), None]);
}

#[test]
fn a_process_that_is_moved_and_files_that_come_late() {
    let tree = nested(["max", "629145600", "max"], [3000, 500, 100]);
    let (mut once, mut always) = (tree.reader(), tree.reader().looking_always());
    let columns = [CgroupLimit, CgroupCurrent, CgroupPeak, HostSome10, Threads];
    for reader in [&mut once, &mut always] {
        assert_eq!(known(&reader.fresh(), columns), [mb(600), mb(100), None, None, None]);
    }
    tree.write("proc/self/status", "Threads:\t3\n");
    tree.write("proc/pressure/memory", "some avg10=2.00 avg60=0.00 avg300=0.00 total=1\n");
    tree.write("sys/fs/cgroup/pods.slice/pod 7/app/memory.peak", "1048576\n");
    assert_eq!(known(&once.fresh(), columns), [mb(600), mb(100), None, None, None]);
    // What belongs to the process is looked for after it has been read.
    always.fresh();
    assert_eq!(known(&always.fresh(), columns), [mb(600), mb(100), mb(1), Some(2.0), Some(3.0)]);
    tree.write("proc/self/cgroup", "0::/pods.slice\n");
    assert_eq!(known(&once.fresh(), columns), [mb(600), mb(100), None, None, None]);
    assert_eq!(known(&always.fresh(), columns), [None, mb(3000), None, Some(2.0), Some(3.0)]);
    // Gone altogether, and back.
    tree.write("proc/self/cgroup", "");
    assert_eq!(known(&always.fresh(), columns), [None, None, None, Some(2.0), Some(3.0)]);
    tree.write("proc/self/cgroup", "0::/pods.slice/pod 7/app\n");
    assert_eq!(known(&always.fresh(), columns), [mb(600), mb(100), mb(1), Some(2.0), Some(3.0)]);
}

/// The cgroup around it has stopped counting memory for this one.
#[test]
fn a_cgroup_that_counts_memory_no_more() {
    let tree = nested(["max", "629145600", "max"], [3000, 500, 100]);
    let usage = "sys/fs/cgroup/pods.slice/pod 7/app/memory.current";
    tree.remove(usage);
    // It is there and cannot be read, as if it had been open when it went away.
    tree.write(&format!("{usage}/x"), "");
    let mut reader = tree.reader().looking_always();
    assert_eq!(known(&reader.fresh(), [CgroupCurrent, CgroupLimit]), [None, mb(600)]);
    tree.remove(&format!("{usage}/x"));
    tree.remove_directory(usage);
    assert_eq!(known(&reader.fresh(), [CgroupCurrent, CgroupLimit]), [mb(500), mb(600)]);
}

/// A reader whose files are closed goes on with what is there then.
#[test]
fn files_are_opened_again() {
    let tree = nested(["max", "629145600", "max"], [3000, 500, 100]);
    let mut reader = tree.reader();
    assert_eq!(known(&reader.fresh(), [CgroupCurrent, Threads]), [mb(100), None]);
    tree.write("proc/self/status", "Threads:\t3\n");
    tree.write("proc/self/cgroup", "0::/pods.slice\n");
    reader.close();
    assert_eq!(known(&reader.paced(), [CgroupCurrent, Threads]), [mb(3000), Some(3.0)]);
}

/// How long the dearer parts rest depends on how long they took, so each attempt may come too late.
#[test]
fn the_dearer_parts_rest() {
    let tree = Tree::of(&[MEMINFO, ("proc/self/status", "Threads:\t1\n")]);
    let mut reader = tree.reader();
    let deadline = Instant::now() + Duration::from_secs(30);
    for round in 2_u64.. {
        assert!(Instant::now() < deadline, "they never rest");
        let old = reader.fresh()[HostTotal];
        tree.write("proc/meminfo", format!("MemTotal: {round} kB\n"));
        tree.write("proc/self/status", format!("Threads:\t{round}\n"));
        let sample = reader.paced();
        assert_eq!(known(&sample, [Threads]), [Some(round as f64)]);
        if known(&sample, [HostTotal]) == [Some(old)] {
            let new = [Some((round << 10) as f64)];
            while known(&reader.paced(), [HostTotal]) != new {
                assert!(Instant::now() < deadline, "they rest for ever");
            }
            break;
        }
    }
}

/// A tree of a hundred levels, each with a limit lower than the one around it.
#[test]
fn a_deep_tree() {
    let path = (0..100).fold(String::new(), |mut path, level| {
        write!(path, "/{level}").unwrap();
        path
    });
    let membership = format!("0::{path}\n");
    let tree = Tree::of(&[MEMINFO, UNIFIED, ("proc/self/cgroup", &membership)]);
    tree.write(&format!("sys/fs/cgroup{path}/memory.current"), "1\n");
    tree.write(&format!("sys/fs/cgroup{path}/memory.max"), "10\n");
    assert_eq!(known(&tree.sample(), [CgroupLimit, CgroupHeadroom]), [Some(10.0), Some(9.0)]);
}

const FILES: [&str; 12] = [
    "proc/self/status",
    "proc/self/cgroup",
    "proc/self/mountinfo",
    "proc/meminfo",
    "proc/pressure/memory",
    "sys/fs/cgroup/a/memory.current",
    "sys/fs/cgroup/a/memory.max",
    "sys/fs/cgroup/a/memory.stat",
    "sys/fs/cgroup/a/memory.events",
    "sys/fs/cgroup/a/memory.pressure",
    "sys/fs/cgroup/memory.max",
    "sys/fs/cgroup/memory.current",
];

/// What makes the rest of a random tree reachable.
const SENSE: [(&str, &str); 3] = [("proc/self/cgroup", "0::/a\n"), UNIFIED, ("sys/fs/cgroup/a/memory.current", "1\n")];

fn content() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        any::<u64>().prop_map(|number| format!("{number}\n").into_bytes()),
        "(max|0|[0-9]{1,25})\n?".prop_map(String::into_bytes),
        "((inactive_file|oom_kill|low|max|VmRSS:|Threads:|MemTotal:) [0-9]{0,21}( kB)?\n){0,5}"
            .prop_map(String::into_bytes),
        prop::collection::vec(any::<u8>(), 0..200),
        (any::<u8>(), 8000..9000_usize).prop_map(|(byte, length)| vec![byte; length]),
    ]
}

proptest! {
    #![proptest_config(cases::config(200))]

    /// Numbers that are known are numbers, and no smaller than 0; and a reader whose files change under it goes on.
    #[test]
    fn any_tree(sensible in any::<bool>(), rounds in prop::collection::vec((prop::sample::select(&FILES[..]), content()), 1..20)) {
        let tree = Tree::of(if sensible { &SENSE } else { &[] });
        let mut reader = tree.reader();
        for (file, content) in rounds {
            if !(sensible && SENSE.iter().any(|(path, _)| *path == file)) {
                tree.write(file, content);
            }
            for sample in [reader.fresh(), reader.paced(), tree.sample()] {
                for number in sample.0 {
                    prop_assert!(number.is_nan() || (number.is_finite() && number >= 0.0), "{:?}", sample);
                }
                let [limit, physical] = known(&sample, [CgroupLimit, Column::HostTotal]);
                prop_assert!(limit.zip(physical).is_none_or(|(limit, physical)| limit < physical));
                if sensible {
                    prop_assert_eq!(known(&sample, [CgroupVersion, CgroupCurrent]), [Some(2.0), Some(1.0)]);
                }
            }
        }
    }
}
