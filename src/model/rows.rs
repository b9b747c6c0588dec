//! The rows of a party: addresses, e-mail addresses, phone numbers, websites. Capsule appends what has no id, updates what has one and
//! removes what says `_delete` (API reference 2.3); merge, remove and replace are made of that. All kinds of rows are brought to one form
//! first, so that there is one way to compare them.

use super::same;
use crate::bindings::capsule::crm::types::{Address, EmailAddress, PhoneNumber, Website};
use crate::bindings::integration::connector::types::Violation;
use serde_json::{Map, Value, json};

/// The service of a website that names none (API reference 3.1).
const USUAL_SERVICE: &str = "URL";

/// A row of a party, of whichever kind.
#[derive(Clone, Debug)]
pub(crate) struct Row<'a> {
    id: Option<u64>,
    /// What is given, by Capsule's name. A blank text stands for nothing, as a form leaves it.
    parts: Vec<(&'static str, &'a str)>,
}

impl<'a> Row<'a> {
    fn new<const N: usize>(id: Option<u64>, parts: [(&'static str, Option<&'a str>); N]) -> Self {
        Self {
            id,
            parts: parts
                .into_iter()
                .filter_map(|(key, part)| Some((key, part?)))
                .collect(),
        }
    }

    /// What is known of a row that is not wanted any more.
    pub(crate) fn known_by(key: &'static str, part: &'a str) -> Self {
        Self {
            id: None,
            parts: vec![(key, part)],
        }
    }

    fn names(&self, key: &str) -> bool {
        self.parts.iter().any(|(name, _)| *name == key)
    }

    fn part(&self, key: &str) -> &'a str {
        let part = self
            .parts
            .iter()
            .find(|(name, _)| *name == key)
            .map_or("", |(_, part)| part.trim());
        if part.is_empty() && key == "service" {
            USUAL_SERVICE
        } else {
            part
        }
    }

    /// It stands for the same thing, whatever it is for.
    pub(crate) fn equals(&self, other: &Self) -> bool {
        let mut keys = self.parts.iter().chain(&other.parts).map(|(key, _)| *key);
        keys.all(|key| key == "type" || alike(key, self.part(key), other.part(key)))
    }

    /// It has all that is given of another one, its id among it. Where nothing is given, nothing is meant.
    pub(crate) fn has(&self, given: &Self) -> bool {
        let mut parts = given
            .parts
            .iter()
            .filter(|(_, part)| !part.trim().is_empty())
            .peekable();
        (given.id.is_some() || parts.peek().is_some())
            && given.id.is_none_or(|id| self.id == Some(id))
            && parts.all(|(key, part)| alike(key, self.part(key), part))
    }

    /// As a row to add. What is required is sent as it is given: Capsule tells what is wrong with it.
    pub(crate) fn body(&self) -> Map<String, Value> {
        let mut body = Map::new();
        for (key, part) in &self.parts {
            match (*key, part.trim().is_empty()) {
                ("service", true) => body.insert((*key).to_owned(), USUAL_SERVICE.into()),
                ("address" | "number", _) | (_, false) => {
                    body.insert((*key).to_owned(), (*part).into())
                }
                (_, true) => None,
            };
        }
        body
    }

    /// What of the wanted row this one does not have. A part that is given as blank is taken away.
    fn difference(&self, wanted: &Self) -> Map<String, Value> {
        let mut body = Map::new();
        for (key, part) in &wanted.parts {
            let blank = part.trim().is_empty();
            // Of an e-mail address that is named by itself, letters in another case are no difference: two callers that write it differently
            // would rewrite each other for ever. Websites have a service.
            let email = *key == "address" && wanted.id.is_none() && !wanted.names("service");
            let stands = if email {
                same(self.part(key), part)
            } else {
                self.part(key) == part.trim()
            };
            if (blank && *key == "service") || stands {
                continue;
            }
            body.insert(
                (*key).to_owned(),
                if blank { Value::Null } else { (*part).into() },
            );
        }
        body
    }

    /// The row to send so that this one becomes as wanted; none if it is so already, or if it has no id to be sent with.
    fn update(&self, wanted: &Self) -> Option<Value> {
        let mut body = self.difference(wanted);
        if body.is_empty() {
            return None;
        }
        body.insert("id".into(), self.id?.into());
        Some(Value::Object(body))
    }

    /// What becomes of this row when the wanted one is written over it.
    fn after(&self, wanted: &Self) -> Self {
        let mut parts = wanted.parts.clone();
        parts.extend(
            self.parts
                .iter()
                .filter(|(key, _)| !wanted.parts.iter().any(|(name, _)| name == key)),
        );
        Self { id: self.id, parts }
    }
}

/// Parts are compared without regard to case, phone numbers by their digits.
fn alike(key: &str, one: &str, other: &str) -> bool {
    if key == "number" {
        same_number(one, other)
    } else {
        same(one, other)
    }
}

/// The digits of a phone number.
pub(crate) fn digits(number: &str) -> String {
    number.chars().filter(char::is_ascii_digit).collect()
}

/// The same digits, or the same text where there are none.
pub(crate) fn same_number(one: &str, other: &str) -> bool {
    let digits = |number| str::chars(number).filter(char::is_ascii_digit);
    if digits(one).next().is_none() {
        same(one, other)
    } else {
        digits(one).eq(digits(other))
    }
}

impl<'a> From<&'a EmailAddress> for Row<'a> {
    fn from(row: &'a EmailAddress) -> Self {
        Self::new(
            row.id,
            [
                ("type", row.type_.as_deref()),
                ("address", Some(&row.address)),
            ],
        )
    }
}

impl<'a> From<&'a PhoneNumber> for Row<'a> {
    fn from(row: &'a PhoneNumber) -> Self {
        Self::new(
            row.id,
            [
                ("type", row.type_.as_deref()),
                ("number", Some(&row.number)),
            ],
        )
    }
}

impl<'a> From<&'a Website> for Row<'a> {
    fn from(row: &'a Website) -> Self {
        let service = row.service.as_deref().unwrap_or_default();
        Self::new(
            row.id,
            [
                ("service", Some(service)),
                ("type", row.type_.as_deref()),
                ("address", Some(&row.address)),
            ],
        )
    }
}

impl<'a> From<&'a Address> for Row<'a> {
    fn from(row: &'a Address) -> Self {
        Self::new(
            row.id,
            [
                ("type", row.type_.as_deref()),
                ("street", row.street.as_deref()),
                ("city", row.city.as_deref()),
                ("state", row.state.as_deref()),
                ("zip", row.zip.as_deref()),
                ("country", row.country.as_deref()),
            ],
        )
    }
}

/// Rows of one kind in the one form.
pub(crate) fn rows<'a, T>(list: &'a [T]) -> Vec<Row<'a>>
where
    Row<'a>: From<&'a T>,
{
    list.iter().map(Row::from).collect()
}

/// Which of the rows that are not wanted are taken away.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Gone<'a> {
    /// Those that have all that is given of one of these.
    Known(&'a [Row<'a>]),
    /// All of them.
    Rest,
}

/// The rows to send so that the wanted ones are there; repeated on what comes of it, nothing is sent. Rows that are equal are one, and the
/// first that is wanted decides. What is wanted is not taken away.
///
/// # Errors
/// A violation, with its pointer below the wanted rows, for an id that the record does not have, or that stands twice.
pub(crate) fn changed_rows(
    current: &[Row<'_>],
    wanted: &[Row<'_>],
    gone: Gone<'_>,
) -> Result<Vec<Value>, Violation> {
    let mut out = Vec::new();
    let mut taken = vec![false; current.len()];
    let mut settled: Vec<Row<'_>> = Vec::new();
    // Rows with an id come first, so that no other one takes what they mean.
    for (index, row) in wanted.iter().enumerate() {
        let Some(id) = row.id else { continue };
        let fault = |rule: &str, message: String| Violation {
            pointer: format!("/{index}/id"),
            message,
            rule: rule.to_owned(),
        };
        let mut slots = current.iter().zip(taken.iter_mut());
        let Some((one, taken)) = slots.find(|(one, _)| one.id == Some(id)) else {
            return Err(fault(
                "not-found",
                format!("the record has no row {id} here; leave the id out to add one"),
            ));
        };
        if *taken {
            return Err(fault("unique", format!("the row {id} stands twice")));
        }
        *taken = true;
        out.extend(one.update(row));
        settled.push(one.after(row));
    }
    for row in wanted.iter().filter(|row| row.id.is_none()) {
        let mut best: Option<(&Row<'_>, &mut bool)> = None;
        for (one, taken) in current
            .iter()
            .zip(taken.iter_mut())
            .filter(|(one, taken)| !**taken && one.equals(row))
        {
            let exact = one.difference(row).is_empty();
            if exact || best.is_none() {
                best = Some((one, taken));
            }
            if exact {
                break;
            }
        }
        match best {
            // Another wanted row is this one already.
            best if settled.iter().any(|one| one.equals(row))
                && best
                    .as_ref()
                    .is_none_or(|(one, _)| !one.difference(row).is_empty()) =>
            {
                continue;
            }
            Some((one, taken)) => {
                *taken = true;
                out.extend(one.update(row));
            }
            None => out.push(Value::Object(row.body())),
        }
        settled.push(row.clone());
    }
    for (one, taken) in current.iter().zip(taken) {
        let goes = match gone {
            Gone::Rest => true,
            Gone::Known(all) => all.iter().any(|given| one.has(given)),
        };
        if let (Some(id), true) = (one.id, goes && !taken) {
            out.push(json!({"id": id, "_delete": true}));
        }
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn email(id: Option<u64>, kind: Option<&str>, address: &str) -> EmailAddress {
        EmailAddress {
            id,
            type_: kind.map(ToOwned::to_owned),
            address: address.into(),
        }
    }

    fn phone(number: &str) -> PhoneNumber {
        PhoneNumber {
            id: None,
            type_: None,
            number: number.into(),
        }
    }

    fn website(id: Option<u64>, service: Option<&str>, address: &str) -> Website {
        Website {
            id,
            service: service.map(ToOwned::to_owned),
            address: address.into(),
            type_: None,
            url: None,
        }
    }

    fn address(id: Option<u64>, city: Option<&str>, zip: Option<&str>) -> Address {
        let owned = |text: Option<&str>| text.map(ToOwned::to_owned);
        Address {
            id,
            type_: None,
            street: None,
            city: owned(city),
            state: None,
            zip: owned(zip),
            country: None,
        }
    }

    fn current() -> Vec<EmailAddress> {
        vec![
            email(Some(1), Some("Work"), "ines@lagoa.example"),
            email(Some(2), None, "old@lagoa.example"),
        ]
    }

    fn merged(current: &[EmailAddress], wanted: &[EmailAddress]) -> Result<Vec<Value>, Violation> {
        changed_rows(&rows(current), &rows(wanted), Gone::Known(&[]))
    }

    #[test]
    fn merge_adds_what_is_new_and_updates_what_differs() {
        let wanted = [
            email(None, Some("Home"), "INES@lagoa.example"),
            email(None, None, "new@lagoa.example"),
            email(None, None, "New@lagoa.example"),
            email(None, None, "old@lagoa.example"),
        ];
        assert_eq!(
            merged(&current(), &wanted).unwrap(),
            [
                json!({"id": 1, "type": "Home"}),
                json!({"address": "new@lagoa.example"})
            ]
        );
    }

    #[test]
    fn replace_takes_away_what_is_not_named() {
        let current = current();
        let wanted = [email(None, None, "ines@lagoa.example")];
        let sent = changed_rows(&rows(&current), &rows(&wanted), Gone::Rest).unwrap();
        assert_eq!(sent, [json!({"id": 2, "_delete": true})]);
        assert_eq!(
            changed_rows(&rows(&current), &[], Gone::Rest)
                .unwrap()
                .len(),
            2
        );
    }

    #[test]
    fn what_is_removed_but_not_there_sends_nothing() {
        let nobody = [Row::known_by("address", "nobody@lagoa.example")];
        assert!(
            changed_rows(&rows(&current()), &[], Gone::Known(&nobody))
                .unwrap()
                .is_empty()
        );
    }

    #[test]
    fn what_is_wanted_is_not_taken_away() {
        let wanted = [email(None, None, "ines@lagoa.example")];
        let gone = [
            Row::known_by("address", "ines@lagoa.example"),
            Row::known_by("address", "old@lagoa.example"),
        ];
        let sent = changed_rows(&rows(&current()), &rows(&wanted), Gone::Known(&gone)).unwrap();
        assert_eq!(sent, [json!({"id": 2, "_delete": true})]);
    }

    #[test]
    fn an_id_that_is_not_there_or_stands_twice_is_refused() {
        let stranger = merged(&current(), &[email(Some(9), None, "a@b.example")]).unwrap_err();
        assert_eq!(
            (stranger.pointer.as_str(), stranger.rule.as_str()),
            ("/0/id", "not-found")
        );
        let twice = merged(
            &current(),
            &[
                email(Some(1), None, "a@b.example"),
                email(Some(1), None, "c@d.example"),
            ],
        )
        .unwrap_err();
        assert_eq!(
            (twice.pointer.as_str(), twice.rule.as_str()),
            ("/1/id", "unique")
        );
    }

    #[test]
    fn of_two_wanted_rows_that_are_equal_the_first_decides() {
        let wanted = [
            email(None, Some("Home"), "new@lagoa.example"),
            email(None, Some("Work"), "New@lagoa.example"),
        ];
        assert_eq!(
            merged(&[], &wanted).unwrap(),
            [json!({"type": "Home", "address": "new@lagoa.example"})]
        );
    }

    #[test]
    fn two_stored_rows_that_are_equal_are_both_kept_where_both_are_wanted() {
        let stored = [
            email(Some(1), Some("Work"), "a@b.example"),
            email(Some(2), Some("Home"), "a@b.example"),
        ];
        let wanted = [
            email(None, Some("Home"), "a@b.example"),
            email(None, Some("Work"), "a@b.example"),
        ];
        assert!(
            changed_rows(&rows(&stored), &rows(&wanted), Gone::Rest)
                .unwrap()
                .is_empty()
        );
    }

    #[test]
    fn a_row_that_is_named_by_id_is_not_taken_by_its_former_value() {
        let stored = [email(Some(1), None, "a@b.example")];
        let wanted = [
            email(None, None, "a@b.example"),
            email(Some(1), None, "c@d.example"),
        ];
        assert_eq!(
            merged(&stored, &wanted).unwrap(),
            [
                json!({"id": 1, "address": "c@d.example"}),
                json!({"address": "a@b.example"})
            ]
        );
    }

    #[test]
    fn a_service_that_is_left_out_is_the_usual_one_in_a_new_row_and_stays_in_an_old_one() {
        let new = [website(None, None, "https://lagoa.example")];
        assert_eq!(
            changed_rows(&[], &rows(&new), Gone::Rest).unwrap(),
            [json!({"service": "URL", "address": "https://lagoa.example"})]
        );
        let stored = [website(Some(3), Some("TWITTER"), "lagoa")];
        let renamed = [website(Some(3), None, "lagoafoods")];
        assert_eq!(
            changed_rows(&rows(&stored), &rows(&renamed), Gone::Rest).unwrap(),
            [json!({"id": 3, "address": "lagoafoods"})]
        );
    }

    #[test]
    fn websites_are_equal_by_service_and_address() {
        let row = |service, address| website(None, service, address);
        for (one, other, equal) in [
            (
                row(Some("URL"), "lagoa.example"),
                row(None, "LAGOA.example"),
                true,
            ),
            (
                row(Some("TWITTER"), "lagoa"),
                row(Some("twitter"), "lagoa"),
                true,
            ),
            (
                row(Some("TWITTER"), "lagoa"),
                row(Some("GITHUB"), "lagoa"),
                false,
            ),
        ] {
            assert_eq!(
                Row::from(&one).equals(&Row::from(&other)),
                equal,
                "{one:?} {other:?}"
            );
        }
    }

    #[test]
    fn phone_numbers_are_equal_by_their_digits() {
        for (one, other, equal) in [
            ("+351 912-345", "351912345", true),
            ("+351 912-345", "351912346", false),
            ("ext", "EXT", true),
            ("ext", "5", false),
            ("5", "ext", false),
        ] {
            assert_eq!(
                Row::from(&phone(one)).equals(&Row::from(&phone(other))),
                equal,
                "{one} {other}"
            );
        }
    }

    #[test]
    fn an_address_is_equal_by_its_parts_and_known_by_some_of_them() {
        let porto = address(Some(7), Some("Porto"), Some("4000"));
        let porto = Row::from(&porto);
        for (given, known) in [
            (address(None, Some("porto"), None), true),
            (address(None, Some("porto"), Some(" ")), true),
            (address(None, Some("Lisboa"), None), false),
            (address(Some(7), None, None), true),
            (address(Some(8), Some("Porto"), None), false),
            (address(None, None, None), false),
            (address(None, Some(""), None), false),
        ] {
            assert_eq!(porto.has(&Row::from(&given)), known, "{given:?}");
        }
        assert!(!porto.equals(&Row::from(&address(None, Some("Porto"), None))));
        assert!(porto.equals(&Row::from(&address(None, Some("PORTO"), Some("4000")))));
    }

    #[test]
    fn a_blank_part_is_left_out_of_a_new_row_and_taken_away_from_an_old_one() {
        let blank = [address(None, Some("Porto"), Some(""))];
        assert_eq!(
            changed_rows(&[], &rows(&blank), Gone::Rest).unwrap(),
            [json!({"city": "Porto"})]
        );
        let stored = [address(Some(7), Some("Porto"), Some("4000"))];
        let cleared = [address(Some(7), Some("Porto"), Some(""))];
        assert_eq!(
            changed_rows(&rows(&stored), &rows(&cleared), Gone::Rest).unwrap(),
            [json!({"id": 7, "zip": null})]
        );
    }

    #[test]
    fn a_stored_row_without_an_id_is_left_alone() {
        let stored = [email(None, None, "a@b.example")];
        assert!(
            changed_rows(&rows(&stored), &[], Gone::Rest)
                .unwrap()
                .is_empty()
        );
    }

    /// What Capsule makes of rows that are sent.
    fn apply(mut current: Vec<EmailAddress>, sent: &[Value]) -> Vec<EmailAddress> {
        for row in sent {
            let id = row.get("id").and_then(Value::as_u64);
            let text = |key: &str| row.get(key).and_then(Value::as_str).map(ToOwned::to_owned);
            match id {
                Some(id) if row.get("_delete").is_some() => {
                    current.retain(|one| one.id != Some(id))
                }
                Some(id) => {
                    for one in current.iter_mut().filter(|one| one.id == Some(id)) {
                        one.address = text("address").unwrap_or_else(|| one.address.clone());
                        one.type_ = text("type").or_else(|| one.type_.clone());
                    }
                }
                None => {
                    let next = current
                        .iter()
                        .filter_map(|one| one.id)
                        .max()
                        .unwrap_or_default()
                        + 1;
                    current.push(email(
                        Some(next),
                        text("type").as_deref(),
                        &text("address").unwrap_or_default(),
                    ));
                }
            }
        }
        current
    }

    fn any_email(ids: std::ops::Range<u64>) -> impl Strategy<Value = EmailAddress> {
        (
            proptest::option::weighted(0.3, ids),
            proptest::option::of("Home|Work"),
            "[a-cA-C]",
        )
            .prop_map(|(id, kind, address)| email(id, kind.as_deref(), &address))
    }

    proptest! {
        #[test]
        fn repeating_a_change_sends_nothing(
            stored in proptest::collection::vec((proptest::option::of("Home|Work"), "[a-cA-C]"), 0..4),
            wanted in proptest::collection::vec(any_email(1..5), 0..5),
            gone in proptest::collection::vec("[a-c]", 0..2),
            replace: bool,
        ) {
            let current: Vec<_> = stored.iter().zip(1..).map(|((kind, address), id)| email(Some(id), kind.as_deref(), address)).collect();
            let known: Vec<_> = gone.iter().map(|address| Row::known_by("address", address)).collect();
            let gone = if replace { Gone::Rest } else { Gone::Known(&known) };
            let change = |current: &[EmailAddress]| changed_rows(&rows(current), &rows(&wanted), gone);
            // Ids that are not there, or stand twice, are refused.
            if let Ok(sent) = change(&current) {
                let after = apply(current, &sent);
                prop_assert_eq!(change(&after), Ok(Vec::new()), "{:?}", after);
                for row in &wanted {
                    prop_assert!(after.iter().any(|one| Row::from(one).equals(&Row::from(row))));
                }
                if replace {
                    prop_assert!(after.len() <= wanted.len());
                }
            }
        }
    }
}
