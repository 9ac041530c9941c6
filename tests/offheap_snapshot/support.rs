//! Records at random, and short ways to write and read them.

use std::io::Read;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::{env, fs, process};

use heapwise::core::offheap::snapshot::{Block, Decoder, Encoder, Header, Record, SnapshotError, Summary, Watch};
use proptest::prelude::*;

/// A record that owns its bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Owned {
    pub key: (u8, Vec<u8>),
    pub value: (u8, Vec<u8>),
    pub expires_at: Option<u64>,
    pub ttl: Option<u64>,
}

impl Owned {
    pub fn new(key: (u8, impl Into<Vec<u8>>), value: (u8, impl Into<Vec<u8>>)) -> Self {
        Self { key: (key.0, key.1.into()), value: (value.0, value.1.into()), expires_at: None, ttl: None }
    }

    pub fn record(&self) -> Record<'_> {
        Record {
            key_kind: self.key.0,
            value_kind: self.value.0,
            key: &self.key.1,
            value: &self.value.1,
            expires_at: self.expires_at,
            ttl: self.ttl,
        }
    }

    /// The record's bytes in a file, whatever is wrong with it.
    pub fn bytes(&self) -> Vec<u8> {
        let times = u8::from(self.expires_at.is_some()) * 4 + u8::from(self.ttl.is_some()) * 8;
        let mut bytes = vec![self.key.0 | times, self.value.0];
        bytes.extend(u16::try_from(self.key.1.len()).unwrap().to_le_bytes());
        bytes.extend(&(self.value.1.len() as u64).to_le_bytes()[..6]);
        bytes.extend(self.expires_at.into_iter().chain(self.ttl).flat_map(u64::to_le_bytes));
        [bytes, self.key.1.clone(), self.value.1.clone()].concat()
    }
}

impl From<Record<'_>> for Owned {
    fn from(record: Record<'_>) -> Self {
        let (key, value) = (record.key.to_vec(), record.value.to_vec());
        Self {
            key: (record.key_kind, key),
            value: (record.value_kind, value),
            expires_at: record.expires_at,
            ttl: record.ttl,
        }
    }
}

/// All kinds of values there are.
pub const VALUE_KINDS: [u8; 28] =
    [0, 1, 2, 3, 4, 5, 6, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 32, 37, 38];

fn bytes() -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(any::<u8>(), 0..40)
}

/// Whole elements of `size` bytes.
fn elements(size: usize) -> BoxedStrategy<Vec<u8>> {
    prop::collection::vec(any::<u8>(), 0..6).prop_map(move |bytes| bytes.repeat(size)).boxed()
}

/// UTF-16 text with a unit above 0xFF, surrogates of any kind among them.
fn wide() -> impl Strategy<Value = Vec<u8>> {
    let units = prop::collection::vec(any::<u16>(), 0..10);
    (units.clone(), 0x100u16.., units).prop_map(|(front, unit, back)| {
        [front, vec![unit], back].concat().into_iter().flat_map(u16::to_le_bytes).collect()
    })
}

fn key() -> impl Strategy<Value = (u8, Vec<u8>)> {
    const SAFE: i64 = (1 << 53) - 1;
    prop_oneof![
        20 => (0u8..2, bytes()),
        1 => (0u8..2, Just(vec![7; 65_535])),
        10 => (Just(2), prop_oneof![-SAFE..=SAFE, Just(-SAFE), Just(SAFE), Just(0)].prop_map(|key| key.to_le_bytes().to_vec())),
        10 => (Just(3), wide()),
    ]
}

fn value() -> impl Strategy<Value = (u8, Vec<u8>)> {
    prop::sample::select(VALUE_KINDS.to_vec()).prop_flat_map(|kind| {
        let bytes = match kind {
            1 => any::<[u8; 8]>().prop_map(Vec::from).boxed(),
            2 => (0u8..2).prop_map(|byte| vec![byte]).boxed(),
            3 => Just(Vec::new()).boxed(),
            4 => "0|-?[1-9a-f][0-9a-f]{0,30}".prop_map(String::into_bytes).boxed(),
            12 | 13 | 20 => elements(2),
            14..=16 => elements(4),
            17..=19 => elements(8),
            32 | 37 | 38 => wide().boxed(),
            _ => bytes().boxed(),
        };
        (Just(kind), bytes)
    })
}

fn time() -> impl Strategy<Value = Option<u64>> {
    prop::option::of(prop_oneof![any::<u64>(), Just(0), 0u64..100_000])
}

/// Any record that a file can hold.
pub fn owned() -> impl Strategy<Value = Owned> {
    (key(), value(), time(), time()).prop_map(|(key, value, expires_at, ttl)| Owned { key, value, expires_at, ttl })
}

/// Records in blocks.
pub fn blocks() -> impl Strategy<Value = Vec<Vec<Owned>>> {
    prop::collection::vec(prop::collection::vec(owned(), 0..6), 0..5)
}

/// Any header; the number of entries is not said.
pub fn header() -> impl Strategy<Value = Header> {
    let name = prop::option::of(".{0,12}");
    (any::<u64>(), any::<u64>(), any::<u8>(), name).prop_map(|(created_at, default_ttl, codec, name)| Header {
        created_at,
        default_ttl,
        codec,
        name,
        entries: None,
    })
}

/// A file with the given blocks; an empty one leaves no trace.
pub fn encode(header: &Header, blocks: &[Vec<Owned>]) -> (Vec<u8>, Summary) {
    let mut encoder = Encoder::new(Vec::new(), header, Watch::default()).unwrap();
    for records in blocks {
        let mut block = Block::default();
        for owned in records {
            assert!(block.push(&owned.record()).unwrap());
        }
        encoder.write(&mut block).unwrap();
    }
    encoder.finish().unwrap()
}

/// Reads all of `input`.
pub fn decode(input: impl Read) -> Result<(Summary, Vec<Owned>), SnapshotError> {
    let mut decoder = Decoder::new(input, Watch::default())?;
    let mut records = Vec::new();
    while let Some(record) = decoder.next_record()? {
        records.push(record.into());
    }
    Ok((decoder.summary().unwrap().clone(), records))
}

/// A small file that has everything: three blocks, all kinds of keys and times, a name.
pub fn sample() -> (Vec<u8>, Vec<Vec<Owned>>) {
    let header = Header { created_at: 5, default_ttl: 9, codec: 2, name: Some("é".into()), entries: Some(6) };
    let mut blocks = vec![
        vec![Owned::new((0, "a"), (0, "one")), Owned::new((1, "a"), (1, 1f64.to_le_bytes()))],
        vec![Owned::new((2, 7i64.to_le_bytes()), (3, "")), Owned::new((3, [0, 1]), (32, [0x3d, 0xd8]))],
        vec![Owned::new((0, ""), (4, "-1f")), Owned::new((0, "z"), (12, [1, 2]))],
    ];
    blocks[0][1].expires_at = Some(77);
    blocks[1][0].ttl = Some(0);
    (blocks[2][0].expires_at, blocks[2][0].ttl) = (Some(78), Some(1));
    (encode(&header, &blocks).0, blocks)
}

/// An empty folder, which is removed in the end.
#[derive(Debug)]
pub struct Folder(pub PathBuf);

impl Folder {
    pub fn new() -> Self {
        static COUNTER: AtomicU32 = AtomicU32::new(0);
        let number = COUNTER.fetch_add(1, Ordering::Relaxed);
        let path = env::temp_dir().join(format!("heapwise-snapshot-test-{}-{number}", process::id()));
        fs::create_dir(&path).unwrap();
        Self(path)
    }

    /// What is in it.
    pub fn names(&self) -> Vec<String> {
        let names = fs::read_dir(&self.0).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let mut names: Vec<_> = names.collect();
        names.sort();
        names
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}
