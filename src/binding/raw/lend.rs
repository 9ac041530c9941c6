//! ArrayBuffers over memory that is not V8's. Each is a *loan*, which is over when nothing in JavaScript can reach the memory
//! any more.
//!
//! Whoever lends is told once, on the environment's own thread, and whether that is *sure*. As long as the environment lives
//! it is: the finalizer comes when V8 has let go of the memory, wherever that was transferred to. But when an environment
//! ends, Node declares all its loans over, those too whose memory a user has transferred to another thread. So before that,
//! each ArrayBuffer that was lent is looked at: if it still has its memory, nobody else has.
//!
//! For that look the ArrayBuffers must be there: one that was collected tells nothing. So a loan holds its ArrayBuffer until
//! the object that leads to it in the façade has been collected ([`Call::hold_with`]).
//!
//! What Node does for each of its ArrayBuffers at the end, newest first, it does before all cleanup hooks, since Node 22. So the
//! look is the finalizer of a *sentinel*, an ArrayBuffer of ours that is newer than all loans and is held until then.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::ffi::c_void;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr;
use std::rc::Rc;

use napi::sys;

use super::{Call, Fault, Js};

type Answer<T> = std::result::Result<T, Fault>;

/// The loans of one environment.
#[derive(Debug, Default)]
pub struct Lender(Rc<Loans>);

#[derive(Debug)]
struct Loans {
    table: RefCell<HashMap<u64, Loan>>,
    last: Cell<u64>,
    /// The environment is going down.
    ending: Cell<bool>,
    /// A loan may be newer than the sentinel.
    blind: Cell<bool>,
    /// Its number, and a reference that holds its ArrayBuffer.
    sentinel: Cell<(u64, sys::napi_ref)>,
}

impl Default for Loans {
    fn default() -> Self {
        Self {
            table: RefCell::default(),
            last: Cell::new(0),
            ending: Cell::new(false),
            blind: Cell::new(false),
            sentinel: Cell::new((0, ptr::null_mut())),
        }
    }
}

/// Told the number of a loan that is over, and whether that is sure.
type Over = Box<dyn FnOnce(u64, bool)>;

struct Loan {
    address: *mut u8,
    len: usize,
    /// A reference to the ArrayBuffer, or null.
    buffer: sys::napi_ref,
    /// Whether it lets the ArrayBuffer be collected.
    weak: bool,
    /// Nobody can have the memory, whatever happens.
    sure: bool,
    over: Over,
}

impl std::fmt::Debug for Loan {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Loan").field("address", &self.address).field("len", &self.len).finish_non_exhaustive()
    }
}

/// What an ArrayBuffer's finalizer is given.
struct Ticket {
    loans: Rc<Loans>,
    key: u64,
}

impl Call {
    /// An ArrayBuffer over the `len` bytes at `address`, and the number of the loan, from 1. `None` if this runtime refuses
    /// such ArrayBuffers. Unless there is one, `over` is not called.
    ///
    /// The bytes must be there until the process ends: those of a [`Chunk`](crate::core::pool::pool::Chunk) are, for pooled
    /// memory is never unmapped.
    pub fn lend(&self, lender: &Lender, address: *mut u8, len: usize, over: Over) -> Answer<Option<(Js, u64)>> {
        let loans = &lender.0;
        if loans.ending.get() {
            return Err(Fault::new("the environment is going down"));
        }
        let key = loans.number();
        let loan = Loan { address, len, buffer: ptr::null_mut(), weak: false, sure: false, over };
        loans.table.borrow_mut().insert(key, loan);
        let ticket = Box::into_raw(Box::new(Ticket { loans: Rc::clone(loans), key }));
        let mut buffer = ptr::null_mut();
        // SAFETY: `env` is that of the running callback. The memory outlives every ArrayBuffer, see above. The finalizer gets
        // the ticket, which is its own from now on.
        let status = unsafe {
            sys::napi_create_external_arraybuffer(
                self.env,
                address.cast(),
                len,
                Some(finalize),
                ticket.cast(),
                &mut buffer,
            )
        };
        if status != sys::Status::napi_ok {
            // The ticket is left: whether the finalizer will come in spite of the failure is not documented. Without a loan
            // it does nothing.
            loans.table.borrow_mut().remove(&key);
            let refused = status == sys::Status::napi_no_external_buffers_allowed;
            return if refused { Ok(None) } else { Err(Fault::new(format!("no ArrayBuffer could be made: {status}"))) };
        }
        self.hold(loans, key, buffer);
        self.post_sentinel(loans);
        Ok(Some((Js(buffer), key)))
    }

    /// The memory of loan `key` has moved to the ArrayBuffer `js`. False if it has not.
    pub fn lent_as(&self, lender: &Lender, key: u64, js: Js) -> bool {
        let has = self.has_loan(&lender.0, key, js);
        if has {
            self.hold(&lender.0, key, js.0);
        }
        has
    }

    /// Holds the ArrayBuffer of loan `key` as long as the object `js` lives. If that cannot be had it is held until the loan
    /// is over.
    pub fn hold_with(&self, lender: &Lender, key: u64, js: Js) {
        let ticket = Box::into_raw(Box::new(Ticket { loans: Rc::clone(&lender.0), key }));
        // SAFETY: `js` belongs to the running callback of `env`. The finalizer gets the ticket, which is its own from now on.
        let status = unsafe {
            sys::napi_add_finalizer(self.env, js.0, ptr::null_mut(), Some(let_collect), ticket.cast(), ptr::null_mut())
        };
        if status != sys::Status::napi_ok {
            // SAFETY: nobody else has got the ticket.
            drop(unsafe { Box::from_raw(ticket) });
        }
    }

    /// Takes the memory of loan `key` away from the ArrayBuffer `js`, which has it and is nobody's but the façade's. So the
    /// loan is over. False if the ArrayBuffer does not have it.
    pub fn end_loan(&self, lender: &Lender, key: u64, js: Js) -> bool {
        if !self.has_loan(&lender.0, key, js) {
            return false;
        }
        // SAFETY: `js` is an ArrayBuffer of the running callback of `env`.
        let status = unsafe { sys::napi_detach_arraybuffer(self.env, js.0) };
        if status != sys::Status::napi_ok {
            return false;
        }
        let loan = lender.0.table.borrow_mut().remove(&key);
        // The finalizer, which comes later, finds no loan.
        if let Some(loan) = loan {
            forget(self.env, loan.buffer);
            (loan.over)(key, true);
        }
        true
    }

    /// Has an ArrayBuffer, newer than all loans, whose finalizer is called when the environment goes down.
    fn post_sentinel(&self, loans: &Rc<Loans>) {
        let key = loans.number();
        let ticket = Box::into_raw(Box::new(Ticket { loans: Rc::clone(loans), key }));
        let mut buffer = ptr::null_mut();
        // SAFETY: as in `lend`. The byte is the first of the ticket, which its finalizer frees; nobody else gets the ArrayBuffer.
        let status = unsafe {
            sys::napi_create_external_arraybuffer(self.env, ticket.cast(), 1, Some(warn), ticket.cast(), &mut buffer)
        };
        let reference = if status == sys::Status::napi_ok { self.reference(buffer) } else { ptr::null_mut() };
        if !reference.is_null() {
            let (_, before) = loans.sentinel.replace((key, reference));
            forget(self.env, before);
        }
        loans.blind.set(loans.blind.get() || reference.is_null());
    }

    fn has_loan(&self, loans: &Loans, key: u64, js: Js) -> bool {
        let (mut data, mut len) = (ptr::null_mut(), 0);
        // SAFETY: `js` belongs to the running callback of `env`.
        let status = unsafe { sys::napi_get_arraybuffer_info(self.env, js.0, &mut data, &mut len) };
        let table = loans.table.borrow();
        let loan = table.get(&key);
        status == sys::Status::napi_ok && loan.is_some_and(|loan| loan.address == data.cast() && loan.len == len)
    }

    /// Notes which ArrayBuffer has the memory, and holds it.
    fn hold(&self, loans: &Loans, key: u64, buffer: sys::napi_value) {
        let reference = self.reference(buffer);
        let mut table = loans.table.borrow_mut();
        let Some(loan) = table.get_mut(&key) else { return };
        forget(self.env, std::mem::replace(&mut loan.buffer, reference));
        loan.weak = false;
    }

    /// A reference that holds `buffer`, null if there is none to be had.
    fn reference(&self, buffer: sys::napi_value) -> sys::napi_ref {
        let mut reference = ptr::null_mut();
        // SAFETY: `buffer` is an ArrayBuffer of the running callback of `env`.
        let status = unsafe { sys::napi_create_reference(self.env, buffer, 1, &mut reference) };
        if status == sys::Status::napi_ok { reference } else { ptr::null_mut() }
    }
}

fn forget(env: sys::napi_env, reference: sys::napi_ref) {
    if !reference.is_null() {
        // SAFETY: the reference was made in `env` and is deleted once, on its thread. A failure leaks it, no more.
        unsafe { sys::napi_delete_reference(env, reference) };
    }
}

impl Loans {
    fn number(&self) -> u64 {
        self.last.set(self.last.get() + 1);
        self.last.get()
    }

    /// Holds the ArrayBuffer of loan `key` no longer.
    fn let_collect(&self, env: sys::napi_env, key: u64) {
        let mut table = self.table.borrow_mut();
        let Some(loan) = table.get_mut(&key).filter(|loan| !loan.weak && !loan.buffer.is_null()) else { return };
        if self.ending.get() {
            return;
        }
        let mut count = 0;
        // SAFETY: the reference was made in `env` and is there. It counts one, and this is done once.
        unsafe { sys::napi_reference_unref(env, loan.buffer, &mut count) };
        loan.weak = true;
    }

    /// Notes which loans nobody else can have.
    fn look(&self, env: sys::napi_env) {
        self.ending.set(true);
        for loan in self.table.borrow_mut().values_mut() {
            loan.sure = !loan.buffer.is_null() && has_memory(env, loan.buffer);
        }
    }
}

/// Whether the ArrayBuffer of a reference is there and has not lost its memory.
fn has_memory(env: sys::napi_env, reference: sys::napi_ref) -> bool {
    let (mut scope, mut value, mut detached) = (ptr::null_mut(), ptr::null_mut(), true);
    // SAFETY: called on the environment's thread while it is being cleaned up, when handles can still be made; all that is
    // handed out is used within the scope.
    unsafe {
        if sys::napi_open_handle_scope(env, &mut scope) != sys::Status::napi_ok {
            return false;
        }
        let there = sys::napi_get_reference_value(env, reference, &mut value) == sys::Status::napi_ok
            && !value.is_null()
            && sys::napi_is_detached_arraybuffer(env, value, &mut detached) == sys::Status::napi_ok;
        sys::napi_close_handle_scope(env, scope);
        there && !detached
    }
}

/// The finalizer of a sentinel. That of the current one comes when the environment ends; others were let go of.
extern "C" fn warn(env: sys::napi_env, _data: *mut c_void, ticket: *mut c_void) {
    // SAFETY: the ticket that `post_sentinel` made for this finalizer, which is called once.
    let Ticket { loans, key } = *unsafe { Box::from_raw(ticket.cast::<Ticket>()) };
    let (current, reference) = loans.sentinel.get();
    if current == key {
        // A panic must not leave a finalizer. There is nobody left to tell.
        let _ = catch_unwind(AssertUnwindSafe(|| loans.look(env)));
        loans.sentinel.set((0, ptr::null_mut()));
        forget(env, reference);
    }
}

/// The finalizer of an object that a loan is held with.
extern "C" fn let_collect(env: sys::napi_env, _data: *mut c_void, ticket: *mut c_void) {
    // SAFETY: the ticket that `hold_with` made for this finalizer, which is called once.
    let Ticket { loans, key } = *unsafe { Box::from_raw(ticket.cast::<Ticket>()) };
    let _ = catch_unwind(AssertUnwindSafe(|| loans.let_collect(env, key)));
}

/// The finalizer of a loan.
extern "C" fn finalize(env: sys::napi_env, _data: *mut c_void, ticket: *mut c_void) {
    // SAFETY: the ticket that `lend` made for this finalizer, which is called once.
    let ticket = unsafe { Box::from_raw(ticket.cast::<Ticket>()) };
    let _ = catch_unwind(AssertUnwindSafe(|| {
        let loan = ticket.loans.table.borrow_mut().remove(&ticket.key);
        let Some(loan) = loan else { return };
        forget(env, loan.buffer);
        let unsure = ticket.loans.ending.get() || ticket.loans.blind.get();
        (loan.over)(ticket.key, loan.sure || !unsure);
    }));
}
