//! The rows of a party: addresses, phone numbers, email addresses, websites (API reference 3.1, sub-models).

use serde_json::{Value, json};

use super::super::countries;
use super::super::input::Input;
use super::super::nested::Row;

/// A postal address.
#[derive(Clone, Debug, PartialEq)]
pub(in super::super) struct Address {
    pub(in super::super) id: u64,
    pub(in super::super) kind: Option<String>,
    pub(in super::super) street: Option<String>,
    pub(in super::super) city: Option<String>,
    pub(in super::super) state: Option<String>,
    /// A name of Capsule's list.
    pub(in super::super) country: Option<&'static str>,
    pub(in super::super) zip: Option<String>,
}

impl Row for Address {
    const KEY: &'static str = "addresses";
    const RESOURCE: &'static str = "address";

    fn blank(id: u64) -> Address {
        Address {
            id,
            kind: None,
            street: None,
            city: None,
            state: None,
            country: None,
            zip: None,
        }
    }

    fn id(&self) -> u64 {
        self.id
    }

    fn merge(&mut self, input: &mut Input<'_>) {
        input.choice(
            "type",
            &["Home", "Postal", "Office", "Billing", "Shipping"],
            &mut self.kind,
        );
        input.text("street", &mut self.street);
        input.text("city", &mut self.city);
        input.text("state", &mut self.state);
        input.text("zip", &mut self.zip);
        let mut country = self.country.map(str::to_owned);
        input.text("country", &mut country);
        match country.as_deref() {
            None | Some("") => self.country = None,
            Some(name) => match countries::by_name(name) {
                Some(country) => self.country = Some(country.name),
                None => input.fault("country", "unknown country"),
            },
        }
    }

    fn render(&self) -> Value {
        json!({
            "id": self.id,
            "type": self.kind,
            "street": self.street,
            "city": self.city,
            "state": self.state,
            "country": self.country,
            "zip": self.zip,
        })
    }
}

/// A phone number. Its type is free text: traces show that Capsule takes any (API reference 3.1).
#[derive(Clone, Debug, PartialEq)]
pub(in super::super) struct PhoneNumber {
    pub(in super::super) id: u64,
    pub(in super::super) kind: Option<String>,
    pub(in super::super) number: String,
}

impl Row for PhoneNumber {
    const KEY: &'static str = "phoneNumbers";
    const RESOURCE: &'static str = "phoneNumber";

    fn blank(id: u64) -> PhoneNumber {
        PhoneNumber {
            id,
            kind: None,
            number: String::new(),
        }
    }

    fn id(&self) -> u64 {
        self.id
    }

    fn merge(&mut self, input: &mut Input<'_>) {
        input.text("type", &mut self.kind);
        input.required_text("number", &mut self.number);
    }

    fn render(&self) -> Value {
        json!({ "id": self.id, "type": self.kind, "number": self.number })
    }
}

/// An email address. Its type is free text, like a phone number's.
#[derive(Clone, Debug, PartialEq)]
pub(in super::super) struct EmailAddress {
    pub(in super::super) id: u64,
    pub(in super::super) kind: Option<String>,
    pub(in super::super) address: String,
}

impl Row for EmailAddress {
    const KEY: &'static str = "emailAddresses";
    const RESOURCE: &'static str = "emailAddress";

    fn blank(id: u64) -> EmailAddress {
        EmailAddress {
            id,
            kind: None,
            address: String::new(),
        }
    }

    fn id(&self) -> u64 {
        self.id
    }

    fn merge(&mut self, input: &mut Input<'_>) {
        input.text("type", &mut self.kind);
        input.required_text("address", &mut self.address);
    }

    fn render(&self) -> Value {
        json!({ "id": self.id, "type": self.kind, "address": self.address })
    }
}

/// The services of a website, in the order of the refusal's text (API reference 2.11).
const SERVICES: [&str; 17] = [
    "URL",
    "SKYPE",
    "TWITTER",
    "LINKED_IN",
    "FACEBOOK",
    "XING",
    "FEED",
    "GOOGLE_PLUS",
    "FLICKR",
    "GITHUB",
    "YOUTUBE",
    "INSTAGRAM",
    "PINTEREST",
    "TIKTOK",
    "THREADS",
    "BLUESKY",
    "SNAPCHAT",
];

/// A website or a social account.
#[derive(Clone, Debug, PartialEq)]
pub(in super::super) struct Website {
    pub(in super::super) id: u64,
    pub(in super::super) kind: Option<String>,
    pub(in super::super) service: String,
    pub(in super::super) address: String,
}

impl Website {
    /// The link that Capsule generates.
    fn url(&self) -> String {
        let address = self.address.as_str();
        if address.starts_with("http://") || address.starts_with("https://") {
            return address.to_owned();
        }
        match self.service.as_str() {
            "SKYPE" => format!("skype:{address}?call"),
            "TWITTER" => format!("https://twitter.com/{address}"),
            "GITHUB" => format!("https://github.com/{address}"),
            "YOUTUBE" => format!("https://www.youtube.com/{address}"),
            "INSTAGRAM" => format!("https://www.instagram.com/{address}"),
            "PINTEREST" => format!("https://www.pinterest.com/{address}"),
            _ => format!("http://{address}"),
        }
    }
}

impl Row for Website {
    const KEY: &'static str = "websites";
    const RESOURCE: &'static str = "website";

    fn blank(id: u64) -> Website {
        Website {
            id,
            kind: None,
            service: "URL".to_owned(),
            address: String::new(),
        }
    }

    fn id(&self) -> u64 {
        self.id
    }

    fn merge(&mut self, input: &mut Input<'_>) {
        input.choice("type", &["Home", "Work"], &mut self.kind);
        let mut service = Some(self.service.clone());
        input.choice("service", &SERVICES, &mut service);
        self.service = service.unwrap_or_else(|| "URL".to_owned());
        input.required_text("address", &mut self.address);
    }

    fn render(&self) -> Value {
        json!({
            "id": self.id,
            "type": self.kind,
            "address": self.address,
            "service": self.service,
            "url": self.url(),
        })
    }
}
