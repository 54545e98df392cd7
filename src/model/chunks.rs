//! Where the shifts, scales and gates of a layer stand in its modulation, in chunks of C numbers.

/// The shift of the norm before attention.
pub const SHIFT1: usize = 0;
/// Its scale.
pub const SCALE1: usize = 1;
/// What attention's output is multiplied with.
pub const GATE1: usize = 2;
/// The shift of the norm before the MLP.
pub const SHIFT2: usize = 3;
/// Its scale.
pub const SCALE2: usize = 4;
/// What the MLP's output is multiplied with.
pub const GATE2: usize = 5;
