//! stub
use std::path::Path; use std::sync::Arc; use crate::{Error,Result};
pub struct Tokenizer(tokenizers::Tokenizer);
impl Tokenizer {
    pub fn from_bytes(b:&[u8], p:&Path)->Result<Tokenizer> { tokenizers::Tokenizer::from_bytes(b).map(Tokenizer).map_err(|e| Error::Tokenizer(format!("{}: {e}",p.display()))) }
    pub fn ids_from_text(&self,t:&str)->Result<Vec<u32>> { Ok(self.0.encode(t,false).map_err(|e|Error::Tokenizer(e.to_string()))?.get_ids().to_vec()) }
    pub fn text_from_ids(&self,i:&[u32])->Result<String> { self.0.decode(i,false).map_err(|e|Error::Tokenizer(e.to_string())) }
    pub fn piece(&self,i:u32)->String { self.0.decode(&[i],false).unwrap_or_default() }
    pub fn end_of_text(&self)->Option<u32> { self.0.token_to_id("<|endoftext|>") }
}
pub struct TextStream { t: Arc<Tokenizer>, ids: Vec<u32>, told: usize }
impl TextStream {
    pub fn new(t:Arc<Tokenizer>)->TextStream { TextStream{t,ids:vec![],told:0} }
    pub fn push(&mut self, ids:&[u32])->Result<String> { self.ids.extend(ids); let s=self.t.text_from_ids(&self.ids)?; let n=s.trim_end_matches('\u{fffd}').len().max(self.told); let r=s[self.told..n].to_string(); self.told=n; Ok(r) }
    pub fn finish(&mut self)->String { let s=self.t.text_from_ids(&self.ids).unwrap_or_default(); let r=s[self.told..].to_string(); self.told=s.len(); r }
}
