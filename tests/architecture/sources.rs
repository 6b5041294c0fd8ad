//! Reads the files of the repository.

use std::fs;
use std::path::{Path, PathBuf};

/// Returns every file with `ending` below `folder`, without dependencies and build output.
pub fn files(folder: &str, ending: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join(folder)];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            let is_foreign = ["node_modules", "benches/build", "dist", "target"]
                .iter()
                .any(|name| path.ends_with(name));
            if path.is_dir() && !is_foreign {
                folders.push(path);
            } else if path
                .extension()
                .is_some_and(|extension| extension == ending)
            {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

/// Returns the text of a file without its line comments.
pub fn code(path: &Path) -> String {
    let text = fs::read_to_string(path).expect("a text");
    let lines = text
        .lines()
        .filter(|line| !line.trim_start().starts_with("//"));
    lines.collect::<Vec<_>>().join("\n")
}

/// Returns the text of a file up to its unit tests, without its line comments.
pub fn product_code(path: &Path) -> String {
    let code = code(path);
    code.split("#[cfg(test)]")
        .next()
        .unwrap_or_default()
        .to_owned()
}
