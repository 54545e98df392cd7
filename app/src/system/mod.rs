//! What a computer and a browser do differently: the date, work beside the window, files and dialogs.

#[cfg(not(target_arch = "wasm32"))]
mod native;
#[cfg(target_arch = "wasm32")]
mod web;

use std::path::PathBuf;
use std::sync::Arc;

#[cfg(not(target_arch = "wasm32"))]
pub(crate) use native::{
    add_system_fonts, ask, beside, dropped, free, page_address, page_hub, read, since_1970,
    start_folder, write,
};
#[cfg(target_arch = "wasm32")]
pub(crate) use web::{
    add_system_fonts, ask, beside, dropped, free, page_address, page_hub, read, since_1970,
    start_folder, write,
};

/// Whether this is a page: it has no paths, no folders and no threads.
pub(crate) const IS_PAGE: bool = cfg!(target_arch = "wasm32");

/// What the user chose in a dialog, or dropped on the window.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Picked {
    /// A file or a folder.
    #[cfg_attr(target_arch = "wasm32", allow(dead_code, reason = "a page sees no paths"))]
    Path(PathBuf),
    /// Names and bytes of files: a page sees no more of them.
    #[cfg_attr(not(target_arch = "wasm32"), allow(dead_code, reason = "there are paths"))]
    Files(Vec<(String, Arc<[u8]>)>),
}

/// What is asked for: what it is, and its ending.
pub(crate) type Kind = (&'static str, &'static str);

/// What a dialog is for.
pub(crate) enum Wanted {
    /// A place for a file.
    Save {
        /// The name that is offered.
        name: String,
        /// What it is.
        #[cfg_attr(target_arch = "wasm32", allow(dead_code, reason = "the name has its ending"))]
        kind: Kind,
    },
    /// A file: what it is, if that is known.
    File(Option<Kind>),
    /// A folder; in a page its files.
    Folder,
}
