//! The rules of the house that neither rustc nor clippy knows. Each is a function from the files
//! to a list of what is wrong; each is tried on an offender first.

mod circles;
mod imports;
mod paths;
mod rules;
mod shaders;
mod source;

use source::{File, code, repository, without_tests};

type Rule = fn(&[File]) -> Vec<String>;

/// The repository keeps the rule, which finds as many faults in each offender as it should.
fn check(rule: Rule, offenders: &[(usize, &[(&str, &str)])]) {
    reject(rule, offenders);
    let found = rule(&repository());
    assert!(found.is_empty(), "{}", found.join("\n"));
}

/// The rule finds as many faults in each offender as it should.
fn reject(rule: Rule, offenders: &[(usize, &[(&str, &str)])]) {
    for (wanted, files) in offenders {
        let files: Vec<File> = files.iter().map(|(path, text)| File::new(path, text)).collect();
        let found = rule(&files);
        assert_eq!(found.len(), *wanted, "{} gave {found:#?}", files[0].text);
    }
}

#[test]
fn imports_go_one_way() {
    const LIB: (&str, &str) = (
        "src/lib.rs",
        "pub use error::{Error, Result};\npub use sample::{Engine, Run};\npub use wgpu;",
    );
    check(
        imports::violations,
        &[
            (
                0,
                &[("src/model/a.rs", "use crate::gpu::Gpu; use crate::{Error, model::Spec};"), LIB],
            ),
            (0, &[("src/event.rs", "use crate::{Result, wgpu}; mod tests { }"), LIB]),
            (
                0,
                &[
                    (
                        "src/gpu/a.rs",
                        "// crate::model\n/// [`crate::Run`]\nlet x = \"crate::model\";",
                    ),
                    LIB,
                ],
            ),
            (0, &[("src/hub.rs", "#[cfg(test)]\nmod tests { use super::*; }"), LIB]),
            (0, &[("src/cli/a.rs", "use bdlm::Run; use crate::cli::present;"), LIB]),
            (1, &[("src/gpu/a.rs", "use crate::model::Spec;"), LIB]),
            (1, &[("src/gpu/a.rs", "fn f() { crate::sample::g::<u8>() }"), LIB]),
            (1, &[("src/gpu/a.rs", "use crate::Engine;"), LIB]),
            (
                2,
                &[
                    (
                        "src/gpu/a.rs",
                        "use crate::{\n Error, gpu::{Gpu, b}, model::{A, B},\n eval};",
                    ),
                    LIB,
                ],
            ),
            (1, &[("src/gpu/a.rs", "use crate::{wgpu, nothing};"), LIB]),
            (1, &[("src/gpu/a.rs", "use crate::*;"), LIB]),
            (1, &[("src/hub.rs", "use crate::text::Tokenizer;"), LIB]),
            (1, &[("src/hub.rs", "use super::gpu;"), LIB]),
            (1, &[("src/text/mod.rs", "use super::gpu;"), LIB]),
            (1, &[("src/text/a.rs", "use super::super::gpu;"), LIB]),
            (1, &[("src/text/a.rs", "use crate::cli::present;"), LIB]),
            (1, &[("src/util.rs", ""), LIB]),
            (1, &[("src/cli/a.rs", "use crate::gpu::Gpu;"), LIB]),
            (2, &[("src/main.rs", "mod cli;\n#[path = \"gpu/mod.rs\"]\nmod gpu;"), LIB]),
            (1, &[("src/lib.rs", "pub fn f() {}")]),
        ],
    );
}

#[test]
fn files_use_each_other_one_way() {
    check(circles::circles, &[]);
}

// A room of three files, of which the first uses the second.
const LIB: (&str, &str) = ("src/lib.rs", "mod gpu;\npub use gpu::B;");
const ROOM: (&str, &str) =
    ("src/gpu/mod.rs", "mod a;\nmod b;\nmod c;\npub use a::A;\npub use b::B;");
const A: &str = "src/gpu/a.rs";
const B: &str = "src/gpu/b.rs";
const C: &str = "src/gpu/c.rs";
const USES_B: (&str, &str) = (A, "use super::b::B;\npub struct A(B);");
const EMPTY: (&str, &str) = (C, "");

#[test]
fn what_goes_one_way_is_no_circle() {
    let child = "mod a;\npub use a::A;\npub struct B;";
    reject(
        circles::circles,
        &[
            // A diamond, a name in a comment, a string or a test, and names that are passed on.
            (0, &[LIB, ROOM, USES_B, (B, "use super::c::C;"), (C, "pub struct C;")]),
            (
                0,
                &[
                    LIB,
                    ROOM,
                    (A, "use super::{b::B, c};\nfn f() { c::g() }"),
                    (B, "fn f() { super::c::g() }"),
                    EMPTY,
                ],
            ),
            (
                0,
                &[
                    LIB,
                    ROOM,
                    USES_B,
                    (B, "// super::a::A\nconst X: &str = \"super::a::A\";"),
                    EMPTY,
                ],
            ),
            (
                0,
                &[
                    LIB,
                    ROOM,
                    USES_B,
                    (B, "#[cfg(test)]\nmod tests { use super::super::a::A; }"),
                    EMPTY,
                ],
            ),
            (0, &[LIB, ("src/gpu/mod.rs", child), (A, "use super::B;\npub struct A;")]),
            (0, &[LIB, ROOM, USES_B, (B, "use std::a::A;\nuse other::gpu::a;"), EMPTY]),
        ],
    );
}

#[test]
fn circles_of_two_and_three_files_are_found() {
    for uses_a in [
        "use super::a::A;",
        "fn f() { crate::gpu::a::g::<u8>() }",
        "use crate::{gpu::{self, c}};\nfn f() { gpu::a::g() }",
        "use crate::gpu::a as other;\nfn f() { other::g() }",
        "use super::a::*;",
        "use super::*;",
    ] {
        reject(circles::circles, &[(1, &[LIB, ROOM, USES_B, (B, uses_a), EMPTY])]);
    }
    let globs = ("src/gpu/mod.rs", "mod a;\nmod b;\nmod c;\npub use a::*;");
    let uses_c = (B, "use super::c::C;");
    reject(
        circles::circles,
        &[
            // Through re-exports of the room and of the crate.
            (1, &[LIB, ROOM, (A, "use crate::B;"), uses_c, (C, "use super::A;")]),
            (1, &[LIB, globs, USES_B, uses_c, (C, "use crate::gpu::A;")]),
            // Two circles, and a file that nobody declares.
            (
                2,
                &[
                    LIB,
                    ROOM,
                    USES_B,
                    (B, "use super::a::A;"),
                    (C, "mod d;\nfn f() { d::g() }"),
                    ("src/gpu/c/d.rs", "use super::f;"),
                ],
            ),
            (1, &[LIB, ("src/gpu/mod.rs", "mod a;"), (A, ""), (B, "")]),
        ],
    );
}

#[test]
fn circles_of_parents_and_in_the_programs_are_found() {
    let uses_a = "mod a;\npub use a::A;\npub struct B(A);";
    reject(
        circles::circles,
        &[
            (1, &[LIB, ("src/gpu/mod.rs", "mod a;\npub struct B(a::A);"), (A, "use super::B;")]),
            (1, &[LIB, ("src/gpu/mod.rs", uses_a), (A, "use super::B;")]),
            (1, &[LIB, ("src/gpu.rs", "mod a;\npub struct B(a::A);"), (A, "use crate::gpu::B;")]),
            (
                1,
                &[
                    ("src/main.rs", "mod a;\nmod b;"),
                    ("src/a.rs", "use crate::b;\nfn f() { b::g() }"),
                    ("src/b.rs", "use crate::a::f;"),
                ],
            ),
            (
                1,
                &[
                    ("app/src/lib.rs", "mod a;\nmod b;"),
                    ("app/src/a.rs", "use crate::b::g;"),
                    ("app/src/b.rs", "use crate::a::f;"),
                ],
            ),
        ],
    );
}

#[test]
fn files_are_short() {
    let lines = |n: usize| "x\n".repeat(n);
    check(
        rules::sizes,
        &[
            (0, &[("src/a.rs", &lines(400)), ("tests/a.rs", &lines(600)), ("a.md", &lines(900))]),
            (0, &[("shaders/parts/a.wgsl", &lines(150)), ("app/tests/a.rs", &lines(600))]),
            (1, &[("src/a.rs", &lines(401))]),
            (1, &[("app/src/a.rs", &lines(401))]),
            (1, &[("tests/common/a.rs", &lines(601))]),
            (1, &[("shaders/parts/a.wgsl", &lines(151))]),
        ],
    );
}

#[test]
fn gpu_objects_are_made_in_one_place() {
    check(
        rules::gpu_objects,
        &[
            (
                0,
                &[
                    ("src/gpu/device/open.rs", "wgpu::Instance::new(x)"),
                    ("src/gpu/a.rs", "// request_device"),
                ],
            ),
            (0, &[("src/gpu/plan/replay.rs", "device.create_bind_group(x)")]),
            (1, &[("src/gpu/plan/replay.rs", "adapter.request_device(x)")]),
            (1, &[("src/gpu/device/open.rs", "device.create_compute_pipeline(x)")]),
            (1, &[("src/gpu/plan/replay.rs", "device.create_pipeline_cache(x)")]),
            (1, &[("src/gpu/plan/replay.rs", "device.push_error_scope(x)")]),
            (1, &[("src/cli/a.rs", "wgpu::Instance::new(x)")]),
        ],
    );
}

#[test]
fn what_browsers_lack_is_used_in_few_places() {
    check(
        rules::absent_in_browsers,
        &[
            (0, &[("src/hub/native/a.rs", "std::fs::read(x); memmap2::Mmap::map(y)")]),
            (0, &[("src/clock.rs", "use std::time::Instant;")]),
            (0, &[("src/a.rs", "use std::time::Duration;")]),
            (
                0,
                &[("src/a.rs", "// std::fs::read\n#[cfg(test)]\nmod tests { use std::fs::read; }")],
            ),
            (0, &[("src/cli/a.rs", "std::fs::read(x)"), ("src/a.rs", "offs::x(); runtime::y()")]),
            (1, &[("src/a.rs", "std::fs::read(x)")]),
            (1, &[("src/hub/a.rs", "use std::{fs, io};\nfs::read(x)")]),
            (1, &[("src/hub/native/a.rs", "std::thread::scope(|s| x(s))")]),
            (2, &[("src/gpu/a.rs", "use std::time::Instant;\nstd::net::TcpStream::connect(x)")]),
        ],
    );
}

#[test]
fn kernels_are_named_like_their_files() {
    let kernel = "@compute @workgroup_size(LANES)\nfn norm(\n) {}\nfn total() {}";
    check(
        shaders::entry_points,
        &[
            (0, &[("shaders/kernels/norm.wgsl", kernel)]),
            (0, &[("shaders/parts/prelude.wgsl", "// @compute fn a()\nfn total() {}")]),
            (1, &[("shaders/kernels/layer_norm.wgsl", kernel)]),
            (1, &[("shaders/kernels/norm.wgsl", &kernel.repeat(2))]),
            (1, &[("shaders/kernels/norm.wgsl", "fn total() {}")]),
            (1, &[("shaders/parts/norm.wgsl", kernel)]),
            (1, &[("shaders/norm.wgsl", kernel)]),
        ],
    );
}

#[test]
fn bindings_are_in_order_and_have_shapes() {
    let x = "@group(0) @binding(0) var<storage, read> x: array<f32>;    // [T, C]\n";
    let step = "@group(0) @binding(1) var<uniform> step: Step;\n";
    let y = "@group(0) @binding(2) var<storage, read_write> y: array<f32>; // [T]\n";
    let good = [x, step, y].concat();
    check(
        shaders::bindings,
        &[
            (0, &[("shaders/parts/a.wgsl", &good)]),
            (1, &[("shaders/parts/a.wgsl", &good.replace(" // [T]", ""))]),
            (1, &[("shaders/parts/a.wgsl", &good.replace("// [T, C]", "// the input"))]),
            (1, &[("shaders/parts/a.wgsl", &good.replace(": Step", ": Other"))]),
            (1, &[("shaders/parts/a.wgsl", &good.replace("binding(2)", "binding(3)"))]),
            (
                1,
                &[(
                    "shaders/parts/a.wgsl",
                    &good.replace("group(0) @binding(0)", "group(1) @binding(0)"),
                )],
            ),
            (
                1,
                &[(
                    "shaders/parts/a.wgsl",
                    &good.replace("var<storage, read>", "var<storage, read_write>"),
                )],
            ),
            (
                1,
                &[("shaders/parts/a.wgsl", "@group(0) @binding(1) var<storage, read> x: A; // []")],
            ),
        ],
    );
}

#[test]
fn shaders_stand_in_files_of_their_own() {
    check(
        shaders::no_wgsl_in_rust,
        &[
            (0, &[("src/a.rs", "binding(0)"), ("tests/a.rs", "\"@compute fn a() {}\"")]),
            (1, &[("src/a.rs", "const X: &str = \"@compute @workgroup_size(1) fn a() {}\";")]),
            (1, &[("app/src/a.rs", "\"@group(0) @binding(0)\"")]),
        ],
    );
}

#[test]
fn the_library_neither_prints_nor_panics() {
    check(
        rules::library_manners,
        &[
            (0, &[("src/a.rs", "x.expect(&[t, c])?; // x.unwrap()\nlet s = \"println!(1)\";")]),
            (0, &[("src/a.rs", "#[cfg(test)]\nmod tests { fn f() { x.unwrap() } }\nfn g() {}")]),
            (0, &[("src/cli/a.rs", "println!(1)"), ("tests/a.rs", "x.unwrap()")]),
            (1, &[("src/a.rs", "println!(1)")]),
            (1, &[("src/a.rs", "eprintln!(1)")]),
            (2, &[("src/a.rs", "x.unwrap();\ny.expect(\"never\");")]),
            (1, &[("src/a.rs", "#[cfg(test)]\nuse a::b;\nfn f() { todo!() }")]),
            (1, &[("src/a.rs", "#[cfg(test)]\nmod tests { fn f() {} }\nfn g() { panic!() }")]),
            (1, &[("src/a.rs", "std::process::exit(1)")]),
            (0, &[("src/sample/worker/handle.rs", "std::thread::Builder::new()")]),
            (1, &[("src/sample/worker/handle.rs", "std::thread::spawn(f)")]),
            (1, &[("src/sample/run.rs", "std::thread::Builder::new()")]),
        ],
    );
}

#[test]
fn the_stricter_lints_are_on_in_the_library_and_the_binary() {
    let on = "#![warn(\n    clippy::disallowed_methods,\n    clippy::disallowed_types,\n    \
              clippy::expect_used,\n    clippy::panic,\n    clippy::print_stderr,\n    \
              clippy::print_stdout,\n    clippy::unwrap_used\n)]\n";
    check(
        rules::lints_are_on,
        &[
            (0, &[("src/lib.rs", on), ("src/main.rs", on)]),
            (1, &[("src/lib.rs", &on.replace("clippy::panic,", ""))]),
            (1, &[("src/lib.rs", &on.replace("clippy::print_stdout", "clippy::print_stdin"))]),
            (7, &[("src/lib.rs", &format!("//! {}", on.replace('\n', " ")))]),
            (5, &[("src/main.rs", "")]),
        ],
    );
}

#[test]
fn nothing_names_a_path_of_one_machine() {
    let home = concat!("/", "home/");
    check(
        rules::machine_paths,
        &[
            (0, &[("a.md", "see src/work/ and tests/home/x, or $TMPDIR/a")]),
            (1, &[("a.md", &format!("see {home}me/x"))]),
            (1, &[("tests/a.rs", &format!("let x = \"{home}me\";"))]),
            (1, &[(".ci/run", &format!("cd {home}"))]),
        ],
    );
}

#[test]
fn ci_runs_the_readme_s_test_command() {
    let readme = "# a\n```sh\nx && cargo run -- y\n```\n```sh\nx && cargo test --z\n```\n";
    let ci = "step bash -c 'x && cargo test --z'\n";
    check(
        rules::ci_runs_the_readme,
        &[
            (0, &[("README.md", readme), (".ci/run", ci)]),
            (1, &[("README.md", readme), (".ci/run", "cargo test --z")]),
            (1, &[("README.md", "```sh\ncargo run\n```"), (".ci/run", ci)]),
        ],
    );
}

#[test]
fn documents_name_files_that_are_there() {
    let (a, b) = (("src/gpu/a.rs", ""), (".ci/run", ""));
    check(
        rules::named_files,
        &[
            (0, &[("a.md", "`src/gpu/a.rs`, `src/gpu/` and `src/gpu`; .ci/run"), a, b]),
            (0, &[("a.md", "`src/model/<name>.rs` beside `tests/fixtures/ar` and `b.rs`"), a]),
            (1, &[("docs/a.md", "`src/gpu/b.rs`"), a]),
            (2, &[("a.md", "[a](src/gp), then `src/gpu/a`"), a]),
        ],
    );
}

#[test]
fn all_sources_are_found_and_read_as_code() {
    let paths: Vec<String> = repository().into_iter().map(|file| file.path).collect();
    for wanted in
        ["Cargo.toml", ".ci/run", "src/lib.rs", "docs/performance.md", "shaders/kernels/norm.wgsl"]
    {
        assert!(paths.iter().any(|path| path == wanted), "{wanted} is not among {paths:?}");
    }
    assert!(paths.iter().any(|path| path.starts_with("docs/")), "{paths:?}");
    assert_eq!(code("a // b\n/* c /* d */ */e"), "a     \n               e");
    assert_eq!(code(r#"f("x\"y", '"', b'\'') 'a"#), r#"f("    ", ' ', b'  ') 'a"#);
    assert_eq!(code("r#\"a\"b\"# r#type bar\"x\""), "r      # r#type bar\" \"");
    assert_eq!(without_tests("a\n#[cfg(test)]\nmod t { {} }\nb"), "a\n\n\nb");
}
