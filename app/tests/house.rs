//! Imports in the app go one way: state → views → actions back, no view knows the app.

use std::fs;
use std::path::{Path, PathBuf};

/// The folders and files of `src`, from the bottom up.
const ORDER: [&str; 9] =
    ["system", "recording", "engine", "state", "store", "views", "export", "app", "headless"];

fn rank(name: &str) -> Option<usize> {
    ORDER.iter().position(|folder| *folder == name)
}

/// Names after `crate::` that stand above `folder`, or nowhere.
fn violations(folder: &str, text: &str) -> Vec<String> {
    let code = text.lines().filter(|line| !line.trim_start().starts_with("//"));
    let name = |rest: &str| {
        rest.split(|c: char| !c.is_alphanumeric() && c != '_').next().map(String::from)
    };
    let names = code.flat_map(|line| line.split("crate::").skip(1).filter_map(name));
    names.filter(|name| rank(name).is_none_or(|other| Some(other) > rank(folder))).collect()
}

fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => found.extend(sources(&path)),
            false => found.push(path),
        }
    }
    found
}

#[test]
fn no_folder_imports_one_above_it() {
    assert_eq!(violations("views", "use crate::state::State;\n// crate::app\n").len(), 0);
    assert_eq!(violations("views", "use crate::app::App;").len(), 1, "an offender is rejected");
    assert_eq!(violations("state", "fn f() { crate::views::theme::note(x) }").len(), 1);
    assert_eq!(violations("state", "use crate::{app::App, engine::Source};").len(), 1);
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut count = 0;
    for path in sources(&root) {
        let name = path.strip_prefix(&root).unwrap().iter().next().unwrap().to_string_lossy();
        let folder = name.trim_end_matches(".rs");
        if ["lib", "main", "args", "opening"].contains(&folder) {
            continue;
        }
        assert!(rank(folder).is_some(), "{} has no place in the order", path.display());
        let found = violations(folder, &fs::read_to_string(&path).unwrap());
        assert!(found.is_empty(), "{} imports {found:?}", path.display());
        count += 1;
    }
    assert!(count > 40, "{count} files were read");
}

#[test]
fn no_view_takes_the_whole_app_or_changes_the_state() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/views");
    for path in sources(&root) {
        let text = fs::read_to_string(&path).unwrap();
        for words in ["&mut State", "&mut Pane", "&mut Preferences", "&App", "&mut App"] {
            assert!(!text.contains(words), "{} holds `{words}`", path.display());
        }
    }
}
