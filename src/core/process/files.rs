//! Files of the kernel that are read again and again: opened once, read into memory of the caller's.

use std::fs::File;
use std::io;
use std::path::PathBuf;

/// What one read takes at most. The longest file that is read in one piece, `memory.stat`, has 2 to 3 KB; of a longer one
/// the beginning is read.
pub const PIECE: usize = 8 << 10;

/// Room for one read.
pub type Piece = [u8; PIECE];

#[derive(Debug)]
enum State {
    Closed,
    Open(File),
    /// It could not be opened, or not be read. Not tried again until [`Kept::retry`].
    Missing,
}

/// A file that stays open. Children do not inherit it: the standard library opens with `O_CLOEXEC`.
#[derive(Debug)]
pub struct Kept {
    path: PathBuf,
    state: State,
}

#[cfg(unix)]
fn read_at_start(file: &File, into: &mut [u8]) -> io::Result<usize> {
    std::os::unix::fs::FileExt::read_at(file, into, 0)
}

#[cfg(windows)]
fn read_at_start(file: &File, into: &mut [u8]) -> io::Result<usize> {
    std::os::windows::fs::FileExt::seek_read(file, into, 0)
}

/// Reads the beginning of `file`.
///
/// # Errors
///
/// What the system says.
pub fn read_start(file: &File, into: &mut Piece) -> io::Result<usize> {
    loop {
        match read_at_start(file, into) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => (),
            done => return done,
        }
    }
}

impl Kept {
    /// Opens nothing yet.
    pub fn new(path: PathBuf) -> Self {
        Self { path, state: State::Closed }
    }

    fn opened(&mut self) -> Option<&File> {
        if matches!(self.state, State::Closed) {
            self.state = File::open(&self.path).map_or(State::Missing, State::Open);
        }
        match &self.state {
            State::Open(file) => Some(file),
            State::Closed | State::Missing => None,
        }
    }

    /// The beginning of the file, as it is now. A file that was open and cannot be read any more is opened anew, once.
    pub fn read<'p>(&mut self, piece: &'p mut Piece) -> Option<&'p [u8]> {
        let length = match read_start(self.opened()?, piece) {
            Ok(length) => length,
            Err(_) => {
                self.state = State::Closed;
                let again = self.opened().map(|file| read_start(file, piece));
                let Some(Ok(length)) = again else {
                    self.state = State::Missing;
                    return None;
                };
                length
            }
        };
        Some(&piece[..length])
    }

    /// What the system says is its size. Linux says of `/proc/self/fd` how many are open, since 6.2.
    pub fn size(&mut self) -> Option<u64> {
        self.opened()?.metadata().ok().map(|metadata| metadata.len())
    }

    /// Whether it could be read when that was last tried.
    pub fn is_missing(&self) -> bool {
        matches!(self.state, State::Missing)
    }

    /// What was missing is looked for again.
    pub fn retry(&mut self) {
        if self.is_missing() {
            self.state = State::Closed;
        }
    }
}
