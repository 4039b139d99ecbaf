//! A strategy plugin in Rust that panics on its tenth row: what the host makes of it is tested in `src/host/tests`.

use btcore::wire::{Depth, Event};
use btcore_ffi::export_strategy;
use btcore_ffi::plugin::{Host, Plugin};

struct Panics {
    rows: u32,
}

impl Plugin for Panics {
    fn create(_params_json: &str) -> Result<Self, i32> {
        Ok(Panics { rows: 0 })
    }

    fn on_event(&mut self, _host: &mut Host<'_>, _event: &Event, _depth: &Depth) -> i32 {
        self.rows += 1;
        assert!(self.rows < 10, "row ten was too much");
        0
    }
}

export_strategy!(Panics);
