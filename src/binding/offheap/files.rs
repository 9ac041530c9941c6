//! Saving and loading, on a thread of their own.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use napi::bindgen_prelude::Result;

use super::super::raw::{Call, Exports, Fault, Reply, callback};
use super::Outcome;
use super::events::{Event, Mailbox, What};
use crate::core::offheap::claims::Ticket;
use crate::core::offheap::snapshot::{Progress, SnapshotError, Watch};
use crate::core::offheap::store::Store;
use crate::core::offheap::transfer::{self, TransferError};

/// How often progress is told.
const TELL: Duration = Duration::from_millis(50);

pub fn register(exports: &Exports) -> Result<()> {
    exports.function("offheapSave", callback!(save))?;
    exports.function("offheapLoad", callback!(load))
}

/// Work on another thread.
#[derive(Debug)]
pub struct Job {
    cancel: Arc<AtomicBool>,
    thread: JoinHandle<()>,
}

impl Job {
    /// Stops the work, and waits until it has cleaned up behind itself: within a block of a file.
    pub fn give_up(self) {
        self.cancel.store(true, Ordering::Relaxed);
        // A panic over there has been told as a failure already.
        let _ = self.thread.join();
    }
}

/// `(handle, path) -> ticket`
fn save(call: &Call) -> Outcome {
    start(call, "heapwise-save", |store, name, path, watch| {
        let done = transfer::save(store, name, path, watch)?;
        Ok((done.entries, done.file_bytes))
    })
}

/// `(handle, path) -> ticket`
fn load(call: &Call) -> Outcome {
    start(call, "heapwise-load", |store, _, path, watch| {
        let done = transfer::load(store, path, watch)?;
        Ok((done.entries, done.bytes))
    })
}

type Work = fn(&Store, Option<&str>, &Path, Watch<'_>) -> std::result::Result<(u64, u64), TransferError>;

fn start(call: &Call, thread_name: &str, work: Work) -> Outcome {
    let local = &call.environment()?.offheap;
    // Not the `Open`: a store that is only being saved has given its name back.
    let (store, name) = {
        let open = local.store(call.u32(0)?)?;
        (Arc::clone(&open.store), open.name.clone())
    };
    let path = local.with_text(call, call.js(1)?, |text| path_of(text.wide, text.bytes))?;
    let ticket = Ticket::next();
    let mailbox = Arc::clone(&local.mailbox);
    let cancel = Arc::new(AtomicBool::new(false));
    let stop = Arc::clone(&cancel);
    let thread = thread::Builder::new()
        .name(thread_name.into())
        .spawn(move || run(&store, name.as_deref(), &path, ticket, &mailbox, &stop, work))
        .map_err(|error| Fault::new(format!("no thread could be started: {error}")))?;
    let mut jobs = local.jobs.borrow_mut();
    jobs.retain(|job: &Job| !job.thread.is_finished());
    jobs.push(Job { cancel, thread });
    Ok(Reply::F64(ticket.0 as f64))
}

fn run(
    store: &Store,
    name: Option<&str>,
    path: &Path,
    Ticket(ticket): Ticket,
    mailbox: &Mailbox,
    cancel: &AtomicBool,
    work: Work,
) {
    let mut told = Instant::now();
    let mut tell = |progress: Progress| {
        if told.elapsed() >= TELL {
            told = Instant::now();
            let (a, b) = (progress.entries, progress.bytes);
            mailbox.post(Event { ticket, what: What::Progress, a, b, text: String::new() });
        }
    };
    let watch = Watch { cancel: Some(cancel), progress: Some(&mut tell) };
    let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| work(store, name, path, watch)));
    let (what, a, b, text) = match outcome {
        Ok(Ok((entries, bytes))) => (What::Done, entries, bytes, String::new()),
        Ok(Err(error)) => (What::Failed, class_of(&error), 0, error.to_string()),
        Err(_) => (What::Failed, 1, 0, "a bug in heapwise: the thread panicked".to_owned()),
    };
    mailbox.post(Event { ticket, what, a, b, text });
}

fn class_of(error: &TransferError) -> u64 {
    match error {
        TransferError::Snapshot(SnapshotError::Io(_) | SnapshotError::Cancelled) => 1,
        TransferError::Snapshot(SnapshotError::UnsupportedVersion { .. }) => 3,
        TransferError::Snapshot(_) => 2,
        TransferError::DoesNotFit(_) => 4,
        TransferError::OtherCodec(_) => 5,
    }
}

/// A path as JavaScript has it. On Unix a path is bytes, of which JavaScript knows the UTF-8.
fn path_of(wide: bool, bytes: &[u8]) -> PathBuf {
    if wide {
        let units: Vec<u16> = bytes.chunks_exact(2).map(|pair| u16::from_le_bytes([pair[0], pair[1]])).collect();
        String::from_utf16_lossy(&units).into()
    } else {
        bytes.iter().map(|&byte| char::from(byte)).collect::<String>().into()
    }
}
