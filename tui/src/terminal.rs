//! The terminal: taken over on a thread of its own, given back on the end and on a panic. At most
//! sixteen frames a second, drawn only when something has changed.

use std::io;
use std::sync::mpsc::{Receiver, TryRecvError};
use std::time::Duration;

use crossterm::event::{Event, KeyCode, KeyModifiers, poll, read};

use crate::state::{Action, Snapshot, State, action_of};
use crate::view::view;

/// What the run says.
#[derive(Debug)]
pub enum Message {
    /// Where it is.
    Snapshot(Box<Snapshot>),
    /// It is over.
    End,
}

/// The shortest time between two frames.
const FRAME: Duration = Duration::from_millis(63);

/// Shows a run until it is over; `quit` is called when the user asks for the end, and the view goes on
/// until the run says so. Blocks its thread.
///
/// # Errors
/// The terminal cannot be taken over or drawn to.
pub fn show(messages: &Receiver<Message>, quit: impl Fn()) -> io::Result<()> {
    // Also installs a panic hook that gives the terminal back.
    let mut terminal = ratatui::try_init()?;
    let shown = run(&mut terminal, messages, quit);
    ratatui::restore();
    shown
}

fn run(
    terminal: &mut ratatui::DefaultTerminal,
    messages: &Receiver<Message>,
    quit: impl Fn(),
) -> io::Result<()> {
    let mut state = State::default();
    let mut is_stale = true;
    loop {
        if is_stale {
            terminal.draw(|frame| view(frame, &state))?;
            is_stale = false;
        }
        // Waiting for a key is the pace of the loop.
        if poll(FRAME)? {
            is_stale = true;
            if let Event::Key(key) = read()?
                && let KeyCode::Char(letter) = key.code
            {
                let is_interrupt = letter == 'c' && key.modifiers.contains(KeyModifiers::CONTROL);
                match action_of(letter) {
                    Some(Action::Quit) => quit(),
                    Some(action) => state.act(action),
                    None if is_interrupt => quit(),
                    None => {}
                }
            }
        }
        loop {
            match messages.try_recv() {
                Ok(Message::Snapshot(snapshot)) => {
                    state.update(*snapshot);
                    is_stale = true;
                }
                Ok(Message::End) | Err(TryRecvError::Disconnected) => return Ok(()),
                Err(TryRecvError::Empty) => break,
            }
        }
    }
}
