//! Text that flows: pieces of a line, broken where words end, each with its place.

use egui::{FontId, Pos2, Rect, Vec2, vec2};

use crate::views::theme::{LINE_HEIGHT, TEXT_SIZE};

/// What is set in one go: a token, or the text between tokens.
#[derive(Clone, Debug, PartialEq)]
pub struct Piece<K> {
    /// Its text, blanks and line breaks included.
    pub text: String,
    /// What it is.
    pub kind: K,
    /// Least width, for cells whose text is not known yet; 0 for text.
    pub min_width: f32,
}

/// Room around the text of a cell, left and right together.
pub const CELL_PADDING: f32 = 10.0;

/// A piece, or the part of it that is on one line.
#[derive(Clone, Debug, PartialEq)]
pub struct Placed<K> {
    /// Where it is, relative to the text's corner; as high as a line.
    pub rect: Rect,
    /// What is drawn there, blanks at its ends included.
    pub text: String,
    /// Width of the blanks that it begins with.
    pub indent: f32,
    /// Bytes of all pieces before it.
    pub from: usize,
    /// The piece begins with it.
    pub begins: bool,
    /// What it is.
    pub kind: K,
}

/// A part of a word that is not placed yet.
struct Part<K> {
    text: String,
    width: f32,
    indent: f32,
    from: usize,
    begins: bool,
    kind: K,
}

/// Sets pieces in lines of a width; returns their places and the height.
///
/// `measure` gives the width of a text.
pub fn flow<K: Copy>(
    pieces: &[Piece<K>],
    width: f32,
    measure: &mut dyn FnMut(&str) -> f32,
) -> (Vec<Placed<K>>, f32) {
    let mut lines = Lines { placed: Vec::new(), word: Vec::new(), at: Vec2::ZERO, width };
    let mut from = 0;
    for piece in pieces {
        let mut begins = true;
        for (i, line) in piece.text.split('\n').enumerate() {
            if i > 0 {
                from += 1;
                lines.end_word();
                lines.at = vec2(0.0, lines.at.y + LINE_HEIGHT);
            }
            let mut rest = line;
            loop {
                let cut = word_end(rest);
                let (part, after) = rest.split_at(cut);
                let is_last = after.is_empty();
                if !part.is_empty() || (piece.min_width > 0.0 && i == 0 && is_last) {
                    if part.starts_with(begins_word) || piece.min_width > 0.0 {
                        lines.end_word();
                    }
                    let text_width = measure(part);
                    let blanks = part.len() - part.trim_start().len();
                    let indent = if blanks > 0 { measure(&part[..blanks]) } else { 0.0 };
                    let width = match piece.min_width > 0.0 {
                        true => (text_width + CELL_PADDING).max(piece.min_width),
                        false => text_width,
                    };
                    let (text, kind) = (part.to_string(), piece.kind);
                    lines.word.push(Part { text, width, indent, from, begins, kind });
                    begins = false;
                    if piece.min_width > 0.0 {
                        lines.end_word();
                    }
                }
                from += cut;
                if is_last {
                    break;
                }
                rest = after;
            }
        }
    }
    lines.end_word();
    (lines.placed, lines.at.y + LINE_HEIGHT)
}

/// Bytes up to the next word: blanks belong to the word behind them.
fn word_end(text: &str) -> usize {
    let mut seen_word = false;
    for (i, c) in text.char_indices() {
        if seen_word && begins_word(c) {
            return i;
        }
        seen_word |= c != ' ';
    }
    text.len()
}

/// A line can break before a blank, and before most signs of Chinese and Japanese, which are written
/// without blanks. Not before punctuation and small kana.
fn begins_word(c: char) -> bool {
    matches!(
        c,
        ' ' | '\u{2e80}'..='\u{2fdf}'
            | 'あ' | 'い' | 'う' | 'え' | 'お'..='ち' | 'つ'..='も' | 'や' | 'ゆ' | 'よ'..='ろ' | 'わ'..='ん'
            | 'ア' | 'イ' | 'ウ' | 'エ' | 'オ'..='チ' | 'ツ'..='モ' | 'ヤ' | 'ユ' | 'ヨ'..='ロ' | 'ワ'..='ン'
            | '\u{3400}'..='\u{4dbf}'
            | '\u{4e00}'..='\u{9fff}'
            | '\u{f900}'..='\u{faff}'
            | '\u{20000}'..='\u{3ffff}'
    )
}

struct Lines<K> {
    placed: Vec<Placed<K>>,
    word: Vec<Part<K>>,
    at: Vec2,
    width: f32,
}

impl<K: Copy> Lines<K> {
    fn end_word(&mut self) {
        let width: f32 = self.word.iter().map(|part| part.width).sum();
        if self.at.x > 0.0 && self.at.x + width > self.width {
            self.at = vec2(0.0, self.at.y + LINE_HEIGHT);
        }
        for mut part in std::mem::take(&mut self.word) {
            // A line does not begin with a blank.
            if self.at.x == 0.0 && part.indent > 0.0 {
                let blanks = part.text.len() - part.text.trim_start().len();
                part.text.drain(..blanks);
                part.width -= part.indent;
                (part.indent, part.from) = (0.0, part.from + blanks);
            }
            let Part { text, width, indent, from, begins, kind } = part;
            let rect = Rect::from_min_size(self.at.to_pos2(), vec2(width.max(0.0), LINE_HEIGHT));
            self.at.x += width.max(0.0);
            self.placed.push(Placed { rect, text, indent, from, begins, kind });
        }
    }
}

/// The font of the text.
pub fn font() -> FontId {
    FontId::proportional(TEXT_SIZE)
}

/// Width of a text in that font.
pub fn width(ui: &egui::Ui, text: &str) -> f32 {
    if text.is_empty() {
        return 0.0;
    }
    ui.painter().layout_no_wrap(text.into(), font(), egui::Color32::WHITE).size().x
}

/// The place of a piece on the screen.
pub fn moved<K>(placed: &Placed<K>, origin: Pos2) -> Rect {
    placed.rect.translate(origin.to_vec2())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every character is ten wide.
    fn set(pieces: &[(&str, f32)], width: f32) -> (Vec<(String, f32, f32)>, f32) {
        let pieces: Vec<Piece<usize>> = pieces
            .iter()
            .enumerate()
            .map(|(kind, (text, min_width))| Piece {
                text: (*text).into(),
                kind,
                min_width: *min_width,
            })
            .collect();
        let measure = &mut |text: &str| 10.0 * text.chars().count() as f32;
        let (placed, height) = flow(&pieces, width, measure);
        let shown = |p: Placed<usize>| (p.text, p.rect.min.x, p.rect.min.y / LINE_HEIGHT);
        (placed.into_iter().map(shown).collect(), height / LINE_HEIGHT)
    }

    fn at(text: &str, x: f32, line: f32) -> (String, f32, f32) {
        (text.into(), x, line)
    }

    #[test]
    fn lines_break_between_words_and_drop_the_blank() {
        let (placed, height) = set(&[("one two", 0.0), (" three", 0.0)], 80.0);
        assert_eq!(placed, [at("one", 0.0, 0.0), at(" two", 30.0, 0.0), at("three", 0.0, 1.0)]);
        assert_eq!(height, 2.0);
    }

    #[test]
    fn tokens_of_a_word_stay_together() {
        let (placed, _) = set(&[("a", 0.0), (" dau", 0.0), ("ghter", 0.0)], 80.0);
        assert_eq!(placed, [at("a", 0.0, 0.0), at("dau", 0.0, 1.0), at("ghter", 30.0, 1.0)]);
    }

    #[test]
    fn signs_that_are_written_without_blanks_break_anywhere_but_before_punctuation() {
        let (placed, _) = set(&[("昔々、", 0.0), ("山の中", 0.0)], 40.0);
        let texts: Vec<&str> = placed.iter().map(|(text, ..)| text.as_str()).collect();
        assert_eq!(texts, ["昔々、", "山", "の", "中"]);
        let lines: Vec<f32> = placed.iter().map(|(.., line)| *line).collect();
        assert_eq!(lines, [0.0, 0.0, 1.0, 1.0]);
        let (placed, _) = set(&[("きょう", 0.0), ("は", 0.0)], 10.0);
        assert_eq!(placed[0], at("きょ", 0.0, 0.0), "a small sign stays with the one before");
    }

    #[test]
    fn line_breaks_of_the_text_are_kept() {
        let (placed, height) = set(&[("a\n\nb", 0.0), ("\n", 0.0)], 80.0);
        assert_eq!(placed, [at("a", 0.0, 0.0), at("b", 0.0, 2.0)]);
        assert_eq!(height, 4.0);
    }

    #[test]
    fn what_is_placed_knows_where_it_is_in_the_text() {
        let texts = ["one  two", " daü", "ghter\n\n x", "", "  y"];
        let piece = |text: &&str| Piece { text: text.to_string(), kind: (), min_width: 0.0 };
        let pieces: Vec<Piece<()>> = texts.iter().map(piece).collect();
        let measure = &mut |text: &str| 10.0 * text.chars().count() as f32;
        let whole = texts.concat();
        for width in [30.0, 90.0, 1000.0] {
            let (placed, _) = flow(&pieces, width, measure);
            let is_there = |p: &Placed<()>| whole[p.from..].starts_with(&p.text);
            assert!(placed.len() >= 6 && placed.iter().all(is_there), "{placed:?}");
        }
    }

    #[test]
    fn cells_keep_their_least_width_and_break_anywhere() {
        let (placed, _) =
            set(&[("ab", 0.0), ("", 40.0), ("", 40.0), ("wider", 40.0), ("", 40.0)], 100.0);
        let wanted = [
            at("ab", 0.0, 0.0),
            at("", 20.0, 0.0),
            at("", 60.0, 0.0),
            at("wider", 0.0, 1.0),
            at("", 50.0 + CELL_PADDING, 1.0),
        ];
        assert_eq!(placed, wanted);
    }

    #[test]
    fn a_word_longer_than_a_line_is_set_all_the_same() {
        let (placed, _) = set(&[("a loooooooooong b", 0.0)], 50.0);
        assert_eq!(placed[1], at("loooooooooong", 0.0, 1.0));
        assert_eq!(placed[2], at("b", 0.0, 2.0));
    }
}
