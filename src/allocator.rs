//! The component's allocator: lists of free blocks by size, before the one of the standard library.
//!
//! A record of JSON is some hundred small pieces, taken and given back in any order. Here each costs a few instructions; the standard
//! library's allocator looks for the best fit and joins neighbours, which took an eighth of a call. Blocks are not joined and never go
//! back: a call keeps at most what it needed at once of each size.

#![allow(unsafe_code)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::ptr::{NonNull, null_mut};

/// Sizes are rounded up to a multiple of this, which is also the largest alignment.
const STEP: usize = 8;
/// The largest size that has a list, in steps. A node of the maps that JSON objects are has about 400 bytes.
const CLASSES: usize = 64;
/// What is taken from the standard library at once, in bytes.
const CHUNK: usize = 8 << 10;

/// A free block: the next one of its size stands in its first bytes.
type Free = Option<NonNull<u8>>;

/// The allocator.
pub(crate) struct Allocator {
    /// The first free block of each size.
    free: [Cell<Free>; CLASSES],
    /// What is left of the last chunk.
    rest: Cell<*mut u8>,
    left: Cell<usize>,
}

// SAFETY: a component has one thread.
#[cfg(target_arch = "wasm32")]
unsafe impl Sync for Allocator {}

impl Allocator {
    pub(crate) const fn new() -> Self {
        Self {
            free: [const { Cell::new(None) }; CLASSES],
            rest: Cell::new(null_mut()),
            left: Cell::new(0),
        }
    }

    /// The list that a piece belongs to. None: it is the standard library's.
    fn list(&self, layout: Layout) -> Option<&Cell<Free>> {
        if layout.align() > STEP {
            return None;
        }
        self.free.get(class(layout.size()))
    }

    /// A block that was never used.
    #[cold]
    fn carve(&self, size: usize) -> *mut u8 {
        let size = (class(size) + 1) * STEP;
        if self.left.get() < size {
            // SAFETY: the size is not zero.
            let chunk = unsafe { System.alloc(CHUNK_LAYOUT) };
            if chunk.is_null() {
                return chunk;
            }
            self.rest.set(chunk);
            self.left.set(CHUNK);
        }
        let block = self.rest.get();
        // SAFETY: the chunk has `left` bytes from here.
        self.rest.set(unsafe { block.add(size) });
        self.left.set(self.left.get() - size);
        block
    }
}

const CHUNK_LAYOUT: Layout = match Layout::from_size_align(CHUNK, STEP) {
    Ok(layout) => layout,
    Err(_) => panic!("a chunk is aligned to a power of two"),
};

/// Sizes of one class share a list. Nobody asks for no bytes.
const fn class(size: usize) -> usize {
    size.wrapping_sub(1) / STEP
}

// SAFETY: a block is in one list or with one owner, has room for its class and the alignment of `STEP`; its class follows from the layout,
// which is the same when it is given back.
unsafe impl GlobalAlloc for Allocator {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let Some(list) = self.list(layout) else {
            // SAFETY: as the caller promises.
            return unsafe { System.alloc(layout) };
        };
        match list.get() {
            Some(block) => {
                // SAFETY: `dealloc` wrote it.
                list.set(unsafe { block.cast::<Free>().read() });
                block.as_ptr()
            }
            None => self.carve(layout.size()),
        }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        match (self.list(layout), NonNull::new(at)) {
            (Some(list), Some(block)) => {
                // SAFETY: the block is nobody's any more, large enough and aligned for a pointer.
                unsafe { block.cast::<Free>().write(list.get()) };
                list.set(Some(block));
            }
            // SAFETY: as the caller promises.
            _ => unsafe { System.dealloc(at, layout) },
        }
    }

    unsafe fn realloc(&self, at: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // SAFETY: the caller promises that the size fits.
        let wanted = unsafe { Layout::from_size_align_unchecked(size, layout.align()) };
        match (self.list(layout), self.list(wanted)) {
            // SAFETY: as the caller promises.
            (None, None) => unsafe { System.realloc(at, layout, size) },
            (Some(old), Some(new)) if std::ptr::eq(old, new) => at,
            _ => {
                // SAFETY: both pieces hold what is copied, and are different ones.
                unsafe {
                    let new = self.alloc(wanted);
                    if !new.is_null() {
                        new.copy_from_nonoverlapping(at, layout.size().min(size));
                        self.dealloc(at, layout);
                    }
                    new
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[derive(Clone, Debug)]
    enum Step {
        Take { size: usize, align: usize },
        Resize { which: usize, size: usize },
        Give { which: usize },
    }

    fn steps() -> impl Strategy<Value = Vec<Step>> {
        let size = || prop_oneof![1usize..64, 500usize..530, 1usize..20_000];
        let step = prop_oneof![
            3 => (size(), 0u32..6).prop_map(|(size, align)| Step::Take { size, align: 1 << align }),
            2 => (any::<usize>(), size()).prop_map(|(which, size)| Step::Resize { which, size }),
            2 => any::<usize>().prop_map(|which| Step::Give { which }),
        ];
        proptest::collection::vec(step, 1..200)
    }

    /// A piece that is taken, and what its bytes have to be.
    struct Piece {
        at: *mut u8,
        layout: Layout,
        mark: u8,
    }

    impl Piece {
        fn fill(&self) {
            // SAFETY: it is ours.
            unsafe { self.at.write_bytes(self.mark, self.layout.size()) };
        }

        fn holds(&self, bytes: usize) -> bool {
            // SAFETY: it is ours, and was filled.
            let all = unsafe { std::slice::from_raw_parts(self.at, bytes) };
            all.iter().all(|byte| *byte == self.mark)
        }
    }

    proptest! {
        #[test]
        fn nobody_writes_into_the_piece_of_another(steps in steps()) {
            let allocator = Allocator::new();
            let mut taken: Vec<Piece> = Vec::new();
            for (mark, step) in (0u8..=255).cycle().zip(steps) {
                match step {
                    Step::Take { size, align } => {
                        let layout = Layout::from_size_align(size, align).unwrap();
                        // SAFETY: the size is not zero.
                        let at = unsafe { allocator.alloc(layout) };
                        prop_assert!(!at.is_null() && at.addr().is_multiple_of(align));
                        let piece = Piece { at, layout, mark };
                        piece.fill();
                        taken.push(piece);
                    }
                    Step::Resize { which, size } if !taken.is_empty() => {
                        let index = which % taken.len();
                        let piece = &mut taken[index];
                        // SAFETY: it was taken with this layout.
                        piece.at = unsafe { allocator.realloc(piece.at, piece.layout, size) };
                        prop_assert!(piece.at.addr().is_multiple_of(piece.layout.align()));
                        prop_assert!(piece.holds(size.min(piece.layout.size())));
                        piece.layout = Layout::from_size_align(size, piece.layout.align()).unwrap();
                        piece.fill();
                    }
                    Step::Give { which } if !taken.is_empty() => {
                        let piece = taken.swap_remove(which % taken.len());
                        prop_assert!(piece.holds(piece.layout.size()));
                        // SAFETY: it was taken with this layout.
                        unsafe { allocator.dealloc(piece.at, piece.layout) };
                    }
                    _ => {}
                }
            }
            for piece in taken {
                prop_assert!(piece.holds(piece.layout.size()));
                // SAFETY: it was taken with this layout.
                unsafe { allocator.dealloc(piece.at, piece.layout) };
            }
        }
    }

    #[test]
    fn what_was_given_back_is_used_again() {
        let allocator = Allocator::new();
        let layout = Layout::from_size_align(40, 8).unwrap();
        // SAFETY: the size is not zero, and each is given back once.
        unsafe {
            let first = allocator.alloc(layout);
            allocator.dealloc(first, layout);
            for _ in 0..10_000 {
                let again = allocator.alloc(layout);
                assert_eq!(again, first);
                allocator.dealloc(again, layout);
            }
        }
    }
}
