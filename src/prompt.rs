//! Asking for a password on the terminal.

use std::io;

/// What is typed, without echo. Whoever stops waiting for it gets the terminal back as it was.
pub async fn password(question: String) -> io::Result<String> {
    let _terminal = Terminal::now();
    // A thread of its own, which a signal leaves behind: one of the runtime cannot be stopped while it reads.
    let (sender, receiver) = tokio::sync::oneshot::channel();
    std::thread::Builder::new().name("asking for a password".into()).spawn(move || {
        let _ = sender.send(rpassword::prompt_password(question)); // nobody may be waiting any more
    })?;
    receiver.await.unwrap_or_else(|_| Err(io::ErrorKind::UnexpectedEof.into()))
}

/// The settings of the terminal, which come back when it is dropped.
#[cfg(unix)]
struct Terminal(Option<(std::fs::File, rustix::termios::Termios)>);

#[cfg(unix)]
impl Terminal {
    fn now() -> Terminal {
        let terminal = std::fs::File::open("/dev/tty").ok();
        Terminal(
            terminal
                .and_then(|terminal| Some((rustix::termios::tcgetattr(&terminal).ok()?, terminal)))
                .map(|(settings, terminal)| (terminal, settings)),
        )
    }
}

#[cfg(unix)]
impl Drop for Terminal {
    fn drop(&mut self) {
        if let Some((terminal, settings)) = &self.0 {
            let _ = rustix::termios::tcsetattr(terminal, rustix::termios::OptionalActions::Now, settings); // it may be gone
        }
    }
}

/// Where there is no termios, nothing has to be put back.
#[cfg(not(unix))]
struct Terminal;

#[cfg(not(unix))]
impl Terminal {
    fn now() -> Terminal {
        Terminal
    }
}
