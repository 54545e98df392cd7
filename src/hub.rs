//! stub
use std::path::{Path, PathBuf};
use crate::{Error, Result};
pub struct FileBytes { path: PathBuf, data: std::borrow::Cow<'static,[u8]> }
impl FileBytes { pub fn path(&self)->&Path { &self.path } }
impl std::ops::Deref for FileBytes { type Target=[u8]; fn deref(&self)->&[u8] { &self.data } }
#[derive(Clone,Debug)] pub struct Download{pub file:String,pub done_bytes:u64,pub total_bytes:u64}
pub fn gpt2_tokenizer(_:&mut dyn FnMut(&Download))->Result<FileBytes>{Err(Error::Hub("stub".into()))}
impl FileBytes{pub fn open(p:&Path)->Result<FileBytes>{Ok(FileBytes{data:std::fs::read(p).map_err(Error::io(p))?.into(),path:p.into()})}}
pub struct ModelFiles { pub name: String, pub config: FileBytes, pub weights: Vec<FileBytes>, pub tokenizer: Option<FileBytes> }
impl ModelFiles {
    pub fn find(n:&str,_:&mut dyn FnMut(&Download))->Result<ModelFiles>{ if n=="tales" {Ok(Self::embedded())} else {Self::open(Path::new(n))} }
    pub fn embedded() -> ModelFiles { let f=|n:&str,d:&'static [u8]| FileBytes{path:n.into(),data:d.into()};
        ModelFiles { name:"tales".into(), config: f("tales/config.json",include_bytes!("../assets/tales/config.json")), weights: vec![f("tales/model.safetensors",include_bytes!("../assets/tales/model.safetensors"))], tokenizer: Some(f("tales/tokenizer.json",include_bytes!("../assets/tales/tokenizer.json"))) } }
    pub fn open(dir:&Path)->Result<ModelFiles> { let f=|n:&str| -> Result<FileBytes> { let p=dir.join(n); Ok(FileBytes{data: std::fs::read(&p).map_err(Error::io(&p))?.into(), path:p}) };
        Ok(ModelFiles{name:dir.display().to_string(),config:f("config.json")?,weights:vec![f("model.safetensors")?],tokenizer:f("tokenizer.json").ok()}) }
}
