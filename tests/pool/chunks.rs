//! Chunks of a pool as somebody sees them who has them: an address, and bytes that are his.

use std::collections::BTreeMap;

use heapwise::core::pool::pool::Chunk;

/// Bytes that somebody has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hold {
    address: usize,
    len: usize,
    /// What is in all of them.
    content: u8,
}

impl Hold {
    /// Takes hold of a chunk that was just taken, which must read zero, and writes `content` everywhere.
    pub fn new(chunk: Chunk, content: u8) -> Result<Self, String> {
        let mut hold = Self { address: chunk.address.expose_provenance(), len: chunk.len, content: 0 };
        if !hold.is_whole() {
            return Err(format!("{hold:?}: not all of what was taken reads zero"));
        }
        hold.fill(content);
        Ok(hold)
    }

    pub fn address(&self) -> usize {
        self.address
    }

    pub fn len(&self) -> usize {
        self.len
    }

    /// Writes `content` everywhere.
    pub fn fill(&mut self, content: u8) {
        // SAFETY: the pool has handed these bytes out, so they are mapped, and nobody else's. They are never unmapped: the depot
        // lives until the test is over.
        unsafe { self.pointer().write_bytes(content, self.len) };
        self.content = content;
    }

    /// Writes one byte that does not belong there.
    pub fn spoil(&self, at: usize) {
        // SAFETY: as in `fill`; `at` is cut to what is there.
        unsafe { self.pointer().add(at % self.len).write(!self.content) };
    }

    /// Whether all bytes are what was written last.
    pub fn is_whole(&self) -> bool {
        self.reads(self.content)
    }

    /// Whether all bytes are `content`.
    pub fn reads(&self, content: u8) -> bool {
        // SAFETY: as in `fill`. Nobody writes while they are borrowed.
        let bytes = unsafe { std::slice::from_raw_parts(self.pointer(), self.len) };
        // All are as the first one if each is as the one before.
        bytes[0] == content && bytes[1..] == bytes[..self.len - 1]
    }

    fn pointer(&self) -> *mut u8 {
        std::ptr::with_exposed_provenance_mut(self.address)
    }
}

/// All that anybody has. Nothing of it may overlap.
#[derive(Debug, Default)]
pub struct Registry(BTreeMap<usize, usize>);

impl Registry {
    pub const fn new() -> Self {
        Self(BTreeMap::new())
    }

    /// Somebody has it now.
    pub fn enter(&mut self, hold: &Hold) -> Result<(), String> {
        let (start, end) = (hold.address, hold.address + hold.len);
        match self.0.range(..end).next_back() {
            Some((&other, &until)) if until > start => {
                Err(format!("{start:x}..{end:x} overlaps {other:x}..{until:x}, which somebody has"))
            }
            _ => {
                self.0.insert(start, end);
                Ok(())
            }
        }
    }

    /// Nobody has it any more.
    pub fn leave(&mut self, hold: &Hold) {
        self.0.remove(&hold.address);
    }
}
