//! From the bytes of a `.heapsnapshot` to a [`Graph`].

use std::fmt;
use std::io::{self, Read};
use std::sync::atomic::{AtomicBool, Ordering};

use super::build::Build;
use super::graph::Graph;
use super::lexer::{Lexer, Refusal};

/// Why there is no graph.
#[derive(Debug)]
pub enum ReadError {
    /// The bytes could not be read.
    Io(io::Error),
    /// They are no JSON.
    Syntax {
        /// How many bytes came before the chunk in which it was found.
        before: u64,
        /// What is wrong.
        what: &'static str,
    },
    /// They are JSON, and no heap snapshot, or one that contradicts itself.
    Content(String),
    /// There is no memory for it.
    OutOfMemory,
    /// Somebody wants it no longer.
    Cancelled,
}

impl fmt::Display for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(error) => write!(f, "{error}"),
            Self::Syntax { before, what } => write!(f, "it is no JSON: {what} (after byte {before})"),
            Self::Content(what) => write!(f, "it is no heap snapshot: {what}"),
            Self::OutOfMemory => write!(f, "there is no memory for it"),
            Self::Cancelled => write!(f, "cancelled"),
        }
    }
}

impl std::error::Error for ReadError {}

/// Reads a snapshot that comes in chunks.
#[derive(Debug)]
pub struct Reader {
    lexer: Lexer,
    build: Build,
    read: u64,
}

impl Reader {
    /// `text_length`: how many bytes will come at most, if that is known, so that room is made at once. A count in the
    /// snapshot is believed as far as so many bytes can hold it.
    pub fn new(text_length: u64) -> Self {
        Self { lexer: Lexer::default(), build: Build::new(text_length), read: 0 }
    }

    /// Takes the next bytes.
    ///
    /// # Errors
    /// If they cannot be part of a snapshot. The reader is of no use then.
    pub fn push(&mut self, bytes: &[u8]) -> Result<(), ReadError> {
        let before = self.read;
        self.lexer.push(bytes, &mut self.build).map_err(|refusal| explain(refusal, before))?;
        self.read += bytes.len() as u64;
        Ok(())
    }

    /// The graph.
    ///
    /// # Errors
    /// If the snapshot is not whole, or contradicts itself.
    pub fn finish(self) -> Result<Graph, ReadError> {
        let read = self.read;
        self.lexer.finish().map_err(|refusal| explain(refusal, read))?;
        self.build.finish().map_err(|refusal| explain(refusal, read))
    }
}

fn explain(refusal: Refusal, before: u64) -> ReadError {
    match refusal {
        Refusal::Syntax(what) => ReadError::Syntax { before, what },
        Refusal::Content(what) => ReadError::Content(what),
    }
}

/// Bytes that are read at a time.
const CHUNK: usize = 1 << 17;

/// Reads a whole snapshot of at most `length` bytes.
///
/// # Errors
/// If `source` cannot be read, is no snapshot, or `cancel` has been set.
pub fn read(mut source: impl Read, length: u64, cancel: &AtomicBool) -> Result<Graph, ReadError> {
    let mut reader = Reader::new(length);
    let mut chunk = Vec::new();
    chunk.try_reserve_exact(CHUNK).map_err(|_| ReadError::OutOfMemory)?;
    chunk.resize(CHUNK, 0);
    loop {
        if cancel.load(Ordering::Relaxed) {
            return Err(ReadError::Cancelled);
        }
        match source.read(&mut chunk) {
            Ok(0) => return reader.finish(),
            Ok(count) => reader.push(&chunk[..count])?,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => (),
            Err(error) => return Err(ReadError::Io(error)),
        }
    }
}
