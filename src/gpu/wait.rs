//! The only file that waits: for a future, and for the device. In a browser nothing blocks: futures
//! are awaited, and the browser itself keeps the device going.

#[cfg(not(target_arch = "wasm32"))]
use std::future::Future;
use std::future::poll_fn;
use std::sync::{Arc, Mutex};
use std::task::{Poll, Waker};

use crate::{Error, Result};

/// Runs a future to its end, for programs that may block. In a browser nothing may.
#[cfg(not(target_arch = "wasm32"))]
pub fn block_on<T>(future: impl Future<Output = T>) -> T {
    pollster::block_on(future)
}

/// Makes GPU objects; the first error of this kind that wgpu reported meanwhile. In a browser errors
/// come later, to the device's own handler.
pub(crate) fn scoped<T>(
    device: &wgpu::Device,
    filter: wgpu::ErrorFilter,
    make: impl FnOnce() -> T,
) -> (T, Option<wgpu::Error>) {
    #[cfg(not(target_arch = "wasm32"))]
    return block_on(scoped_async(device, filter, make));
    #[cfg(target_arch = "wasm32")]
    {
        let _ = (device, filter);
        (make(), None)
    }
}

/// As [`scoped`], in a browser too.
pub(crate) async fn scoped_async<T>(
    device: &wgpu::Device,
    filter: wgpu::ErrorFilter,
    make: impl FnOnce() -> T,
) -> (T, Option<wgpu::Error>) {
    let (made, error) = {
        let scope = device.push_error_scope(filter);
        let made = make();
        (made, scope.pop())
    };
    (made, error.await)
}

type Mapping = Arc<Mutex<(Option<Result<(), wgpu::BufferAsyncError>>, Option<Waker>)>>;

/// Waits until the CPU can read a slice of a buffer, and so for all work that was sent before. On a
/// computer this blocks on the device, in a browser it yields.
///
/// # Errors
/// [`Error::DeviceLost`].
pub(crate) async fn mapped(device: &wgpu::Device, slice: &wgpu::BufferSlice<'_>) -> Result<()> {
    let state = Mapping::default();
    let mapping = state.clone();
    slice.map_async(wgpu::MapMode::Read, move |outcome| {
        let waker = mapping.lock().ok().and_then(|mut state| {
            state.0 = Some(outcome);
            state.1.take()
        });
        // The lock is free: a waker may poll at once.
        if let Some(waker) = waker {
            waker.wake();
        }
    });
    let lost = |words: String| Error::DeviceLost(words);
    device.poll(wgpu::PollType::wait_indefinitely()).map_err(|e| lost(e.to_string()))?;
    let outcome = poll_fn(|context| match state.lock() {
        Ok(mut state) => match state.0.take() {
            Some(outcome) => Poll::Ready(Some(outcome)),
            None => {
                state.1 = Some(context.waker().clone());
                Poll::Pending
            }
        },
        Err(_) => Poll::Ready(None),
    });
    match outcome.await {
        Some(outcome) => outcome.map_err(|e| lost(e.to_string())),
        None => Err(Error::internal("the callback of a buffer's mapping panicked")),
    }
}

/// Lets others have their turn: on a computer those of the same executor, in a browser the page, which is
/// drawn and hears its reader meanwhile.
#[cfg(not(target_arch = "wasm32"))]
pub(crate) async fn breathe() {
    let mut is_second = false;
    poll_fn(|context| {
        if std::mem::replace(&mut is_second, true) {
            return Poll::Ready(());
        }
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

/// As on a computer. What is woken at once runs before the page is drawn, and timers are slow in a page
/// that is hidden: a message to oneself is neither.
#[cfg(target_arch = "wasm32")]
pub(crate) async fn breathe() {
    let Ok(channel) = web_sys::MessageChannel::new() else { return };
    let heard =
        js_sys::Promise::new(&mut |resolve, _| channel.port1().set_onmessage(Some(&resolve)));
    if channel.port2().post_message(&wasm_bindgen::JsValue::UNDEFINED).is_ok() {
        let _ = wasm_bindgen_futures::JsFuture::from(heard).await;
    }
    channel.port1().close();
}
