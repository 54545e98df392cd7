// Joined after kernels that sum or compare along a row: all lanes give a number, all get the
// result, the same in every lane.
//
// Provides: LANES, total(x, lane), maximum(x, lane)

override LANES: u32;         // invocations of a workgroup

var<workgroup> partial: array<f32, LANES>;

fn total(x: f32, lane: u32) -> f32 {
    partial[lane] = x;
    workgroupBarrier();
    var sum = 0.0;
    for (var i = 0u; i < LANES; i++) {
        sum += partial[i];
    }
    workgroupBarrier();
    return sum;
}

fn maximum(x: f32, lane: u32) -> f32 {
    partial[lane] = x;
    workgroupBarrier();
    var highest = NEVER;
    for (var i = 0u; i < LANES; i++) {
        highest = max(highest, partial[i]);
    }
    workgroupBarrier();
    return highest;
}
