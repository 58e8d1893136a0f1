//! The folder in which things are kept from one run to the next, and the names of the files in it.

use std::ffi::OsString;
use std::fs::{DirBuilder, File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

use crate::console::Unable;

/// So much of a name is in the names of its files; a number behind it tells them apart.
const READABLE: usize = 40;

/// The folder.
#[derive(Debug)]
pub struct StateDir(PathBuf);

impl StateDir {
    /// The one that was asked for, else that of the service (systemd), of the user's settings, or of the user. It is created
    /// where it is not there, for nobody else to look into.
    ///
    /// # Errors
    /// Why there is none.
    pub fn open(asked_for: Option<&Path>) -> Result<StateDir, Unable> {
        let found = asked_for.map(Path::to_owned).or_else(|| find_by(|name| std::env::var_os(name)));
        let path = found.ok_or("neither $XDG_STATE_HOME nor $HOME says where there is a place for it")?;
        let mut builder = DirBuilder::new();
        builder.recursive(true);
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        match builder.create(&path) {
            Ok(()) => Ok(StateDir(path)),
            Err(error) => Err(format!("the folder {} cannot be created: {error}", path.display())),
        }
    }

    /// The file of a check, which `name` is readable for people, and `identity` tells from all others.
    pub fn file(&self, (name, identity): (&str, &str), extension: &str) -> PathBuf {
        let plain = |c: char| if c.is_ascii_alphanumeric() || "-_.@".contains(c) { c } else { '_' };
        let name: String = name.chars().take(READABLE).map(plain).collect();
        let digest = ring::digest::digest(&ring::digest::SHA256, identity.as_bytes());
        let number: String = digest.as_ref().iter().take(8).map(|byte| format!("{byte:02x}")).collect();
        self.0.join(format!("{name}-{number}.{extension}"))
    }
}

/// Opens a file of this folder. Where others may write there, too, it may be none: a link would have something else written
/// over, and a pipe be waited for.
///
/// # Errors
/// Why that is not possible.
pub fn open(path: &Path, options: &mut OpenOptions) -> io::Result<File> {
    #[cfg(unix)]
    {
        use rustix::fs::OFlags;
        let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK;
        std::os::unix::fs::OpenOptionsExt::custom_flags(options, flags.bits().cast_signed());
    }
    let no_file = || io::Error::other("it is there, and is no file");
    match options.open(path) {
        Ok(file) if file.metadata()?.is_file() => Ok(file),
        Ok(_) => Err(no_file()),
        Err(_) if path.symlink_metadata().is_ok_and(|there| !there.is_file()) => Err(no_file()),
        Err(error) => Err(error),
    }
}

/// `$STATE_DIRECTORY` may be a list, separated by colons (systemd.exec); a relative `$XDG_STATE_HOME` is to be ignored (XDG
/// Base Directory Specification).
fn find_by(variable: impl Fn(&str) -> Option<OsString>) -> Option<PathBuf> {
    let variable = |name| variable(name).filter(|value| !value.is_empty());
    if let Some(list) = variable("STATE_DIRECTORY") {
        return std::env::split_paths(&list).next();
    }
    let base = if cfg!(windows) {
        variable("LOCALAPPDATA").map(PathBuf::from)
    } else {
        let base = variable("XDG_STATE_HOME").map(PathBuf::from).filter(|path| path.is_absolute());
        base.or_else(|| variable("HOME").map(|home| PathBuf::from(home).join(".local").join("state")))
    };
    base.map(|base| base.join("mailtrip"))
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn the_service_goes_before_the_settings_of_the_user() {
        let found = |variables: &[(&str, &str)]| {
            find_by(|name| variables.iter().find(|(known, _)| *known == name).map(|(_, value)| value.into()))
        };
        let (home, xdg, service) = (("HOME", "/home/a"), ("XDG_STATE_HOME", "/xdg"), ("STATE_DIRECTORY", "/var/a:/b"));
        let path = |path: &str| Some(PathBuf::from(path));
        assert_eq!(found(&[home]), path("/home/a/.local/state/mailtrip"));
        assert_eq!(found(&[home, xdg]), path("/xdg/mailtrip"));
        assert_eq!(found(&[home, ("XDG_STATE_HOME", "xdg")]), path("/home/a/.local/state/mailtrip"));
        assert_eq!(found(&[home, xdg, service]), path("/var/a"));
        assert_eq!(found(&[("HOME", "")]), None);
    }

    #[test]
    fn a_file_is_named_so_that_people_know_it_and_no_two_are_one() {
        let folder = StateDir(PathBuf::from("/state"));
        let name = |name: &str, identity: &str| folder.file((name, identity), "json").to_string_lossy().into_owned();
        assert!(name("home", "a").starts_with("/state/home-") && name("home", "a").ends_with(".json"));
        assert_ne!(name("home", "a"), name("home", "b"));
        assert_ne!(name("a/b", "a/b"), name("a_b", "a_b"));
        assert!(name("../../x\u{1b}[2Jé", "c").starts_with("/state/.._.._x__2J_-"));
        assert_eq!(name(&"long".repeat(99), "c").len(), "/state/".len() + 40 + "-0123456789abcdef.json".len());
    }
}
