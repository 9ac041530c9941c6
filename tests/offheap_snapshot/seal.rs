//! The frame of the file format, written a second time from `docs/snapshot-format.md`: it makes damaged files whose
//! checksums are right, which is what gets past them. The fuzz targets share it.

use std::ops::Range;

use xxhash_rust::xxh3::xxh3_64_with_seed;

fn number(bytes: &[u8], at: usize, length: usize) -> Option<usize> {
    let field = bytes.get(at..at.checked_add(length)?)?;
    let value = field.iter().rev().fold(0u64, |value, byte| value << 8 | u64::from(*byte));
    usize::try_from(value).ok()
}

/// The header, the blocks, and the trailer, each with its checksum; as far as they make sense.
pub fn parts(bytes: &[u8]) -> Vec<Range<usize>> {
    let mut parts = Vec::new();
    let Some(name) = number(bytes, 12, 2) else { return parts };
    let mut part = 0..40 + name + 8;
    while part.end <= bytes.len() {
        let at = part.end;
        parts.push(part);
        let length = match bytes.get(at..at + 4) {
            Some(b"BLCK") => number(bytes, at + 16, 8),
            Some(b"DONE") => Some(8),
            _ => None,
        };
        match length.and_then(|length| (at + 24 + 8).checked_add(length)) {
            Some(end) => part = at..end,
            None => break,
        }
    }
    parts
}

/// Makes every checksum right, as far as the frame makes sense.
pub fn seal(bytes: &mut [u8]) {
    let mut sum = 0;
    for part in parts(bytes) {
        let (checked, stated) = bytes[part.clone()].split_at_mut(part.len() - 8);
        sum = xxh3_64_with_seed(checked, sum);
        stated.copy_from_slice(&sum.to_le_bytes());
    }
}
