//! What the account defines, read once in a sandbox: users, teams, tags, custom fields, titles, countries, and the account's address.

use super::answer::record;
use super::call::Call;
use super::client::Client;
use super::error::{ambiguous, invalid};
use super::once::Once;
use super::page::Span;
use super::roster::{Named, Roster};
use super::steps::Step;
use crate::bindings::capsule::crm::types::{
    ActivityTypeRef, NestedName, NestedTeam, NestedUser, Ref, Tag,
};
use crate::bindings::integration::connector::types::{Error, PermanentError};
use crate::contract::{nearest, way_out};
use crate::model::field::{Definition, Entity};
use crate::model::same;
use serde_json::Value;
use std::rc::Rc;

/// The account's lists, each read at first use.
#[derive(Default)]
pub(super) struct Directory {
    users: Once<Vec<NestedUser>>,
    teams: Once<Vec<NestedTeam>>,
    titles: Once<Vec<String>>,
    countries: Once<Vec<String>>,
    currencies: Once<Vec<(String, Option<String>)>>,
    site: Once<String>,
    activity_types: Once<Vec<NestedName>>,
    tags: [Once<Vec<Tag>>; 3],
    definitions: [Once<Vec<Definition>>; 3],
    pub(super) steps: [Once<Vec<Step>>; 2],
    pub(super) rosters: [Once<Vec<Named>>; Roster::COUNT],
}

/// More pages than any account's settings fill; a list that is longer is refused rather than cut.
const MOST_ROWS: u32 = 10_000;

impl Client {
    /// All rows of a list of settings.
    pub(super) async fn all(
        &self,
        segments: &[&str],
        key: &str,
    ) -> Result<(Call, Vec<Value>), Error> {
        self.all_of(Call::get(segments), key).await
    }

    /// All rows of a list that takes parameters.
    pub(super) async fn all_of(&self, call: Call, key: &str) -> Result<(Call, Vec<Value>), Error> {
        let page = self
            .page(
                &call,
                key,
                Span {
                    limit: MOST_ROWS,
                    cursor: None,
                    per_page: super::page::PER_PAGE,
                },
            )
            .await?;
        if page.next.is_some() {
            return Err(super::error::too_large(format!(
                "The account has more than {MOST_ROWS} {key}: name them by id."
            )));
        }
        Ok((call, page.rows))
    }

    /// All rows of a list of settings, as they are now.
    ///
    /// # Errors
    /// What sending gives.
    pub async fn rows(&self, segments: &[&str], key: &str) -> Result<Vec<Value>, Error> {
        self.all(segments, key).await.map(|(_, rows)| rows)
    }

    /// All users.
    ///
    /// # Errors
    /// What sending gives.
    pub async fn users(&self) -> Result<Rc<Vec<NestedUser>>, Error> {
        self.directory
            .users
            .get(async || {
                let (call, rows) = self.all(&["users"], "users").await?;
                rows.into_iter()
                    .map(|row| record(&call, 200, row))
                    .collect()
            })
            .await
    }

    /// All teams.
    ///
    /// # Errors
    /// What sending gives.
    pub async fn teams(&self) -> Result<Rc<Vec<NestedTeam>>, Error> {
        self.directory
            .teams
            .get(async || {
                let (call, rows) = self.all(&["teams"], "teams").await?;
                rows.into_iter()
                    .map(|row| record(&call, 200, row))
                    .collect()
            })
            .await
    }

    /// The forms of address that a person may have.
    ///
    /// # Errors
    /// What sending gives.
    pub async fn titles(&self) -> Result<Rc<Vec<String>>, Error> {
        self.directory
            .titles
            .get(async || self.texts("titles", "personTitles", "title").await)
            .await
    }

    /// The countries that an address may have.
    ///
    /// # Errors
    /// What sending gives.
    pub async fn countries(&self) -> Result<Rc<Vec<String>>, Error> {
        self.directory
            .countries
            .get(async || self.texts("countries", "countries", "name").await)
            .await
    }

    /// The currencies that a value may have: ISO 4217 code and name.
    ///
    /// # Errors
    /// What sending gives.
    pub async fn currencies(&self) -> Result<Rc<Vec<(String, Option<String>)>>, Error> {
        self.directory
            .currencies
            .get(async || {
                let (_, rows) = self.all(&["currencies"], "currencies").await?;
                let text = |row: &Value, key: &str| row.get(key)?.as_str().map(ToOwned::to_owned);
                Ok(rows
                    .iter()
                    .filter_map(|row| Some((text(row, "code")?, text(row, "name"))))
                    .collect())
            })
            .await
    }

    async fn texts(&self, path: &str, key: &str, field: &str) -> Result<Vec<String>, Error> {
        let (_, rows) = self.all(&[path], key).await?;
        Ok(rows
            .iter()
            .filter_map(|row| row.get(field)?.as_str())
            .map(ToOwned::to_owned)
            .collect())
    }

    /// What an entry of a timeline can be, the built-in ones among them.
    ///
    /// # Errors
    /// What sending gives.
    pub async fn activity_types(&self) -> Result<Rc<Vec<NestedName>>, Error> {
        self.directory
            .activity_types
            .get(async || {
                let (call, rows) = self.all(&["activitytypes"], "activityTypes").await?;
                rows.into_iter()
                    .map(|row| record(&call, 200, row))
                    .collect()
            })
            .await
    }

    /// The id of an activity type, by id or name. Built-in ones have negative ids (API reference 3.13).
    ///
    /// # Errors
    /// `invalid-input` with the nearest names, `ambiguous`, and what sending gives.
    pub async fn activity_type(
        &self,
        wanted: &ActivityTypeRef,
        pointer: &str,
    ) -> Result<i64, Error> {
        let name = match wanted {
            ActivityTypeRef::Id(id) => return Ok(*id),
            ActivityTypeRef::Name(name) => name,
        };
        let all = self.activity_types().await?;
        let label = |one: &NestedName| one.name.clone().unwrap_or_default();
        let meant: Vec<&NestedName> = all
            .iter()
            .filter(|one| !name.trim().is_empty() && same(&label(one), name))
            .collect();
        match meant.as_slice() {
            [one] => Ok(one.id),
            // What an empty or an unknown name gets is the same everywhere. The ids do not matter: nothing matches.
            [] => {
                let known = all
                    .iter()
                    .map(|one| (0, one.name.as_deref().unwrap_or_default()));
                let wanted = Ref::Name(name.clone());
                resolve(&wanted, known, "activity type", pointer).map(|_| 0)
            }
            several => Err(ambiguous(
                pointer,
                several.iter().map(|one| (one.id, label(one))),
            )),
        }
    }

    /// The account's address for people: by the environment, or asked for.
    ///
    /// # Errors
    /// What sending gives.
    pub async fn web_url(&self) -> Result<Rc<String>, Error> {
        if let Some(url) = self.known_web_url() {
            return Ok(Rc::new(url.to_owned()));
        }
        self.directory
            .site
            .get(async || {
                let call = Call::get(&["site"]);
                let mut answer = self.send(&call).await?;
                let site = answer.take(&call, "site")?;
                let url = site.get("url").and_then(Value::as_str).unwrap_or_default();
                if url.starts_with("https://") || url.starts_with("http://") {
                    Ok(url.trim_end_matches('/').to_owned())
                } else {
                    Err(super::error::malformed(
                        &call,
                        answer.status,
                        "The site has no address.",
                    ))
                }
            })
            .await
    }

    /// The tags of an entity.
    ///
    /// # Errors
    /// What sending gives.
    pub async fn tags(&self, entity: Entity) -> Result<Rc<Vec<Tag>>, Error> {
        let [parties, opportunities, projects] = &self.directory.tags;
        let once = match entity {
            Entity::Parties => parties,
            Entity::Opportunities => opportunities,
            Entity::Projects => projects,
        };
        once.get(async || {
            let (call, rows) = self.all(&[entity.path(), "tags"], "tags").await?;
            rows.into_iter()
                .map(|row| record(&call, 200, row))
                .collect()
        })
        .await
    }

    /// The custom fields of an entity, those of data tags among them.
    ///
    /// # Errors
    /// What sending gives.
    pub async fn definitions(&self, entity: Entity) -> Result<Rc<Vec<Definition>>, Error> {
        let [parties, opportunities, projects] = &self.directory.definitions;
        let once = match entity {
            Entity::Parties => parties,
            Entity::Opportunities => opportunities,
            Entity::Projects => projects,
        };
        once.get(async || {
            let (_, rows) = self
                .all(&[entity.path(), "fields", "definitions"], "definitions")
                .await?;
            Ok(rows.iter().filter_map(Definition::read).collect())
        })
        .await
    }

    /// The definition that an id or a name means.
    ///
    /// # Errors
    /// `invalid-input` with the nearest names, `ambiguous` where two data tags have a field of that name.
    pub async fn definition(
        &self,
        entity: Entity,
        wanted: &Ref,
        pointer: &str,
    ) -> Result<Definition, Error> {
        let all = self.definitions(entity).await?;
        let known = all.iter().map(|one| (one.id, one.name.as_str()));
        let id = match resolve(wanted, known, "custom field", pointer) {
            // Their names are the same: say what tells them apart.
            Err(Error::Permanent(PermanentError::Ambiguous(_))) => {
                let meant = all
                    .iter()
                    .filter(|one| matches!(wanted, Ref::Name(name) if same(name, &one.name)));
                return Err(ambiguous(
                    pointer,
                    meant.map(|one| (one.id, distinct_name(one))),
                ));
            }
            other => other?,
        };
        // An id is taken at its word elsewhere; here its type is wanted, so it must be known.
        all.iter().find(|one| one.id == id).cloned().ok_or_else(|| {
            invalid(
                pointer,
                "not-found",
                format!("There is no custom field {id}."),
            )
        })
    }

    /// The id of a user, by id, full name or sign-in name.
    ///
    /// # Errors
    /// `invalid-input` with the nearest names, `ambiguous`, and what sending gives.
    pub async fn user(&self, wanted: &Ref, pointer: &str) -> Result<u64, Error> {
        if let Ref::Id(id) = wanted {
            return Ok(*id);
        }
        let all = self.users().await?;
        if let Ref::Name(name) = wanted
            && !name.trim().is_empty()
            && let Some(user) = all.iter().find(|user| {
                user.username
                    .as_deref()
                    .is_some_and(|username| same(username, name))
            })
        {
            return Ok(user.id);
        }
        resolve(
            wanted,
            all.iter()
                .map(|user| (user.id, user.name.as_deref().unwrap_or_default())),
            "user",
            pointer,
        )
    }

    /// The id of a team, by id or name.
    ///
    /// # Errors
    /// `invalid-input` with the nearest names, `ambiguous`, and what sending gives.
    pub async fn team(&self, wanted: &Ref, pointer: &str) -> Result<u64, Error> {
        if let Ref::Id(id) = wanted {
            return Ok(*id);
        }
        let all = self.teams().await?;
        resolve(
            wanted,
            all.iter()
                .map(|team| (team.id, team.name.as_deref().unwrap_or_default())),
            "team",
            pointer,
        )
    }
}

/// The name of a custom field, with its data tag and with whom it is for.
fn distinct_name(definition: &Definition) -> String {
    let tag = definition.tag.as_ref().map(|(_, tag)| tag.as_str());
    match (tag, definition.capture_rule.as_deref()) {
        (Some(one), None) | (None, Some(one)) => format!("{} ({one})", definition.name),
        (Some(tag), Some(rule)) => format!("{} ({tag}, {rule})", definition.name),
        (None, None) => definition.name.clone(),
    }
}

/// The id that a reference means among the known ones. An id is taken at its word.
pub(crate) fn resolve<'a>(
    wanted: &Ref,
    known: impl Iterator<Item = (u64, &'a str)> + Clone,
    what: &str,
    pointer: &str,
) -> Result<u64, Error> {
    let name = match wanted {
        Ref::Id(id) => return Ok(*id),
        // Records without a name are not meant by it.
        Ref::Name(name) if name.trim().is_empty() => {
            return Err(invalid(
                pointer,
                "required",
                format!("The name of the {what} is empty."),
            ));
        }
        Ref::Name(name) => name,
    };
    let matches: Vec<(u64, &str)> = known
        .clone()
        .filter(|(_, label)| same(label, name))
        .collect();
    match matches.as_slice() {
        [(id, _)] => Ok(*id),
        [] => {
            let near = nearest(name, known.clone().map(|(_, label)| label), 3);
            // Steps of several pipelines can have one name, and there can be thousands of tags.
            let mut names: Vec<&str> = Vec::new();
            for (_, label) in known {
                if names.len() > 10 {
                    break;
                }
                if !names.contains(&label) {
                    names.push(label);
                }
            }
            let some: Vec<_> = names
                .iter()
                .take(10)
                .map(|name| format!("`{name}`"))
                .collect();
            let otherwise = match names.len() {
                0 => "There is none at all.".to_owned(),
                1..=10 => format!("There are: {}.", some.join(", ")),
                _ => format!("There are {} and others.", some.join(", ")),
            };
            let way_out = way_out(&near, &otherwise);
            Err(invalid(
                pointer,
                "not-found",
                format!(
                    "There is no {what} `{}`. {way_out}",
                    crate::contract::brief(name)
                ),
            ))
        }
        several => Err(ambiguous(
            pointer,
            several.iter().map(|(id, label)| (*id, (*label).to_owned())),
        )),
    }
}
