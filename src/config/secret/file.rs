//! Reading a file, but not more of it than there can be, and not for ever.

use std::fs::File;
use std::io::Read;
use std::path::PathBuf;
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::timeout;
use zeroize::Zeroizing;

/// The contents of a file. The reading thread is left behind if a pipe that nobody writes to keeps it waiting:
/// a thread of the runtime would keep the program from ending.
///
/// # Errors
/// As the rest of a sentence about the file.
pub(in crate::config) async fn contents(
    path: PathBuf,
    largest: usize,
    patience: Duration,
) -> Result<Zeroizing<Vec<u8>>, String> {
    let (sender, receiver) = oneshot::channel();
    let reader = std::thread::Builder::new().name("reading a file".into()).spawn(move || {
        let mut whole = Zeroizing::new(Vec::new());
        let read = File::open(path).and_then(|file| file.take(largest as u64 + 1).read_to_end(&mut whole));
        let _ = sender.send(read.map(|_| whole));
    });
    reader.map_err(|error| format!("cannot be read: {error}"))?;
    match timeout(patience, receiver).await {
        Err(_) => Err(format!("gave nothing for {} seconds", patience.as_secs())),
        Ok(Err(_)) => Err("cannot be read".into()),
        Ok(Ok(Err(error))) => Err(format!("cannot be read: {error}")),
        Ok(Ok(Ok(whole))) if whole.len() > largest => Err(format!("is larger than {} KiB", largest / 1024)),
        Ok(Ok(Ok(whole))) => Ok(whole),
    }
}
