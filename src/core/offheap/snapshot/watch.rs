//! Progress and cancelling.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};

use super::SnapshotError;

/// How far a run has come.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Progress {
    /// Records written or read.
    pub entries: u64,
    /// Bytes of the file written or read.
    pub bytes: u64,
}

/// How a long run is followed and stopped from outside. The default does neither.
#[derive(Default)]
pub struct Watch<'w> {
    /// Set to true, from any thread, it ends the run with [`SnapshotError::Cancelled`] within a block (about 1 MiB).
    pub cancel: Option<&'w AtomicBool>,
    /// Called after each block and at the end, on the thread that runs.
    pub progress: Option<&'w mut dyn FnMut(Progress)>,
}

impl fmt::Debug for Watch<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Watch").field("cancel", &self.cancel).field("progress", &self.progress.is_some()).finish()
    }
}

impl Watch<'_> {
    /// Fails if the run was cancelled.
    pub(super) fn check(&self) -> Result<(), SnapshotError> {
        match self.cancel {
            // Relaxed: the flag guards no other memory.
            Some(flag) if flag.load(Ordering::Relaxed) => Err(SnapshotError::Cancelled),
            _ => Ok(()),
        }
    }

    /// Says how far it has come.
    pub(super) fn report(&mut self, entries: u64, bytes: u64) {
        if let Some(progress) = &mut self.progress {
            progress(Progress { entries, bytes });
        }
    }
}
