//! Lists of settings whose records a caller names: one row of a table for each, read once in a sandbox.

use super::call::Call;
use super::client::Client;
use super::directory::resolve;
use crate::bindings::capsule::crm::types::Ref;
use crate::bindings::integration::connector::types::Error;
use crate::model::field::Entity;
use crate::model::same;
use serde_json::Value;
use std::rc::Rc;

/// Which list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Roster {
    /// Pipelines, archived ones among them.
    Pipelines,
    /// Boards, archived ones among them.
    Boards,
    /// Categories of tasks.
    Categories,
    /// Why opportunities are lost.
    LostReasons,
    /// Tracks that can be applied to one entity.
    Tracks(Entity),
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
    /// It is archived.
    pub archived: bool,
}

impl Roster {
    /// How many there are.
    pub(super) const COUNT: usize = 10;

    /// Its place among all of them.
    fn place(self) -> usize {
        match self {
            Self::Pipelines => 0,
            Self::Boards => 1,
            Self::SavedFilters(Entity::Parties) => 2,
            Self::SavedFilters(Entity::Opportunities) => 3,
            Self::SavedFilters(Entity::Projects) => 4,
            Self::LostReasons => 5,
            Self::Tracks(Entity::Parties) => 6,
            Self::Tracks(Entity::Opportunities) => 7,
            Self::Tracks(Entity::Projects) => 8,
            Self::Categories => 9,
        }
    }

    /// The path, the key of the envelope, and what one record is called.
    fn row(self) -> (Vec<&'static str>, &'static str, &'static str) {
        match self {
            Self::Pipelines => (vec!["pipelines"], "pipelines", "pipeline"),
            Self::Boards => (vec!["boards"], "boards", "board"),
            Self::Categories => (vec!["categories"], "categories", "category"),
            Self::LostReasons => (vec!["lostreasons"], "lostReasons", "lost reason"),
            Self::Tracks(_) => (
                vec!["trackdefinitions"],
                "trackDefinitions",
                "track definition",
            ),
            Self::SavedFilters(entity) => {
                (vec![entity.path(), "filters"], "filters", "saved filter")
            }
        }
    }
}

impl Roster {
    /// What else is asked for. Lists leave archived records out unless told (API reference 3.9, 3.10).
    fn parameter(self) -> Option<(&'static str, &'static str)> {
        match self {
            Self::Pipelines => Some(("includeDeleted", "true")),
            Self::Boards => Some(("status", "all")),
            Self::LostReasons | Self::Categories | Self::Tracks(_) | Self::SavedFilters(_) => None,
        }
    }

    /// Whether a row is meant: definitions of tracks of all entities come in one list, because the word that asks for those of parties is
    /// not known (API reference 3.8).
    fn has(self, row: &Value) -> bool {
        match self {
            Self::Tracks(entity) => row.get("captureRule").is_none() || is_track_for(row, entity),
            _ => true,
        }
    }
}

/// Whether a definition of a track is for an entity.
pub(crate) fn is_track_for(definition: &Value, entity: Entity) -> bool {
    let rule = match entity {
        Entity::Parties => "PARTY",
        Entity::Opportunities => "OPPORTUNITY",
        Entity::Projects => "CASEFILE",
    };
    definition.get("captureRule").and_then(Value::as_str) == Some(rule)
}

impl Client {
    /// The records of a list. A row without id or name can't be chosen, and is left out.
    ///
    /// # Errors
    /// What sending gives.
    pub async fn roster(&self, roster: Roster) -> Result<Rc<Vec<Named>>, Error> {
        let read = async || {
            let (segments, key, _) = roster.row();
            let call = Call::get(&segments);
            let call = match roster.parameter() {
                Some((name, value)) => call.with(name, value),
                None => call,
            };
            let (_, rows) = self.all_of(call, key).await?;
            Ok(rows
                .iter()
                .filter(|row| roster.has(row))
                .filter_map(named)
                .collect())
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
        // An archived one is meant only where no other has its name.
        let live = all
            .iter()
            .any(|one| !one.archived && matches!(wanted, Ref::Name(name) if same(name, &one.name)));
        let known = all
            .iter()
            .filter(|one| !(live && one.archived))
            .map(|one| (one.id, one.name.as_str()));
        resolve(wanted, known, what, pointer)
    }
}

fn named(row: &Value) -> Option<Named> {
    Some(Named {
        id: row.get("id")?.as_u64()?,
        // Track definitions have a description for a name (API reference 3.8).
        name: row
            .get("name")
            .or_else(|| row.get("description"))?
            .as_str()?
            .to_owned(),
        archived: row
            .get("deleted")
            .and_then(Value::as_bool)
            .unwrap_or_default(),
    })
}
