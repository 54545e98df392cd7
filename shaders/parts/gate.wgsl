// Joined to kernels of gated MLPs: SwiGLU.
//
// Provides: let_through(gate, up)

// up * silu(gate). exp of large numbers overflows on some drivers; beyond 80 the gate is zero.
fn let_through(gate: vec4<f32>, up: vec4<f32>) -> vec4<f32> {
    return gate / (1.0 + exp(min(-gate, vec4(80.0)))) * up;
}
