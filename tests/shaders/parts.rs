//! What parts say of themselves: the head of each lists the names that it provides to the other files of
//! a module, and those that it needs from them. The prelude, which every module has, needs no mention.

use std::collections::BTreeSet;

use bdlm::gpu::KERNELS;

use crate::text;

const PRELUDE: &str = "shaders/parts/prelude.wgsl";

/// A file of a module: its kernel, or a part.
struct Part {
    path: String,
    provides: BTreeSet<String>,
    needs: BTreeSet<String>,
    declared: BTreeSet<String>,
    used: BTreeSet<String>,
}

impl Part {
    fn new(path: &str, wgsl: &str) -> Part {
        let (declared, used) = (text::declared(wgsl), text::used(wgsl));
        let lists = [listed(wgsl, "// Provides: "), listed(wgsl, "// Needs: ")];
        let [provides, needs] = lists;
        // A kernel has no lists: it provides all that it declares.
        let provides = if text::is_kernel(path) { declared.clone() } else { provides };
        Part { path: path.into(), provides, needs, declared, used }
    }

    fn is_kernel(&self) -> bool {
        text::is_kernel(&self.path)
    }
}

/// The names of a list, without the parameters of functions.
fn listed(wgsl: &str, tag: &str) -> BTreeSet<String> {
    let lists = wgsl.lines().filter_map(|line| line.strip_prefix(tag));
    let names = lists.flat_map(|list| list.split(')').filter_map(|piece| piece.split('(').next()));
    let names = names.flat_map(|names| names.split(", "));
    names.filter(|name| !name.is_empty()).map(str::to_string).collect()
}

/// What is wrong with the files of a module.
fn faults(module: &[Part]) -> Vec<String> {
    let mut found = Vec::new();
    for part in module {
        let others = || module.iter().filter(|other| other.path != part.path);
        let mut complain = |name: &str, fault: &str| {
            found.push(format!("{}: `{name}` {fault}", part.path));
        };
        for name in part.provides.difference(&part.declared) {
            complain(name, "is said to be provided, and not declared");
        }
        for name in &part.needs {
            let providers = others().filter(|other| other.provides.contains(name)).count();
            if providers != 1 {
                complain(name, &format!("is needed, and {providers} files provide it"));
            }
            if !part.used.contains(name) {
                complain(name, "is said to be needed, and not used");
            }
        }
        let unlisted = |name: &&String| {
            let declares = |other: &Part| other.path != PRELUDE && other.declared.contains(*name);
            others().any(declares) && !part.declared.contains(*name)
        };
        if !part.is_kernel() {
            for name in part.used.difference(&part.needs).filter(unlisted) {
                complain(name, "is used, and not said to be needed");
            }
        }
        for name in part.declared.difference(&part.provides) {
            if others().any(|other| other.used.contains(name) && !other.declared.contains(name)) {
                complain(name, "is used elsewhere, and not said to be provided");
            }
        }
    }
    found
}

#[test]
fn parts_get_what_they_need_and_provide_what_they_say() {
    let files: Vec<(String, String)> =
        text::files("shaders").into_iter().map(|path| (path.clone(), text::read(&path))).collect();
    for kernel in KERNELS {
        let wgsl = kernel.wgsl();
        let joined = files.iter().filter(|(_, text)| wgsl.contains(text));
        let module: Vec<Part> = joined.map(|(path, text)| Part::new(path, text)).collect();
        assert_eq!(module.iter().filter(|part| part.is_kernel()).count(), 1, "{}", kernel.name);
        let found = faults(&module);
        assert!(found.is_empty(), "{} ({}): {found:#?}", kernel.name, kernel.variant);
    }
}

#[test]
fn a_part_that_lacks_something_or_says_too_much_is_noticed() {
    let kernel = "override K: u32;\n@compute fn f() {\n    let x = a(1u);\n}\n";
    let first =
        "// Provides: a(i, j)\n// Needs: K, B\n\nfn a(i: u32) -> u32 {\n    return K * B;\n}\n";
    let second = "// Provides: B\n\nconst B = 3u;\n";
    let check = |texts: [&str; 3]| {
        let paths = ["shaders/kernels/f.wgsl", "shaders/parts/a.wgsl", "shaders/parts/b.wgsl"];
        let parts: Vec<Part> =
            paths.iter().zip(texts).map(|(path, text)| Part::new(path, text)).collect();
        faults(&parts).len()
    };
    assert_eq!(check([kernel, first, second]), 0);
    // Nobody provides it; another file too; it is not declared; it is not used; neither list has it.
    assert_eq!(check([kernel, first, ""]), 1);
    assert_eq!(check([&format!("{kernel}const B = 4u;"), first, second]), 1);
    assert_eq!(check([kernel, first, "// Provides: B, C\n\nconst B = 3u;\n"]), 1);
    assert_eq!(check([kernel, &first.replace("K * B", "K"), second]), 1);
    assert_eq!(check([kernel, &first.replace("Needs: K, B", "Needs: K"), second]), 1);
    assert_eq!(check([kernel, first, "const B = 3u;\n"]), 2);
}
