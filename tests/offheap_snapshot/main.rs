//! The snapshot format: what is written comes back, and nothing else does, whatever happens to the file.

#![expect(clippy::unwrap_used, clippy::panic, reason = "in a test, a panic is the report")]

#[expect(dead_code, reason = "the other model tests use the rest")]
#[path = "../common/mod.rs"]
mod common;
mod file;
mod hostile;
mod rules;
mod seal;
mod support;

use std::error::Error;
use std::io::{self, Read, Write};
use std::sync::atomic::{AtomicBool, Ordering};

use heapwise::core::offheap::snapshot::{
    BLOCK_BYTES, Block, Decoder, Encoder, Header, Progress, Record, SnapshotError, Watch,
};
use proptest::prelude::*;

use common::config;
use support::{Owned, blocks, decode, encode, header, owned, sample};

proptest! {
    #![proptest_config(config(400))]

    #[test]
    fn what_is_written_comes_back(header in header(), blocks in blocks()) {
        let (bytes, written) = encode(&header, &blocks);
        let mut input = bytes.as_slice();
        let (read, records) = decode(&mut input).unwrap();
        prop_assert!(input.is_empty());
        prop_assert_eq!(&read, &written);
        prop_assert_eq!(read.file_bytes, bytes.len() as u64);
        prop_assert_eq!(read.header, header);
        prop_assert_eq!(read.blocks, blocks.iter().filter(|records| !records.is_empty()).count() as u64);
        let data: usize = records.iter().map(|owned| owned.key.1.len() + owned.value.1.len()).sum();
        prop_assert_eq!(read.data_bytes, data as u64);
        prop_assert_eq!(records, blocks.concat());
    }

    #[test]
    fn one_at_a_time_is_the_same_as_a_block(header in header(), records in prop::collection::vec(owned(), 0..8)) {
        let mut encoder = Encoder::new(Vec::new(), &header, Watch::default()).unwrap();
        for owned in &records {
            encoder.push(&owned.record()).unwrap();
        }
        prop_assert_eq!(encoder.finish().unwrap(), encode(&header, &[records]));
    }

    #[test]
    fn pieces_of_any_size_can_be_read(blocks in blocks(), sizes in prop::collection::vec(1usize..40, 1..9)) {
        let (bytes, written) = encode(&Header::default(), &blocks);
        let (read, records) = decode(Stutter { input: &bytes, sizes: sizes.into_iter().cycle(), interrupted: false }).unwrap();
        prop_assert_eq!((read, records), (written, blocks.concat()));
    }
}

/// Gives few bytes at a time, and is interrupted before each.
struct Stutter<'a, I> {
    input: &'a [u8],
    sizes: I,
    interrupted: bool,
}

impl<I: Iterator<Item = usize>> Read for Stutter<'_, I> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.interrupted = !self.interrupted;
        if self.interrupted {
            return Err(io::ErrorKind::Interrupted.into());
        }
        let size = self.sizes.next().unwrap().min(buffer.len());
        self.input.read(&mut buffer[..size])
    }
}

/// The file of `docs/snapshot-format.md`. If this fails, files that users have can no longer be read: a change of the
/// format needs a new version.
#[test]
fn the_format_is_what_it_was() {
    let hex = "
        89 48 57 53 0d 0a 1a 0a  01 00 fe ff 02 00 02 03  05 00 00 00 00 00 00 00  09 00 00 00 00 00 00 00
        01 00 00 00 00 00 00 00  c3 a9  0b 9c e2 2e 9c 11 8c e3
        42 4c 43 4b 01 00 00 00  00 00 00 00 00 00 00 00  1d 00 00 00 00 00 00 00
        0c 20  01 00 02 00 00 00 00 00  4d 00 00 00 00 00 00 00  03 00 00 00 00 00 00 00  61 3d d8  b1 99 d6 15 82 6f 02 cd
        44 4f 4e 45 00 00 00 00  01 00 00 00 00 00 00 00  01 00 00 00 00 00 00 00  03 00 00 00 00 00 00 00  5c 3a 18 19 6c 9f 50 61";
    let mut owned = Owned::new((0, "a"), (32, [0x3d, 0xd8]));
    (owned.expires_at, owned.ttl) = (Some(77), Some(3));
    let header = Header { created_at: 5, default_ttl: 9, codec: 2, name: Some("é".into()), entries: Some(1) };
    let (bytes, _) = encode(&header, &[vec![owned]]);
    let text: Vec<_> = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(text, hex.split_whitespace().collect::<Vec<_>>());
}

#[test]
fn an_empty_store_is_a_header_and_a_trailer() {
    let (bytes, written) = encode(&Header::default(), &[]);
    assert_eq!(bytes.len(), 48 + 40);
    assert_eq!(decode(bytes.as_slice()).unwrap(), (written, Vec::new()));
}

#[test]
fn a_long_record_has_a_block_of_its_own() {
    let of = |length: usize| Owned::new((0, "k"), (8, vec![length as u8; length]));
    // 11 bytes are the record's own. The first two fill a block to the brim; then one byte too much, then longer ones.
    let lengths =
        [BLOCK_BYTES / 2 - 11, BLOCK_BYTES / 2 - 11, BLOCK_BYTES - 22, 1, 3 * BLOCK_BYTES + 5, 0, BLOCK_BYTES];
    let records = lengths.map(of);
    let mut encoder = Encoder::new(Vec::new(), &Header::default(), Watch::default()).unwrap();
    for owned in &records {
        encoder.push(&owned.record()).unwrap();
    }
    let (bytes, written) = encoder.finish().unwrap();
    assert_eq!(written.blocks, 6);
    assert_eq!(decode(bytes.as_slice()).unwrap(), (written, records.to_vec()));
}

#[test]
fn a_full_block_refuses_and_is_unchanged() {
    let half = Owned::new((0, ""), (8, vec![1; BLOCK_BYTES / 2]));
    let mut block = Block::default();
    assert!(block.is_empty());
    assert!(block.push(&half.record()).unwrap());
    let (entries, length) = (block.entries(), block.len());
    assert_eq!((entries, length), (1, BLOCK_BYTES / 2 + 10));
    assert!(!block.push(&half.record()).unwrap());
    block.push(&Record { key_kind: 9, ..half.record() }).unwrap_err();
    assert_eq!((block.entries(), block.len()), (entries, length));

    let mut encoder = Encoder::new(Vec::new(), &Header::default(), Watch::default()).unwrap();
    encoder.write(&mut block).unwrap();
    assert_eq!((block.entries(), block.len()), (0, 0));
    encoder.write(&mut block).unwrap();
    let (bytes, written) = encoder.finish().unwrap();
    assert_eq!(written.blocks, 1);
    assert_eq!(decode(bytes.as_slice()).unwrap().1, [half]);
}

#[test]
fn a_block_is_full_to_the_byte() {
    let first = Owned::new((0, "k"), (3, ""));
    for (expires_at, ttl) in [(None, None), (Some(1), None), (None, Some(1)), (Some(1), Some(1))] {
        let mut second = Owned { expires_at, ttl, ..Owned::new((0, "key"), (8, "")) };
        let room = BLOCK_BYTES - first.bytes().len() - second.bytes().len();
        for (length, fits) in [(room, true), (room + 1, false)] {
            second.value.1.resize(length, 0);
            let mut block = Block::default();
            assert!(block.push(&first.record()).unwrap());
            assert_eq!(block.push(&second.record()).unwrap(), fits);
        }
    }
}

#[test]
fn records_and_blocks_keep_their_order() {
    let [first, second, third] = ["1", "2", "3"].map(|key| Owned::new((0, key), (3, "")));
    let mut encoder = Encoder::new(Vec::new(), &Header::default(), Watch::default()).unwrap();
    encoder.push(&first.record()).unwrap();
    let mut block = Block::default();
    block.push(&second.record()).unwrap();
    encoder.write(&mut block).unwrap();
    encoder.push(&third.record()).unwrap();
    let (bytes, _) = encoder.finish().unwrap();
    assert_eq!(decode(bytes.as_slice()).unwrap().1, [first, second, third]);
}

#[test]
fn a_wrong_count_in_the_header_is_not_written() {
    for announced in [0, 2] {
        let header = Header { entries: Some(announced), ..Header::default() };
        let mut encoder = Encoder::new(Vec::new(), &header, Watch::default()).unwrap();
        encoder.push(&Owned::new((0, "k"), (3, "")).record()).unwrap();
        assert!(matches!(encoder.finish(), Err(SnapshotError::Unwritable(_))));
    }
}

#[test]
fn a_name_has_a_bound() {
    let named = |length| Header { name: Some("x".repeat(length)), ..Header::default() };
    let (bytes, _) = encode(&named(65_535), &[]);
    assert_eq!(decode(bytes.as_slice()).unwrap().0.header, named(65_535));
    let refused = Encoder::new(Vec::new(), &named(65_536), Watch::default());
    assert!(matches!(refused, Err(SnapshotError::Unwritable(_))));
}

/// Fails when more than `room` bytes are written, or read.
struct Limited<T> {
    inner: T,
    room: usize,
}

impl Write for Limited<Vec<u8>> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.room = self.room.checked_sub(bytes.len()).ok_or(io::ErrorKind::StorageFull)?;
        self.inner.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Read for Limited<&[u8]> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.room == 0 {
            return Err(io::Error::other("worn out"));
        }
        let count = buffer.len().min(self.room);
        self.room -= count;
        self.inner.read(&mut buffer[..count])
    }
}

#[test]
fn a_write_that_fails_cannot_be_overlooked() {
    let (_, blocks) = sample();
    for room in 0..encode(&Header::default(), &blocks).0.len() {
        let out = Limited { inner: Vec::new(), room };
        let Ok(mut encoder) = Encoder::new(out, &Header::default(), Watch::default()) else { continue };
        for records in &blocks {
            let mut block = Block::default();
            records.iter().for_each(|owned| assert!(block.push(&owned.record()).unwrap()));
            // The caller does not look.
            let _ = encoder.write(&mut block);
        }
        assert!(matches!(encoder.finish(), Err(SnapshotError::Io(_))), "with room for {room}");
    }
}

#[test]
fn a_read_that_fails_ends_it() {
    let (bytes, _) = sample();
    for room in 0..=bytes.len() {
        let input = Limited { inner: bytes.as_slice(), room };
        match decode(input) {
            Err(SnapshotError::Io(error)) => assert_eq!(error.to_string(), "worn out"),
            other => panic!("with room for {room}: {other:?}"),
        }
    }
}

#[test]
fn nothing_comes_after_an_error() {
    let (mut bytes, blocks) = sample();
    let second = seal::parts(&bytes)[2].clone();
    bytes[second.end - 9] ^= 1;
    let mut decoder = Decoder::new(bytes.as_slice(), Watch::default()).unwrap();
    for owned in &blocks[0] {
        assert_eq!(&Owned::from(decoder.next_record().unwrap().unwrap()), owned);
    }
    for _ in 0..3 {
        decoder.next_record().unwrap_err();
        assert_eq!(decoder.summary(), None);
    }
}

#[test]
fn the_end_stays_the_end() {
    let (bytes, _) = sample();
    let mut decoder = Decoder::new(bytes.as_slice(), Watch::default()).unwrap();
    while decoder.next_record().unwrap().is_some() {
        assert_eq!(decoder.summary(), None);
    }
    assert_eq!(decoder.next_record().unwrap(), None);
    assert!(decoder.summary().is_some());
}

#[test]
fn progress_goes_up_to_the_whole() {
    let (_, blocks) = sample();
    let mut seen: Vec<Progress> = Vec::new();
    let mut note = |progress| seen.push(progress);
    let watch = Watch { progress: Some(&mut note), ..Watch::default() };
    let mut encoder = Encoder::new(Vec::new(), &Header::default(), watch).unwrap();
    for owned in blocks.concat() {
        let mut block = Block::default();
        block.push(&owned.record()).unwrap();
        encoder.write(&mut block).unwrap();
    }
    let (bytes, written) = encoder.finish().unwrap();
    let whole = Progress { entries: 6, bytes: bytes.len() as u64 };
    assert_eq!(seen.len(), 7);
    assert!(seen.is_sorted_by(|a, b| a.entries <= b.entries && a.bytes < b.bytes));
    assert_eq!(seen.last(), Some(&whole));
    assert_eq!(written.entries, 6);

    let mut seen: Vec<Progress> = Vec::new();
    let mut note = |progress| seen.push(progress);
    let mut decoder = Decoder::new(bytes.as_slice(), Watch { progress: Some(&mut note), ..Watch::default() }).unwrap();
    while decoder.next_record().unwrap().is_some() {}
    assert_eq!(seen.len(), 8);
    assert!(seen.is_sorted_by(|a, b| a.entries <= b.entries && a.bytes < b.bytes));
    assert_eq!(seen.last(), Some(&whole));
}

#[test]
fn cancelling_ends_it_at_the_next_block() {
    let (bytes, blocks) = sample();
    let cancel = AtomicBool::new(false);
    let watch = || Watch { cancel: Some(&cancel), ..Watch::default() };
    let mut decoder = Decoder::new(bytes.as_slice(), watch()).unwrap();
    let mut encoder = Encoder::new(Vec::new(), &Header::default(), watch()).unwrap();
    decoder.next_record().unwrap().unwrap();
    encoder.push(&blocks[0][0].record()).unwrap();

    cancel.store(true, Ordering::Relaxed);
    // The rest of the block is there already.
    decoder.next_record().unwrap().unwrap();
    assert!(matches!(decoder.next_record(), Err(SnapshotError::Cancelled)));
    assert!(matches!(encoder.write(&mut Block::default()), Err(SnapshotError::Cancelled)));
    assert!(matches!(encoder.finish(), Err(SnapshotError::Cancelled)));
    assert!(matches!(Decoder::new(bytes.as_slice(), watch()), Err(SnapshotError::Cancelled)));
}

#[test]
fn a_long_record_can_be_cancelled_half_way() {
    struct Endless<'a>(&'a AtomicBool, usize);
    impl Read for Endless<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            self.1 += buffer.len();
            if self.1 > 5 * BLOCK_BYTES {
                self.0.store(true, Ordering::Relaxed);
            }
            Ok(buffer.len())
        }
    }
    let (bytes, _) = encode(&Header::default(), &[vec![Owned::new((0, "k"), (8, vec![0; 100]))]]);
    let mut start = bytes[..48 + 24].to_vec();
    start[48 + 16..48 + 24].copy_from_slice(&(1u64 << 40).to_le_bytes());
    let cancel = AtomicBool::new(false);
    let input = start.as_slice().chain(Endless(&cancel, 0));
    let mut decoder = Decoder::new(input, Watch { cancel: Some(&cancel), ..Watch::default() }).unwrap();
    assert!(matches!(decoder.next_record(), Err(SnapshotError::Cancelled)));
}

#[test]
fn errors_are_one_line() {
    let errors = [
        (SnapshotError::NotASnapshot, "the file is not a heapwise snapshot"),
        (
            SnapshotError::UnsupportedVersion { found: 9, supported: 1 },
            "the snapshot has format version 9, this release reads version 1",
        ),
        (
            SnapshotError::Damaged { at: 70, what: "the file ends too early" },
            "the snapshot is damaged at byte 70: the file ends too early",
        ),
        (SnapshotError::Unwritable("a bigint is malformed"), "a snapshot cannot hold this: a bigint is malformed"),
        (SnapshotError::Cancelled, "the operation was cancelled"),
        (io::Error::other("disk on fire").into(), "disk on fire"),
    ];
    for (error, text) in errors {
        assert_eq!(error.to_string(), text);
    }
}

#[test]
fn the_cause_of_an_io_error_is_kept() {
    #[derive(Debug)]
    struct Outer(SnapshotError);
    impl std::fmt::Display for Outer {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            write!(f, "outer")
        }
    }
    impl Error for Outer {
        fn source(&self) -> Option<&(dyn Error + 'static)> {
            Some(&self.0)
        }
    }
    let error = SnapshotError::from(io::Error::other(Outer(SnapshotError::NotASnapshot)));
    assert_eq!(error.to_string(), "outer");
    assert!(matches!(error.source().unwrap().downcast_ref(), Some(SnapshotError::NotASnapshot)));
    assert!(SnapshotError::Cancelled.source().is_none());
}
