//! What an environment is given when the addon is loaded in it, and what is freed at its end.

use std::cell::Cell;
use std::ffi::CString;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr;

use napi::bindgen_prelude::*;
use napi::sys;

use super::super::environment::Environment;

/// The exports object of one environment.
#[derive(Debug)]
pub struct Exports {
    env: sys::napi_env,
    object: sys::napi_value,
    door: &'static Door,
}

/// What leads from a callback to its environment, and to nothing once that has ended. It is never freed: V8 may call a
/// function of an environment after that, for what a `FinalizationRegistry` has to tell.
#[derive(Debug)]
pub struct Door(Cell<*mut Environment>);

impl Door {
    fn open(environment: Environment) -> &'static Self {
        Box::leak(Box::new(Self(Cell::new(Box::into_raw(Box::new(environment))))))
    }

    /// The environment, if it has not ended.
    #[inline(always)]
    pub fn environment(&self) -> Option<&Environment> {
        // SAFETY: null, or the pointer of `open`, which `close` takes away before it frees what is there. That is done by a
        // cleanup hook, on this thread, when no callback runs; so a borrow, which ends with its callback, is over by then.
        unsafe { self.0.get().as_ref() }
    }

    fn close(&self) {
        let environment = self.0.replace(ptr::null_mut());
        if !environment.is_null() {
            // SAFETY: the pointer of `open`, taken out once.
            drop(unsafe { Box::from_raw(environment) });
        }
    }
}

impl Exports {
    /// `environment` is freed when the environment ends.
    pub fn new(env: &Env, object: &mut Object, environment: Environment) -> Result<Self> {
        let door = Door::open(environment);
        env.add_env_cleanup_hook(door, |door| {
            // A panic must not leave a hook. There is nobody left to tell.
            let _ = catch_unwind(AssertUnwindSafe(|| door.close()));
        })?;
        Ok(Self { env: env.raw(), object: object.raw(), door })
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
                ptr::from_ref(self.door).cast_mut().cast(),
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
