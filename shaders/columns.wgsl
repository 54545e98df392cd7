// Joined to the outer products: weights of the four columns that a lane owns.

// Inputs 8 * k8 .. 8 * k8 + 8 of columns n .. n + 4.
struct Columns {
    lo: mat4x4<f32>,
    hi: mat4x4<f32>,
}

fn columns(n: u32, k8: u32) -> Columns {
    let w0 = weights(n, k8);
    let w1 = weights(n + 1u, k8);
    let w2 = weights(n + 2u, k8);
    let w3 = weights(n + 3u, k8);
    return Columns(mat4x4(w0.lo, w1.lo, w2.lo, w3.lo), mat4x4(w0.hi, w1.hi, w2.hi, w3.hi));
}
