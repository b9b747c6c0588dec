//! The rows of a party: addresses, e-mail addresses, phone numbers, websites. Capsule appends what has no id, updates what has one and
//! removes what says `_delete` (API reference 2.3); merge, remove and replace are made of that.

use super::same;
use crate::bindings::capsule::crm::types::{Address, EmailAddress, PhoneNumber, Website};
use crate::bindings::integration::connector::types::Violation;
use serde_json::{Map, Value, json};

/// A row of a party.
pub(crate) trait Rows: Sized {
    /// Its id, once Capsule has stored it.
    fn id(&self) -> Option<u64>;
    /// It stands for the same thing.
    fn equals(&self, other: &Self) -> bool;
    /// What is given, as Capsule spells it, without the id.
    fn given(&self) -> Vec<(&'static str, &str)>;

    /// As a row to add.
    fn body(&self) -> Map<String, Value> {
        self.given().into_iter().map(|(key, value)| (key.to_owned(), Value::from(value))).collect()
    }

    /// What of the wanted row the current one does not have.
    fn difference(&self, wanted: &Self) -> Map<String, Value> {
        let current = self.given();
        wanted.given().into_iter().filter(|pair| !current.contains(pair)).map(|(key, value)| (key.to_owned(), Value::from(value))).collect()
    }
}

/// The pairs that are there.
fn pairs<'a, const N: usize>(all: [(&'static str, Option<&'a str>); N]) -> Vec<(&'static str, &'a str)> {
    all.into_iter().filter_map(|(key, value)| Some((key, value?))).collect()
}

impl Rows for EmailAddress {
    fn id(&self) -> Option<u64> {
        self.id
    }
    fn equals(&self, other: &Self) -> bool {
        same(&self.address, &other.address)
    }
    fn given(&self) -> Vec<(&'static str, &str)> {
        pairs([("type", self.type_.as_deref()), ("address", Some(&self.address))])
    }
}

/// The digits of a phone number.
pub(crate) fn digits(number: &str) -> String {
    number.chars().filter(char::is_ascii_digit).collect()
}

impl Rows for PhoneNumber {
    fn id(&self) -> Option<u64> {
        self.id
    }
    fn equals(&self, other: &Self) -> bool {
        let (one, two) = (digits(&self.number), digits(&other.number));
        if one.is_empty() { same(&self.number, &other.number) } else { one == two }
    }
    fn given(&self) -> Vec<(&'static str, &str)> {
        pairs([("type", self.type_.as_deref()), ("number", Some(&self.number))])
    }
}

impl Rows for Website {
    fn id(&self) -> Option<u64> {
        self.id
    }
    fn equals(&self, other: &Self) -> bool {
        same(self.service_or_default(), other.service_or_default()) && same(&self.address, &other.address)
    }
    fn given(&self) -> Vec<(&'static str, &str)> {
        pairs([("service", Some(self.service_or_default())), ("type", self.type_.as_deref()), ("address", Some(&self.address))])
    }
}

impl Address {
    fn parts(&self) -> [(&'static str, Option<&str>); 5] {
        [
            ("street", self.street.as_deref()),
            ("city", self.city.as_deref()),
            ("state", self.state.as_deref()),
            ("zip", self.zip.as_deref()),
            ("country", self.country.as_deref()),
        ]
    }

    /// Has every part that the other one gives.
    pub(crate) fn has_parts_of(&self, other: &Self) -> bool {
        let given = other.parts().iter().any(|(_, part)| part.is_some()) || other.type_.is_some();
        let parts = self.parts().iter().zip(other.parts()).all(|((_, mine), (_, part))| part.is_none_or(|part| same(mine.unwrap_or_default(), part)));
        let kind = other.type_.as_deref().is_none_or(|kind| same(self.type_.as_deref().unwrap_or_default(), kind));
        given && parts && kind
    }
}

impl Rows for Address {
    fn id(&self) -> Option<u64> {
        self.id
    }
    fn equals(&self, other: &Self) -> bool {
        self.parts().iter().zip(other.parts()).all(|((_, one), (_, two))| same(one.unwrap_or_default(), two.unwrap_or_default()))
    }
    fn given(&self) -> Vec<(&'static str, &str)> {
        let [street, city, state, zip, country] = self.parts();
        pairs([("type", self.type_.as_deref()), street, city, state, zip, country])
    }
}

/// The rows to send so that the wanted state comes about; repeating it on that state sends nothing.
///
/// # Errors
/// A violation, with its pointer below the collection, for `replace` beside `merge` or `remove`, or an id that the record does not have.
pub(crate) fn changed_rows<T: Rows>(
    current: &[T],
    merge: &[T],
    remove: bool,
    goes: impl Fn(&T) -> bool,
    replace: Option<&[T]>,
) -> Result<Vec<Value>, Violation> {
    if replace.is_some() && (remove || !merge.is_empty()) {
        return Err(Violation {
            pointer: "/replace".into(),
            message: "`replace` says all there is: it can't stand beside `merge` or `remove`".into(),
            rule: "range".into(),
        });
    }
    let (wanted, name) = replace.map_or((merge, "merge"), |all| (all, "replace"));
    let mut out = Vec::new();
    let mut kept: Vec<u64> = Vec::new();
    let mut added: Vec<&T> = Vec::new();
    for (index, row) in wanted.iter().enumerate() {
        let found = match row.id() {
            Some(id) => Some(current.iter().find(|one| one.id() == Some(id)).ok_or_else(|| Violation {
                pointer: format!("/{name}/{index}/id"),
                message: format!("the record has no row {id} here; leave the id out to add one"),
                rule: "not-found".into(),
            })?),
            None => current.iter().find(|one| one.equals(row)),
        };
        match found {
            Some(one) => {
                let id = one.id().unwrap_or_default();
                let mut difference = one.difference(row);
                kept.push(id);
                if !difference.is_empty() {
                    difference.insert("id".into(), id.into());
                    out.push(Value::Object(difference));
                }
            }
            // Twice in the list is once in Capsule.
            None if added.iter().any(|one| one.equals(row)) => {}
            None => {
                added.push(row);
                out.push(Value::Object(row.body()));
            }
        }
    }
    for one in current {
        let id = one.id().unwrap_or_default();
        if !kept.contains(&id) && (replace.is_some() || goes(one)) {
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
        EmailAddress { id, type_: kind.map(ToOwned::to_owned), address: address.into() }
    }

    fn current() -> Vec<EmailAddress> {
        vec![email(Some(1), Some("Work"), "ines@lagoa.example"), email(Some(2), None, "old@lagoa.example")]
    }

    #[test]
    fn merge_adds_what_is_new_and_updates_what_differs() {
        let merge = [
            email(None, Some("Home"), "INES@lagoa.example"),
            email(None, None, "new@lagoa.example"),
            email(None, None, "New@lagoa.example"),
            email(None, None, "old@lagoa.example"),
        ];
        let rows = changed_rows(&current(), &merge, false, |_| false, None).unwrap();
        assert_eq!(rows, [json!({"id": 1, "type": "Home", "address": "INES@lagoa.example"}), json!({"address": "new@lagoa.example"})]);
    }

    #[test]
    fn replace_takes_away_what_is_not_named() {
        let all = [email(None, None, "ines@lagoa.example")];
        let rows = changed_rows(&current(), &[], false, |_| false, Some(&all)).unwrap();
        assert_eq!(rows, [json!({"id": 2, "_delete": true})]);
        let none: [EmailAddress; 0] = [];
        assert_eq!(changed_rows(&current(), &[], false, |_| false, Some(&none)).unwrap().len(), 2);
    }

    #[test]
    fn what_is_removed_but_not_there_sends_nothing() {
        let rows = changed_rows(&current(), &[], true, |row| same(&row.address, "nobody@lagoa.example"), None).unwrap();
        assert!(rows.is_empty());
    }

    #[test]
    fn replace_beside_merge_and_unknown_ids_are_refused() {
        let one = [email(None, None, "a@b.example")];
        assert_eq!(changed_rows(&current(), &one, false, |_| false, Some(&one)).unwrap_err().pointer, "/replace");
        let stranger = [email(Some(9), None, "a@b.example")];
        assert_eq!(changed_rows(&current(), &stranger, false, |_| false, None).unwrap_err().pointer, "/merge/0/id");
    }

    #[test]
    fn phones_are_compared_by_digits_and_addresses_by_their_parts() {
        let phone = |number: &str| PhoneNumber { id: None, type_: None, number: number.into() };
        assert!(phone("+351 912-345").equals(&phone("351912345")));
        assert!(!phone("+351 912-345").equals(&phone("351912346")));
        assert!(phone("ext").equals(&phone("EXT")));
        let address = |city: Option<&str>, zip: Option<&str>| Address {
            id: None,
            type_: None,
            street: None,
            city: city.map(ToOwned::to_owned),
            state: None,
            zip: zip.map(ToOwned::to_owned),
            country: None,
        };
        assert!(address(Some("Porto"), Some("4000")).has_parts_of(&address(Some("porto"), None)));
        assert!(!address(Some("Porto"), Some("4000")).has_parts_of(&address(None, None)), "nothing given removes nothing");
        assert!(!address(Some("Porto"), None).equals(&address(Some("Porto"), Some("4000"))));
    }

    /// What Capsule makes of rows that are sent.
    fn apply(mut current: Vec<EmailAddress>, rows: &[Value]) -> Vec<EmailAddress> {
        for row in rows {
            let id = row.get("id").and_then(Value::as_u64);
            let text = |key: &str| row.get(key).and_then(Value::as_str).map(ToOwned::to_owned);
            match id {
                Some(id) if row.get("_delete").is_some() => current.retain(|one| one.id != Some(id)),
                Some(id) => {
                    for one in current.iter_mut().filter(|one| one.id == Some(id)) {
                        one.address = text("address").unwrap_or_else(|| one.address.clone());
                        one.type_ = text("type").or_else(|| one.type_.clone());
                    }
                }
                None => {
                    let next = current.iter().filter_map(|one| one.id).max().unwrap_or_default() + 1;
                    current.push(email(Some(next), text("type").as_deref(), &text("address").unwrap_or_default()));
                }
            }
        }
        current
    }

    proptest! {
        #[test]
        fn repeating_a_change_sends_nothing(
            stored in proptest::collection::btree_set("[a-c]{1,2}", 0..4),
            wanted in proptest::collection::vec(("[a-cA-C]{1,2}", proptest::option::of("Home|Work")), 0..5),
            replace: bool,
        ) {
            let current: Vec<_> = stored.iter().zip(1..).map(|(address, id)| email(Some(id), None, address)).collect();
            // Two wanted rows that mean one address but want different types never settle: the last one wins each time.
            let mut rows: Vec<EmailAddress> = Vec::new();
            for (address, kind) in wanted {
                if !rows.iter().any(|row| same(&row.address, &address)) {
                    rows.push(email(None, kind.as_deref(), &address));
                }
            }
            let change = |current: &[EmailAddress]| {
                if replace { changed_rows(current, &[], false, |_| false, Some(&rows)) } else { changed_rows(current, &rows, false, |_| false, None) }.unwrap()
            };
            let after = apply(current.clone(), &change(&current));
            prop_assert_eq!(change(&after), Vec::<Value>::new());
            for row in &rows {
                prop_assert!(after.iter().any(|one| one.equals(row)));
            }
            if replace {
                prop_assert_eq!(after.len(), rows.len());
            }
        }
    }
}
