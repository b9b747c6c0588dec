//! Who comes next where several tenants wait for the same thing.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

/// What waits, by tenant. The tenants come in turn, one at a time, whoever has how much waiting; what one tenant has
/// waiting comes in its order. All that is shared out here costs the same (a slot, a request), so nobody runs up a
/// deficit: this is deficit round robin with nothing to carry over.
#[derive(Debug)]
pub(crate) struct Turns<T> {
    queues: HashMap<Arc<str>, VecDeque<(u64, T)>>,
    /// The tenants that have something waiting, each once; the next in front.
    round: VecDeque<Arc<str>>,
    issued: u64,
}

/// A place among what waits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Ticket {
    tenant: Arc<str>,
    number: u64,
}

impl<T> Default for Turns<T> {
    fn default() -> Self {
        Self {
            queues: HashMap::new(),
            round: VecDeque::new(),
            issued: 0,
        }
    }
}

impl<T> Turns<T> {
    /// Lets something wait behind all that its tenant has waiting. A tenant that had nothing comes after all others.
    pub(crate) fn push(&mut self, tenant: &Arc<str>, value: T) -> Ticket {
        let number = self.issued;
        self.issued += 1;
        let queue = self.queues.entry(tenant.clone()).or_default();
        if queue.is_empty() {
            self.round.push_back(tenant.clone());
        }
        queue.push_back((number, value));
        Ticket {
            tenant: tenant.clone(),
            number,
        }
    }

    /// What comes next.
    pub(crate) fn pop(&mut self) -> Option<(Ticket, T)> {
        let tenant = self.round.pop_front()?;
        let queue = self.queues.get_mut(&tenant)?;
        let (number, value) = queue.pop_front()?;
        if queue.is_empty() {
            self.queues.remove(&tenant);
        } else {
            self.round.push_back(tenant.clone());
        }
        Some((Ticket { tenant, number }, value))
    }

    /// Takes back what no longer waits. None: it has come already.
    pub(crate) fn remove(&mut self, ticket: &Ticket) -> Option<T> {
        let queue = self.queues.get_mut(&ticket.tenant)?;
        let at = queue
            .iter()
            .position(|(number, _)| *number == ticket.number)?;
        let (_, value) = queue.remove(at)?;
        if queue.is_empty() {
            self.queues.remove(&ticket.tenant);
            self.round.retain(|tenant| *tenant != ticket.tenant);
        }
        Some(value)
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    fn all(turns: &mut Turns<u32>) -> Vec<u32> {
        std::iter::from_fn(|| turns.pop().map(|(_, value)| value)).collect()
    }

    #[test]
    fn tenants_come_in_turn_and_each_in_its_own_order() {
        let mut turns = Turns::default();
        let (a, b, c) = ("a".into(), "b".into(), "c".into());
        for value in [10, 11, 12, 13] {
            turns.push(&a, value);
        }
        for value in [20, 21] {
            turns.push(&b, value);
        }
        turns.push(&c, 30);
        assert_eq!(all(&mut turns), [10, 20, 30, 11, 21, 12, 13]);
    }

    #[test]
    fn one_that_comes_new_waits_for_one_round_at_most() {
        let mut turns = Turns::default();
        let (a, b) = ("a".into(), "b".into());
        for value in 0..64 {
            turns.push(&a, value);
        }
        assert_eq!(turns.pop().map(|(_, value)| value), Some(0));
        turns.push(&b, 100);
        assert_eq!(turns.pop().map(|(_, value)| value), Some(1));
        assert_eq!(turns.pop().map(|(_, value)| value), Some(100));
    }

    #[test]
    fn what_is_taken_back_does_not_come_and_leaves_no_turn_behind() {
        let mut turns = Turns::default();
        let (a, b) = ("a".into(), "b".into());
        let gone = turns.push(&a, 10);
        turns.push(&b, 20);
        assert_eq!(turns.remove(&gone), Some(10));
        assert_eq!(turns.remove(&gone), None);
        turns.push(&a, 11);
        assert_eq!(all(&mut turns), [20, 11]);
        assert!(turns.queues.is_empty() && turns.round.is_empty());
    }

    #[derive(Clone, Debug)]
    enum Step {
        Push(usize),
        Pop,
        /// Of what was pushed ever, as a part of all.
        Remove(prop::sample::Index),
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            3 => (0..4usize).prop_map(Step::Push),
            2 => Just(Step::Pop),
            1 => any::<prop::sample::Index>().prop_map(Step::Remove),
        ]
    }

    proptest! {
        /// Against a list of all that waits: nothing is lost or comes twice, each tenant's comes in its order, and
        /// nobody comes twice while another waits.
        #[test]
        fn nobody_is_lost_overtaken_at_home_or_starved(steps in vec(step(), 0..200)) {
            let tenants: Vec<Arc<str>> = ["a", "b", "c", "d"].map(Arc::from).into();
            let mut turns = Turns::default();
            let mut pushed: Vec<(Ticket, usize)> = Vec::new();
            // Tenant and number.
            let mut waiting: Vec<(usize, usize)> = Vec::new();
            // How often each tenant came since the given tenant last came or began to wait.
            let mut came = [[0_u32; 4]; 4];
            for step in steps {
                match step {
                    Step::Push(tenant) => {
                        if !waiting.iter().any(|(of, _)| *of == tenant) {
                            came[tenant] = [0; 4];
                        }
                        let number = pushed.len();
                        pushed.push((turns.push(&tenants[tenant], number), tenant));
                        waiting.push((tenant, number));
                    }
                    Step::Pop => match turns.pop() {
                        None => prop_assert!(waiting.is_empty(), "something waits, and nothing comes"),
                        Some((ticket, number)) => {
                            let (kept, tenant) = &pushed[number];
                            prop_assert_eq!(kept, &ticket);
                            let first = waiting.iter().position(|(of, _)| of == tenant);
                            let at = waiting.iter().position(|(_, one)| *one == number);
                            prop_assert!(at.is_some(), "it came twice");
                            prop_assert_eq!(first, at, "it overtook one of its own tenant");
                            waiting.remove(at.unwrap());
                            came[*tenant] = [0; 4];
                            for (other, came) in came.iter_mut().enumerate() {
                                if other != *tenant && waiting.iter().any(|(of, _)| *of == other) {
                                    came[*tenant] += 1;
                                    prop_assert!(came[*tenant] <= 1, "a tenant came twice while another waited");
                                }
                            }
                        }
                    },
                    Step::Remove(index) => {
                        if !pushed.is_empty() {
                            let number = index.index(pushed.len());
                            let at = waiting.iter().position(|(_, one)| *one == number);
                            let removed = turns.remove(&pushed[number].0);
                            prop_assert_eq!(removed, at.map(|_| number));
                            if let Some(at) = at {
                                waiting.remove(at);
                            }
                        }
                    }
                }
            }
            let rest = std::iter::from_fn(|| turns.pop()).count();
            prop_assert_eq!(rest, waiting.len());
        }
    }
}
