//! The plumbing of bare Node-API callbacks, all of it.
//!
//! A bare callback costs 9 ns where a generated one costs 30 to 260, because it does only what it must. What it must
//! is here, once: read the arguments and check their types, run the body where a panic stops, throw what went wrong.
//!
//! Rules that every callback keeps: each Node-API status is checked; memory of a typed array is borrowed for the call
//! and no JavaScript runs in between; one `catch_unwind` each.

mod exports;
mod isolate;
mod lend;

use std::borrow::Cow;
use std::cell::{Cell, RefCell};
use std::ffi::{CString, c_void};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr;
use std::slice;

use napi::bindgen_prelude::*;
use napi::sys;
use napi::threadsafe_function::{ThreadsafeFunction, ThreadsafeFunctionCallMode};
use once_cell::sync::OnceCell;

use self::exports::Door;
pub use self::exports::Exports;
pub use self::isolate::{Api, Watch, now};
pub use self::lend::Lender;
use super::environment::Environment;

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
    F64(f64),
    Bool(bool),
    Null,
    Js(Js),
}

/// A JavaScript value, as long as the callback runs that it was passed to.
#[derive(Debug, Clone, Copy)]
pub struct Js(sys::napi_value);

/// What a JavaScript value is, as far as anybody here asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Undefined,
    Null,
    Boolean,
    Number,
    String,
    Other,
}

/// The bytes of a string: one each character if that suffices, else UTF-16 in little-endian order.
#[derive(Debug, Clone, Copy)]
pub struct Text<'a> {
    pub wide: bool,
    pub bytes: &'a [u8],
}

/// Where strings are read to.
#[derive(Debug)]
pub struct Scratch {
    wide: Vec<u16>,
    narrow: Vec<u8>,
}

/// What is kept between calls, in characters.
const SCRATCH: usize = 1 << 10;
const MOST_SCRATCH: usize = 1 << 18;

impl Default for Scratch {
    fn default() -> Self {
        Self { wide: vec![0; SCRATCH], narrow: Vec::new() }
    }
}

impl Scratch {
    /// Gives the room of a long string back.
    #[inline]
    pub fn trim(&mut self) {
        if self.wide.len() > MOST_SCRATCH || self.narrow.capacity() > MOST_SCRATCH {
            *self = Self::default();
        }
    }
}

/// Has a function called in its environment, from any thread. It does not keep the environment alive.
pub type Bell = ThreadsafeFunction<(), (), (), Status, false, true>;

/// Rings. An environment that is going down does not hear it.
pub fn ring(bell: &Bell) {
    bell.call((), ThreadsafeFunctionCallMode::NonBlocking);
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
    data: *mut c_void,
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
    /// An empty call, to be filled where it lies: copying the arguments would cost as much as reading them.
    #[inline(always)]
    fn new(env: sys::napi_env) -> Self {
        Self { env, argv: [ptr::null_mut(); MAX_ARGS], argc: MAX_ARGS, data: ptr::null_mut() }
    }

    #[inline(always)]
    fn read(&mut self, info: sys::napi_callback_info) -> bool {
        // SAFETY: `env` and `info` are those of the running callback; `argv` has room for `argc` values.
        let status = unsafe {
            sys::napi_get_cb_info(
                self.env,
                info,
                &mut self.argc,
                self.argv.as_mut_ptr(),
                ptr::null_mut(),
                &mut self.data,
            )
        };
        status == sys::Status::napi_ok
    }

    /// What belongs to the environment of this call.
    #[inline(always)]
    pub fn environment(&self) -> std::result::Result<&Environment, Fault> {
        // SAFETY: every function is made with the pointer of a `Door`, which is never freed.
        let door = unsafe { self.data.cast::<Door>().as_ref() };
        door.and_then(Door::environment).ok_or_else(|| Fault::new("the environment has ended"))
    }

    /// Argument `index`.
    #[inline(always)]
    pub fn js(&self, index: usize) -> std::result::Result<Js, Fault> {
        self.value(index).map(Js)
    }

    /// Argument `index` as a number, `None` if it is missing or undefined.
    pub fn number(&self, index: usize) -> std::result::Result<Option<f64>, Fault> {
        if index >= self.argc || self.kind(self.js(index)?) == Kind::Undefined {
            return Ok(None);
        }
        self.f64(index).map(Some)
    }

    /// What `js` is.
    pub fn kind(&self, js: Js) -> Kind {
        let mut kind = 0;
        // SAFETY: `js` belongs to the running callback of `env`.
        let status = unsafe { sys::napi_typeof(self.env, js.0, &mut kind) };
        if status != sys::Status::napi_ok {
            return Kind::Other;
        }
        match kind {
            sys::ValueType::napi_undefined => Kind::Undefined,
            sys::ValueType::napi_null => Kind::Null,
            sys::ValueType::napi_boolean => Kind::Boolean,
            sys::ValueType::napi_number => Kind::Number,
            sys::ValueType::napi_string => Kind::String,
            _ => Kind::Other,
        }
    }

    /// `js` as a double.
    pub fn double(&self, js: Js) -> std::result::Result<f64, Fault> {
        let mut out = 0.0;
        // SAFETY: `js` belongs to the running callback of `env`.
        let status = unsafe { sys::napi_get_value_double(self.env, js.0, &mut out) };
        if status == sys::Status::napi_ok { Ok(out) } else { Err(Fault::new("not a number")) }
    }

    /// `js` as a boolean.
    pub fn boolean(&self, js: Js) -> std::result::Result<bool, Fault> {
        let mut out = false;
        // SAFETY: `js` belongs to the running callback of `env`.
        let status = unsafe { sys::napi_get_value_bool(self.env, js.0, &mut out) };
        if status == sys::Status::napi_ok { Ok(out) } else { Err(Fault::new("not a boolean")) }
    }

    /// `js` as a string, every UTF-16 unit as it is.
    #[inline(always)]
    pub fn text<'s>(&self, js: Js, scratch: &'s mut Scratch) -> std::result::Result<Text<'s>, Fault> {
        let mut length = self.utf16_units(js, &mut scratch.wide)?;
        if length + 1 >= scratch.wide.len() {
            length = self.long_text(js, scratch, length)?;
        }
        let units = &scratch.wide[..length];
        if units.iter().fold(0, |all, &unit| all | unit) > 0xff {
            return Ok(Text { wide: true, bytes: bytemuck::cast_slice(units) });
        }
        scratch.narrow.clear();
        scratch.narrow.try_reserve(length)?;
        scratch.narrow.extend(units.iter().map(|&unit| unit as u8));
        Ok(Text { wide: false, bytes: &scratch.narrow })
    }

    /// Reads a string again that was perhaps cut.
    #[cold]
    fn long_text(&self, js: Js, scratch: &mut Scratch, length: usize) -> std::result::Result<usize, Fault> {
        let mut whole = 0;
        // SAFETY: `js` belongs to the running callback of `env`; without a buffer only the length is asked for.
        let status = unsafe { sys::napi_get_value_string_utf16(self.env, js.0, ptr::null_mut(), 0, &mut whole) };
        if status != sys::Status::napi_ok {
            return Err(Fault::new("not a string"));
        }
        if whole <= length {
            return Ok(length);
        }
        scratch.wide.try_reserve(whole + 2 - scratch.wide.len())?;
        scratch.wide.resize(whole + 2, 0);
        self.utf16_units(js, &mut scratch.wide)
    }

    #[inline(always)]
    fn utf16_units(&self, js: Js, out: &mut [u16]) -> std::result::Result<usize, Fault> {
        let mut length = 0;
        // SAFETY: `js` belongs to the running callback of `env`; `out` has room for `out.len()` units, the last of which
        // becomes a NUL.
        let status =
            unsafe { sys::napi_get_value_string_utf16(self.env, js.0, out.as_mut_ptr(), out.len(), &mut length) };
        if status == sys::Status::napi_ok { Ok(length) } else { Err(Fault::new("not a string")) }
    }

    /// Where a `Uint8Array` (a Buffer is one) has its bytes, how many, and whether another thread may see them.
    fn memory(&self, js: Js) -> std::result::Result<(*mut u8, usize, bool), Fault> {
        let (mut kind, mut len, mut data, mut buffer) = (0, 0, ptr::null_mut(), ptr::null_mut());
        // SAFETY: `js` belongs to the running callback of `env`; what is not asked for is null.
        let status = unsafe {
            sys::napi_get_typedarray_info(self.env, js.0, &mut kind, &mut len, &mut data, &mut buffer, ptr::null_mut())
        };
        if status != sys::Status::napi_ok || kind != sys::TypedarrayType::uint8_array {
            return Err(Fault::new("not a Uint8Array"));
        }
        let mut own = false;
        // SAFETY: `buffer` was just handed out by `env`.
        let status = unsafe { sys::napi_is_arraybuffer(self.env, buffer, &mut own) };
        if data.is_null() {
            len = 0;
        }
        Ok((data.cast(), len, status != sys::Status::napi_ok || !own))
    }

    /// The bytes of a `Uint8Array`, borrowed for this call; a copy of them if another thread may change them meanwhile.
    pub fn bytes(&self, js: Js) -> std::result::Result<Cow<'_, [u8]>, Fault> {
        let (data, len, shared) = self.memory(js)?;
        if len == 0 {
            return Ok(Cow::Borrowed(&[]));
        }
        if shared {
            let mut copy = Vec::new();
            copy_from(data, len, &mut copy)?;
            return Ok(Cow::Owned(copy));
        }
        // SAFETY: `data` holds `len` bytes that only this thread sees. The borrow ends with the callback, during which no
        // JavaScript runs that could detach or change them; and nothing here writes to them while they are borrowed: `fill`
        // is called by callbacks that read no other bytes than a key, which is a copy.
        Ok(Cow::Borrowed(unsafe { slice::from_raw_parts(data, len) }))
    }

    /// A copy of the bytes of a `Uint8Array`, at most `most`.
    pub fn copied<'s>(&self, js: Js, most: usize, scratch: &'s mut Scratch) -> std::result::Result<&'s [u8], Fault> {
        let (data, len, _) = self.memory(js)?;
        if len > most {
            return Err(Fault::new("too many bytes"));
        }
        copy_from(data, len, &mut scratch.narrow)?;
        Ok(&scratch.narrow)
    }

    /// The length of a `Uint8Array`.
    pub fn byte_length(&self, js: Js) -> std::result::Result<usize, Fault> {
        self.memory(js).map(|(_, len, _)| len)
    }

    /// Copies `source`, which is Rust's own memory, to `offset` in a `Uint8Array`. False if it does not fit.
    pub fn fill(&self, js: Js, offset: usize, source: &[u8]) -> std::result::Result<bool, Fault> {
        let (data, len, _) = self.memory(js)?;
        if offset.checked_add(source.len()).is_none_or(|end| end > len) {
            return Ok(false);
        }
        if !source.is_empty() {
            // SAFETY: `data` holds `len` bytes, `offset + source.len()` at most, and is JavaScript's memory, so not part
            // of `source`. No reference to it is held.
            unsafe { ptr::copy_nonoverlapping(source.as_ptr(), data.add(offset), source.len()) };
        }
        Ok(true)
    }

    /// The length of an array.
    pub fn array_length(&self, js: Js) -> std::result::Result<u32, Fault> {
        let mut length = 0;
        // SAFETY: `js` belongs to the running callback of `env`.
        let status = unsafe { sys::napi_get_array_length(self.env, js.0, &mut length) };
        if status == sys::Status::napi_ok { Ok(length) } else { Err(Fault::new("not an array")) }
    }

    /// Element `index` of an array that the façade has made, so that no getter and no proxy is in the way.
    pub fn element(&self, js: Js, index: u32) -> std::result::Result<Js, Fault> {
        let mut out = ptr::null_mut();
        // SAFETY: `js` belongs to the running callback of `env`.
        let status = unsafe { sys::napi_get_element(self.env, js.0, index, &mut out) };
        if status == sys::Status::napi_ok { Ok(Js(out)) } else { Err(Fault::new("no such element")) }
    }

    /// A new array.
    pub fn array(&self, length: u32) -> std::result::Result<Js, Fault> {
        let mut out = ptr::null_mut();
        // SAFETY: `env` is that of the running callback.
        let status = unsafe { sys::napi_create_array_with_length(self.env, length as usize, &mut out) };
        if status == sys::Status::napi_ok { Ok(Js(out)) } else { Err(Fault::new("no array could be made")) }
    }

    /// Sets element `index` of an array.
    pub fn set_element(&self, array: Js, index: u32, reply: Reply) -> std::result::Result<(), Fault> {
        let value = self.reply(reply);
        if value.is_null() {
            return Ok(());
        }
        // SAFETY: both belong to the running callback of `env`.
        let status = unsafe { sys::napi_set_element(self.env, array.0, index, value) };
        if status == sys::Status::napi_ok { Ok(()) } else { Err(Fault::new("an element could not be set")) }
    }

    /// A new string: one byte a character, or UTF-16 in little-endian order.
    pub fn string(&self, text: Text<'_>) -> std::result::Result<Reply, Fault> {
        let mut out = ptr::null_mut();
        let status = if text.wide {
            let units: Cow<'_, [u16]> = bytemuck::try_cast_slice(text.bytes)
                .map_or_else(|_| bytemuck::pod_collect_to_vec(text.bytes).into(), Cow::Borrowed);
            // SAFETY: `units` holds as many units as is said.
            unsafe { sys::napi_create_string_utf16(self.env, units.as_ptr(), units.len() as isize, &mut out) }
        } else {
            // SAFETY: `bytes` holds as many bytes as is said.
            unsafe {
                sys::napi_create_string_latin1(
                    self.env,
                    text.bytes.as_ptr().cast(),
                    text.bytes.len() as isize,
                    &mut out,
                )
            }
        };
        if status == sys::Status::napi_ok { Ok(Reply::Js(Js(out))) } else { Err(Fault::new("no string could be made")) }
    }

    /// Something that has argument `index`, a function, called.
    pub fn bell(&self, index: usize) -> std::result::Result<Bell, Fault> {
        let value = self.value(index)?;
        // SAFETY: `value` is an argument of the running callback of `env`.
        let function = unsafe { Function::<'_, (), ()>::from_napi_value(self.env, value) };
        let bell = function.and_then(|function| {
            function.build_threadsafe_function::<()>().callee_handled::<false>().weak::<true>().build()
        });
        bell.map_err(|error| Fault::new(error.to_string()))
    }

    #[inline(always)]
    fn value(&self, index: usize) -> std::result::Result<sys::napi_value, Fault> {
        if index < self.argc.min(MAX_ARGS) { Ok(self.argv[index]) } else { Err(Fault::new("missing argument")) }
    }

    /// Argument `index` as an unsigned integer.
    #[inline]
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

    /// On failure the answer is null, which is `undefined`.
    fn reply(&self, reply: Reply) -> sys::napi_value {
        let mut out = ptr::null_mut();
        match reply {
            Reply::Nothing => (),
            // SAFETY: `env` is that of the running callback.
            Reply::U32(value) => _ = unsafe { sys::napi_create_uint32(self.env, value, &mut out) },
            // SAFETY: as above.
            Reply::F64(value) => _ = unsafe { sys::napi_create_double(self.env, value, &mut out) },
            // SAFETY: as above.
            Reply::Bool(value) => _ = unsafe { sys::napi_get_boolean(self.env, value, &mut out) },
            // SAFETY: as above.
            Reply::Null => _ = unsafe { sys::napi_get_null(self.env, &mut out) },
            Reply::Js(value) => out = value.0,
        }
        out
    }
}

/// Makes `out` a copy of the `len` bytes at `data`, which is memory of JavaScript's: no reference to it is made.
fn copy_from(data: *const u8, len: usize, out: &mut Vec<u8>) -> std::result::Result<(), Fault> {
    out.clear();
    out.try_reserve_exact(len)?;
    if len > 0 {
        // SAFETY: `data` and `len` are what `Call::memory` answered: Node-API says that `len` bytes are there. `out` has room
        // for as many, and is Rust's own. Other threads may write to the source meanwhile: any byte is then as good as
        // another, and none is looked at before it is here.
        unsafe {
            ptr::copy_nonoverlapping(data, out.as_mut_ptr(), len);
            out.set_len(len);
        }
    }
    Ok(())
}

/// Runs the body of a callback. Called by the functions that [`callback!`] makes.
#[inline(always)]
pub fn run(
    env: sys::napi_env,
    info: sys::napi_callback_info,
    body: impl FnOnce(&Call) -> std::result::Result<Reply, Fault>,
) -> sys::napi_value {
    let mut call = Call::new(env);
    if !call.read(info) {
        return ptr::null_mut();
    }
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

/// Makes the `extern "C"` function of a callback from its body.
macro_rules! callback {
    ($body:path) => {{
        extern "C" fn bare(env: napi::sys::napi_env, info: napi::sys::napi_callback_info) -> napi::sys::napi_value {
            $crate::binding::raw::run(env, info, $body)
        }
        Some(bare)
    }};
}
pub(crate) use callback;
