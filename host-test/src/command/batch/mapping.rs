//! From a row's cells to the record that an operation takes, and back from a place in that record to the column it came from.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use anyhow::{Result, bail};
use serde_json::{Map, Value, json};

use crate::command::terminal::brief;

use super::column::{AddressKey, AddressPart, Cell, Kind, Target, by_heading, by_word};
use super::pointer::{Growing, escape};

/// What every column of a table means.
#[derive(Debug)]
pub(crate) struct Mapping {
    columns: Vec<Column>,
}

#[derive(Debug)]
struct Column {
    heading: String,
    index: usize,
    /// None: it has no heading, and must be empty.
    target: Option<Target>,
}

/// The choices of the caller.
#[derive(Debug, Default)]
pub(crate) struct Choices<'a> {
    /// Column, and what it means.
    pub(crate) map: &'a [(String, String)],
    /// Columns that mean nothing.
    pub(crate) ignore: &'a [String],
    /// The key of the input under which the record stands: pointers may begin with it.
    pub(crate) record: Option<&'static str>,
}

/// A row's record.
#[derive(Debug)]
pub(crate) struct Record {
    /// Of the operation's input, or the part of it that describes the record.
    pub(crate) value: Value,
    /// Which column each value came from, by its pointer in `value`.
    origins: BTreeMap<String, String>,
}

/// What is wrong with a cell.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct CellFault {
    /// Where its value would have stood.
    pub(crate) pointer: String,
    /// A sentence that names the column.
    pub(crate) message: String,
}

/// A row with cells that are wrong.
#[derive(Debug)]
pub(crate) struct Misfit {
    /// Of the other cells: enough to say which row it is.
    pub(crate) record: Record,
    pub(crate) faults: Vec<CellFault>,
}

impl Mapping {
    /// Finds what each column means. Every column that is not known is told, with the way out.
    pub(crate) fn new(headings: &[String], kind: Kind, choices: &Choices<'_>) -> Result<Self> {
        for wanted in choices
            .map
            .iter()
            .map(|(column, _)| column)
            .chain(choices.ignore)
        {
            if !headings.iter().any(|heading| is_named(heading, wanted)) {
                let all: Vec<_> = headings
                    .iter()
                    .map(|heading| format!("`{}`", brief(heading)))
                    .collect();
                bail!(
                    "there is no column `{}`; there are: {}",
                    brief(wanted),
                    all.join(", ")
                );
            }
        }
        let mut columns = Vec::with_capacity(headings.len());
        let mut unknown: Vec<&str> = Vec::new();
        for (index, heading) in headings.iter().enumerate() {
            let target = if choices
                .ignore
                .iter()
                .any(|wanted| is_named(heading, wanted))
            {
                Some(Target::Nothing)
            } else if let Some((_, word)) = choices
                .map
                .iter()
                .find(|(wanted, _)| is_named(heading, wanted))
            {
                match by_word(word, kind) {
                    Ok(Target::Pointer(pointer, cell)) => {
                        let pointer = choices
                            .record
                            .map_or(pointer.clone(), |record| pointer.within(record));
                        Some(Target::Pointer(pointer, cell))
                    }
                    Ok(target) => Some(target),
                    Err(error) => bail!("--map {}: {error}", brief(heading)),
                }
            } else if heading.is_empty() {
                None
            } else {
                let target = by_heading(heading, kind);
                if target.is_none() {
                    unknown.push(heading);
                }
                target
            };
            columns.push(Column {
                heading: heading.clone(),
                index,
                target,
            });
        }
        if !unknown.is_empty() {
            bail!(not_known(&unknown, kind));
        }
        for (index, column) in columns.iter().enumerate() {
            if let Some(other) = columns
                .get(..index)
                .unwrap_or_default()
                .iter()
                .find(|other| is_same_place(&other.target, &column.target))
            {
                bail!(
                    "the columns `{}` and `{}` mean the same: leave one out with --ignore, or say with --map what it is",
                    brief(&other.heading),
                    brief(&column.heading)
                );
            }
        }
        // Pointers come last and in their order, because they may add to what the other columns make.
        columns.sort_by(|a, b| place(&a.target).cmp(&place(&b.target)));
        Ok(Self { columns })
    }

    /// The record of a row. Empty cells are left out: they change nothing.
    pub(crate) fn record(&self, cells: &[String]) -> Result<Record, Misfit> {
        let mut row = RowReader::default();
        for column in &self.columns {
            let cell = cells.get(column.index).map_or("", |cell| cell.trim());
            if !cell.is_empty() {
                row.take(column, cell);
            }
        }
        row.finish()
    }
}

fn place(target: &Option<Target>) -> Option<&super::pointer::Pointer> {
    match target {
        Some(Target::Pointer(pointer, _)) => Some(pointer),
        _ => None,
    }
}

fn is_named(heading: &str, wanted: &str) -> bool {
    let wanted = wanted.trim();
    heading == wanted || heading.to_lowercase() == wanted.to_lowercase()
}

/// Whether two columns would be written to one place. E-mail addresses, phone numbers, websites and tags gather instead.
fn is_same_place(one: &Option<Target>, other: &Option<Target>) -> bool {
    use Target as T;
    match (one, other) {
        (Some(one), Some(other)) => match (one, other) {
            (T::Text(a), T::Text(b)) => a == b,
            (T::Name(a) | T::Id(a) | T::NameOrId(a), T::Name(b) | T::Id(b) | T::NameOrId(b)) => {
                a == b
            }
            (T::FullName, T::FullName) => true,
            (T::Address(a, b), T::Address(c, d)) => a == c && b == d,
            (T::Field(a, _), T::Field(b, _)) => a.to_lowercase() == b.to_lowercase(),
            (T::Pointer(a, _), T::Pointer(b, _)) => a == b,
            _ => false,
        },
        _ => false,
    }
}

fn not_known(unknown: &[&str], kind: Kind) -> String {
    let shell = |text: &str| format!("'{}'", brief(text).replace('\'', "'\\''"));
    let ignore: Vec<_> = unknown
        .iter()
        .take(20)
        .map(|heading| format!("--ignore {}", shell(heading)))
        .collect();
    let first = brief(unknown.first().copied().unwrap_or_default());
    let mut text = match unknown.len() {
        1 => format!("the column `{first}` is not known"),
        count => {
            let all: Vec<_> = unknown
                .iter()
                .take(20)
                .map(|heading| format!("`{}`", brief(heading)))
                .collect();
            format!("{count} columns are not known: {}", all.join(", "))
        }
    };
    let _ = write!(text, "\n  leave out:  {}", ignore.join(" "));
    let examples: &[&str] = match kind {
        Kind::Other => &["/description", "/party:number"],
        Kind::Person | Kind::Organisation => &["Work Email", "field:NAME", "/about"],
    };
    for example in examples {
        let _ = write!(
            text,
            "\n  or map:     --map {}",
            shell(&format!("{first}={example}"))
        );
    }
    text
}

/// One row on its way to a record.
#[derive(Default)]
struct RowReader<'a> {
    record: Map<String, Value>,
    origins: BTreeMap<String, String>,
    addresses: BTreeMap<AddressKey, Address>,
    full_name: Option<(&'a Column, String)>,
    pointers: Vec<(&'a Column, Value)>,
    faults: Vec<CellFault>,
}

#[derive(Default)]
struct Address {
    parts: BTreeMap<AddressPart, (String, String)>,
}

impl<'a> RowReader<'a> {
    fn take(&mut self, column: &'a Column, cell: &str) {
        match &column.target {
            Some(Target::Nothing) => {}
            None => {
                let message = format!("column {} has a value and no heading", column.index + 1);
                self.faults.push(CellFault {
                    pointer: String::new(),
                    message,
                });
            }
            Some(Target::Text(field)) => self.put(column, field, cell.into()),
            Some(Target::Name(field)) => self.put(column, field, cell.into()),
            Some(Target::NameOrId(field)) => {
                let value = id(cell).map_or_else(|| Value::from(cell), Value::from);
                self.put(column, field, value);
            }
            Some(Target::Id(field)) => match id(cell) {
                Some(id) => self.put(column, field, id.into()),
                None => self.fault(column, format!("/{field}"), cell, "is not an id"),
            },
            Some(Target::FullName) => self.full_name = Some((column, cell.to_owned())),
            Some(Target::Email(kind)) => {
                for address in parts(cell, &[';', ',', '\n', '\r']) {
                    if is_email(address) {
                        self.row(
                            column,
                            "emailAddresses",
                            "address",
                            address,
                            &[("type", *kind)],
                            |text| text.to_lowercase(),
                        );
                    } else {
                        self.fault(
                            column,
                            "/emailAddresses".into(),
                            address,
                            "is not an e-mail address",
                        );
                    }
                }
            }
            Some(Target::Phone(kind)) => {
                for number in parts(cell, &[';', '\n', '\r']) {
                    self.row(
                        column,
                        "phoneNumbers",
                        "number",
                        number,
                        &[("type", *kind)],
                        |text| {
                            // A number without any digit is compared as it is written.
                            let digits: String =
                                text.chars().filter(char::is_ascii_digit).collect();
                            if digits.is_empty() {
                                text.to_lowercase()
                            } else {
                                digits
                            }
                        },
                    );
                }
            }
            Some(Target::Website(service, kind)) => {
                // No semicolon: it may stand in a URL.
                for address in parts(cell, &['\n', '\r', ' ']) {
                    self.row(
                        column,
                        "websites",
                        "address",
                        address,
                        &[("service", *service), ("type", *kind)],
                        |text| text.to_lowercase(),
                    );
                }
            }
            Some(Target::Address(key, part)) => {
                self.addresses
                    .entry(*key)
                    .or_default()
                    .parts
                    .insert(*part, (cell.to_owned(), column.heading.clone()));
            }
            Some(Target::Tags) => {
                for tag in parts(cell, &[';', ',', '\n', '\r']) {
                    self.tag(column, tag);
                }
            }
            Some(Target::Field(name, kind)) => match value(cell, *kind) {
                Ok(value) => {
                    let fields = self
                        .record
                        .entry("fields")
                        .or_insert_with(|| Value::Object(Map::new()));
                    if let Some(fields) = fields.as_object_mut() {
                        fields.insert(name.clone(), value);
                    }
                    self.origins
                        .insert(format!("/fields/{}", escape(name)), column.heading.clone());
                }
                Err(wrong) => self.fault(column, format!("/fields/{}", escape(name)), cell, wrong),
            },
            Some(Target::Pointer(_, kind)) => match value(cell, *kind) {
                Ok(value) => self.pointers.push((column, value)),
                Err(wrong) => self.fault(column, String::new(), cell, wrong),
            },
        }
    }

    fn finish(mut self) -> Result<Record, Misfit> {
        self.whole_name();
        for (key, address) in std::mem::take(&mut self.addresses) {
            self.address(key, address);
        }
        let mut growing = Growing::new(Value::Object(self.record));
        for (column, value) in self.pointers {
            let Some(Target::Pointer(pointer, _)) = &column.target else {
                continue;
            };
            match growing.set(pointer, value) {
                Ok(at) => {
                    self.origins.insert(at, column.heading.clone());
                }
                Err(error) => self.faults.push(CellFault {
                    pointer: String::new(),
                    message: format!(
                        "column `{}` can't be put where its pointer says: {error}",
                        brief(&column.heading)
                    ),
                }),
            }
        }
        let record = Record {
            value: growing.finish(),
            origins: self.origins,
        };
        if self.faults.is_empty() {
            Ok(record)
        } else {
            Err(Misfit {
                record,
                faults: self.faults,
            })
        }
    }

    fn put(&mut self, column: &Column, field: &str, value: Value) {
        self.record.insert(field.to_owned(), value);
        self.origins
            .insert(format!("/{field}"), column.heading.clone());
    }

    fn fault(&mut self, column: &Column, pointer: String, given: &str, wrong: &str) {
        self.faults.push(CellFault {
            pointer,
            message: format!(
                "column `{}`: `{}` {wrong}",
                brief(&column.heading),
                brief(given)
            ),
        });
    }

    /// Adds a row to one of the record's lists, unless an equal one is there: then it lends that one what it knows more.
    fn row(
        &mut self,
        column: &Column,
        list: &str,
        field: &str,
        text: &str,
        more: &[(&str, Option<&'static str>)],
        canonical: impl Fn(&str) -> String,
    ) {
        let rows = self
            .record
            .entry(list)
            .or_insert_with(|| Value::Array(Vec::new()));
        let Some(rows) = rows.as_array_mut() else {
            return;
        };
        let more = more
            .iter()
            .filter_map(|(key, value)| value.map(|value| (*key, value)));
        let wanted = canonical(text);
        let there = rows
            .iter_mut()
            .filter_map(Value::as_object_mut)
            .find(|row| {
                row.get(field)
                    .and_then(Value::as_str)
                    .is_some_and(|there| canonical(there) == wanted)
            });
        match there {
            Some(row) => {
                for (key, value) in more {
                    row.entry(key).or_insert_with(|| value.into());
                }
            }
            None => {
                let mut row = Map::from_iter([(field.to_owned(), Value::from(text))]);
                row.extend(more.map(|(key, value)| (key.to_owned(), Value::from(value))));
                self.origins
                    .insert(format!("/{list}/{}", rows.len()), column.heading.clone());
                rows.push(Value::Object(row));
            }
        }
    }

    fn tag(&mut self, column: &Column, tag: &str) {
        let tags = self
            .record
            .entry("tags")
            .or_insert_with(|| Value::Array(Vec::new()));
        let Some(tags) = tags.as_array_mut() else {
            return;
        };
        if !tags.iter().any(|there| {
            there
                .as_str()
                .is_some_and(|there| there.to_lowercase() == tag.to_lowercase())
        }) {
            self.origins
                .insert(format!("/tags/{}", tags.len()), column.heading.clone());
            tags.push(tag.into());
        }
    }

    fn address(&mut self, key: AddressKey, address: Address) {
        let addresses = self
            .record
            .entry("addresses")
            .or_insert_with(|| Value::Array(Vec::new()));
        let Some(addresses) = addresses.as_array_mut() else {
            return;
        };
        let at = format!("/addresses/{}", addresses.len());
        let mut row = Map::new();
        if let Some(kind) = key.kind {
            row.insert("type".into(), kind.into());
        }
        let mut street: Vec<String> = Vec::new();
        for (part, (text, heading)) in address.parts {
            let field = match part {
                AddressPart::Street(_) => {
                    street.push(text);
                    self.origins
                        .entry(format!("{at}/street"))
                        .or_insert(heading);
                    continue;
                }
                AddressPart::City => "city",
                AddressPart::State => "state",
                AddressPart::Zip => "zip",
                AddressPart::Country => "country",
            };
            row.insert(field.into(), text.into());
            self.origins.insert(format!("{at}/{field}"), heading);
        }
        if !street.is_empty() {
            row.insert("street".into(), street.join("\n").into());
        }
        addresses.push(Value::Object(row));
    }

    /// A person's name in one cell, where no other cell has told a part of it: the last word is the family name. The whole name, by which
    /// people are found again, is the same wherever it is cut.
    fn whole_name(&mut self) {
        let Some((column, name)) = self.full_name.take() else {
            return;
        };
        if self.record.contains_key("firstName") || self.record.contains_key("lastName") {
            return;
        }
        match name.rsplit_once(char::is_whitespace) {
            Some((first, last)) => {
                self.put(column, "firstName", first.trim().into());
                self.put(column, "lastName", last.into());
            }
            None => self.put(column, "firstName", name.into()),
        }
    }
}

/// The parts of a cell, trimmed, none of them empty.
fn parts<'c>(cell: &'c str, between: &'c [char]) -> impl Iterator<Item = &'c str> {
    cell.split(between)
        .map(str::trim)
        .filter(|part| !part.is_empty())
}

/// One `@` with something on both sides. Whether more is needed Capsule knows.
fn is_email(text: &str) -> bool {
    let whole = !text
        .chars()
        .any(|letter| letter.is_whitespace() || letter.is_control());
    whole
        && text
            .split_once('@')
            .is_some_and(|(user, host)| !user.is_empty() && !host.is_empty() && !host.contains('@'))
}

fn id(cell: &str) -> Option<u64> {
    cell.bytes()
        .all(|byte| byte.is_ascii_digit())
        .then(|| cell.parse().ok())
        .flatten()
}

/// A cell's value, or what is wrong with it.
fn value(cell: &str, kind: Cell) -> Result<Value, &'static str> {
    match kind {
        Cell::Text => Ok(cell.into()),
        Cell::Number => match (cell.parse::<i64>(), cell.parse::<f64>()) {
            (Ok(whole), _) => Ok(whole.into()),
            (_, Ok(number)) if number.is_finite() => Ok(json!(number)),
            _ => Err("is not a number like 1234.5"),
        },
        Cell::Boolean => match cell.to_lowercase().as_str() {
            "true" | "yes" | "y" | "1" | "x" | "on" => Ok(true.into()),
            "false" | "no" | "n" | "0" | "off" => Ok(false.into()),
            _ => Err("is neither yes nor no"),
        },
        Cell::Options => Ok(parts(cell, &[';', '\n', '\r']).collect::<Vec<_>>().into()),
        Cell::Json => serde_json::from_str(cell).map_err(|_| "is not JSON"),
    }
}

impl Record {
    /// The columns that a place came from: the place itself, what it stands in, or what stands in it.
    pub(crate) fn columns(&self, pointer: &str) -> Vec<&str> {
        let mut place = pointer;
        while !place.is_empty() {
            if let Some(heading) = self.origins.get(place) {
                return vec![heading];
            }
            let inside = format!("{place}/");
            let mut inner: Vec<&str> = Vec::new();
            for (_, heading) in self
                .origins
                .range(inside.clone()..)
                .take_while(|(at, _)| at.starts_with(&inside))
            {
                if !inner.contains(&heading.as_str()) {
                    inner.push(heading);
                }
            }
            if !inner.is_empty() {
                return inner;
            }
            place = place.rsplit_once('/').map_or("", |(head, _)| head);
        }
        Vec::new()
    }

    /// The texts of one field in the rows of one list.
    pub(crate) fn texts<'r>(&'r self, list: &str, field: &'r str) -> impl Iterator<Item = &'r str> {
        let rows = self
            .value
            .get(list)
            .and_then(Value::as_array)
            .map_or(&[][..], Vec::as_slice);
        rows.iter()
            .filter_map(move |row| row.get(field).and_then(Value::as_str))
            .filter(|text| !text.trim().is_empty())
    }

    /// A text of the record itself.
    pub(crate) fn text(&self, field: &str) -> Option<&str> {
        self.value
            .get(field)
            .and_then(Value::as_str)
            .map(str::trim)
            .filter(|text| !text.is_empty())
    }

    /// The whole name, of whichever kind of record.
    pub(crate) fn name(&self) -> Option<String> {
        if let Some(name) = self.text("name") {
            return Some(name.to_owned());
        }
        let names: Vec<&str> = ["firstName", "lastName"]
            .into_iter()
            .filter_map(|field| self.text(field))
            .collect();
        (!names.is_empty()).then(|| names.join(" "))
    }

    /// Whether no cell of the row had a value.
    pub(crate) fn is_empty(&self) -> bool {
        self.origins.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mapping(headings: &[&str], map: &[(&str, &str)]) -> Result<Mapping> {
        let headings: Vec<String> = headings
            .iter()
            .map(|heading| (*heading).to_owned())
            .collect();
        let map: Vec<_> = map
            .iter()
            .map(|(column, word)| ((*column).to_owned(), (*word).to_owned()))
            .collect();
        Mapping::new(
            &headings,
            Kind::Person,
            &Choices {
                map: &map,
                ignore: &[],
                record: Some("person"),
            },
        )
    }

    fn record(columns: &[(&str, &str)]) -> Result<Record, Misfit> {
        let headings: Vec<&str> = columns.iter().map(|(heading, _)| *heading).collect();
        let cells: Vec<String> = columns.iter().map(|(_, cell)| (*cell).to_owned()).collect();
        mapping(&headings, &[]).unwrap().record(&cells)
    }

    #[test]
    fn a_row_becomes_the_record_that_the_operation_takes() {
        let record = record(&[
            ("First Name", " Zoë "),
            ("Last Name", "O'Neill"),
            ("Company", "Lagoa Foods"),
            ("Email", "zoe@lagoa.example; z@home.example"),
            ("Work Email", "ZOE@lagoa.example"),
            ("Mobile", "+351 000"),
            ("Street", "1 High St"),
            ("Address Line 2", "2nd floor"),
            ("City", "Lisbon"),
            ("Home Address City", "Porto"),
            ("Tags", "VIP; Wholesale, vip"),
            ("Owner", "31"),
            ("field:Newsletter:boolean", "Yes"),
            ("custom:46", "x"),
            ("Notes", ""),
        ])
        .unwrap();
        assert_eq!(
            record.value,
            json!({
                "firstName": "Zoë",
                "lastName": "O'Neill",
                "organisation": "Lagoa Foods",
                "emailAddresses": [{"address": "zoe@lagoa.example", "type": "Work"}, {"address": "z@home.example"}],
                "phoneNumbers": [{"number": "+351 000", "type": "Mobile"}],
                "addresses": [{"street": "1 High St\n2nd floor", "city": "Lisbon"}, {"type": "Home", "city": "Porto"}],
                "tags": ["VIP", "Wholesale"],
                "owner": 31,
                "fields": {"Newsletter": true, "46": "x"},
            })
        );
        assert_eq!(record.name().as_deref(), Some("Zoë O'Neill"));
    }

    #[test]
    fn a_place_in_the_record_leads_back_to_its_column() {
        let record = record(&[
            ("Email", "a@x.example"),
            ("Email 2", "b@x.example"),
            ("Country", "Atlantis"),
            ("Name", "Ann Lee"),
        ])
        .unwrap();
        assert_eq!(record.columns("/emailAddresses/1/address"), ["Email 2"]);
        assert_eq!(record.columns("/emailAddresses"), ["Email", "Email 2"]);
        assert_eq!(record.columns("/addresses/0/country"), ["Country"]);
        assert_eq!(record.columns("/lastName"), ["Name"]);
        assert!(record.columns("/jobTitle").is_empty());
        assert!(record.columns("").is_empty());
    }

    #[test]
    fn a_whole_name_gives_way_to_its_parts() {
        let both = record(&[("Name", "Ann Lee"), ("First Name", "Anna")]).unwrap();
        assert_eq!(both.value, json!({"firstName": "Anna"}));
        assert_eq!(
            record(&[("Name", "Ann Mary Lee")]).unwrap().value,
            json!({"firstName": "Ann Mary", "lastName": "Lee"})
        );
        assert_eq!(
            record(&[("Name", "Cher")]).unwrap().value,
            json!({"firstName": "Cher"})
        );
    }

    #[test]
    fn a_wrong_cell_is_told_with_its_column() {
        let faults = record(&[
            ("Email", "a@x.example;not an address"),
            ("field:Score:number", "many"),
            ("Owner ID", "Ann"),
        ])
        .unwrap_err()
        .faults;
        let told: Vec<_> = faults.iter().map(|fault| fault.message.as_str()).collect();
        assert_eq!(told.len(), 3, "{told:?}");
        assert!(
            told.iter().any(|message| message.contains("column `Email`")
                && message.contains("`not an address`")),
            "{told:?}"
        );
    }

    #[test]
    fn columns_that_are_not_known_are_told_all_at_once_with_the_way_out() {
        let error = mapping(&["First Name", "Shoe size", "Zodiac"], &[])
            .unwrap_err()
            .to_string();
        for part in [
            "`Shoe size`",
            "`Zodiac`",
            "--ignore 'Shoe size' --ignore 'Zodiac'",
            "--map 'Shoe size=field:NAME'",
        ] {
            assert!(error.contains(part), "{part} is missing in {error}");
        }
    }

    #[test]
    fn a_column_is_mapped_by_what_the_caller_says() {
        let mapping = mapping(
            &["Vorname", "Art", "Mail"],
            &[
                ("vorname", "First Name"),
                ("Art", "/person/emailAddresses/0/type"),
            ],
        )
        .unwrap();
        let record = mapping
            .record(&["Jörg".into(), "Home".into(), "j@x.example".into()])
            .unwrap();
        assert_eq!(
            record.value,
            json!({"firstName": "Jörg", "emailAddresses": [{"address": "j@x.example", "type": "Home"}]})
        );
    }

    #[test]
    fn two_columns_for_one_place_are_refused_and_two_for_a_list_gather() {
        assert!(
            mapping(&["First Name", "Given Name"], &[])
                .unwrap_err()
                .to_string()
                .contains("mean the same")
        );
        assert!(mapping(&["Owner", "Owner ID"], &[]).is_err());
        assert!(mapping(&["Email", "Email"], &[]).is_ok());
    }

    #[test]
    fn a_mapped_column_that_is_not_there_is_an_error_that_lists_the_columns() {
        let error = mapping(&["First Name"], &[("Vorname", "First Name")])
            .unwrap_err()
            .to_string();
        assert!(
            error.contains("`Vorname`") && error.contains("`First Name`"),
            "{error}"
        );
    }

    #[test]
    fn a_value_without_a_heading_is_no_silent_loss() {
        let mapping = mapping(&["First Name", ""], &[]).unwrap();
        assert!(mapping.record(&["Ann".into(), String::new()]).is_ok());
        assert!(
            mapping
                .record(&["Ann".into(), "lost?".into()])
                .unwrap_err()
                .faults[0]
                .message
                .contains("column 2")
        );
    }

    proptest::proptest! {
        #[test]
        fn a_hostile_table_becomes_records_or_faults(
            bytes in proptest::collection::vec(proptest::prelude::any::<char>(), 0..200),
            known in "(email|name|street 2|field:a:number|tags|first name|address 2 city|,|;|\n|\"|=cmd){0,30}",
        ) {
            let text: String = known.chars().chain(bytes).collect();
            let Ok(table) = super::super::table::read(text.as_bytes(), None) else { return Ok(()) };
            for kind in [Kind::Person, Kind::Organisation] {
                let ignore: Vec<String> = table.headings.iter().filter(|heading| by_heading(heading, kind).is_none()).cloned().collect();
                let Ok(mapping) = Mapping::new(&table.headings, kind, &Choices { ignore: &ignore, ..Choices::default() }) else { continue };
                for row in &table.rows {
                    if let Ok(cells) = &row.cells
                        && let Ok(record) = mapping.record(cells)
                    {
                        let _ = record.name();
                        for pointer in ["", "/", "/emailAddresses/0/address", "//"] {
                            let _ = record.columns(pointer);
                        }
                    }
                }
            }
        }
    }
}
