//! A folder of the user: `ac/` holds records by address, `cas/` blobs by digest, `last/` which record a task had last.
//!
//! Every file is written beside, synced and renamed, so that there is the old state or the new one at any moment (C5).
//! There are no locks: names say what is inside, so that any number of processes may write the same file (C6).
//! Whatever disappears meanwhile is a miss.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{ErrorKind, Read, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use super::record::{Blob, MOST_BYTES, Record};
use super::{Entry, Fault, Place, Settings};
use crate::digest::Digest;
use crate::plan::digest::{CACHE_VERSION, Part};

/// After this many files in one go, the whole file system is synced instead of each.
const SYNC_EACH: usize = 4;
/// A hit is noted by the file's time, but not more often than this.
const TOUCH_AFTER: Duration = Duration::from_secs(3600);
/// What is younger and belongs to no record may be about to.
const YOUNG: Duration = Duration::from_secs(3600);

/// Folders on this machine.
pub struct Kind;

impl super::Kind for Kind {
    fn id(&self) -> &'static str {
        "local"
    }

    fn open(&self, settings: &Settings) -> Option<Result<Box<dyn Place>, Fault>> {
        let opened = Folder::open(settings);
        Some(opened.map(|folder| Box::new(folder) as Box<dyn Place>))
    }
}

/// An open folder.
#[derive(Debug)]
pub struct Folder {
    root: PathBuf,
    limit: u64,
}

/// What is in a folder.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Census {
    /// Records.
    pub records: u64,
    /// Blobs and lists.
    pub blobs: u64,
    /// Of all of them together.
    pub bytes: u64,
    /// What was removed for being damaged, or for room.
    pub removed: u64,
}

/// One file of a folder.
struct Found {
    path: PathBuf,
    digest: Digest,
    bytes: u64,
    time: SystemTime,
}

impl Folder {
    /// Opens the folder that the settings name, and makes it.
    pub fn open(settings: &Settings) -> Result<Self, Fault> {
        let folder = settings.folder.clone().map_err(Fault)?;
        let root = folder.join(format!("v{CACHE_VERSION}"));
        let inside = ["ac", "cas", "last", "tmp"];
        let made = inside
            .iter()
            .try_for_each(|name| private_folder(&root.join(name)));
        let cannot = |error: std::io::Error| Fault(format!("`{}`: {error}", folder.display()));
        made.map_err(cannot)?;
        own(&folder)?;
        own(&root)?;
        let limit = settings.limit;
        Ok(Self { root, limit })
    }

    /// Makes a folder beside the results, private to the user, that is kept from run to run.
    pub fn beside(&self, kind: &str, name: &Digest) -> std::io::Result<PathBuf> {
        let folder = self.root.join(kind).join(&name.to_string()[..16]);
        private_folder(&folder)?;
        Ok(folder)
    }

    fn file(&self, kind: &str, digest: &Digest) -> PathBuf {
        let name = digest.to_string();
        self.root.join(kind).join(&name[..2]).join(name)
    }

    /// Returns the record that a task had last, with its address.
    #[must_use]
    pub fn last(&self, target: &Digest) -> Option<(Digest, Record)> {
        let bytes = fs::read(self.file("last", target)).ok()?;
        let at = Digest::from_bytes(&bytes)?;
        Some((at, self.found(&at)?))
    }

    /// Returns the record at an address, whoever wrote it.
    #[must_use]
    pub fn found(&self, at: &Digest) -> Option<Record> {
        Record::open(&self.record(at).ok()??, at, None)
    }

    /// Returns the list of files that stands behind a part, as path and id.
    #[must_use]
    pub fn list(&self, part: &Part) -> Option<BTreeMap<String, String>> {
        let bytes = fs::read(self.file("cas", &part.digest)).ok()?;
        if Digest::of_bytes(&bytes) != part.digest {
            return None;
        }
        Some(files_of(&bytes))
    }

    /// Writes files beside, syncs them, and moves them to their places.
    fn write(&self, files: &[(PathBuf, &[u8])]) -> std::io::Result<()> {
        let mut written = Vec::new();
        for (path, bytes) in files {
            let mut file = tempfile::NamedTempFile::new_in(self.root.join("tmp"))?;
            file.write_all(bytes)?;
            if files.len() <= SYNC_EACH {
                file.as_file().sync_data()?;
            }
            written.push((file, path));
        }
        if files.len() > SYNC_EACH
            && let Some((file, _)) = written.first()
        {
            sync_all(file.as_file())?;
        }
        for (file, path) in written {
            if let Some(folder) = path.parent() {
                private_folder(folder)?;
            }
            file.persist(path).map_err(|error| error.error)?;
        }
        Ok(())
    }

    fn list_files(&self, kind: &str) -> Vec<Found> {
        let folders = fs::read_dir(self.root.join(kind))
            .into_iter()
            .flatten()
            .flatten();
        let files =
            folders.flat_map(|folder| fs::read_dir(folder.path()).into_iter().flatten().flatten());
        let found = files.filter_map(|file| {
            let data = file.metadata().ok()?;
            Some(Found {
                digest: Digest::from_hex(file.file_name().to_str()?)?,
                path: file.path(),
                bytes: data.len(),
                time: data.modified().ok()?,
            })
        });
        let mut found: Vec<_> = found.collect();
        found.sort_by(|a, b| a.time.cmp(&b.time).then_with(|| a.path.cmp(&b.path)));
        found
    }

    /// Counts what is there.
    #[must_use]
    pub fn census(&self) -> Census {
        let (records, blobs) = (self.list_files("ac"), self.list_files("cas"));
        Census {
            records: records.len() as u64,
            blobs: blobs.len() as u64,
            bytes: records.iter().chain(&blobs).map(|file| file.bytes).sum(),
            removed: 0,
        }
    }

    /// Checks every record and blob; what is damaged is removed.
    #[must_use]
    pub fn verify(&self) -> Census {
        let mut removed = 0;
        let mut remove = |path: &Path| removed += u64::from(fs::remove_file(path).is_ok());
        let is_whole = |path: &Path, digest: &Digest| {
            let read = fs::read(path);
            read.is_ok_and(|bytes| Digest::of_bytes(&bytes) == *digest)
        };
        for blob in self.list_files("cas") {
            if !is_whole(&blob.path, &blob.digest) {
                remove(&blob.path);
            }
        }
        for record in self.list_files("ac") {
            let opened = self.found(&record.digest);
            let has = |blob: &Blob| {
                Digest::from_hex(&blob.digest)
                    .is_some_and(|digest| self.file("cas", &digest).is_file())
            };
            if !opened.is_some_and(|opened| opened.blobs().all(has)) {
                remove(&record.path);
            }
        }
        Census {
            removed,
            ..self.census()
        }
    }

    /// C11: removes what was not used for longest until the rest fits, and what no record names. Others may read
    /// meanwhile: what they miss, they run.
    #[must_use]
    pub fn collect(&self) -> Census {
        self.sweep_temporary();
        let (records, blobs) = (self.list_files("ac"), self.list_files("cas"));
        let mut names: BTreeMap<Digest, u64> = BTreeMap::new();
        let mut of_record = Vec::new();
        for record in &records {
            let opened = self.found(&record.digest);
            let named: Vec<Digest> = opened.iter().flat_map(named).collect();
            for digest in &named {
                *names.entry(*digest).or_default() += 1;
            }
            of_record.push(named);
        }
        let mut removed = 0;
        let mut total: u64 = records.iter().chain(&blobs).map(|file| file.bytes).sum();
        let mut remove = |file: &Found, total: &mut u64| {
            if fs::remove_file(&file.path).is_ok() {
                *total = total.saturating_sub(file.bytes);
                removed += 1;
            }
        };
        let by_digest: BTreeMap<Digest, &Found> =
            blobs.iter().map(|file| (file.digest, file)).collect();
        let age = |file: &Found| {
            SystemTime::now()
                .duration_since(file.time)
                .unwrap_or_default()
        };
        for blob in blobs
            .iter()
            .filter(|blob| !names.contains_key(&blob.digest))
        {
            if age(blob) > YOUNG || total > self.limit {
                remove(blob, &mut total);
            }
        }
        let enough = self.limit - self.limit / 5;
        let is_too_much = total > self.limit;
        for (record, named) in records.iter().zip(of_record) {
            if !is_too_much || total <= enough {
                break;
            }
            remove(record, &mut total);
            for digest in named {
                let Some(left) = names.get_mut(&digest) else {
                    continue;
                };
                *left -= 1;
                if let (0, Some(blob)) = (*left, by_digest.get(&digest)) {
                    remove(blob, &mut total);
                }
            }
        }
        let _ = fs::remove_file(self.root.join("written"));
        Census {
            removed,
            ..self.census()
        }
    }

    /// C5: what a kill left half-written has no name of its own, and is swept away later.
    fn sweep_temporary(&self) {
        for file in fs::read_dir(self.root.join("tmp"))
            .into_iter()
            .flatten()
            .flatten()
        {
            let time = file.metadata().and_then(|data| data.modified());
            let age = time
                .ok()
                .and_then(|time| SystemTime::now().duration_since(time).ok());
            if age.is_some_and(|age| age > YOUNG) {
                let _ = fs::remove_file(file.path());
            }
        }
    }

    /// Collects once so much was written that the limit may be passed. Two processes may count at once and forget
    /// what the other wrote: then it comes later.
    fn account(&self, bytes: u64) {
        let path = self.root.join("written");
        let text = fs::read_to_string(&path).unwrap_or_default();
        let before: u64 = text.trim().parse().unwrap_or_default();
        let now = before.saturating_add(bytes);
        if now > self.limit / 16 {
            let _ = self.collect();
        } else {
            let _ = fs::write(path, now.to_string());
        }
    }
}

/// Reads a list of files: path and what it was.
#[must_use]
pub fn files_of(list: &[u8]) -> BTreeMap<String, String> {
    let text = String::from_utf8_lossy(list);
    let lines = text.split('\0').filter_map(|line| {
        let mut words = line.splitn(4, ' ');
        let (kind, form) = (words.next()?, words.next()?);
        let (id, path) = (words.next()?, words.next()?);
        Some((path.to_owned(), format!("{kind} {form} {id}")))
    });
    lines.collect()
}

/// Everything that a record names: what it needs, and what explains it.
fn named(record: &Record) -> Vec<Digest> {
    let blobs = record
        .blobs()
        .filter_map(|blob| Digest::from_hex(&blob.digest));
    let mut all: Vec<_> = blobs
        .chain(record.parts.iter().map(|part| part.digest))
        .collect();
    all.sort_unstable();
    all.dedup();
    all
}

impl Place for Folder {
    fn name(&self) -> String {
        format!("the cache in `{}`", self.root.display())
    }

    fn patience(&self) -> u32 {
        1
    }

    fn record(&self, at: &Digest) -> Result<Option<Vec<u8>>, Fault> {
        let mut file = match File::open(self.file("ac", at)) {
            Ok(file) => file,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        let mut bytes = Vec::new();
        Read::by_ref(&mut file)
            .take(MOST_BYTES as u64 + 1)
            .read_to_end(&mut bytes)?;
        let now = SystemTime::now();
        let time = file.metadata().and_then(|data| data.modified());
        let is_old =
            time.is_ok_and(|time| now.duration_since(time).is_ok_and(|age| age > TOUCH_AFTER));
        if is_old && let Ok(file) = File::options().append(true).open(self.file("ac", at)) {
            let _ = file.set_modified(now);
        }
        Ok(Some(bytes))
    }

    fn blob(&self, blob: &Blob) -> Result<Option<Vec<u8>>, Fault> {
        let Some(digest) = Digest::from_hex(&blob.digest) else {
            return Ok(None);
        };
        let mut bytes = Vec::new();
        match File::open(self.file("cas", &digest)) {
            Ok(file) => file.take(blob.size + 1).read_to_end(&mut bytes)?,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        Ok(Some(bytes))
    }

    fn store(&self, entries: &[Entry]) -> Result<(), Fault> {
        let mut blobs: BTreeMap<Digest, &[u8]> = BTreeMap::new();
        for entry in entries {
            for (blob, bytes) in &entry.blobs {
                blobs.extend(
                    Digest::from_hex(&blob.digest).map(|digest| (digest, bytes.as_slice())),
                );
            }
            blobs.extend(
                entry
                    .lists
                    .iter()
                    .map(|(digest, bytes)| (*digest, bytes.as_slice())),
            );
        }
        let is_there = |digest: &Digest, bytes: &[u8]| {
            let data = fs::metadata(self.file("cas", digest));
            data.is_ok_and(|data| data.len() == bytes.len() as u64)
        };
        let fresh: Vec<_> = blobs
            .iter()
            .filter(|(digest, bytes)| !is_there(digest, bytes))
            .map(|(digest, bytes)| (self.file("cas", digest), *bytes))
            .collect();
        self.write(&fresh)?;
        let records: Vec<_> = entries
            .iter()
            .map(|entry| (self.file("ac", &entry.at), entry.record.as_slice()))
            .collect();
        self.write(&records)?;
        for entry in entries {
            // Only an explanation hangs on it.
            let path = self.file("last", &entry.target);
            let made = path.parent().map_or(Ok(()), private_folder);
            let _ = made.and_then(|()| fs::write(path, entry.at.as_bytes()));
        }
        let sizes = fresh
            .iter()
            .chain(&records)
            .map(|(_, bytes)| bytes.len() as u64);
        self.account(sizes.sum());
        Ok(())
    }

    fn remove(&self, at: &Digest) {
        let record = Record::open(
            &self.record(at).ok().flatten().unwrap_or_default(),
            at,
            None,
        );
        let _ = fs::remove_file(self.file("ac", at));
        for blob in record.iter().flat_map(Record::blobs) {
            let Some(digest) = Digest::from_hex(&blob.digest) else {
                continue;
            };
            let path = self.file("cas", &digest);
            if fs::read(&path).is_ok_and(|bytes| !blob.is(&bytes)) {
                let _ = fs::remove_file(path);
            }
        }
    }
}

#[cfg(unix)]
fn private_folder(path: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    if path.is_dir() {
        return Ok(());
    }
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
}

#[cfg(not(unix))]
fn private_folder(path: &Path) -> std::io::Result<()> {
    fs::create_dir_all(path)
}

/// X6: a folder that others own or may write to is not trusted.
#[cfg(unix)]
fn own(folder: &Path) -> Result<(), Fault> {
    use std::os::unix::fs::MetadataExt;
    let data = fs::metadata(folder)?;
    let ours = rustix::process::geteuid().as_raw();
    if data.uid() != ours {
        return Err(Fault(format!(
            "`{}` belongs to another user",
            folder.display()
        )));
    }
    if data.mode() & 0o022 != 0 {
        let help = "others may write to it; `chmod go-w` it";
        return Err(Fault(format!(
            "`{}` is not trusted: {help}",
            folder.display()
        )));
    }
    Ok(())
}

#[cfg(not(unix))]
fn own(_folder: &Path) -> Result<(), Fault> {
    Ok(())
}

#[cfg(target_os = "linux")]
fn sync_all(file: &File) -> std::io::Result<()> {
    Ok(rustix::fs::syncfs(file)?)
}

#[cfg(not(target_os = "linux"))]
fn sync_all(file: &File) -> std::io::Result<()> {
    file.sync_all()
}
