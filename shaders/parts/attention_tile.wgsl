// Joined to attention_tiled: its tiles of keys and values, and its sums of values.
//
// Provides: stage(key_head, at, places, lane, is_key), visible(score, row, key, places)
// Provides: add_values(fade, row, eighth), store(at, r, sum)
// Needs: D, KEYS, LANES, ROWS, cached, key8, keys, o, sees, set_y4, slot, value8, weights

// Fetches the keys from number `at` on, or their values.
fn stage(key_head: u32, at: u32, places: vec4<u32>, lane: u32, is_key: bool) {
    for (var i = lane; i < KEYS * (D / 8u); i += LANES) {
        let place = cached(key_head, slot(at + i / (D / 8u), places)) + i % (D / 8u);
        var eight: Eight;
        if (is_key) {
            eight = key8(place);
        } else {
            eight = value8(place);
        }
        let to = i / (D / 8u) * (D / 4u + 1u) + 2u * (i % (D / 8u));
        keys[to] = eight.lo;
        keys[to + 1u] = eight.hi;
    }
}

// The scores of four rows with the keys `key`, `key + 8` .., where they see them.
fn visible(score: mat4x4<f32>, row: u32, key: u32, places: vec4<u32>) -> mat4x4<f32> {
    return mat4x4(
        seen_of(score[0], row, key, places),
        seen_of(score[1], row, key + 8u, places),
        seen_of(score[2], row, key + 16u, places),
        seen_of(score[3], row, key + 24u, places),
    );
}

fn seen_of(score: vec4<f32>, row: u32, key: u32, places: vec4<u32>) -> vec4<f32> {
    let down = ROWS / 4u;
    let is_seen = vec4(
        sees(row, key, places),
        sees(row + down, key, places),
        sees(row + 2u * down, key, places),
        sees(row + 3u * down, key, places),
    );
    return select(vec4(NEVER), score, is_seen);
}

// Adds the staged values by their weights, after the sums so far have faded.
fn add_values(fade: vec4<f32>, row: u32, eighth: u32) {
    var a = faded(o[0], fade);
    var b = faded(o[1], fade);
    var c = faded(o[2], fade);
    var d = faded(o[3], fade);
    for (var i = 0u; i < KEYS; i++) {
        let p = weights[i * (ROWS / 4u + 1u) + row];
        let v = i * (D / 4u + 1u) + eighth;
        a = added(a, p, keys[v]);
        if (D > 32u) {
            b = added(b, p, keys[v + 8u]);
        }
        if (D > 64u) {
            c = added(c, p, keys[v + 16u]);
            d = added(d, p, keys[v + 24u]);
        }
    }
    o[0] = a;
    o[1] = b;
    o[2] = c;
    o[3] = d;
}

fn faded(sums: mat4x4<f32>, by: vec4<f32>) -> mat4x4<f32> {
    return mat4x4(sums[0] * by.x, sums[1] * by.y, sums[2] * by.z, sums[3] * by.w);
}

fn added(sums: mat4x4<f32>, p: vec4<f32>, v: vec4<f32>) -> mat4x4<f32> {
    return mat4x4(
        fma(vec4(p.x), v, sums[0]),
        fma(vec4(p.y), v, sums[1]),
        fma(vec4(p.z), v, sums[2]),
        fma(vec4(p.w), v, sums[3]),
    );
}

// Stores a lane's vectors of row r of its four.
fn store(at: u32, r: u32, sum: f32) {
    set_y4(at, o[0][r] / sum);
    if (D > 32u) {
        set_y4(at + 8u, o[1][r] / sum);
    }
    if (D > 64u) {
        set_y4(at + 16u, o[2][r] / sum);
        set_y4(at + 24u, o[3][r] / sum);
    }
}
