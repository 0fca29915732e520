//! Input from the terminal, read on a thread of its own: keys, pastes, clicks, new sizes. Owns the
//! thread; does not know what they mean.

use std::io;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, sync_channel};

use mio::Waker;
use ratatui_crossterm::crossterm::event::{Event, read};

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
            loop {
                match read() {
                    Ok(event) => {
                        if sender.send(event).is_err() {
                            return;
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
                let _ = waker.wake();
            }
        })?;
        Ok(Self { events })
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

/// The terminal is gone.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Gone;
