//! The record that a task, an entry or a track belongs to: a party, an opportunity or a project.

use serde_json::Value;

use super::call::Embeds;
use super::input::Input;
use super::kases::Kase;
use super::opportunities::Opportunity;
use super::parties::Party;
use super::records::{Record, nested};
use super::state::State;

/// A main record by kind and id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Parent {
    Party(u64),
    Opportunity(u64),
    Kase(u64),
}

impl Parent {
    /// The record, if it exists and can be seen.
    pub(super) fn exists(self, state: &State) -> bool {
        fn visible<R: Record>(state: &State, id: u64) -> bool {
            R::table(state)
                .get(id)
                .is_some_and(|record| record.core().restricted_at.is_none())
        }
        match self {
            Parent::Party(id) => visible::<Party>(state, id),
            Parent::Opportunity(id) => visible::<Opportunity>(state, id),
            Parent::Kase(id) => visible::<Kase>(state, id),
        }
    }

    /// The id of the record.
    pub(super) fn id(self) -> u64 {
        match self {
            Parent::Party(id) | Parent::Opportunity(id) | Parent::Kase(id) => id,
        }
    }

    /// Its key in a body.
    pub(super) fn key(self) -> &'static str {
        match self {
            Parent::Party(_) => "party",
            Parent::Opportunity(_) => "opportunity",
            Parent::Kase(_) => "kase",
        }
    }

    /// Short, or whole if its key is embedded.
    pub(super) fn render(self, state: &State, embeds: &Embeds) -> Value {
        let whole = embeds.has(self.key());
        match self {
            Parent::Party(id) => nested::<Party>(state, Some(id), whole),
            Parent::Opportunity(id) => nested::<Opportunity>(state, Some(id), whole),
            Parent::Kase(id) => nested::<Kase>(state, Some(id), whole),
        }
    }
}

/// How many of the three keys a body leaves set, with what stood there before; unknown records are faults.
pub(super) fn merge_parents(
    input: &mut Input<'_>,
    stored: Option<Parent>,
    state: &State,
) -> Vec<Parent> {
    let mut parents = Vec::new();
    let kinds: [fn(u64) -> Parent; 3] = [Parent::Party, Parent::Opportunity, Parent::Kase];
    for make in kinds {
        let key = make(0).key();
        let mut slot = stored
            .map(Parent::id)
            .filter(|id| stored == Some(make(*id)));
        input.reference_by_id(key, key, &mut slot, |id| make(id).exists(state));
        parents.extend(slot.map(make));
    }
    parents
}
