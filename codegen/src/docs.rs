//! Doc comments: prose for people, then lines with tags.

use crate::refusal::Refusal;

/// A doc comment, taken apart.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Doc {
    /// The first paragraph, on one line, without its full stop: for menus.
    pub(crate) title: String,
    /// What follows the first paragraph; paragraphs stand apart by an empty line.
    pub(crate) help: String,
    /// All of the prose.
    pub(crate) prose: String,
    pub(crate) tags: Tags,
}

/// What the lines with `@` say.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Tags {
    pub(crate) json: Option<String>,
    pub(crate) values: Vec<String>,
    pub(crate) format: Option<String>,
    pub(crate) default: Option<String>,
    pub(crate) range: Option<(i64, i64)>,
    /// Kind of the choices, and the field that they depend on.
    pub(crate) choices: Option<(String, Option<String>)>,
    pub(crate) scopes: Vec<String>,
    pub(crate) aliases: Vec<String>,
    pub(crate) administrator: bool,
    pub(crate) effect: Option<String>,
    /// An input, as JSON on one line.
    pub(crate) example: Option<String>,
    /// Of an interface: its functions are exported, and are no operations.
    pub(crate) events: bool,
    /// Of a variant: its cases are triggers.
    pub(crate) triggers: bool,
    /// Of a variant: its cases are what events carry.
    pub(crate) data: bool,
    /// Id of a trigger.
    pub(crate) trigger: Option<String>,
    /// The vendor's events behind a trigger.
    pub(crate) hooks: Vec<String>,
    /// Where a trigger is polled.
    pub(crate) feed: Option<String>,
    /// The case of the `@data` variant that a trigger's events carry.
    pub(crate) gives: Option<String>,
    pub(crate) group: Option<String>,
}

/// What a doc comment stands on: each place takes tags of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    Interface,
    Function,
    Record,
    Enum,
    EnumCase,
    Variant,
    Case,
    Field,
}

impl Place {
    fn takes(self) -> &'static [&'static str] {
        match self {
            Self::Interface => &["alias", "events"],
            Self::Function => &["scope", "administrator", "effect", "example"],
            Self::Record | Self::Enum => &[],
            Self::EnumCase => &["json"],
            Self::Variant => &["json", "triggers", "data"],
            Self::Case => &[
                "json",
                "values",
                "format",
                "range",
                "choices",
                "trigger",
                "alias",
                "hook",
                "feed",
                "gives",
                "group",
                "scope",
                "administrator",
            ],
            Self::Field => &["json", "values", "format", "default", "range", "choices"],
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Interface => "an interface",
            Self::Function => "a function",
            Self::Record => "a record",
            Self::Enum => "an enum",
            Self::EnumCase => "a case of an enum",
            Self::Variant => "a variant",
            Self::Case => "a case of a variant",
            Self::Field => "a field",
        }
    }
}

/// Every tag that there is.
const TAGS: &[&str] = &[
    "json",
    "values",
    "format",
    "default",
    "range",
    "choices",
    "scope",
    "alias",
    "administrator",
    "events",
    "triggers",
    "data",
    "trigger",
    "hook",
    "feed",
    "gives",
    "group",
    "effect",
    "example",
];

/// Tags that say all by being there.
const PLAIN: &[&str] = &["administrator", "events", "triggers", "data"];

/// Formats of JSON Schema that are used. The check holds the first two, the others are hints for forms.
const FORMATS: &[&str] = &["date", "date-time", "email", "uri"];

/// Takes a doc comment apart. `owner` names the item in refusals.
pub(crate) fn read(text: Option<&str>, owner: &str, place: Place) -> Result<Doc, Refusal> {
    let text = text.unwrap_or_default();
    let mut tags = Tags::default();
    let mut paragraphs: Vec<String> = Vec::new();
    let mut open = false;
    let mut tagged = false;
    for line in text.lines().map(str::trim) {
        if let Some(tag) = line.strip_prefix('@') {
            tagged = true;
            tags.read(tag, owner, place)?;
        } else if line.is_empty() || is_heading(line) {
            open = false;
        } else if tagged {
            return Err(Refusal::ProseAfterTags {
                item: owner.to_owned(),
            });
        } else if let (true, Some(last)) = (open, paragraphs.last_mut()) {
            last.push(' ');
            last.push_str(line);
        } else {
            paragraphs.push(line.to_owned());
            open = true;
        }
    }
    if paragraphs.is_empty() {
        return Err(Refusal::Undocumented {
            item: owner.to_owned(),
        });
    }
    Ok(Doc {
        title: paragraphs
            .first()
            .map(|first| first.trim_end_matches('.').to_owned())
            .unwrap_or_default(),
        help: paragraphs.get(1..).unwrap_or_default().join("\n\n"),
        prose: paragraphs.join("\n\n"),
        tags,
    })
}

/// `// ---- pages ----` above the first item of a section: WIT takes every comment above an item for its documentation.
fn is_heading(line: &str) -> bool {
    line.starts_with("----") && line.ends_with("----")
}

impl Tags {
    fn read(&mut self, line: &str, owner: &str, place: Place) -> Result<(), Refusal> {
        let (name, rest) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
        let rest = rest.trim();
        let bad = |why: &str| Refusal::Tag {
            item: owner.to_owned(),
            tag: line.to_owned(),
            why: why.to_owned(),
        };
        if !TAGS.contains(&name) {
            return Err(bad("there is no such tag"));
        }
        if !place.takes().contains(&name) {
            return Err(Refusal::Misplaced {
                item: owner.to_owned(),
                why: format!("`@{name}` says nothing of {}", place.name()),
            });
        }
        if rest.is_empty() != PLAIN.contains(&name) {
            return Err(bad(if rest.is_empty() {
                "it needs a value"
            } else {
                "it takes no value"
            }));
        }
        match name {
            "json" => self.json = Some(rest.to_owned()),
            "values" => {
                self.values = rest
                    .split('|')
                    .map(|value| value.trim().to_owned())
                    .collect();
                if self.values.iter().any(String::is_empty) {
                    return Err(bad("a value is empty"));
                }
            }
            "format" => {
                if !FORMATS.contains(&rest) {
                    return Err(bad(&format!("a format is one of {}", FORMATS.join(", "))));
                }
                self.format = Some(rest.to_owned());
            }
            "default" => self.default = Some(rest.to_owned()),
            "range" => {
                let (least, most) = rest
                    .split_once("..")
                    .ok_or_else(|| bad("write it as LEAST..MOST"))?;
                let number = |text: &str| {
                    text.trim()
                        .parse::<i64>()
                        .map_err(|_| bad("its ends are whole numbers"))
                };
                let (least, most) = (number(least)?, number(most)?);
                if least > most {
                    return Err(bad("the least is over the most"));
                }
                self.range = Some((least, most));
            }
            "choices" => {
                let (kind, after) = match rest.split_once(" after ") {
                    Some((kind, field)) => (kind.trim(), Some(field.trim().to_owned())),
                    None => (rest, None),
                };
                self.choices = Some((kind.to_owned(), after));
            }
            "scope" => self.scopes.push(rest.to_owned()),
            "alias" => self.aliases.push(rest.to_owned()),
            "administrator" => self.administrator = true,
            "example" => self.example = Some(rest.to_owned()),
            "events" => self.events = true,
            "triggers" => self.triggers = true,
            "data" => self.data = true,
            "trigger" => self.trigger = Some(rest.to_owned()),
            "hook" => self.hooks.push(rest.to_owned()),
            "feed" => self.feed = Some(rest.to_owned()),
            "gives" => self.gives = Some(rest.to_owned()),
            "group" => self.group = Some(rest.to_owned()),
            // The last of TAGS.
            _ => self.effect = Some(rest.to_owned()),
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn field(text: &str) -> Result<Doc, Refusal> {
        read(Some(text), "x", Place::Field)
    }

    #[test]
    fn prose_and_tags_are_taken_apart() {
        let text = "Create a person.\n\nNot repeat-safe:\nuse upsert.\n\nSecond.\n@scope write\n@scope read\n@administrator\n@effect write";
        let doc = read(Some(text), "people.create", Place::Function).unwrap();
        assert_eq!(doc.title, "Create a person");
        assert_eq!(doc.help, "Not repeat-safe: use upsert.\n\nSecond.");
        assert_eq!(
            doc.prose,
            "Create a person.\n\nNot repeat-safe: use upsert.\n\nSecond."
        );
        assert_eq!(doc.tags.scopes, ["write", "read"]);
        assert!(doc.tags.administrator);
        assert_eq!(doc.tags.effect.as_deref(), Some("write"));
    }

    #[test]
    fn the_heading_of_a_section_is_no_help() {
        let doc = read(
            Some("---- pages ----\n\nA page.\n@json bare"),
            "page",
            Place::Variant,
        )
        .unwrap();
        assert_eq!(
            (doc.title.as_str(), doc.prose.as_str()),
            ("A page", "A page.")
        );
        assert!(matches!(
            field("---- pages ----"),
            Err(Refusal::Undocumented { .. })
        ));
    }

    #[test]
    fn the_tags_of_a_field_are_read() {
        let tags = field("A.\n@json pictureURL\n@values A | B C\n@format date\n@default 5\n@range -1..9\n@choices stage after board").unwrap().tags;
        let expected = Tags {
            json: Some("pictureURL".into()),
            values: vec!["A".into(), "B C".into()],
            format: Some("date".into()),
            default: Some("5".into()),
            range: Some((-1, 9)),
            choices: Some(("stage".into(), Some("board".into()))),
            ..Tags::default()
        };
        assert_eq!(tags, expected);
        assert_eq!(
            field("A.\n@choices stage").unwrap().tags.choices,
            Some(("stage".into(), None))
        );
    }

    #[test]
    fn a_comment_of_tags_alone_is_undocumented() {
        assert!(matches!(
            field("@format date"),
            Err(Refusal::Undocumented { .. })
        ));
        assert!(matches!(
            read(None, "x", Place::Field),
            Err(Refusal::Undocumented { .. })
        ));
    }

    #[test]
    fn a_tag_that_cannot_be_read_is_refused() {
        for text in [
            "A.\n@range 5",
            "A.\n@range 9..1",
            "A.\n@range a..b",
            "A.\n@colour red",
            "A.\n@format",
            "A.\n@values A || B",
            "A.\n@",
            "A.\n@Format date",
            "A.\n@format datetime",
        ] {
            assert!(matches!(field(text), Err(Refusal::Tag { .. })), "{text}");
        }
        assert!(matches!(
            read(Some("A.\n@administrator yes"), "x", Place::Function),
            Err(Refusal::Tag { .. })
        ));
    }

    #[test]
    fn text_after_a_tag_is_refused() {
        assert!(matches!(
            field("A.\n@format date\nMore."),
            Err(Refusal::ProseAfterTags { .. })
        ));
    }

    #[test]
    fn each_place_takes_its_own_tags_alone() {
        let values = |tag: &str| match tag {
            tag if PLAIN.contains(&tag) => "",
            "range" => " 1..2",
            "choices" => " stage",
            "format" => " date",
            _ => " read",
        };
        let places = [
            Place::Interface,
            Place::Function,
            Place::Record,
            Place::Enum,
            Place::EnumCase,
            Place::Variant,
            Place::Case,
            Place::Field,
        ];
        for place in places {
            for tag in TAGS {
                let doc = read(Some(&format!("A.\n@{tag}{}", values(tag))), "x", place);
                if place.takes().contains(tag) {
                    assert!(doc.is_ok(), "{tag} {place:?}");
                } else {
                    assert!(
                        matches!(doc, Err(Refusal::Misplaced { .. })),
                        "{tag} {place:?}"
                    );
                }
            }
        }
        for tag in TAGS {
            assert!(
                places.iter().any(|place| place.takes().contains(tag)),
                "{tag} stands nowhere"
            );
        }
    }
}
