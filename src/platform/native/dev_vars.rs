//! `.dev.vars`, read as wrangler reads it.

use std::collections::HashMap;
use std::io::ErrorKind;
use std::path::Path;

/// Reads the settings in the file. A missing file has none.
///
/// # Errors
/// The file cannot be read, or wrangler would read a line of it differently. The text names the
/// file and never a value, which may be a secret.
pub(super) fn read(path: &Path) -> Result<HashMap<String, String>, String> {
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(HashMap::new()),
        Err(error) => return Err(format!("{} cannot be read: {error}", path.display())),
    };
    parse(&text).map_err(|problem| format!("{} {problem}", path.display()))
}

fn parse(text: &str) -> Result<HashMap<String, String>, String> {
    // A byte order mark, which editors on Windows write.
    let text = text.trim_start_matches('\u{feff}');
    let entries = dotenvor::parse_str(text)
        .map_err(|_| "has a line that cannot be read: write NAME='value'")?;
    let lines: Vec<&str> = text.lines().collect();
    let mut values = HashMap::new();
    for entry in entries {
        let line = usize::try_from(entry.line).unwrap_or_default();
        let rest = lines.get(line.saturating_sub(1)..).unwrap_or_default();
        if is_ambiguous(&rest.join("\n")) {
            return Err(format!(
                "has a backslash in a value in double quotes: write {}='value' with single quotes",
                entry.key
            ));
        }
        values.insert(entry.key, entry.value);
    }
    Ok(values)
}

/// Returns true if the text begins with an entry in double quotes and a backslash before another
/// letter than `n` or `r`. wrangler keeps such a backslash.
fn is_ambiguous(text: &str) -> bool {
    let Some(value) = text
        .split_once('=')
        .and_then(|(_, value)| value.trim_start_matches([' ', '\t']).strip_prefix('"'))
    else {
        return false;
    };
    let mut letters = value.chars();
    while let Some(letter) = letters.next() {
        match letter {
            '"' => return false,
            '\\' if !matches!(letters.next(), Some('n' | 'r')) => return true,
            _ => {}
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;

    /// Files, with the settings that wrangler reads in them. `tests/native/dev-vars.test.mjs` holds
    /// wrangler against the same list.
    const FILES: &str = include_str!("../../../tests/native/dev-vars.json");

    #[test]
    fn every_form_is_read_as_wrangler_reads_it() {
        let files: Value = serde_json::from_str(FILES).expect("JSON");
        for file in files.as_array().expect("a list") {
            let text = file["text"].as_str().expect("a text");
            let read = parse(text).unwrap_or_else(|problem| panic!("{text}: {problem}"));
            assert_eq!(serde_json::json!(read), file["values"], "{text}");
        }
    }

    #[test]
    fn a_line_that_the_two_would_read_differently_is_refused_and_not_repeated() {
        for line in [
            "INTERNAL_API_KEY='secret",
            "INTERNAL_API_KEY",
            "INTERNAL_API_KEY='one' secret",
        ] {
            let problem = "has a line that cannot be read: write NAME='value'";
            assert_eq!(parse(line), Err(problem.to_owned()), "{line}");
        }
        let problem = parse("A=1\nKEY=\"sec\\tret\"\n").expect_err("ambiguous");
        assert!(
            problem.contains("KEY='value'") && !problem.contains("ret"),
            "{problem}"
        );
    }

    #[test]
    fn a_missing_file_has_no_values() {
        assert_eq!(read(Path::new("/nothing/here")), Ok(HashMap::new()));
    }
}
