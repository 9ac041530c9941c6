//! Any bytes as a saved store, as they are and with right checksums, which the fuzzer could not find: no panic, and what
//! is accepted is what the writer would have written.

#![no_main]

#[path = "../../tests/offheap_snapshot/seal.rs"]
mod seal;

use heapwise::core::offheap::snapshot::{Block, Decoder, Encoder, SnapshotError, Watch};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    decode(bytes);
    let mut bytes = bytes.to_vec();
    seal::seal(&mut bytes);
    decode(&bytes);
});

/// Reads a file. One that is right has one form: its records, written again in the same blocks, give the same bytes.
fn decode(bytes: &[u8]) {
    let Ok(mut decoder) = Decoder::new(bytes, Watch::default()) else { return };
    let mut encoder = Encoder::new(Vec::new(), decoder.header(), Watch::default()).expect("a header that was read");
    // How many records each block has, which the decoder does not tell.
    let counts = seal::parts(bytes).into_iter().skip(1).map(|part| {
        let count = bytes[part].get(4..8).and_then(|field| field.try_into().ok());
        u32::from_le_bytes(count.expect("a part that is whole"))
    });
    let mut block = Block::default();
    for count in counts {
        for _ in 0..count {
            match decoder.next_record() {
                Ok(Some(record)) => assert!(block.push(&record).expect("a record that was read")),
                other => return refused(bytes, other.map(drop)),
            }
        }
        encoder.write(&mut block).expect("memory takes all");
    }
    match decoder.next_record() {
        Ok(None) => {}
        other => return refused(bytes, other.map(drop)),
    }
    let (again, summary) = encoder.finish().expect("a file that was read");
    assert_eq!(decoder.summary(), Some(&summary));
    assert_eq!(again, bytes);
}

fn refused(bytes: &[u8], result: Result<(), SnapshotError>) {
    match result {
        Err(SnapshotError::Damaged { at, .. }) => assert!(at <= bytes.len() as u64),
        other => panic!("a record more or less than the file has: {other:?}"),
    }
}
