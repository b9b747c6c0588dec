//! The host's sandboxes, shared out among tenants by turns.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;

use super::error::HostError;
use crate::egress::{Ticket, Turns};

/// A number of slots. A free one is given at once; while none is free, tenants wait in turn: a tenant with many waiting
/// calls delays another one's call by one of them a round. Nothing is free while anybody waits.
#[derive(Debug)]
pub(super) struct Slots {
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    free: usize,
    waiting: Turns<oneshot::Sender<Slot>>,
}

/// A slot in use. Dropping it gives it to whoever is next.
#[derive(Debug)]
pub(super) struct Slot {
    /// None: it was handed on.
    slots: Option<Arc<Slots>>,
}

impl Slots {
    pub(super) fn new(free: usize) -> Arc<Self> {
        let waiting = Turns::default();
        Arc::new(Self {
            state: Mutex::new(State { free, waiting }),
        })
    }

    /// Waits for a slot. Dropping the future gives up the place, and a slot that was given meanwhile goes to the next.
    pub(super) async fn acquire(self: &Arc<Self>, tenant: &Arc<str>) -> Result<Slot, HostError> {
        let (given, ticket) = {
            let mut state = self.lock();
            if state.free > 0 {
                state.free -= 1;
                return Ok(self.slot());
            }
            let (give, given) = oneshot::channel();
            (given, state.waiting.push(tenant, give))
        };
        let _leave = Leave {
            slots: self,
            ticket,
        };
        given.await.map_err(|_| HostError::Closed)
    }

    fn slot(self: &Arc<Self>) -> Slot {
        Slot {
            slots: Some(self.clone()),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // No code that can panic runs under this lock.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        let Some(slots) = self.slots.take() else {
            return;
        };
        loop {
            let next = {
                let mut state = slots.lock();
                let next = state.waiting.pop();
                state.free += usize::from(next.is_none());
                next
            };
            let Some((_, give)) = next else {
                return;
            };
            match give.send(slots.slot()) {
                Ok(()) => return,
                // Whoever waited has just gone. This loop still has the slot.
                Err(mut unwanted) => unwanted.slots = None,
            }
        }
    }
}

/// Takes a waiting call out of the queue when it is given up.
struct Leave<'a> {
    slots: &'a Slots,
    ticket: Ticket,
}

impl Drop for Leave<'_> {
    fn drop(&mut self) {
        self.slots.lock().waiting.remove(&self.ticket);
    }
}

#[cfg(test)]
mod tests {
    use std::pin::Pin;
    use std::task::{Context, Poll, Waker};

    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    fn tenant(name: &str) -> Arc<str> {
        name.into()
    }

    #[tokio::test]
    async fn a_single_call_waits_for_one_round_behind_a_tenant_with_many() {
        let slots = Slots::new(1);
        let (busy, quiet) = (tenant("busy"), tenant("quiet"));
        let order = Mutex::new(Vec::new());
        let call = |whose: Arc<str>| {
            let (slots, order) = (slots.clone(), &order);
            async move {
                let _slot = slots.acquire(&whose).await.unwrap();
                order.lock().unwrap().push(whose.clone());
                tokio::task::yield_now().await;
            }
        };
        let mut calls: Vec<_> = (0..64).map(|_| call(busy.clone())).collect();
        calls.push(call(quiet.clone()));
        futures::future::join_all(calls).await;
        let order = order.into_inner().unwrap();
        assert_eq!(order.len(), 65);
        // One had the slot already, one was next.
        assert_eq!(order.iter().position(|whose| *whose == quiet), Some(2));
    }

    #[tokio::test]
    async fn a_slot_that_was_given_to_a_call_that_has_gone_goes_on() {
        let slots = Slots::new(1);
        let (a, b) = (tenant("a"), tenant("b"));
        let held = slots.acquire(&a).await.unwrap();
        let mut gone = Box::pin(slots.acquire(&a));
        let mut next = Box::pin(slots.acquire(&b));
        assert!(poll(&mut gone).is_none() && poll(&mut next).is_none());
        // Given, and never looked at.
        drop(held);
        assert!(poll(&mut next).is_none());
        drop(gone);
        assert!(poll(&mut next).is_some());
    }

    type Acquiring<'a> = Pin<Box<dyn Future<Output = Result<Slot, HostError>> + 'a>>;

    fn poll<F: Future<Output = Result<Slot, HostError>> + ?Sized>(
        call: &mut Pin<Box<F>>,
    ) -> Option<Slot> {
        match call.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(slot) => Some(slot.unwrap()),
            Poll::Pending => None,
        }
    }

    #[derive(Clone, Debug)]
    enum Step {
        Begin(usize),
        End(prop::sample::Index),
        GiveUp(prop::sample::Index),
        /// The waiting calls look whether they have a slot.
        Look,
    }

    fn step() -> impl Strategy<Value = Step> {
        let index = any::<prop::sample::Index>;
        prop_oneof![
            4 => (0..3usize).prop_map(Step::Begin),
            3 => index().prop_map(Step::End),
            1 => index().prop_map(Step::GiveUp),
            2 => Just(Step::Look),
        ]
    }

    fn nth<T>(from: &mut Vec<T>, index: prop::sample::Index) -> Option<T> {
        (!from.is_empty()).then(|| from.remove(index.index(from.len())))
    }

    proptest! {
        #[test]
        fn no_slot_is_lost_and_none_is_idle_while_a_call_waits(
            total in 1..4usize,
            steps in vec(step(), 0..120),
        ) {
            let slots = Slots::new(total);
            let tenants = ["a", "b", "c"].map(tenant);
            let mut running: Vec<Slot> = Vec::new();
            let mut waiting: Vec<Acquiring<'_>> = Vec::new();
            let look = |waiting: &mut Vec<Acquiring<'_>>, running: &mut Vec<Slot>| {
                waiting.retain_mut(|call| match poll(call) {
                    Some(slot) => { running.push(slot); false }
                    None => true,
                });
            };
            for step in steps {
                match step {
                    Step::Begin(tenant) => {
                        let mut call: Acquiring<'_> = Box::pin(slots.acquire(&tenants[tenant]));
                        match poll(&mut call) {
                            Some(slot) => running.push(slot),
                            None => waiting.push(call),
                        }
                    }
                    Step::End(index) => drop(nth(&mut running, index)),
                    Step::GiveUp(index) => drop(nth(&mut waiting, index)),
                    Step::Look => {
                        look(&mut waiting, &mut running);
                        prop_assert!(waiting.is_empty() || running.len() == total);
                    }
                }
                prop_assert!(running.len() <= total);
            }
            while !running.is_empty() || !waiting.is_empty() {
                look(&mut waiting, &mut running);
                prop_assert!(running.pop().is_some(), "calls wait, and none runs");
            }
            prop_assert_eq!(slots.lock().free, total);
        }
    }
}
