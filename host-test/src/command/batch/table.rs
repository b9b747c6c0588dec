//! The CSV file: a header and rows of text. A row that can't be read is a row all the same, and stops no other.

use anyhow::{Context as _, Result, bail};

use crate::command::terminal::brief;

/// Larger files are refused: at 4,000 requests an hour (API reference 2.10) one of this size would take weeks.
const MOST_BYTES: u64 = 64 * 1024 * 1024;
/// More columns than any export has; it bounds what a hostile header costs.
const MOST_COLUMNS: usize = 500;
/// More text than a note in Capsule sensibly holds. A quote that is opened and never closed swallows the rest of the file, and shows
/// up here.
const MOST_CELL_BYTES: usize = 1024 * 1024;

/// A file that was read.
#[derive(Debug)]
pub(crate) struct Table {
    /// The headings, trimmed.
    pub(crate) headings: Vec<String>,
    /// The rows in the file's order.
    pub(crate) rows: Vec<Row>,
}

/// One row.
#[derive(Debug)]
pub(crate) struct Row {
    /// As a spreadsheet counts: the header is row 1.
    pub(crate) number: u64,
    /// As many cells as there are headings, or what is wrong with the row.
    pub(crate) cells: Result<Vec<String>, String>,
}

/// Reads a file.
pub(crate) fn open(path: &std::path::Path, delimiter: Option<u8>) -> Result<Table> {
    let name = path.display();
    let size = std::fs::metadata(path)
        .with_context(|| format!("{name} can't be read"))?
        .len();
    if size > MOST_BYTES {
        bail!("{name} has {size} bytes, more than {MOST_BYTES}: split it");
    }
    let bytes = std::fs::read(path).with_context(|| format!("{name} can't be read"))?;
    read(&bytes, delimiter).with_context(|| format!("{name} is not a table that can be imported"))
}

/// Reads a file's content.
pub(crate) fn read(bytes: &[u8], delimiter: Option<u8>) -> Result<Table> {
    if bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]) {
        bail!("it is UTF-16: save it as `CSV UTF-8`");
    }
    let bytes = bytes.strip_prefix(&[0xef, 0xbb, 0xbf]).unwrap_or(bytes);
    let delimiter = delimiter.unwrap_or_else(|| guess_delimiter(bytes));
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .delimiter(delimiter)
        .from_reader(bytes);
    let mut records = reader.byte_records();
    let header = match records.next() {
        Some(header) => header.context("its header can't be read")?,
        None => bail!("it is empty: the first row must name the columns"),
    };
    if header.len() > MOST_COLUMNS {
        bail!("it has {} columns, more than {MOST_COLUMNS}", header.len());
    }
    let mut headings = Vec::with_capacity(header.len());
    for (index, heading) in header.iter().enumerate() {
        let heading = text(heading)
            .with_context(|| format!("the heading of column {}", index + 1))?
            .trim()
            .to_owned();
        headings.push(heading);
    }
    let mut rows = Vec::new();
    for (index, record) in records.enumerate() {
        let number = index as u64 + 2;
        let cells = match record {
            Ok(record) => cells(&record, &headings),
            Err(error) => Err(format!("the row can't be read: {error}")),
        };
        rows.push(Row { number, cells });
    }
    Ok(Table { headings, rows })
}

/// A row's cells, one for each heading. A short row is filled up: spreadsheets leave empty cells away at its end.
fn cells(record: &csv::ByteRecord, headings: &[String]) -> Result<Vec<String>, String> {
    let mut cells = Vec::with_capacity(headings.len());
    for (index, cell) in record.iter().enumerate() {
        let column = headings.get(index).map_or_else(
            || format!("cell {}", index + 1),
            |heading| format!("column `{}`", brief(heading)),
        );
        if cell.len() > MOST_CELL_BYTES {
            return Err(format!(
                "{column} has {} bytes, more than {MOST_CELL_BYTES}: is a quote not closed?",
                cell.len()
            ));
        }
        let cell = text(cell).map_err(|error| format!("{column}: {error}"))?;
        if index < headings.len() {
            cells.push(cell.to_owned());
        } else if !cell.trim().is_empty() {
            return Err(format!(
                "the row has {} cells and the header has {}: a cell with the delimiter in it must be quoted",
                record.len(),
                headings.len()
            ));
        }
    }
    cells.resize(headings.len(), String::new());
    Ok(cells)
}

fn text(bytes: &[u8]) -> Result<&str> {
    std::str::from_utf8(bytes).map_err(|error| {
        anyhow::anyhow!(
            "it is not UTF-8 (byte {}): save the file as `CSV UTF-8`",
            error.valid_up_to()
        )
    })
}

/// The delimiter that stands most often in the header, quoted text left aside. A spreadsheet writes semicolons where the comma is a
/// decimal sign.
fn guess_delimiter(bytes: &[u8]) -> u8 {
    let mut quoted = false;
    let mut counts = [(b',', 0_usize), (b';', 0), (b'\t', 0)];
    for &byte in bytes {
        match byte {
            b'"' => quoted = !quoted,
            b'\n' if !quoted => break,
            _ if quoted => {}
            _ => {
                if let Some((_, count)) =
                    counts.iter_mut().find(|(delimiter, _)| *delimiter == byte)
                {
                    *count += 1;
                }
            }
        }
    }
    // The first of equals: a comma.
    let mut best = counts[0];
    for candidate in counts {
        if candidate.1 > best.1 {
            best = candidate;
        }
    }
    best.0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cells(table: &Table, index: usize) -> &[String] {
        table.rows[index].cells.as_deref().unwrap()
    }

    #[test]
    fn a_row_is_numbered_as_the_spreadsheet_numbers_it() {
        let table = read(b"Name\n\"two\nlines\"\nAda\n", None).unwrap();
        assert_eq!(
            table.rows.iter().map(|row| row.number).collect::<Vec<_>>(),
            [2, 3]
        );
        assert_eq!(cells(&table, 0), ["two\nlines"]);
    }

    #[test]
    fn a_byte_order_mark_is_no_part_of_the_first_heading() {
        assert_eq!(
            read("\u{feff}Name\nAda\n".as_bytes(), None)
                .unwrap()
                .headings,
            ["Name"]
        );
    }

    #[test]
    fn semicolons_and_tabs_are_found_by_the_header() {
        assert_eq!(
            read(b"A;\"b,c,d\";E\n1;2;3\n", None).unwrap().headings,
            ["A", "b,c,d", "E"]
        );
        assert_eq!(read(b"A\tB\n1\t2\n", None).unwrap().headings, ["A", "B"]);
        assert_eq!(
            read(b"A,B;C\n1,2\n", Some(b',')).unwrap().headings,
            ["A", "B;C"]
        );
    }

    #[test]
    fn a_short_row_is_filled_up_and_a_long_one_is_told() {
        let table = read(b"A,B\n1\n1,2,3\n1,2,\n", None).unwrap();
        assert_eq!(cells(&table, 0), ["1", ""]);
        assert!(
            table.rows[1]
                .cells
                .as_ref()
                .unwrap_err()
                .contains("3 cells"),
            "{:?}",
            table.rows[1]
        );
        assert_eq!(cells(&table, 2), ["1", "2"]);
    }

    #[test]
    fn a_row_in_another_encoding_stops_no_other_row() {
        let table = read(b"Name\nZo\xeb\nAda\n", None).unwrap();
        assert!(
            table.rows[0].cells.as_ref().unwrap_err().contains("UTF-8"),
            "{:?}",
            table.rows[0]
        );
        assert_eq!(cells(&table, 1), ["Ada"]);
    }

    #[test]
    fn utf_16_and_nothing_at_all_are_refused_with_a_way_out() {
        assert!(format!("{:#}", read(b"\xff\xfeN\0", None).unwrap_err()).contains("CSV UTF-8"));
        assert!(format!("{:#}", read(b"", None).unwrap_err()).contains("first row"));
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..400)) {
            if let Ok(table) = read(&bytes, None) {
                for row in table.rows {
                    if let Ok(cells) = row.cells {
                        proptest::prop_assert_eq!(cells.len(), table.headings.len());
                    }
                }
            }
        }
    }
}
