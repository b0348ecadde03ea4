//! A disk in memory for the checkpoint store: what was written is seen at once, what was synced survives a
//! loss of power, and every change of it is a crash point. Two tables of names and two contents of every
//! file, one that running processes see and one that is durable, are all there is to it; a list of what has
//! changed since the last sync keeps a sync from looking at every file.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use bytes::Bytes;
use windtunnel_runtime::store::Files;

use super::bugs::Tamper;
use super::fates::Fates;
use super::fault::{Effect, Loss, Side};

/// A disk with the files of one folder.
#[derive(Debug, Default)]
pub(super) struct Disk {
    names: BTreeMap<PathBuf, FileId>,
    durable_names: BTreeMap<PathBuf, FileId>,
    files: BTreeMap<FileId, Content>,
    /// Names that have changed since the folder was synced, and files that have lost one.
    touched: Vec<PathBuf>,
    left: Vec<FileId>,
    last: u64,
    /// A crash that a file operation has run into.
    crashed: Option<Loss>,
    /// A planted bug: nothing is ever synced.
    ignores_syncs: bool,
}

/// A file, whatever its name is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct FileId(u64);

#[derive(Debug, Default)]
struct Content {
    seen: Bytes,
    durable: Bytes,
}

/// What a process holds of a disk.
#[derive(Debug, Clone)]
pub(super) struct DiskHandle {
    pub(super) disk: Rc<RefCell<Disk>>,
    pub(super) fates: Rc<RefCell<Fates>>,
    /// The time, shared by all that hold this disk for one process.
    pub(super) now: Rc<Cell<i64>>,
    /// A planted bug, and the lease of the process that it is for.
    pub(super) tamper: Tamper,
    pub(super) lease: Rc<Cell<u64>>,
}

impl Disk {
    pub(super) fn new(ignores_syncs: bool) -> Self {
        Self { ignores_syncs, ..Self::default() }
    }

    /// The crash that the last operation has run into.
    pub(super) fn take_crash(&mut self) -> Option<Loss> {
        self.crashed.take()
    }

    /// The machine goes down, or only the process.
    pub(super) fn lose(&mut self, loss: Loss) {
        self.crashed = None;
        match loss {
            Loss::Nothing => return,
            Loss::Unsynced => {
                self.names = self.durable_names.clone();
                self.files.values_mut().for_each(|file| file.seen = file.durable.clone());
            }
            Loss::Torn => {
                for file in self.files.values_mut().filter(|file| file.seen != file.durable) {
                    file.seen = file.seen.slice(..file.seen.len() / 2);
                }
            }
        }
        self.durable_names = self.names.clone();
        self.files.values_mut().for_each(|file| file.durable = file.seen.clone());
        self.touched.clear();
        self.left.clear();
        let named: BTreeSet<FileId> = self.names.values().copied().collect();
        self.files.retain(|id, _| named.contains(id));
    }

    /// Gives a name to a file, or takes it away.
    fn rename(&mut self, path: &Path, id: Option<FileId>) -> Option<FileId> {
        let before = match id {
            Some(id) => self.names.insert(path.to_owned(), id),
            None => self.names.remove(path),
        };
        self.left.extend(before);
        self.touched.push(path.to_owned());
        before
    }

    /// Makes the names durable, and drops the files that have none any more.
    fn sync_names(&mut self) {
        for path in std::mem::take(&mut self.touched) {
            let before = match self.names.get(&path) {
                Some(id) => self.durable_names.insert(path, *id),
                None => self.durable_names.remove(&path),
            };
            self.left.extend(before);
        }
        for id in std::mem::take(&mut self.left) {
            if !self.names.values().any(|it| *it == id) {
                self.files.remove(&id);
            }
        }
    }

    /// A digest of what a restart would find.
    pub(super) fn digest(&self) -> u64 {
        let mut hash = xxhash_rust::xxh3::Xxh3::new();
        for (path, id) in &self.names {
            hash.update(path.as_os_str().as_encoded_bytes());
            if let Some(file) = self.files.get(id) {
                hash.update(&file.seen);
            }
        }
        hash.digest()
    }
}

impl DiskHandle {
    /// Makes one change of the disk, unless the process dies before it.
    fn change<R>(
        &self,
        effect: Effect,
        change: impl FnOnce(&mut Disk) -> io::Result<R>,
    ) -> io::Result<R> {
        let mut disk = self.disk.borrow_mut();
        let dead = || io::Error::other("the process is dead");
        if disk.crashed.is_some() {
            return Err(dead());
        }
        let crash = self.fates.borrow_mut().next(effect, self.now.get()).crash;
        if let Some((Side::Before, loss)) = crash {
            disk.crashed = Some(loss);
            return Err(dead());
        }
        let changed = change(&mut disk);
        if let Some((Side::After, loss)) = crash {
            disk.crashed = Some(loss);
            return Err(dead());
        }
        changed
    }
}

impl Files for DiskHandle {
    type File = FileId;
    type Lock = ();

    fn create_folder(&self, _path: &Path) -> io::Result<()> {
        Ok(())
    }

    /// Whoever holds the lock lets go of it within one step of the simulation.
    fn lock(&self, _path: &Path) -> io::Result<()> {
        Ok(())
    }

    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        let disk = self.disk.borrow();
        let file = disk.names.get(path).and_then(|id| disk.files.get(id));
        let content = file.map(|file| file.seen.to_vec()).ok_or(io::ErrorKind::NotFound)?;
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        Ok(self.tamper.read(&name, self.lease.get(), content))
    }

    fn create(&self, path: &Path, parts: &[&[u8]]) -> io::Result<FileId> {
        let is_full = self.fates.borrow().is_disk_full(self.now.get());
        self.change(Effect::DiskWrite, |disk| {
            disk.last += 1;
            let id = FileId(disk.last);
            let mut content = Bytes::from(parts.concat());
            if is_full {
                content.truncate(content.len() / 2);
            }
            disk.files.insert(id, Content { seen: content, durable: Bytes::new() });
            disk.rename(path, Some(id));
            if is_full { Err(io::ErrorKind::StorageFull.into()) } else { Ok(id) }
        })
    }

    fn sync(&self, file: &FileId) -> io::Result<()> {
        self.change(Effect::DiskSync, |disk| {
            if let Some(file) = disk.files.get_mut(file).filter(|_| !disk.ignores_syncs) {
                file.durable = file.seen.clone();
            }
            Ok(())
        })
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.change(Effect::DiskRename, |disk| {
            let id = disk.rename(from, None).ok_or(io::ErrorKind::NotFound)?;
            disk.rename(to, Some(id));
            Ok(())
        })
    }

    fn sync_folder(&self, _path: &Path) -> io::Result<()> {
        self.change(Effect::DiskSyncFolder, |disk| {
            if !disk.ignores_syncs {
                disk.sync_names();
            }
            Ok(())
        })
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.change(Effect::DiskRemove, |disk| {
            disk.rename(path, None).ok_or(io::ErrorKind::NotFound)?;
            Ok(())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::fates::Faults;
    use super::*;
    use windtunnel_runtime::checkpoint::Checkpoint;
    use windtunnel_runtime::store::{DiskStore, StoreError};

    fn disk() -> DiskHandle {
        let fates = Rc::new(RefCell::new(Fates::new(1, &Faults::None, 0, 0)));
        DiskHandle {
            disk: Rc::default(),
            fates,
            now: Rc::default(),
            tamper: Tamper::default(),
            lease: Rc::default(),
        }
    }

    fn checkpoint(epoch: u64) -> Checkpoint {
        Checkpoint { epoch, is_snapshot: epoch == 1, bytes: Bytes::from(format!("e{epoch}")) }
    }

    fn acquire(disk: &DiskHandle) -> Result<(DiskStore<DiskHandle>, Vec<Bytes>), StoreError> {
        DiskStore::acquire_on(disk.clone(), Path::new("checkpoints"), "job")
    }

    #[test]
    fn what_was_not_synced_is_gone_or_torn_after_a_loss_of_power() {
        let path = Path::new("f");
        for (synced, loss, expected) in [
            (0, Loss::Nothing, Some("content")),
            (0, Loss::Unsynced, None),
            (0, Loss::Torn, Some("con")),
            (1, Loss::Unsynced, None),
            (1, Loss::Torn, Some("content")),
            (2, Loss::Unsynced, Some("content")),
        ] {
            let disk = disk();
            let file = disk.create(path, &[b"con", b"tent"]).unwrap();
            if synced > 0 {
                disk.sync(&file).unwrap();
            }
            if synced > 1 {
                disk.sync_folder(Path::new(".")).unwrap();
            }
            disk.disk.borrow_mut().lose(loss);
            let found = disk.read(path).ok().map(|bytes| String::from_utf8(bytes).unwrap());
            assert_eq!(found.as_deref(), expected, "{synced} {loss:?}");
        }
    }

    /// Goal: the production store survives every crash. Method: a crash before and after every change
    /// of the disk during two saves, with every loss; the log is then whole and either old or new.
    #[test]
    fn the_store_survives_a_crash_at_every_change() {
        let effects = [
            Effect::DiskWrite,
            Effect::DiskSync,
            Effect::DiskRename,
            Effect::DiskSyncFolder,
            Effect::DiskRemove,
        ];
        let mut crashes = 0;
        for effect in effects {
            for nth in 1..=5 {
                for side in [Side::Before, Side::After] {
                    for loss in [Loss::Nothing, Loss::Unsynced, Loss::Torn] {
                        let fault = super::super::fault::Fault::Crash { effect, nth, side, loss };
                        let faults = Faults::These(vec![fault]);
                        let handle = disk();
                        *handle.fates.borrow_mut() = Fates::new(1, &faults, 0, 0);
                        let mut saved = 0;
                        if let Ok((store, _)) = acquire(&handle) {
                            saved = (1..=2)
                                .take_while(|&epoch| store.save(&checkpoint(epoch)).is_ok())
                                .count();
                        }
                        let crash = handle.disk.borrow_mut().take_crash();
                        crashes += usize::from(crash.is_some());
                        handle.disk.borrow_mut().lose(crash.unwrap_or(Loss::Nothing));
                        let (_, log) = acquire(&handle).expect("the log is whole");
                        assert!(log.len() == saved || log.len() == saved + 1, "{fault}");
                    }
                }
            }
        }
        assert!(crashes > 80, "{crashes}");
    }
}
