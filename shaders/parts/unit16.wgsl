// Joined to products on matrix units of 16 x 16 x 16.
//
// Provides: UNIT, UnitX, UnitW, UnitSum

const UNIT = 16u;
alias UnitX = coop_mat16x16<f16, A>;
alias UnitW = coop_mat16x16<f16, B>;
alias UnitSum = coop_mat16x16<f32, C>;
