// Draws a token for each masked cell, and measures the row's distribution. Partial results, one
// per chunk of the vocabulary; reveal puts them together.
//
// The draw is the Gumbel-max of logits / temperature: argmax of l - log(E), with E = -log(1 - u)
// exponential. Noise made as usual from one 32-bit u near 1 cannot be large enough for the tail,
// which silently lowers the temperature (Zheng et al., 2024). Here E is computed from small u by
// its series, and u has 64 bits where it is small, so no token is cut off. Confidence and entropy
// are of the model's distribution, unless the step asks for that at its temperature, or filtered.

override V: u32;             // tokens that may be drawn, the mask token apart
override COUNTED: u32;       // tokens that have a share of the distribution
override STRIDE: u32;        // columns of logits, a multiple of 4
override MASK: u32;          // the mask token's id; it is never drawn
override MASK_COUNTS: bool;  // whether it has a share of the distribution, else its logit is -inf
override CHUNK: u32;         // columns of a chunk, a multiple of 4
override FILTERED: bool;     // limits hold a filter
override LANES: u32;

@group(0) @binding(0) var<storage, read> logits: array<vec4<f32>>;          // [R, STRIDE]
@group(0) @binding(1) var<storage, read> masked: array<u32>;                // [R]
@group(0) @binding(2) var<storage, read> keys: array<vec4<u32>>;            // [T]
@group(0) @binding(3) var<storage, read> limits: array<vec2<u32>>;          // [T]
@group(0) @binding(4) var<uniform> step: Step;
@group(0) @binding(5) var<storage, read_write> partials: array<Partial>;    // [T, chunks]

var<workgroup> found: array<Partial, LANES>;

@compute @workgroup_size(LANES)
fn draw(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let t = masked[group.y];
    if (t == NO_CELL) {
        return;
    }
    let bits = row_bits(keys[t], step.step, FOR_TOKENS);
    let limit = limits[t];
    var best = Partial(NEVER, NEVER, 0.0, 0.0, NEVER, 0xffffffffu, NEVER);
    let end = min((group.x + 1u) * CHUNK, STRIDE);
    for (var v = group.x * CHUNK + 4u * lane; v < end; v += 4u * LANES) {
        let tokens = v + vec4(0u, 1u, 2u, 3u);
        let is_token = tokens < vec4(COUNTED);
        let valid = (tokens < vec4(V)) & (tokens != vec4(MASK));
        let given = select(vec4(NEVER), logits[(group.y * STRIDE + v) / 4u], is_token);
        var kept = valid;
        if (FILTERED) {
            for (var i = 0u; i < 4u; i++) {
                kept[i] = valid[i] && passes(given[i], tokens[i], limit);
            }
        }
        var counted = valid;
        if (MASK_COUNTS) {
            counted = is_token;
        }
        if (step.measures_kept == 1u) {
            counted = kept;
        }
        let l = select(vec4(NEVER), given * step.measured, counted);
        let left = max(l.x, l.y);
        let right = max(l.z, l.w);
        let runner_up = select(min(l.z, l.w), min(l.x, l.y), left > right);
        let top = max(left, right);
        best.second = max(
            max(best.second, min(best.highest, top)),
            max(min(left, right), runner_up),
        );
        let highest = max(best.highest, top);
        let p = exp(l - highest);
        let drop = max(best.highest - highest, -1e4);
        let fade = exp(drop);
        best.moment = (best.moment + best.sum * drop) * fade + dot(p, max(l - highest, vec4(-1e4)));
        best.sum = best.sum * fade + dot(p, vec4(1.0));
        best.highest = highest;
        let scores = given * step.inverse_temperature - step.noise * log_exponential(bits, v);
        for (var i = 0u; i < 4u; i++) {
            if (kept[i] && scores[i] > best.score) {
                best.score = scores[i];
                best.token = tokens[i];
                best.logit = l[i];
            }
        }
    }
    found[lane] = best;
    workgroupBarrier();
    if (lane > 0u) {
        return;
    }
    for (var i = 1u; i < LANES; i++) {
        best = merge(best, found[i]);
    }
    partials[t * groups.x + group.x] = best;
}

fn merge(a: Partial, b: Partial) -> Partial {
    var c = a;
    if (b.score > a.score || (b.score == a.score && b.token < a.token)) {
        c = b;
    }
    c.highest = max(a.highest, b.highest);
    c.second = max(min(a.highest, b.highest), max(a.second, b.second));
    let da = max(a.highest - c.highest, -1e4);
    let db = max(b.highest - c.highest, -1e4);
    c.sum = a.sum * exp(da) + b.sum * exp(db);
    c.moment = (a.moment + a.sum * da) * exp(da) + (b.moment + b.sum * db) * exp(db);
    return c;
}

// log(E) for tokens v .. v + 4, E exponential of mean 1.
fn log_exponential(bits: vec4<u32>, v: u32) -> vec4<f32> {
    let coarse = pcg4d(bits ^ vec4(v, 0u, 0u, 0u));
    var u = (vec4<f32>(coarse) + 0.5) * 0x1p-32;
    if (any(coarse < vec4(65536u))) {
        let fine = pcg4d(bits ^ vec4(v, 1u, 0u, 0u));
        let exact = vec4<f32>(coarse) * 0x1p-32 + (vec4<f32>(fine) + 0.5) * 0x1p-64;
        u = select(u, exact, coarse < vec4(65536u));
    }
    let rest = (vec4<f32>(~coarse) + 0.5) * 0x1p-32;    // 1 - u, exact near 0
    let series = u * (1.0 + u * (1.0 / 2.0 + u * (1.0 / 3.0 + u * (1.0 / 4.0 + u / 5.0))));
    return log(select(-log(rest), series, u < vec4(0.03125)));
}
