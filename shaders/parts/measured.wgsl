// Joined to reveal: what the partial draws of a row say together.
//
// Provides: Cell, NOT_FINITE, Measured, measure(at)
// Needs: partials, CHUNKS

struct Cell {
    token: u32,              // the candidate while masked
    confidence: f32,         // the token's probability under the measured distribution
    entropy: f32,            // of that distribution, in nats
    state: u32,              // 0 masked, s + 1 opened at step s, else a mark of the host or:
}

const NOT_FINITE = 0xffffffffu;

struct Measured {
    cell: Cell,
    margin: f32,             // between the two highest probabilities
    log_sum: f32,            // of exp(logits)
}

fn measure(at: u32) -> Measured {
    var best = partials[at];
    var highest = best.highest;
    var second = best.second;
    for (var i = 1u; i < CHUNKS; i++) {
        let other = partials[at + i];
        second = max(min(highest, other.highest), max(second, other.second));
        highest = max(highest, other.highest);
        if (other.score > best.score) {
            best = other;
        }
    }
    var sum = 0.0;
    var moment = 0.0;
    for (var i = 0u; i < CHUNKS; i++) {
        let other = partials[at + i];
        let drop = max(other.highest - highest, -1e4);
        sum += other.sum * exp(drop);
        moment += (other.moment + other.sum * drop) * exp(drop);
    }
    let confidence = exp(best.logit - highest) / sum;
    let entropy = log(sum) - moment / sum;
    // An exponent of ones is an infinity or no number; comparisons could be optimised away.
    let bad = (bitcast<u32>(sum) & 0x7f800000u) == 0x7f800000u || best.token == 0xffffffffu;
    let cell = Cell(best.token, confidence, entropy, select(0u, NOT_FINITE, bad));
    return Measured(cell, (1.0 - exp(second - highest)) / sum, highest + log(sum));
}
