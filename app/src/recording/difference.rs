//! How two texts differ, token by token.

/// Pairs of tokens that are compared at most; longer texts are compared place by place.
const MOST: usize = 4_000_000;

/// Which tokens of each text are not in a longest common subsequence of both.
pub fn differing(left: &[u32], right: &[u32]) -> [Vec<bool>; 2] {
    let begin = left.iter().zip(right).take_while(|(a, b)| a == b).count();
    let (a, b) = (&left[begin..], &right[begin..]);
    let end = a.iter().rev().zip(b.iter().rev()).take_while(|(a, b)| a == b).count();
    let (a, b) = (&a[..a.len() - end], &b[..b.len() - end]);
    let [of_a, of_b] = match a.len().saturating_mul(b.len()) > MOST {
        true => by_place(a, b),
        false => by_subsequence(a, b),
    };
    let whole = |own: Vec<bool>| [vec![false; begin], own, vec![false; end]].concat();
    [whole(of_a), whole(of_b)]
}

fn by_place(a: &[u32], b: &[u32]) -> [Vec<bool>; 2] {
    let differs = |own: &[u32], other: &[u32]| {
        own.iter().enumerate().map(|(i, token)| other.get(i) != Some(token)).collect()
    };
    [differs(a, b), differs(b, a)]
}

fn by_subsequence(a: &[u32], b: &[u32]) -> [Vec<bool>; 2] {
    // lengths[i][j]: of the longest common subsequence of a[i..] and b[j..].
    let width = b.len() + 1;
    let mut lengths = vec![0u32; (a.len() + 1) * width];
    for i in (0..a.len()).rev() {
        for j in (0..b.len()).rev() {
            lengths[i * width + j] = match a[i] == b[j] {
                true => lengths[(i + 1) * width + j + 1] + 1,
                false => lengths[(i + 1) * width + j].max(lengths[i * width + j + 1]),
            };
        }
    }
    let (mut of_a, mut of_b) = (vec![true; a.len()], vec![true; b.len()]);
    let (mut i, mut j) = (0, 0);
    while i < a.len() && j < b.len() {
        if a[i] == b[j] {
            (of_a[i], of_b[j]) = (false, false);
            (i, j) = (i + 1, j + 1);
        } else if lengths[(i + 1) * width + j] >= lengths[i * width + j + 1] {
            i += 1;
        } else {
            j += 1;
        }
    }
    [of_a, of_b]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_of_both_texts_are_not_marked() {
        let marks = |a: &[u32], b: &[u32]| {
            let [of_a, of_b] = differing(a, b);
            let at = |marks: Vec<bool>| -> Vec<usize> {
                (0..marks.len()).filter(|&i| marks[i]).collect()
            };
            (at(of_a), at(of_b))
        };
        assert_eq!(marks(&[1, 2, 3], &[1, 2, 3]), (vec![], vec![]));
        assert_eq!(marks(&[1, 2, 3, 4], &[1, 9, 2, 4]), (vec![2], vec![1]));
        assert_eq!(marks(&[1, 2], &[]), (vec![0, 1], vec![]));
        assert_eq!(marks(&[5, 1, 6], &[7, 1, 8]), (vec![0, 2], vec![0, 2]));
    }
}
