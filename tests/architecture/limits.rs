//! `docs/LIMITS.md` has a row for every table of the schema, and no other.

use std::collections::BTreeSet;
use std::fs;

const PAGE: &str = "docs/LIMITS.md";

fn tables() -> BTreeSet<String> {
    let mut tables = BTreeSet::new();
    for file in fs::read_dir("migrations").expect("a folder") {
        let text = fs::read_to_string(file.expect("a file").path()).expect("a text");
        let names = text.lines().filter_map(|line| {
            let name = line.strip_prefix("CREATE TABLE ")?;
            Some(name.split([' ', '(']).next()?.to_owned())
        });
        tables.extend(names);
    }
    tables
}

#[test]
fn every_table_has_a_limit() {
    let page = fs::read_to_string(PAGE).expect("a text");
    let mut listed = BTreeSet::new();
    for line in page.lines().filter(|line| line.starts_with("| `")) {
        let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
        assert_eq!(cells.len(), 4, "{PAGE}: {line}");
        assert!(cells.iter().all(|cell| cell.len() > 3), "{PAGE}: {line}");
        let name = cells[0].trim_matches('`').to_owned();
        assert!(listed.insert(name), "{PAGE}: twice: {line}");
    }
    assert_eq!(listed, tables(), "{PAGE} and migrations/ differ");
}
