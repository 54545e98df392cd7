//! The conversation as it looks, compared with pictures that were looked at.

use bdlm_app::state::{Answer, Preferences, Talk, ThemeChoice, Turn};
use egui::{Vec2, vec2};

use crate::conversation::answer;
use crate::pictures::{canvas, compare};
use crate::script::{Script, Trouble};
use crate::{Painter, Window, preferences, state, wait, window_of};

/// Two turns: one finished behind a thought, one whose second block is half open.
fn talking(theme: ThemeChoice, size: Vec2) -> Option<Window> {
    let canvas = canvas()?;
    let (script, _) = Script::of_answers(Trouble::None, Vec::new());
    let first = "<think>\nThe question is about Rayleigh scattering.\n</think>\n\nSunlight is scattered \
                 by the air. Blue light has short waves, and short waves are scattered far more \
                 than long ones: so blue comes to your eye from all over the sky, and red hardly \
                 does.";
    let second = "Because its light then comes a longer way through the air, most of the blue is \
                  gone before it arrives.";
    let prefs = Preferences { theme, ..preferences() };
    let mut window = window_of(size, prefs, script, Painter(Some(canvas)));
    wait(&mut window, |state| state.models.loaded.is_some());
    // Not by the engine's thread, which measures its own seconds.
    for (said, text, count) in [
        ("Why is the sky blue?", first, usize::MAX),
        ("And why is the evening sun red?", second, 11),
    ] {
        let mut turn = Turn { said: said.into(), answer: Answer::of(0), unfolded: None };
        // As if the engine's thread were at it.
        turn.answer.go_on(None, 0.0).unwrap();
        answer(text).into_iter().take(count).for_each(|event| turn.answer.push(event, 0.0));
        state(&mut window).conversation.turns.push(turn);
    }
    state(&mut window).conversation.message = "One more thing:".into();
    window.run_steps(3);
    Some(window)
}

fn earlier_talk((id, said): (u64, &str)) -> Talk {
    Talk { id, turns: vec![Turn { said: said.into(), ..Turn::default() }] }
}

#[test]
fn a_conversation_by_night() {
    let Some(mut window) = talking(ThemeChoice::Dark, vec2(900.0, 600.0)) else { return };
    compare(&mut window, "chat");
}

#[test]
fn a_conversation_by_day() {
    let Some(mut window) = talking(ThemeChoice::Light, vec2(1280.0, 800.0)) else { return };
    state(&mut window).conversation.turns[0].unfolded = Some(true);
    let earlier =
        [(1, "What is a rainbow?"), (2, "How long does light take from the sun to the earth?")];
    state(&mut window).conversation.earlier = earlier.map(earlier_talk).into();
    window.run_steps(2);
    compare(&mut window, "chat_light");
}
