//! bt-host
fn main() {}
