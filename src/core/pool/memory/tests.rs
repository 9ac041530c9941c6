//! Unit tests of `memory`, and what the operating system says of a mapping.

use std::env;
use std::process::{Command, Output};

use super::*;

pub type Outcome<T = ()> = Result<T, Box<dyn std::error::Error>>;

/// Lines `Name: value`.
#[cfg(target_os = "linux")]
type Lines = Vec<(String, String)>;

const CHILD: &str = "HEAPWISE_TEST_CHILD";

/// Runs the test `name`, a path within the crate, again, alone and in a process of its own, whose [`child_case`] is `case`.
pub fn in_child(name: &str, case: &str) -> io::Result<Output> {
    let mut child = Command::new(env::current_exe()?);
    child.args([name, "--exact", "--nocapture", "--test-threads=1"]).env(CHILD, case).output()
}

pub fn child_case() -> Option<String> {
    env::var(CHILD).ok()
}

/// Reads the byte at `address`, which may end the process.
pub fn touch(address: *const u8) -> u8 {
    // SAFETY: for addresses in mappings that live. On a guard page this faults, which is what tests are after.
    unsafe { address.read_volatile() }
}

/// Writes `byte` at `address`, as JavaScript would.
pub fn poke(address: *mut u8, byte: u8) {
    // SAFETY: as in `touch`.
    unsafe { address.write_volatile(byte) }
}

/// Whether the process was ended by a touch of memory that it may not touch.
pub fn faulted(output: &Output) -> bool {
    #[cfg(unix)]
    let signal = std::os::unix::process::ExitStatusExt::signal(&output.status);
    #[cfg(unix)]
    return signal == Some(libc::SIGSEGV) || signal == Some(libc::SIGBUS);
    #[cfg(windows)]
    return output.status.code() == Some(0xc000_0005_u32 as i32);
}

/// This process may lock nothing from now on.
#[cfg(target_os = "linux")]
pub fn refuse_locks() {
    let none = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // The limit does not bind a superuser, so nobody is one afterwards.
    // SAFETY: calls without memory of ours, but for `none`, which is read.
    let done = unsafe {
        libc::setrlimit(libc::RLIMIT_MEMLOCK, &raw const none) == 0
            && (libc::geteuid() != 0 || libc::setresuid(65534, 65534, 65534) == 0)
    };
    assert!(done, "{}", io::Error::last_os_error());
}

/// The pieces of `mapping` that may be read, as the system sees them. What is at the ends of the mapping should be guarded,
/// or else the system may join it with a neighbour.
#[cfg(target_os = "linux")]
fn seen_by_system(mapping: &Mapping) -> Outcome<Vec<Lines>> {
    let (from, to) = (mapping.address(0).addr(), mapping.address(usize::MAX).addr());
    let mut pieces: Vec<Lines> = Vec::new();
    let mut inside = false;
    for line in std::fs::read_to_string("/proc/self/smaps")?.lines() {
        let mut words = line.split_whitespace();
        let (first, second) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        if let Some((start, end)) = first.split_once('-') {
            inside = second.starts_with("rw")
                && usize::from_str_radix(start, 16)? < to
                && usize::from_str_radix(end, 16)? > from;
            pieces.extend(inside.then(Vec::new));
        } else if inside && let (Some(lines), Some((name, value))) = (pieces.last_mut(), line.split_once(':')) {
            lines.push((name.to_owned(), value.trim().to_owned()));
        }
    }
    Ok(pieces)
}

/// The sum of a line over the pieces of `mapping`, in bytes.
#[cfg(target_os = "linux")]
pub fn bytes_seen(mapping: &Mapping, name: &str) -> Outcome<usize> {
    let mut sum = 0;
    for (_, value) in seen_by_system(mapping)?.iter().flatten().filter(|(line, _)| line == name) {
        sum += value.trim_end_matches(" kB").parse::<usize>()? * 1024;
    }
    Ok(sum)
}

/// How many pieces of `mapping` have `flag`, and how many there are.
#[cfg(target_os = "linux")]
pub fn flagged(mapping: &Mapping, flag: &str) -> Outcome<(usize, usize)> {
    let pieces = seen_by_system(mapping)?;
    let flags = pieces.iter().flatten().filter(|(line, _)| line == "VmFlags");
    Ok((flags.filter(|(_, value)| value.split(' ').any(|word| word == flag)).count(), pieces.len()))
}

/// `pages` pages between two guards.
#[cfg(target_os = "linux")]
fn island(pages: usize) -> io::Result<(Mapping, Range<usize>)> {
    let page = page_size();
    let mut mapping = Mapping::reserve((pages + 2) * page)?;
    mapping.guard(0..page)?;
    mapping.guard((pages + 1) * page..(pages + 2) * page)?;
    Ok((mapping, page..(pages + 1) * page))
}

#[test]
fn reserved_memory_is_whole_pages_of_zeros() -> Outcome {
    let page = page_size();
    for (bytes, pages) in [(0, 1), (1, 1), (page, 1), (page + 1, 2)] {
        let mapping = Mapping::reserve(bytes)?;
        assert_eq!(mapping.len(), pages * page);
        assert_eq!(mapping.first_other(0..mapping.len(), 0), None);
        assert_eq!(mapping.address(0).addr() % page, 0);
        assert_eq!(mapping.address(usize::MAX).addr() - mapping.address(0).addr(), mapping.len());
    }
    assert!(Mapping::reserve(usize::MAX / 4).is_err());
    for bytes in [usize::MAX, usize::MAX / 2] {
        let refused = Mapping::reserve(bytes).map(|mapping| mapping.len());
        assert_eq!(refused.map_err(|error| error.kind()), Err(io::ErrorKind::OutOfMemory), "{bytes}");
    }
    Ok(())
}

#[test]
fn the_first_other_byte_is_found_wherever_it_is() -> Outcome {
    let mapping = Mapping::reserve(1)?;
    mapping.fill(0..mapping.len(), 0xdb);
    for start in 0..17 {
        for len in 0..150 {
            assert_eq!(mapping.first_other(start..start + len, 0xdb), None);
            for at in (0..len).rev() {
                // More and more of them: the first counts.
                poke(mapping.address(start + at), 0xda);
                assert_eq!(mapping.first_other(start..start + len, 0xdb), Some(at), "{start} {len}");
            }
            assert_eq!(mapping.first_other(start..start + len, 0xda), None);
            mapping.fill(start..start + len, 0xdb);
        }
    }
    Ok(())
}

#[test]
fn what_is_filled_zeroed_and_wiped_is_exactly_the_range() -> Outcome {
    let mapping = Mapping::reserve(1)?;
    let all = 0..mapping.len();
    for range in [0..1, 5..5, 7..30, 8..64, 100..mapping.len()] {
        let outside = |byte| (mapping.first_other(0..range.start, byte), mapping.first_other(range.end..all.end, byte));
        mapping.fill(all.clone(), 1);
        mapping.wipe(range.clone());
        assert_eq!((mapping.first_other(range.clone(), 0), outside(1)), (None, (None, None)));
        mapping.fill(range.clone(), 2);
        assert_eq!((mapping.first_other(range.clone(), 2), outside(1)), (None, (None, None)));
        mapping.zero(range.clone());
        assert_eq!((mapping.first_other(range.clone(), 0), outside(1)), (None, (None, None)));
    }
    Ok(())
}

#[test]
fn ranges_are_cut_to_the_mapping() -> Outcome {
    let mapping = Mapping::reserve(1)?;
    let len = mapping.len();
    mapping.fill(len - 3..usize::MAX, 9);
    mapping.fill(len..len + 9, 9);
    mapping.fill(usize::MAX - 1..usize::MAX, 9);
    // A range that runs backwards is empty.
    mapping.fill(Range { start: 9, end: 3 }, 9);
    assert_eq!(mapping.first_other(0..usize::MAX, 0), Some(len - 3));
    assert_eq!(mapping.first_other(len..usize::MAX, 0), None);
    for (offset, room) in [(len - 2, true), (len - 1, false), (len, false), (usize::MAX, false)] {
        assert_eq!((mapping.write(offset, &[5, 6]), mapping.matches(offset, &[5, 6])), (room, room), "{offset}");
    }
    assert!(mapping.matches(len - 3, &[9, 5, 6]) && !mapping.matches(len - 3, &[9, 5, 7]));
    assert!(mapping.write(len, &[]) && mapping.matches(len, &[]) && !mapping.write(len + 1, &[]));
    assert!(mapping.purge(len..usize::MAX) && mapping.purge(1..len));
    assert!(!mapping.lock(0..len + 1) && !mapping.lock(0..0) && !mapping.unlock(0..len + 1));
    Ok(())
}

#[test]
fn guards_are_left_out() -> Outcome {
    let page = page_size();
    let mut mapping = Mapping::reserve(6 * page)?;
    mapping.guard(3 * page..4 * page)?;
    mapping.guard(page..2 * page)?;
    mapping.guard(4 * page..4 * page)?;
    for bad in [0..1, 1..page, page..2 * page, 0..2 * page, 3 * page..6 * page, 5 * page..7 * page] {
        assert_eq!(
            mapping.guard(bad.clone()).map_err(|error| error.kind()),
            Err(io::ErrorKind::InvalidInput),
            "{bad:?}"
        );
    }
    assert_eq!(mapping.guarded(), 2 * page);
    mapping.fill(1..6 * page - 1, 7);
    for (range, other) in [
        (1..page, None),
        (1..6 * page - 1, None),
        (page..2 * page, None),
        (page + 1..3 * page, None),
        (2 * page..3 * page, None),
        (1..usize::MAX, Some(6 * page - 2)),
    ] {
        assert_eq!(mapping.first_other(range.clone(), 7), other, "{range:?}");
    }
    poke(mapping.address(5 * page), 1);
    assert_eq!(mapping.first_other(1..usize::MAX, 7), Some(5 * page - 1));
    for (offset, room) in [(page - 2, true), (page - 1, false), (page, false), (2 * page - 1, false), (2 * page, true)]
    {
        assert_eq!((mapping.write(offset, b"ab"), mapping.matches(offset, b"ab")), (room, room), "{offset}");
    }
    assert!(!mapping.lock(0..6 * page) && !mapping.lock(page..2 * page));
    mapping.wipe(0..usize::MAX);
    assert_eq!(mapping.first_other(0..usize::MAX, 0), None);
    Ok(())
}

#[test]
fn a_touch_of_a_guard_ends_the_process() -> Outcome {
    let page = page_size();
    if child_case().is_some() {
        let mut mapping = Mapping::reserve(3 * page)?;
        mapping.guard(page..2 * page)?;
        poke(mapping.address(page - 1), 1);
        poke(mapping.address(2 * page), 1);
        println!("beside it: {}", touch(mapping.address(page - 1)) + touch(mapping.address(2 * page)));
        println!("survived: {}", touch(mapping.address(page + page / 2)));
        return Ok(());
    }
    let output = in_child("core::pool::memory::tests::a_touch_of_a_guard_ends_the_process", "")?;
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(said.contains("beside it: 2") && !said.contains("survived") && faulted(&output), "{output:?}");
    Ok(())
}

#[test]
#[cfg(target_os = "linux")]
fn purged_pages_read_zero_and_cost_nothing() -> Outcome {
    let page = page_size();
    let (mapping, all) = island(64)?;
    assert_eq!(bytes_seen(&mapping, "Rss")?, 0);
    mapping.fill(all.clone(), 7);
    assert_eq!(bytes_seen(&mapping, "Rss")?, 64 * page);
    // Two pages are covered in part, and stay. Nothing is whole within the second range.
    assert!(mapping.purge(all.start + 1..all.end - 1));
    assert!(mapping.purge(all.start + 1..all.start + page));
    assert_eq!(bytes_seen(&mapping, "Rss")?, 2 * page);
    assert_eq!(mapping.first_other(all.start..all.start + page, 7), None);
    assert_eq!(mapping.first_other(all.end - page..all.end, 7), None);
    assert_eq!(mapping.first_other(all.start + page..all.end - page, 0), None);
    assert!(mapping.purge(0..usize::MAX));
    assert_eq!(mapping.first_other(all.clone(), 0), None);
    mapping.fill(all.clone(), 8);
    assert_eq!(mapping.first_other(all, 8), None);
    Ok(())
}

#[test]
#[cfg(not(target_os = "linux"))]
fn purged_pages_read_zero_or_are_refused() -> Outcome {
    let mapping = Mapping::reserve(4 * page_size())?;
    mapping.fill(0..mapping.len(), 7);
    let byte = if mapping.purge(0..mapping.len()) { 0 } else { 7 };
    assert_eq!(mapping.first_other(0..mapping.len(), byte), None);
    Ok(())
}

#[test]
#[cfg(target_os = "linux")]
fn locked_pages_are_locked_and_not_purged() -> Outcome {
    // Alone: tests of the same process share what it may lock.
    if child_case().is_none() {
        let output = in_child("core::pool::memory::tests::locked_pages_are_locked_and_not_purged", "")?;
        assert!(output.status.success(), "{output:?}");
        return Ok(());
    }
    let page = page_size();
    let (mapping, all) = island(4)?;
    mapping.fill(all.clone(), 7);
    // The least limit of unprivileged processes that is usual is 64 KiB.
    assert!(mapping.lock(all.start..all.start + 2 * page), "{}", io::Error::last_os_error());
    assert_eq!(bytes_seen(&mapping, "Locked")?, 2 * page);
    assert!(!mapping.purge(all.start..all.start + page));
    assert_eq!(mapping.first_other(all.clone(), 7), None);
    assert!(mapping.unlock(all.start..all.start + 2 * page));
    assert_eq!(bytes_seen(&mapping, "Locked")?, 0);
    assert!(mapping.purge(all));
    Ok(())
}

#[test]
#[cfg(target_os = "linux")]
fn a_lock_that_the_system_refuses_is_told() -> Outcome {
    if child_case().is_some() {
        let (mapping, all) = island(2)?;
        refuse_locks();
        let locked = mapping.lock(all.clone());
        mapping.fill(all.clone(), 3);
        println!("locked {locked} {} {:?}", bytes_seen(&mapping, "Locked")?, mapping.first_other(all, 3));
        return Ok(());
    }
    let output = in_child("core::pool::memory::tests::a_lock_that_the_system_refuses_is_told", "")?;
    assert!(String::from_utf8_lossy(&output.stdout).contains("locked false 0 None"), "{output:?}");
    Ok(())
}

#[test]
#[cfg(target_os = "linux")]
fn pages_are_kept_out_of_dumps_and_from_children() -> Outcome {
    let (mapping, all) = island(2)?;
    assert_eq!((flagged(&mapping, "dd")?, flagged(&mapping, "wf")?), ((0, 1), (0, 1)));
    assert!(mapping.keep_out_of_dumps(0..usize::MAX) && mapping.keep_from_children(0..usize::MAX));
    assert_eq!((flagged(&mapping, "dd")?, flagged(&mapping, "wf")?), ((1, 1), (1, 1)));
    mapping.fill(all.clone(), 7);
    // SAFETY: the child calls nothing but `first_other`, which takes no lock and no memory, and `_exit`.
    let child = unsafe { libc::fork() };
    if child == 0 {
        let code = i32::from(mapping.first_other(all, 0).is_some());
        // SAFETY: ends the process.
        unsafe { libc::_exit(code) };
    }
    assert!(child > 0, "{}", io::Error::last_os_error());
    let mut status = -1;
    // SAFETY: a child of ours, and room for its status.
    assert_eq!(unsafe { libc::waitpid(child, &raw mut status, 0) }, child);
    assert_eq!(status, 0, "the child saw the bytes");
    assert_eq!(mapping.first_other(all, 7), None);
    Ok(())
}
