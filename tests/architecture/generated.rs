//! Generated and listed files are fresh and complete.

use std::fs;

use super::sources::files;

#[test]
fn every_migration_is_compiled_in() {
    let mut names: Vec<String> = files("migrations", "sql")
        .iter()
        .filter_map(|path| path.file_name()?.to_str().map(str::to_owned))
        .collect();
    names.sort();
    let compiled = hamrah_api::platform::native::migrations::FILES
        .map(|(number, name, _)| format!("{number:04}_{name}.sql"));
    assert_eq!(names, compiled);
}

/// A trigger sends every kind but one to the webhook, also each kind that is added later.
#[test]
fn every_kind_of_event_is_documented_for_webhook_receivers() {
    let (events, page) = (
        fs::read_to_string("src/kernel/model/events.rs").expect("events"),
        fs::read_to_string("docs/WEBHOOKS.md").expect("a page"),
    );
    let names = events
        .split("impl EventKind")
        .nth(1)
        .and_then(|rest| rest.split("\n}\n").next())
        .expect("the names");
    let kinds: Vec<&str> = names
        .lines()
        .filter(|line| line.contains("=> \""))
        .filter_map(|line| line.split('"').nth(1))
        .collect();
    assert!(kinds.len() > 10, "{kinds:?}");
    for kind in kinds.into_iter().filter(|kind| *kind != "tokens_refreshed") {
        assert!(
            page.contains(&format!("`{kind}`")),
            "docs/WEBHOOKS.md does not describe {kind}"
        );
    }
}

#[test]
fn the_api_description_is_fresh_and_complete() {
    let document = hamrah_api::app::openapi::document();
    let kept = fs::read_to_string("openapi.json").expect("openapi.json");
    assert!(
        kept == format!("{document:#}\n"),
        "openapi.json is stale: make openapi"
    );
    let page = fs::read_to_string("public/docs.html").expect("docs.html");
    assert!(
        page == hamrah_api::platform::native::html(&document),
        "public/docs.html is stale: make openapi"
    );
    let mut described = 0;
    for route in hamrah_api::app::routes::table() {
        let method = route.method.as_str().to_lowercase();
        assert!(
            document["paths"][route.path][&method].is_object(),
            "{method} {} is not described",
            route.path
        );
        described += 1;
    }
    let operations: usize = document["paths"]
        .as_object()
        .expect("paths")
        .values()
        .map(|path| path.as_object().map_or(0, serde_json::Map::len))
        .sum();
    assert_eq!(
        described, operations,
        "the description has an operation without a route"
    );
}

/// A schema of the description has the name of its type, in whichever module the type is. So
/// two types with one name would share one schema.
#[test]
fn wire_structs_have_unique_names() {
    let mut seen = std::collections::BTreeMap::new();
    for path in http_files() {
        let text = fs::read_to_string(&path).expect("a text");
        let lines: Vec<&str> = text.lines().collect();
        for (index, _) in lines
            .iter()
            .enumerate()
            .filter(|(_, line)| line.contains("derive(") && line.contains("ToSchema"))
        {
            let is_declaration = |line: &&&str| line.contains("struct ") || line.contains("enum ");
            let declared = lines[index + 1..]
                .iter()
                .find(is_declaration)
                .expect("a declaration");
            let name = declared
                .trim_start_matches("pub ")
                .split_once(' ')
                .expect("a name")
                .1
                .split(|c: char| !c.is_ascii_alphanumeric())
                .next()
                .unwrap_or_default()
                .to_owned();
            let before = seen.insert(name.clone(), path.clone());
            assert!(
                before.is_none(),
                "{name} is in {} and {}",
                path.display(),
                before.unwrap_or_default().display()
            );
        }
    }
    assert!(seen.len() > 50);
}

fn http_files() -> Vec<std::path::PathBuf> {
    let in_systems =
        ["kernel", "accounts", "authorization", "relay"].map(|system| format!("src/{system}/http"));
    let folders = in_systems.iter().map(String::as_str).chain(["src/app"]);
    folders.flat_map(|folder| files(folder, "rs")).collect()
}
