//! The callbacks of `heap_snapshot`: snapshots are read and searched on a thread of their own.
//!
//! `heapWatchOpen() -> watch` and `heapWatchClose(watch)`: what was seen in earlier looks.
//! `heapAnalyse(watch, paths, options, foreign, bell) -> ticket`: `paths` and `foreign` are texts with a NUL between
//! entries, `watch` may be 0, `options` is a `Float64Array` of `[floor, entries, share, rises, viewBytes, most, classes, trim]`.
//! `trim`: a snapshot was taken just now, and malloc holds what V8 needed for it, hundreds of megabytes. It is given back.
//! `heapResult(ticket) -> text | null`: JSON, once; null as long as there is none. A failure is `{"error": text}`.

use std::cell::RefCell;
use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};

use napi::bindgen_prelude::*;
use once_cell::sync::Lazy;

use super::raw::{Call, Exports, Fault, Reply, Scratch, Text, callback, ring};
use crate::core::heap_snapshot::history::{History, Thresholds};
use crate::core::heap_snapshot::json::Writer;
use crate::core::heap_snapshot::report::{self, Options};
use crate::core::process::os;

type Outcome = std::result::Result<Reply, Fault>;
type Watch = Arc<Mutex<History>>;

static WATCHES: Lazy<Mutex<HashMap<u32, Watch>>> = Lazy::new(Mutex::default);
static RESULTS: Lazy<Mutex<HashMap<u32, String>>> = Lazy::new(Mutex::default);
static NEXT: AtomicU32 = AtomicU32::new(1);

thread_local! {
    /// What belongs to this thread.
    static OWN: RefCell<Own> = RefCell::default();
}

#[derive(Debug, Default)]
struct Own {
    jobs: Vec<Job>,
    /// Watches that are open.
    watches: Vec<u32>,
    /// Results that have not been fetched.
    tickets: Vec<u32>,
}

/// Work that has begun.
#[derive(Debug)]
struct Job {
    cancel: Arc<AtomicBool>,
    thread: JoinHandle<()>,
}

impl Drop for Own {
    /// The thread ends. Nobody will fetch or close anything.
    fn drop(&mut self) {
        for job in &self.jobs {
            job.cancel.store(true, Ordering::Relaxed);
        }
        for job in self.jobs.drain(..) {
            let _ = job.thread.join();
        }
        for ticket in &self.tickets {
            locked(&RESULTS).remove(ticket);
        }
        for watch in &self.watches {
            let history = locked(&WATCHES).remove(watch);
            drop(history);
        }
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // A panic under the lock has been told; what is there is whole after each step.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Exports the callbacks.
pub fn register(exports: &Exports) -> Result<()> {
    exports.function("heapWatchOpen", callback!(open))?;
    exports.function("heapWatchClose", callback!(close))?;
    exports.function("heapAnalyse", callback!(analyse))?;
    exports.function("heapResult", callback!(result))
}

/// `() -> watch`
fn open(_: &Call) -> Outcome {
    let watch = NEXT.fetch_add(1, Ordering::Relaxed);
    OWN.with(|own| own.borrow_mut().watches.push(watch));
    locked(&WATCHES).insert(watch, Watch::default());
    Ok(Reply::U32(watch))
}

/// `(watch)`
fn close(call: &Call) -> Outcome {
    let number = call.u32(0)?;
    OWN.with(|own| own.borrow_mut().watches.retain(|&watch| watch != number));
    let watch = locked(&WATCHES).remove(&number);
    drop(watch);
    Ok(Reply::Nothing)
}

/// `(watch, paths, options, foreign, bell) -> ticket`
fn analyse(call: &Call) -> Outcome {
    let watch = match call.u32(0)? {
        0 => Watch::default(),
        number => locked(&WATCHES).get(&number).cloned().ok_or_else(|| Fault::new("no such watch"))?,
    };
    let files: Vec<PathBuf> = list(call, 1)?.into_iter().map(PathBuf::from).collect();
    let options = options(call, list(call, 3)?)?;
    let trim = call.f64s(2)?.last().is_some_and(|trim| trim.get() != 0.0);
    let bell = call.bell(4)?;
    let ticket = NEXT.fetch_add(1, Ordering::Relaxed);
    let cancel = Arc::new(AtomicBool::new(false));
    let stop = Arc::clone(&cancel);
    let thread = thread::Builder::new()
        .name("heapwise-heap".into())
        .spawn(move || {
            let text = run(&watch, &files, &options, &stop);
            if trim {
                os::trim();
            }
            locked(&RESULTS).insert(ticket, text);
            ring(&bell);
        })
        .map_err(|error| Fault::new(format!("no thread could be started: {error}")))?;
    OWN.with(|own| {
        let mut own = own.borrow_mut();
        own.jobs.retain(|job| !job.thread.is_finished());
        own.jobs.push(Job { cancel, thread });
        own.tickets.push(ticket);
    });
    Ok(Reply::U32(ticket))
}

fn options(call: &Call, foreign: Vec<String>) -> std::result::Result<Options, Fault> {
    let [floor, entries, share, rises, view_bytes, most, classes, _] = call.f64s(2)? else {
        return Err(Fault::new("eight options are needed"));
    };
    Ok(Options {
        thresholds: Thresholds {
            floor: floor.get() as u32,
            entries: entries.get() as u32,
            share: share.get(),
            rises: rises.get() as u32,
            view_bytes: view_bytes.get() as u64,
        },
        most: most.get() as usize,
        classes: classes.get() != 0.0,
        foreign,
    })
}

/// Texts with a NUL between them.
fn list(call: &Call, index: usize) -> std::result::Result<Vec<String>, Fault> {
    let mut scratch = Scratch::default();
    let text = call.text(call.js(index)?, &mut scratch)?;
    let text: String = if text.wide {
        let units: Vec<u16> = text.bytes.chunks_exact(2).map(|pair| u16::from_le_bytes([pair[0], pair[1]])).collect();
        String::from_utf16_lossy(&units)
    } else {
        text.bytes.iter().map(|&byte| char::from(byte)).collect()
    };
    Ok(text.split('\0').filter(|entry| !entry.is_empty()).map(str::to_owned).collect())
}

fn run(watch: &Mutex<History>, files: &[PathBuf], options: &Options, cancel: &AtomicBool) -> String {
    let outcome = catch_unwind(AssertUnwindSafe(|| report::analyse(files, &mut locked(watch), options, cancel)));
    match outcome {
        Ok(Ok(text)) => text,
        Ok(Err(error)) => failure(&error.to_string()),
        Err(_) => failure("a bug in heapwise: the thread panicked"),
    }
}

fn failure(message: &str) -> String {
    let mut out = Writer::default();
    out.open('{').key("error").text(message).close('}');
    out.finish()
}

/// `(ticket) -> text | null`
fn result(call: &Call) -> Outcome {
    let number = call.u32(0)?;
    let Some(text) = locked(&RESULTS).remove(&number) else { return Ok(Reply::Null) };
    OWN.with(|own| own.borrow_mut().tickets.retain(|&ticket| ticket != number));
    if text.is_ascii() {
        return call.string(Text { wide: false, bytes: text.as_bytes() });
    }
    let units: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
    call.string(Text { wide: true, bytes: &units })
}
