//! The inverted index of a batch's tokens: for each token its rows, cut into segments that can be summed
//! at once, so that a token of half the rows does not keep the others waiting.

/// Rows of a segment.
pub const SEGMENT: usize = 64;

/// The index, as [`crate::gpu::Recorder::sum_rows`] reads it.
pub struct Index {
    /// Rows by token, in rising order.
    pub order: Vec<u32>,
    /// `[begin, end]` of a segment in that order, and its own number; 0 for those that are not there.
    pub segments: Vec<u32>,
    /// `[begin, end]` of a token's segments, and the token; 0 for those that are not there.
    pub tokens: Vec<u32>,
}

impl Index {
    /// That of the rows' tokens, filled up to so many segments and tokens.
    pub fn of(ids: &[u32], [n_segments, n_tokens]: [usize; 2]) -> Index {
        let mut order: Vec<u32> = (0..ids.len() as u32).collect();
        order.sort_by_key(|&row| ids[row as usize]);
        let (mut segments, mut tokens) = (Vec::new(), Vec::new());
        let (mut begin, mut n) = (0, 0);
        for run in order.chunk_by(|&a, &b| ids[a as usize] == ids[b as usize]) {
            let (first, end) = (n, begin + run.len());
            for at in (begin..end).step_by(SEGMENT) {
                segments.extend([at as u32, end.min(at + SEGMENT) as u32, n, 0]);
                n += 1;
            }
            tokens.extend([first, n, ids[run[0] as usize], 0]);
            begin = end;
        }
        segments.resize(4 * n_segments, 0);
        tokens.resize(4 * n_tokens, 0);
        Index { order, segments, tokens }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_is_listed_once_under_its_token() {
        let ids: Vec<u32> = (0..300).map(|i| if i % 2 == 0 { 7 } else { i % 5 }).collect();
        let index = Index::of(&ids, [12, 8]);
        let mut rows: Vec<u32> = Vec::new();
        for token in index.tokens.chunks(4).filter(|token| token[0] < token[1]) {
            for segment in &index.segments.as_chunks::<4>().0[token[0] as usize..token[1] as usize]
            {
                assert!(segment[1] - segment[0] <= SEGMENT as u32);
                let listed = &index.order[segment[0] as usize..segment[1] as usize];
                assert!(listed.iter().all(|&row| ids[row as usize] == token[2]));
                rows.extend(listed);
            }
        }
        rows.sort_unstable();
        assert_eq!(rows, (0..300).collect::<Vec<u32>>());
    }
}
