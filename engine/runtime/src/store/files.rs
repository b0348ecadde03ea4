//! What the checkpoint store asks of a file system, and the system's own. A simulation answers the same
//! calls from memory and loses what was not synced. Invariant: nothing counts as durable before `sync` of
//! the file and `sync_folder` of its folder have answered.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::Path;

/// A file system, as far as the checkpoint store needs one. Every call can fail as the system's can.
pub trait Files {
    /// A file that was created and is not synced yet.
    type File;
    /// Holds a lock until it is dropped.
    type Lock;

    /// Makes a folder and those above it; one that is there is fine.
    ///
    /// # Errors
    /// As the system says.
    fn create_folder(&self, path: &Path) -> io::Result<()>;
    /// Waits for a file's exclusive lock, and makes the file if there is none.
    ///
    /// # Errors
    /// As the system says.
    fn lock(&self, path: &Path) -> io::Result<Self::Lock>;
    /// A file's whole content.
    ///
    /// # Errors
    /// As the system says; `NotFound` when there is no such file.
    fn read(&self, path: &Path) -> io::Result<Vec<u8>>;
    /// Writes the parts, one after the other, to a new file, or to an old one that is emptied before.
    ///
    /// # Errors
    /// As the system says; then anything may be in the file.
    fn create(&self, path: &Path, parts: &[&[u8]]) -> io::Result<Self::File>;
    /// Makes a file's content durable.
    ///
    /// # Errors
    /// As the system says.
    fn sync(&self, file: &Self::File) -> io::Result<()>;
    /// Gives a file another name, in the place of the file that has it.
    ///
    /// # Errors
    /// As the system says.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;
    /// Makes the names in a folder durable.
    ///
    /// # Errors
    /// As the system says.
    fn sync_folder(&self, path: &Path) -> io::Result<()>;
    /// Removes a file.
    ///
    /// # Errors
    /// As the system says.
    fn remove(&self, path: &Path) -> io::Result<()>;
}

/// The system's files.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemFiles;

impl Files for SystemFiles {
    type File = File;
    type Lock = File;

    fn create_folder(&self, path: &Path) -> io::Result<()> {
        fs::create_dir_all(path)
    }

    fn lock(&self, path: &Path) -> io::Result<File> {
        let file = OpenOptions::new().create(true).truncate(false).write(true).open(path)?;
        file.lock()?;
        Ok(file)
    }

    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        fs::read(path)
    }

    fn create(&self, path: &Path, parts: &[&[u8]]) -> io::Result<File> {
        let mut file = File::create(path)?;
        for part in parts {
            file.write_all(part)?;
        }
        Ok(file)
    }

    fn sync(&self, file: &File) -> io::Result<()> {
        file.sync_all()
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)
    }

    fn sync_folder(&self, path: &Path) -> io::Result<()> {
        File::open(path)?.sync_all()
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        fs::remove_file(path)
    }
}
