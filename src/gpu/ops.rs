use crate::Result;
use crate::gpu::plan::{KernelSource, Recorder};
use crate::gpu::{DType, Tensor};
pub const KERNELS: &[KernelSource] = &[
    KernelSource{name:"matmul_outer", parts:&[include_str!("../../shaders/matmul_outer.wgsl"),include_str!("../../shaders/matmul.wgsl"),include_str!("../../shaders/prelude.wgsl")]},
    KernelSource{name:"matmul_outer4", parts:&[include_str!("../../shaders/matmul_outer4.wgsl"),include_str!("../../shaders/matmul.wgsl"),include_str!("../../shaders/prelude.wgsl")]},
    KernelSource{name:"matmul_outer16", parts:&[include_str!("../../shaders/matmul_outer16.wgsl"),include_str!("../../shaders/matmul.wgsl"),include_str!("../../shaders/prelude.wgsl")]},
    KernelSource{name:"matmul_outer32", parts:&[include_str!("../../shaders/matmul_outer32.wgsl"),include_str!("../../shaders/matmul.wgsl"),include_str!("../../shaders/prelude.wgsl")]},
];
impl Recorder<'_> {
    pub fn raw(&mut self, name:&str, m: usize, x:&Tensor, w:&Tensor, bias:&Tensor, y:&Tensor, tile:usize)->Result<()> {
        let src = KERNELS.iter().find(|k| k.name==name).unwrap();
        let (n,k)=(w.dim(0),w.dim(1));
        let mut o: Vec<(&'static str,f64)> = vec![("K",k as f64),("N",n as f64),("Y_STRIDE",n as f64),("Y_AT",0.),("F16",if w.dtype()==DType::F16 {1.} else {0.}),("GELU",0.),("GATED",0.),("RESIDUAL",0.),("GATE_ROWS",1.),("GATE_STRIDE",0.),("GATE_AT",0.)];
        if name=="matmul_outer" {o.push(("TILE_M",tile as f64));}
        self.dispatch(src,&o,&[x,w,bias,bias,y],[n.div_ceil(32), m.div_ceil(tile),1])
    }
}
