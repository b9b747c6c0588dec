//! The three record kinds that share tags, custom fields, filters and deleted feeds (API reference 2.1).

use std::ops::{Index, IndexMut};

/// A kind of main record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Entity {
    Party,
    Opportunity,
    Kase,
}

impl Entity {
    pub(super) const ALL: [Entity; 3] = [Entity::Party, Entity::Opportunity, Entity::Kase];

    /// Path segment and root key of lists.
    pub(super) fn plural(self) -> &'static str {
        match self {
            Entity::Party => "parties",
            Entity::Opportunity => "opportunities",
            Entity::Kase => "kases",
        }
    }

    /// Root key of one record and its name in error bodies.
    pub(super) fn singular(self) -> &'static str {
        match self {
            Entity::Party => "party",
            Entity::Opportunity => "opportunity",
            Entity::Kase => "kase",
        }
    }

    /// Key of the invisible records in a deleted feed (API reference 3.1, 3.2, 3.3).
    pub(super) fn restricted_plural(self) -> &'static str {
        match self {
            Entity::Party => "restrictedParties",
            Entity::Opportunity => "restrictedOpportunities",
            Entity::Kase => "restrictedKases",
        }
    }
}

/// One value for each kind of main record.
#[derive(Debug, Default)]
pub(super) struct PerEntity<T>([T; 3]);

impl<T> Index<Entity> for PerEntity<T> {
    type Output = T;

    fn index(&self, entity: Entity) -> &T {
        let PerEntity([parties, opportunities, kases]) = self;
        match entity {
            Entity::Party => parties,
            Entity::Opportunity => opportunities,
            Entity::Kase => kases,
        }
    }
}

impl<T> IndexMut<Entity> for PerEntity<T> {
    fn index_mut(&mut self, entity: Entity) -> &mut T {
        let PerEntity([parties, opportunities, kases]) = self;
        match entity {
            Entity::Party => parties,
            Entity::Opportunity => opportunities,
            Entity::Kase => kases,
        }
    }
}
