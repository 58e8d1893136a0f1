//! A file that is opened before a long run and written after it: whole, or not at all.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use crate::console::Unable;

/// Who may read a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Readers {
    /// Nobody but its owner.
    Owner,
    /// Whoever may read the file that is there, or what is created in this session.
    Usual,
}

/// A file that takes the place of the one that is asked for when it is whole. Dropped before that, it leaves no trace.
pub struct WholeFile {
    path: PathBuf,
    /// In the same folder, so that it can take that place at once.
    beside: PathBuf,
    file: File,
}

impl WholeFile {
    /// Opens it. Folders are not created.
    ///
    /// # Errors
    /// Why it cannot be written, before there is anything to write.
    pub fn create(path: &Path, readers: Readers) -> Result<WholeFile, Unable> {
        let cannot = |why: &dyn std::fmt::Display| format!("{} cannot be written: {why}", path.display());
        let path = place(path).map_err(|why| cannot(&why))?;
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        // A name of its own each time: in a container every run may have the same process id.
        let beside = path.with_file_name(format!(".{name}.{}.part", uuid::Uuid::new_v4().simple()));
        let file = new_file(&beside, readers).map_err(|error| cannot(&error))?;
        let file = WholeFile { path, beside, file };
        if readers == Readers::Usual {
            file.keep_permissions().map_err(|error| cannot(&error))?;
        }
        Ok(file)
    }

    /// Where it will be, without links and dots.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Writes it and puts it in its place.
    ///
    /// # Errors
    /// Why that is not possible.
    pub fn finish(mut self, text: &str) -> Result<(), Unable> {
        let written = self.file.write_all(text.as_bytes()).and_then(|()| self.file.sync_all());
        let placed = written.and_then(|()| fs::rename(&self.beside, &self.path));
        placed.map_err(|error| format!("{} cannot be written: {error}", self.path.display()))
    }

    /// Whoever may read the file that it replaces may read it, too.
    fn keep_permissions(&self) -> io::Result<()> {
        match fs::metadata(&self.path) {
            Ok(there) => self.file.set_permissions(there.permissions()),
            Err(_) => Ok(()),
        }
    }
}

impl Drop for WholeFile {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.beside); // it is gone where it has taken its place
    }
}

/// Where the file is to be.
fn place(path: &Path) -> Result<PathBuf, String> {
    match path.canonicalize() {
        Ok(there) if !there.is_file() => return Err("it is there, and is no file".to_owned()),
        Ok(there) => return Ok(there), // the file that a link leads to, and not the link
        Err(_) => {}
    }
    let name = path.file_name().ok_or("that is no name of a file")?;
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    match folder.canonicalize() {
        Ok(folder) => Ok(folder.join(name)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            Err(format!("there is no folder {}, and mailtrip creates none", folder.display()))
        }
        Err(error) => Err(error.to_string()),
    }
}

fn new_file(path: &Path, readers: Readers) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    if readers == Readers::Owner {
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    }
    options.open(path)
}
