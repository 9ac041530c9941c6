//! Node-API glue. Converts, calls [`crate::core`], and holds no policy. All plumbing of bare callbacks is in `raw`.

mod cache;
mod environment;
mod gc;
mod heap_snapshot;
mod offheap;
mod pool;
mod process;
mod raw;

use napi::bindgen_prelude::*;
use napi_derive::napi;

/// Runs once for each environment (the main thread and every worker).
#[napi(module_exports)]
pub fn init(mut exports: Object, env: Env) -> Result<()> {
    raw::keep_panics_quiet();
    let exports = raw::Exports::new(&env, &mut exports, environment::Environment::new())?;
    cache::register(&exports)?;
    offheap::register(&exports)?;
    pool::register(&exports)?;
    gc::register(&exports)?;
    process::register(&exports)?;
    heap_snapshot::register(&exports)
}
