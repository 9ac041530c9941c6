//! Writes small saved stores for the fuzzer to start from, into the folder `corpus` next to `Cargo.toml`.

use std::error::Error;
use std::fs;
use std::path::Path;

use heapwise::core::offheap::snapshot::{Block, Header, Record, SnapshotError, Watch, write_file};

/// Values of every kind.
const VALUES: [(u8, &[u8]); 28] = [
    (0, b"text"),
    (1, &[0, 0, 0, 0, 0, 0, 0xf0, 0x3f]),
    (2, &[1]),
    (3, b""),
    (4, b"-1f"),
    (5, b"{}"),
    (6, b"custom"),
    (8, b"buffer"),
    (9, b"u"),
    (10, b"i"),
    (11, b"c"),
    (12, &[1; 2]),
    (13, &[2; 4]),
    (14, &[3; 4]),
    (15, &[4; 8]),
    (16, &[5; 4]),
    (17, &[6; 8]),
    (18, &[7; 16]),
    (19, &[8; 8]),
    (20, &[9; 2]),
    (21, b""),
    (22, b"x"),
    (23, b"v8"),
    (24, &[0x80]),
    (25, b"custom"),
    (32, &[0x3d, 0xd8]),
    (37, &[0, 1, 0, 0]),
    (38, &[0, 1]),
];

const KEYS: [(u8, &[u8]); 4] = [(0, b"key"), (1, b"\xff"), (2, &[5, 0, 0, 0, 0, 0, 0, 0]), (3, &[b'a', 0, 0, 1])];

fn main() -> Result<(), Box<dyn Error>> {
    let records: Vec<_> = VALUES
        .into_iter()
        .zip(KEYS.into_iter().cycle())
        .enumerate()
        .map(|(index, ((value_kind, value), (key_kind, key)))| Record {
            key_kind,
            value_kind,
            key,
            value,
            expires_at: (index % 3 == 0).then_some(1_800_000_000_000),
            ttl: (index % 4 == 1).then_some(60_000),
        })
        .collect();
    let named = Header { created_at: 1, default_ttl: 2, codec: 1, name: Some("store".into()), entries: None };
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus/snapshot");
    fs::create_dir_all(&folder)?;
    write(&folder.join("empty"), &Header::default(), &[])?;
    write(&folder.join("counted"), &Header { entries: Some(1), ..Header::default() }, &records[..1])?;
    write(&folder.join("named"), &named, &records)?;
    for (index, piece) in records.chunks(4).enumerate() {
        write(&folder.join(format!("piece-{index}")), &Header::default(), piece)?;
    }
    Ok(())
}

/// Blocks of two records.
fn write(path: &Path, header: &Header, records: &[Record<'_>]) -> Result<(), SnapshotError> {
    write_file(path, header, Watch::default(), |encoder| {
        for pair in records.chunks(2) {
            let mut block = Block::default();
            for record in pair {
                block.push(record)?;
            }
            encoder.write(&mut block)?;
        }
        Ok(())
    })
    .map(drop)
}
