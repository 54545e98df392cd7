//! No circles: where one file uses a name of another, directly or through a re-export, the other
//! uses none of it, neither directly nor by way of further files.

use std::collections::{BTreeMap, BTreeSet};

use crate::paths::{Names, Use, names};
use crate::source::File;

/// Where the module trees of the crates begin.
const ROOTS: [&str; 4] = ["src/lib.rs", "src/main.rs", "app/src/lib.rs", "app/src/main.rs"];

/// More re-exports than one name goes through.
const DEEPEST: usize = 20;

/// File → file: the names that the first uses of the second.
type Arrows<'a> = BTreeMap<&'a str, BTreeMap<&'a str, BTreeSet<String>>>;

pub fn circles(files: &[File]) -> Vec<String> {
    let sources: BTreeMap<&str, Names> = files
        .iter()
        .filter(|file| {
            file.is_rust() && ["src/", "app/src/"].iter().any(|r| file.path.starts_with(r))
        })
        .map(|file| (file.path.as_str(), names(&file.text)))
        .collect();
    let mut arrows = Arrows::new();
    let mut seen = BTreeSet::new();
    for root in ROOTS {
        let Some((root, _)) = sources.get_key_value(root) else { continue };
        let mut tree = Tree::new(&sources);
        tree.add(root, None);
        seen.extend(tree.modules.iter().map(|module| module.path));
        tree.draw(&mut arrows);
    }
    let unseen = sources.keys().filter(|path| !seen.contains(*path));
    let mut found: Vec<String> =
        unseen.map(|path| format!("{path}: no module declares it")).collect();
    found.extend(components(&arrows).iter().map(|circle| describe(circle, &arrows)));
    found
}

/// A file as a module of one crate.
struct Module<'a> {
    path: &'a str,
    names: &'a Names,
    parent: Option<usize>,
    children: BTreeMap<&'a str, usize>,
}

struct Tree<'a> {
    sources: &'a BTreeMap<&'a str, Names>,
    modules: Vec<Module<'a>>,
}

/// What a path leads to.
#[derive(Clone, Copy)]
enum Target {
    Module(usize),
    /// Something that this module's file defines.
    Item(usize),
}

impl<'a> Tree<'a> {
    fn new(sources: &'a BTreeMap<&'a str, Names>) -> Tree<'a> {
        Tree { sources, modules: Vec::new() }
    }

    /// Adds a file and those of the modules that it declares.
    fn add(&mut self, path: &'a str, parent: Option<usize>) -> usize {
        let index = self.modules.len();
        let names = &self.sources[path];
        self.modules.push(Module { path, names, parent, children: BTreeMap::new() });
        let is_folder = parent.is_none() || path.ends_with("/mod.rs");
        let folder = match is_folder {
            true => path.rsplit_once('/').map_or("", |(folder, _)| folder),
            false => path.trim_end_matches(".rs"),
        };
        for name in &names.modules {
            let places = [format!("{folder}/{name}.rs"), format!("{folder}/{name}/mod.rs")];
            let file = places.iter().find_map(|place| self.sources.get_key_value(place.as_str()));
            if let Some((path, _)) = file {
                let child = self.add(path, Some(index));
                self.modules[index].children.insert(name, child);
            }
        }
        index
    }

    fn draw(&self, arrows: &mut Arrows<'a>) {
        for (from, module) in self.modules.iter().enumerate() {
            let Names { uses, paths, words, .. } = module.names;
            // A name that is only passed on is not used.
            let used = uses.iter().filter(|u| !u.is_public || words.contains(&u.name));
            for path in used.map(|u| &u.path).chain(paths) {
                for target in self.resolve(from, path, 0) {
                    let Target::Item(to) = target else { continue };
                    if to != from {
                        let to = self.modules[to].path;
                        let last = path.last().cloned().unwrap_or_default();
                        arrows.entry(module.path).or_default().entry(to).or_default().insert(last);
                    }
                }
            }
        }
    }

    /// What a path in the code of a module leads to; nothing if it leads to another crate.
    fn resolve(&self, from: usize, path: &[String], depth: usize) -> Vec<Target> {
        let Some((first, rest)) = path.split_first() else { return Vec::new() };
        let start = match first.as_str() {
            "crate" => Some(0),
            "self" => Some(from),
            "super" => self.modules[from].parent,
            _ => {
                let found = self.look_up(from, first, depth);
                return found.into_iter().flat_map(|t| self.walk(t, rest, depth)).collect();
            }
        };
        start.map_or(Vec::new(), |module| self.walk(Target::Module(module), rest, depth))
    }

    fn walk(&self, from: Target, path: &[String], depth: usize) -> Vec<Target> {
        let (Target::Module(module), Some((first, rest))) = (from, path.split_first()) else {
            return vec![from];
        };
        let found = match first.as_str() {
            "super" => self.modules[module].parent.map(Target::Module).into_iter().collect(),
            "self" => vec![from],
            "*" => self.all(module, depth),
            name => self.look_up(module, name, depth),
        };
        // What a macro makes cannot be seen, but where.
        let found = if found.is_empty() { vec![Target::Item(module)] } else { found };
        found.into_iter().flat_map(|target| self.walk(target, rest, depth)).collect()
    }

    /// What a name is in a module: one of its modules, what it imports or what it defines.
    fn look_up(&self, module: usize, name: &str, depth: usize) -> Vec<Target> {
        let Module { names, children, .. } = &self.modules[module];
        let mut found: Vec<Target> =
            children.get(name).map(|&m| Target::Module(m)).into_iter().collect();
        if names.defined.contains(name) {
            found.push(Target::Item(module));
        }
        if depth == DEEPEST {
            return found;
        }
        let imports = |u: &&Use| u.name == name;
        for import in names.uses.iter().filter(imports) {
            found.extend(self.resolve(module, &import.path, depth + 1));
        }
        if found.is_empty() {
            for glob in names.uses.iter().filter(|u| u.name == "*") {
                let place = &glob.path[..glob.path.len() - 1];
                for target in self.resolve(module, place, depth + 1) {
                    if let Target::Module(place) = target {
                        found.extend(self.look_up(place, name, depth + 1));
                    }
                }
            }
        }
        found
    }

    /// What a glob imports: what the module defines and what it re-exports.
    fn all(&self, module: usize, depth: usize) -> Vec<Target> {
        let mut found = vec![Target::Item(module)];
        if depth < DEEPEST {
            let public = self.modules[module].names.uses.iter().filter(|u| u.is_public);
            found.extend(public.flat_map(|u| self.resolve(module, &u.path, depth + 1)));
        }
        found
    }
}

/// Groups of files each of which reaches each other along arrows.
fn components<'a>(arrows: &Arrows<'a>) -> Vec<Vec<&'a str>> {
    let reached: BTreeMap<&str, BTreeSet<&str>> =
        arrows.keys().map(|&from| (from, reach(from, arrows))).collect();
    let reaches = |a: &str, b: &str| reached.get(a).is_some_and(|found| found.contains(b));
    let mut circles: BTreeSet<Vec<&str>> = BTreeSet::new();
    for &file in arrows.keys().filter(|file| reaches(file, file)) {
        circles.insert(
            arrows.keys().copied().filter(|o| reaches(file, o) && reaches(o, file)).collect(),
        );
    }
    circles.into_iter().collect()
}

/// The files to which arrows lead from one, in one step or more.
fn reach<'a>(from: &str, arrows: &Arrows<'a>) -> BTreeSet<&'a str> {
    let mut reached = BTreeSet::new();
    let mut open = vec![from];
    while let Some(file) = open.pop() {
        for &next in arrows.get(file).into_iter().flat_map(BTreeMap::keys) {
            if reached.insert(next) {
                open.push(next);
            }
        }
    }
    reached
}

fn describe(circle: &[&str], arrows: &Arrows<'_>) -> String {
    let mut text = format!("a circle of {} files:", circle.len());
    for from in circle {
        for (to, names) in arrows[from].iter().filter(|(to, _)| circle.contains(to)) {
            let names: Vec<&str> = names.iter().map(String::as_str).collect();
            text += &format!("\n  {from} -> {to}: {}", names.join(", "));
        }
    }
    text
}
