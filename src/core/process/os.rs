//! What has to be asked of the C library: clocks, counters, and its allocator. The only part of `process` with `unsafe`.
//!
//! The allocator's functions are looked up by name when they are first needed: which of them exist depends on the C
//! library, its version, and what was put in its place (`LD_PRELOAD`).

use std::hint::black_box;

use once_cell::sync::Lazy;

/// CPU time and page faults of the process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Usage {
    /// Microseconds in user mode.
    pub user: u64,
    /// Microseconds in the kernel.
    pub system: u64,
    /// Faults that needed no reading.
    pub minor_faults: u64,
    /// Faults that waited for a disk.
    pub major_faults: u64,
}

/// Whose numbers those of malloc are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Allocator {
    /// The C library's, by `mallinfo2` (glibc 2.33 and later, and what takes its place under the same name).
    Mallinfo2 = 1,
    /// The C library's, by `mallinfo`, whose numbers are the last 32 bits of what they should be.
    Mallinfo = 2,
    /// jemalloc, by `mallctl`.
    Jemalloc = 3,
}

/// What malloc has, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Malloc {
    /// Who says so.
    pub allocator: Allocator,
    /// Allocated and not freed.
    pub in_use: u64,
    /// Freed and held.
    pub free: u64,
    /// The part of `in_use` that has mappings of its own.
    pub mapped: Option<u64>,
    /// What it has had from the system for all but those.
    pub arenas: u64,
}

/// What is asked of malloc for the test that it is the one whose numbers are read. Not so much that glibc would give it a
/// mapping of its own: freeing such a block raises the size from which on it does that.
const PROBE: usize = 96 << 10;
/// Other threads allocate and free at the same time, so that one attempt may say anything.
const ATTEMPTS: usize = 32;

type Source = fn() -> Option<Malloc>;

/// Whether `source` sees what this program allocates. Under another allocator, the C library's functions are still there, and
/// speak of memory that nobody uses.
fn sees_ours(source: Source) -> bool {
    (0..ATTEMPTS).any(|_| {
        let Some(before) = source() else { return false };
        let block: Vec<u8> = black_box(Vec::with_capacity(PROBE));
        let during = source();
        drop(black_box(block));
        let after = source();
        let (Some(during), Some(after)) = (during, after) else { return false };
        let (grown, shrunk) =
            (during.in_use.wrapping_sub(before.in_use) as i64, during.in_use.wrapping_sub(after.in_use) as i64);
        let probe = PROBE as i64;
        (probe / 2..2 * probe).contains(&grown) && (probe / 2..2 * probe).contains(&shrunk)
    })
}

/// The function whose numbers are those of the allocator in use, if there is one.
static SOURCE: Lazy<Option<Source>> =
    Lazy::new(|| platform::malloc_sources().into_iter().find(|&source| sees_ours(source)));

/// What malloc has. `None` if the allocator does not say.
pub fn malloc() -> Option<Malloc> {
    SOURCE.as_ref().and_then(|source| source())
}

/// Has malloc give back to the system what it holds. False if it cannot be asked to. This takes tens of milliseconds if
/// there is much.
pub fn trim() -> bool {
    platform::trim()
}

pub use platform::{block_signals, monotonic_nanoseconds, physical_memory, ticks_per_second, usage};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_allocator_that_nobody_uses_is_not_believed() {
        fn still() -> Option<Malloc> {
            Some(Malloc { allocator: Allocator::Mallinfo2, in_use: 1 << 20, free: 5, mapped: None, arenas: 7 })
        }
        assert!(!sees_ours(still));
        assert!(!sees_ours(|| None));
    }

    #[cfg(target_env = "gnu")]
    #[test]
    fn that_in_use_is() {
        assert!(malloc().is_some());
    }
}

#[cfg(unix)]
mod platform {
    use std::ffi::{CStr, c_char, c_int, c_void};
    use std::mem::{MaybeUninit, size_of};
    use std::ptr;

    use once_cell::sync::Lazy;

    use super::{Allocator, Malloc, Source, Usage};

    /// The time on the clock of `process.hrtime` (on Linux), in nanoseconds.
    pub fn monotonic_nanoseconds() -> u64 {
        let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
        // SAFETY: `time` is one to write to. The clock exists wherever POSIX does, so it cannot fail.
        unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &mut time) };
        // Neither is negative.
        (time.tv_sec as u64).wrapping_mul(1_000_000_000).wrapping_add(time.tv_nsec as u64)
    }

    /// CPU time and page faults of the process, all threads that are or were.
    pub fn usage() -> Option<Usage> {
        let mut usage = MaybeUninit::<libc::rusage>::zeroed();
        // SAFETY: `usage` is one to write to.
        let status = unsafe { libc::getrusage(libc::RUSAGE_SELF, usage.as_mut_ptr()) };
        if status != 0 {
            return None;
        }
        // SAFETY: it was zeros, which are valid, and has been written since.
        let usage = unsafe { usage.assume_init() };
        let microseconds = |time: libc::timeval| {
            u64::try_from(time.tv_sec).ok()?.checked_mul(1_000_000)?.checked_add(u64::try_from(time.tv_usec).ok()?)
        };
        Some(Usage {
            user: microseconds(usage.ru_utime)?,
            system: microseconds(usage.ru_stime)?,
            minor_faults: u64::try_from(usage.ru_minflt).ok()?,
            major_faults: u64::try_from(usage.ru_majflt).ok()?,
        })
    }

    fn configured(name: c_int) -> Option<u64> {
        // SAFETY: takes a number and gives one.
        let value = unsafe { libc::sysconf(name) };
        u64::try_from(value).ok()
    }

    /// The memory of the machine, whatever is mounted over `/proc/meminfo` (lxcfs has the container's there).
    pub fn physical_memory() -> Option<u64> {
        configured(libc::_SC_PHYS_PAGES)?.checked_mul(configured(libc::_SC_PAGESIZE)?)
    }

    /// The unit of time in `/proc/PID/stat`.
    pub fn ticks_per_second() -> Option<u64> {
        configured(libc::_SC_CLK_TCK)
    }

    /// Keeps handlers of signals from running on the thread that calls. Signals that the thread itself causes are left.
    pub fn block_signals() {
        let mut set = MaybeUninit::<libc::sigset_t>::zeroed();
        // SAFETY: `set` is a set of signals once it has been filled. The mask is this thread's alone.
        unsafe {
            libc::sigfillset(set.as_mut_ptr());
            for signal in [libc::SIGSEGV, libc::SIGBUS, libc::SIGILL, libc::SIGFPE, libc::SIGTRAP, libc::SIGABRT] {
                libc::sigdelset(set.as_mut_ptr(), signal);
            }
            libc::pthread_sigmask(libc::SIG_SETMASK, set.as_ptr(), ptr::null_mut());
        }
    }

    fn symbol(name: &CStr) -> *mut c_void {
        // SAFETY: `name` ends in NUL.
        unsafe { libc::dlsym(libc::RTLD_DEFAULT, name.as_ptr()) }
    }

    /// `mallinfo2` of the C library: ten numbers, of which the first is that of arenas, then, from the fifth on, bytes in
    /// mappings, something unused, something else, bytes in use, bytes free. See mallinfo(3).
    #[repr(C)]
    #[derive(Clone, Copy)]
    struct Mallinfo<T> {
        arena: T,
        ordblks: T,
        smblks: T,
        hblks: T,
        hblkhd: T,
        usmblks: T,
        fsmblks: T,
        uordblks: T,
        fordblks: T,
        keepcost: T,
    }

    fn mallinfo2() -> Option<Malloc> {
        type Function = unsafe extern "C" fn() -> Mallinfo<usize>;
        static FUNCTION: Lazy<Option<Function>> = Lazy::new(|| {
            let found = symbol(c"mallinfo2");
            // SAFETY: what has this name takes nothing and gives ten numbers of the size of a pointer.
            (!found.is_null()).then(|| unsafe { std::mem::transmute::<*mut c_void, Function>(found) })
        });
        let function = (*FUNCTION)?;
        // SAFETY: it may be called at any time from any thread: it takes malloc's locks.
        let info = unsafe { function() };
        Some(Malloc {
            allocator: Allocator::Mallinfo2,
            in_use: (info.uordblks as u64).checked_add(info.hblkhd as u64)?,
            free: info.fordblks as u64,
            mapped: Some(info.hblkhd as u64),
            arenas: info.arena as u64,
        })
    }

    fn mallinfo() -> Option<Malloc> {
        type Function = unsafe extern "C" fn() -> Mallinfo<c_int>;
        static FUNCTION: Lazy<Option<Function>> = Lazy::new(|| {
            let found = symbol(c"mallinfo");
            // SAFETY: what has this name takes nothing and gives ten `int`s.
            (!found.is_null()).then(|| unsafe { std::mem::transmute::<*mut c_void, Function>(found) })
        });
        let function = (*FUNCTION)?;
        // SAFETY: it may be called at any time from any thread: it takes malloc's locks.
        let info = unsafe { function() };
        // The bits are right up to 4 GiB, whatever the sign.
        let bytes = |number: c_int| u64::from(number.cast_unsigned());
        Some(Malloc {
            allocator: Allocator::Mallinfo,
            in_use: bytes(info.uordblks) + bytes(info.hblkhd),
            free: bytes(info.fordblks),
            mapped: Some(bytes(info.hblkhd)),
            arenas: bytes(info.arena),
        })
    }

    type Mallctl = unsafe extern "C" fn(*const c_char, *mut c_void, *mut usize, *mut c_void, usize) -> c_int;

    static MALLCTL: Lazy<Option<Mallctl>> = Lazy::new(|| {
        let found = symbol(c"mallctl");
        // SAFETY: jemalloc alone has this name, and this signature since its first version.
        (!found.is_null()).then(|| unsafe { std::mem::transmute::<*mut c_void, Mallctl>(found) })
    });

    fn jemalloc_number(mallctl: Mallctl, name: &CStr) -> Option<u64> {
        let mut value = 0_usize;
        let mut length = size_of::<usize>();
        // SAFETY: `name` ends in NUL; `value` has room for `length` bytes; nothing is written to jemalloc.
        let status = unsafe { mallctl(name.as_ptr(), (&raw mut value).cast(), &mut length, ptr::null_mut(), 0) };
        (status == 0 && length == size_of::<usize>()).then_some(value as u64)
    }

    fn jemalloc() -> Option<Malloc> {
        let mallctl = (*MALLCTL)?;
        // Its statistics are those of the moment at which this was last written.
        let mut epoch = 1_u64;
        // SAFETY: the name ends in NUL; `epoch` is the eight bytes that are said.
        let status =
            unsafe { mallctl(c"epoch".as_ptr(), ptr::null_mut(), ptr::null_mut(), (&raw mut epoch).cast(), 8) };
        if status != 0 {
            return None;
        }
        let in_use = jemalloc_number(mallctl, c"stats.allocated")?;
        Some(Malloc {
            allocator: Allocator::Jemalloc,
            in_use,
            free: jemalloc_number(mallctl, c"stats.resident")?.saturating_sub(in_use),
            mapped: None,
            arenas: jemalloc_number(mallctl, c"stats.mapped")?,
        })
    }

    /// In the order in which they are tried. Where the C library has the new function, the old one is asked no more: if it
    /// alone sees what is allocated, it belongs to another allocator (tcmalloc has it), whose memory `malloc_trim` does not
    /// give back.
    pub fn malloc_sources() -> Vec<Source> {
        let of_the_library: Source = if symbol(c"mallinfo2").is_null() { mallinfo } else { mallinfo2 };
        vec![jemalloc, of_the_library]
    }

    /// `MALLCTL_ARENAS_ALL` of jemalloc 5, as text.
    const PURGE_ALL: &CStr = c"arena.4096.purge";

    pub fn trim() -> bool {
        match super::malloc().map(|malloc| malloc.allocator) {
            Some(Allocator::Jemalloc) => (*MALLCTL).is_some_and(|mallctl| {
                // SAFETY: the name ends in NUL; nothing is read, nothing written.
                let status =
                    unsafe { mallctl(PURGE_ALL.as_ptr(), ptr::null_mut(), ptr::null_mut(), ptr::null_mut(), 0) };
                status == 0
            }),
            Some(Allocator::Mallinfo2 | Allocator::Mallinfo) => malloc_trim(),
            None => false,
        }
    }

    fn malloc_trim() -> bool {
        type Function = unsafe extern "C" fn(usize) -> c_int;
        static FUNCTION: Lazy<Option<Function>> = Lazy::new(|| {
            let found = symbol(c"malloc_trim");
            // SAFETY: what has this name takes a size and gives an `int`.
            (!found.is_null()).then(|| unsafe { std::mem::transmute::<*mut c_void, Function>(found) })
        });
        let Some(function) = *FUNCTION else { return false };
        // SAFETY: it may be called at any time from any thread: it takes malloc's locks.
        unsafe { function(0) };
        true
    }

    #[cfg(all(test, target_env = "gnu"))]
    mod tests {
        use super::*;

        #[test]
        fn the_old_function_agrees_with_the_new_one() {
            let (Some(old), Some(new)) = (mallinfo(), mallinfo2()) else { return };
            assert_eq!(old.allocator, Allocator::Mallinfo);
            assert!(new.in_use.abs_diff(old.in_use) < 16 << 20, "{old:?} {new:?}");
            assert!(new.arenas.abs_diff(old.arenas) < 16 << 20, "{old:?} {new:?}");
        }
    }
}

#[cfg(not(unix))]
mod platform {
    use std::time::Instant;

    use once_cell::sync::Lazy;

    use super::{Source, Usage};

    /// Nanoseconds since this was first called.
    pub fn monotonic_nanoseconds() -> u64 {
        static START: Lazy<Instant> = Lazy::new(Instant::now);
        u64::try_from(START.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }

    /// Not known here.
    pub fn usage() -> Option<Usage> {
        None
    }

    /// Not known here.
    pub fn physical_memory() -> Option<u64> {
        None
    }

    /// Not known here.
    pub fn ticks_per_second() -> Option<u64> {
        None
    }

    /// There are none.
    pub fn block_signals() {}

    pub fn malloc_sources() -> Vec<Source> {
        Vec::new()
    }

    pub fn trim() -> bool {
        false
    }
}
