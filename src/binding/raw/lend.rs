//! ArrayBuffers over memory that is not V8's. Each is a *loan*, which is over when nothing in JavaScript can reach the memory
//! any more.
//!
//! Whoever lends is told once, on the environment's own thread, and whether that is *sure*. As long as the environment lives
//! it is: its finalizer comes when V8 has let go of the memory, wherever that was transferred to. But when an environment
//! ends, Node declares all its loans over, those too whose memory a user has transferred to another thread. So before that,
//! each ArrayBuffer that was lent is looked at: if it still has its memory, nobody else has. What Node does for each of its
//! ArrayBuffers at the end, newest first, it does before all cleanup hooks, since Node 22. So the look is the finalizer of a
//! *sentinel*, an ArrayBuffer of ours that is newer than all loans and that we hold until then. In Node 20, where the end of
//! an ArrayBuffer is a hook, that is no different; a hook of ours is there in case another Node keeps another order.

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
    env: Cell<sys::napi_env>,
    table: RefCell<HashMap<u64, Loan>>,
    next: Cell<u64>,
    /// The environment is going down.
    ending: Cell<bool>,
    /// A loan may be newer than the sentinel.
    blind: Cell<bool>,
    /// Its number, and a strong reference to its ArrayBuffer.
    sentinel: Cell<(u64, sys::napi_ref)>,
}

impl Default for Loans {
    fn default() -> Self {
        Self {
            env: Cell::new(ptr::null_mut()),
            table: RefCell::default(),
            next: Cell::new(0),
            ending: Cell::new(false),
            blind: Cell::new(false),
            sentinel: Cell::new((u64::MAX, ptr::null_mut())),
        }
    }
}

/// Told the number of a loan that is over, and whether that is sure.
type Over = Box<dyn FnOnce(u64, bool)>;

struct Loan {
    address: *mut u8,
    len: usize,
    /// A weak reference to the ArrayBuffer, or null.
    buffer: sys::napi_ref,
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
    /// An ArrayBuffer over the `len` bytes at `address`, and the number of the loan. `None` if this runtime refuses such
    /// ArrayBuffers. Unless there is one, `over` is not called.
    ///
    /// The bytes must be there until the process ends: those of a [`Chunk`](crate::core::pool::pool::Chunk) are, for pooled
    /// memory is never unmapped.
    pub fn lend(&self, lender: &Lender, address: *mut u8, len: usize, over: Over) -> Answer<Option<(Js, u64)>> {
        let loans = &lender.0;
        if loans.ending.get() {
            return Err(Fault::new("the environment is going down"));
        }
        let key = loans.number();
        loans.env.set(self.env);
        let loan = Loan { address, len, buffer: ptr::null_mut(), sure: false, over };
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
        self.watch(loans, key, buffer);
        self.post_sentinel(loans);
        loans.look_first();
        Ok(Some((Js(buffer), key)))
    }

    /// The memory of loan `key` has moved to the ArrayBuffer `js`. False if it has not.
    pub fn lent_as(&self, lender: &Lender, key: u64, js: Js) -> bool {
        let has = self.has_loan(&lender.0, key, js);
        if has {
            self.watch(&lender.0, key, js.0);
        }
        has
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
        let (mut buffer, mut reference) = (ptr::null_mut(), ptr::null_mut());
        // SAFETY: as in `lend`. The byte is the first of the ticket, which its finalizer frees; nobody else gets the ArrayBuffer.
        let status = unsafe {
            sys::napi_create_external_arraybuffer(self.env, ticket.cast(), 1, Some(warn), ticket.cast(), &mut buffer)
        };
        // SAFETY: `buffer` was just handed out by `env`. The reference is strong.
        let mut refer = || unsafe { sys::napi_create_reference(self.env, buffer, 1, &mut reference) };
        let made = status == sys::Status::napi_ok && refer() == sys::Status::napi_ok;
        if made {
            let (_, before) = loans.sentinel.replace((key, reference));
            forget(self.env, before);
        }
        loans.blind.set(loans.blind.get() || !made);
    }

    fn has_loan(&self, loans: &Loans, key: u64, js: Js) -> bool {
        let (mut data, mut len) = (ptr::null_mut(), 0);
        // SAFETY: `js` belongs to the running callback of `env`.
        let status = unsafe { sys::napi_get_arraybuffer_info(self.env, js.0, &mut data, &mut len) };
        let table = loans.table.borrow();
        let loan = table.get(&key);
        status == sys::Status::napi_ok && loan.is_some_and(|loan| loan.address == data.cast() && loan.len == len)
    }

    /// Notes which ArrayBuffer has the memory.
    fn watch(&self, loans: &Loans, key: u64, buffer: sys::napi_value) {
        let mut reference = ptr::null_mut();
        // SAFETY: `buffer` is an ArrayBuffer of the running callback of `env`. The reference is weak.
        let status = unsafe { sys::napi_create_reference(self.env, buffer, 0, &mut reference) };
        if status != sys::Status::napi_ok {
            reference = ptr::null_mut();
        }
        let mut table = loans.table.borrow_mut();
        let Some(loan) = table.get_mut(&key) else { return };
        let before = std::mem::replace(&mut loan.buffer, reference);
        forget(self.env, before);
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
        self.next.replace(self.next.get() + 1)
    }

    /// Has the look at all loans come before the end of any of them.
    fn look_first(&self) {
        let this = ptr::from_ref(self).cast_mut().cast();
        // SAFETY: the loans live in an `Rc` that their `Environment` holds until its own cleanup hook, which was registered
        // before and so runs after this one. Removing what is not there does nothing.
        unsafe {
            sys::napi_remove_env_cleanup_hook(self.env.get(), Some(ending), this);
            sys::napi_add_env_cleanup_hook(self.env.get(), Some(ending), this);
        }
    }

    /// Notes which loans nobody else can have.
    fn look(&self) {
        if self.ending.replace(true) {
            return;
        }
        let env = self.env.get();
        for loan in self.table.borrow_mut().values_mut() {
            loan.sure = loan.sure || (!loan.buffer.is_null() && has_memory(env, loan.buffer));
        }
    }
}

/// Whether the ArrayBuffer of a weak reference is there and has not lost its memory.
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

extern "C" fn ending(loans: *mut c_void) {
    // SAFETY: the pointer is that of `look_first`, whose loans live until later.
    let Some(loans) = (unsafe { loans.cast::<Loans>().as_ref() }) else { return };
    // A panic must not leave a hook. There is nobody left to tell.
    let _ = catch_unwind(AssertUnwindSafe(|| loans.look()));
}

extern "C" fn warn(env: sys::napi_env, _data: *mut c_void, ticket: *mut c_void) {
    // SAFETY: the ticket that `post_sentinel` made for this finalizer, which is called once.
    let Ticket { loans, key } = *unsafe { Box::from_raw(ticket.cast::<Ticket>()) };
    let (current, reference) = loans.sentinel.get();
    if current == key {
        // A panic must not leave a finalizer. There is nobody left to tell.
        let _ = catch_unwind(AssertUnwindSafe(|| loans.look()));
        loans.sentinel.set((u64::MAX, ptr::null_mut()));
        forget(env, reference);
    }
}

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
