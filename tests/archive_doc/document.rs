//! The document as text: its reference against the code, and its questions.

use crate::file;

/// Where the reference that is made from the code stands.
const MARKERS: [&str; 2] = ["<!-- reference: made from the code -->\n", "<!-- end of the reference -->\n"];

/// Set to any text, the test writes the reference instead of comparing it.
const WRITE: &str = "PITLANE_WRITE_DOCS";

/// A question of the document.
pub(crate) struct Question {
    /// Its heading.
    pub(crate) title: String,
    /// The statement, without its semicolon.
    pub(crate) sql: String,
}

pub(crate) fn text() -> String {
    std::fs::read_to_string(file("../docs/archive.md")).unwrap()
}

/// The questions: headings of the third level below "Ten questions", each with one block of SQL.
pub(crate) fn questions() -> Vec<Question> {
    let text = text();
    let (_, section) = text.split_once("\n## Ten questions\n").expect("the document has the section");
    let section = section.split("\n## ").next().unwrap();
    let parts = section.split("\n### ").skip(1).map(|part| {
        let (title, rest) = part.split_once('\n').unwrap();
        let (_, sql) = rest.split_once("```sql\n").unwrap_or_else(|| panic!("{title}: no SQL"));
        let (sql, behind) = sql.split_once("\n```").unwrap_or_else(|| panic!("{title}: its SQL has no end"));
        assert!(!behind.contains("```sql"), "{title}: one question is one statement");
        Question { title: title.to_owned(), sql: sql.trim().trim_end_matches(';').to_owned() }
    });
    parts.collect()
}

#[test]
fn the_reference_is_that_of_the_code() {
    let text = text();
    let [begin, end] = MARKERS;
    let (before, rest) = text.split_once(begin).expect("the document has the first marker");
    let (reference, after) = rest.split_once(end).expect("the document has the second marker");
    let made = format!("\n{}\n", pitlane_rows::markdown());
    if std::env::var_os(WRITE).is_some() {
        std::fs::write(file("../docs/archive.md"), [before, begin, &made, end, after].concat()).unwrap();
    } else {
        let lines = reference.lines().zip(made.lines()).find(|(is, should)| is != should);
        assert!(
            reference == made,
            "docs/archive.md is not of the code, first at {lines:?}; run with {WRITE}=1"
        );
    }
}

#[test]
fn every_table_and_every_column_that_is_named_exists() {
    let text = text();
    let [begin, end] = MARKERS;
    let written = text.split_once(begin).unwrap().0.to_owned() + text.split_once(end).unwrap().1;
    for table in pitlane_rows::Table::ALL {
        assert!(
            written.contains(&format!("`{}`", table.name())),
            "{} is not said to be for anything",
            table.name()
        );
    }
    assert_eq!(questions().len(), 10);
}
