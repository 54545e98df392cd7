//! When a sample ends before its length: end of text, stop strings, repetition.

use std::collections::HashMap;
use std::ops::Range;

/// Tokens that the entropy check looks at.
pub const ENTROPY_WINDOW: usize = 256;

/// Entropy in nats of the histogram of the last [`ENTROPY_WINDOW`] tokens, once there are more.
/// Source: the stopping rule of Arriola et al., 2025, appendix.
pub fn tail_entropy(ids: &[u32]) -> Option<f32> {
    (ids.len() > ENTROPY_WINDOW).then(|| entropy(&ids[ids.len() - ENTROPY_WINDOW..]))
}

/// Entropy in nats of the histogram of tokens.
pub fn entropy(ids: &[u32]) -> f32 {
    let mut counts: HashMap<u32, usize> = HashMap::new();
    ids.iter().for_each(|&id| *counts.entry(id).or_default() += 1);
    let share = |&count: &usize| count as f64 / ids.len() as f64;
    counts.values().map(share).map(|p| -p * p.ln()).sum::<f64>() as f32
}

/// Length of the sequence that ends with the second `eos` (BOS counts where it is the same
/// token), if that is among the tokens in `new`.
pub fn end_of_text(ids: &[u32], eos: u32, new: Range<usize>) -> Option<usize> {
    let at = |(i, &id): (usize, &u32)| (id == eos).then_some(i + 1);
    let second = ids.iter().enumerate().filter_map(at).nth(1)?;
    (second > new.start && second <= new.end).then_some(second)
}

/// Byte at which the first of the stop strings begins, not before `from`.
pub fn find_stop(text: &str, stops: &[String], from: usize) -> Option<usize> {
    let tail = text.get(from..)?;
    stops.iter().filter_map(|stop| tail.find(stop.as_str())).min().map(|at| from + at)
}

/// Bytes at the end of a text that may become the beginning of a stop string.
pub fn held_back(text: &str, stops: &[String]) -> usize {
    let longest = |stop: &String| {
        let ends = stop.char_indices().map(|(i, _)| i).skip(1);
        ends.filter(|&i| text.ends_with(&stop[..i])).max().unwrap_or(0)
    };
    stops.iter().map(longest).max().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entropy_is_that_of_the_last_tokens() {
        let distinct: Vec<u32> = (0..256).collect();
        assert_eq!(tail_entropy(&distinct), None);
        let mut ids = vec![7; 300];
        assert_eq!(tail_entropy(&ids), Some(0.0));
        ids.extend(distinct);
        assert!((tail_entropy(&ids).unwrap() - 256f32.ln()).abs() < 1e-5);
    }

    #[test]
    fn a_text_ends_just_after_the_second_end_token() {
        let ids = [0, 5, 6, 0, 7, 0];
        assert_eq!(end_of_text(&ids, 0, 2..6), Some(4));
        assert_eq!(end_of_text(&ids, 0, 4..6), None);
        assert_eq!(end_of_text(&ids, 9, 0..6), None);
    }

    #[test]
    fn the_earliest_stop_string_counts_and_its_beginnings_are_held_back() {
        let stops = vec!["END".to_string(), "\n\n".to_string()];
        assert_eq!(find_stop("a\n\nEND", &stops, 0), Some(1));
        assert_eq!(find_stop("a\n\nEND", &stops, 2), Some(3));
        assert_eq!(held_back("some EN", &stops), 2);
        assert_eq!(held_back("line\n", &stops), 1);
        assert_eq!(held_back("END", &stops), 0);
    }
}
