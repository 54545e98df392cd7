//! The guided tour: four steps, each shown on a run.

/// A step of the tour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TourStep {
    /// A block begins masked.
    Masked,
    /// What the model thinks of each cell.
    Candidates,
    /// Cells open.
    Reveal,
    /// The block is finished.
    Commit,
}

impl TourStep {
    /// All of them, in order.
    pub const ALL: [TourStep; 4] =
        [TourStep::Masked, TourStep::Candidates, TourStep::Reveal, TourStep::Commit];

    /// The next one.
    pub fn next(self) -> Option<TourStep> {
        TourStep::ALL.get(self as usize + 1).copied()
    }

    /// Its title and what it says.
    pub fn words(self) -> (&'static str, &'static str) {
        match self {
            TourStep::Masked => (
                "Masked",
                "The text grows block by block. Each block begins with every cell masked: the model \
                 sees the text before it, and nothing inside.",
            ),
            TourStep::Candidates => (
                "Candidates",
                "A pass of the network gives each masked cell a distribution over all tokens. Beside \
                 the text are the likeliest ones of the cell that is selected.",
            ),
            TourStep::Reveal => (
                "Reveal",
                "At each step some cells open with the token that was drawn and keep it; the others \
                 are drawn anew, now seeing what is open. The colour is the token's probability.",
            ),
            TourStep::Commit => (
                "Commit",
                "When nothing is masked the block is finished and never changes. The next block \
                 begins, masked, and is drawn from all that is before it.",
            ),
        }
    }
}
