//! Events that come to an environment from other threads: a claim is over, a file has got further.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use napi::bindgen_prelude::Result;
use once_cell::sync::Lazy;

use super::super::raw::{Bell, Call, Exports, Fault, Kind, Reply, Text, callback, ring};
use super::local::{Op, locked};
use super::{Outcome, list_key};
use crate::core::offheap::claims::{EnvId, Outcome as Claimed, Ticket};
use crate::core::offheap::shard::Read;

pub fn register(exports: &Exports) -> Result<()> {
    exports.function("offheapClaim", callback!(claim))?;
    exports.function("offheapRelease", callback!(release))?;
    exports.function("offheapForget", callback!(forget))?;
    exports.function("offheapListen", callback!(listen))?;
    exports.function("offheapEvents", callback!(events))
}

/// What has happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum What {
    /// Look again.
    ClaimOver = 0,
    /// `a` entries and `b` bytes so far.
    Progress = 1,
    /// `a` entries and `b` bytes in all.
    Done = 2,
    /// `text` says why, `a` of what class: 1 input or output, 2 damaged, 3 version, 4 does not fit, 5 another codec.
    Failed = 3,
}

/// One event.
#[derive(Debug, Clone)]
pub struct Event {
    pub ticket: u64,
    pub what: What,
    pub a: u64,
    pub b: u64,
    pub text: String,
}

#[derive(Debug, Default)]
struct Post {
    events: Vec<Event>,
    rung: bool,
}

/// The events of one environment, and what tells it that there are some.
pub struct Mailbox {
    id: u64,
    post: Mutex<Post>,
    bell: Mutex<Option<Bell>>,
}

impl std::fmt::Debug for Mailbox {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Mailbox").field("id", &self.id).finish_non_exhaustive()
    }
}

/// All environments that live.
static MAILBOXES: Lazy<Mutex<HashMap<u64, Arc<Mailbox>>>> = Lazy::new(Mutex::default);

impl Mailbox {
    pub fn new(id: u64) -> Arc<Self> {
        let mailbox = Arc::new(Self { id, post: Mutex::default(), bell: Mutex::new(None) });
        locked(&MAILBOXES).insert(id, Arc::clone(&mailbox));
        mailbox
    }

    /// Posts an event. An earlier report of progress that nobody has seen is replaced.
    pub fn post(&self, event: Event) {
        let mut post = locked(&self.post);
        match post.events.last_mut() {
            Some(last) if last.ticket == event.ticket && last.what == What::Progress => *last = event,
            _ => post.events.push(event),
        }
        drop(post);
        self.ring();
    }

    /// Rings, unless it has rung since the events were last taken, or nobody listens yet.
    fn ring(&self) {
        let bell = locked(&self.bell);
        let Some(bell) = bell.as_ref() else { return };
        let mut post = locked(&self.post);
        if !post.events.is_empty() && !std::mem::replace(&mut post.rung, true) {
            ring(bell);
        }
    }

    /// The environment is going down.
    pub fn close(&self) {
        locked(&MAILBOXES).remove(&self.id);
        let bell = locked(&self.bell).take();
        drop(bell);
    }
}

/// Who claims: a handle of an environment. So a handle that is closed releases what was claimed through it.
pub fn claimant(environment: u64, handle: u32) -> EnvId {
    EnvId(environment << 24 | u64::from(handle))
}

fn environment_of(EnvId(claimant): EnvId) -> u64 {
    claimant >> 24
}

/// Tells environments that claims they wait for are over.
pub fn wake(waiting: &[(EnvId, Ticket)]) {
    for &(claimant, Ticket(ticket)) in waiting {
        let mailbox = locked(&MAILBOXES).get(&environment_of(claimant)).map(Arc::clone);
        if let Some(mailbox) = mailbox {
            mailbox.post(Event { ticket, what: What::ClaimOver, a: 0, b: 0, text: String::new() });
        }
    }
}

/// `(op, key) -> 0 | ticket | -ticket`
fn claim(call: &Call) -> Outcome {
    let local = &call.environment()?.offheap;
    let op = Op::new(call.u32(0)?);
    local.with(call, op, 1, |open, key| {
        let mut name = Vec::new();
        list_key(&mut name, key);
        match open.claims.claim(&name, claimant(local.id, op.handle)) {
            Claimed::Wait(Ticket(ticket)) => Ok(Reply::F64(-(ticket as f64))),
            Claimed::Produce(ticket) => {
                // Another may have stored the value and released between the caller's look and this claim.
                let how = Read { peek: true, allow_stale: false, update_age: false };
                if open.store.get(key, how, |_| ()).is_some() {
                    wake(&open.claims.release(ticket));
                    return Ok(Reply::U32(0));
                }
                Ok(Reply::F64(ticket.0 as f64))
            }
        }
    })
}

fn ticket(call: &Call) -> std::result::Result<Ticket, Fault> {
    Ok(Ticket(call.f64(1)?.abs() as u64))
}

/// `(handle, ticket)`
fn release(call: &Call) -> Outcome {
    let open = std::sync::Arc::clone(&*call.environment()?.offheap.store(call.u32(0)?)?);
    wake(&open.claims.release(ticket(call)?));
    Ok(Reply::Nothing)
}

/// `(handle, ticket)`
fn forget(call: &Call) -> Outcome {
    let local = &call.environment()?.offheap;
    local.store(call.u32(0)?)?.claims.forget(ticket(call)?);
    Ok(Reply::Nothing)
}

/// `(callback)`
fn listen(call: &Call) -> Outcome {
    if call.kind(call.js(0)?) != Kind::Other {
        return Err(Fault::new("not a function"));
    }
    let bell = call.bell(0)?;
    let mailbox = &call.environment()?.offheap.mailbox;
    let before = locked(&mailbox.bell).replace(bell);
    drop(before);
    locked(&mailbox.post).rung = false;
    mailbox.ring();
    Ok(Reply::Nothing)
}

/// `() -> [ticket, what, a, b, text, …]`
fn events(call: &Call) -> Outcome {
    let mailbox = &call.environment()?.offheap.mailbox;
    let events = {
        let mut post = locked(&mailbox.post);
        post.rung = false;
        std::mem::take(&mut post.events)
    };
    let array = call.array(u32::try_from(events.len() * 5)?)?;
    for (index, event) in events.iter().enumerate() {
        let at = index as u32 * 5;
        call.set_element(array, at, Reply::F64(event.ticket as f64))?;
        call.set_element(array, at + 1, Reply::U32(event.what as u32))?;
        call.set_element(array, at + 2, Reply::F64(event.a as f64))?;
        call.set_element(array, at + 3, Reply::F64(event.b as f64))?;
        let text: Vec<u8> = event.text.encode_utf16().flat_map(u16::to_le_bytes).collect();
        let text = call.string(Text { wide: true, bytes: &text })?;
        call.set_element(array, at + 4, text)?;
    }
    Ok(Reply::Js(array))
}
