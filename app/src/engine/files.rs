//! Where a model's files come from: what was handed over, the disk and the hub; in a browser the page's
//! own folder and the hub.

use std::collections::BTreeMap;
use std::sync::Arc;

use bdlm::Result;
#[cfg(target_arch = "wasm32")]
use bdlm::hub::DEFAULT_MODEL;
use bdlm::hub::{Download, FileBytes, HubOptions, ModelFiles};
use bdlm::model::{Habits, Spec};

use crate::engine::backend::{Progress, Source};

/// Takes how far a download has come.
type Progressing<'a> = &'a mut dyn FnMut(&Download);

/// Where models come from.
#[derive(Clone, Debug, Default)]
pub(super) struct Places {
    /// Those with an owner in their name.
    pub hub: HubOptions,
    /// The address beside which the default model lies, with a slash at its end.
    #[cfg(target_arch = "wasm32")]
    pub beside: String,
}

impl Places {
    /// A hub.
    pub fn of_hub(hub: HubOptions) -> Places {
        Places {
            hub,
            #[cfg(target_arch = "wasm32")]
            beside: String::new(),
        }
    }

    /// The files of a model.
    ///
    /// # Errors
    /// Those of [`ModelFiles`].
    pub async fn files(
        &self,
        source: &Source,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<ModelFiles> {
        let mut download = |d: &Download| {
            progress(Progress {
                what: format!("Downloading {}", d.file),
                part: (d.total_bytes > 0).then(|| d.done_bytes as f32 / d.total_bytes as f32),
            });
        };
        let mut files = match source.files.is_empty() {
            true => self.find(&source.name, &mut download).await?,
            false => handed_over(source)?,
        };
        let spec = Spec::of_files(&files, Habits::default())?;
        if files.tokenizer.is_none() && spec.needs_tokenizer() {
            files.tokenizer = Some(self.tokenizer(&mut download).await?);
        }
        Ok(files)
    }

    #[cfg(not(target_arch = "wasm32"))]
    fn find(
        &self,
        name: &str,
        download: Progressing<'_>,
    ) -> impl Future<Output = Result<ModelFiles>> {
        std::future::ready(ModelFiles::find(name, &self.hub, download))
    }

    #[cfg(not(target_arch = "wasm32"))]
    fn tokenizer(&self, download: Progressing<'_>) -> impl Future<Output = Result<FileBytes>> {
        std::future::ready(bdlm::hub::gpt2_tokenizer(&self.hub, download))
    }

    #[cfg(target_arch = "wasm32")]
    async fn find(&self, name: &str, download: Progressing<'_>) -> Result<ModelFiles> {
        match name {
            DEFAULT_MODEL => {
                ModelFiles::fetch_default(&format!("{}{name}/", self.beside), download).await
            }
            _ => ModelFiles::fetch(name, &self.hub, download).await,
        }
    }

    #[cfg(target_arch = "wasm32")]
    async fn tokenizer(&self, download: Progressing<'_>) -> Result<FileBytes> {
        bdlm::hub::gpt2_tokenizer(&self.hub, download).await
    }
}

fn handed_over(source: &Source) -> Result<ModelFiles> {
    let file =
        |(name, bytes): &(String, Arc<[u8]>)| (name.clone(), FileBytes::new(name, bytes.clone()));
    let files: BTreeMap<String, FileBytes> = source.files.iter().map(file).collect();
    ModelFiles::from_files(&source.name, files)
}
