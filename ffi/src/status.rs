//! What every fallible call returns: the core's [`Status`] as an `int32_t`, 0 for success.
//!
//! Invariants: the numbers are the core's, part of the ABI, never reused. Cost: nothing.

pub use btcore::wire::Status;

/// The number of a result.
pub(crate) fn code(result: Result<(), Status>) -> i32 {
    match result {
        Ok(()) => Status::Ok as i32,
        Err(status) => status as i32,
    }
}

/// A pointer from C as a reference, or `INVALID_ARGUMENT` when it is null or not aligned.
///
/// # Safety
/// A pointer that passes the check must be valid for reads of `T` during `'a`.
pub(crate) unsafe fn input<'a, T>(pointer: *const T) -> Result<&'a T, Status> {
    if pointer.is_null() || !pointer.is_aligned() {
        return Err(Status::InvalidArgument);
    }
    // SAFETY: not null, aligned, and valid by the caller's promise.
    Ok(unsafe { &*pointer })
}

/// An output that may be written, or `INVALID_ARGUMENT` when it is null or not aligned.
pub(crate) fn output<T>(pointer: *mut T) -> Result<*mut T, Status> {
    if pointer.is_null() || !pointer.is_aligned() {
        Err(Status::InvalidArgument)
    } else {
        Ok(pointer)
    }
}

/// Text from C, or `INVALID_ARGUMENT` when it is null or not UTF-8.
///
/// # Safety
/// A pointer that is not null must point at a NUL-terminated string that lives during `'a`.
pub(crate) unsafe fn text<'a>(pointer: *const core::ffi::c_char) -> Result<&'a str, Status> {
    if pointer.is_null() {
        return Err(Status::InvalidArgument);
    }
    // SAFETY: NUL-terminated by the caller's promise.
    let text = unsafe { core::ffi::CStr::from_ptr(pointer) };
    text.to_str().map_err(|_| Status::InvalidArgument)
}

/// An array from C. Null is an empty one only when `len` is 0.
///
/// # Safety
/// A pointer that passes the check must be valid for reads of `len` items during `'a`.
pub(crate) unsafe fn array<'a, T>(pointer: *const T, len: u64) -> Result<&'a [T], Status> {
    if len == 0 {
        return Ok(&[]);
    }
    let len = usize::try_from(len).map_err(|_| Status::InvalidArgument)?;
    let bytes_ok = len.checked_mul(size_of::<T>()).is_some_and(|n| n <= isize::MAX as usize);
    if pointer.is_null() || !pointer.is_aligned() || !bytes_ok {
        return Err(Status::InvalidArgument);
    }
    // SAFETY: not null, aligned, of a possible size, and valid by the caller's promise.
    Ok(unsafe { core::slice::from_raw_parts(pointer, len) })
}

/// Writes as much of `value` as a caller that knows `out_size` bytes of it has room for.
///
/// The first version's size is the least there is; a younger caller's unknown tail is zeroed.
///
/// # Safety
/// `out` must be null or valid for writes of `out_size` bytes.
pub(crate) unsafe fn write_sized<T: Copy>(
    out: *mut T,
    out_size: u32,
    value: &T,
) -> Result<(), Status> {
    let out = output(out)?.cast::<u8>();
    let out_size = out_size as usize;
    if out_size < size_of::<T>() {
        return Err(Status::AbiMismatch);
    }
    // SAFETY: `out` has room for `out_size` bytes, which is at least what is written here.
    unsafe {
        core::ptr::copy_nonoverlapping(core::ptr::from_ref(value).cast(), out, size_of::<T>())
    };
    // SAFETY: the rest of the same `out_size` bytes.
    unsafe { core::ptr::write_bytes(out.add(size_of::<T>()), 0, out_size - size_of::<T>()) };
    Ok(())
}

/// Copies text and a NUL into a caller's buffer; writes the length without the NUL, also when it does not fit.
///
/// # Safety
/// `buf` must be valid for writes of `cap` bytes, or `cap` 0; `len_out` null or valid.
pub(crate) unsafe fn write_text(
    value: &str,
    buf: *mut core::ffi::c_char,
    cap: u64,
    len_out: *mut u64,
) -> Result<(), Status> {
    if !len_out.is_null() {
        let len_out = output(len_out)?;
        // SAFETY: checked, and valid by the caller's promise.
        unsafe { *len_out = value.len() as u64 };
    }
    if cap <= value.len() as u64 {
        return Err(Status::BufferTooSmall);
    }
    let buf = output(buf)?.cast::<u8>();
    // SAFETY: `cap` exceeds the length, so the text and its NUL fit.
    unsafe { core::ptr::copy_nonoverlapping(value.as_ptr(), buf, value.len()) };
    // SAFETY: as above; this is the last of the bytes counted.
    unsafe { *buf.add(value.len()) = 0 };
    Ok(())
}
