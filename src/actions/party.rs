//! What people and organisations have in common: create, update, find, upsert, and filters.

use super::read::{one, page_where};
use crate::api::{Call, Client, Span, ambiguous, incomplete, invalid, violation};
use crate::bindings::capsule::crm::types::{
    Address, FieldEntry, FilterClause, FilterCondition, FilterOperator as Op, FilterOrder, FilterValue, FindParties, MatchKey, Party, PartyMatch,
    PartyPage, Ref, RefChange, Several, Tag, TextChange, UpsertAction, UpsertedParty,
};
use crate::bindings::integration::connector::types::{Error, PermanentError, Violation};
use crate::contract::{Json, brief, is_date, nearest};
use crate::model::field::{Definition, Entity, FieldType, equal, written};
use crate::model::filter::{FilterField, FilterType, PARTY_FIELDS, operators};
use crate::model::{Draft, Embeds, Kind, Patch, Rows, changed_rows, digits, full_name, same};
use serde_json::{Map, Value, json};

// ---- create ----

/// Creates a party. `at` is the pointer of the draft in the caller's input.
pub(super) async fn create(client: &Client, draft: Draft, at: &str) -> Result<Party, Error> {
    let embeds = Embeds::from(&draft.embed);
    let resolved = Resolved::new(client, &draft, at).await?;
    // Last of all that is looked up, because it may create: what is wrong elsewhere has been told by now.
    let employer = employer(client, draft.organisation.as_ref(), at).await?;
    let mut body = Map::from_iter([("type".to_owned(), Value::from(draft.kind))]);
    for (key, text) in &draft.texts {
        if let Some(text) = text {
            body.insert((*key).to_owned(), text.as_str().into());
        }
    }
    if let Some(employer) = &employer {
        body.insert("organisation".into(), json!({"id": employer.id}));
    }
    put_rows(&mut body, "emailAddresses", &draft.email_addresses);
    put_rows(&mut body, "phoneNumbers", &draft.phone_numbers);
    put_rows(&mut body, "websites", &draft.websites);
    put_rows(&mut body, "addresses", &draft.addresses);
    put_list(&mut body, "tags", resolved.tags.iter().map(tag_body).collect());
    put_list(&mut body, "fields", resolved.fields.iter().map(|(id, value)| field_body(*id, value)).collect());
    put_id(&mut body, "owner", resolved.owner);
    put_id(&mut body, "team", resolved.team);
    let call = Call::create(&["parties"], json!({ "party": body }));
    match one(client, call, "party", Kind::Party, &embeds).await {
        Ok(party) => Ok(party),
        Err(error) => {
            let error = explain(client, error, at, &draft.addresses).await;
            Err(match employer {
                Some(employer) if employer.created => stopped(error, &employer, "the party was not"),
                _ => error,
            })
        }
    }
}

/// A party's employer.
struct Employer {
    id: u64,
    created: bool,
}

/// The employer by id or by name; a name that is unknown is created, which is repeat-safe because it is looked for first.
async fn employer(client: &Client, wanted: Option<&Ref>, at: &str) -> Result<Option<Employer>, Error> {
    let name = match wanted {
        None => return Ok(None),
        Some(Ref::Id(id)) => return Ok(Some(Employer { id: *id, created: false })),
        Some(Ref::Name(name)) => name.trim(),
    };
    let pointer = format!("{at}/organisation");
    if name.is_empty() {
        return Err(invalid(pointer, "required", "the organisation's name is empty"));
    }
    let found = candidates(client, "organisation", &Wanted::Name(name.to_owned()), Embeds::default()).await?;
    match found.as_slice() {
        [only] => Ok(Some(Employer { id: only.id, created: false })),
        [] => {
            let call = Call::create(&["parties"], json!({"party": {"type": "organisation", "name": name}})).repeatable();
            let made: Party = one(client, call, "party", Kind::Party, &Embeds::default()).await?;
            Ok(Some(Employer { id: made.id, created: true }))
        }
        several => Err(ambiguous(pointer, several.iter().map(label))),
    }
}

/// The error of a call that had already created an organisation: what can be repeated stays as it is, because the organisation is found
/// again; the rest says what was done.
fn stopped(error: Error, employer: &Employer, what: &str) -> Error {
    match error {
        Error::Permanent(PermanentError::OutcomeUnknown(_)) | Error::Transient(_) | Error::ExecutionFailed => error,
        Error::Permanent(cause) => incomplete(
            format!("The organisation {} was created, {what}: {}", employer.id, reason(&cause)),
            &json!({
                "done": [{"operation": "organisations.create", "id": employer.id}],
                "continue": "mend the input and repeat the call: the organisation is found by its name",
                "error": reason(&cause),
            }),
        ),
    }
}

fn reason(cause: &PermanentError) -> String {
    use PermanentError as P;
    match cause {
        P::InvalidInput(violations) => {
            violations.iter().map(|one| format!("{}: {}", one.pointer, one.message)).collect::<Vec<_>>().join("; ")
        }
        P::Ambiguous(_) => "a name matches several records".into(),
        P::Unauthenticated(fault)
        | P::Forbidden(fault)
        | P::QuotaExhausted(fault)
        | P::NotFound(fault)
        | P::Conflict(fault)
        | P::TooLarge(fault)
        | P::Unsupported(fault)
        | P::StaleCursor(fault)
        | P::OutcomeUnknown(fault)
        | P::Incomplete(fault)
        | P::MalformedResponse(fault) => fault.message.clone(),
    }
}

/// What a draft's names mean.
struct Resolved {
    owner: Option<u64>,
    team: Option<u64>,
    /// Definition and value as Capsule wants it.
    fields: Vec<(u64, Value)>,
    /// Those of the data tags that the fields belong to, too: setting a field does not attach its tag (API reference 3.7).
    tags: Vec<Ref>,
}

impl Resolved {
    async fn new(client: &Client, draft: &Draft, at: &str) -> Result<Self, Error> {
        let owner = match &draft.owner {
            Some(owner) => Some(client.user(owner, &format!("{at}/owner")).await?),
            None => None,
        };
        let team = match &draft.team {
            Some(team) => Some(client.team(team, &format!("{at}/team")).await?),
            None => None,
        };
        let mut tags = draft.tags.clone();
        let mut fields = Vec::new();
        let mut faults = Vec::new();
        for entry in &draft.fields {
            let pointer = field_pointer(at, &entry.definition);
            let definition = definition(client, &entry.definition, &pointer).await?;
            match written(definition.as_ref(), &entry.value) {
                Ok(value) => fields.push((definition_id(&entry.definition, definition.as_ref()), value)),
                Err(fault) => faults.push(Violation { pointer, ..fault }),
            }
            tags.extend(definition.and_then(|definition| definition.tag).map(|(id, _)| Ref::Id(id)));
        }
        if faults.is_empty() { Ok(Self { owner, team, fields, tags }) } else { Err(Error::Permanent(PermanentError::InvalidInput(faults))) }
    }
}

/// The definition of a field that is named; one by id costs no look-up.
async fn definition(client: &Client, wanted: &Ref, pointer: &str) -> Result<Option<Definition>, Error> {
    match wanted {
        Ref::Id(_) => Ok(None),
        Ref::Name(_) => client.definition(Entity::Parties, wanted, pointer).await.map(Some),
    }
}

fn definition_id(wanted: &Ref, found: Option<&Definition>) -> u64 {
    match (wanted, found) {
        (_, Some(definition)) => definition.id,
        (Ref::Id(id), None) => *id,
        (Ref::Name(_), None) => 0,
    }
}

fn field_pointer(at: &str, definition: &Ref) -> String {
    let key = match definition {
        Ref::Id(id) => id.to_string(),
        Ref::Name(name) => name.replace('~', "~0").replace('/', "~1"),
    };
    format!("{at}/fields/{key}")
}

fn tag_body(tag: &Ref) -> Value {
    match tag {
        Ref::Id(id) => json!({"id": id}),
        Ref::Name(name) => json!({"name": name}),
    }
}

fn field_body(id: u64, value: &Value) -> Value {
    json!({"definition": {"id": id}, "value": value})
}

fn put_rows<T: Rows>(body: &mut Map<String, Value>, key: &str, rows: &[T]) {
    put_list(body, key, rows.iter().map(|row| Value::Object(row.body())).collect());
}

fn put_list(body: &mut Map<String, Value>, key: &str, list: Vec<Value>) {
    if !list.is_empty() {
        body.insert(key.to_owned(), Value::Array(list));
    }
}

fn put_id(body: &mut Map<String, Value>, key: &str, id: Option<u64>) {
    if let Some(id) = id {
        body.insert(key.to_owned(), json!({"id": id}));
    }
}

/// Makes Capsule's refusal point into the caller's input, and names the nearest country where that is what is wrong.
async fn explain(client: &Client, error: Error, at: &str, addresses: &[Address]) -> Error {
    let Error::Permanent(PermanentError::InvalidInput(mut violations)) = error else { return error };
    if violations.iter().any(|one| one.message.contains("country"))
        && let Ok(countries) = client.countries().await
    {
        let unknown: Vec<Violation> = addresses
            .iter()
            .enumerate()
            .filter_map(|(index, address)| Some((index, address.country.as_deref()?)))
            .filter(|(_, country)| !countries.iter().any(|known| known == country))
            .map(|(index, country)| {
                let near = nearest(country, countries.iter().map(String::as_str), 3);
                let hint = if near.is_empty() { "Capsule wants the country's English name".into() } else { format!("did you mean {}?", near.join(", ")) };
                violation(format!("{at}/addresses/{index}/country"), "vendor", format!("`{}` is no country of Capsule's; {hint}", brief(country)))
            })
            .collect();
        if !unknown.is_empty() {
            violations.retain(|one| !one.message.contains("country"));
            violations.extend(unknown);
            return Error::Permanent(PermanentError::InvalidInput(violations));
        }
    }
    for one in &mut violations {
        one.pointer.insert_str(0, at);
    }
    Error::Permanent(PermanentError::InvalidInput(violations))
}

// ---- update ----

/// Changes a party. Reads it first only where the change depends on what is there.
pub(super) async fn update(client: &Client, patch: Patch) -> Result<Party, Error> {
    let embeds = Embeds::from(&patch.embed);
    let id = patch.id.to_string();
    let of_tags = patch.tags.as_ref().is_some_and(|tags| !tags.remove.is_empty() || tags.replace.is_some());
    let of_rows =
        patch.email_addresses.is_some() || patch.phone_numbers.is_some() || patch.websites.is_some() || patch.addresses.is_some();
    let mut body = Map::new();
    for (key, change) in &patch.texts {
        match change {
            None => {}
            Some(TextChange::Set(text)) => drop(body.insert((*key).to_owned(), text.as_str().into())),
            Some(TextChange::Clear) => drop(body.insert((*key).to_owned(), Value::Null)),
        }
    }
    match &patch.owner {
        None => {}
        Some(RefChange::Clear) => drop(body.insert("owner".into(), Value::Null)),
        Some(RefChange::Set(owner)) => put_id(&mut body, "owner", Some(client.user(owner, "/owner").await?)),
    }
    match &patch.team {
        None => {}
        Some(RefChange::Clear) => drop(body.insert("team".into(), Value::Null)),
        Some(RefChange::Set(team)) => put_id(&mut body, "team", Some(client.team(team, "/team").await?)),
    }
    let mut tags = Vec::new();
    let mut fields = Vec::new();
    for change in &patch.fields {
        let pointer = field_pointer("", &change.definition);
        let definition = definition(client, &change.definition, &pointer).await?;
        let id = definition_id(&change.definition, definition.as_ref());
        let value = match &change.value {
            Some(value) => written(definition.as_ref(), value).map_err(|fault| {
                Error::Permanent(PermanentError::InvalidInput(vec![Violation { pointer: pointer.clone(), ..fault }]))
            })?,
            // API reference 2.3: null is refused for a boolean.
            None if definition.as_ref().is_some_and(|definition| definition.kind == FieldType::Boolean) => {
                return Err(invalid(pointer, "type", "a boolean field can't be cleared in Capsule; set it to true or false"));
            }
            None => Value::Null,
        };
        if !value.is_null() {
            tags.extend(definition.and_then(|definition| definition.tag).map(|(id, _)| json!({"id": id})));
        }
        fields.push(field_body(id, &value));
    }
    put_list(&mut body, "fields", fields);
    if of_rows || of_tags {
        let current: Party = {
            let embeds = if of_tags { Embeds::default().with("tags") } else { Embeds::default() };
            one(client, Call::get(&["parties", &id]), "party", Kind::Party, &embeds).await?
        };
        if current.type_ != patch.kind {
            return Err(invalid("/id", "choice", format!("{id} is a {}: use the operations for those", current.type_)));
        }
        rows(&mut body, &patch, &current)?;
        tags.extend(changed_tags(&patch, current.tags.as_deref().unwrap_or_default())?);
    } else if let Some(change) = &patch.tags {
        tags.extend(change.add.iter().map(tag_body));
    }
    put_list(&mut body, "tags", tags);
    // Before the change, because it may create an organisation.
    let employer = match &patch.organisation {
        None => None,
        Some(RefChange::Clear) => {
            body.insert("organisation".into(), Value::Null);
            None
        }
        Some(RefChange::Set(wanted)) => employer(client, Some(wanted), "").await?,
    };
    if let Some(employer) = &employer {
        body.insert("organisation".into(), json!({"id": employer.id}));
    }
    if body.is_empty() {
        return one(client, Call::get(&["parties", &id]), "party", Kind::Party, &embeds).await;
    }
    let call = Call::change(&["parties", &id], json!({ "party": body }));
    match one(client, call, "party", Kind::Party, &embeds).await {
        Ok(party) => Ok(party),
        Err(error) => {
            let addresses = patch.addresses.as_ref().map(|change| change.replace.as_deref().unwrap_or(&change.merge)).unwrap_or_default();
            let error = explain(client, error, "", addresses).await;
            Err(match employer {
                Some(employer) if employer.created => stopped(error, &employer, "the party was not changed"),
                _ => error,
            })
        }
    }
}

/// The rows that a patch sends.
fn rows(body: &mut Map<String, Value>, patch: &Patch, current: &Party) -> Result<(), Error> {
    let refused = |name: &str, fault: Violation| {
        Error::Permanent(PermanentError::InvalidInput(vec![Violation { pointer: format!("/{name}{}", fault.pointer), ..fault }]))
    };
    if let Some(change) = &patch.email_addresses {
        let goes = |row: &crate::bindings::capsule::crm::types::EmailAddress| change.remove.iter().any(|address| same(&row.address, address));
        let list = changed_rows(&current.email_addresses, &change.merge, !change.remove.is_empty(), goes, change.replace.as_deref());
        put_list(body, "emailAddresses", list.map_err(|fault| refused("emailAddresses", fault))?);
    }
    if let Some(change) = &patch.phone_numbers {
        let goes = |row: &crate::bindings::capsule::crm::types::PhoneNumber| {
            change.remove.iter().any(|number| {
                let wanted = digits(number);
                if wanted.is_empty() { same(&row.number, number) } else { digits(&row.number) == wanted }
            })
        };
        let list = changed_rows(&current.phone_numbers, &change.merge, !change.remove.is_empty(), goes, change.replace.as_deref());
        put_list(body, "phoneNumbers", list.map_err(|fault| refused("phoneNumbers", fault))?);
    }
    if let Some(change) = &patch.websites {
        let goes = |row: &crate::bindings::capsule::crm::types::Website| change.remove.iter().any(|address| same(&row.address, address));
        let list = changed_rows(&current.websites, &change.merge, !change.remove.is_empty(), goes, change.replace.as_deref());
        put_list(body, "websites", list.map_err(|fault| refused("websites", fault))?);
    }
    if let Some(change) = &patch.addresses {
        let goes = |row: &Address| change.remove.iter().any(|wanted| row.has_parts_of(wanted));
        let list = changed_rows(&current.addresses, &change.merge, !change.remove.is_empty(), goes, change.replace.as_deref());
        put_list(body, "addresses", list.map_err(|fault| refused("addresses", fault))?);
    }
    Ok(())
}

/// The tags that a patch sends.
fn changed_tags(patch: &Patch, current: &[Tag]) -> Result<Vec<Value>, Error> {
    let Some(change) = &patch.tags else { return Ok(Vec::new()) };
    if change.replace.is_some() && !(change.add.is_empty() && change.remove.is_empty()) {
        return Err(invalid("/tags/replace", "range", "`replace` says all there is: it can't stand beside `add` or `remove`"));
    }
    let wanted = change.replace.as_deref().unwrap_or(&change.add);
    let goes = |tag: &Tag| match &change.replace {
        Some(all) => !all.iter().any(|wanted| is_tag(tag, wanted)),
        None => change.remove.iter().any(|gone| is_tag(tag, gone)) && !change.add.iter().any(|kept| is_tag(tag, kept)),
    };
    let mut out: Vec<Value> =
        wanted.iter().filter(|wanted| !current.iter().any(|tag| is_tag(tag, wanted))).map(tag_body).collect();
    // Only tags that are there: taking away another one is refused by Capsule (API reference 2.3).
    out.extend(current.iter().filter(|tag| goes(tag)).map(|tag| json!({"id": tag.id, "_delete": true})));
    Ok(out)
}

fn is_tag(tag: &Tag, wanted: &Ref) -> bool {
    match wanted {
        Ref::Id(id) => tag.id == *id,
        Ref::Name(name) => tag.name.as_deref().is_some_and(|known| same(known, name)),
    }
}

// ---- find and upsert ----

/// What to find parties by, with its value.
enum Wanted {
    Email(String),
    Phone(String),
    Name(String),
    /// Definition and value as Capsule writes it.
    Field(u64, Value),
}

impl Wanted {
    /// Conditions that Capsule can judge; they may find more than is meant.
    fn conditions(&self, kind: &str) -> Vec<Value> {
        let condition = |field: &str, operator: &str, value: &Value| json!({"field": field, "operator": operator, "value": value});
        let mut all = vec![condition("type", "is", &kind.into())];
        all.push(match self {
            Self::Email(address) => condition("email", "is", &address.trim().into()),
            // However a number is written, its last two digits stand together.
            Self::Phone(number) => {
                let digits = digits(number);
                let tail: String = digits.chars().skip(digits.chars().count().saturating_sub(2)).collect();
                condition("phone", "ends with", &tail.into())
            }
            Self::Name(name) => condition("name", "is", &name.trim().into()),
            Self::Field(id, value) => condition(&format!("custom:{id}"), "is", value),
        });
        all
    }

    /// Whether a row as Capsule gives it is meant.
    fn fits(&self, row: &Value) -> bool {
        let any = |list: &str, key: &str, fits: &dyn Fn(&str) -> bool| {
            row.get(list).and_then(Value::as_array).into_iter().flatten().any(|one| one.get(key).and_then(Value::as_str).is_some_and(fits))
        };
        let text = |key: &str| row.get(key).and_then(Value::as_str);
        match self {
            Self::Email(address) => any("emailAddresses", "address", &|given| same(given, address)),
            Self::Phone(number) => {
                let wanted = digits(number);
                any("phoneNumbers", "number", &|given| digits(given) == wanted)
            }
            Self::Name(name) => {
                let parts: Vec<&str> = ["name", "firstName", "lastName"].iter().filter_map(|key| text(key)).map(str::trim).filter(|part| !part.is_empty()).collect();
                same(&parts.join(" "), name)
            }
            // Capsule compares values by their type; it is taken at its word.
            Self::Field(..) => true,
        }
    }
}

/// Finds people or organisations.
pub(super) async fn find(client: &Client, kind: &str, input: FindParties) -> Result<PartyPage, Error> {
    let wanted = match &input.by {
        PartyMatch::Email(address) => Wanted::Email(filled(address, "/by/email")?),
        PartyMatch::Phone(number) => Wanted::Phone(dialled(number, "/by/phone")?),
        PartyMatch::Name(name) => Wanted::Name(filled(name, "/by/name")?),
        PartyMatch::Field(entry) => field_wanted(client, entry, "/by/field/definition", "/by/field/value").await?,
    };
    let call = Call::ask(&["parties", "filters", "results"], json!({"filter": {"conditions": wanted.conditions(kind)}}));
    let span = Span::new(input.limit_or_default(), input.cursor.as_ref());
    let (items, next, total) = page_where(client, call, Kind::Party, Embeds::from(&input.embed), span, |row| wanted.fits(row)).await?;
    // Capsule counts what it found, which may be more than what is meant.
    let total = total.filter(|_| !matches!(wanted, Wanted::Phone(_)));
    Ok(PartyPage { items, next, total })
}

fn filled(text: &str, pointer: &str) -> Result<String, Error> {
    if text.trim().is_empty() { Err(invalid(pointer, "required", "there is nothing to look for")) } else { Ok(text.to_owned()) }
}

fn dialled(number: &str, pointer: &str) -> Result<String, Error> {
    if digits(number).is_empty() { Err(invalid(pointer, "type", "a phone number has digits")) } else { Ok(number.to_owned()) }
}

async fn field_wanted(client: &Client, entry: &FieldEntry, at: &str, value_at: &str) -> Result<Wanted, Error> {
    let definition = client.definition(Entity::Parties, &entry.definition, at).await?;
    let value = written(Some(&definition), &entry.value)
        .map_err(|fault| Error::Permanent(PermanentError::InvalidInput(vec![Violation { pointer: value_at.to_owned(), ..fault }])))?;
    Ok(Wanted::Field(definition.id, value))
}

/// Every party that is meant, up to 500.
async fn candidates(client: &Client, kind: &str, wanted: &Wanted, embeds: Embeds) -> Result<Vec<Party>, Error> {
    let call = Call::ask(&["parties", "filters", "results"], json!({"filter": {"conditions": wanted.conditions(kind)}}));
    let span = Span::new(500, None);
    let (items, _, _) = page_where(client, call, Kind::Party, embeds, span, |row| wanted.fits(row)).await?;
    Ok(items)
}

fn label(party: &Party) -> (u64, String) {
    let name = full_name(party).unwrap_or_else(|| "(no name)".into());
    let detail = party.email_addresses.first().map(|email| email.address.as_str()).or(party.organisation.as_ref().and_then(|one| one.name.as_deref()));
    (party.id, detail.map_or_else(|| name.clone(), |detail| format!("{name} ({detail})")))
}

/// Finds a party, and then changes or creates it. Without `change` one that is there is left as it is.
pub(super) async fn upsert(
    client: &Client,
    match_by: &[MatchKey],
    several: Several,
    draft: Draft,
    at: &str,
    change: bool,
) -> Result<UpsertedParty, Error> {
    if match_by.is_empty() {
        return Err(invalid("/matchBy", "required", "say what to recognise the record by: `email`, `phone`, `name` or `{\"field\": ...}`"));
    }
    // Tags and fields are compared, whether the caller asked for them or not.
    let embeds = if change { Embeds::from(&draft.embed).with("tags").with("fields") } else { Embeds::from(&draft.embed) };
    let mut looked = false;
    for (index, key) in match_by.iter().enumerate() {
        let mut found: Vec<Party> = Vec::new();
        for wanted in wanted_by(client, key, &draft, index, at).await? {
            looked = true;
            for party in candidates(client, draft.kind, &wanted, embeds.clone()).await? {
                // By id, which is by age (API reference 8).
                let at = found.partition_point(|one| one.id < party.id);
                if found.get(at).is_none_or(|one| one.id != party.id) {
                    found.insert(at, party);
                }
            }
        }
        let party = match (found.len(), several) {
            (0, _) => continue,
            (1, _) | (_, Several::Oldest) => found.into_iter().next(),
            (_, Several::Newest) => found.into_iter().next_back(),
            (_, Several::Fail) => return Err(ambiguous(format!("/matchBy/{index}"), found.iter().map(label))),
        };
        if let Some(party) = party {
            return if change { bring_about(client, party, draft, at).await } else { Ok(untouched(party, &draft)) };
        }
    }
    if !looked {
        return Err(invalid("/matchBy", "required", "the record has no value for any of these keys, so nothing can be recognised by them"));
    }
    // The match is a search: repeated after a lost answer, the call finds what it created.
    let party = match create(client, draft, at).await {
        Err(Error::Permanent(PermanentError::OutcomeUnknown(fault))) => {
            return Err(Error::Transient(crate::bindings::integration::connector::types::TransientError::TimedOut(fault)));
        }
        other => other?,
    };
    Ok(UpsertedParty { action: UpsertAction::Created, party })
}

/// What a key means for a draft: nothing where the draft has no value for it.
async fn wanted_by(client: &Client, key: &MatchKey, draft: &Draft, index: usize, at: &str) -> Result<Vec<Wanted>, Error> {
    Ok(match key {
        MatchKey::Email => {
            draft.email_addresses.iter().filter(|row| !row.address.trim().is_empty()).map(|row| Wanted::Email(row.address.clone())).collect()
        }
        MatchKey::Phone => {
            draft.phone_numbers.iter().filter(|row| !digits(&row.number).is_empty()).map(|row| Wanted::Phone(row.number.clone())).collect()
        }
        MatchKey::Name => draft.name().map(Wanted::Name).into_iter().collect(),
        MatchKey::Field(wanted) => {
            let pointer = format!("/matchBy/{index}/field");
            let definition = client.definition(Entity::Parties, wanted, &pointer).await?;
            let entry = draft.fields.iter().find(|entry| match &entry.definition {
                Ref::Id(id) => *id == definition.id,
                Ref::Name(name) => same(name, &definition.name),
            });
            match entry {
                None => Vec::new(),
                Some(entry) => vec![field_wanted(client, entry, &pointer, &field_pointer(at, &entry.definition)).await?],
            }
        }
    })
}

/// The outcome for a party that was found and left as it is.
fn untouched(mut party: Party, draft: &Draft) -> UpsertedParty {
    // Tags and fields that were read to compare are not what the caller asked for.
    let asked = |of: fn(&crate::bindings::capsule::crm::types::PartyEmbed) -> bool| draft.embed.as_ref().is_some_and(of);
    if !asked(|embed| embed.tags) {
        party.tags = None;
    }
    if !asked(|embed| embed.fields) {
        party.fields = None;
    }
    UpsertedParty { action: UpsertAction::Unchanged, party }
}

/// Changes a party as far as it differs from the draft.
async fn bring_about(client: &Client, party: Party, draft: Draft, at: &str) -> Result<UpsertedParty, Error> {
    let resolved = Resolved::new(client, &draft, at).await?;
    let mut body = Map::new();
    let current = |key: &str| match key {
        "firstName" => party.first_name.as_deref(),
        "lastName" => party.last_name.as_deref(),
        "title" => party.title.as_deref(),
        "jobTitle" => party.job_title.as_deref(),
        "about" => party.about.as_deref(),
        _ => party.name.as_deref(),
    };
    for (key, text) in &draft.texts {
        if let Some(text) = text
            && current(key).unwrap_or_default() != text
        {
            body.insert((*key).to_owned(), text.as_str().into());
        }
    }
    put_id(&mut body, "owner", resolved.owner.filter(|id| party.owner.as_ref().is_none_or(|owner| owner.id != *id)));
    put_id(&mut body, "team", resolved.team.filter(|id| party.team.as_ref().is_none_or(|team| team.id != *id)));
    let merged = |list: Result<Vec<Value>, Violation>, name: &str| {
        list.map_err(|fault| {
            let pointer = format!("{at}/{name}{}", fault.pointer.trim_start_matches("/merge"));
            Error::Permanent(PermanentError::InvalidInput(vec![Violation { pointer, ..fault }]))
        })
    };
    put_list(
        &mut body,
        "emailAddresses",
        merged(changed_rows(&party.email_addresses, &draft.email_addresses, false, |_| false, None), "emailAddresses")?,
    );
    put_list(&mut body, "phoneNumbers", merged(changed_rows(&party.phone_numbers, &draft.phone_numbers, false, |_| false, None), "phoneNumbers")?);
    put_list(&mut body, "websites", merged(changed_rows(&party.websites, &draft.websites, false, |_| false, None), "websites")?);
    put_list(&mut body, "addresses", merged(changed_rows(&party.addresses, &draft.addresses, false, |_| false, None), "addresses")?);
    let tags = party.tags.as_deref().unwrap_or_default();
    put_list(&mut body, "tags", resolved.tags.iter().filter(|wanted| !tags.iter().any(|tag| is_tag(tag, wanted))).map(tag_body).collect());
    let fields = party.fields.as_deref().unwrap_or_default();
    put_list(
        &mut body,
        "fields",
        resolved
            .fields
            .iter()
            .filter(|(id, value)| !fields.iter().any(|field| field.definition == *id && equal(&field.value, value)))
            .map(|(id, value)| field_body(*id, value))
            .collect(),
    );
    // One that works there already need not be looked for.
    let stays = match (&draft.organisation, &party.organisation) {
        (Some(Ref::Name(name)), Some(current)) => current.name.as_deref().is_some_and(|current| same(current, name)),
        (Some(Ref::Id(id)), Some(current)) => current.id == *id,
        _ => false,
    };
    let employer = if stays { None } else { employer(client, draft.organisation.as_ref(), at).await? };
    if let Some(employer) = &employer {
        body.insert("organisation".into(), json!({"id": employer.id}));
    }
    if body.is_empty() {
        return Ok(untouched(party, &draft));
    }
    let call = Call::change(&["parties", &party.id.to_string()], json!({ "party": body }));
    match one(client, call, "party", Kind::Party, &Embeds::from(&draft.embed)).await {
        Ok(party) => Ok(UpsertedParty { action: UpsertAction::Updated, party }),
        Err(error) => {
            let error = explain(client, error, at, &draft.addresses).await;
            Err(match employer {
                Some(employer) if employer.created => stopped(error, &employer, "the party was not changed"),
                _ => error,
            })
        }
    }
}

// ---- filters ----

/// A filter as Capsule wants it, judged before anything but definitions is asked for.
pub(super) async fn filter(client: &Client, conditions: &[FilterClause], order_by: &[FilterOrder]) -> Result<Value, Error> {
    let mut faults = Vec::new();
    let mut clauses = Vec::new();
    for (index, clause) in conditions.iter().enumerate() {
        match clause {
            FilterClause::Condition(one) => clauses.push(condition(client, one, &format!("/conditions/{index}"), &mut faults).await?),
            FilterClause::AnyOf(all) => {
                let mut group = Vec::new();
                for (position, one) in all.iter().enumerate() {
                    group.push(condition(client, one, &format!("/conditions/{index}/{position}"), &mut faults).await?);
                }
                clauses.push(json!({ "conditions": group }));
            }
        }
    }
    let mut orders = Vec::new();
    for (index, order) in order_by.iter().enumerate() {
        match filter_field(client, &order.field, &format!("/orderBy/{index}/field")).await? {
            Ok(field) => orders.push(json!({"field": field.name, "direction": order.direction_or_default().to_json()})),
            Err(fault) => faults.push(fault),
        }
    }
    if !faults.is_empty() {
        return Err(Error::Permanent(PermanentError::InvalidInput(faults)));
    }
    let mut filter = Map::from_iter([("conditions".to_owned(), Value::Array(clauses))]);
    put_list(&mut filter, "orderBy", orders);
    Ok(Value::Object(filter))
}

/// A field of a filter, with its name as Capsule wants it.
struct Field {
    name: String,
    title: String,
    holds: FilterType,
    exact: bool,
}

/// The field of a filter that a name means.
async fn filter_field(client: &Client, name: &str, pointer: &str) -> Result<Result<Field, Violation>, Error> {
    let known = |field: &FilterField| Field { name: field.name.into(), title: field.title.into(), holds: field.holds, exact: field.exact };
    if let Some(field) = PARTY_FIELDS.iter().find(|field| field.name == name) {
        return Ok(Ok(known(field)));
    }
    let (prefix, custom) = match (name.strip_prefix("custom:"), name.strip_prefix("org.custom:")) {
        (Some(custom), _) => ("custom:", custom),
        (_, Some(custom)) => ("org.custom:", custom),
        _ => {
            // Names of answers that filters spell differently (API reference 4.1).
            let other = [("createdAt", "addedOn"), ("updatedAt", "updatedOn"), ("lastContactedAt", "lastContactedOn"), ("emailAddresses", "email"), ("phoneNumbers", "phone"), ("tags", "tag")];
            let near: Vec<&str> = match other.iter().find(|(answer, _)| *answer == name) {
                Some((_, filter)) => vec![filter],
                None => nearest(name, PARTY_FIELDS.iter().map(|field| field.name), 3),
            };
            let hint = if near.is_empty() {
                format!("there are {}, and custom fields as `custom:ID` or `custom:NAME`", PARTY_FIELDS.iter().map(|field| field.name).collect::<Vec<_>>().join(", "))
            } else {
                format!("did you mean {}? Custom fields are `custom:ID` or `custom:NAME`", near.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", "))
            };
            return Ok(Err(violation(pointer, "choice", format!("there is no filter field `{}`; {hint}", brief(name)))));
        }
    };
    let wanted = match custom.parse::<u64>() {
        Ok(id) => Ref::Id(id),
        Err(_) => Ref::Name(custom.to_owned()),
    };
    match client.definition(Entity::Parties, &wanted, pointer).await {
        Ok(definition) => Ok(Ok(Field {
            name: format!("{prefix}{}", definition.id),
            title: definition.name,
            holds: match definition.kind {
                FieldType::Number => FilterType::Number,
                FieldType::Date => FilterType::Date,
                FieldType::Boolean => FilterType::Boolean,
                FieldType::Text | FieldType::Link | FieldType::List | FieldType::MultiSelect => FilterType::Text,
            },
            exact: false,
        })),
        Err(Error::Permanent(PermanentError::InvalidInput(mut faults))) if faults.len() == 1 => {
            Ok(Err(faults.pop().unwrap_or_else(|| violation(pointer, "not-found", "there is no such custom field"))))
        }
        Err(error) => Err(error),
    }
}

async fn condition(client: &Client, condition: &FilterCondition, pointer: &str, faults: &mut Vec<Violation>) -> Result<Value, Error> {
    let field = match filter_field(client, &condition.field, &format!("{pointer}/field")).await? {
        Ok(field) => field,
        Err(fault) => {
            faults.push(fault);
            return Ok(Value::Null);
        }
    };
    let fitting = operators(field.holds, field.exact);
    let spelt = |operator: Op| operator.to_json().as_str().unwrap_or_default().to_owned();
    if !fitting.contains(&condition.operator) {
        let all: Vec<_> = fitting.iter().map(|operator| format!("`{}`", spelt(*operator))).collect();
        faults.push(violation(
            format!("{pointer}/operator"),
            "choice",
            format!("`{}` does not fit {}; there are {}", spelt(condition.operator), field.title.to_lowercase(), all.join(", ")),
        ));
    } else if let Some(expected) = misfit(&field, condition) {
        faults.push(violation(format!("{pointer}/value"), "type", format!("{} takes {expected} here", field.title.to_lowercase())));
    }
    let value = condition.value.clone().map_or(Value::Null, Json::to_json);
    Ok(json!({"field": field.name, "operator": condition.operator.to_json(), "value": value}))
}

/// What would fit, if the value does not.
fn misfit(field: &Field, condition: &FilterCondition) -> Option<&'static str> {
    let value = match (&condition.value, condition.operator) {
        (None, Op::Is | Op::IsNot) => return None,
        (None, _) => return Some("a value"),
        (Some(value), _) => value,
    };
    let (fits, expected) = match (field.holds, condition.operator) {
        (FilterType::Date, Op::IsOlderThan | Op::IsWithinLast | Op::IsWithinNext) => {
            (matches!(value, FilterValue::Number(days) if days.fract() == 0.0 && *days >= 0.0), "a whole number of days")
        }
        (FilterType::Date, _) => (matches!(value, FilterValue::Text(date) if is_date(date)), "a date `YYYY-MM-DD`"),
        (FilterType::Text, _) => (matches!(value, FilterValue::Text(_)), "a text"),
        (FilterType::Number, _) => (matches!(value, FilterValue::Number(number) if number.is_finite()), "a number"),
        (FilterType::Boolean, _) => (matches!(value, FilterValue::Boolean(_)), "true or false"),
        (FilterType::Reference, _) => (matches!(value, FilterValue::Number(_) | FilterValue::Text(_)), "an id or a name"),
    };
    (!fits).then_some(expected)
}
