//! What can go wrong with a snapshot.

use std::{error, fmt, io};

/// Why a snapshot could not be written or read. `Display` is one line that needs no more context than the file's name.
#[derive(Debug)]
pub enum SnapshotError {
    /// The operating system refused: no such file, no space left, out of memory.
    Io(io::Error),
    /// The file does not start as a snapshot does.
    NotASnapshot,
    /// The file is a snapshot of another version of the format.
    UnsupportedVersion {
        /// The file's version.
        found: u16,
        /// The version that this code reads.
        supported: u16,
    },
    /// The file is a snapshot, but was cut or altered.
    Damaged {
        /// Where it was noticed, in bytes from the file's start. For a wrong checksum, where the checked part starts.
        at: u64,
        /// What is wrong there.
        what: &'static str,
    },
    /// Writing only: the record or header is none that a file can hold, and why.
    Unwritable(&'static str),
    /// The [`Watch`](super::Watch) said so.
    Cancelled,
}

impl fmt::Display for SnapshotError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(error) => write!(f, "{error}"),
            Self::NotASnapshot => write!(f, "the file is not a heapwise snapshot"),
            Self::UnsupportedVersion { found, supported } => {
                write!(f, "the snapshot has format version {found}, this release reads version {supported}")
            }
            Self::Damaged { at, what } => write!(f, "the snapshot is damaged at byte {at}: {what}"),
            Self::Unwritable(what) => write!(f, "a snapshot cannot hold this: {what}"),
            Self::Cancelled => write!(f, "the operation was cancelled"),
        }
    }
}

impl error::Error for SnapshotError {
    // The text of an `Io` is the inner error's own, so the chain goes on behind it.
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        match self {
            Self::Io(error) => error.source(),
            _ => None,
        }
    }
}

impl From<io::Error> for SnapshotError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}
