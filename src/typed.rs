//! The typed exports of the component: arguments and results through linear memory, the operation by its row of the table.

use crate::bindings::integration::connector::types::{Error, PermanentError};
use crate::component::run;
use crate::contract::abi::{Arguments, Memory, Piece, lift, lower};
use crate::contract::{Json, Operation, Output};
use std::alloc::{Layout, alloc_zeroed, dealloc, handle_alloc_error};
use std::cell::RefCell;

thread_local! {
    /// What the result of the last call takes up. The next call gives it back: by then the caller has read it.
    static RESULT: RefCell<Vec<(usize, Piece)>> = const { RefCell::new(Vec::new()) };
}

/// Runs an operation whose arguments come one by one. Tells where the result lies.
fn typed(operation: &'static Operation, arguments: &[u64]) -> u32 {
    answer(operation, Arguments::Flat(arguments))
}

/// Runs an operation whose arguments lie in memory.
fn typed_in_memory(operation: &'static Operation, at: u32) -> u32 {
    answer(operation, Arguments::Memory(at as usize))
}

fn answer(operation: &'static Operation, arguments: Arguments<'_>) -> u32 {
    let memory = &mut LinearMemory;
    for (at, piece) in RESULT.take() {
        memory.release(at, piece);
    }
    let result = match lift(memory, &operation.input, arguments) {
        Ok(input) => {
            run(async move |client| crate::actions::perform(client, operation, input).await)
        }
        Err(faults) => Err(Error::Permanent(PermanentError::InvalidInput(faults))),
    };
    let (at, taken) = lower(
        memory,
        operation.output.as_ref(),
        &Error::SHAPE,
        result.map(Output::into_tree).map_err(Json::to_json),
    );
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

    fn release(&mut self, at: usize, piece: Piece) {
        if let Ok(layout) = Layout::from_size_align(piece.size, piece.align) {
            // SAFETY: it came from the same allocator, by `allocate` or by `cabi_realloc`, with this size and alignment.
            unsafe { dealloc(at as *mut u8, layout) }
        }
    }
}

#[allow(unsafe_code, clippy::indexing_slicing)]
mod exports {
    use super::{typed, typed_in_memory};
    include!(concat!(env!("OUT_DIR"), "/exports.rs"));
}
