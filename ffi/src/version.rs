//! Version numbers and what this library was built from.
//!
//! Invariants: [`BT_ABI_VERSION`] counts incompatible changes of the ABI and is apart from the semantic version;
//! the strings are constants. Cost: nothing.

use core::ffi::c_char;

/// Version of this ABI. A strategy and a host understand one another only when it is equal on both sides;
/// what is appended within a version is told by `struct_size`.
pub const BT_ABI_VERSION: u32 = 1;

/// The semantic version as text.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

/// Build identity: commit, dirty flag, compiler, target and profile, as `key=value` words.
pub const BUILD_INFO: &str = env!("BT_BUILD_INFO");

/// The ABI version of the library that is loaded; compare with the `BT_ABI_VERSION` compiled in.
/// Any thread. Cannot fail.
#[unsafe(no_mangle)]
pub extern "C" fn bt_abi_version() -> u32 {
    BT_ABI_VERSION
}

/// The semantic version of the library that is loaded, such as "0.1.0". NUL-terminated, lives forever.
/// Any thread. Cannot fail.
#[unsafe(no_mangle)]
pub extern "C" fn bt_version_string() -> *const c_char {
    concat!(env!("CARGO_PKG_VERSION"), "\0").as_ptr().cast()
}

/// What the library was built from: "commit=... dirty=... rustc=... target=... profile=...". NUL-terminated,
/// lives forever. Any thread. Cannot fail.
#[unsafe(no_mangle)]
pub extern "C" fn bt_build_info() -> *const c_char {
    concat!(env!("BT_BUILD_INFO"), "\0").as_ptr().cast()
}

/// The word for a status ("OK", "INVALID_ARGUMENT", ...), or "UNKNOWN". NUL-terminated, lives forever.
/// Any thread. Cannot fail.
#[unsafe(no_mangle)]
pub extern "C" fn bt_status_name(status: i32) -> *const c_char {
    let name = match status {
        0 => c"OK",
        1 => c"INVALID_ARGUMENT",
        2 => c"NOT_FOUND",
        3 => c"FULL",
        4 => c"INVALID_STATE",
        5 => c"ABI_MISMATCH",
        6 => c"OVERFLOW",
        7 => c"BAD_DATA",
        8 => c"PANIC",
        9 => c"STRATEGY_STOPPED",
        10 => c"ROUNDS_EXCEEDED",
        11 => c"BUFFER_TOO_SMALL",
        12 => c"INVALID_CONFIG",
        13 => c"EXCEPTION",
        _ => c"UNKNOWN",
    };
    name.as_ptr()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::status::Status;
    use core::ffi::CStr;

    #[test]
    fn status_names_are_the_cores() {
        for status in [
            Status::Ok,
            Status::InvalidArgument,
            Status::NotFound,
            Status::Full,
            Status::InvalidState,
            Status::AbiMismatch,
            Status::Overflow,
            Status::BadData,
            Status::Panic,
            Status::StrategyStopped,
            Status::RoundsExceeded,
            Status::BufferTooSmall,
            Status::InvalidConfig,
            Status::Exception,
        ] {
            // SAFETY: the function returns a constant C string.
            let name = unsafe { CStr::from_ptr(bt_status_name(status as i32)) };
            assert_eq!(name.to_str(), Ok(status.name()));
        }
    }
}
