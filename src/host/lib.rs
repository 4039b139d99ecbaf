//! bt-host
