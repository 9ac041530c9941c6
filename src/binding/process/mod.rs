//! The callbacks of `process`.

use std::cell::RefCell;
use std::collections::HashMap;

use napi::bindgen_prelude::*;

use super::raw::Exports;

/// Those of an environment who want the process sampled. They end with it.
#[derive(Debug, Default)]
pub struct Users {
    open: RefCell<HashMap<u32, ()>>,
}

/// Exports the callbacks.
pub fn register(_exports: &Exports) -> Result<()> {
    Ok(())
}
