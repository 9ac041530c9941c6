//! Snapshots as files.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufReader, BufWriter, Seek, Write};
use std::path::{Path, PathBuf};
use std::process;
use std::sync::atomic::{AtomicU64, Ordering};

use super::{Decoder, Encoder, Header, Record, SnapshotError, Summary, Watch};

/// What [`write_file`] lends.
pub type FileEncoder<'w> = Encoder<'w, BufWriter<File>>;

/// Writes a snapshot so that `path` always names a whole file: the old one, until all of the new one is on the disk.
///
/// `fill` writes the records. They go to a temporary file in the same folder (`.heapwise-snapshot-*.tmp`), which is
/// renamed when it is complete and synchronized. If anything fails, also `fill`, the temporary file is removed and what
/// was at `path` is untouched; only the death of the process can leave a temporary file. A file that is replaced leaves
/// its permissions to the new one (Unix). A symbolic link stays, and the file it names is replaced. Several writers of
/// one path do not disturb each other: the last one wins.
///
/// # Errors
///
/// What `fill` returns; [`SnapshotError::Io`], also if there is something at `path` that is no regular file;
/// [`SnapshotError::Cancelled`]; [`SnapshotError::Unwritable`] for the header.
pub fn write_file<E: From<SnapshotError>>(
    path: &Path,
    header: &Header,
    watch: Watch<'_>,
    fill: impl FnOnce(&mut FileEncoder<'_>) -> Result<(), E>,
) -> Result<Summary, E> {
    let target = Target::new(path).map_err(SnapshotError::Io)?;
    let (file, temporary) = target.create_temporary().map_err(SnapshotError::Io)?;
    let mut encoder = Encoder::new(BufWriter::new(file), header, watch)?;
    fill(&mut encoder)?;
    let (out, summary) = encoder.finish()?;
    target.replace(out, temporary).map_err(SnapshotError::Io)?;
    Ok(summary)
}

/// Where a file is to be.
#[derive(Debug)]
struct Target {
    path: PathBuf,
    folder: PathBuf,
    /// Of the file that is there now.
    permissions: Option<fs::Permissions>,
}

impl Target {
    fn new(path: &Path) -> io::Result<Self> {
        // A link that leads nowhere is an error, as is any name that is not that of a file in a folder.
        let path = match fs::symlink_metadata(path) {
            Ok(found) if found.is_symlink() => fs::canonicalize(path)?,
            _ => path.to_path_buf(),
        };
        let permissions = match fs::metadata(&path) {
            Ok(found) if found.is_file() => Some(found.permissions()),
            Ok(found) if found.is_dir() => return Err(io::ErrorKind::IsADirectory.into()),
            Ok(_) => return Err(not_a_regular_file()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(error),
        };
        let folder = match path.parent() {
            Some(folder) if !ends_in_separator(&path) && path.file_name().is_some() => folder,
            _ => return Err(io::Error::new(io::ErrorKind::InvalidInput, "the path does not name a file")),
        };
        let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder }.to_path_buf();
        Ok(Self { path, folder, permissions })
    }

    /// A new file in the same folder. It never is one that was there before, nor what a link there points to.
    fn create_temporary(&self) -> io::Result<(File, Temporary)> {
        static COUNTER: AtomicU64 = AtomicU64::new(0);
        loop {
            let number = COUNTER.fetch_add(1, Ordering::Relaxed);
            let path = self.folder.join(format!(".heapwise-snapshot-{}-{number}.tmp", process::id()));
            match OpenOptions::new().write(true).create_new(true).open(&path) {
                Ok(file) => {
                    let temporary = Temporary { path, renamed: false };
                    #[cfg(unix)]
                    if let Some(permissions) = &self.permissions {
                        file.set_permissions(permissions.clone())?;
                    }
                    return Ok((file, temporary));
                }
                // Left by a process of that number which died, or of another container.
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// Puts the complete temporary file in place.
    fn replace(&self, out: BufWriter<File>, mut temporary: Temporary) -> io::Result<()> {
        let mut file = out.into_inner().map_err(io::IntoInnerError::into_error)?;
        file.flush()?;
        file.sync_all()?;
        drop(file);
        fs::rename(&temporary.path, &self.path)?;
        temporary.renamed = true;
        // Makes the new name durable. From here on it is there: whichever of the two files a crash of the machine leaves,
        // it is a whole one. So a folder that cannot be synchronized, as on some network file systems, is no failure.
        #[cfg(unix)]
        if let Ok(folder) = File::open(&self.folder) {
            let _ = folder.sync_all();
        }
        Ok(())
    }
}

/// A temporary file, which is removed unless it was renamed, also if there is a panic on the way.
#[derive(Debug)]
struct Temporary {
    path: PathBuf,
    renamed: bool,
}

impl Drop for Temporary {
    fn drop(&mut self) {
        if !self.renamed {
            // There is nobody left to tell.
            let _ = fs::remove_file(&self.path);
        }
    }
}

fn ends_in_separator(path: &Path) -> bool {
    path.as_os_str().as_encoded_bytes().last().is_some_and(|byte| std::path::is_separator(char::from(*byte)))
}

fn not_a_regular_file() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, "not a regular file")
}

/// A snapshot opened for reading. It stays the same file if another one is renamed over its path meanwhile.
#[derive(Debug)]
pub struct SnapshotFile {
    file: File,
    verified: Option<Summary>,
}

impl SnapshotFile {
    /// Opens a file, of which nothing is read yet.
    ///
    /// # Errors
    ///
    /// [`SnapshotError::Io`], also if it is no regular file.
    pub fn open(path: &Path) -> Result<Self, SnapshotError> {
        // Looked at before, because opening a pipe waits for its other end.
        if !fs::metadata(path)?.is_file() {
            return Err(not_a_regular_file().into());
        }
        Ok(Self { file: File::open(path)?, verified: None })
    }

    /// Length of the file in bytes, which is what [`Progress::bytes`](super::Progress::bytes) comes to.
    ///
    /// # Errors
    ///
    /// [`SnapshotError::Io`].
    pub fn file_bytes(&self) -> Result<u64, SnapshotError> {
        Ok(self.file.metadata()?.len())
    }

    /// Reads all of the file and checks all of it.
    ///
    /// # Errors
    ///
    /// [`SnapshotError`], all but `Unwritable`.
    pub fn verify(&mut self, watch: Watch<'_>) -> Result<Summary, SnapshotError> {
        self.read::<SnapshotError>(watch, |_| Ok(()))
    }

    /// Reads all of the file and checks all of it, and gives each record to `take` as soon as its block is known to be
    /// right. Fails at the end if the file is right but not the one that was verified or read before: somebody wrote
    /// to it.
    ///
    /// # Errors
    ///
    /// The first error that `take` returns; otherwise as [`verify`](Self::verify).
    pub fn read<E: From<SnapshotError>>(
        &mut self,
        watch: Watch<'_>,
        mut take: impl FnMut(&Record<'_>) -> Result<(), E>,
    ) -> Result<Summary, E> {
        self.file.rewind().map_err(SnapshotError::Io)?;
        // For the small reads between blocks; longer ones pass it by.
        let mut decoder = Decoder::new(BufReader::new(&self.file), watch)?;
        while let Some(record) = decoder.next_record()? {
            take(&record)?;
        }
        let Some(summary) = decoder.summary() else {
            return Err(SnapshotError::from(io::Error::other("reading has not ended")).into());
        };
        if self.verified.as_ref().is_some_and(|verified| verified != summary) {
            return Err(SnapshotError::Damaged { at: 0, what: "the file was changed while it was read" }.into());
        }
        self.verified = Some(summary.clone());
        Ok(summary.clone())
    }
}

/// Reads a file once and checks all of it.
///
/// # Errors
///
/// As [`SnapshotFile::open`] and [`SnapshotFile::verify`].
pub fn verify(path: &Path, watch: Watch<'_>) -> Result<Summary, SnapshotError> {
    SnapshotFile::open(path)?.verify(watch)
}

/// Reads a file once. Records come before the file is known to be whole; if that matters, use a [`SnapshotFile`].
///
/// # Errors
///
/// As [`SnapshotFile::open`] and [`SnapshotFile::read`].
pub fn read<E: From<SnapshotError>>(
    path: &Path,
    watch: Watch<'_>,
    take: impl FnMut(&Record<'_>) -> Result<(), E>,
) -> Result<Summary, E> {
    SnapshotFile::open(path)?.read(watch, take)
}
