//! The writer.

use std::io::{self, Write};

use super::{
    BLOCK_BYTES, BLOCK_TAG, FLAG_ENTRIES, FLAG_NAME, HEAD_BYTES, HEADER_BYTES, Header, MAGIC, Record, SUM_BYTES,
    SnapshotError, Summary, TRAILER_TAG, VERSION, Watch, checksum,
};

/// Records on their way to a file: up to [`BLOCK_BYTES`] of them, or a single one of any length. Filling it does no
/// input or output, so that it can be done under a lock.
#[derive(Debug, Default)]
pub struct Block {
    /// Room for the block's head, then the records. Empty until the first record.
    bytes: Vec<u8>,
    entries: u32,
    /// Bytes of keys and values.
    data_bytes: u64,
}

impl Block {
    /// Copies a record to the end. False: it does not fit behind those that are there, and nothing has changed; the
    /// block has to be written first. A record alone always fits.
    ///
    /// # Errors
    ///
    /// [`SnapshotError::Unwritable`] if the record breaks a rule of [`Record::check`], [`SnapshotError::Io`] if there is
    /// no memory. The block is unchanged.
    pub fn push(&mut self, record: &Record<'_>) -> Result<bool, SnapshotError> {
        record.check().map_err(SnapshotError::Unwritable)?;
        let length = record.encoded_len();
        if self.entries > 0 && self.len() + length > BLOCK_BYTES {
            return Ok(false);
        }
        let head = if self.entries == 0 { HEAD_BYTES } else { 0 };
        self.bytes.try_reserve(head + length).map_err(out_of_memory)?;
        self.bytes.resize(self.bytes.len() + head, 0);
        record.write(&mut self.bytes);
        self.entries += 1;
        self.data_bytes += (record.key.len() + record.value.len()) as u64;
        Ok(true)
    }

    /// Number of records.
    #[must_use]
    pub fn entries(&self) -> u32 {
        self.entries
    }

    /// Length of the records in bytes.
    #[must_use]
    pub fn len(&self) -> usize {
        self.bytes.len().saturating_sub(HEAD_BYTES)
    }

    /// Whether there is no record.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries == 0
    }

    /// Removes the records. Memory of the usual size is kept for the next ones.
    pub fn clear(&mut self) {
        if self.bytes.capacity() > 2 * BLOCK_BYTES {
            self.bytes = Vec::new();
        }
        self.bytes.clear();
        self.entries = 0;
        self.data_bytes = 0;
    }
}

pub(super) fn out_of_memory(_: std::collections::TryReserveError) -> SnapshotError {
    SnapshotError::Io(io::ErrorKind::OutOfMemory.into())
}

/// Writes a snapshot: the header when it is made, then records, then the trailer by [`finish`](Self::finish), without
/// which the file is incomplete.
#[derive(Debug)]
pub struct Encoder<'w, W> {
    out: W,
    watch: Watch<'w>,
    /// For records that come one at a time.
    block: Block,
    /// Of what was written; `checksum` is that of the last part.
    so_far: Summary,
    /// A write has failed, so the output is cut and cannot be completed.
    broken: bool,
}

impl<'w, W: Write> Encoder<'w, W> {
    /// Writes the header.
    ///
    /// # Errors
    ///
    /// [`SnapshotError::Io`], and [`SnapshotError::Unwritable`] if the name is longer than 65,535 bytes.
    pub fn new(mut out: W, header: &Header, watch: Watch<'w>) -> Result<Self, SnapshotError> {
        let name = header.name.as_deref().unwrap_or_default();
        let name_length =
            u16::try_from(name.len()).map_err(|_| SnapshotError::Unwritable("a name is longer than 65,535 bytes"))?;
        let mut flags = 0;
        if header.entries.is_some() {
            flags |= FLAG_ENTRIES;
        }
        if header.name.is_some() {
            flags |= FLAG_NAME;
        }

        let mut bytes = Vec::with_capacity(HEADER_BYTES + name.len() + SUM_BYTES);
        bytes.extend_from_slice(&MAGIC);
        bytes.extend_from_slice(&VERSION.to_le_bytes());
        bytes.extend_from_slice(&(!VERSION).to_le_bytes());
        bytes.extend_from_slice(&name_length.to_le_bytes());
        bytes.extend_from_slice(&[header.codec, flags]);
        for number in [header.created_at, header.default_ttl, header.entries.unwrap_or(0)] {
            bytes.extend_from_slice(&number.to_le_bytes());
        }
        bytes.extend_from_slice(name.as_bytes());
        let sum = checksum(0, &bytes);
        bytes.extend_from_slice(&sum.to_le_bytes());
        out.write_all(&bytes)?;

        let file_bytes = bytes.len() as u64;
        let so_far =
            Summary { header: header.clone(), entries: 0, data_bytes: 0, blocks: 0, file_bytes, checksum: sum };
        Ok(Self { out, watch, block: Block::default(), so_far, broken: false })
    }

    /// Adds one record, which is written when enough have come together.
    ///
    /// # Errors
    ///
    /// [`SnapshotError::Unwritable`] if the record breaks a rule of [`Record::check`]: it is left out, and others can
    /// follow. Otherwise as [`write`](Self::write).
    pub fn push(&mut self, record: &Record<'_>) -> Result<(), SnapshotError> {
        if !self.block.push(record)? {
            self.flush()?;
            self.block.push(record)?;
        }
        Ok(())
    }

    /// Writes a block and empties it. Writes nothing if it is empty.
    ///
    /// # Errors
    ///
    /// [`SnapshotError::Io`], after which nothing more can be written, and [`SnapshotError::Cancelled`].
    pub fn write(&mut self, block: &mut Block) -> Result<(), SnapshotError> {
        self.flush()?;
        self.put(block)
    }

    /// Writes what is left and the trailer. Gives the output back, which has not been flushed, and what it holds.
    ///
    /// # Errors
    ///
    /// As [`write`](Self::write), and [`SnapshotError::Unwritable`] if the header announced another number of records.
    pub fn finish(mut self) -> Result<(W, Summary), SnapshotError> {
        self.flush()?;
        let done = &mut self.so_far;
        if done.header.entries.is_some_and(|announced| announced != done.entries) {
            return Err(SnapshotError::Unwritable("the header announced another number of records"));
        }
        let mut bytes = Vec::with_capacity(HEAD_BYTES + 8 + SUM_BYTES);
        bytes.extend_from_slice(&TRAILER_TAG);
        bytes.extend_from_slice(&[0; 4]);
        for number in [done.blocks, done.entries, done.data_bytes] {
            bytes.extend_from_slice(&number.to_le_bytes());
        }
        done.checksum = checksum(done.checksum, &bytes);
        bytes.extend_from_slice(&done.checksum.to_le_bytes());
        done.file_bytes += bytes.len() as u64;
        self.out.write_all(&bytes)?;
        self.watch.report(done.entries, done.file_bytes);
        Ok((self.out, self.so_far))
    }

    /// Writes the records that came one at a time.
    fn flush(&mut self) -> Result<(), SnapshotError> {
        let mut block = std::mem::take(&mut self.block);
        let result = self.put(&mut block);
        self.block = block;
        result
    }

    fn put(&mut self, block: &mut Block) -> Result<(), SnapshotError> {
        if self.broken {
            return Err(io::Error::other("an earlier write failed").into());
        }
        self.watch.check()?;
        if block.is_empty() {
            return Ok(());
        }
        let done = &mut self.so_far;
        let mut head = [0; HEAD_BYTES];
        let fields = BLOCK_TAG
            .into_iter()
            .chain(block.entries.to_le_bytes())
            .chain(done.blocks.to_le_bytes())
            .chain((block.len() as u64).to_le_bytes());
        for (byte, field) in head.iter_mut().zip(fields) {
            *byte = field;
        }
        if let Some(front) = block.bytes.first_chunk_mut() {
            *front = head;
        }
        let sum = checksum(done.checksum, &block.bytes);

        self.broken = true;
        self.out.write_all(&block.bytes)?;
        self.out.write_all(&sum.to_le_bytes())?;
        self.broken = false;
        done.checksum = sum;
        done.blocks += 1;
        done.entries += u64::from(block.entries);
        done.data_bytes += block.data_bytes;
        done.file_bytes += (block.bytes.len() + SUM_BYTES) as u64;
        block.clear();
        self.watch.report(done.entries, done.file_bytes);
        Ok(())
    }
}
