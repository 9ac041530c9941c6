//! Spans: memory split into chunks of one size.

use std::io;
use std::ops::Range;

use super::bits::Bits;
use super::depot::{Depot, Run, unit};
use super::memory::Mapping;
use super::secure::SecureRun;
use crate::core::sync::Arc;

/// Chunks of a span, at most.
pub const MOST_CHUNKS: usize = 4096;
/// The pool's pages in a span, at most, unless one chunk takes more.
const MOST_PAGES: usize = 16;
/// Every chunk starts at a multiple of so many bytes.
const ALIGNMENT: usize = 16;
/// Bytes of locked memory that a secure span takes, if a chunk does not take more: there is little of it.
const SECURE_BYTES: usize = 64 << 10;

/// How the spans of a class are split.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shape {
    /// Bytes of a chunk, as the user has them.
    pub size: usize,
    /// Bytes from one chunk's start to the next one's.
    pub stride: usize,
    /// Chunks.
    pub chunks: usize,
}

impl Shape {
    /// Spans for chunks of `size` bytes, made of pages of `page` bytes: the fewest that leave at most an eighth over.
    ///
    /// Chunks of four pages of the operating system or more start at one, so that each can be given back by itself.
    pub fn new(size: usize, page: usize) -> Self {
        let alignment = if size >= 4 * unit() { unit() } else { ALIGNMENT };
        let stride = size.next_multiple_of(alignment);
        let left_over = |pages: usize| pages * page % stride;
        let least = stride.div_ceil(page);
        let choice = least..=least.max(MOST_PAGES);
        let good = choice.clone().find(|&pages| left_over(pages) * 8 <= pages * page);
        let best = || choice.min_by(|&a, &b| (left_over(a) * b).cmp(&(left_over(b) * a)));
        let pages = good.or_else(best).unwrap_or(least);
        Self { size, stride, chunks: (pages * page / stride).min(MOST_CHUNKS) }
    }

    /// Secure spans: each chunk has pages of its own.
    pub fn secure(size: usize) -> Self {
        let stride = size.next_multiple_of(unit());
        Self { size, stride, chunks: (SECURE_BYTES / stride).max(1) }
    }

    /// Bytes of a span.
    pub fn bytes(&self) -> usize {
        self.chunks * self.stride
    }
}

/// What a chunk is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// Nobody has it.
    Vacant {
        /// Something may be written in it.
        dirty: bool,
    },
    /// JavaScript has it: in use, or in its free list.
    Out,
    /// JavaScript has let go of it, and its ArrayBuffer is not collected yet.
    Retired {
        /// Its memory shall go back to the operating system then.
        purge: bool,
    },
    /// Somebody may have it for ever. Never used again.
    Stray,
}

#[derive(Debug)]
enum Memory {
    Plain(Run),
    Secure(Arc<SecureRun>),
}

/// The memory of one chunk, for work outside of the pool's lock. Only of use as long as the chunk is [`State::Out`].
#[derive(Debug)]
pub struct Place {
    memory: PlaceIn,
    /// Where in its mapping.
    range: Range<usize>,
}

#[derive(Debug)]
enum PlaceIn {
    Plain(Arc<Mapping>),
    Secure(Arc<SecureRun>, usize),
}

impl Place {
    fn mapping(&self) -> &Mapping {
        match &self.memory {
            PlaceIn::Plain(mapping) => mapping,
            PlaceIn::Secure(run, _) => run.mapping(),
        }
    }

    /// Where it starts.
    pub fn address(&self) -> *mut u8 {
        self.mapping().address(self.range.start)
    }

    /// Writes `byte` everywhere.
    pub fn fill(&self, byte: u8) {
        self.mapping().fill(self.range.clone(), byte);
    }

    /// Where the first byte is that is not `byte`.
    pub fn first_other(&self, byte: u8) -> Option<usize> {
        self.mapping().first_other(self.range.clone(), byte)
    }

    /// Writes zeros. False if somebody wrote beside it, which can be told of secure memory only.
    pub fn wipe(&self) -> bool {
        match &self.memory {
            PlaceIn::Plain(_) => {
                self.fill(0);
                true
            }
            PlaceIn::Secure(run, index) => run.wipe(*index),
        }
    }
}

/// A span.
#[derive(Debug)]
pub struct Span {
    class: usize,
    shape: Shape,
    memory: Memory,
    states: Box<[State]>,
    /// The chunks that are [`State::Vacant`].
    vacant: Bits,
    /// How many chunks are not.
    busy: usize,
}

impl Span {
    /// A span of vacant chunks.
    ///
    /// # Errors
    /// The operating system refuses the address space.
    pub fn new(class: usize, shape: Shape, depot: &Arc<Depot>) -> io::Result<Self> {
        let run = depot.run(shape.bytes())?;
        let state = |index| State::Vacant { dirty: run.written().any(pages_of(&shape, index)) };
        let states = (0..shape.chunks).map(state).collect();
        Ok(Self::of(class, shape, Memory::Plain(run), states))
    }

    /// A span of vacant chunks in secure memory.
    ///
    /// # Errors
    /// The operating system refuses the memory.
    pub fn secure(class: usize, shape: Shape) -> io::Result<Self> {
        let run = SecureRun::new(shape.size, shape.chunks)?;
        let states = vec![State::Vacant { dirty: false }; shape.chunks].into();
        Ok(Self::of(class, shape, Memory::Secure(Arc::new(run)), states))
    }

    fn of(class: usize, shape: Shape, memory: Memory, states: Box<[State]>) -> Self {
        let mut vacant = Bits::new(shape.chunks);
        vacant.insert(0..shape.chunks);
        Self { class, shape, memory, states, vacant, busy: 0 }
    }

    /// Which of the pool's classes its chunks are of.
    pub fn class(&self) -> usize {
        self.class
    }

    /// How it is split.
    pub fn shape(&self) -> &Shape {
        &self.shape
    }

    /// What chunk `index` is, if there is such a chunk.
    pub fn state(&self, index: usize) -> Option<State> {
        self.states.get(index).copied()
    }

    /// Whether nobody has anything of it.
    pub fn is_vacant(&self) -> bool {
        self.busy == 0
    }

    /// Whether no chunk is vacant.
    pub fn is_full(&self) -> bool {
        self.busy == self.shape.chunks
    }

    /// The first vacant chunk, which is [`State::Out`] now, and whether it has to be zeroed.
    pub fn take(&mut self) -> Option<(usize, bool)> {
        let index = self.vacant.next(0)?;
        let dirty = self.states[index] == State::Vacant { dirty: true };
        self.vacant.remove(index..index + 1);
        self.busy += 1;
        self.states[index] = State::Out;
        if let Memory::Plain(run) = &mut self.memory {
            run.write(&bytes_of(&self.shape, index));
        }
        Some((index, dirty))
    }

    /// Chunk `index` is no longer vacant or has ceased to be [`State::Out`].
    pub fn set(&mut self, index: usize, state: State) {
        self.states[index] = state;
    }

    /// Somebody may have chunk `index` for ever. In secure memory it is wiped all the same: the secret does not outlive its pool.
    pub fn stray(&mut self, index: usize) {
        if let Memory::Secure(run) = &self.memory {
            run.wipe(index);
        }
        self.states[index] = State::Stray;
    }

    /// Nobody has chunk `index` any more. In secure memory it is wiped.
    pub fn vacate(&mut self, index: usize) {
        if let Memory::Secure(run) = &self.memory {
            run.wipe(index);
        }
        // Secure memory too: native code that has the address still may write to it.
        self.states[index] = State::Vacant { dirty: true };
        self.busy -= self.vacant.insert(index..index + 1);
    }

    /// The memory of chunk `index`.
    pub fn place(&self, index: usize) -> Place {
        match &self.memory {
            Memory::Plain(run) => {
                let bytes = bytes_of(&self.shape, index);
                let range = run.offset() + bytes.start..run.offset() + bytes.end;
                Place { memory: PlaceIn::Plain(Arc::clone(run.mapping())), range }
            }
            Memory::Secure(run) => Place { range: run.range(index), memory: PlaceIn::Secure(Arc::clone(run), index) },
        }
    }

    /// Gives the pages that only vacant chunks lie in back to the operating system. How many bytes it took.
    pub fn purge(&mut self) -> usize {
        let Memory::Plain(run) = &mut self.memory else { return 0 };
        let mut kept = Bits::new(run.written().len());
        for (index, state) in self.states.iter().enumerate() {
            if !matches!(state, State::Vacant { .. }) {
                kept.insert(pages_of(&self.shape, index));
            }
        }
        let purged = run.purge(&kept);
        if purged > 0 {
            for (index, state) in self.states.iter_mut().enumerate() {
                if let State::Vacant { dirty } = state {
                    *dirty = *dirty && run.written().any(pages_of(&self.shape, index));
                }
            }
        }
        purged
    }

    /// Address space, in bytes.
    pub fn mapped(&self) -> usize {
        match &self.memory {
            Memory::Plain(run) => run.len(),
            Memory::Secure(run) => run.mapped_bytes(),
        }
    }

    /// Bytes of memory that it takes at most.
    pub fn committed(&self) -> usize {
        match &self.memory {
            Memory::Plain(run) => run.written().count() * unit(),
            Memory::Secure(run) => run.committed_bytes(),
        }
    }

    /// Its secure memory, if it is of such.
    pub fn secure_run(&self) -> Option<&SecureRun> {
        match &self.memory {
            Memory::Plain(_) => None,
            Memory::Secure(run) => Some(run),
        }
    }

    /// Gives it up for good: somebody may use a chunk of it as long as the process lives.
    pub fn strand(self) {
        match self.memory {
            Memory::Plain(run) => run.strand(),
            Memory::Secure(run) => std::mem::forget(run),
        }
    }

    /// How many chunks are of a state that `is` says.
    pub fn count(&self, is: impl Fn(State) -> bool) -> usize {
        self.states.iter().filter(|&&state| is(state)).count()
    }

    /// Compares what is kept with what can be counted.
    ///
    /// # Errors
    /// What does not fit together.
    pub fn validate(&self) -> Result<(), String> {
        let is_vacant = |index| matches!(self.states[index], State::Vacant { .. });
        if (0..self.shape.chunks).any(|index| self.vacant.has(index) != is_vacant(index)) {
            return Err("a chunk is vacant in one place and not in the other".into());
        }
        if self.busy + self.vacant.count() != self.shape.chunks || self.states.len() != self.shape.chunks {
            return Err(format!("{} chunks are busy by count", self.busy));
        }
        if let Memory::Plain(run) = &self.memory {
            let written = |index| pages_of(&self.shape, index).all(|page| run.written().has(page));
            let clean = |index| self.states[index] == State::Vacant { dirty: false };
            if (0..self.shape.chunks).any(|index| !clean(index) && !run.written().any(pages_of(&self.shape, index))) {
                return Err("a chunk is dirty, and no page of it was written".into());
            }
            if (0..self.shape.chunks).any(|index| !is_vacant(index) && !written(index)) {
                return Err("a chunk is in use, and a page of it does not count as written".into());
            }
        }
        Ok(())
    }
}

/// Bytes of chunk `index`, from the span's start.
fn bytes_of(shape: &Shape, index: usize) -> Range<usize> {
    index * shape.stride..index * shape.stride + shape.size
}

/// Pages that chunk `index` lies in, from the span's start.
fn pages_of(shape: &Shape, index: usize) -> Range<usize> {
    Run::pages_of(&bytes_of(shape, index))
}
