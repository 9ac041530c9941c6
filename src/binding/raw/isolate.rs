//! V8's C++ functions, found by name in the running binary: the only place in heapwise that knows of them.
//!
//! They are not part of Node-API. Their names have the types of their arguments in them, so a function that takes something
//! else has another name and is not found. What its name does not tell, a structure's layout and an enum's values, is checked
//! before it is believed: [`Api::heap`] says how. What is missing is done without.
//!
//! V8 calls [`begins`] and [`ends`] on the isolate's own thread, within an allocation. Nothing in them calls V8 but to ask for
//! statistics, which Node does there too; they allocate nothing, and lock nothing.

use std::cell::{Cell, RefCell};
use std::ffi::{CStr, c_char, c_int, c_void};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr;

use once_cell::sync::OnceCell;

use crate::core::gc::recorder::{Heap, MOST_SPACES, Observer, Space};
use crate::core::gc::tally::{FULL, MINOR};

/// `v8::Isolate`.
type Isolate = *mut c_void;
type GcCallback = extern "C" fn(Isolate, c_int, c_int, *mut c_void);
type LimitCallback = extern "C" fn(*mut c_void, usize, usize) -> usize;

// Types only. Each call of such a function, and each conversion to one, says for itself what makes it sound.
type TryGetCurrent = unsafe extern "C" fn() -> Isolate;
type AddGc = unsafe extern "C" fn(Isolate, GcCallback, *mut c_void, c_int);
type RemoveGc = unsafe extern "C" fn(Isolate, GcCallback, *mut c_void);
type GetHeap = unsafe extern "C" fn(Isolate, *mut u64);
type CountSpaces = unsafe extern "C" fn(Isolate) -> usize;
type GetIndexed = unsafe extern "C" fn(Isolate, *mut u64, usize) -> bool;
type AddLimit = unsafe extern "C" fn(Isolate, LimitCallback, *mut c_void);
type RemoveLimit = unsafe extern "C" fn(Isolate, LimitCallback, usize);

/// `v8::kGCTypeAll`, in every V8 since 10.
const ALL_KINDS: c_int = 31;

/// Words of the structures that V8 fills in. It wants 14 or 15, and 5: a structure that has grown has room.
const HEAP_WORDS: usize = 64;
const SPACE_WORDS: usize = 16;

#[derive(Debug, Clone, Copy)]
struct Callbacks {
    add_prologue: AddGc,
    add_epilogue: AddGc,
    remove_prologue: RemoveGc,
    remove_epilogue: RemoveGc,
}

#[derive(Debug, Clone, Copy)]
struct Spaces {
    count: CountSpaces,
    get: GetIndexed,
}

#[derive(Debug, Clone, Copy)]
struct Limits {
    add: AddLimit,
    remove: RemoveLimit,
}

/// The functions that were found.
#[derive(Debug, Clone, Copy)]
pub struct Api {
    current: TryGetCurrent,
    callbacks: Callbacks,
    heap: Option<GetHeap>,
    spaces: Option<Spaces>,
    limits: Option<Limits>,
    types: Option<Spaces>,
}

/// What the running binary has, for JavaScript: bits.
pub const CALLBACKS: u32 = 1;
const HEAP: u32 = 2;
const SPACES: u32 = 4;
const LIMITS: u32 = 8;
const TYPES: u32 = 16;

/// Objects of one type, counted by V8 at the last full collection.
#[derive(Debug, Clone)]
pub struct Type {
    pub name: String,
    pub of: String,
    pub count: u64,
    pub bytes: u64,
}

/// Looks a symbol up in the running binary and what it has loaded for all.
fn find(name: &CStr) -> *mut c_void {
    #[cfg(unix)]
    {
        // SAFETY: the name ends in NUL; looking it up runs no code of anybody's.
        unsafe { libc::dlsym(libc::RTLD_DEFAULT, name.as_ptr()) }
    }
    #[cfg(not(unix))]
    {
        // Visual C++ gives other names, and nobody has tried them: JavaScript's observer does it there.
        let _ = name;
        ptr::null_mut()
    }
}

/// The function of that name as one of type `$type`.
macro_rules! function {
    ($name:literal as $type:ty) => {{
        let found = find($name);
        if found.is_null() {
            None
        } else {
            // SAFETY: the mangled name has the class and the types of the arguments in it, which are those of `$type`: a C++
            // method takes its object first. What it gives back has been the same from V8 10.2 to 14.6.
            Some(unsafe { std::mem::transmute::<*mut c_void, $type>(found) })
        }
    }};
}

impl Api {
    /// What the running binary has. `None` if collections cannot be observed.
    pub fn get() -> Option<&'static Self> {
        static API: OnceCell<Option<Api>> = OnceCell::new();
        API.get_or_init(Self::load).as_ref()
    }

    fn load() -> Option<Self> {
        let callbacks = Callbacks {
            add_prologue: function!(
                c"_ZN2v87Isolate21AddGCPrologueCallbackEPFvPS0_NS_6GCTypeENS_15GCCallbackFlagsEPvES4_S2_" as AddGc
            )?,
            add_epilogue: function!(
                c"_ZN2v87Isolate21AddGCEpilogueCallbackEPFvPS0_NS_6GCTypeENS_15GCCallbackFlagsEPvES4_S2_" as AddGc
            )?,
            remove_prologue: function!(
                c"_ZN2v87Isolate24RemoveGCPrologueCallbackEPFvPS0_NS_6GCTypeENS_15GCCallbackFlagsEPvES4_" as RemoveGc
            )?,
            remove_epilogue: function!(
                c"_ZN2v87Isolate24RemoveGCEpilogueCallbackEPFvPS0_NS_6GCTypeENS_15GCCallbackFlagsEPvES4_" as RemoveGc
            )?,
        };
        let spaces = || {
            Some(Spaces {
                count: function!(c"_ZN2v87Isolate18NumberOfHeapSpacesEv" as CountSpaces)?,
                get: function!(c"_ZN2v87Isolate22GetHeapSpaceStatisticsEPNS_19HeapSpaceStatisticsEm" as GetIndexed)?,
            })
        };
        let limits = || {
            Some(Limits {
                add: function!(c"_ZN2v87Isolate24AddNearHeapLimitCallbackEPFmPvmmES1_" as AddLimit)?,
                remove: function!(c"_ZN2v87Isolate27RemoveNearHeapLimitCallbackEPFmPvmmEm" as RemoveLimit)?,
            })
        };
        let types = || {
            Some(Spaces {
                count: function!(c"_ZN2v87Isolate30NumberOfTrackedHeapObjectTypesEv" as CountSpaces)?,
                get: function!(
                    c"_ZN2v87Isolate31GetHeapObjectStatisticsAtLastGCEPNS_20HeapObjectStatisticsEm" as GetIndexed
                )?,
            })
        };
        Some(Self {
            current: function!(c"_ZN2v87Isolate13TryGetCurrentEv" as TryGetCurrent)?,
            callbacks,
            heap: function!(c"_ZN2v87Isolate17GetHeapStatisticsEPNS_14HeapStatisticsE" as GetHeap),
            spaces: spaces(),
            limits: limits(),
            types: types(),
        })
    }

    /// What there is, as bits.
    pub fn support(&self) -> u32 {
        CALLBACKS
            | if self.heap.is_some() { HEAP } else { 0 }
            | if self.spaces.is_some() { SPACES } else { 0 }
            | if self.limits.is_some() { LIMITS } else { 0 }
            | if self.types.is_some() { TYPES } else { 0 }
    }

    /// The words of `v8::HeapStatistics` as they have been from V8 10.2 to 14.6. All 0 if they are not what they should be:
    /// more in use than there is, or than there may be.
    fn heap(&self, isolate: Isolate) -> Heap {
        let Some(get) = self.heap else { return Heap::default() };
        let mut words = [0_u64; HEAP_WORDS];
        // SAFETY: `isolate` is that of this thread; V8 fills in a structure of plain words, at most a quarter of `words`.
        unsafe { get(isolate, words.as_mut_ptr()) };
        let [total, _, _, _, used, limit, malloced, external, _, _, _, _, _, _, ever, ..] = words;
        if used == 0 || used > total.max(1) * 2 || limit == 0 {
            return Heap::default();
        }
        Heap { used, total, external, malloced, limit, young: 0, ever }
    }

    fn words<const N: usize>(&self, isolate: Isolate, from: &Spaces, index: usize) -> Option<[u64; N]> {
        let mut words = [0; N];
        // SAFETY: as in `heap`: `N` is three times what V8 fills in. It answers false for an index that it does not have.
        unsafe { (from.get)(isolate, words.as_mut_ptr(), index) }.then_some(words)
    }

    fn count(isolate: Isolate, of: &Spaces) -> usize {
        // SAFETY: `isolate` is that of this thread.
        unsafe { (of.count)(isolate) }
    }
}

/// The string of V8's own, a constant, that a word of it points at.
fn name_at(word: u64) -> String {
    let text = word as usize as *const c_char;
    if text.is_null() {
        return String::new();
    }
    // SAFETY: the first words of `HeapSpaceStatistics` and `HeapObjectStatistics` point at string constants of V8's.
    unsafe { CStr::from_ptr(text) }.to_string_lossy().into_owned()
}

/// V8's callbacks on the isolate of this thread, until it is dropped. To be dropped on the same thread, while the isolate is
/// there: by a cleanup hook of its environment at the latest.
#[derive(Debug)]
pub struct Watch {
    api: &'static Api,
    isolate: Isolate,
    state: *mut State,
}

/// What V8's callbacks lead to.
struct State {
    api: &'static Api,
    observer: RefCell<Observer>,
    /// Where the spaces of the young generation are among the spaces.
    young: [Option<usize>; 2],
    spaces: usize,
    /// By how much the limit of the heap is raised when it is reached. 0: not at all.
    reserve: Cell<usize>,
    reserved: Cell<usize>,
}

impl std::fmt::Debug for State {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("State").field("observer", &self.observer).finish_non_exhaustive()
    }
}

impl State {
    fn heap(&self, isolate: Isolate, kind: u32) -> Heap {
        let mut heap = self.api.heap(isolate);
        if kind & MINOR != 0
            && let Some(spaces) = &self.api.spaces
        {
            let used = |index| self.api.words::<SPACE_WORDS>(isolate, spaces, index).map_or(0, |[_, _, used, ..]| used);
            heap.young = self.young.iter().flatten().map(|&index| used(index)).sum();
        }
        heap
    }

    fn spaces(&self, isolate: Isolate, out: &mut [Space; MOST_SPACES]) -> usize {
        let Some(spaces) = &self.api.spaces else { return 0 };
        for (index, place) in out.iter_mut().enumerate().take(self.spaces) {
            if let Some([_, size, used, ..]) = self.api.words::<SPACE_WORDS>(isolate, spaces, index) {
                *place = Space { used, size };
            }
        }
        self.spaces
    }

    fn begins(&self, isolate: Isolate, kind: u32) {
        let heap = self.heap(isolate, kind);
        if let Ok(mut observer) = self.observer.try_borrow_mut() {
            // Last, so that what is asked above is not part of the pause that is told.
            observer.begins(kind, now(), heap);
        }
    }

    fn ends(&self, isolate: Isolate, kind: u32, flags: u32) {
        let at = now();
        let heap = self.heap(isolate, kind);
        let mut spaces = [Space::default(); MOST_SPACES];
        let count = if kind == FULL { self.spaces(isolate, &mut spaces) } else { 0 };
        if let Ok(mut observer) = self.observer.try_borrow_mut() {
            observer.ends(kind, flags, at, heap, spaces.get(..count).unwrap_or_default());
        }
    }
}

/// ns on the clock of `process.hrtime()`.
#[cfg(unix)]
pub fn now() -> u64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the clock is there on every Unix; `time` is one to be written.
    unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &mut time) };
    (time.tv_sec as u64).wrapping_mul(1_000_000_000).wrapping_add(time.tv_nsec as u64)
}

/// ns since the addon first asked.
#[cfg(not(unix))]
pub fn now() -> u64 {
    static START: OnceCell<std::time::Instant> = OnceCell::new();
    START.get_or_init(std::time::Instant::now).elapsed().as_nanos() as u64
}

extern "C" fn begins(isolate: Isolate, kind: c_int, _flags: c_int, data: *mut c_void) {
    // SAFETY: `data` is the pointer that was given to V8 with this function, and lives until V8 has been told to forget both.
    let Some(state) = (unsafe { data.cast::<State>().as_ref() }) else { return };
    let _ = catch_unwind(AssertUnwindSafe(|| state.begins(isolate, kind as u32)));
}

extern "C" fn ends(isolate: Isolate, kind: c_int, flags: c_int, data: *mut c_void) {
    // SAFETY: as in `begins`.
    let Some(state) = (unsafe { data.cast::<State>().as_ref() }) else { return };
    let _ = catch_unwind(AssertUnwindSafe(|| state.ends(isolate, kind as u32, flags as u32)));
}

thread_local! {
    /// Whose reserve V8 has [`near_limit`] for. It takes a function once an isolate, or aborts the process, and the addon can
    /// have been loaded more than once on this thread.
    static RESERVING: Cell<*const State> = const { Cell::new(ptr::null()) };
}

extern "C" fn near_limit(data: *mut c_void, limit: usize, _first: usize) -> usize {
    // SAFETY: as in `begins`.
    let Some(state) = (unsafe { data.cast::<State>().as_ref() }) else { return limit };
    let more = state.reserve.replace(0);
    state.reserved.set(more);
    RESERVING.set(ptr::null());
    // SAFETY: it looks at a thread-local variable of V8's.
    let isolate = unsafe { (state.api.current)() };
    if let Some(limits) = &state.api.limits {
        // SAFETY: V8 is calling this function on the isolate's thread, so it is among its callbacks; it may be taken away here,
        // as Node does with its own. Whose is next is asked when the limit is reached again.
        unsafe { (limits.remove)(isolate, near_limit, 0) };
    }
    // After a collection V8 asks once only, and ends the process if what it has taken already is still above the limit.
    let taken = usize::try_from(state.api.heap(isolate).total).unwrap_or(limit);
    limit.max(taken).saturating_add(more)
}

impl Watch {
    /// Has collections of this thread told to the observer that `make` gives for the heap as it is. `None` if they cannot be.
    pub fn new(make: impl FnOnce(Heap) -> Observer) -> Option<Self> {
        let api = Api::get()?;
        // SAFETY: it looks at a thread-local variable of V8's.
        let isolate = unsafe { (api.current)() };
        if isolate.is_null() {
            return None;
        }
        let names = space_names(api, isolate);
        let place = |name: &str| names.iter().position(|other| other == name);
        let state = Box::into_raw(Box::new(State {
            api,
            observer: RefCell::new(make(api.heap(isolate))),
            young: [place("new_space"), place("new_large_object_space")],
            spaces: names.len(),
            reserve: Cell::new(0),
            reserved: Cell::new(0),
        }));
        // SAFETY: `isolate` is that of this thread. `state` lives until `drop`, which takes both away first.
        unsafe {
            (api.callbacks.add_prologue)(isolate, begins, state.cast(), ALL_KINDS);
            (api.callbacks.add_epilogue)(isolate, ends, state.cast(), ALL_KINDS);
        }
        Some(Self { api, isolate, state })
    }

    fn state(&self) -> Option<&State> {
        // SAFETY: the pointer of `new`, which only `drop` frees. What V8's callbacks do with it is through shared references too.
        unsafe { self.state.as_ref() }
    }

    /// Works on the observer. No JavaScript runs meanwhile.
    pub fn with<T>(&self, work: impl FnOnce(&mut Observer) -> T) -> Option<T> {
        self.state()?.observer.try_borrow_mut().ok().map(|mut observer| work(&mut observer))
    }

    /// The heap as it is now.
    pub fn heap(&self) -> Heap {
        self.api.heap(self.isolate)
    }

    /// Raises the limit of the heap, or what V8 has already if that is more, by so many bytes, once, when it is reached. 0: not
    /// any more. False if V8 cannot, or if another watch of this thread does.
    pub fn reserve(&self, bytes: usize) -> bool {
        let (Some(limits), Some(state)) = (&self.api.limits, self.state()) else { return false };
        let holder = RESERVING.get();
        let ours = ptr::eq(holder, self.state);
        if !ours && !holder.is_null() && bytes > 0 {
            return false;
        }
        state.reserve.set(bytes);
        if !ours && bytes > 0 {
            RESERVING.set(self.state);
            // SAFETY: nobody has it among the isolate's callbacks, says `RESERVING`; `state` is valid until `drop`, which takes
            // it away.
            unsafe { (limits.add)(self.isolate, near_limit, self.state.cast()) };
        }
        if ours && bytes == 0 {
            RESERVING.set(ptr::null());
            // SAFETY: it is among them: it was added for this watch, and has not been called since, or `holder` were null.
            unsafe { (limits.remove)(self.isolate, near_limit, 0) };
        }
        true
    }

    /// By how much the limit has been raised.
    pub fn reserved(&self) -> usize {
        self.state().map_or(0, |state| state.reserved.get())
    }

    /// What V8 counted by type at the last full collection: nothing without its flag `--track-gc-object-stats`.
    pub fn types(&self) -> Vec<Type> {
        let Some(types) = &self.api.types else { return Vec::new() };
        (0..Api::count(self.isolate, types))
            .filter_map(|index| self.api.words::<SPACE_WORDS>(self.isolate, types, index))
            .filter(|&[_, _, count, ..]| count > 0)
            .map(|[name, of, count, bytes, ..]| Type { name: name_at(name), of: name_at(of), count, bytes })
            .collect()
    }
}

/// The names of the spaces of the heap, in V8's order.
fn space_names(api: &Api, isolate: Isolate) -> Vec<String> {
    let Some(spaces) = &api.spaces else { return Vec::new() };
    (0..Api::count(isolate, spaces).min(MOST_SPACES))
        .filter_map(|index| api.words::<SPACE_WORDS>(isolate, spaces, index))
        .map(|[name, ..]| name_at(name))
        .collect()
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.reserve(0);
        // SAFETY: both were added once, with this pointer, by `new`, and are taken away once; `isolate` is still there, as the
        // owner promises. After that V8 has no more way to `state`, which is the pointer of `new`, freed here only. V8 is not
        // in the midst of a collection: these callbacks drop nothing.
        unsafe {
            (self.api.callbacks.remove_prologue)(self.isolate, begins, self.state.cast());
            (self.api.callbacks.remove_epilogue)(self.isolate, ends, self.state.cast());
            drop(Box::from_raw(self.state));
        }
        self.state = ptr::null_mut();
    }
}
