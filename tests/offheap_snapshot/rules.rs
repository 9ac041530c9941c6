//! What a record must be: refused on writing, and refused on reading though every checksum is right.

use heapwise::core::offheap::snapshot::{Block, Header, Record, SnapshotError};

use crate::seal::{parts, seal};
use crate::support::{Owned, VALUE_KINDS, decode, encode};

/// A file with one block of these bytes, sealed.
pub fn file_of(records: &[u8], entries: u32, data_bytes: u64) -> Vec<u8> {
    let (mut bytes, _) = encode(&Header::default(), &[vec![Owned::new((0, "k"), (3, ""))]]);
    let [_, block, trailer] = parts(&bytes).try_into().unwrap();
    bytes[block.start + 4..block.start + 8].copy_from_slice(&entries.to_le_bytes());
    bytes[block.start + 16..block.start + 24].copy_from_slice(&(records.len() as u64).to_le_bytes());
    bytes[trailer.start + 16..trailer.start + 24].copy_from_slice(&u64::from(entries).to_le_bytes());
    bytes[trailer.start + 24..trailer.start + 32].copy_from_slice(&data_bytes.to_le_bytes());
    bytes.splice(block.start + 24..block.end - 8, records.iter().copied());
    seal(&mut bytes);
    bytes
}

fn file_with(owned: &Owned) -> Vec<u8> {
    file_of(&owned.bytes(), 1, (owned.key.1.len() + owned.value.1.len()) as u64)
}

fn refused(owned: &Owned) {
    let mut block = Block::default();
    let written = block.push(&owned.record());
    assert!(matches!(written, Err(SnapshotError::Unwritable(_))), "{owned:?} was written");
    assert!(block.is_empty());
    // The format has no room for some of what is wrong.
    if owned.key.0 <= 3 && owned.key.1.len() <= 65_535 {
        let read = decode(file_with(owned).as_slice());
        assert!(matches!(read, Err(SnapshotError::Damaged { at: 72, .. })), "{owned:?}: {read:?}");
    }
}

fn taken(owned: &Owned) {
    let (bytes, written) = encode(&Header::default(), &[vec![owned.clone()]]);
    assert_eq!(bytes, file_with(owned));
    assert_eq!(decode(bytes.as_slice()).unwrap(), (written, vec![owned.clone()]));
}

fn is_taken(yes: bool, owned: &Owned) {
    if yes { taken(owned) } else { refused(owned) }
}

fn value(kind: u8, bytes: impl Into<Vec<u8>>) -> Owned {
    Owned::new((0, "k"), (kind, bytes))
}

fn key(kind: u8, bytes: impl Into<Vec<u8>>) -> Owned {
    Owned::new((kind, bytes), (3, ""))
}

#[test]
fn kinds() {
    for kind in 4..=255 {
        refused(&key(kind, [1; 8]));
    }
    for kind in (0..=255).filter(|kind| !VALUE_KINDS.contains(kind)) {
        for bytes in [vec![], vec![1], b"ab".to_vec(), vec![1; 8]] {
            refused(&value(kind, bytes));
        }
    }
}

#[test]
fn keys() {
    taken(&key(0, ""));
    taken(&key(1, ""));
    taken(&key(0, [0xff; 65_535]));
    taken(&key(3, [0xff; 65_534]));
    for kind in 0..4 {
        refused(&key(kind, [0xff; 65_536]));
    }
    for length in [0, 1, 7, 9, 16] {
        refused(&key(2, vec![0; length]));
    }
    for number in [0, 1, -1, (1 << 53) - 1, 1 - (1 << 53)] {
        taken(&key(2, i64::to_le_bytes(number)));
    }
    for number in [1 << 53, -(1 << 53), i64::MAX, i64::MIN] {
        refused(&key(2, i64::to_le_bytes(number)));
    }
    refused(&key(3, ""));
    refused(&key(3, [b'a', 0]));
    refused(&key(3, [b'a', 0, 0xff, 0]));
    refused(&key(3, [0, 1, 0]));
    taken(&key(3, [0, 1]));
    taken(&key(3, [b'a', 0, 0, 1]));
}

#[test]
fn lengths_of_values() {
    let sizes = [(1, 8), (12, 2), (13, 2), (20, 2), (14, 4), (15, 4), (16, 4), (17, 8), (18, 8), (19, 8)];
    for (kind, size) in sizes {
        for length in 0..=24 {
            let fits = if kind == 1 { length == 8 } else { length % size == 0 };
            is_taken(fits, &value(kind, vec![0xff; length]));
        }
    }
    for length in 0..=24 {
        for kind in [0, 5, 6, 8, 9, 10, 11, 21, 22, 23, 24, 25] {
            taken(&value(kind, vec![0xff; length]));
        }
        is_taken(length == 0, &value(3, vec![0; length]));
        for kind in [32, 37, 38] {
            is_taken(length > 0 && length % 2 == 0, &value(kind, vec![1; length]));
            refused(&value(kind, [b'a', 0].repeat(length)));
        }
    }
}

#[test]
fn booleans() {
    taken(&value(2, [0]));
    taken(&value(2, [1]));
    for bytes in [vec![], vec![2], vec![255], vec![0, 0], vec![1, 0]] {
        refused(&value(2, bytes));
    }
}

#[test]
fn bigints() {
    for text in ["0", "1", "f", "-1", "10", "-f0", "123456789abcdef0123456789abcdef"] {
        taken(&value(4, text));
    }
    for text in ["", "-", "-0", "00", "01", "-01", "--1", "1-", "A", "g", "0x1", " 1", "1n", "+1", "1\0"] {
        refused(&value(4, text));
    }
}

#[test]
fn times() {
    for time in [0, 1, u64::MAX] {
        let mut owned = value(3, "");
        owned.expires_at = Some(time);
        taken(&owned);
        owned.ttl = Some(time);
        taken(&owned);
        owned.expires_at = None;
        taken(&owned);
    }
}

#[test]
fn flags() {
    for bit in 4..8 {
        let mut record = value(3, "").bytes();
        record[0] |= 1 << bit;
        let read = decode(file_of(&record, 1, 1).as_slice());
        assert!(matches!(read, Err(SnapshotError::Damaged { at: 72, .. })), "{read:?}");
    }
}

/// What is wrong is found at the record, not at its block.
#[test]
fn the_place_is_that_of_the_record() {
    let good = value(0, "text").bytes();
    for before in 0..4 {
        let records = [good.repeat(before), value(4, "A").bytes(), good.clone()].concat();
        let bytes = file_of(&records, u32::try_from(before).unwrap() + 2, 0);
        match decode(bytes.as_slice()) {
            Err(SnapshotError::Damaged { at, .. }) => assert_eq!(at, (72 + good.len() * before) as u64),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn check_is_what_both_sides_use() {
    let record = Record { key_kind: 0, value_kind: 4, key: b"k", value: b"00", expires_at: None, ttl: None };
    assert!(record.check().is_err());
    assert!(Record { value: b"1", ..record }.check().is_ok());
}
