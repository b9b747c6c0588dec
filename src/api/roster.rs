//! Lists of settings whose records a caller names: one row of a table for each, read once in a sandbox.

use super::client::Client;
use super::directory::resolve;
use crate::bindings::capsule::crm::types::Ref;
use crate::bindings::integration::connector::types::Error;
use crate::model::field::Entity;
use serde_json::Value;
use std::rc::Rc;

/// Which list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Roster {
    /// Pipelines that are not archived.
    Pipelines,
    /// Boards that are not archived.
    Boards,
    /// Categories of tasks.
    Categories,
    /// Filters that people saved, of one entity.
    SavedFilters(Entity),
}

/// A record of such a list.
#[derive(Clone, Debug, PartialEq)]
pub struct Named {
    /// Its id.
    pub id: u64,
    /// Its name.
    pub name: String,
}

impl Roster {
    /// How many there are.
    pub(super) const COUNT: usize = 6;

    /// Its place among all of them.
    fn place(self) -> usize {
        match self {
            Self::Pipelines => 0,
            Self::Boards => 1,
            Self::SavedFilters(Entity::Parties) => 2,
            Self::SavedFilters(Entity::Opportunities) => 3,
            Self::SavedFilters(Entity::Projects) => 4,
            Self::Categories => 5,
        }
    }

    /// The path, the key of the envelope, and what one record is called.
    fn row(self) -> (Vec<&'static str>, &'static str, &'static str) {
        match self {
            Self::Pipelines => (vec!["pipelines"], "pipelines", "pipeline"),
            Self::Boards => (vec!["boards"], "boards", "board"),
            Self::Categories => (vec!["categories"], "categories", "category"),
            Self::SavedFilters(entity) => {
                (vec![entity.path(), "filters"], "filters", "saved filter")
            }
        }
    }
}

impl Client {
    /// The records of a list. A row without id or name can't be chosen, and is left out.
    ///
    /// # Errors
    /// What sending gives.
    pub async fn roster(&self, roster: Roster) -> Result<Rc<Vec<Named>>, Error> {
        let read = async || {
            let (segments, key, _) = roster.row();
            let (_, rows) = self.all(&segments, key).await?;
            Ok(rows.iter().filter_map(named).collect())
        };
        match self.directory.rosters.get(roster.place()) {
            Some(once) => once.get(read).await,
            // Every list has its place.
            None => read().await.map(Rc::new),
        }
    }

    /// The id of a record, by id or by name.
    ///
    /// # Errors
    /// `invalid-input` with the nearest names, `ambiguous`, and what sending gives.
    pub async fn chosen(&self, roster: Roster, wanted: &Ref, pointer: &str) -> Result<u64, Error> {
        if let Ref::Id(id) = wanted {
            return Ok(*id);
        }
        let all = self.roster(roster).await?;
        let (_, _, what) = roster.row();
        let known = all.iter().map(|one| (one.id, one.name.as_str()));
        resolve(wanted, known, what, pointer)
    }
}

fn named(row: &Value) -> Option<Named> {
    Some(Named {
        id: row.get("id")?.as_u64()?,
        name: row.get("name")?.as_str()?.to_owned(),
    })
}
