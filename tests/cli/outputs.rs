//! Where results go: to files that are written whole, and through links, pipes and devices.

use std::fs;
use std::path::Path;
use std::process::Output;

use serde_json::Value;

use crate::eval::{EXACT, ids_file, ppl};
use crate::{bdlm, check_failure, process, stderr, stdout};

/// The report of an evaluation in a file.
fn is_report(path: &Path) -> Result<(), String> {
    let bytes = fs::read(path).map_err(|e| e.to_string())?;
    let report: Value = serde_json::from_slice(&bytes).map_err(|e| e.to_string())?;
    if report["tokens"] == 96 { Ok(()) } else { Err(format!("no report: {report}")) }
}

#[test]
fn what_is_no_report_is_rejected() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.json");
    assert!(is_report(&path).is_err());
    fs::write(&path, "old").unwrap();
    assert!(is_report(&path).is_err());
}

fn evaluate(ids: &Path, output: &Path) -> Output {
    ppl(ids, &[&EXACT[..], &["--output", output.to_str().unwrap()]].concat())
}

#[cfg(unix)]
#[test]
fn links_are_written_through_and_permissions_kept() {
    use std::os::unix::fs::{PermissionsExt, symlink};
    let Some(_) = bdlm() else { return };
    let (folder, ids) = ids_file();
    let real = folder.path().join("real.json");
    let link = folder.path().join("link.json");
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    fs::write(&real, "old and longer than nothing").unwrap();
    fs::set_permissions(&real, fs::Permissions::from_mode(0o600)).unwrap();
    symlink("real.json", &link).unwrap();
    assert!(evaluate(&ids, &link).status.success());
    assert!(fs::symlink_metadata(&link).unwrap().is_symlink(), "the link is still there");
    is_report(&real).unwrap();
    assert_eq!(mode(&real), 0o600);
    // A link that leads to nothing yet, over another.
    let (first, second) = (folder.path().join("1"), folder.path().join("2"));
    symlink("2", &first).unwrap();
    symlink("new.json", &second).unwrap();
    assert!(evaluate(&ids, &first).status.success());
    is_report(&folder.path().join("new.json")).unwrap();
    let circle = folder.path().join("circle");
    symlink("circle", &circle).unwrap();
    check_failure(&evaluate(&ids, &circle), 1, &["circle cannot be written"]).unwrap();
    let hidden = |entry: &fs::DirEntry| entry.file_name().to_string_lossy().starts_with(".bdlm");
    assert!(!fs::read_dir(folder.path()).unwrap().flatten().any(|e| hidden(&e)), "all is renamed");
}

#[cfg(unix)]
#[test]
fn pipes_and_devices_are_written_to() {
    use std::os::unix::fs::FileTypeExt;
    let Some(_) = bdlm() else { return };
    let (folder, ids) = ids_file();
    let pipe = folder.path().join("pipe");
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let reader = {
        let pipe = pipe.clone();
        std::thread::spawn(move || fs::read(pipe).unwrap())
    };
    assert!(evaluate(&ids, &pipe).status.success());
    let got = reader.join().unwrap();
    let report: Value = serde_json::from_slice(&got).unwrap();
    assert_eq!(report["tokens"], 96);
    assert!(fs::metadata(&pipe).unwrap().file_type().is_fifo());
    assert!(evaluate(&ids, Path::new("/dev/null")).status.success());
    assert!(fs::metadata("/dev/null").unwrap().file_type().is_char_device());
}

#[cfg(target_os = "linux")]
#[test]
fn the_file_of_stdout_is_written_on_with_what_else_goes_there() {
    let Some(_) = bdlm() else { return };
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("log");
    fs::write(&log, "before\n").unwrap();
    let file = fs::OpenOptions::new().append(true).open(&log).unwrap();
    let run = process()
        .args(["eval", "genppl", "--scorer", "tales", "--generate", "2", "--length", "20"])
        .args(["--per-sample", "/dev/stdout", "--format", "csv"])
        .stdout(file)
        .output()
        .unwrap();
    assert!(run.status.success(), "{}", stderr(&run));
    let text = fs::read_to_string(&log).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!((lines.len(), lines[0]), (1 + 2 + 2, "before"), "{text}");
    assert!(lines[1].starts_with("scorer,") && lines[3].starts_with("{\"sample\":0"), "{text}");
}

#[test]
fn a_generated_text_can_go_to_a_file() {
    let Some(mut command) = bdlm() else { return };
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("run.jsonl");
    let fixed = ["generate", "--length", "24", "--samples", "2", "--format", "jsonl"];
    let wanted = stdout(&command.args(fixed).output().unwrap());
    let output = bdlm().unwrap().args(fixed).arg("--output").arg(&path).output().unwrap();
    assert!(output.status.success() && output.stdout.is_empty(), "{}", stderr(&output));
    let untimed = |text: &str| -> Vec<Value> {
        let lines = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        lines
            .map(|mut line| {
                line["secs"] = 0.into();
                line
            })
            .collect()
    };
    assert_eq!(untimed(&fs::read_to_string(&path).unwrap()), untimed(&wanted));
    let nowhere = bdlm().unwrap().args(fixed).args(["--output", "no/where"]).output().unwrap();
    check_failure(&nowhere, 1, &["no/where cannot be written"]).unwrap();
}

#[test]
fn a_prompt_may_come_in_any_encoding_and_with_any_line_end() {
    let Some(_) = bdlm() else { return };
    let text = "Once upon a time\nthere was a fox";
    let windows = text.replace('\n', "\r\n") + "\r\n";
    let utf16: Vec<u8> =
        format!("\u{feff}{windows}").encode_utf16().flat_map(u16::to_le_bytes).collect();
    let write = |bytes: Vec<u8>| {
        let mut command = bdlm().unwrap();
        let output = command.args(["generate", "--length", "24", "-"]).write_stdin(bytes);
        stdout(&output.output().unwrap())
    };
    let wanted = write(text.as_bytes().to_vec());
    assert!(wanted.starts_with(text), "{wanted}");
    for bytes in [windows.clone().into_bytes(), format!("\u{feff}{text}\n").into_bytes(), utf16] {
        assert_eq!(write(bytes), wanted);
    }
}
