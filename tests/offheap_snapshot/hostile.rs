//! Files that were cut, altered, or made to harm.

use std::io::{self, Read};

use heapwise::core::offheap::snapshot::{BLOCK_BYTES, Decoder, Header, SnapshotError, Watch};
use proptest::prelude::*;

use crate::common::config;
use crate::rules::file_of;
use crate::seal::{parts, seal};
use crate::support::{Owned, blocks, decode, encode, header, owned, sample};

/// How a file is altered.
#[derive(Debug, Clone)]
enum Change {
    Set(prop::sample::Index, u8),
    Flip(prop::sample::Index, u8),
    /// A number where one might be: a length, a count.
    Number(prop::sample::Index, u64),
    Insert(prop::sample::Index, Vec<u8>),
    Remove(prop::sample::Index, usize),
    Copy(prop::sample::Index, usize, prop::sample::Index),
}

fn changes() -> impl Strategy<Value = Vec<Change>> {
    let at = any::<prop::sample::Index>;
    let number = prop_oneof![any::<u64>(), 0u64..300, (0u32..64).prop_map(|bit| 1 << bit), Just(u64::MAX)];
    let change = prop_oneof![
        (at(), any::<u8>()).prop_map(|(at, byte)| Change::Set(at, byte)),
        (at(), 0u8..8).prop_map(|(at, bit)| Change::Flip(at, bit)),
        (at(), number).prop_map(|(at, number)| Change::Number(at, number)),
        (at(), prop::collection::vec(any::<u8>(), 1..12)).prop_map(|(at, bytes)| Change::Insert(at, bytes)),
        (at(), 1usize..60).prop_map(|(at, length)| Change::Remove(at, length)),
        (at(), 1usize..60, at()).prop_map(|(from, length, to)| Change::Copy(from, length, to)),
    ];
    prop::collection::vec(change, 1..5)
}

fn apply(bytes: &mut Vec<u8>, change: &Change) {
    if bytes.is_empty() {
        return;
    }
    let length = bytes.len();
    match change {
        Change::Set(at, byte) => bytes[at.index(length)] = *byte,
        Change::Flip(at, bit) => bytes[at.index(length)] ^= 1 << bit,
        Change::Number(at, number) => {
            let at = at.index(length);
            let end = length.min(at + 8);
            bytes[at..end].copy_from_slice(&number.to_le_bytes()[..end - at]);
        }
        Change::Insert(at, new) => {
            let at = at.index(length);
            bytes.splice(at..at, new.iter().copied());
        }
        Change::Remove(at, count) => {
            let at = at.index(length);
            bytes.drain(at..length.min(at + count));
        }
        Change::Copy(from, count, to) => {
            let from = from.index(length);
            let piece = bytes[from..length.min(from + count)].to_vec();
            let to = to.index(length);
            bytes.splice(to..to, piece);
        }
    }
}

proptest! {
    #![proptest_config(config(1_500))]

    #[test]
    fn any_bytes_at_all(bytes in prop::collection::vec(any::<u8>(), 0..300), start in 0usize..120, sealed: bool) {
        let mut bytes = [&sample().0[..start], &bytes].concat();
        if sealed {
            seal(&mut bytes);
        }
        let _ = decode(bytes.as_slice());
    }

    /// An altered file is an error, unless it is not altered.
    #[test]
    fn an_altered_file_is_an_error(header in header(), blocks in blocks(), changes in changes()) {
        let (original, written) = encode(&header, &blocks);
        let mut bytes = original.clone();
        changes.iter().for_each(|change| apply(&mut bytes, change));
        match decode(bytes.as_slice()) {
            Ok(read) => {
                prop_assert_eq!(bytes, original);
                prop_assert_eq!(read, (written, blocks.concat()));
            }
            Err(error) => {
                prop_assert_ne!(bytes, original);
                prop_assert!(!matches!(error, SnapshotError::Io(_) | SnapshotError::Unwritable(_)), "{error}");
            }
        }
    }

    /// One that was altered on purpose holds what a file can hold, or is an error.
    #[test]
    fn a_forged_file_is_an_error_or_sound(header in header(), blocks in blocks(), changes in changes()) {
        let mut bytes = encode(&header, &blocks).0;
        changes.iter().for_each(|change| apply(&mut bytes, change));
        seal(&mut bytes);
        if let Ok((summary, records)) = decode(bytes.as_slice()) {
            prop_assert_eq!(summary.file_bytes, bytes.len() as u64);
            let (again, _) = encode(&summary.header, std::slice::from_ref(&records));
            prop_assert_eq!(decode(again.as_slice()).unwrap().1, records);
        }
    }

    /// Any bytes as a block: what is read would be written as the same bytes, so there is one form of everything.
    #[test]
    fn a_forged_block(owned in owned(), rest in prop::collection::vec(any::<u8>(), 10..60), changes in changes()) {
        let mut body = owned.bytes();
        changes.iter().for_each(|change| apply(&mut body, change));
        body.extend(rest);
        let bytes = file_of(&body, 2, 0);
        let mut decoder = Decoder::new(bytes.as_slice(), Watch::default()).unwrap();
        let mut again = Vec::new();
        while let Ok(Some(record)) = decoder.next_record() {
            prop_assert_eq!(record.check(), Ok(()));
            again.extend(Owned::from(record).bytes());
        }
        prop_assert!(body.starts_with(&again));
    }
}

#[test]
fn cut_anywhere() {
    let (bytes, _) = sample();
    for length in 0..bytes.len() {
        match decode(&bytes[..length]) {
            Err(SnapshotError::NotASnapshot) => assert!(length < 8),
            // It says where the file ends.
            Err(SnapshotError::Damaged { at, .. }) => assert!(length >= 8 && at == length as u64, "{at} for {length}"),
            other => panic!("cut to {length}: {other:?}"),
        }
    }
}

#[test]
fn any_bit_flipped() {
    let (bytes, _) = sample();
    let parts = parts(&bytes);
    for at in 0..bytes.len() {
        for bit in 0..8 {
            let mut bytes = bytes.clone();
            bytes[at] ^= 1 << bit;
            match decode(bytes.as_slice()) {
                Err(SnapshotError::NotASnapshot) => assert!(at < 8),
                Err(SnapshotError::Damaged { at: place, .. }) => {
                    // Noticed at the start of the part, or at the end of a file that seems too short.
                    let part = parts.iter().find(|part| part.contains(&at)).unwrap();
                    let place = usize::try_from(place).unwrap();
                    assert!(at >= 8 && (part.contains(&place) || place == bytes.len()), "{at} {bit}: {place}");
                }
                other => panic!("byte {at}, bit {bit}: {other:?}"),
            }
        }
    }
}

#[test]
fn any_byte_left_out_or_doubled() {
    let (bytes, _) = sample();
    for at in 0..bytes.len() {
        let (front, back) = bytes.split_at(at);
        let shorter = [front, &back[1..]].concat();
        decode(shorter.as_slice()).unwrap_err();
        let longer = [front, &back[..1], back].concat();
        decode(longer.as_slice()).unwrap_err();
    }
}

#[test]
fn bytes_after_the_end() {
    let (bytes, _) = sample();
    for garbage in [b"\0".as_slice(), b"\n", &bytes] {
        let longer = [bytes.as_slice(), garbage].concat();
        match decode(longer.as_slice()) {
            Err(SnapshotError::Damaged { at, .. }) => assert_eq!(at, bytes.len() as u64),
            other => panic!("{other:?}"),
        }
    }
}

/// The file with its parts in another order.
fn shuffled(bytes: &[u8], order: &[usize]) -> Vec<u8> {
    let parts = parts(bytes);
    order.iter().flat_map(|part| bytes[parts[*part].clone()].iter().copied()).collect()
}

#[test]
fn blocks_that_moved() {
    let (bytes, _) = sample();
    assert_eq!(shuffled(&bytes, &[0, 1, 2, 3, 4]), bytes);
    let orders: [&[usize]; 9] = [
        &[0, 2, 1, 3, 4],
        &[0, 1, 3, 2, 4],
        &[0, 1, 1, 2, 3, 4],
        &[0, 1, 2, 3, 3, 4],
        &[0, 2, 3, 4],
        &[0, 1, 2, 4],
        &[0, 4],
        &[0, 1, 2, 3, 4, 4],
        &[0, 1, 0, 2, 3, 4],
    ];
    for order in orders {
        let mut moved = shuffled(&bytes, order);
        let found = decode(moved.as_slice());
        assert!(matches!(found, Err(SnapshotError::Damaged { .. })), "{order:?}: {found:?}");
        // Also if somebody takes care of the checksums.
        seal(&mut moved);
        let found = decode(moved.as_slice());
        assert!(matches!(found, Err(SnapshotError::Damaged { .. })), "{order:?}, sealed: {found:?}");
    }
}

/// A block of the same place in another file, of the same length, with a right checksum of its own.
#[test]
fn a_block_of_another_file() {
    let [mine, other] = [1, 2].map(|created_at| {
        let block = |text: &str| vec![Owned::new((0, "k"), (0, text))];
        encode(&Header { created_at, ..Header::default() }, &[block("a"), block("b")]).0
    });
    let parts = parts(&mine);
    for part in &parts {
        let mut mixed = mine.clone();
        mixed[part.clone()].copy_from_slice(&other[part.clone()]);
        let found = decode(mixed.as_slice());
        assert!(matches!(found, Err(SnapshotError::Damaged { .. })), "{part:?}: {found:?}");
    }
}

#[test]
fn other_files() {
    let (bytes, _) = sample();
    let text = b"{\"a\":1} and so on, for longer than a header is, so that it could be one by its length alone";
    let as_text = String::from_utf8_lossy(&bytes).replace("\r\n", "\n").into_bytes();
    for file in [b"".as_slice(), b"\x89HWS", text, &as_text, &[0; 500], &[0xff; 500]] {
        assert!(matches!(decode(file), Err(SnapshotError::NotASnapshot)));
    }
}

#[test]
fn other_versions() {
    let (bytes, _) = sample();
    for version in [0u16, 2, 256, u16::MAX] {
        // Whatever comes behind the version, if anything.
        for length in [12, 40, bytes.len()] {
            let mut bytes = bytes[..length].to_vec();
            bytes[8..10].copy_from_slice(&version.to_le_bytes());
            bytes[10..12].copy_from_slice(&(!version).to_le_bytes());
            match decode(bytes.as_slice()) {
                Err(SnapshotError::UnsupportedVersion { found, supported }) => {
                    assert_eq!((found, supported), (version, 1))
                }
                other => panic!("{other:?}"),
            }
        }
    }
}

/// Alters the header and makes the checksums right again.
fn header_with(change: impl Fn(&mut [u8])) -> Result<(), SnapshotError> {
    let mut bytes = sample().0;
    change(&mut bytes);
    seal(&mut bytes);
    decode(bytes.as_slice()).map(|_| ())
}

#[test]
fn malformed_headers() {
    header_with(|_| ()).unwrap();
    let malformed = |result| assert!(matches!(result, Err(SnapshotError::Damaged { at: 0, .. })), "{result:?}");
    for bit in 2..8 {
        malformed(header_with(|bytes| bytes[15] |= 1 << bit));
    }
    // A name, or a number of entries, that is said not to be there; a name that is no text.
    malformed(header_with(|bytes| bytes[15] = 1));
    malformed(header_with(|bytes| bytes[15] = 2));
    malformed(header_with(|bytes| bytes[40] = 0xff));
    // The wrong number of entries is noticed at the end.
    let result = header_with(|bytes| bytes[32] += 1);
    assert!(matches!(result, Err(SnapshotError::Damaged { at, .. }) if at > 100), "{result:?}");
}

#[test]
fn wrong_totals() {
    let (bytes, _) = sample();
    let trailer = parts(&bytes)[4].clone();
    for field in [4, 8, 16, 24] {
        let mut bytes = bytes.clone();
        bytes[trailer.start + field] ^= 1;
        seal(&mut bytes);
        match decode(bytes.as_slice()) {
            Err(SnapshotError::Damaged { at, .. }) => assert_eq!(at, trailer.start as u64),
            other => panic!("field {field}: {other:?}"),
        }
    }
}

#[test]
fn wrong_counts_in_a_block() {
    let record = Owned::new((0, "k"), (0, "value")).bytes();
    let three = record.repeat(3);
    decode(file_of(&three, 3, 18).as_slice()).unwrap();
    for entries in [0, 1, 2, 4, 5, u32::MAX] {
        let found = decode(file_of(&three, entries, 18).as_slice());
        assert!(matches!(found, Err(SnapshotError::Damaged { .. })), "{entries}: {found:?}");
    }
    decode(file_of(&[], 0, 0).as_slice()).unwrap_err();
    // More records than so many bytes can be is noticed at the block, before the bytes are read.
    let shortest = Owned::new((0, ""), (3, "")).bytes();
    decode(file_of(&shortest.repeat(3), 3, 0).as_slice()).unwrap();
    let found = decode(file_of(&shortest.repeat(3), 4, 0).as_slice());
    assert!(matches!(found, Err(SnapshotError::Damaged { at: 48, .. })), "{found:?}");
}

/// Many records must not be in a block longer than the bound, for memory's sake.
#[test]
fn a_block_that_is_too_long() {
    let record = Owned::new((0, "k"), (8, vec![0; BLOCK_BYTES / 2])).bytes();
    let found = decode(file_of(&record.repeat(2), 2, 0).as_slice());
    assert!(matches!(found, Err(SnapshotError::Damaged { at: 48, .. })), "{found:?}");
}

/// Notes the largest piece it was asked for, which is the memory that was taken for it.
struct Measured<'a> {
    input: &'a [u8],
    largest: usize,
}

impl Read for Measured<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.largest = self.largest.max(buffer.len());
        self.input.read(buffer)
    }
}

#[test]
fn stated_lengths_take_no_memory() {
    let (bytes, blocks) = sample();
    for part in parts(&bytes) {
        for at in part.start..part.end - 8 {
            for number in [u64::MAX, 1 << 63, 1 << 62, 1 << 48, (1 << 48) - 1, 1 << 40, 1 << 32, 1 << 31, 1 << 24] {
                let mut bytes = bytes.clone();
                let end = (part.end - 8).min(at + 8);
                bytes[at..end].copy_from_slice(&number.to_le_bytes()[..end - at]);
                seal(&mut bytes);
                let mut input = Measured { input: &bytes, largest: 0 };
                match decode(&mut input) {
                    // Times and contents may be anything.
                    Ok((_, records)) => assert_eq!(records.len(), blocks.concat().len()),
                    Err(SnapshotError::Io(error)) => panic!("{error}"),
                    Err(_) => {}
                }
                assert!(input.largest <= BLOCK_BYTES, "{number:x} at {at}: {}", input.largest);
            }
        }
    }
}

#[test]
fn a_huge_record_that_is_not_there() {
    let (bytes, _) = encode(&Header::default(), &[vec![Owned::new((0, "k"), (8, vec![0; 100]))]]);
    for length in [BLOCK_BYTES as u64 + 1, 1 << 32, 1 << 47, (1 << 48) + 65_560] {
        let mut bytes = bytes.clone();
        bytes[48 + 16..48 + 24].copy_from_slice(&length.to_le_bytes());
        let mut input = Measured { input: &bytes, largest: 0 };
        match decode(&mut input) {
            Err(SnapshotError::Damaged { at, .. }) => assert_eq!(at, bytes.len() as u64),
            other => panic!("{other:?}"),
        }
        assert_eq!(input.largest, BLOCK_BYTES);
    }
    // Longer than any record.
    let mut bytes = bytes;
    bytes[48 + 16..48 + 24].copy_from_slice(&((1u64 << 48) + 65_561).to_le_bytes());
    assert!(matches!(decode(bytes.as_slice()), Err(SnapshotError::Damaged { at: 48, .. })));
}
