//! The callbacks of buffer pools: they wrap chunks as ArrayBuffers, and tell the pool what becomes of them. JavaScript keeps
//! the free lists, so nothing here is called for a Buffer that is recycled.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::{Rc, Weak};
use std::sync::Arc;

use napi::bindgen_prelude::Result;

use super::raw::{Bell, Call, Exports, Fault, Kind, Lender, Reply, callback, ring};
use crate::core::pool::depot::Depot;
use crate::core::pool::pool::{Chunk, Config, Pool, Refused};

type Outcome = std::result::Result<Reply, Fault>;

/// What `poolTake` answers when there is no ArrayBuffer.
const FULL: u32 = 0;
const NO_MEMORY: u32 = 1;
const REFUSED: u32 = 2;

pub fn register(exports: &Exports) -> Result<()> {
    exports.function("poolOpen", callback!(open))?;
    exports.function("poolTake", callback!(take))?;
    exports.function("poolRetire", callback!(retire))?;
    exports.function("poolMoved", callback!(moved))?;
    exports.function("poolPoison", callback!(poison))?;
    exports.function("poolVerify", callback!(verify))?;
    exports.function("poolWipe", callback!(wipe))?;
    exports.function("poolTrim", callback!(trim))?;
    exports.function("poolLost", callback!(lost))?;
    exports.function("poolWatch", callback!(watch))?;
    exports.function("poolListen", callback!(listen))?;
    exports.function("poolStats", callback!(stats))?;
    exports.function("poolClose", callback!(close))?;
    exports.function("depotStats", callback!(depot_stats))
}

/// The pools that an environment has open.
#[derive(Debug, Default)]
pub struct Pools(Rc<Local>);

#[derive(Default)]
struct Local {
    lender: Lender,
    open: RefCell<HashMap<u32, Opened>>,
    last: Cell<u32>,
    /// Handle, loan and class of each chunk whose Buffer was dropped, until the façade asks.
    lost: RefCell<Vec<[u64; 3]>>,
    bell: RefCell<Option<Bell>>,
    rung: Cell<bool>,
}

impl std::fmt::Debug for Local {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Local").field("open", &self.open).finish_non_exhaustive()
    }
}

#[derive(Debug)]
struct Opened {
    pool: Arc<Pool>,
    /// The chunks that JavaScript has, by the number of their loan: unlike that of a chunk it is never given twice.
    held: HashMap<u64, u32>,
}

impl Local {
    fn with<T>(&self, call: &Call, work: impl FnOnce(&mut Opened) -> T) -> std::result::Result<T, Fault> {
        let handle = call.u32(0)?;
        self.open.borrow_mut().get_mut(&handle).map(work).ok_or_else(|| Fault::new("no such pool"))
    }

    fn pool(&self, call: &Call) -> std::result::Result<Arc<Pool>, Fault> {
        self.with(call, |opened| Arc::clone(&opened.pool))
    }

    /// Nothing in JavaScript has the chunk any more.
    fn over(&self, handle: u32, loan: u64, class: u32, lost: bool) {
        if let Some(opened) = self.open.borrow_mut().get_mut(&handle) {
            opened.held.remove(&loan);
        }
        if lost {
            self.lost.borrow_mut().push([u64::from(handle), loan, u64::from(class)]);
            self.tell();
        }
    }

    /// Rings, unless it has rung since the losses were last taken.
    fn tell(&self) {
        if let Some(bell) = self.bell.borrow().as_ref()
            && !self.rung.replace(true)
        {
            ring(bell);
        }
    }
}

/// `(config, classes) -> handle`, or 0 if there is no memory
fn open(call: &Call) -> Outcome {
    let local = &call.environment()?.pools.0;
    let config = call.f64s(0)?;
    let number = |at: usize| config.get(at).map_or(0.0, std::cell::Cell::get);
    let classes = call.u32s(1)?.iter().map(|class| class.get() as usize).collect();
    let config = Config { page: number(0) as usize, max_bytes: number(1) as u64, secure: number(2) > 0.0, classes };
    let Ok(pool) = Pool::new(config) else { return Ok(Reply::U32(0)) };
    let handle = local.last.get().checked_add(1).ok_or_else(|| Fault::new("too many pools"))?;
    local.last.set(handle);
    let opened = Opened { pool: Arc::new(pool), held: HashMap::new() };
    local.open.borrow_mut().insert(handle, opened);
    Ok(Reply::U32(handle))
}

/// `(handle, class, out) -> ArrayBuffer`, the number of whose loan is in `out[0]`; or a number that says why there is none
fn take(call: &Call) -> Outcome {
    let local = &call.environment()?.pools.0;
    let (handle, class) = (call.u32(0)?, call.u32(1)?);
    let [out, ..] = call.f64s(2)? else { return Err(Fault::new("no room for the number")) };
    let pool = local.pool(call)?;
    let chunk = match pool.take(class as usize) {
        Ok(chunk) => chunk,
        Err(Refused::Full) => return Ok(Reply::U32(FULL)),
        Err(Refused::NoMemory) => return Ok(Reply::U32(NO_MEMORY)),
        Err(Refused::NoClass) => return Err(Fault::new("no such class")),
    };
    let id = chunk.id;
    let lent = lend(call, local, &pool, handle, class, chunk);
    if !matches!(lent, Ok(Some(_))) {
        pool.retire(id, false);
        pool.finish(id, true);
    }
    let Some((buffer, loan)) = lent? else { return Ok(Reply::U32(REFUSED)) };
    out.set(loan as f64);
    local.with(call, |opened| opened.held.insert(loan, id))?;
    Ok(buffer)
}

type Lent = std::result::Result<Option<(Reply, u64)>, Fault>;

fn lend(call: &Call, local: &Rc<Local>, pool: &Arc<Pool>, handle: u32, class: u32, chunk: Chunk) -> Lent {
    let Chunk { id, address, len } = chunk;
    let (mine, pool): (Weak<Local>, _) = (Rc::downgrade(local), Arc::clone(pool));
    let over = move |loan, sure| {
        let lost = pool.finish(id, sure);
        if let Some(local) = mine.upgrade() {
            local.over(handle, loan, class, lost);
        }
    };
    let lent = call.lend(&local.lender, address, len, Box::new(over))?;
    Ok(lent.map(|(buffer, loan)| (Reply::Js(buffer), loan)))
}

/// The number of the loan, and the chunk if JavaScript has it still.
fn held(local: &Local, call: &Call) -> std::result::Result<(u64, Option<u32>), Fault> {
    let loan = call.f64(1)? as u64;
    local.with(call, |opened| (loan, opened.held.get(&loan).copied()))
}

/// Has something done with the memory of a chunk, unless it is over.
fn touch<T>(call: &Call, work: impl FnOnce(&Pool, u32) -> T) -> std::result::Result<Option<T>, Fault> {
    let local = &call.environment()?.pools.0;
    let (_, held) = held(local, call)?;
    let pool = local.pool(call)?;
    Ok(held.map(|id| work(&pool, id)))
}

/// `(handle, loan, buffer | undefined, purge) -> boolean`: the façade lets go of the chunk. `buffer` has its memory, and is
/// known to nobody else; undefined if a user has taken the memory away. False if the loan is over already.
fn retire(call: &Call) -> Outcome {
    let local = &call.environment()?.pools.0;
    let buffer = call.js(2)?;
    let (loan, Some(id)) = held(local, call)? else { return Ok(Reply::Bool(false)) };
    if !local.pool(call)?.retire(id, call.u32(3)? != 0) {
        return Ok(Reply::Bool(false));
    }
    if call.kind(buffer) != Kind::Undefined {
        call.end_loan(&local.lender, loan, buffer);
    }
    Ok(Reply::Bool(true))
}

/// `(handle, loan, buffer) -> boolean`: the chunk has moved to another ArrayBuffer
fn moved(call: &Call) -> Outcome {
    let local = &call.environment()?.pools.0;
    let (loan, Some(_)) = held(local, call)? else { return Ok(Reply::Bool(false)) };
    Ok(Reply::Bool(call.lent_as(&local.lender, loan, call.js(2)?)))
}

/// `(handle, loan)`
fn poison(call: &Call) -> Outcome {
    touch(call, Pool::poison)?;
    Ok(Reply::Nothing)
}

/// `(handle, loan) -> where the poison is no longer`, or -1
fn verify(call: &Call) -> Outcome {
    let offset = touch(call, Pool::verify)?;
    Ok(Reply::F64(offset.flatten().map_or(-1.0, |offset| offset as f64)))
}

/// `(handle, loan) -> boolean`: whether nothing was written beside the chunk
fn wipe(call: &Call) -> Outcome {
    Ok(Reply::Bool(touch(call, Pool::wipe)?.unwrap_or(true)))
}

/// `(handle) -> bytes`
fn trim(call: &Call) -> Outcome {
    Ok(Reply::F64(call.environment()?.pools.0.pool(call)?.trim() as f64))
}

/// `(out) -> how many`: handle, loan and class of each chunk that was lost since the last call, in any pool; as many as there
/// is room for, so that it is called until there are none
fn lost(call: &Call) -> Outcome {
    let local = &call.environment()?.pools.0;
    local.rung.set(false);
    let out = call.f64s(0)?;
    let mut lost = local.lost.borrow_mut();
    let count = lost.len().min(out.len() / 3);
    for (out, number) in out.iter().zip(lost.drain(..count).flatten()) {
        out.set(number as f64);
    }
    Ok(Reply::U32(count as u32))
}

/// `(loan, slot)`: an object that leads to the chunk in the façade; when it is collected, the chunk may be
fn watch(call: &Call) -> Outcome {
    let loan = call.f64(0)? as u64;
    call.hold_with(&call.environment()?.pools.0.lender, loan, call.js(1)?);
    Ok(Reply::Nothing)
}

/// `(callback)`: it is called when something has been lost
fn listen(call: &Call) -> Outcome {
    let local = &call.environment()?.pools.0;
    let bell = call.bell(0)?;
    local.bell.replace(Some(bell));
    Ok(Reply::Nothing)
}

/// `(handle, out)`: mapped, committed, pinned, locked, guarded, kept out of dumps
fn stats(call: &Call) -> Outcome {
    let local = &call.environment()?.pools.0;
    let out = call.f64s(1)?;
    let numbers = local.with(call, |opened| {
        let stats = opened.pool.stats();
        let pinned: u64 = stats.classes.iter().map(|class| class.retired).sum();
        [
            stats.mapped as f64,
            stats.committed as f64,
            pinned as f64,
            stats.locked as f64,
            f64::from(u8::from(stats.guarded)),
            f64::from(u8::from(stats.kept_out_of_dumps)),
        ]
    })?;
    out.iter().zip(numbers).for_each(|(out, number)| out.set(number));
    Ok(Reply::Nothing)
}

/// `(handle)`
fn close(call: &Call) -> Outcome {
    let handle = call.u32(0)?;
    let closed = call.environment()?.pools.0.open.borrow_mut().remove(&handle);
    drop(closed);
    Ok(Reply::Nothing)
}

/// `(out)`: slabs, mapped, bytes in runs, runs, stranded
fn depot_stats(call: &Call) -> Outcome {
    let stats = Depot::shared().stats();
    let numbers = [stats.slabs, stats.mapped, stats.run_bytes, stats.runs, stats.stranded, stats.dirty];
    call.f64s(0)?.iter().zip(numbers).for_each(|(out, number)| out.set(number as f64));
    Ok(Reply::Nothing)
}
