//! A store into a snapshot, and a snapshot into a store.

use std::fmt;
use std::path::Path;

use super::clock::{MAX_TIME, unix_now};
use super::entry::{Expiry, Key, Value};
use super::shard::Put;
use super::snapshot::{self, Block, Header, Record, SnapshotError, SnapshotFile, Summary, Watch};
use super::store::Store;

/// The codec whose values nobody else can read: the user's own.
pub const CUSTOM_CODEC: u8 = 3;

/// Why a store could not be saved or loaded.
#[derive(Debug)]
pub enum TransferError {
    /// The file.
    Snapshot(SnapshotError),
    /// The file is fine, but has an entry that is too large for this store.
    DoesNotFit(String),
    /// The file is fine, but its values are for another codec.
    OtherCodec(String),
}

impl fmt::Display for TransferError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Snapshot(error) => error.fmt(f),
            Self::DoesNotFit(why) | Self::OtherCodec(why) => f.write_str(why),
        }
    }
}

impl std::error::Error for TransferError {}

impl From<SnapshotError> for TransferError {
    fn from(error: SnapshotError) -> Self {
        Self::Snapshot(error)
    }
}

/// What was loaded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Loaded {
    /// Entries written to the store. Those whose time was over were left out.
    pub entries: u64,
    /// Bytes of their keys and values.
    pub bytes: u64,
}

/// Writes all entries to a file, of each shard the least recently used first. A shard is copied under its lock and written
/// outside of it, so the file shows each shard as it was at one moment, and memory for one shard is needed.
///
/// # Errors
/// See [`snapshot::write_file`]. The old file is still there then.
pub fn save(store: &Store, name: Option<&str>, path: &Path, watch: Watch<'_>) -> Result<Summary, TransferError> {
    let header = Header {
        created_at: unix_now(),
        default_ttl: store.config().ttl.unwrap_or(0),
        codec: store.config().codec,
        name: name.map(str::to_owned),
        entries: None,
    };
    snapshot::write_file(path, &header, watch, |encoder| {
        for shard in 0..store.shards() {
            let (now, unix) = (store.now(), unix_now());
            let mut blocks = vec![Block::default()];
            store.for_each_oldest(shard, |key, value, expiry| {
                let record = Record {
                    key_kind: key.kind,
                    value_kind: value.kind,
                    key: key.bytes,
                    value: value.bytes,
                    expires_at: (expiry.at != 0).then(|| unix.saturating_add(expiry.at.saturating_sub(now))),
                    ttl: expiry.own_ttl,
                };
                if !blocks.last_mut().map_or(Ok(false), |block| block.push(&record))? {
                    let mut block = Block::default();
                    block.push(&record)?;
                    blocks.push(block);
                }
                Ok::<(), SnapshotError>(())
            })?;
            for mut block in blocks {
                encoder.write(&mut block)?;
            }
        }
        Ok::<(), SnapshotError>(())
    })
    .map_err(TransferError::from)
}

/// Writes all entries of a file to the store, over what is there. The file is read twice: nothing is written before all of
/// it is known to be whole and to fit.
///
/// # Errors
/// See [`SnapshotFile::read`]; the file has an entry that is larger than a shard, or values of a codec that this store does
/// not have. The store is as it was then.
pub fn load(store: &Store, path: &Path, mut watch: Watch<'_>) -> Result<Loaded, TransferError> {
    let mut file = SnapshotFile::open(path)?;
    let cancel = watch.cancel;
    let summary = file.read(Watch { cancel, progress: None }, |record| {
        if store.fits(record.key.len(), record.value.len()) {
            return Ok(());
        }
        let (size, most) = (record.key.len() + record.value.len(), store.max_entry_bytes());
        Err(TransferError::DoesNotFit(format!(
            "an entry of {size} bytes is larger than a shard can hold, {most} bytes"
        )))
    })?;
    if (summary.header.codec == CUSTOM_CODEC) != (store.config().codec == CUSTOM_CODEC) {
        let (with, without) =
            if summary.header.codec == CUSTOM_CODEC { ("a codec of its own", "none") } else { ("none", "one") };
        return Err(TransferError::OtherCodec(format!("the file was saved with {with}, and this cache has {without}")));
    }
    let mut loaded = Loaded { entries: 0, bytes: 0 };
    let usual = store.config().ttl.unwrap_or(0);
    let progress = watch.progress.take();
    file.read(Watch { cancel, progress }, |record| {
        let left = match record.expires_at.map(|at| at.saturating_sub(unix_now())) {
            Some(0) => return Ok(()),
            left => left,
        };
        // What never ends has no time that could start anew, whatever the file says.
        let ttl = if left.is_some() { record.ttl.unwrap_or(summary.header.default_ttl) } else { 0 };
        let expiry = Expiry {
            at: left.map_or(0, |left| store.now().saturating_add(left).min(MAX_TIME)),
            own_ttl: (ttl != usual).then_some(ttl),
        };
        let put = store.restore(
            Key { kind: record.key_kind, bytes: record.key },
            Value { kind: record.value_kind, bytes: record.value },
            expiry,
        );
        if put == Put::Stored {
            loaded.entries += 1;
            loaded.bytes += (record.key.len() + record.value.len()) as u64;
        }
        Ok::<(), TransferError>(())
    })?;
    Ok(loaded)
}
