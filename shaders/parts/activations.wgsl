// Joined to the activations of an MLP: functions and their derivatives.
//
// Provides: activated(x), slope(x)

override SILU: bool;         // x * sigmoid(x), else GELU, tanh approximation

fn activated(x: vec4<f32>) -> vec4<f32> {
    if (SILU) {
        return x * sigmoid(x);
    }
    return gelu_tanh(x);
}

// The derivative.
fn slope(x: vec4<f32>) -> vec4<f32> {
    if (SILU) {
        let s = sigmoid(x);
        return s * (1.0 + x * (1.0 - s));
    }
    let inner = 0.7978845608028654 * (x + 0.044715 * x * x * x);
    let t = tanh(clamp(inner, vec4(-10.0), vec4(10.0)));
    let of_inner = 0.7978845608028654 * (1.0 + 0.134145 * x * x);
    return 0.5 * (1.0 + t) + 0.5 * x * (1.0 - t * t) * of_inner;
}

fn sigmoid(x: vec4<f32>) -> vec4<f32> {
    return 1.0 / (1.0 + exp(-clamp(x, vec4(-80.0), vec4(80.0))));
}
