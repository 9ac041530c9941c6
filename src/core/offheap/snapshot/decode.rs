//! The reader.

use std::io::{self, Read};

use super::encode::out_of_memory;
use super::record::{MAX_RECORD_BYTES, MIN_RECORD_BYTES};
use super::{
    BLOCK_BYTES, BLOCK_TAG, FLAG_ENTRIES, FLAG_NAME, HEAD_BYTES, HEADER_BYTES, Header, MAGIC, Record, SUM_BYTES,
    SnapshotError, Summary, TRAILER_TAG, VERSION, Watch, checksum,
};

/// Bytes that are enough to know a snapshot and its version by, whatever the version.
const PREFIX_BYTES: usize = 12;

const CUT: &str = "the file ends too early";

/// Reads a snapshot, a block at a time. Memory: one block, which is about 1 MiB unless a single record is longer. No
/// more than 1 MiB is taken ahead of what has really been read, whatever lengths the input states.
///
/// Records come before the whole file has been checked; every one is from a block whose checksum is right. The file is
/// whole only when [`next_record`](Self::next_record) has returned `None`.
#[derive(Debug)]
pub struct Decoder<'w, R> {
    input: R,
    watch: Watch<'w>,
    /// Of what was read; `checksum` is that of the last part.
    so_far: Summary,
    /// The present block: its head, then its records.
    block: Vec<u8>,
    /// Where the next record is in `block`, and how many there are from there on.
    at: usize,
    left: u32,
    state: State,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Reading,
    /// The trailer and the end of the input were seen.
    Over,
    Failed,
}

impl<'w, R: Read> Decoder<'w, R> {
    /// Reads the header.
    ///
    /// # Errors
    ///
    /// [`SnapshotError`], all but `Unwritable`.
    pub fn new(mut input: R, watch: Watch<'w>) -> Result<Self, SnapshotError> {
        watch.check()?;
        let mut bytes = vec![0; HEADER_BYTES];
        let got = fill(&mut input, &mut bytes)?;
        if !bytes.starts_with(&MAGIC) {
            return Err(SnapshotError::NotASnapshot);
        }
        // The version is known before anything else is wanted, as the rest may be different in another one. Its
        // complement tells another version from damage.
        if got < PREFIX_BYTES {
            return Err(SnapshotError::Damaged { at: got as u64, what: CUT });
        }
        let mut fields = bytes.get(MAGIC.len()..).unwrap_or_default();
        let version = u16::from_le_bytes(take(&mut fields));
        if version != !u16::from_le_bytes(take(&mut fields)) {
            return Err(SnapshotError::Damaged { at: MAGIC.len() as u64, what: "the version is garbled" });
        }
        if version != VERSION {
            return Err(SnapshotError::UnsupportedVersion { found: version, supported: VERSION });
        }
        let name_length = usize::from(u16::from_le_bytes(take(&mut fields)));
        let [codec, flags] = take(&mut fields);
        let [created_at, default_ttl, entries] = [(); 3].map(|()| u64::from_le_bytes(take(&mut fields)));

        // At most 65,535 bytes and a checksum.
        bytes.resize(HEADER_BYTES + name_length + SUM_BYTES, 0);
        let got = got + fill(&mut input, bytes.get_mut(got..).unwrap_or_default())?;
        if got < bytes.len() {
            return Err(SnapshotError::Damaged { at: got as u64, what: CUT });
        }
        let (checked, stated) = bytes.split_at(HEADER_BYTES + name_length);
        let sum = checksum(0, checked);
        if stated != sum.to_le_bytes() {
            return Err(SnapshotError::Damaged { at: 0, what: "the header's checksum is wrong" });
        }

        // What is wrong from here on was written so.
        let malformed = Err(SnapshotError::Damaged { at: 0, what: "the header is malformed" });
        let name = match std::str::from_utf8(checked.get(HEADER_BYTES..).unwrap_or_default()) {
            Ok(name) if flags & FLAG_NAME != 0 => Some(name.to_owned()),
            Ok("") => None,
            _ => return malformed,
        };
        let entries = match entries {
            known if flags & FLAG_ENTRIES != 0 => Some(known),
            0 => None,
            _ => return malformed,
        };
        if flags & !(FLAG_ENTRIES | FLAG_NAME) != 0 {
            return malformed;
        }
        let header = Header { created_at, default_ttl, codec, name, entries };
        let file_bytes = bytes.len() as u64;
        let so_far = Summary { header, entries: 0, data_bytes: 0, blocks: 0, file_bytes, checksum: sum };
        Ok(Self { input, watch, so_far, block: Vec::new(), at: 0, left: 0, state: State::Reading })
    }

    /// What the file says about itself.
    #[must_use]
    pub fn header(&self) -> &Header {
        &self.so_far.header
    }

    /// What the file holds. `None` until [`next_record`](Self::next_record) has returned `None`.
    #[must_use]
    pub fn summary(&self) -> Option<&Summary> {
        (self.state == State::Over).then_some(&self.so_far)
    }

    /// The next record, or `None` after the last, when the input was read to its end and all of it is right.
    ///
    /// # Errors
    ///
    /// [`SnapshotError::Io`], [`SnapshotError::Damaged`] or [`SnapshotError::Cancelled`]. There are no more records after
    /// an error.
    pub fn next_record(&mut self) -> Result<Option<Record<'_>>, SnapshotError> {
        while self.left == 0 {
            match self.state {
                State::Reading => {}
                State::Over => return Ok(None),
                State::Failed => return Err(io::Error::other("reading has failed before").into()),
            }
            // Until it has succeeded, it has failed.
            self.state = State::Failed;
            self.state = if self.load()? { State::Reading } else { State::Over };
        }
        let at = self.record_offset();
        let mut rest = self.block.get(self.at..).unwrap_or_default();
        let length = rest.len();
        match Record::parse(&mut rest) {
            Ok(record) => {
                self.at += length - rest.len();
                self.left -= 1;
                self.so_far.entries += 1;
                self.so_far.data_bytes += (record.key.len() + record.value.len()) as u64;
                Ok(Some(record))
            }
            Err(what) => {
                self.left = 0;
                self.state = State::Failed;
                Err(SnapshotError::Damaged { at, what })
            }
        }
    }

    /// Where in the file the next record of the present block starts. `file_bytes` is behind that block's checksum.
    fn record_offset(&self) -> u64 {
        self.so_far.file_bytes - (self.block.len() - self.at + SUM_BYTES) as u64
    }

    /// Reads the next block. False: it was the trailer, and the input has ended.
    fn load(&mut self) -> Result<bool, SnapshotError> {
        if self.at < self.block.len() {
            return Err(SnapshotError::Damaged {
                at: self.record_offset(),
                what: "a block is longer than its records",
            });
        }
        self.watch.check()?;
        self.watch.report(self.so_far.entries, self.so_far.file_bytes);
        if self.block.capacity() > 2 * BLOCK_BYTES {
            self.block = Vec::new();
        }
        self.block.clear();
        self.at = 0;

        let start = self.so_far.file_bytes;
        self.fetch(HEAD_BYTES)?;
        let mut fields = self.block.as_slice();
        let tag: [u8; 4] = take(&mut fields);
        let entries = u32::from_le_bytes(take(&mut fields));
        let [sequence, number] = [(); 2].map(|()| u64::from_le_bytes(take(&mut fields)));
        match tag {
            BLOCK_TAG => self.load_block(start, entries, sequence, number).map(|()| true),
            TRAILER_TAG => self.load_trailer(start, entries, sequence, number).map(|()| false),
            _ => Err(SnapshotError::Damaged { at: start, what: "there is neither a block nor the trailer" }),
        }
    }

    fn load_block(&mut self, start: u64, entries: u32, sequence: u64, length: u64) -> Result<(), SnapshotError> {
        let damaged = |what| Err(SnapshotError::Damaged { at: start, what });
        if sequence != self.so_far.blocks {
            return damaged("a block is out of order");
        }
        // A block of many records is short; one of a single record is as long as that. Neither is shorter than its
        // records can be.
        let longest = if entries == 1 { MAX_RECORD_BYTES } else { BLOCK_BYTES as u64 };
        if entries == 0 || length < u64::from(entries) * MIN_RECORD_BYTES as u64 || length > longest {
            return damaged("a block has an impossible length");
        }
        let Ok(length) = usize::try_from(length) else {
            return Err(io::Error::from(io::ErrorKind::OutOfMemory).into());
        };
        self.fetch(length)?;
        self.verify_part(start, "a block's checksum is wrong")?;
        self.at = HEAD_BYTES;
        self.left = entries;
        self.so_far.blocks += 1;
        Ok(())
    }

    fn load_trailer(&mut self, start: u64, zero: u32, blocks: u64, entries: u64) -> Result<(), SnapshotError> {
        self.fetch(8)?;
        let data_bytes = self.block.last_chunk().map_or(0, |bytes| u64::from_le_bytes(*bytes));
        self.verify_part(start, "the trailer's checksum is wrong")?;
        self.at = self.block.len();
        let so_far = &self.so_far;
        let announced = so_far.header.entries.unwrap_or(entries);
        if (zero, blocks, entries, data_bytes) != (0, so_far.blocks, so_far.entries, so_far.data_bytes)
            || announced != entries
        {
            return Err(SnapshotError::Damaged { at: start, what: "the totals are not those of the records" });
        }
        if fill(&mut self.input, &mut [0])? > 0 {
            return Err(SnapshotError::Damaged { at: so_far.file_bytes, what: "more bytes follow after the end" });
        }
        self.watch.report(so_far.entries, so_far.file_bytes);
        Ok(())
    }

    /// Appends `length` bytes of input to `block`. Memory grows with what has come, not with what was announced.
    fn fetch(&mut self, length: usize) -> Result<(), SnapshotError> {
        let end = self.block.len() + length;
        while self.block.len() < end {
            self.watch.check()?;
            let from = self.block.len();
            let step = (end - from).min(BLOCK_BYTES);
            self.block.try_reserve(step).map_err(out_of_memory)?;
            self.block.resize(from + step, 0);
            let got = fill(&mut self.input, self.block.get_mut(from..).unwrap_or_default())?;
            self.so_far.file_bytes += got as u64;
            if got < step {
                return Err(SnapshotError::Damaged { at: self.so_far.file_bytes, what: CUT });
            }
        }
        Ok(())
    }

    /// Reads a checksum and compares it with that of `block`.
    fn verify_part(&mut self, start: u64, what: &'static str) -> Result<(), SnapshotError> {
        let mut stated = [0; SUM_BYTES];
        let got = fill(&mut self.input, &mut stated)?;
        self.so_far.file_bytes += got as u64;
        if got < SUM_BYTES {
            return Err(SnapshotError::Damaged { at: self.so_far.file_bytes, what: CUT });
        }
        let sum = checksum(self.so_far.checksum, &self.block);
        if u64::from_le_bytes(stated) != sum {
            return Err(SnapshotError::Damaged { at: start, what });
        }
        self.so_far.checksum = sum;
        Ok(())
    }
}

/// Takes a field off the front of a head that was read whole; zeros if it is not there.
fn take<const N: usize>(fields: &mut &[u8]) -> [u8; N] {
    match fields.split_first_chunk() {
        Some((field, rest)) => {
            *fields = rest;
            *field
        }
        None => [0; N],
    }
}

/// Reads until `buffer` is full or the input ends, and says how much it was.
fn fill(input: &mut impl Read, buffer: &mut [u8]) -> io::Result<usize> {
    let mut got = 0;
    while let Some(rest) = buffer.get_mut(got..).filter(|rest| !rest.is_empty()) {
        match input.read(rest) {
            Ok(0) => break,
            // A reader that claims more than it was given room for has no bytes to show for it.
            Ok(count) => got += count.min(rest.len()),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(got)
}
