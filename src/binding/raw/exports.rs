//! What an environment is given when the addon is loaded in it, and what is freed at its end.

use std::ffi::{CString, c_void};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr;
use std::rc::Rc;

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
        let environment = Rc::new(environment);
        // Where it lies does not change while the hook owns it.
        let data = Rc::as_ptr(&environment).cast_mut().cast();
        env.add_env_cleanup_hook(environment, |environment| {
            // A panic must not leave a hook. There is nobody left to tell.
            let _ = catch_unwind(AssertUnwindSafe(|| drop(environment)));
        })?;
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
