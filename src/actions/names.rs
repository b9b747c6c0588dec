//! What the names in an input mean.

use crate::actions::faults::Faults;
use crate::api::{Client, violation};
use crate::bindings::capsule::crm::types::{FieldChange, Ref};
use crate::bindings::integration::connector::types::{Error, Violation};
use crate::model::field::{Entity, FieldWrite};

/// Owner, team and custom fields by id.
#[derive(Default)]
pub(crate) struct Names {
    pub(crate) owner: Option<u64>,
    pub(crate) team: Option<u64>,
    pub(crate) fields: Vec<FieldWrite>,
    /// The data tags that own the fields: setting a field does not attach its tag (API reference 3.7). Known where the field is named; one
    /// by id costs no look-up, and its tag is the caller's affair.
    pub(crate) data_tags: Vec<Ref>,
}

impl Names {
    /// Looks names up. All that don't mean anything are told at once.
    pub(crate) async fn new(
        client: &Client,
        entity: Entity,
        owner: Option<&Ref>,
        team: Option<&Ref>,
        fields: &[FieldChange],
        at: &str,
    ) -> Result<Self, Error> {
        let mut faults = Faults::default();
        let mut names = Self {
            owner: None,
            team: None,
            fields: Vec::with_capacity(fields.len()),
            data_tags: Vec::new(),
        };
        if let Some(owner) = owner {
            names.owner = faults.note(client.user(owner, &format!("{at}/owner")).await)?;
        }
        if let Some(team) = team {
            names.team = faults.note(client.team(team, &format!("{at}/team")).await)?;
        }
        for change in fields {
            names.field(client, entity, change, at, &mut faults).await?;
        }
        faults.settle()?;
        Ok(names)
    }

    async fn field(
        &mut self,
        client: &Client,
        entity: Entity,
        change: &FieldChange,
        at: &str,
        faults: &mut Faults,
    ) -> Result<(), Error> {
        let pointer = field_pointer(at, &change.definition);
        let (id, definition) = match &change.definition {
            Ref::Id(id) => (*id, None),
            name @ Ref::Name(_) => {
                match faults.note(client.definition(entity, name, &pointer).await)? {
                    Some(definition) => (definition.id, Some(definition)),
                    None => return Ok(()),
                }
            }
        };
        if self.fields.iter().any(|one| one.id == id) {
            faults.add(violation(
                pointer,
                "unique",
                format!("the field {id} stands twice"),
            ));
            return Ok(());
        }
        match FieldWrite::new(id, definition.as_ref(), change.value.as_ref()) {
            Ok(write) => self.fields.push(write),
            Err(fault) => faults.add(Violation { pointer, ..fault }),
        }
        if change.value.is_some() {
            self.data_tags.extend(
                definition
                    .and_then(|definition| definition.tag)
                    .map(|(id, _)| Ref::Id(id)),
            );
        }
        Ok(())
    }
}

/// Where the input of a record holds a field.
pub(crate) fn field_pointer(at: &str, definition: &Ref) -> String {
    let key = match definition {
        Ref::Id(id) => id.to_string(),
        Ref::Name(name) => name.replace('~', "~0").replace('/', "~1"),
    };
    format!("{at}/fields/{key}")
}
