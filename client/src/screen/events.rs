//! Input from the terminal, read on a thread of its own: keys, pastes, clicks, new sizes. Owns the
//! thread; does not know what they mean.

use std::io;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, sync_channel};

use mio::Waker;
use ratatui_crossterm::crossterm::event::{Event, poll, read};

use super::console::{self, Keys};

/// Events that wait to be taken; then the thread pauses.
const EVENTS_WAITING_MAX: usize = 1024;

/// The events of the terminal.
#[derive(Debug)]
pub(crate) struct Events {
    events: Receiver<Event>,
}

impl Events {
    /// Starts the thread; every event wakes `waker`. It runs until the program ends or the terminal
    /// is gone.
    pub(crate) fn start(waker: Arc<Waker>) -> io::Result<Self> {
        let (sender, events) = sync_channel(EVENTS_WAITING_MAX);
        std::thread::Builder::new().name("terminal".into()).spawn(move || {
            let mut keys = Keys::default();
            loop {
                match next(&mut keys) {
                    Ok(events) => {
                        for event in events {
                            if sender.send(event).is_err() {
                                return;
                            }
                            let _ = waker.wake();
                        }
                    }
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                    Err(error) => {
                        log::info!("the terminal: {error}");
                        drop(sender);
                        let _ = waker.wake();
                        return;
                    }
                }
            }
        })?;
        Ok(Self { events })
    }

    /// These events, and then nothing more.
    #[cfg(test)]
    pub(crate) fn of(events: Vec<Event>) -> Self {
        let (sender, receiver) = sync_channel(events.len());
        events.into_iter().for_each(|event| sender.send(event).unwrap());
        Self { events: receiver }
    }

    /// The next event, if there is one; `Err` when the terminal is gone. Does not wait.
    pub(crate) fn poll(&self) -> Result<Option<Event>, Gone> {
        use std::sync::mpsc::TryRecvError;
        match self.events.try_recv() {
            Ok(event) => Ok(Some(event)),
            Err(TryRecvError::Empty) => Ok(None),
            Err(TryRecvError::Disconnected) => Err(Gone),
        }
    }
}

/// Waits for events. A console does not say which of its keys are text, or a paste.
fn next(keys: &mut Keys) -> io::Result<Vec<Event>> {
    if cfg!(windows) {
        Ok(keys.understand(console::burst(read, poll)?))
    } else {
        read().map(|event| vec![event])
    }
}

/// The terminal is gone.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Gone;
