//! No module imports, directly or through others, a module that imports it.

use std::collections::{BTreeMap, BTreeSet};

use super::imports::{Module, imports};

/// Returns every group of modules that import each other in a circle.
fn circles(imports: &BTreeMap<Module, BTreeSet<Module>>) -> Vec<BTreeSet<Module>> {
    let reachable: BTreeMap<&Module, BTreeSet<&Module>> = imports
        .keys()
        .map(|module| (module, reachable_from(module, imports)))
        .collect();
    let mut found: Vec<BTreeSet<Module>> = Vec::new();
    for (module, reached) in &reachable {
        if !reached.contains(module) || found.iter().any(|circle| circle.contains(*module)) {
            continue;
        }
        let back = reached
            .iter()
            .filter(|other| reachable[**other].contains(module));
        found.push(back.map(|other| (*other).clone()).collect());
    }
    found
}

fn reachable_from<'a>(
    module: &Module,
    imports: &'a BTreeMap<Module, BTreeSet<Module>>,
) -> BTreeSet<&'a Module> {
    let mut reached = BTreeSet::new();
    let mut open: Vec<&Module> = imports[module].iter().collect();
    while let Some(next) = open.pop() {
        if reached.insert(next) {
            open.extend(imports.get(next).into_iter().flatten());
        }
    }
    reached
}

#[test]
fn no_modules_import_each_other_in_a_circle() {
    let names = |circle: BTreeSet<Module>| {
        circle
            .into_iter()
            .map(|module| module.join("::"))
            .collect::<Vec<_>>()
    };
    let found: Vec<_> = circles(&imports()).into_iter().map(names).collect();
    assert!(found.is_empty(), "import circles: {found:#?}");
}

#[test]
fn a_circle_is_found() {
    let module = |name: &str| vec![name.to_owned()];
    let imports = [
        ("a", vec!["b"]),
        ("b", vec!["c"]),
        ("c", vec!["b"]),
        ("d", vec![]),
    ];
    let imports =
        imports.map(|(name, used)| (module(name), used.into_iter().map(module).collect()));
    let found = circles(&BTreeMap::from(imports));
    assert_eq!(found, [BTreeSet::from([module("b"), module("c")])]);
}
