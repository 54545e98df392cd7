//! The worker's end of the channels: a loop over commands and pulls.

use std::collections::VecDeque;

use async_channel::{Receiver, Sender, TryRecvError};

use crate::clock::Stopwatch;
use crate::event::{Block, Done, Event, Step};
use crate::sample::Request;
use crate::sample::worker::backend::{Backend, Stream};
use crate::sample::worker::message::{Command, Gone, Message, Report};

pub(super) struct Service<B: Backend> {
    /// Dropped before `reports`, so that a host program that is told that the worker is gone cannot
    /// send to it any more.
    messages: Receiver<Message<B>>,
    backend: B,
    reports: Sender<Report>,
    wake: Box<dyn Fn() + Send>,
    /// The one that waited longest comes first.
    runs: VecDeque<Live<B::Run>>,
}

/// A run that has not ended.
struct Live<R> {
    run: u64,
    stream: R,
    /// Steps that were pulled and are not done.
    wanted: usize,
    /// Samples that are not done.
    samples: usize,
    /// Seconds of computing.
    secs: f64,
}

impl<B: Backend> Service<B> {
    pub(super) fn new(
        backend: B,
        messages: Receiver<Message<B>>,
        reports: Sender<Report>,
        wake: Box<dyn Fn() + Send>,
    ) -> Service<B> {
        Service { messages, backend, reports, wake, runs: VecDeque::new() }
    }

    /// Serves until the host program's end of a channel is gone.
    pub(super) async fn serve(mut self) {
        while self.serve_once().await.is_ok() {}
    }

    /// Obeys a command if there is one, or computes an event; waits if there is nothing to do.
    async fn serve_once(&mut self) -> Result<(), Gone> {
        let is_idle = self.runs.iter().all(|live| live.wanted == 0);
        let message = match is_idle {
            true => self.messages.recv().await.map_err(|_| TryRecvError::Closed),
            false => self.messages.try_recv(),
        };
        match message {
            Ok(Message::Command(command)) => self.obey(command).await,
            Ok(Message::Job(job)) => {
                job(&mut self.backend).await;
                Ok(())
            }
            Err(TryRecvError::Empty) => self.compute().await,
            Err(TryRecvError::Closed) => Err(Gone),
        }
    }

    async fn obey(&mut self, command: Command) -> Result<(), Gone> {
        match command {
            Command::Begin { run, request } => self.begin(run, *request).await,
            Command::Pull { run, steps } => match self.find(run) {
                Some(live) if live.wanted > 0 || steps > 0 => {
                    live.wanted = live.wanted.saturating_add(steps);
                    Ok(())
                }
                found => {
                    let is_over = found.is_none();
                    self.report(Report::Pulled { run, is_over }).await
                }
            },
            Command::Steer { run, sample, cell, steer } => {
                let Some(live) = self.find(run) else {
                    return self.report(Report::Pulled { run, is_over: true }).await;
                };
                match live.stream.steer(sample, cell, steer) {
                    Ok(()) => {
                        live.wanted = live.wanted.saturating_add(1);
                        Ok(())
                    }
                    Err(error) => self.report(Report::Refused { run, error }).await,
                }
            }
            Command::End { run } => {
                self.end(run);
                Ok(())
            }
        }
    }

    async fn begin(&mut self, run: u64, request: Request) -> Result<(), Gone> {
        // Its memory on the device is free for the new one.
        self.end(run);
        let samples = request.samples;
        match self.backend.begin(request) {
            Ok(stream) => {
                self.runs.push_back(Live { run, stream, wanted: 0, samples, secs: 0.0 });
                Ok(())
            }
            Err(error) => self.report(Report::Failed { run, error }).await,
        }
    }

    fn find(&mut self, run: u64) -> Option<&mut Live<B::Run>> {
        self.runs.iter_mut().find(|live| live.run == run)
    }

    fn end(&mut self, run: u64) {
        self.runs.retain(|live| live.run != run);
    }

    /// Computes an event of the run whose turn it is.
    async fn compute(&mut self) -> Result<(), Gone> {
        let next = self.runs.iter().position(|live| live.wanted > 0);
        let Some(mut live) = next.and_then(|at| self.runs.remove(at)) else { return Ok(()) };
        let run = live.run;
        let computing = Stopwatch::start();
        let pulled = live.stream.next().await;
        live.secs += computing.secs();
        let mut event = match pulled {
            Ok(Some(event)) => event,
            Ok(None) => return self.report(Report::Pulled { run, is_over: true }).await,
            Err(error) => return self.report(Report::Failed { run, error }).await,
        };
        set_secs(&mut event, live.secs);
        let is_step = matches!(event, Event::Step(_) | Event::Steer(_) | Event::Done(_));
        live.wanted -= usize::from(is_step);
        live.samples = live.samples.saturating_sub(usize::from(matches!(event, Event::Done(_))));
        let (is_over, wanted) = (live.samples == 0, live.wanted);
        if is_over {
            // Another run may need its memory on the device.
            drop(live);
        } else {
            self.runs.push_back(live);
        }
        self.report(Report::Event { run, event: Box::new(event) }).await?;
        if is_over || wanted == 0 {
            self.report(Report::Pulled { run, is_over }).await?;
        }
        Ok(())
    }

    async fn report(&self, report: Report) -> Result<(), Gone> {
        self.reports.send(report).await.map_err(|_| Gone)?;
        (self.wake)();
        Ok(())
    }
}

/// Counts computing only: between two pulls nothing runs.
fn set_secs(event: &mut Event, computed: f64) {
    match event {
        Event::Step(Step { secs, .. })
        | Event::Steer(Step { secs, .. })
        | Event::Block(Block { secs, .. })
        | Event::Done(Done { secs, .. }) => *secs = computed,
        Event::Start(_) | Event::Retract(_) => {}
    }
}
