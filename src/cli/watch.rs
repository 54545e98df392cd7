//! `generate --watch`: the finished text, and under the pen the block being revealed, in colour
//! by confidence. Lines that are full are printed for good; the last ones are redrawn.

use std::borrow::Cow;
use std::io::Write;
use std::time::Instant;

use anyhow::Result;
use bdlm::event::{Block, Cell, CellState, Done, Event, Step};
use console::{Style, Term, measure_text_width, truncate_str};

/// A terminal with a run on it.
pub struct Screen {
    samples: usize,
    shows_prompt: bool,
    n_done: usize,
    /// What is finished of the line under the pen.
    tail: Vec<Piece>,
    /// Cells of the current block at its last step.
    cells: Vec<Cell>,
    /// Lines on the screen that will be redrawn.
    redrawn: usize,
    began: Instant,
    generated: usize,
    footer: String,
}

/// Text in one style.
#[derive(Clone)]
struct Piece {
    text: String,
    style: Style,
}

impl Screen {
    /// An empty screen.
    pub fn new(samples: usize) -> Screen {
        Screen {
            samples,
            shows_prompt: true,
            n_done: 0,
            tail: Vec::new(),
            cells: Vec::new(),
            redrawn: 0,
            began: Instant::now(),
            generated: 0,
            footer: String::new(),
        }
    }

    /// Shows answers alone.
    #[must_use]
    pub fn without_prompt(self) -> Screen {
        Screen { shows_prompt: false, ..self }
    }

    /// Shows an event.
    pub fn show(&mut self, out: &mut impl Write, event: &Event) -> Result<()> {
        match event {
            Event::Start(start) => {
                self.began = Instant::now();
                self.generated = 0;
                self.tail.clear();
                if self.samples > 1 {
                    let heading = format!("--- sample {} ---\n", start.sample);
                    self.tail.push(Piece::new(&heading, Style::new().dim()));
                }
                let text = start.text.as_deref().filter(|_| self.shows_prompt);
                let prompt = text.unwrap_or_default();
                self.tail.push(Piece::new(prompt, Style::new().bold()));
                self.footer = "loading kernels".into();
            }
            Event::Step(step) | Event::Steer(step) => self.step(step),
            Event::Block(block) => self.block(block),
            Event::Retract(retract) => {
                let words = format!("\n(repetition: {} tokens are kept)\n", retract.n_tokens);
                self.tail.push(Piece::new(&words, Style::new().red()));
                let kept = retract.text.as_deref().unwrap_or_default();
                self.tail.push(Piece::new(kept, Style::new()));
            }
            Event::Done(done) => return self.done(out, done),
        }
        self.draw(out)
    }

    fn step(&mut self, step: &Step) {
        self.cells.clone_from(&step.cells);
        let open = step.cells.iter().filter(|cell| cell.state != CellState::Masked).count();
        let shown = step.cells.len();
        let rate = (self.generated + open) as f64 / self.began.elapsed().as_secs_f64().max(1e-3);
        self.footer = format!(
            "block {} · step {} · {open}/{shown} open · pass {} · {rate:.0} tokens/s",
            step.block_idx + 1,
            step.step,
            step.passes
        );
    }

    fn block(&mut self, block: &Block) {
        self.generated += block.ids.len();
        let new = self.cells.iter().filter(|cell| cell.state != CellState::Given);
        let whole: String = new.clone().filter_map(|cell| cell.text.as_deref()).collect();
        match &block.text {
            // A block that was cut, or a character made of several tokens: the text, uncoloured.
            Some(text) if *text != whole => self.tail.push(Piece::new(text, Style::new())),
            _ => self.tail.extend(new.map(finished)),
        }
        self.cells.clear();
    }

    fn done(&mut self, out: &mut impl Write, done: &Done) -> Result<()> {
        self.footer.clear();
        self.tail.push(Piece::new("\n", Style::new()));
        let rate = self.generated as f64 / done.secs.max(1e-3);
        let words = format!(
            "{} tokens, {} passes, {:.1} s, {rate:.0} tokens/s\n",
            done.n_tokens, done.passes, done.secs
        );
        self.tail.push(Piece::new(&words, Style::new().dim()));
        self.n_done += 1;
        if self.shows_prompt && self.n_done == self.samples {
            self.tail.extend(legend());
        }
        self.draw(out)?;
        self.redrawn = 0;
        Ok(())
    }

    /// Ends what is shown before the sample does: the text so far stays, on lines of its own.
    pub fn stop(&mut self, out: &mut impl Write) -> Result<()> {
        if self.footer.is_empty() {
            return Ok(());
        }
        self.footer.clear();
        self.cells.clear();
        self.tail.push(Piece::new("\n", Style::new()));
        self.draw(out)
    }

    fn draw(&mut self, out: &mut impl Write) -> Result<()> {
        let (height, width) = Term::stdout().size();
        let (height, width) = (usize::from(height).max(4), usize::from(width).max(4));
        let mut frame = String::new();
        if self.redrawn > 0 {
            frame += &format!("\x1b[{}A", self.redrawn);
        }
        frame += "\r\x1b[J";
        let mut lines = wrap(&self.tail, width);
        self.tail = lines.pop().unwrap_or_default();
        lines.iter().for_each(|line| frame += &format!("{}\n", painted(line)));
        if self.footer.is_empty() {
            self.redrawn = 0;
            frame += &painted(&self.tail);
        } else {
            let mut pieces = self.tail.clone();
            pieces.extend(self.cells.iter().filter(|c| c.state != CellState::Given).map(live));
            let lines = wrap(&pieces, width);
            // What has scrolled off the screen cannot be redrawn.
            let shown = &lines[lines.len().saturating_sub(height - 3)..];
            self.redrawn = shown.len() + 1;
            shown.iter().for_each(|line| frame += &format!("{}\n", painted(line)));
            frame +=
                &format!("\n{}", Style::new().dim().apply_to(on_one_line(&self.footer, width)));
        }
        out.write_all(frame.as_bytes())?;
        Ok(out.flush()?)
    }
}

impl Piece {
    fn new(text: &str, style: Style) -> Piece {
        // What would move the pen is shown as a space.
        let safe = |c: char| if c.is_control() && c != '\n' { ' ' } else { c };
        Piece { text: text.chars().map(safe).collect(), style }
    }
}

/// What a terminal writes behind them at Ctrl-C: `^C`.
const ECHO: usize = 2;

/// As much of the words as a line holds: what a terminal breaks by itself could not be redrawn.
fn on_one_line(words: &str, width: usize) -> Cow<'_, str> {
    truncate_str(words, width.saturating_sub(ECHO + 1), "…")
}

/// What the colours stand for.
fn legend() -> Vec<Piece> {
    let named = [(0.0, "p < 0.1"), (0.1, "< 0.3"), (0.3, "< 0.6"), (0.6, "higher")];
    let mut pieces =
        vec![Piece::new("probability of each token when it opened: ", Style::new().dim())];
    for (confidence, words) in named {
        pieces.push(Piece::new(words, confidence_style(confidence)));
        pieces.push(Piece::new("  ", Style::new()));
    }
    pieces.push(Piece::new("\n", Style::new()));
    pieces
}

/// Red for a guess, yellow, green for a certain token.
fn confidence_style(confidence: f32) -> Style {
    match confidence {
        c if c < 0.1 => Style::new().color256(203),
        c if c < 0.3 => Style::new().color256(215),
        c if c < 0.6 => Style::new().color256(185),
        _ => Style::new().color256(114),
    }
}

fn finished(cell: &Cell) -> Piece {
    Piece::new(&shown(cell), confidence_style(cell.confidence))
}

/// A cell of the block under the pen: masked ones as shades as wide as the candidate.
fn live(cell: &Cell) -> Piece {
    if cell.state == CellState::Masked {
        let width = measure_text_width(shown(cell).trim_end_matches('\n')).clamp(1, 12);
        return Piece::new(&"░".repeat(width), Style::new().color256(240));
    }
    Piece::new(&shown(cell), confidence_style(cell.confidence).bold())
}

fn shown(cell: &Cell) -> String {
    cell.text.clone().unwrap_or_else(|| format!("{} ", cell.token))
}

/// Breaks pieces into lines between words, or inside a word longer than a line. The last line is
/// the one that grows.
fn wrap(pieces: &[Piece], width: usize) -> Vec<Vec<Piece>> {
    let glyphs = pieces.iter().flat_map(|piece| piece.text.chars().map(move |c| (c, piece)));
    let glyphs: Vec<(char, &Piece)> = glyphs.collect();
    let wide = |from: usize, to: usize| glyphs[from..to].iter().map(|g| columns(g.0)).sum();
    let (mut lines, mut start, mut used, mut word) = (Vec::new(), 0, 0, 0);
    for (i, &(c, _)) in glyphs.iter().enumerate() {
        if c == '\n' {
            lines.push(joined(&glyphs[start..i]));
            (start, used, word) = (i + 1, 0, i + 1);
            continue;
        }
        // Spaces may hang over the edge: they are not painted there.
        if c != ' ' && used + columns(c) > width {
            let cut = if word > start { word } else { i };
            lines.push(joined(&glyphs[start..cut]));
            (start, used, word) = (cut, wide(cut, i), cut);
        }
        used += columns(c);
        if c == ' ' {
            word = i + 1;
        }
    }
    lines.push(joined(&glyphs[start..]));
    lines
}

/// Glyphs of the same piece, put together again.
fn joined(glyphs: &[(char, &Piece)]) -> Vec<Piece> {
    let runs = glyphs.chunk_by(|a, b| std::ptr::eq(a.1, b.1));
    let run = |run: &[(char, &Piece)]| Piece {
        text: run.iter().map(|glyph| glyph.0).collect(),
        style: run[0].1.style.clone(),
    };
    runs.map(run).collect()
}

fn columns(c: char) -> usize {
    measure_text_width(c.encode_utf8(&mut [0; 4]))
}

/// A line in colour, without the spaces at its end.
fn painted(line: &[Piece]) -> String {
    let end = line.iter().rposition(|piece| !piece.text.trim_end().is_empty());
    let last = end.unwrap_or(0);
    let text = |(i, piece): (usize, &Piece)| {
        let text = if i == last { piece.text.trim_end() } else { &piece.text };
        piece.style.apply_to(text).to_string()
    };
    line.iter().take(last + 1).enumerate().map(text).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(texts: &[&str], width: usize) -> Vec<String> {
        let pieces: Vec<Piece> = texts.iter().map(|text| Piece::new(text, Style::new())).collect();
        let text = |line: &Vec<Piece>| line.iter().map(|piece| piece.text.as_str()).collect();
        wrap(&pieces, width).iter().map(text).collect()
    }

    #[test]
    fn lines_break_between_words_however_the_tokens_fall() {
        assert_eq!(lines(&["the k", "ing", ", he"], 8), ["the ", "king, he"]);
        assert_eq!(lines(&["a b\n\nc"], 8), ["a b", "", "c"]);
        assert_eq!(lines(&["abcdefgh", "ij k"], 4), ["abcd", "efgh", "ij k"]);
        assert_eq!(lines(&["世界世", " 界"], 4), ["世界", "世 ", "界"]);
        assert_eq!(lines(&[], 4), [""]);
    }

    #[test]
    fn in_a_narrow_terminal_the_words_below_stay_on_one_line() {
        assert_eq!(on_one_line("block 7 · step 2", 80), "block 7 · step 2");
        assert_eq!(on_one_line("block 7 · step 2", 14), "block 7 · …");
        assert!(measure_text_width(&on_one_line("block 7", 4)) <= 1, "room for `^C`");
    }

    #[test]
    fn a_full_line_with_a_space_after_it_stays_one_line_on_the_screen() {
        assert_eq!(lines(&["abcd ", "ef"], 4), ["abcd ", "ef"]);
        let pieces = [Piece::new("abcd", Style::new()), Piece::new("  ", Style::new())];
        assert_eq!(measure_text_width(&painted(&pieces)), 4);
    }
}
