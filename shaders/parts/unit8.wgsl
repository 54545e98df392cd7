// Joined to products on matrix units of 8 x 8 x 8.
//
// Provides: UNIT, UnitX, UnitW, UnitSum

const UNIT = 8u;
alias UnitX = coop_mat8x8<f16, A>;
alias UnitW = coop_mat8x8<f16, B>;
alias UnitSum = coop_mat8x8<f32, C>;
