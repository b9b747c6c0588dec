//! Looks into the linear memories of sandboxes, for the test that no token ever stands in one.
//!
//! The component model hides a component's memories from the host, so the watch sits below it: it makes the memories
//! itself and keeps them when a sandbox is gone. An engine that is watched has no pool and is slow: tests only.

use std::sync::atomic::{AtomicU8, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use wasmtime::{LinearMemory, MemoryCreator, MemoryType};

/// Makes and keeps linear memories.
#[derive(Debug)]
pub struct MemoryWatch {
    capacity: usize,
    memories: Mutex<Vec<Arc<Watched>>>,
}

#[derive(Debug)]
struct Watched {
    // Atomics, because guest code writes here through a raw pointer while we hold a shared reference.
    bytes: Box<[AtomicU8]>,
    size: AtomicUsize,
}

impl MemoryWatch {
    /// Memories can grow up to `capacity` bytes, all of which is allocated at once.
    pub fn new(capacity: usize) -> Arc<Self> {
        Arc::new(Self {
            capacity,
            memories: Mutex::default(),
        })
    }

    /// How many memories were made so far.
    pub fn count(&self) -> usize {
        self.memories
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .len()
    }

    /// Whether the text stands in the memory of any sandbox, also of one that has ended.
    pub fn contains(&self, needle: &[u8]) -> bool {
        let memories = self.memories.lock().unwrap_or_else(PoisonError::into_inner);
        memories.iter().any(|memory| {
            let size = memory.size.load(Ordering::Acquire).min(memory.bytes.len());
            let copy: Vec<u8> = memory
                .bytes
                .iter()
                .take(size)
                .map(|byte| byte.load(Ordering::Relaxed))
                .collect();
            copy.windows(needle.len().max(1))
                .any(|window| window == needle)
        })
    }
}

/// What wasmtime gets to hold.
pub(crate) struct Creator(pub(crate) Arc<MemoryWatch>);

struct Handle(Arc<Watched>);

// SAFETY: `new_memory` gives zeroed memory of at least `minimum` bytes. The engine that uses it is configured without
// reservation and guard (see `engine_config`), so that compiled code checks every bound against `byte_size`.
#[allow(unsafe_code, reason = "wasmtime's trait is unsafe to implement")]
unsafe impl MemoryCreator for Creator {
    fn new_memory(
        &self,
        _type: MemoryType,
        minimum: usize,
        _maximum: Option<usize>,
        reserved_size_in_bytes: Option<usize>,
        guard_size_in_bytes: usize,
    ) -> Result<Box<dyn LinearMemory>, String> {
        if reserved_size_in_bytes.is_some_and(|size| size > 0) || guard_size_in_bytes > 0 {
            return Err("a watched engine must have neither memory reservation nor guard".into());
        }
        if minimum > self.0.capacity {
            return Err(format!("{minimum} bytes are over the watch's capacity"));
        }
        let bytes = (0..self.0.capacity).map(|_| AtomicU8::new(0)).collect();
        let watched = Arc::new(Watched {
            bytes,
            size: AtomicUsize::new(minimum),
        });
        self.0
            .memories
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(watched.clone());
        Ok(Box::new(Handle(watched)))
    }
}

// SAFETY: the allocation never moves and is as large as `byte_capacity` says; `as_ptr` may be written through, because
// the bytes are atomics, which are mutable behind a shared reference.
#[allow(unsafe_code, reason = "wasmtime's trait is unsafe to implement")]
unsafe impl LinearMemory for Handle {
    fn byte_size(&self) -> usize {
        self.0.size.load(Ordering::Acquire)
    }

    fn byte_capacity(&self) -> usize {
        self.0.bytes.len()
    }

    fn grow_to(&mut self, new_size: usize) -> wasmtime::Result<()> {
        if new_size > self.0.bytes.len() {
            wasmtime::bail!("over the watch's capacity");
        }
        self.0.size.store(new_size, Ordering::Release);
        Ok(())
    }

    fn as_ptr(&self) -> *mut u8 {
        self.0.bytes.as_ptr().cast_mut().cast()
    }
}
