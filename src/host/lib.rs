//! bt-host
pub mod synth;
