//! The parsers, given files of many kernels, and any bytes at all.

use heapwise::core::process::text::{
    Membership, Mount, Mounts, Pressure, Status, host_memory, keyed, lines, number, only_number, schedstat, stat_ticks,
};
use proptest::prelude::*;

use crate::cases;

const STATUS: &str = "Name:\tVmRSS:\t7 kB\nUmask:\t0022\nVmPeak:\t 3060 kB\nVmSize:\t    3060 kB\nVmHWM:\t    1760 kB\n\
    VmRSS:\t    1759 kB\nRssAnon:\t     112 kB\nRssFile:\t    1648 kB\nRssShmem:\t       0 kB\nVmSwap:\t      12 kB\n\
    Threads:\t11\nVmRSS:\t1 kB\n";

#[test]
fn a_number_is_digits_and_fits() {
    assert_eq!(number(b"0"), Some(0));
    assert_eq!(number(b" 42\t"), Some(42));
    assert_eq!(number(b"18446744073709551615"), Some(u64::MAX));
    for bad in ["", " ", "18446744073709551616", "-1", "+1", "1 2", "1.5", "0x10", "max", "1e3", "\u{663}", "1\0"] {
        assert_eq!(number(bad.as_bytes()), None, "{bad:?}");
    }
}

#[test]
fn half_a_line_is_none() {
    assert_eq!(lines(b"one\ntwo\nthr").collect::<Vec<_>>(), [b"one", b"two"]);
    assert_eq!(only_number(b"1048576\n"), Some(1 << 20));
    assert_eq!(only_number(b"10485"), None);
    assert_eq!(only_number(b""), None);
    assert_eq!(only_number(b"max\n"), None);
    assert_eq!(keyed(b"low 1\nhigh 23", b"high"), None);
    assert_eq!(Status::parse(b"VmRSS:\t 17").rss, None);
    assert_eq!(schedstat(b"123"), None);
    assert_eq!(stat_ticks(b"1 (x) R 0 0 0 0 0 0 0 0 0 0 1 2 0"), None);
}

#[test]
fn a_key_is_a_whole_word() {
    let events = b"low 1\nhigh 2\nmax 3\noom 4\noom_kill 5\noom_group_kill 6\n";
    assert_eq!(keyed(events, b"oom"), Some(4));
    assert_eq!(keyed(events, b"oom_kill"), Some(5));
    assert_eq!(keyed(events, b"kill"), None);
    assert_eq!(keyed(b"oom_kill 5\noom 4\n", b"oom"), Some(4));
    assert_eq!(keyed(b"total_swap 7\nswap x\n", b"swap"), None);
}

#[test]
fn status_of_linux_6() {
    let status = Status::parse(STATUS.as_bytes());
    let kb = |number: u64| Some(number << 10);
    assert_eq!(
        status,
        Status {
            rss: kb(1759),
            anon: kb(112),
            file: kb(1648),
            shmem: kb(0),
            swap: kb(12),
            peak_rss: kb(1760),
            virtual_size: kb(3060),
            threads: Some(11),
        }
    );
}

#[test]
fn status_of_a_kernel_that_says_less() {
    let status = Status::parse(b"Name:\tnode\nVmSize:\t100 kB\nVmRSS:\t50 kB\nThreads:\t2\n");
    let expected = Status { virtual_size: Some(102_400), rss: Some(51_200), threads: Some(2), ..Status::default() };
    assert_eq!(status, expected);
    assert_eq!(Status::parse(b"VmRSS:\t18446744073709551615 kB\n").rss, None);
    assert_eq!(Status::parse(b"VmRSS:\t18446744073709551615999 kB\n").rss, None);
    assert_eq!(Status::parse(b"VmRSS:\t5 MB\nVmSwap:\tkB\n"), Status::default());
}

#[test]
fn memory_of_the_host() {
    assert_eq!(host_memory(b"MemTotal:  100 kB\nMemFree: 1 kB\nMemAvailable:  60 kB\n"), (Some(102_400), Some(61_440)));
    assert_eq!(host_memory(b"MemTotal:  100 kB\nMemFree: 1 kB\n"), (Some(102_400), None));
    assert_eq!(host_memory(b"garbage"), (None, None));
}

#[test]
fn pressure() {
    let text =
        b"some avg10=1.50 avg60=0.00 avg300=0.25 total=122317\nfull avg10=0.00 avg60=3.00 avg300=0.00 total=58096\n";
    let pressure = Pressure::parse(text);
    assert_eq!(pressure.some, [1.5, 0.0, 0.25, 122_317.0]);
    assert_eq!(pressure.full, [0.0, 3.0, 0.0, 58_096.0]);
    let part = Pressure::parse(b"some avg10=nan avg60=inf avg300=1e3 total=9\nfull avg10=1");
    assert!(part.some[..3].iter().chain(&part.full).all(|number| number.is_nan()), "{part:?}");
    assert!((part.some[3] - 9.0).abs() < f64::EPSILON);
    let long = format!("some avg10={} avg60=1.2.3 avg300= total=7\n", "9".repeat(400));
    assert!(Pressure::parse(long.as_bytes()).some[..3].iter().all(|number| number.is_nan()));
}

#[test]
fn where_a_process_is() {
    let both = Membership::parse(
        b"9:name=systemd:/\n5:devices:/d\n4:cpu,memory:/process_api/a:b\n3:cpuset:/\n0::/user.slice\n",
    );
    assert_eq!(both.memory.as_deref(), Some("/process_api/a:b"));
    assert_eq!(both.unified.as_deref(), Some("/user.slice"));
    assert_eq!(Membership::parse(b"0::/\n"), Membership { unified: Some("/".into()), memory: None });
    assert_eq!(Membership::parse(b"4:memory_more:/\n1:a:/\n:::\n::\n0:x:/\n\xff:memory:/\n"), Membership::default());
}

#[test]
fn mounts() {
    let table = "31 23 0:28 / /sys/fs/cgroup rw,relatime - tmpfs tmpfs rw,mode=755\n\
        34 31 0:31 / /sys/fs/cgroup/cpuset rw shared:9 - cgroup cgroup rw,cpuset\n\
        35 31 0:32 /docker/ab /sys/fs/cgroup/mem\\040ory rw,relatime shared:9 master:1 - cgroup cgroup rw,memory\n\
        41 31 0:38 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw,nsdelegate\n\
        42 31 0:38 /x /second rw - cgroup2 cgroup2 rw\n";
    let mount = |root: &str, point: &str| Some(Mount { root: root.into(), point: point.into() });
    assert_eq!(
        Mounts::parse(table.as_bytes()),
        Mounts { unified: mount("/", "/sys/fs/cgroup/unified"), memory: mount("/docker/ab", "/sys/fs/cgroup/mem ory") }
    );
    assert_eq!(Mounts::parse(b"1 2 3 / /x rw cgroup2\n- - -\n1 2 3 / \\777\\04 rw - cgroup2\n").unified, {
        // What is no octal number of a byte is itself.
        mount("/", "\\777\\04")
    });
}

#[test]
fn times_of_a_thread() {
    assert_eq!(schedstat(b"2465282 17 1\n"), Some(2_465_282));
    assert_eq!(schedstat(b"\n"), None);
    let stat = b"12450 (a) b (c) R 1 2 3 0 -1 4194304 102 0 5 0 70 8 0 0 20 0 1 0 2385864 3133440 409\n";
    assert_eq!(stat_ticks(stat), Some(78));
    assert_eq!(stat_ticks(b"1 (x) R 1\n"), None);
}

/// Bytes that look like such files, cut and mixed.
fn looks_alike() -> impl Strategy<Value = Vec<u8>> {
    let word = prop_oneof![
        prop::sample::select(vec![
            "VmRSS:",
            "RssAnon:",
            "Threads:",
            "MemTotal:",
            "kB",
            "some",
            "full",
            "avg10=",
            "total=",
            "0::",
            "4:memory:",
            "/a/b",
            "/..",
            "\\040",
            "-",
            "cgroup",
            "cgroup2",
            "memory",
            "rw,memory",
            "max",
            "oom_kill",
            "(",
            ")",
            "inactive_file",
        ])
        .prop_map(|word| word.as_bytes().to_vec()),
        any::<u64>().prop_map(|number| number.to_string().into_bytes()),
        prop::collection::vec(any::<u8>(), 0..6),
        "[0-9]{15,30}".prop_map(String::into_bytes),
    ];
    let blank =
        prop::sample::select(vec![" ", "\n", "\t", "", ":", " kB\n"]).prop_map(|blank| blank.as_bytes().to_vec());
    prop::collection::vec((word, blank), 0..60)
        .prop_map(|parts| parts.into_iter().flat_map(|(word, blank)| [word, blank].concat()).collect())
}

proptest! {
    #![proptest_config(cases::config(2000))]

    #[test]
    fn no_bytes_are_too_bad(bytes in prop_oneof![looks_alike(), prop::collection::vec(any::<u8>(), 0..300)]) {
        let pressure = Pressure::parse(&bytes);
        for number in pressure.some.iter().chain(&pressure.full) {
            prop_assert!(number.is_nan() || (number.is_finite() && *number >= 0.0));
        }
        let _ = (Status::parse(&bytes), host_memory(&bytes), only_number(&bytes), schedstat(&bytes), stat_ticks(&bytes));
        let _ = (Membership::parse(&bytes), Mounts::parse(&bytes), keyed(&bytes, b"oom_kill"), keyed(&bytes, b""));
    }

    #[test]
    fn a_number_is_what_the_standard_library_says(text in "[0-9]{1,22}") {
        prop_assert_eq!(number(text.as_bytes()), text.parse().ok());
    }

    /// Whatever of a file is read, what is understood is what the whole file says.
    #[test]
    fn a_file_that_is_cut_says_less_and_nothing_else(at in 0..=STATUS.len()) {
        let (whole, part) = (Status::parse(STATUS.as_bytes()), Status::parse(&STATUS.as_bytes()[..at]));
        let pairs = [
            (whole.rss, part.rss), (whole.anon, part.anon), (whole.file, part.file), (whole.swap, part.swap),
            (whole.peak_rss, part.peak_rss), (whole.virtual_size, part.virtual_size), (whole.threads, part.threads),
        ];
        for (whole, part) in pairs {
            prop_assert!(part.is_none() || part == whole);
        }
    }
}
