//! Capsule's JSON, brought to the contract's spelling.

use super::field::{Definition, Entity, spell as spell_fields};
use crate::bindings::capsule::crm::types::{OpportunityEmbed, PartyEmbed, ProjectEmbed};
use serde_json::Value;

/// Which kind of record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Party,
    Opportunity,
    Project,
}

impl Kind {
    /// The path segment in Capsule's web UI.
    fn page(self) -> &'static str {
        match self {
            Self::Party => "party",
            Self::Opportunity => "opportunity",
            Self::Project => "kase",
        }
    }

    /// The contract's name of one record.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Party => "party",
            Self::Opportunity => "opportunity",
            Self::Project => "project",
        }
    }

    pub(crate) fn entity(self) -> Entity {
        match self {
            Self::Party => Entity::Parties,
            Self::Opportunity => Entity::Opportunities,
            Self::Project => Entity::Projects,
        }
    }
}

/// What to read along, in Capsule's words.
#[derive(Clone, Debug, Default)]
pub(crate) struct Embeds {
    pub(crate) tokens: Vec<&'static str>,
    /// Custom fields were asked for: their definitions are wanted.
    pub(crate) fields: bool,
    /// The link for people was asked for.
    pub(crate) web_url: bool,
}

impl Embeds {
    /// Those that are wanted.
    pub(crate) fn new(wanted: &[(bool, &'static str)], fields: bool, web_url: bool) -> Self {
        let tokens = wanted
            .iter()
            .filter(|(wanted, _)| *wanted)
            .map(|(_, token)| *token)
            .collect();
        Self {
            tokens,
            fields,
            web_url,
        }
    }

    /// With all that another one asks for.
    pub(crate) fn and(self, other: &Self) -> Self {
        other.tokens.iter().fold(self, |all, token| all.with(token))
    }

    /// With one token more.
    pub(crate) fn with(mut self, token: &'static str) -> Self {
        if !self.tokens.contains(&token) {
            self.tokens.push(token);
        }
        self
    }
}

impl From<&Option<PartyEmbed>> for Embeds {
    fn from(embed: &Option<PartyEmbed>) -> Self {
        embed.as_ref().map_or_else(Self::default, |embed| {
            let wanted = [
                (embed.tags, "tags"),
                (embed.fields, "fields"),
                (embed.organisation, "organisation"),
                (embed.missing_important_fields, "missingImportantFields"),
            ];
            Self::new(&wanted, embed.fields, embed.web_url)
        })
    }
}

impl From<&Option<OpportunityEmbed>> for Embeds {
    fn from(embed: &Option<OpportunityEmbed>) -> Self {
        embed.as_ref().map_or_else(Self::default, |embed| {
            let wanted = [
                (embed.tags, "tags"),
                (embed.fields, "fields"),
                (embed.party, "party"),
                (embed.missing_important_fields, "missingImportantFields"),
            ];
            Self::new(&wanted, embed.fields, embed.web_url)
        })
    }
}

impl From<&Option<ProjectEmbed>> for Embeds {
    fn from(embed: &Option<ProjectEmbed>) -> Self {
        embed.as_ref().map_or_else(Self::default, |embed| {
            let wanted = [
                (embed.tags, "tags"),
                (embed.fields, "fields"),
                (embed.party, "party"),
                (embed.missing_important_fields, "missingImportantFields"),
            ];
            Self::new(&wanted, embed.fields, embed.web_url)
        })
    }
}

/// What [`spell`] reads or changes of a record.
pub(crate) const SPELT: &[&str] = &["fields", "id", "webUrl"];

/// Brings a record to the contract's spelling: custom fields keyed by definition, and the link for people where the account's address is
/// known.
pub(crate) fn spell(
    kind: Kind,
    record: &mut Value,
    definitions: &[Definition],
    web_url: Option<&str>,
) {
    let Value::Object(record) = record else {
        return;
    };
    spell_fields(record, definitions);
    if let (Some(web_url), Some(id)) = (web_url, record.get("id").and_then(Value::as_u64)) {
        record.insert(
            "webUrl".into(),
            format!("{web_url}/{}/{id}", kind.page()).into(),
        );
    }
}
