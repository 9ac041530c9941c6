//! What an environment is given when the addon is loaded in it, and what is freed at its end.

use std::ffi::{CString, c_void};
use std::panic::catch_unwind;
use std::ptr;

use napi::bindgen_prelude::*;
use napi::sys;

use super::super::environment::Environment;

/// The exports object of one environment.
#[derive(Debug)]
pub struct Exports {
    env: sys::napi_env,
    object: sys::napi_value,
    data: *mut c_void,
}

impl Exports {
    /// `environment` is freed when the environment ends.
    pub fn new(env: &Env, object: &mut Object, environment: Environment) -> Result<Self> {
        unsafe extern "C" fn end(data: *mut c_void) {
            // A panic must not leave a callback. There is nobody left to tell.
            let _ = catch_unwind(|| {
                // SAFETY: `data` came from `Box::into_raw` below, and this hook runs once.
                drop(unsafe { Box::from_raw(data.cast::<Environment>()) });
            });
        }
        let data: *mut c_void = Box::into_raw(Box::new(environment)).cast();
        // SAFETY: `env` is being set up. Hooks run in the reverse of their order when no JavaScript runs any more.
        let status = unsafe { sys::napi_add_env_cleanup_hook(env.raw(), Some(end), data) };
        if status != sys::Status::napi_ok {
            // SAFETY: nobody else has the pointer.
            drop(unsafe { Box::from_raw(data.cast::<Environment>()) });
            return Err(Error::new(Status::from(status), "could not watch the environment's end"));
        }
        Ok(Self { env: env.raw(), object: object.raw(), data })
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
                self.data,
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
