//! Why a cell holds its word, in a sentence.

use bdlm::event::{Candidate, Cell, CellState};
use bdlm::sample::SamplerKind;

use crate::recording::{CellAt, Recording};
use crate::state::Pane;
use crate::views::numbers::{digits, grouped};

/// The sentence.
pub fn why(
    pane: &Pane,
    (at, cell): (CellAt, &Cell),
    moments: [usize; 2],
    listed: &[Candidate],
) -> String {
    match cell.state {
        CellState::Masked if cell.is_blank() => {
            "Masked: nothing was drawn for it yet. The first pass looks at all masked cells at once."
                .into()
        }
        CellState::Masked => {
            let rank = rank(pane, (at, cell), moments, listed);
            format!("Masked: drawn this step, {rank}, and not kept. The next step draws it anew.")
        }
        CellState::Given => "Given by the prompt; the model did not draw it.".into(),
        CellState::Pinned => match own_probability(&pane.recording, at, cell.token, moments) {
            Some(p) => format!("Pinned by you; the model itself gave it a probability of {}.", digits(p)),
            None if listed.is_empty() => "Pinned by you before the model looked at it.".into(),
            None => {
                let count = listed.len();
                format!("Pinned by you; for the model it was not among the {count} likeliest tokens.")
            }
        },
        CellState::Open { step } => {
            let pass = pane.recording.pass_of(step, moments);
            let pass = pass.map(|pass| format!(", pass {pass}")).unwrap_or_default();
            let (rank, reason) = (rank(pane, (at, cell), moments, listed), reason(pane, cell));
            format!("Opened at step {step}{pass}{reason}. Its token was {rank}.")
        }
    }
}

/// Why this cell opened and not another, as the sampler decides.
fn reason(pane: &Pane, cell: &Cell) -> String {
    if pane.origin.model.is_empty() {
        return String::new();
    }
    let settings = &pane.origin.settings;
    let p = digits(cell.confidence);
    match settings.sampler {
        SamplerKind::FirstHitting | SamplerKind::Random => {
            ": the sampler chose this cell at random, whatever its token".into()
        }
        SamplerKind::Ancestral => ": each masked cell opened with the same chance".into(),
        SamplerKind::LeftToRight => ": it was the leftmost masked cell".into(),
        SamplerKind::Confidence => {
            format!(": with p {p} its token was among the likeliest of the masked cells")
        }
        SamplerKind::Threshold if cell.confidence >= settings.threshold => {
            format!(": p {p} reaches the threshold of {}", settings.threshold)
        }
        SamplerKind::Threshold => {
            format!(": no cell reached the threshold, and p {p} was the highest")
        }
        SamplerKind::Entropy => ": its distribution was among the most certain".into(),
        SamplerKind::Margin => ": its two likeliest tokens were far apart".into(),
        SamplerKind::EntropyBounded => {
            format!(
                ": together with the cells opened beside it, within {} nats",
                settings.entropy_bound
            )
        }
        _ => String::new(),
    }
}

/// How likely the model held the token, beside all others.
fn rank(
    pane: &Pane,
    (at, cell): (CellAt, &Cell),
    moments: [usize; 2],
    listed: &[Candidate],
) -> String {
    if let Some(rank) = pane.recording.rank(at, cell.token, moments) {
        let count = pane.recording.start().and_then(|start| start.n_drawable);
        let of = count.map(|count| format!(" of {}", grouped(count))).unwrap_or_default();
        return format!("rank {}{of}", grouped(rank));
    }
    // Recordings of earlier versions have no ranks.
    match listed.iter().position(|candidate| candidate.token == cell.token) {
        Some(at) => format!("rank {} of the model's list", at + 1),
        None if listed.is_empty() => "drawn from the model's distribution".into(),
        None => format!("a rare draw: not among the {} likeliest", listed.len()),
    }
}

/// The model's probability of a token before it was pinned, if the token was listed or drawn.
pub fn own_probability(
    recording: &Recording,
    at: CellAt,
    token: u32,
    [first, last]: [usize; 2],
) -> Option<f32> {
    (first..=last).rev().find_map(|moment| {
        let cell = recording.step(moment)?.cells.get(at.cell)?;
        let listed = cell.candidates.iter().find(|candidate| candidate.token == token);
        let drawn = cell.state == CellState::Masked && cell.token == token && !cell.is_blank();
        listed.map(|candidate| candidate.probability).or(drawn.then_some(cell.confidence))
    })
}
