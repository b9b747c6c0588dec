//! The report: a CSV with one row for each row of the input.
//!
//! While the batch runs, rows are appended as they are done, so that a batch that is killed can be resumed; at the end the file is
//! written anew in the order of the input. Texts from Capsule and from the input stand in it, and people open it with a spreadsheet:
//! a cell that a spreadsheet would take for a formula begins with an apostrophe, and control characters are escaped.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};

use crate::command::terminal::plain;

const HEADER: [&str; 7] = ["row", "key", "action", "id", "web_url", "error", "pointer"];

/// What became of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    Created,
    Updated,
    Unchanged,
    /// Of an operation that does not tell more.
    Done,
    /// Of a dry run: it fits.
    Fits,
    Failed,
    /// It may have been carried out, and must not be sent twice.
    Unknown,
    /// It has no value in any cell.
    Empty,
    /// Not run: the batch was stopped before.
    NotStarted,
    /// Sent, and not answered yet. In a file that is resumed: nobody knows what became of it.
    Started,
}

impl Action {
    const ALL: [(Self, &'static str); 10] = [
        (Self::Created, "created"),
        (Self::Updated, "updated"),
        (Self::Unchanged, "unchanged"),
        (Self::Done, "done"),
        (Self::Fits, "fits"),
        (Self::Failed, "failed"),
        (Self::Unknown, "unknown"),
        (Self::Empty, "empty"),
        (Self::NotStarted, "not-started"),
        (Self::Started, "started"),
    ];

    /// The word in the file.
    pub(crate) fn word(self) -> &'static str {
        Self::ALL
            .iter()
            .find(|(action, _)| *action == self)
            .map_or("", |(_, word)| word)
    }

    fn read(word: &str) -> Option<Self> {
        Self::ALL
            .iter()
            .find(|(_, known)| *known == word)
            .map(|(action, _)| *action)
    }

    /// Whether something may have been changed.
    fn was_sent(self) -> bool {
        self.is_done() || matches!(self, Self::Unknown | Self::Started)
    }

    /// Whether nothing is left to do for the row.
    pub(crate) fn is_done(self) -> bool {
        matches!(
            self,
            Self::Created | Self::Updated | Self::Unchanged | Self::Done
        )
    }
}

/// One row of the report.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Line {
    /// The row of the input, as a spreadsheet counts.
    pub(crate) row: u64,
    /// By what a person recognises the row: its first e-mail address, name or phone number.
    pub(crate) key: String,
    pub(crate) action: Action,
    pub(crate) id: Option<u64>,
    pub(crate) web_url: Option<String>,
    pub(crate) error: String,
    /// Places in the operation's input that the error is about.
    pub(crate) pointer: String,
}

impl Line {
    /// A row with nothing to tell but its action.
    pub(crate) fn new(row: u64, key: &str, action: Action) -> Self {
        Self {
            row,
            key: key.to_owned(),
            action,
            id: None,
            web_url: None,
            error: String::new(),
            pointer: String::new(),
        }
    }

    fn cells(&self) -> [String; 7] {
        [
            self.row.to_string(),
            harmless(&self.key),
            self.action.word().to_owned(),
            self.id.map(|id| id.to_string()).unwrap_or_default(),
            harmless(self.web_url.as_deref().unwrap_or_default()),
            harmless(&self.error),
            harmless(&self.pointer),
        ]
    }
}

/// A cell that no spreadsheet runs and no terminal obeys.
pub(crate) fn harmless(text: &str) -> String {
    let text = plain(text);
    // Some spreadsheets look past spaces, and take the wide forms of these signs for them.
    let formula = text
        .trim_start()
        .starts_with(['=', '+', '-', '@', '＝', '＋', '－', '＠']);
    if formula {
        format!("'{text}")
    } else {
        text.into_owned()
    }
}

/// A report that is being written.
#[derive(Debug)]
pub(crate) struct Report {
    lines: BTreeMap<u64, Line>,
    file: Option<(PathBuf, csv::Writer<BufWriter<File>>)>,
}

impl Report {
    /// Begins. `before`: what an earlier run has left. Nothing is written over that is not given as `before`.
    pub(crate) fn begin(path: Option<&Path>, before: Option<Before>) -> Result<Self> {
        let lines = before.unwrap_or_default().0;
        let file = match path {
            None => None,
            Some(path) => {
                let mut writer = create(path)?;
                write_all(&mut writer, &lines)
                    .with_context(|| format!("{} can't be written", path.display()))?;
                Some((path.to_owned(), writer))
            }
        };
        Ok(Self { lines, file })
    }

    /// Adds rows, and does not return before the file has them.
    pub(crate) fn add(&mut self, lines: impl IntoIterator<Item = Line>) -> Result<()> {
        for line in lines {
            if let Some((path, writer)) = &mut self.file {
                writer
                    .write_record(line.cells())
                    .with_context(|| format!("{} can't be written", path.display()))?;
            }
            self.lines.insert(line.row, line);
        }
        if let Some((path, writer)) = &mut self.file {
            writer
                .flush()
                .with_context(|| format!("{} can't be written", path.display()))?;
        }
        Ok(())
    }

    /// Writes the file in order, each row once. The old file stands until the new one is whole.
    pub(crate) fn finish(self) -> Result<BTreeMap<u64, Line>> {
        if let Some((path, writer)) = self.file {
            drop(writer);
            let mut beside = path.clone().into_os_string();
            beside.push(".part");
            let beside = PathBuf::from(beside);
            let mut writer = create(&beside)?;
            write_all(&mut writer, &self.lines)
                .with_context(|| format!("{} can't be written", beside.display()))?;
            drop(writer);
            std::fs::rename(&beside, &path)
                .with_context(|| format!("{} can't be written", path.display()))?;
        }
        Ok(self.lines)
    }
}

fn create(path: &Path) -> Result<csv::Writer<BufWriter<File>>> {
    let file = File::create(path)
        .with_context(|| format!("the report {} can't be written", path.display()))?;
    let mut file = BufWriter::new(file);
    // Spreadsheets take a CSV without it for a local encoding.
    file.write_all("\u{feff}".as_bytes())
        .with_context(|| format!("the report {} can't be written", path.display()))?;
    Ok(csv::Writer::from_writer(file))
}

fn write_all(
    writer: &mut csv::Writer<BufWriter<File>>,
    lines: &BTreeMap<u64, Line>,
) -> std::io::Result<()> {
    writer.write_record(HEADER)?;
    for line in lines.values() {
        writer.write_record(line.cells())?;
    }
    writer.flush()
}

/// What an earlier run has reported. Keys are as they were written: made harmless.
#[derive(Debug, Default)]
pub(crate) struct Before(BTreeMap<u64, Line>);

impl Before {
    /// Reads a report, complete or broken off. The last word about a row counts.
    pub(crate) fn read(path: &Path) -> Result<Self> {
        let bytes = std::fs::read(path)
            .with_context(|| format!("the report {} can't be read", path.display()))?;
        Self::parse(&bytes)
            .with_context(|| format!("{} is no report of this command", path.display()))
    }

    fn parse(bytes: &[u8]) -> Result<Self> {
        let bytes = bytes.strip_prefix("\u{feff}".as_bytes()).unwrap_or(bytes);
        let mut reader = csv::ReaderBuilder::new().flexible(true).from_reader(bytes);
        if reader
            .headers()
            .context("its header can't be read")?
            .iter()
            .ne(HEADER)
        {
            bail!("its columns are not {}", HEADER.join(","));
        }
        let mut lines = BTreeMap::new();
        for record in reader.records() {
            let record = record.context("a row can't be read")?;
            // The last row of a run that was killed may be cut.
            let [row, key, action, id, web_url, error, pointer] =
                record.iter().collect::<Vec<_>>()[..]
            else {
                continue;
            };
            let (Ok(row), Some(action)) = (row.parse(), Action::read(action)) else {
                continue;
            };
            let line = Line {
                row,
                key: key.to_owned(),
                action,
                id: id.parse().ok(),
                web_url: Some(web_url.to_owned()).filter(|url| !url.is_empty()),
                error: error.to_owned(),
                pointer: pointer.to_owned(),
            };
            lines.insert(row, line);
        }
        Ok(Self(lines))
    }

    /// What is known of a row. Where it must not be sent again, a row with another key is not the row that was reported: the file is
    /// another one. A row that failed may have been mended, its key too.
    pub(crate) fn action(&self, row: u64, key: &str) -> Result<Option<Action>> {
        let Some(line) = self.0.get(&row) else {
            return Ok(None);
        };
        if line.action.was_sent() && line.key != harmless(key) {
            bail!(
                "row {row} was `{}` when the report was written and is `{}` now: the report belongs to another file, or the file has \
                 changed. Run without --resume; an upsert makes no duplicates",
                line.key,
                harmless(key)
            );
        }
        Ok(Some(line.action))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder() -> tempfile::TempDir {
        tempfile::tempdir().unwrap()
    }

    #[test]
    fn a_formula_is_a_text() {
        for text in [
            "=cmd|'/c calc'!A1",
            "+1",
            "-1",
            "@SUM(A1)",
            "\t=1",
            " =1",
            "＝1",
        ] {
            let cell = harmless(text);
            assert!(cell.starts_with('\'') || cell.starts_with('\\'), "{cell}");
        }
        assert_eq!(harmless("a=b"), "a=b");
        assert_eq!(harmless("x\u{1b}[31m"), "x\\u{1b}[31m");
    }

    #[test]
    fn a_report_that_broke_off_is_read_up_to_there() {
        let text = "row,key,action,id,web_url,error,pointer\n2,a@x,started,,,,\n2,a@x,created,7,,,\n3,b@x,started,,,,\n4,c@x,cre";
        let before = Before::parse(text.as_bytes()).unwrap();
        assert_eq!(before.action(2, "a@x").unwrap(), Some(Action::Created));
        assert_eq!(before.action(3, "b@x").unwrap(), Some(Action::Started));
        assert_eq!(before.action(4, "c@x").unwrap(), None);
    }

    #[test]
    fn a_report_of_another_file_is_refused() {
        let before =
            Before::parse(b"row,key,action,id,web_url,error,pointer\n2,'=a@x,created,7,,,\n")
                .unwrap();
        assert!(before.action(2, "=a@x").unwrap().is_some());
        assert!(
            before
                .action(2, "b@x")
                .unwrap_err()
                .to_string()
                .contains("another file")
        );
        assert!(Before::parse(b"Name,Email\nAnn,a@x\n").is_err());
    }

    #[test]
    fn a_row_that_failed_may_come_back_with_another_key() {
        let text = "row,key,action,id,web_url,error,pointer\n2,,failed,,,no address,\n";
        let before = Before::parse(text.as_bytes()).unwrap();
        assert_eq!(before.action(2, "a@x").unwrap(), Some(Action::Failed));
    }

    #[test]
    fn the_finished_file_has_each_row_once_and_in_order() {
        let folder = folder();
        let path = folder.path().join("report.csv");
        let mut report = Report::begin(Some(&path), None).unwrap();
        report.add([Line::new(3, "b@x", Action::Started)]).unwrap();
        report.add([Line::new(2, "=a@x", Action::Created)]).unwrap();
        report
            .add([Line {
                error: "no\nway".into(),
                ..Line::new(3, "b@x", Action::Failed)
            }])
            .unwrap();
        assert_eq!(
            Before::read(&path).unwrap().action(3, "b@x").unwrap(),
            Some(Action::Failed)
        );
        report.finish().unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        assert_eq!(
            text,
            "\u{feff}row,key,action,id,web_url,error,pointer\n2,'=a@x,created,,,,\n3,b@x,failed,,,no\\nway,\n"
        );
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
