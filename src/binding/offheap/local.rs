//! What one environment has open, and the room it works in.

use std::cell::{Cell, Ref, RefCell};
use std::sync::{Arc, PoisonError};

use once_cell::sync::Lazy;

use super::super::raw::{Call, Fault, Js, Scratch, Text};
use super::events::{Mailbox, claimant};
use crate::core::offheap::claims::Claims;
use crate::core::offheap::entry::{Key, MAX_KEY, key_kind};
use crate::core::offheap::registry::Registry;
use crate::core::offheap::store::{Config, Store};
use crate::core::offheap::sweeper;

/// Kinds of values that the callbacks know; the others are the façade's.
pub const STRING: u8 = 0;
/// 8 bytes, a double in little-endian order.
pub const NUMBER: u8 = 1;
/// One byte.
pub const BOOLEAN: u8 = 2;
/// No bytes.
pub const NULL: u8 = 3;
/// From here on a value is given as bytes; below it is text.
pub const FIRST_BYTES: u8 = 8;
/// Added to the kind of text that does not fit one byte a character.
pub const WIDE: u8 = 32;

/// What is kept of the pending bytes' room, in bytes.
const MOST_PENDING: usize = 1 << 20;
/// The most handles of an environment: what an [`Op`] has room for.
const MOST_HANDLES: usize = 1 << 24;
/// From this many bytes on a store is dropped on another thread: giving memory back takes a while.
const LARGE: usize = 16 << 20;

/// A store that somebody has open.
#[derive(Debug)]
pub struct Open {
    /// Kept beyond this by work on another thread.
    pub store: Arc<Store>,
    /// Who makes which value.
    pub claims: Claims,
    /// For snapshots.
    pub name: Option<String>,
}

impl Drop for Open {
    fn drop(&mut self) {
        if self.store.bytes() >= LARGE {
            sweeper::bury(Box::new(Arc::clone(&self.store)));
        }
    }
}

static STORES: Lazy<Registry<Open>> = Lazy::new(Registry::default);

/// What a call is about: `handle * 256 + key kind * 64 + value kind`.
#[derive(Debug, Clone, Copy)]
pub struct Op {
    pub handle: u32,
    pub key_kind: u8,
    pub value_kind: u8,
}

impl Op {
    pub fn new(op: u32) -> Self {
        Self { handle: op >> 8, key_kind: (op >> 6) as u8 & 3, value_kind: op as u8 & 63 }
    }
}

/// The state of one environment.
#[derive(Debug)]
pub struct Local {
    /// Who this is among all environments of the process.
    pub id: u64,
    handles: RefCell<Vec<Option<Arc<Open>>>>,
    key: RefCell<Scratch>,
    value: RefCell<Scratch>,
    /// The bytes of the last answer, until they are taken.
    pub pending: RefCell<Vec<u8>>,
    /// Where this environment's events go.
    pub mailbox: Arc<Mailbox>,
    /// Work on other threads that this environment has begun.
    pub jobs: RefCell<Vec<super::files::Job>>,
}

impl Local {
    pub fn new(id: u64) -> Self {
        Self {
            id,
            handles: RefCell::new(vec![None]),
            key: RefCell::default(),
            value: RefCell::default(),
            pending: RefCell::default(),
            mailbox: Mailbox::new(id),
            jobs: RefCell::default(),
        }
    }

    /// The store of a handle.
    #[inline]
    pub fn store(&self, handle: u32) -> Result<Ref<'_, Arc<Open>>, Fault> {
        Ref::filter_map(self.handles.borrow(), |handles| handles.get(handle as usize)?.as_ref())
            .map_err(|_| Fault::new("the handle is closed"))
    }

    /// Reads the text `js`, and hands it to `f`.
    pub fn with_text<R>(&self, call: &Call, js: Js, f: impl FnOnce(Text<'_>) -> R) -> Result<R, Fault> {
        let mut scratch = self.value.borrow_mut();
        let answer = f(call.text(js, &mut scratch)?);
        scratch.trim();
        Ok(answer)
    }

    /// Reads the key in argument `index`, and hands it to `f` with the store.
    #[inline(always)]
    pub fn with<R>(
        &self,
        call: &Call,
        op: Op,
        index: usize,
        f: impl FnOnce(&Arc<Open>, Key<'_>) -> Result<R, Fault>,
    ) -> Result<R, Fault> {
        let open = self.store(op.handle)?;
        self.with_key(call, op.key_kind, call.js(index)?, |key| f(&open, key))?
    }

    /// Reads a key. What it is made of is copied: it is hashed once and stored later, and must be the same both times; and
    /// a value may be written over the bytes that it was made of.
    #[inline(always)]
    pub fn with_key<R>(&self, call: &Call, kind: u8, js: Js, f: impl FnOnce(Key<'_>) -> R) -> Result<R, Fault> {
        match kind {
            key_kind::LATIN1 => {
                let mut scratch = self.key.borrow_mut();
                let text = call.text(js, &mut scratch)?;
                let kind = if text.wide { key_kind::UTF16 } else { key_kind::LATIN1 };
                let answer = f(Key { kind, bytes: text.bytes });
                scratch.trim();
                Ok(answer)
            }
            key_kind::INTEGER => Ok(f(Key { kind, bytes: &(call.double(js)? as i64).to_le_bytes() })),
            _ => {
                let mut scratch = self.key.borrow_mut();
                let bytes = call.copied(js, MAX_KEY, &mut scratch)?;
                Ok(f(Key { kind: key_kind::BYTES, bytes }))
            }
        }
    }

    /// The pending bytes have been taken.
    pub fn forget_pending(&self) {
        give_back(&mut self.pending.borrow_mut());
    }

    /// Opens a store. 0 if that cannot be, with the reason in `config[9]`.
    pub fn open(&self, name: Option<(bool, Vec<u8>)>, config: &[Cell<f64>]) -> u32 {
        let asked: Vec<Option<f64>> =
            config.iter().map(|cell| Some(cell.get()).filter(|value| !value.is_nan())).collect();
        let name = name.map(|(wide, bytes)| readable(wide, &bytes));
        let make = || {
            let store = Arc::new(Store::new(wanted(&asked)).map_err(|_| Refusal::OutOfMemory)?);
            sweeper::look_after(&store);
            Ok(Open { store, claims: Claims::new(), name: name.clone() })
        };
        let opened = match &name {
            Some(name) => STORES.open(name, make, |open| {
                let there = numbers(open.store.config());
                // What is asked for, and where nothing is, what is there; as a new store would have settled it.
                let all: Vec<_> = asked.iter().zip(there).map(|(asked, there)| asked.or(Some(there))).collect();
                let settled = numbers(&wanted(&all).settled());
                let same = asked
                    .iter()
                    .zip(settled)
                    .zip(there)
                    .all(|((asked, settled), there)| asked.is_none() || settled == there);
                if same { Ok(()) } else { Err(Refusal::Other(there)) }
            }),
            None => make().map(Arc::new),
        };
        let set = |index: usize, value: f64| {
            if let Some(cell) = config.get(index) {
                cell.set(value);
            }
        };
        match opened {
            Ok(open) => {
                for (index, number) in numbers(open.store.config()).into_iter().enumerate() {
                    set(index, number);
                }
                set(8, open.store.max_entry_bytes() as f64);
                let mut handles = self.handles.borrow_mut();
                let free = handles.iter().skip(1).position(Option::is_none).map_or(handles.len(), |at| at + 1);
                if free >= MOST_HANDLES {
                    set(9, 2.0);
                    return 0;
                }
                if free == handles.len() {
                    handles.push(None);
                }
                handles[free] = Some(open);
                free as u32
            }
            Err(Refusal::Other(there)) => {
                for (index, number) in there.into_iter().enumerate() {
                    set(index, number);
                }
                set(9, 1.0);
                0
            }
            Err(Refusal::OutOfMemory) => {
                set(9, 2.0);
                0
            }
        }
    }

    /// Gives a handle back. What it was the last one of is dropped.
    pub fn close(&self, handle: u32) {
        let open = self.handles.borrow_mut().get_mut(handle as usize).and_then(Option::take);
        if let Some(open) = open {
            self.leave(handle, &open);
        }
    }

    /// What was claimed through a handle is released.
    fn leave(&self, handle: u32, open: &Open) {
        super::events::wake(&open.claims.drop_env(claimant(self.id, handle)));
    }
}

impl Drop for Local {
    fn drop(&mut self) {
        self.mailbox.close();
        for job in self.jobs.get_mut().drain(..) {
            job.give_up();
        }
        let handles = std::mem::take(self.handles.get_mut());
        for (handle, open) in (0..).zip(&handles) {
            if let Some(open) = open {
                self.leave(handle, open);
            }
        }
    }
}

enum Refusal {
    /// A store of that name is there, made with these options.
    Other([f64; 8]),
    OutOfMemory,
}

/// A name as text. One that is no text, because it has lone surrogates, is written out behind a NUL, and so is one that
/// starts with a NUL: two names are never the same text.
fn readable(wide: bool, bytes: &[u8]) -> String {
    let units: Vec<u16> = if wide {
        bytes.chunks_exact(2).map(|pair| u16::from_le_bytes([pair[0], pair[1]])).collect()
    } else {
        bytes.iter().map(|&byte| u16::from(byte)).collect()
    };
    match String::from_utf16(&units) {
        Ok(text) if !text.starts_with('\0') => text,
        _ => units.iter().fold("\0".to_owned(), |text, unit| format!("{text}{unit:04x}")),
    }
}

fn wanted(asked: &[Option<f64>]) -> Config {
    let usual = Config::default();
    let number = |index: usize| asked.get(index).copied().flatten();
    let count = |index: usize, usual: usize| number(index).map_or(usual, |value| value.max(0.0) as usize);
    Config {
        max_bytes: count(0, usual.max_bytes),
        max_entries: count(1, usual.max_entries),
        ttl: number(2).map(|ttl| ttl.ceil() as u64).filter(|&ttl| ttl > 0),
        update_age_on_get: number(3).is_some_and(|flag| flag != 0.0),
        allow_stale: number(4).is_some_and(|flag| flag != 0.0),
        shards: count(5, usual.shards),
        evicted_keys: count(6, usual.evicted_keys),
        codec: number(7).map_or(usual.codec, |codec| codec as u8),
    }
}

fn numbers(config: &Config) -> [f64; 8] {
    [
        config.max_bytes as f64,
        config.max_entries as f64,
        config.ttl.unwrap_or(0) as f64,
        f64::from(u8::from(config.update_age_on_get)),
        f64::from(u8::from(config.allow_stale)),
        config.shards as f64,
        config.evicted_keys as f64,
        f64::from(config.codec),
    ]
}

/// Gives the room of many bytes back.
pub fn give_back(pending: &mut Vec<u8>) {
    if pending.capacity() > MOST_PENDING {
        *pending = Vec::new();
    }
}

/// Locks what is whole whatever happened to the one who held it.
pub fn locked<T>(mutex: &std::sync::Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
