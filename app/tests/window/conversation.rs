//! Conversations: what is said, what is answered, and what is kept.

use std::path::Path;

use bdlm::event::{Block, Cell, CellState, Done, Event, Start, Step, StopReason};
use bdlm_app::state::{AnswerStage, ChatAction, Preferences, State, Talk, View};
use egui::{Key, Modifiers, vec2};
use egui_kittest::kittest::{NodeT, Queryable};
use serde_json::json;

use crate::chat_model::{QWEN2, chat_model};
use crate::script::{Script, Trouble, Watched};
use crate::{Painter, Window, click, preferences, real_window, state, wait, window_of};

/// Tokens of the prompts of scripted answers.
const PROMPT: usize = 8;

/// An answer in blocks of up to four words; the last step before each has one cell masked.
pub fn answer(text: &str) -> Vec<Event> {
    let start = Start {
        sample: 0,
        seed: 1,
        block_size: 4,
        window: 128,
        length: 128,
        ids: vec![1; PROMPT],
        text: Some("<|im_start|>user\n…".into()),
        n_drawable: None,
    };
    let words: Vec<String> = text.split_inclusive(' ').map(String::from).collect();
    let mut events = vec![Event::Start(start)];
    let n_blocks = words.chunks(4).len();
    for (i, words) in words.chunks(4).enumerate() {
        for masked in [words.len(), words.len().div_ceil(2), 0] {
            events.push(Event::Step(step(i, words, masked)));
        }
        let block = Block {
            sample: 0,
            block_idx: 2 + i,
            ids: vec![7; words.len()],
            text: Some(words.concat()),
            passes: 2 * i + 2,
            secs: 0.5 * (i + 1) as f64,
        };
        events.push(Event::Block(block));
    }
    let n_tokens = PROMPT + words.len();
    events.push(Event::Done(Done {
        sample: 0,
        seed: 1,
        ids: vec![7; n_tokens],
        text: Some(text.into()),
        n_tokens,
        nfe: n_blocks,
        passes: 2 * n_blocks,
        prefill: 1,
        denoise: 0,
        commit: 0,
        secs: 0.5 * n_blocks as f64,
        stop: StopReason::StopToken,
        redraws: 0,
    }));
    events
}

/// A step of a block, its last cells masked.
fn step(i: usize, words: &[String], masked: usize) -> Step {
    let open = words.len() - masked;
    let cell = |(at, word): (usize, &String)| Cell {
        token: 7,
        text: Some(word.clone()),
        state: if at < open { CellState::Open { step: 1 } } else { CellState::Masked },
        confidence: 0.2 + 0.2 * at as f32,
        entropy: 1.0,
        rank: None,
        candidates: Vec::new(),
    };
    let cells = words.iter().enumerate().map(cell).collect();
    Step {
        sample: 0,
        block_idx: 2 + i,
        step: masked,
        passes: 2 * i + 1,
        cells,
        secs: 0.5 * i as f64,
    }
}

pub fn chatting(trouble: Trouble, answers: &[&str]) -> (Window, Watched) {
    let answers = answers.iter().map(|text| answer(text)).collect();
    let (script, watched) = Script::of_answers(trouble, answers);
    let mut window = window_of(vec2(1280.0, 800.0), preferences(), script, Painter(None));
    wait(&mut window, |state| state.models.loaded.is_some());
    (window, watched)
}

fn type_message(window: &mut Window, text: &str) {
    window.get_by_label("Message").focus();
    window.run_steps(2);
    window.get_by_label("Message").type_text(text);
    window.run_steps(2);
}

/// Types a message, sends it with Enter, and waits for the whole answer.
pub fn say(window: &mut Window, text: &str) {
    type_message(window, text);
    window.key_press(Key::Enter);
    window.run_steps(1);
    wait(window, |state| {
        state.conversation.turns.last().is_some_and(|t| t.answer.stage == AnswerStage::Done)
    });
}

/// Presses what has this label, also where it must be scrolled to.
fn press(window: &mut Window, label: &str) {
    window.get_by_label(label).click_accesskit();
    window.run_steps(3);
}

fn roles(watched: &Watched, ask: usize) -> Vec<(String, String)> {
    let asks = watched.asks.lock().unwrap();
    let shown = |m: &bdlm::text::Message| (m.role.clone(), m.content.as_str().unwrap().into());
    asks[ask].messages.iter().map(shown).collect()
}

#[test]
fn a_model_with_a_template_answers_turn_by_turn() {
    let (mut window, watched) = chatting(Trouble::None, &["Because air scatters blue.", "Yes."]);
    assert_eq!(state(&mut window).view, View::Conversation);
    window.get_by_label("Talk with tales");
    state(&mut window).prefs.chat.system = "Be brief.".into();
    say(&mut window, "Why is the sky blue?");
    window.get_by_label("Because air scatters blue.");
    // The worker measures the seconds itself.
    window.get_by_label_contains("4 tokens in ");
    window.get_by_label_contains(" tokens/s · 2.00 tokens/pass");
    assert_eq!(state(&mut window).conversation.message, "");
    say(&mut window, "Sure?");
    window.get_by_label("Yes.");
    let turn = |role: &str, text: &str| (role.to_string(), text.to_string());
    let first = [turn("system", "Be brief."), turn("user", "Why is the sky blue?")];
    assert_eq!(roles(&watched, 0), first);
    let more = [turn("assistant", "Because air scatters blue."), turn("user", "Sure?")];
    assert_eq!(roles(&watched, 1), [&first[..], &more].concat());
    // The text is a button away, and the conversation stays.
    click(&mut window, "Text view");
    assert!(window.query_by_label("Message").is_none());
    click(&mut window, "Conversation");
    window.get_by_label("Because air scatters blue.");
}

#[test]
fn enter_sends_and_shift_enter_begins_a_new_line() {
    let (mut window, watched) = chatting(Trouble::None, &["Yes."]);
    type_message(&mut window, "One");
    window.key_press_modifiers(Modifiers::SHIFT, Key::Enter);
    window.run_steps(2);
    assert!(watched.asks.lock().unwrap().is_empty(), "it was sent");
    type_message(&mut window, "two");
    window.key_press(Key::Enter);
    wait(&mut window, |state| state.conversation.turns.len() == 1 && !state.conversation.is_live());
    assert_eq!(roles(&watched, 0)[0].1, "One\ntwo");
    // Nothing but blanks is no message.
    type_message(&mut window, "  ");
    window.key_press(Key::Enter);
    window.run_steps(3);
    assert_eq!(state(&mut window).conversation.turns.len(), 1);
}

#[test]
fn thoughts_are_folded_until_they_are_wanted() {
    let text = "<think>\nIs it true? </think>\n\nYes, it is.";
    let (mut window, watched) = chatting(Trouble::None, &[text]);
    click(&mut window, "off");
    say(&mut window, "So?");
    assert_eq!(watched.asks.lock().unwrap()[0].thinking, Some(false));
    window.get_by_label("Yes, it is.");
    assert!(window.query_by_label("Is it true?").is_none());
    click(&mut window, "⏵ Thought of 3 words");
    window.get_by_label("Is it true?");
    click(&mut window, "⏷ Thought of 3 words");
    assert!(window.query_by_label("Is it true?").is_none());
    click(&mut window, "Show thoughts unfolded");
    window.get_by_label("Is it true?");
}

#[test]
fn the_block_that_is_written_is_seen_without_its_prompt() {
    let (script, _, gate) = Script::gated();
    let script = script.with_answers(vec![answer("One two three four five six seven eight")]);
    let mut window = window_of(vec2(900.0, 600.0), preferences(), script, Painter(None));
    wait(&mut window, |state| state.models.loaded.is_some());
    type_message(&mut window, "Count");
    window.key_press(Key::Enter);
    // The start, the steps and the end of a block, and two steps of the next.
    (0..7).for_each(|_| gate.send(()).unwrap());
    wait(&mut window, |state| {
        state.conversation.turns.last().is_some_and(|t| t.answer.recording.moments().len() == 5)
    });
    window.get_by_label("Text: One two three four ");
    window.get_by_label_contains("Cell 3: masked");
    // The worker measures the seconds itself.
    window.get_by_label_contains("4 tokens in ");
    window.get_by_label_contains(" tokens/s · 2.00 tokens/pass");
    click(&mut window, "⏹ Stop");
    window.get_by_label("One two three four");
    window.get_by_label_contains("stopped · 4 tokens");
    drop(gate);
}

#[test]
fn an_answer_that_is_stopped_before_it_begins_gives_the_message_back() {
    let (script, watched, gate) = Script::gated();
    let script = script.with_answers(vec![answer("One")]);
    let mut window = window_of(vec2(900.0, 600.0), preferences(), script, Painter(None));
    wait(&mut window, |state| state.models.loaded.is_some());
    type_message(&mut window, "Count");
    window.key_press(Key::Enter);
    wait(&mut window, |state| state.conversation.is_live());
    click(&mut window, "⏹ Stop");
    let chat = &state(&mut window).conversation;
    assert_eq!((chat.turns.len(), chat.message.as_str()), (0, "Count"));
    drop((gate, window));
    assert!(*watched.dropped.lock().unwrap(), "closing the window ends the engine's thread");
}

#[test]
fn a_new_conversation_puts_the_old_one_aside() {
    let (mut window, watched) = chatting(Trouble::None, &["First.", "Second."]);
    say(&mut window, "One");
    click(&mut window, "New conversation");
    assert!(window.query_by_label("First.").is_none());
    say(&mut window, "Two");
    assert_eq!(roles(&watched, 1).len(), 1, "the old turns are not asked again");
    press(&mut window, "One (1 turn)");
    window.get_by_label("First.");
    assert!(window.query_by_label("Second.").is_none());
    window.get_by_label("Two (1 turn)");
}

/// A conversation that is kept in a folder.
fn keeping_in(folder: &Path, answers: &[&str]) -> (Window, Watched) {
    let (mut window, watched) = chatting(Trouble::None, answers);
    let ctx = window.ctx.clone();
    crate::app(&mut window).keep_runs_in(&ctx, folder.into()).unwrap();
    window.run_steps(2);
    (window, watched)
}

#[test]
fn conversations_are_there_after_a_restart_until_they_are_deleted() {
    let folder = tempfile::tempdir().unwrap();
    let open = |answers: &[&str]| keeping_in(folder.path(), answers);
    let (mut window, _) = open(&["First.", "Second.", "Third."]);
    say(&mut window, "One");
    click(&mut window, "New conversation");
    say(&mut window, "Two");
    say(&mut window, "Three");
    crate::app(&mut window).remember_session();
    let prefs = state(&mut window).prefs.clone();
    let cost = state(&mut window).conversation.turns[1].answer.cost();
    drop(window);

    let (mut window, watched) = open(&["Fourth."]);
    state(&mut window).prefs.talk = prefs.talk;
    crate::app(&mut window).restore();
    window.run_steps(3);
    window.get_by_label("Second.");
    let chat = &state(&mut window).conversation;
    assert_eq!(
        (chat.turns[1].answer.cost(), chat.turns[1].answer.stage),
        (cost, AnswerStage::Done)
    );
    say(&mut window, "Four");
    let said: Vec<String> = roles(&watched, 0).into_iter().map(|(_, text)| text).collect();
    assert_eq!(said, ["Two", "Second.", "Three", "Third.", "Four"]);
    window.get_by_label_contains("The newest 50 are kept on disk");
    press(&mut window, "Delete One (1 turn)");
    assert!(window.query_by_label("One (1 turn)").is_none());
    press(&mut window, "Bring it back");
    window.get_by_label("One (1 turn)");
    press(&mut window, "Delete One (1 turn)");
    drop(window);

    let (mut window, _) = open(&[]);
    let kept: Vec<String> =
        state(&mut window).conversation.earlier.iter().map(Talk::title).collect();
    assert_eq!(kept, ["Two (3 turns)"]);
    // A file that holds no conversation is left where it is.
    let damaged = folder.path().join("conversations/7.json");
    std::fs::write(&damaged, "{").unwrap();
    drop(window);
    let (mut window, _) = open(&[]);
    assert_eq!(state(&mut window).conversation.earlier.len(), 1);
    assert!(damaged.exists());
}

#[test]
fn an_answer_from_before_a_restart_is_shown_without_its_steps() {
    let folder = tempfile::tempdir().unwrap();
    let open = |answers: &[&str]| keeping_in(folder.path(), answers).0;
    let mut window = open(&["Because of the air."]);
    say(&mut window, "Why?");
    assert!(state(&mut window).conversation.turns[0].answer.has_steps());
    drop(window);
    let mut window = open(&[]);
    press(&mut window, "Why? (1 turn)");
    window.get_by_label("Because of the air.");
    assert!(!state(&mut window).conversation.turns[0].answer.has_steps());
    click(&mut window, "Look inside");
    let state = state(&mut window);
    assert_eq!((state.view, state.pane().recording.done().is_some()), (View::Text, true));
}

#[test]
fn a_template_that_refuses_the_turns_is_a_banner_and_the_message_comes_back() {
    let (mut window, _) = chatting(Trouble::Template, &[]);
    type_message(&mut window, "Hello");
    window.key_press(Key::Enter);
    wait(&mut window, |state| state.banner.is_some());
    window.get_by_label("The template refuses this conversation.");
    window.get_by_label_contains("roles must alternate");
    let chat = &state(&mut window).conversation;
    assert_eq!((chat.turns.len(), chat.message.as_str()), (0, "Hello"));
    click(&mut window, "Dismiss");
    assert_eq!(state(&mut window).banner, None);
}

#[test]
fn an_answer_is_copied_and_looked_into() {
    let (mut window, _) = chatting(Trouble::None, &["Because of the air."]);
    say(&mut window, "Why?");
    window.get_by_label("Copy answer").click();
    window.step();
    let is_copied = window.output().platform_output.commands.iter().any(|command| {
        matches!(command, egui::OutputCommand::CopyText(text) if text == "Because of the air.")
    });
    assert!(is_copied);
    click(&mut window, "Look inside");
    let state = state(&mut window);
    assert_eq!((state.view, state.pane().recording.moments().len()), (View::Text, 4));
    assert_eq!(state.conversation.turns.len(), 1);
}

#[test]
fn conversations_are_written_in_three_forms() {
    let (mut window, _) = chatting(Trouble::None, &["<think>Hm</think> Because."]);
    say(&mut window, "Why?");
    let folder = tempfile::tempdir().unwrap();
    state(&mut window).conversation.path = folder.path().join("talk").display().to_string();
    window.run_steps(2);
    for format in ["Text", "Markdown", "JSON lines", "Text"] {
        press(&mut window, format);
        assert_eq!(state(&mut window).banner, None);
    }
    let read = |name: &str| std::fs::read_to_string(folder.path().join(name)).unwrap();
    assert_eq!(read("talk.txt"), "You: Why?\n\ntales: <think>Hm</think> Because.\n");
    assert!(read("talk.md").contains("**tales**\n\n> Hm\n\nBecause.\n"), "{}", read("talk.md"));
    let line: serde_json::Value = serde_json::from_str(&read("talk.jsonl")).unwrap();
    assert_eq!(line["messages"][0], json!({ "role": "user", "content": "Why?" }));
    assert!(folder.path().join("talk-2.txt").exists(), "a file was overwritten");
    state(&mut window).conversation.path = "/nowhere/at/all".into();
    window.run_steps(2);
    press(&mut window, "Text");
    window.get_by_label("The file could not be written.");
}

#[test]
fn every_control_of_a_conversation_has_a_label() {
    let (mut window, _) = chatting(Trouble::None, &["First.", "<think>Hm</think> Second."]);
    say(&mut window, "One");
    click(&mut window, "New conversation");
    say(&mut window, "Two");
    click(&mut window, "Show and edit the template");
    let controls = crate::controls(&window);
    assert!(controls.len() > 22, "{} controls", controls.len());
    crate::check_labels(&controls, "the conversation");
    let labels: Vec<String> =
        controls.iter().filter_map(|node| node.accesskit_node().label()).collect();
    for wanted in ["Message", "System prompt", "Template text", "Path of the conversation"] {
        assert!(labels.iter().any(|label| label == wanted), "no {wanted} in {labels:?}");
    }
}

#[test]
fn an_edited_template_is_asked_with_and_taken_back() {
    let (mut window, watched) = chatting(Trouble::None, &["Yes.", "No."]);
    click(&mut window, "Show and edit the template");
    window.get_by_label("Template text").focus();
    window.run_steps(2);
    window.get_by_label("Template text").type_text("Now: ");
    window.run_steps(2);
    window.get_by_label("ChatML, edited");
    say(&mut window, "One");
    click(&mut window, "Use the model's own");
    window.get_by_label("ChatML, the model's own");
    say(&mut window, "Two");
    let asks = watched.asks.lock().unwrap();
    assert!(asks[0].template.as_ref().is_some_and(|text| text.contains("Now: ")));
    assert_eq!(asks[1].template, None);
}

fn tokens_of(state: &State, turn: usize) -> Vec<u32> {
    state.conversation.turns[turn].answer.recording.done().unwrap().ids.clone()
}

#[test]
fn a_real_model_goes_on_with_what_earlier_turns_stored() {
    let Some(_) = crate::pictures::canvas() else { return };
    let fixture = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/fixtures/qwen3-block4");
    let model = chat_model(&fixture, QWEN2);
    let name = model.path().display().to_string();
    let mut prefs = Preferences { model: name, ..preferences() };
    (prefs.chat.tokens, prefs.chat.temperature) = (12, Some(0.0));
    let talk = |prefs: &Preferences, forgets: bool| {
        let mut window = real_window(vec2(900.0, 600.0), prefs.clone());
        assert_eq!(state(&mut window).view, View::Conversation);
        say(&mut window, "Hello");
        if forgets {
            // Another model is loaded between the turns: nothing is stored.
            let ctx = window.ctx.clone();
            state(&mut window).models.loaded = None;
            crate::app(&mut window).load();
            wait(&mut window, |state| state.models.loaded.is_some());
            crate::app(&mut window).act(&ctx, bdlm_app::state::Action::Dismiss, 0.0);
        }
        say(&mut window, "More");
        let last =
            state(&mut window).conversation.turns[1].answer.recording.done().unwrap().clone();
        (tokens_of(state(&mut window), 1), last.passes)
    };
    let ((kept, fewer), (anew, more)) = (talk(&prefs, false), talk(&prefs, true));
    assert_eq!(kept, anew);
    assert!(fewer <= more, "{fewer} passes with stored blocks, {more} without");
}

#[test]
fn an_answer_ends_where_the_models_window_does() {
    let Some(_) = crate::pictures::canvas() else { return };
    let fixture = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/fixtures/qwen3-block4");
    let model = chat_model(&fixture, QWEN2);
    let prefs = Preferences { model: model.path().display().to_string(), ..preferences() };
    let mut window = real_window(vec2(900.0, 600.0), prefs);
    // The longest answer of the settings and the prompt are longer together.
    let longest = state(&mut window).prefs.chat.tokens;
    say(&mut window, "Hello");
    let turn = &state(&mut window).conversation.turns[0];
    let done = turn.answer.recording.done().unwrap();
    let prompt = turn.answer.recording.start().unwrap().ids.len();
    assert!(longest >= 512 && prompt + longest > 512, "{prompt} and {longest} tokens");
    assert!((prompt + 1..=512).contains(&done.ids.len()), "{} tokens", done.ids.len());
    assert_eq!(state(&mut window).banner, None);
}

#[test]
fn closing_the_window_during_an_answer_ends_the_thread() {
    let (mut window, watched) = chatting(Trouble::None, &["One two three four five six"]);
    type_message(&mut window, "Count");
    let ctx = window.ctx.clone();
    let say = bdlm_app::state::Action::Chat(ChatAction::Say);
    crate::app(&mut window).act(&ctx, say, 0.0);
    drop(window);
    assert!(*watched.dropped.lock().unwrap());
}
