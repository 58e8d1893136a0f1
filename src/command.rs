//! Asking a command for a secret: a password, or an access token.

use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::process::{Child, Command};
use tokio::time::timeout;
use zeroize::Zeroizing;

/// How long to wait, once the command is over, for what it said on standard error: something that it
/// started and left running may hold that open.
const LINGER: Duration = Duration::from_millis(200);

/// What a command writes to its standard output. It has no standard input; it is stopped when its time is over.
/// `called` is its name in errors.
///
/// # Errors
/// As the rest of a sentence that begins with "the password of …", without what was on standard output.
pub(crate) async fn output(
    words: &[String],
    called: &str,
    largest: usize,
    patience: Duration,
) -> Result<Zeroizing<Vec<u8>>, String> {
    let Some((program, arguments)) = words.split_first() else { return Err("has no command to be asked for".into()) };
    let from = format!("is to be given by {called}, which");
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    let mut child = command.spawn().map_err(|error| format!("{from} cannot be started: {error}"))?;
    match timeout(patience, finish(&mut child, largest)).await {
        Err(_) => Err(format!("{from} was not done after {patience:?}")),
        Ok(Err(error)) => Err(format!("{from} {error}")),
        Ok(Ok((status, whole, said))) if !status.success() => {
            Err(format!("{from} {}{}", ended(status), first_line(&said, &whole)))
        }
        Ok(Ok((_, whole, _))) => Ok(whole),
    }
}

type Finished = (ExitStatus, Zeroizing<Vec<u8>>, Vec<u8>);

async fn finish(child: &mut Child, largest: usize) -> Result<Finished, String> {
    let (Some(stdout), Some(mut stderr)) = (child.stdout.take(), child.stderr.take()) else {
        return Err("cannot be listened to".into());
    };
    let mut said = Vec::new();
    let done = async {
        let whole = bounded(stdout, largest).await?;
        let status = child.wait().await.map_err(|error| format!("cannot be waited for: {error}"))?;
        Ok::<_, String>((status, whole))
    };
    tokio::pin!(done);
    let (status, whole) = tokio::select! {
        done = &mut done => done?,
        () = listen(&mut stderr, &mut said, largest) => done.await?,
    };
    let _ = timeout(LINGER, listen(&mut stderr, &mut said, largest)).await;
    Ok((status, whole, said))
}

async fn bounded(stream: impl AsyncRead + Unpin, largest: usize) -> Result<Zeroizing<Vec<u8>>, String> {
    let mut whole = Zeroizing::new(Vec::new());
    let read = stream.take(largest as u64 + 1).read_to_end(&mut whole).await;
    read.map_err(|error| format!("cannot be read from: {error}"))?;
    match whole.len() > largest {
        true => Err(format!("wrote more than {} KiB", largest / 1024)),
        false => Ok(whole),
    }
}

/// Reads to the end, and keeps the beginning.
async fn listen(stream: &mut (impl AsyncRead + Unpin), said: &mut Vec<u8>, largest: usize) {
    let mut piece = [0; 1024];
    while let Ok(length @ 1..) = stream.read(&mut piece).await {
        let room = largest.saturating_sub(said.len()).min(length);
        said.extend_from_slice(&piece[..room]);
    }
}

fn ended(status: ExitStatus) -> String {
    match status.code() {
        Some(code) => format!("ended with exit status {code}"),
        None => "was ended by a signal".into(),
    }
}

/// The first line of standard error, without what was on standard output, which may be the password.
fn first_line(said: &[u8], whole: &[u8]) -> String {
    let said = String::from_utf8_lossy(said);
    let line = said.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or_default();
    let secret = String::from_utf8_lossy(whole);
    let line = match secret.trim() {
        "" => line.to_owned(),
        secret => line.replace(secret, "***"),
    };
    if line.is_empty() { String::new() } else { format!(": {}", shown(&line)) }
}

/// Text from outside on one line of an error.
pub(crate) fn shown(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(200).collect()
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    async fn shell(script: &str, patience: Duration) -> Result<String, String> {
        let words = ["sh", "-c", script].map(str::to_owned);
        let whole = output(&words, "the command `sh`", 1024, patience).await?;
        Ok(String::from_utf8(whole.to_vec()).unwrap())
    }

    const LONG: Duration = Duration::from_secs(20);

    #[tokio::test]
    async fn standard_output_is_taken_as_it_is() {
        assert_eq!(shell("echo noise >&2; printf ' a b \n'", LONG).await.unwrap(), " a b \n");
    }

    #[tokio::test]
    async fn a_failure_is_told_by_the_first_line_and_without_the_password() {
        let error = shell("echo hunter2; echo >&2; echo 'no key for hunter2' >&2; echo more >&2; exit 3", LONG).await;
        let expected = "is to be given by the command `sh`, which ended with exit status 3: no key for ***";
        assert_eq!(error.unwrap_err(), expected);
        let missing = ["no-such-program-here".to_owned()];
        let error = output(&missing, "the command `no-such-program-here`", 1024, LONG).await.unwrap_err();
        assert!(error.contains("`no-such-program-here`, which cannot be started: "), "{error}");
    }

    #[tokio::test]
    async fn neither_time_nor_output_is_without_limit() {
        let error = shell("sleep 60", Duration::from_millis(100)).await.unwrap_err();
        assert!(error.contains("was not done after 100ms"), "{error}");
        let error = shell("while :; do echo hunter2 hunter2; done", LONG).await.unwrap_err();
        assert!(error.ends_with("wrote more than 1 KiB"), "{error}");
        let error = shell("while :; do echo hunter2 hunter2; done >&2 & exit 1", LONG).await.unwrap_err();
        assert!(error.contains("exit status 1"), "{error}");
    }

    #[tokio::test]
    async fn what_a_command_leaves_running_is_not_waited_for() {
        assert_eq!(shell("sleep 5 >/dev/null & echo secret", LONG).await.unwrap(), "secret\n");
    }
}
