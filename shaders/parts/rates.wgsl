// Joined to the optimiser's kernels: where each number of a step is in `rates`.
//
// Provides: MAX_NORM, STEP_SIZE, SHRINK, ROOT, AVERAGE_NEW, MUON_STEP, MUON_SHRINK

const MAX_NORM = 0u;         // largest norm of all gradients
const STEP_SIZE = 1u;        // of AdamW
const SHRINK = 2u;           // factor of weight decay
const ROOT = 3u;             // factor of the root of the second moment
const AVERAGE_NEW = 4u;      // 1 - decay of the moving average
const MUON_STEP = 5u;        // of Muon
const MUON_SHRINK = 6u;      // factor of its weight decay
