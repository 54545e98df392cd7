use bdlm::gpu::*; use bdlm::hub::*; use bdlm::sample::*; use bdlm::event::*;
fn gpu() -> Gpu { Gpu::request(&GpuOptions::default()).unwrap() }
fn ids(e:&Engine, r: Request) -> Vec<Done> { let mut run=e.run(r).unwrap(); let mut out=vec![]; while let Some(ev)=run.next().unwrap() { if let Event::Done(d)=ev { out.push(d) } } out.sort_by_key(|d|d.sample); out }
#[test]
fn x() {
    let e = Engine::load(&gpu(), &ModelFiles::embedded(), DType::F16, &mut |_,_| {}).unwrap();
    let base = Request { prompt: Prompt::Text("Once upon a time".into()), length: 200, samples: 3, ..Default::default() };
    let a = ids(&e, base.clone());
    for d in &a { println!("{} nfe {} passes {} secs {:.2} {:?}\n{}", d.n_tokens, d.nfe, d.passes, d.secs, d.stop, d.text.as_ref().unwrap()); }
    let f = |d: &Vec<Done>| d.iter().map(|d| d.ids.clone()).collect::<Vec<_>>();
    let b = ids(&e, Request { batch: 3, ..base.clone() }); assert_eq!(f(&a), f(&b)); println!("batch ok {}", b[0].secs);
    let b = ids(&e, Request { batch: 2, watch: Watch::Steps{candidates: 4}, ..base.clone() }); assert_eq!(f(&a), f(&b)); println!("watch ok {}", b[0].secs);
    let b = ids(&e, Request { cache: CachePolicy::Separate, ..base.clone() }); assert_eq!(f(&a), f(&b)); println!("separate ok {} passes {}", b[0].secs, b[0].passes);
    let b = ids(&e, Request { cache: CachePolicy::Recompute, ..base.clone() }); assert_eq!(f(&a), f(&b)); println!("recompute ok {}", b[0].secs);
    let b = ids(&e, Request { sampling: Sampling { top_p: 0.9, sampler: Sampler::Ancestral{steps: 4}, ..Default::default() }, ..base.clone() }); println!("{:?} {}", b[0].nfe, b[0].text.as_ref().unwrap());
}
