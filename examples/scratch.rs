use bdlm::gpu::*;
fn main(){
    let gpu=Gpu::request(&GpuOptions::default()).unwrap();
    println!("{:?} {:?}", gpu.info().name, gpu.kernels());
    for (k,n) in [(768usize,3072usize),(768,50258),(3072,768)] {
    for (name,tile,m) in [("matmul_outer4",4usize,4usize),("matmul_outer4",4,1),("matmul_outer",8,8),("matmul_outer16",16,16),("matmul_outer32",32,32),("matmul_outer32",32,256),("matmul_outer16",16,256)] {
        if m==256 && n>4000 {continue}
        let x=Tensor::activation(&gpu,"x",&[m,k]).unwrap();
        for dt in [DType::F32,DType::F16] {
            if dt==DType::F32 && n>40000 {continue}
        let w=Tensor::padded(&gpu,"w",&[n,k],dt,64).unwrap();
        let b=Tensor::padded(&gpu,"b",&[n],DType::F32,64).unwrap();
        let y=Tensor::activation(&gpu,"y",&[m,n]).unwrap();
        let mut r=Recorder::new(&gpu); r.raw(name,m,&x,&w,&b,&y,tile).unwrap(); let plan=r.finish();
        let rb=Readback::new(&gpu,4);
        let t0=std::time::Instant::now();
        let run=||{ let mut c=Commands::new(&gpu); for _ in 0..4 {c.run(&plan);} pollster::block_on(c.read::<f32>(&y,1,&rb)).unwrap(); };
        run(); let first=t0.elapsed();
        let mut ts=vec![]; for _ in 0..7 { let t=std::time::Instant::now(); run(); ts.push(t.elapsed().as_secs_f64()/4.); }
        ts.sort_by(|a,b|a.total_cmp(b));
        println!("{name:14} tile {tile} M {m} {n}x{k} {dt:?} {:.2} ms {:.1} GFLOP/s first {:?}", ts[3]*1e3, 2.*(m*n*k) as f64/ts[3]/1e9, first);
        }}
    }
}
