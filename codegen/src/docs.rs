//! Doc comments: prose for people, then lines with tags.

use crate::wit::Refusal;

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
}

/// Takes a doc comment apart. `owner` names the item in refusals.
pub(crate) fn read(text: Option<&str>, owner: &str) -> Result<Doc, Refusal> {
    let text = text.unwrap_or_default();
    let mut tags = Tags::default();
    let mut paragraphs: Vec<String> = Vec::new();
    let mut open = false;
    let mut tagged = false;
    for line in text.lines().map(str::trim) {
        if let Some(tag) = line.strip_prefix('@') {
            tagged = true;
            tags.read(tag, owner)?;
        } else if line.is_empty() {
            open = false;
        } else if tagged {
            return Err(Refusal::ProseAfterTags { item: owner.to_owned() });
        } else if let (true, Some(last)) = (open, paragraphs.last_mut()) {
            last.push(' ');
            last.push_str(line);
        } else {
            paragraphs.push(line.to_owned());
            open = true;
        }
    }
    if paragraphs.is_empty() {
        return Err(Refusal::Undocumented { item: owner.to_owned() });
    }
    Ok(Doc {
        title: paragraphs.first().map(|first| first.trim_end_matches('.').to_owned()).unwrap_or_default(),
        help: paragraphs.get(1..).unwrap_or_default().join("\n\n"),
        prose: paragraphs.join("\n\n"),
        tags,
    })
}

impl Tags {
    fn read(&mut self, line: &str, owner: &str) -> Result<(), Refusal> {
        let (name, rest) = line.split_once(' ').unwrap_or((line, ""));
        let rest = rest.trim();
        let bad = |why: &str| Refusal::Tag { item: owner.to_owned(), tag: line.to_owned(), why: why.to_owned() };
        if rest.is_empty() != (name == "administrator") {
            return Err(bad(if rest.is_empty() { "it needs a value" } else { "it takes no value" }));
        }
        match name {
            "json" => self.json = Some(rest.to_owned()),
            "values" => self.values = rest.split('|').map(|value| value.trim().to_owned()).collect(),
            "format" => self.format = Some(rest.to_owned()),
            "default" => self.default = Some(rest.to_owned()),
            "range" => {
                let (least, most) = rest.split_once("..").ok_or_else(|| bad("write it as LEAST..MOST"))?;
                let number = |text: &str| text.trim().parse::<i64>().map_err(|_| bad("its ends are whole numbers"));
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
            "effect" => self.effect = Some(rest.to_owned()),
            _ => return Err(bad("there is no such tag")),
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prose_and_tags_are_taken_apart() {
        let doc = read(Some("Create a person.\n\nNot repeat-safe:\nuse upsert.\n@scope write\n@administrator"), "people.create").unwrap();
        assert_eq!(doc.title, "Create a person");
        assert_eq!(doc.help, "Not repeat-safe: use upsert.");
        assert_eq!(doc.tags.scopes, ["write"]);
        assert!(doc.tags.administrator);
    }

    #[test]
    fn a_comment_of_tags_alone_is_undocumented() {
        assert!(matches!(read(Some("@format date"), "x"), Err(Refusal::Undocumented { .. })));
        assert!(matches!(read(None, "x"), Err(Refusal::Undocumented { .. })));
    }

    #[test]
    fn a_tag_that_cannot_be_read_is_refused() {
        for text in ["A.\n@range 5", "A.\n@range 9..1", "A.\n@colour red", "A.\n@format", "A.\n@administrator yes"] {
            assert!(matches!(read(Some(text), "x"), Err(Refusal::Tag { .. })), "{text}");
        }
        assert!(matches!(read(Some("A.\n@format date\nMore."), "x"), Err(Refusal::ProseAfterTags { .. })));
    }
}
