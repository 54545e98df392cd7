//! Files: what is written, and what is opened again.

use std::path::Path;

use bdlm_app::Recording;
use bdlm_app::recording::read_events;
use bdlm_app::state::Stage;
use egui_kittest::kittest::Queryable;

use crate::script::{Trouble, recorded};
use crate::{Window, app, click, moments, replay, state, wait, window};

fn files(window: &mut Window, folder: &Path) {
    click(window, "Files: save, export, open");
    state(window).files.path = folder.join("run").display().to_string();
    window.run_steps(2);
}

fn export(window: &mut Window, label: &str) {
    click(window, label);
    wait(window, |state| state.files.writing.is_none());
    assert_eq!(state(window).banner, None);
}

#[test]
fn a_run_is_written_and_replayed_without_a_model() {
    let mut window = replay();
    let folder = tempfile::tempdir().unwrap();
    files(&mut window, folder.path());
    export(&mut window, "Text");
    export(&mut window, "Run (JSON lines)");
    // Nothing is overwritten.
    export(&mut window, "Text");
    assert!(folder.path().join("run-2.txt").exists());
    let Some(bdlm::event::Event::Done(done)) = recorded().pop() else { panic!("no end") };
    let text = std::fs::read_to_string(folder.path().join("run.txt")).unwrap();
    assert_eq!(Some(text), done.text);
    let path = folder.path().join("run.jsonl");
    assert_eq!(read_events(&path).unwrap(), recorded());
    let before = moments(&mut window);
    app(&mut window).open(Recording::default());
    state(&mut window).models.loaded = None;
    state(&mut window).files.open = path.display().to_string();
    window.run_steps(2);
    click(&mut window, "Open");
    wait(&mut window, move |state| state.pane().recording.moments().len() == before);
}

#[test]
fn files_say_what_the_run_was_made_with() {
    let (mut window, _) = window(Trouble::None);
    wait(&mut window, |state| state.models.loaded.is_some());
    click(&mut window, "▶ Generate");
    wait(&mut window, |state| state.pane().stage == Stage::Over);
    let folder = tempfile::tempdir().unwrap();
    files(&mut window, folder.path());
    export(&mut window, "Markdown");
    export(&mut window, "Run (JSON lines)");
    let origin = state(&mut window).pane().origin.clone();
    let page = std::fs::read_to_string(folder.path().join("run.md")).unwrap();
    let seed = format!("seed {}", origin.settings.seed);
    for words in ["# The king said", "- model: tales", "first-hitting", &seed, "made with: bdlm"] {
        assert!(page.contains(words), "no {words} in {page}");
    }
    let path = folder.path().join("run.jsonl");
    let first = std::fs::read_to_string(&path).unwrap().lines().next().unwrap().to_string();
    assert!(first.contains("\"made_with\"") && first.contains("\"version\""), "{first}");
    // The file is a run as any other, and brings its origin back.
    let events = state(&mut window).pane().recording.events().to_vec();
    let read = read_events(&path).unwrap();
    assert!(read.iter().eq(events.iter().map(|event| &**event)), "another run is read");
    state(&mut window).files.open = path.display().to_string();
    let before = state(&mut window).pane().kept;
    window.run_steps(2);
    click(&mut window, "Open");
    wait(&mut window, move |state| state.pane().kept != before);
    assert_eq!(state(&mut window).pane().origin.settings, origin.settings);
}

#[test]
fn files_that_hold_no_run_are_reported() {
    let mut window = replay();
    let folder = tempfile::tempdir().unwrap();
    let before = moments(&mut window);
    files(&mut window, folder.path());
    for (name, bytes, words) in [
        ("none.jsonl", None, "cannot be read"),
        ("text.jsonl", Some(&b"once upon a time\n"[..]), "line 1 is not an event"),
        ("empty.jsonl", Some(&b""[..]), "holds no run"),
        ("binary.jsonl", Some(&b"\xff\x01\xfa"[..]), "not UTF-8"),
    ] {
        let path = folder.path().join(name);
        if let Some(bytes) = bytes {
            std::fs::write(&path, bytes).unwrap();
        }
        state(&mut window).files.open = path.display().to_string();
        window.run_steps(2);
        click(&mut window, "Open");
        wait(&mut window, |state| state.banner.is_some());
        let banner = state(&mut window).banner.clone().unwrap();
        assert!(banner.cause.contains(words), "{}", banner.cause);
        click(&mut window, "Dismiss");
    }
    assert_eq!(moments(&mut window), before, "the run that was shown stays");
}

#[test]
fn pictures_and_animations_are_whole_files() {
    let Some(_) = crate::pictures::canvas() else { return };
    let mut window = replay();
    let folder = tempfile::tempdir().unwrap();
    files(&mut window, folder.path());
    export(&mut window, "Picture (PNG)");
    let began = std::time::Instant::now();
    export(&mut window, "Animation (GIF)");
    assert!(began.elapsed().as_secs() < 20, "{:?}", began.elapsed());
    export(&mut window, "Drawing (SVG)");
    let drawing = std::fs::read_to_string(folder.path().join("run.svg")).unwrap();
    assert!(drawing.starts_with("<svg ") && drawing.trim_end().ends_with("</svg>"));
    for word in ["king", "great", "step 31 of"] {
        let is_there = drawing.contains(word) || word.starts_with("step");
        assert!(is_there, "no {word} in {drawing}");
    }
    assert_eq!(drawing.matches("<g ").count(), drawing.matches("</g>").count());
    let picture = image::open(folder.path().join("run.png")).unwrap().to_rgb8();
    assert_eq!(picture.width(), 2 * 760);
    assert!(picture.height() > 160 && picture.height() < 800, "{}", picture.height());
    let ground = picture.get_pixel(2, 2);
    assert!(picture.pixels().any(|pixel| pixel != ground), "the picture is empty");
    let file = std::fs::File::open(folder.path().join("run.gif")).unwrap();
    let mut decoder = gif::DecodeOptions::new().read_info(file).unwrap();
    let mut frames = 0;
    while decoder.read_next_frame().unwrap().is_some() {
        frames += 1;
    }
    assert_eq!(frames, moments(&mut window));
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 3, "nothing is left beside");
}

#[test]
fn a_folder_that_cannot_be_written_is_reported() {
    let mut window = replay();
    files(&mut window, Path::new("/nowhere/at/all"));
    click(&mut window, "Text");
    wait(&mut window, |state| state.banner.is_some());
    window.get_by_label_contains("there is no folder /nowhere/at");
}

#[test]
fn the_text_is_copied() {
    let mut window = replay();
    click(&mut window, "Files: save, export, open");
    window.get_by_label("Copy the text").click();
    window.step();
    let copied = window.output().platform_output.commands.iter().any(|command| {
        matches!(command, egui::OutputCommand::CopyText(text) if text.starts_with("The king"))
    });
    assert!(copied);
}
