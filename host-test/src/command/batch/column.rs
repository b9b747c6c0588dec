//! What a column means: by its heading, or by what the caller says of it.
//!
//! Headings are compared by their letters and digits alone, in lower case: `E-mail address`, `emailAddress` and `EMAIL_ADDRESS` are
//! one. What Capsule's own export writes is not documented, so what people commonly write is taken.

use std::fmt;

use crate::command::terminal::brief;

use super::pointer::Pointer;

/// What a table's rows are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// People.
    Person,
    /// Organisations.
    Organisation,
    /// Inputs of an operation that has no columns of its own: every column is mapped to a pointer.
    Other,
}

/// Which part of the record a column is.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Target {
    /// None: the caller said so.
    Nothing,
    /// A text of the record itself, by its JSON name.
    Text(&'static str),
    /// A person's whole name in one column.
    FullName,
    /// A record by its name.
    Name(&'static str),
    /// A record by its id.
    Id(&'static str),
    /// A record by its id if the cell is a number, by its name otherwise.
    NameOrId(&'static str),
    /// E-mail addresses.
    Email(Option<&'static str>),
    /// Phone numbers.
    Phone(Option<&'static str>),
    /// Websites: service and type.
    Website(Option<&'static str>, Option<&'static str>),
    /// A part of an address.
    Address(AddressKey, AddressPart),
    /// Tags.
    Tags,
    /// A custom field, by name or by id.
    Field(String, Cell),
    /// Any place.
    Pointer(Pointer, Cell),
}

/// Which of a record's addresses. Parts with an equal key make one address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct AddressKey {
    pub(crate) number: u32,
    pub(crate) kind: Option<&'static str>,
}

/// A part of an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum AddressPart {
    /// A line of the street, counted from 1.
    Street(u32),
    City,
    State,
    Zip,
    Country,
}

/// How a cell's text is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cell {
    Text,
    Number,
    Boolean,
    Options,
    Json,
}

impl Cell {
    const ALL: [(&'static str, Self); 5] = [
        ("text", Self::Text),
        ("number", Self::Number),
        ("boolean", Self::Boolean),
        ("options", Self::Options),
        ("json", Self::Json),
    ];

    /// Takes `:number` and the like off the end of a text.
    fn split(text: &str) -> (&str, Self) {
        if let Some((head, tail)) = text.rsplit_once(':')
            && let Some((_, cell)) = Self::ALL
                .iter()
                .find(|(name, _)| name.eq_ignore_ascii_case(tail.trim()))
        {
            return (head, *cell);
        }
        (text, Self::Text)
    }
}

/// Why a column's target is none.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Unknown(String);

impl fmt::Display for Unknown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What a heading means by itself; none if it is not known.
pub(crate) fn by_heading(heading: &str, kind: Kind) -> Option<Target> {
    if kind == Kind::Other {
        return None;
    }
    custom(heading).or_else(|| known(&letters(heading), kind))
}

/// What the right side of `--map COLUMN=...` means: a pointer into the record, a custom field, or a heading that is known.
pub(crate) fn by_word(word: &str, kind: Kind) -> Result<Target, Unknown> {
    let word = word.trim();
    if word.starts_with('/') {
        let (text, cell) = Cell::split(word);
        return match Pointer::parse(text) {
            Ok(pointer) => Ok(Target::Pointer(pointer, cell)),
            Err(error) => Err(Unknown(format!("`{}` is no pointer: {error}", brief(word)))),
        };
    }
    by_heading(word, kind).ok_or_else(|| {
        let known = match kind {
            Kind::Other => "this operation has no headings of its own, write a JSON pointer like `/description`",
            Kind::Person | Kind::Organisation => "write a heading like `Work Email`, a custom field like `field:NAME`, or a JSON pointer like `/about`",
        };
        Unknown(format!("`{}` is not known: {known}", brief(word)))
    })
}

/// `field:NAME`, `custom:ID`, each with a type at its end where the cell is no text.
fn custom(heading: &str) -> Option<Target> {
    let (prefix, rest) = heading.split_once(':')?;
    if !matches!(letters(prefix).as_str(), "field" | "custom" | "customfield") {
        return None;
    }
    let (name, cell) = Cell::split(rest);
    let name = name.trim();
    (!name.is_empty()).then(|| Target::Field(name.to_owned(), cell))
}

/// The letters and digits of a heading in lower case.
fn letters(heading: &str) -> String {
    heading
        .chars()
        .filter(|letter| letter.is_alphanumeric())
        .flat_map(char::to_lowercase)
        .collect()
}

/// A heading's letters to its meaning.
fn known(letters: &str, kind: Kind) -> Option<Target> {
    let plain = match (letters, kind) {
        ("firstname" | "givenname" | "forename" | "first", Kind::Person) => {
            Target::Text("firstName")
        }
        ("lastname" | "surname" | "familyname" | "last", Kind::Person) => Target::Text("lastName"),
        ("name" | "fullname" | "contactname" | "displayname", Kind::Person) => Target::FullName,
        ("title" | "salutation", Kind::Person) => Target::Text("title"),
        ("jobtitle" | "position", Kind::Person) => Target::Text("jobTitle"),
        (
            "organisation" | "organization" | "organisationname" | "organizationname" | "company"
            | "companyname" | "employer",
            Kind::Person,
        ) => Target::Name("organisation"),
        ("organisationid" | "organizationid" | "companyid", Kind::Person) => {
            Target::Id("organisation")
        }
        (
            "name" | "organisation" | "organization" | "organisationname" | "organizationname"
            | "company" | "companyname",
            Kind::Organisation,
        ) => Target::Text("name"),
        ("about" | "notes" | "note" | "description" | "comments" | "background", _) => {
            Target::Text("about")
        }
        ("owner" | "assignedto", _) => Target::NameOrId("owner"),
        ("ownerid", _) => Target::Id("owner"),
        ("team", _) => Target::NameOrId("team"),
        ("teamid", _) => Target::Id("team"),
        ("tags" | "tag" | "labels", _) => Target::Tags,
        _ => return rows(letters),
    };
    Some(plain)
}

/// Rows of a record: `workemail2`, `homeaddresscity`, `linkedin`.
fn rows(letters: &str) -> Option<Target> {
    if let Some((number, rest)) = numbered_address(letters) {
        return Some(Target::Address(
            AddressKey { number, kind: None },
            address_part(rest)?,
        ));
    }
    // A number at the end counts the rows: their order is that of the columns. At the end of a street it counts the lines.
    let (base, _) = split_number(letters);
    if let Some(kind) = email(base) {
        return Some(Target::Email(kind));
    }
    if let Some(kind) = phone(base) {
        return Some(Target::Phone(kind));
    }
    if let Some((service, kind)) = website(base) {
        return Some(Target::Website(service, kind));
    }
    let (kind, rest) = prefixed(
        letters,
        &[
            ("home", "Home"),
            ("private", "Home"),
            ("postal", "Postal"),
            ("mailing", "Postal"),
            ("office", "Office"),
            ("work", "Office"),
            ("business", "Office"),
            ("billing", "Billing"),
            ("invoice", "Billing"),
            ("shipping", "Shipping"),
            ("delivery", "Shipping"),
        ],
    );
    // `postalcode` is a postcode, not the code of a postal address.
    if let Some(part) = address_part(letters) {
        return Some(Target::Address(
            AddressKey {
                number: 1,
                kind: None,
            },
            part,
        ));
    }
    Some(Target::Address(
        AddressKey { number: 1, kind },
        address_part(rest)?,
    ))
}

/// The longest prefix that is there, and what follows it.
fn prefixed<'a>(
    letters: &'a str,
    prefixes: &[(&str, &'static str)],
) -> (Option<&'static str>, &'a str) {
    prefixes
        .iter()
        .find_map(|(prefix, kind)| letters.strip_prefix(prefix).map(|rest| (Some(*kind), rest)))
        .unwrap_or((None, letters))
}

const HOME_OR_WORK: [(&str, &str); 6] = [
    ("work", "Work"),
    ("business", "Work"),
    ("office", "Work"),
    ("home", "Home"),
    ("personal", "Home"),
    ("private", "Home"),
];

/// The type of an e-mail address; the outer none: it is none.
fn email(letters: &str) -> Option<Option<&'static str>> {
    let (kind, rest) = prefixed(letters, &HOME_OR_WORK);
    matches!(
        rest,
        "email" | "emailaddress" | "emails" | "emailaddresses" | "mail"
    )
    .then_some(kind)
}

fn phone(letters: &str) -> Option<Option<&'static str>> {
    let (kind, rest) = prefixed(letters, &HOME_OR_WORK);
    match rest {
        "phone" | "phonenumber" | "phones" | "phonenumbers" | "telephone" | "telephonenumber"
        | "tel" => Some(kind),
        "mobile" | "mobilephone" | "mobilenumber" | "mobilephonenumber" | "cell" | "cellphone" => {
            Some(Some("Mobile"))
        }
        "fax" | "faxnumber" => Some(Some("Fax")),
        "direct" | "directphone" | "directline" | "directdial" => Some(Some("Direct")),
        _ => None,
    }
}

/// The services that Capsule knows (API reference 3.1), by the letters of their names.
const SERVICES: [(&str, &str); 15] = [
    ("skype", "SKYPE"),
    ("twitter", "TWITTER"),
    ("linkedin", "LINKED_IN"),
    ("facebook", "FACEBOOK"),
    ("xing", "XING"),
    ("googleplus", "GOOGLE_PLUS"),
    ("flickr", "FLICKR"),
    ("github", "GITHUB"),
    ("youtube", "YOUTUBE"),
    ("instagram", "INSTAGRAM"),
    ("pinterest", "PINTEREST"),
    ("tiktok", "TIKTOK"),
    ("threads", "THREADS"),
    ("bluesky", "BLUESKY"),
    ("snapchat", "SNAPCHAT"),
];

fn website(letters: &str) -> Option<(Option<&'static str>, Option<&'static str>)> {
    let (kind, rest) = prefixed(letters, &HOME_OR_WORK);
    if matches!(
        rest,
        "website"
            | "websites"
            | "web"
            | "webaddress"
            | "websiteurl"
            | "websiteaddress"
            | "url"
            | "homepage"
            | "webpage"
    ) {
        return Some((None, kind));
    }
    // `homepage` has lost its first half by now.
    if letters == "homepage" {
        return Some((None, None));
    }
    SERVICES.iter().find_map(|(name, service)| {
        let rest = letters.strip_prefix(name)?;
        matches!(
            rest,
            "" | "url" | "profile" | "profileurl" | "account" | "name"
        )
        .then_some((Some(*service), None))
    })
}

fn address_part(letters: &str) -> Option<AddressPart> {
    let (base, number) = split_number(letters);
    let line = |number: Option<u32>| AddressPart::Street(number.unwrap_or(1));
    match base {
        "street" | "streetaddress" | "address" | "addressline" | "addressstreet" | "streetline" => {
            return Some(line(number));
        }
        _ if number.is_some() => return None,
        _ => {}
    }
    match base.strip_prefix("address").unwrap_or(base) {
        "city" | "town" => Some(AddressPart::City),
        "state" | "county" | "province" | "region" => Some(AddressPart::State),
        "postcode" | "zip" | "zipcode" | "postalcode" => Some(AddressPart::Zip),
        "country" => Some(AddressPart::Country),
        _ => None,
    }
}

/// `address2city`: the number stands inside. `address2` is the second line of the first address.
fn numbered_address(letters: &str) -> Option<(u32, &str)> {
    let rest = letters.strip_prefix("address")?;
    let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
    let (number, part) = rest.split_at_checked(digits)?;
    if part.is_empty() {
        return None;
    }
    Some((
        number
            .parse()
            .ok()
            .filter(|number| (1..=99).contains(number))?,
        part,
    ))
}

/// The number at the end, 1 to 99.
fn split_number(letters: &str) -> (&str, Option<u32>) {
    let base = letters.trim_end_matches(|letter: char| letter.is_ascii_digit());
    match letters[base.len()..].parse() {
        Ok(number) if (1..=99).contains(&number) && !base.is_empty() => (base, Some(number)),
        _ => (letters, None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn person(heading: &str) -> Option<Target> {
        by_heading(heading, Kind::Person)
    }

    fn address(kind: Option<&'static str>, part: AddressPart) -> Option<Target> {
        Some(Target::Address(AddressKey { number: 1, kind }, part))
    }

    #[test]
    fn headings_mean_the_same_however_they_are_written() {
        for heading in [
            "First Name",
            "first_name",
            "firstName",
            "FIRSTNAME",
            " First-Name ",
        ] {
            assert_eq!(
                person(heading),
                Some(Target::Text("firstName")),
                "{heading}"
            );
        }
        for heading in [
            "Email",
            "E-mail",
            "Email Address",
            "Email 2",
            "email_address_3",
            "Mail",
        ] {
            assert_eq!(person(heading), Some(Target::Email(None)), "{heading}");
        }
    }

    #[test]
    fn a_prefix_is_the_type_of_a_row() {
        let table = [
            ("Work Email", Target::Email(Some("Work"))),
            ("Home Email", Target::Email(Some("Home"))),
            ("Personal E-mail 2", Target::Email(Some("Home"))),
            ("Phone Number", Target::Phone(None)),
            ("Work Phone", Target::Phone(Some("Work"))),
            ("Mobile Phone", Target::Phone(Some("Mobile"))),
            ("Mobile", Target::Phone(Some("Mobile"))),
            ("Work Fax", Target::Phone(Some("Fax"))),
            ("Fax", Target::Phone(Some("Fax"))),
            ("Direct Line", Target::Phone(Some("Direct"))),
            ("Website", Target::Website(None, None)),
            ("Homepage", Target::Website(None, None)),
            ("Work Website", Target::Website(None, Some("Work"))),
            ("LinkedIn URL", Target::Website(Some("LINKED_IN"), None)),
            ("Twitter", Target::Website(Some("TWITTER"), None)),
        ];
        for (heading, target) in table {
            assert_eq!(person(heading), Some(target), "{heading}");
        }
    }

    #[test]
    fn parts_of_an_address_find_their_address() {
        let table = [
            ("Street", address(None, AddressPart::Street(1))),
            ("Address Street", address(None, AddressPart::Street(1))),
            ("Address Line 2", address(None, AddressPart::Street(2))),
            ("Address 2", address(None, AddressPart::Street(2))),
            ("Town", address(None, AddressPart::City)),
            ("Zip", address(None, AddressPart::Zip)),
            ("Postcode", address(None, AddressPart::Zip)),
            ("Postal Code", address(None, AddressPart::Zip)),
            (
                "Postal Address City",
                address(Some("Postal"), AddressPart::City),
            ),
            (
                "Work Country",
                address(Some("Office"), AddressPart::Country),
            ),
            (
                "Billing Address Street 2",
                address(Some("Billing"), AddressPart::Street(2)),
            ),
            (
                "Address 2 City",
                Some(Target::Address(
                    AddressKey {
                        number: 2,
                        kind: None,
                    },
                    AddressPart::City,
                )),
            ),
            ("City 2", None),
        ];
        for (heading, target) in table {
            assert_eq!(person(heading), target, "{heading}");
        }
    }

    #[test]
    fn a_custom_field_is_named_by_its_prefix_and_typed_by_its_end() {
        assert_eq!(
            person("field:Region"),
            Some(Target::Field("Region".into(), Cell::Text))
        );
        assert_eq!(
            person("Field: Net worth : number"),
            Some(Target::Field("Net worth".into(), Cell::Number))
        );
        assert_eq!(
            person("custom:46"),
            Some(Target::Field("46".into(), Cell::Text))
        );
        assert_eq!(
            person("field:a:b"),
            Some(Target::Field("a:b".into(), Cell::Text))
        );
        assert_eq!(person("field:"), None);
    }

    #[test]
    fn an_organisation_has_a_name_and_no_first_name() {
        assert_eq!(
            by_heading("Name", Kind::Organisation),
            Some(Target::Text("name"))
        );
        assert_eq!(
            by_heading("Company", Kind::Organisation),
            Some(Target::Text("name"))
        );
        assert_eq!(by_heading("First Name", Kind::Organisation), None);
        assert_eq!(person("Company"), Some(Target::Name("organisation")));
    }

    #[test]
    fn a_word_is_a_heading_a_field_or_a_pointer() {
        assert_eq!(
            by_word("Work Email", Kind::Person).unwrap(),
            Target::Email(Some("Work"))
        );
        let pointer = Pointer::parse("/party").unwrap();
        assert_eq!(
            by_word("/party:number", Kind::Other).unwrap(),
            Target::Pointer(pointer, Cell::Number)
        );
        assert!(
            by_word("Vorname", Kind::Person)
                .unwrap_err()
                .to_string()
                .contains("field:NAME")
        );
        assert!(
            by_word("First Name", Kind::Other)
                .unwrap_err()
                .to_string()
                .contains("JSON pointer")
        );
        assert!(by_word("/emailAddresses//address", Kind::Person).is_err());
    }

    proptest::proptest! {
        #[test]
        fn any_heading_is_known_or_not(heading in ".{0,40}") {
            for kind in [Kind::Person, Kind::Organisation, Kind::Other] {
                let _ = by_heading(&heading, kind);
                let _ = by_word(&heading, kind);
            }
        }

        #[test]
        fn a_heading_of_the_right_letters_never_panics(heading in "(work|home|address|postal|fax|email|street){0,3}[0-9²٣]{0,12}(city)?") {
            let _ = by_heading(&heading, Kind::Person);
        }
    }
}
