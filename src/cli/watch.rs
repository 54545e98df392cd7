//! `generate --watch`: the finished text, and under the pen the block being revealed, in colour
//! by confidence. Lines that are full are printed for good; the last ones are redrawn.

use std::io::Write;
use std::time::Instant;

use anyhow::Result;
use bdlm::event::{Block, Cell, CellState, Done, Event, Step};
use console::{Style, Term, measure_text_width};

/// A terminal with a run on it.
pub struct Screen {
    samples: usize,
    width: usize,
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
            width: Term::stdout().size().1.max(20) as usize,
            tail: Vec::new(),
            cells: Vec::new(),
            redrawn: 0,
            began: Instant::now(),
            generated: 0,
            footer: String::new(),
        }
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
                let prompt = start.text.as_deref().unwrap_or_default();
                self.tail.push(Piece::new(prompt, Style::new().bold()));
                self.footer = "loading kernels".into();
            }
            Event::Step(step) => self.step(step),
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
            "block {} · {open}/{shown} open · pass {} · {rate:.0} tokens/s",
            step.block_idx, step.passes
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
        self.draw(out)?;
        self.redrawn = 0;
        Ok(())
    }

    fn draw(&mut self, out: &mut impl Write) -> Result<()> {
        let mut frame = String::new();
        if self.redrawn > 0 {
            frame += &format!("\x1b[{}A", self.redrawn);
        }
        frame += "\r\x1b[J";
        let (lines, rest) = wrap(&self.tail, self.width);
        self.tail = rest;
        lines.iter().for_each(|line| frame += &format!("{}\n", painted(line)));
        let mut pieces = self.tail.clone();
        pieces.extend(self.cells.iter().filter(|c| c.state != CellState::Given).map(live));
        let (mut lines, last) = wrap(&pieces, self.width);
        lines.push(last);
        if self.footer.is_empty() {
            self.redrawn = 0;
            frame += &painted(&self.tail);
        } else {
            self.redrawn = lines.len() + 1;
            lines.iter().for_each(|line| frame += &format!("{}\n", painted(line)));
            frame += &format!("\n{}", Style::new().dim().apply_to(&self.footer));
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

/// Cuts pieces into full lines and what is left of the last, between words where there are any.
fn wrap(pieces: &[Piece], width: usize) -> (Vec<Vec<Piece>>, Vec<Piece>) {
    let mut lines = Vec::new();
    let mut line: Vec<Piece> = Vec::new();
    let mut used = 0;
    for piece in pieces {
        for part in piece.text.split_inclusive(['\n', ' ']) {
            let wide = measure_text_width(part.trim_end_matches(['\n', ' ']));
            if used > 0 && used + wide > width {
                lines.push(std::mem::take(&mut line));
                used = 0;
            }
            line.push(Piece { text: part.trim_end_matches('\n').into(), ..piece.clone() });
            used += measure_text_width(part.trim_end_matches('\n'));
            if part.ends_with('\n') {
                lines.push(std::mem::take(&mut line));
                used = 0;
            }
        }
    }
    (lines, line)
}

fn painted(line: &[Piece]) -> String {
    line.iter().map(|piece| piece.style.apply_to(&piece.text).to_string()).collect()
}
