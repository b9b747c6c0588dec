//! The exports of the component: arguments and results through linear memory. A typed function is an operation by its row of the table,
//! a neutral one a body of `component.rs`.

use crate::bindings::integration::connector::types::{Error, PermanentError};
use crate::contract::abi::{Arguments, Memory, Piece, lift, lower};
use crate::contract::{Function, Json, Shape};
use serde_json::Value;
use std::alloc::{Layout, alloc_zeroed, dealloc, handle_alloc_error};
use std::cell::RefCell;
use std::mem::ManuallyDrop;

thread_local! {
    /// What the result of the last call takes up. The next call gives it back: by then the caller has read it.
    static RESULT: RefCell<Vec<(usize, Piece)>> = const { RefCell::new(Vec::new()) };
}

/// Runs a neutral function. Tells where the result lies.
fn neutral(
    function: &'static Function,
    arguments: Arguments<'_>,
    body: fn(Value) -> Result<Value, Error>,
) -> u32 {
    exported(&function.input, function.output.as_ref(), arguments, &body)
}

/// Runs an operation. Tells where the result lies.
#[cfg(feature = "typed")]
fn typed(operation: &'static crate::contract::Operation, arguments: Arguments<'_>) -> u32 {
    exported(
        &operation.input,
        operation.output.as_ref(),
        arguments,
        &|input| {
            crate::component::run(async move |client| {
                let output = crate::actions::perform(client, operation, input).await?;
                Ok(output.into_tree())
            })
        },
    )
}

fn exported(
    input: &Shape,
    output: Option<&Shape>,
    arguments: Arguments<'_>,
    body: &dyn Fn(Value) -> Result<Value, Error>,
) -> u32 {
    let memory = &mut LinearMemory;
    for (at, piece) in RESULT.take() {
        memory.release(at, piece);
    }
    let result = lift(memory, input, arguments)
        .map_err(|faults| Error::Permanent(PermanentError::InvalidInput(faults)))
        .and_then(body);
    let (at, taken) = lower(memory, output, &Error::SHAPE, result.map_err(Json::to_json));
    RESULT.set(taken);
    // Addresses of wasm32 have 32 bits.
    u32::try_from(at).unwrap_or_default()
}

/// The memory that the engine shares with the component.
struct LinearMemory;

#[allow(unsafe_code)]
impl Memory for LinearMemory {
    fn bytes(&self, at: usize, length: usize) -> &[u8] {
        if length == 0 {
            return &[];
        }
        // SAFETY: the engine wrote them into memory that it got from `cabi_realloc`, or `allocate` gave them.
        unsafe { std::slice::from_raw_parts(at as *const u8, length) }
    }

    fn take(&mut self, at: usize, length: usize) -> Vec<u8> {
        if length == 0 {
            return Vec::new();
        }
        // SAFETY: the engine got them from `cabi_realloc`, as so many bytes without alignment, wrote them all, and nobody else holds them.
        unsafe { Vec::from_raw_parts(at as *mut u8, length, length) }
    }

    fn bytes_mut(&mut self, at: usize, length: usize) -> &mut [u8] {
        if length == 0 {
            return &mut [];
        }
        // SAFETY: as above, and nobody else holds them: a slice lives no longer than one write.
        unsafe { std::slice::from_raw_parts_mut(at as *mut u8, length) }
    }

    fn allocate(&mut self, piece: Piece) -> usize {
        let Ok(layout) = Layout::from_size_align(piece.size, piece.align) else {
            std::process::abort();
        };
        // SAFETY: a piece has at least one byte. Zeroed, so that no padding shows what was there before.
        let at = unsafe { alloc_zeroed(layout) };
        if at.is_null() {
            handle_alloc_error(layout);
        }
        at as usize
    }

    fn give(&mut self, bytes: Vec<u8>) -> (usize, Option<Piece>) {
        if bytes.is_empty() {
            return (1, None);
        }
        let bytes = ManuallyDrop::new(bytes);
        let piece = Piece {
            size: bytes.capacity(),
            align: 1,
        };
        (bytes.as_ptr() as usize, Some(piece))
    }

    fn release(&mut self, at: usize, piece: Piece) {
        if let Ok(layout) = Layout::from_size_align(piece.size, piece.align) {
            // SAFETY: it came from the same allocator, by `allocate`, by `give` or by `cabi_realloc`, with this size and alignment.
            unsafe { dealloc(at as *mut u8, layout) }
        }
    }
}

#[allow(unsafe_code, clippy::indexing_slicing)]
mod neutral_exports {
    use super::neutral;
    use crate::component::Component;
    use crate::contract::abi::Arguments;
    use crate::contract::{Json, json};
    use serde_json::Value;
    include!(concat!(env!("OUT_DIR"), "/neutral-exports.rs"));
}

#[cfg(feature = "typed")]
#[allow(unsafe_code, clippy::indexing_slicing)]
mod typed_exports {
    use super::typed;
    use crate::contract::abi::Arguments;
    include!(concat!(env!("OUT_DIR"), "/exports.rs"));
}
