//! Node-API glue. Converts, calls [`crate::core`], and holds no policy. All plumbing of bare callbacks is in `raw`.

mod cache;
mod raw;

use napi::bindgen_prelude::*;
use napi_derive::napi;

/// Runs once for each environment (the main thread and every worker).
#[napi(module_exports)]
pub fn init(mut exports: Object, env: Env) -> Result<()> {
    raw::keep_panics_quiet();
    cache::register(&raw::Exports::new(&env, &mut exports))
}
