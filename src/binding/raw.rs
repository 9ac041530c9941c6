//! The one file that holds the plumbing of bare Node-API callbacks.
//!
//! A bare callback costs 9 ns where a generated one costs 30 to 260, because it does only what it must. What it must
//! is here, once: read the arguments and check their types, run the body where a panic stops, throw what went wrong.
//!
//! Rules that every callback keeps: each Node-API status is checked; memory of a typed array is borrowed for the call
//! and no JavaScript runs in between; one `catch_unwind` each.

use std::cell::{Cell, RefCell};
use std::ffi::CString;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr;
use std::slice;

use napi::bindgen_prelude::*;
use napi::sys;
use once_cell::sync::OnceCell;

/// What a callback body answers when it cannot do its work. It becomes an `Error` with code `ERR_HEAPWISE_INTERNAL`:
/// the façade has checked what users pass, so reaching it is a bug in heapwise.
#[derive(Debug)]
pub struct Fault(String);

impl Fault {
    pub fn new(message: impl Into<String>) -> Self {
        Self(message.into())
    }
}

impl<E: std::error::Error> From<E> for Fault {
    fn from(error: E) -> Self {
        Self(error.to_string())
    }
}

/// What a callback gives back to JavaScript.
#[derive(Debug, Clone, Copy)]
pub enum Reply {
    Nothing,
    U32(u32),
}

thread_local! {
    static LAST_PANIC: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// A panic in a callback becomes a JavaScript error that says where it was. The hook that notes the place, instead of
/// printing it, is installed once for the process; panics of other threads go to the hook that was there before.
pub fn keep_panics_quiet() {
    static INSTALLED: OnceCell<()> = OnceCell::new();
    INSTALLED.get_or_init(|| {
        let previous = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            let inside = IN_CALLBACK.with(Cell::get);
            // `try_with`: a panic in a hook, while a thread is being taken down, would abort the process.
            if !inside || LAST_PANIC.try_with(|last| last.replace(Some(info.to_string()))).is_err() {
                previous(info);
            }
        }));
    });
}

thread_local! {
    static IN_CALLBACK: Cell<bool> = const { Cell::new(false) };
}

/// The arguments of one call.
#[derive(Debug)]
pub struct Call {
    env: sys::napi_env,
    argv: [sys::napi_value; MAX_ARGS],
    argc: usize,
}

const MAX_ARGS: usize = 6;

/// A number of which every bit pattern is a value, and its kind of typed array.
trait Element: Copy {
    const KIND: i32;
}

impl Element for u32 {
    const KIND: i32 = sys::TypedarrayType::uint32_array;
}

impl Element for f64 {
    const KIND: i32 = sys::TypedarrayType::float64_array;
}

impl Call {
    fn read(env: sys::napi_env, info: sys::napi_callback_info) -> Option<Self> {
        let mut argc = MAX_ARGS;
        let mut argv = [ptr::null_mut(); MAX_ARGS];
        // SAFETY: `env` and `info` are those of the running callback; `argv` has room for `argc` values.
        let status =
            unsafe { sys::napi_get_cb_info(env, info, &mut argc, argv.as_mut_ptr(), ptr::null_mut(), ptr::null_mut()) };
        (status == sys::Status::napi_ok).then_some(Self { env, argv, argc })
    }

    fn value(&self, index: usize) -> std::result::Result<sys::napi_value, Fault> {
        if index < self.argc.min(MAX_ARGS) { Ok(self.argv[index]) } else { Err(Fault::new("missing argument")) }
    }

    /// Argument `index` as an unsigned integer.
    pub fn u32(&self, index: usize) -> std::result::Result<u32, Fault> {
        let value = self.value(index)?;
        let mut out = 0;
        // SAFETY: `value` is an argument of the running callback of `env`.
        let status = unsafe { sys::napi_get_value_uint32(self.env, value, &mut out) };
        if status == sys::Status::napi_ok { Ok(out) } else { Err(Fault::new(format!("argument {index} is no number"))) }
    }

    /// Argument `index` as a double.
    pub fn f64(&self, index: usize) -> std::result::Result<f64, Fault> {
        let value = self.value(index)?;
        let mut out = 0.0;
        // SAFETY: `value` is an argument of the running callback of `env`.
        let status = unsafe { sys::napi_get_value_double(self.env, value, &mut out) };
        if status == sys::Status::napi_ok { Ok(out) } else { Err(Fault::new(format!("argument {index} is no number"))) }
    }

    /// Argument `index` as a `Uint32Array`, borrowed for this call.
    pub fn u32s(&self, index: usize) -> std::result::Result<&[Cell<u32>], Fault> {
        self.elements(index)
    }

    /// Argument `index` as a `Float64Array`, borrowed for this call.
    pub fn f64s(&self, index: usize) -> std::result::Result<&[Cell<f64>], Fault> {
        self.elements(index)
    }

    fn elements<T: Element>(&self, index: usize) -> std::result::Result<&[Cell<T>], Fault> {
        let value = self.value(index)?;
        let mut kind = 0;
        let mut len = 0;
        let mut data = ptr::null_mut();
        // SAFETY: `value` is an argument of the running callback of `env`; what is not asked for is null.
        let status = unsafe {
            sys::napi_get_typedarray_info(
                self.env,
                value,
                &mut kind,
                &mut len,
                &mut data,
                ptr::null_mut(),
                ptr::null_mut(),
            )
        };
        if status != sys::Status::napi_ok || kind != T::KIND {
            return Err(Fault::new(format!("argument {index} is no typed array of the right kind")));
        }
        if len == 0 {
            return Ok(&[]);
        }
        let data = data.cast::<Cell<T>>();
        // Another addon may have made an ArrayBuffer over memory at an odd address.
        if data.is_null() || !data.is_aligned() {
            return Err(Fault::new(format!("argument {index} has no usable memory")));
        }
        // SAFETY: Node-API says `data` holds `len` elements of the kind; it is neither null nor misaligned, and every
        // bit pattern is a `T`. The borrow ends with `self`, so within the callback, during which no JavaScript runs that
        // could detach the array or collect it. `Cell` permits that two arguments share memory. The façade never passes
        // memory that another thread sees.
        Ok(unsafe { slice::from_raw_parts(data, len) })
    }

    fn reply(&self, reply: Reply) -> sys::napi_value {
        match reply {
            Reply::Nothing => ptr::null_mut(),
            Reply::U32(value) => {
                let mut out = ptr::null_mut();
                // SAFETY: `env` is that of the running callback. On failure `out` stays null, which is `undefined`.
                unsafe { sys::napi_create_uint32(self.env, value, &mut out) };
                out
            }
        }
    }
}

/// Runs the body of a callback. Called by the functions that [`callback!`] makes.
pub fn run(
    env: sys::napi_env,
    info: sys::napi_callback_info,
    body: fn(&Call) -> std::result::Result<Reply, Fault>,
) -> sys::napi_value {
    let Some(call) = Call::read(env, info) else { return ptr::null_mut() };
    let outer = IN_CALLBACK.with(|inside| inside.replace(true));
    let outcome = catch_unwind(AssertUnwindSafe(|| body(&call)));
    IN_CALLBACK.with(|inside| inside.set(outer));
    match outcome {
        Ok(Ok(reply)) => call.reply(reply),
        Ok(Err(Fault(message))) => throw(env, &message),
        Err(_) => {
            let place = LAST_PANIC.try_with(RefCell::take).ok().flatten();
            throw(env, &format!("panic in native code: {}", place.as_deref().unwrap_or("unknown")))
        }
    }
}

fn throw(env: sys::napi_env, message: &str) -> sys::napi_value {
    let message = CString::new(message.replace('\0', " ")).unwrap_or_default();
    // SAFETY: `env` is that of the running callback; both strings end in NUL. If it fails (the environment is going
    // down), there is no one left to tell.
    unsafe { sys::napi_throw_error(env, c"ERR_HEAPWISE_INTERNAL".as_ptr(), message.as_ptr()) };
    ptr::null_mut()
}

/// The exports object of one environment.
#[derive(Debug)]
pub struct Exports {
    env: sys::napi_env,
    object: sys::napi_value,
}

impl Exports {
    pub fn new(env: &Env, object: &mut Object) -> Self {
        Self { env: env.raw(), object: object.raw() }
    }

    /// Exports `callback` as a function called `name`.
    pub fn function(&self, name: &str, callback: sys::napi_callback) -> Result<()> {
        let c_name = CString::new(name).map_err(|_| Error::from_reason("name holds a NUL"))?;
        let mut function = ptr::null_mut();
        // SAFETY: `env` and `object` belong to the module registration that is running; the name outlives the calls.
        let status = unsafe {
            sys::napi_create_function(
                self.env,
                c_name.as_ptr(),
                name.len() as isize,
                callback,
                ptr::null_mut(),
                &mut function,
            )
        };
        check(status, name)?;
        // SAFETY: as above; `function` was just made.
        let status = unsafe { sys::napi_set_named_property(self.env, self.object, c_name.as_ptr(), function) };
        check(status, name)
    }
}

fn check(status: sys::napi_status, name: &str) -> Result<()> {
    if status == sys::Status::napi_ok {
        Ok(())
    } else {
        Err(Error::new(Status::from(status), format!("could not export {name}")))
    }
}

/// Makes the `extern "C"` function of a callback from its body.
macro_rules! callback {
    ($body:path) => {{
        unsafe extern "C" fn bare(
            env: napi::sys::napi_env,
            info: napi::sys::napi_callback_info,
        ) -> napi::sys::napi_value {
            $crate::binding::raw::run(env, info, $body)
        }
        Some(bare)
    }};
}
pub(crate) use callback;
