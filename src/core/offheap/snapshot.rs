//! Saved stores: the file format, a streaming writer and a streaming reader. `docs/snapshot-format.md` has every byte.
//!
//! A file is a header, blocks of records, and a trailer with the totals. Each part ends with a checksum (XXH3, 64 bits)
//! that is seeded with the checksum of the part before, so that the last one depends on every byte of the file: a cut, a
//! flipped bit, a block that moved, came twice or belongs to another file, and bytes after the end are all found.
//! The checksums find accidents. They do not authenticate: who can write the file can also compute them. So whatever
//! they say, nothing that is read is believed: lengths are bounded before memory is taken for them, and every record is
//! checked ([`Record::check`]).
//!
//! Nothing here knows the store. Saving, with the records of one lock copied into a [`Block`] and written outside of it:
//!
//! ```no_run
//! # use heapwise::core::offheap::snapshot::{self, Block, Header, Record, SnapshotError, Watch};
//! # fn some_records() -> Vec<Record<'static>> { Vec::new() }
//! # fn main() -> Result<(), SnapshotError> {
//! snapshot::write_file("sessions.snap".as_ref(), &Header::default(), Watch::default(), |encoder| {
//!     let mut block = Block::default();
//!     for record in some_records() {
//!         if !block.push(&record)? {
//!             encoder.write(&mut block)?;
//!             block.push(&record)?;
//!         }
//!     }
//!     encoder.write(&mut block)
//! })?;
//! # Ok(())
//! # }
//! ```
//!
//! Loading reads the file twice, so that a damaged one changes nothing: [`SnapshotFile::verify`], then
//! [`SnapshotFile::read`] of the same open file.

mod decode;
mod encode;
mod error;
mod file;
mod record;
mod watch;

pub use decode::Decoder;
pub use encode::{Block, Encoder};
pub use error::SnapshotError;
pub use file::{FileEncoder, SnapshotFile, read, verify, write_file};
pub use record::{MAX_KEY_BYTES, MAX_VALUE_BYTES, Record, WIDE};
pub use watch::{Progress, Watch};

/// What every file starts with. Its parts break if the file is sent as text: a byte above 127, and both line ends.
pub const MAGIC: [u8; 8] = *b"\x89HWS\r\n\x1a\n";

/// The format version that is written, and the only one that is read.
pub const VERSION: u16 = 1;

/// A block of more than one record is at most this long, in bytes of records.
pub const BLOCK_BYTES: usize = 1 << 20;

/// Bytes of the header before the store's name.
const HEADER_BYTES: usize = 40;
/// Bytes in front of a block's records; the trailer starts alike.
const HEAD_BYTES: usize = 24;
/// Bytes of a checksum.
const SUM_BYTES: usize = 8;
const BLOCK_TAG: [u8; 4] = *b"BLCK";
const TRAILER_TAG: [u8; 4] = *b"DONE";
/// Header flags: the number of entries is known; there is a name.
const FLAG_ENTRIES: u8 = 1;
const FLAG_NAME: u8 = 2;

/// What a file says about itself before its records.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Header {
    /// When it was written: Unix time in milliseconds.
    pub created_at: u64,
    /// The store's default time to live in milliseconds; 0 for none. Records without a `ttl` of their own have it.
    pub default_ttl: u64,
    /// The store's codec. The number is the caller's; any is taken.
    pub codec: u8,
    /// The store's name, at most 65,535 bytes of UTF-8.
    pub name: Option<String>,
    /// The exact number of records, if it is known before they are written. The trailer has it in any case.
    pub entries: Option<u64>,
}

/// What a file holds, once all of it has been written or read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Summary {
    /// The file's header.
    pub header: Header,
    /// Number of records.
    pub entries: u64,
    /// Bytes of all keys and values.
    pub data_bytes: u64,
    /// Number of blocks.
    pub blocks: u64,
    /// Length of the file in bytes.
    pub file_bytes: u64,
    /// The last checksum, which depends on every byte before it.
    pub checksum: u64,
}

/// The checksum of `bytes`, which follow a part whose checksum is `previous` (0 for the first).
fn checksum(previous: u64, bytes: &[u8]) -> u64 {
    xxhash_rust::xxh3::xxh3_64_with_seed(bytes, previous)
}
