//! What a call returns. Zero is success; the numbers are part of the ABI and never reused.

/// Outcome of a call into the core.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(i32)]
pub enum Status {
    /// Done.
    Ok = 0,
    /// An argument is out of its domain: a null pointer, an unknown enum value, a quantity of zero.
    InvalidArgument = 1,
    /// The name, index or order is not known.
    NotFound = 2,
    /// A fixed slab is full; nothing was changed.
    Full = 3,
    /// The call is not legal now: outside a callback, after the end, on a stopped engine.
    InvalidState = 4,
    /// A struct size or ABI version does not fit.
    AbiMismatch = 5,
    /// Arithmetic would leave its type; the message names the event.
    Overflow = 6,
    /// Market rows were refused: order, layout or content; the message names the row.
    BadData = 7,
    /// A panic was caught at the border; the engine is poisoned.
    Panic = 8,
    /// A strategy asked to stop, or failed; the message carries its code.
    StrategyStopped = 9,
    /// Zero-latency messages went back and forth within one instant beyond the limit.
    RoundsExceeded = 10,
    /// The caller's buffer is too small; the needed length was written.
    BufferTooSmall = 11,
    /// The configuration has faults; the message lists them all.
    InvalidConfig = 12,
    /// A C++ strategy let an exception out of a callback; caught by `btcore.hpp`.
    Exception = 13,
    // last added: 13
}

impl Status {
    /// The name in the header, without its prefix; stable.
    pub fn name(self) -> &'static str {
        match self {
            Status::Ok => "OK",
            Status::InvalidArgument => "INVALID_ARGUMENT",
            Status::NotFound => "NOT_FOUND",
            Status::Full => "FULL",
            Status::InvalidState => "INVALID_STATE",
            Status::AbiMismatch => "ABI_MISMATCH",
            Status::Overflow => "OVERFLOW",
            Status::BadData => "BAD_DATA",
            Status::Panic => "PANIC",
            Status::StrategyStopped => "STRATEGY_STOPPED",
            Status::RoundsExceeded => "ROUNDS_EXCEEDED",
            Status::BufferTooSmall => "BUFFER_TOO_SMALL",
            Status::InvalidConfig => "INVALID_CONFIG",
            Status::Exception => "EXCEPTION",
        }
    }
}
