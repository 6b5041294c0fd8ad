//! Files stay short enough to read.

use std::fs;

use super::sources::files;

const MAX_LINES: usize = 400;
const MAX_COLUMNS: usize = 100;

#[test]
fn files_have_at_most_400_lines() {
    let rust = [
        "src",
        "tests",
        "clients/rust/src",
        "clients/rust/tests",
        "clients/rust/examples",
    ];
    let scripts = ["scripts", "benches", "tests", "clients/typescript"];
    let types = files("clients/typescript", "ts").into_iter();
    let types = types.filter(|path| !path.ends_with("schema.ts"));
    let rust = rust.into_iter().flat_map(|folder| files(folder, "rs"));
    let scripts = scripts.into_iter().flat_map(|folder| files(folder, "mjs"));
    let mut long = Vec::new();
    for path in rust.chain(scripts).chain(files("web", "ts")).chain(types) {
        let lines = fs::read_to_string(&path).expect("a text").lines().count();
        if lines > MAX_LINES {
            long.push(format!("{} has {lines} lines", path.display()));
        }
    }
    assert!(long.is_empty(), "{long:#?}");
}

#[test]
fn lines_have_at_most_100_columns() {
    let mut long = Vec::new();
    for path in files("src", "rs").into_iter().chain(files("tests", "rs")) {
        let text = fs::read_to_string(&path).expect("a text");
        // A table is read by its columns, so rustfmt skips it.
        let is_table = text.contains("#[rustfmt::skip]") || text.contains("codes! {");
        for (index, line) in text.lines().enumerate() {
            if line.chars().count() > MAX_COLUMNS && !is_table {
                long.push(format!("{}:{}", path.display(), index + 1));
            }
        }
    }
    assert!(long.is_empty(), "{} long lines: {long:#?}", long.len());
}
