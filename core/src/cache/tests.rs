//! Sessions over real folders, and over servers that misbehave.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use super::local::Folder;
use super::{Asked, Recalled, Session, Settings, target};
use crate::ci::Trust;
use crate::digest::Digest;
use crate::plan::digest::{ActionDigest, Part};

fn settings(folder: &Path) -> Settings {
    Settings {
        folder: Ok(folder.to_path_buf()),
        limit: 1 << 30,
        url: None,
        token: None,
        secret: None,
        trust: Trust::Untrusted,
        patience_ms: 300,
    }
}

fn remote(url: &str) -> Settings {
    Settings {
        folder: Err("there is none".to_owned()),
        url: Some(url.to_owned()),
        ..settings(Path::new("/"))
    }
}

fn asked(name: &str) -> Asked {
    let list = Arc::new(format!("file blob {name} p/{name}\0").into_bytes());
    let digest = Digest::of_bytes(&list);
    let files = Part {
        name: "files of p".into(),
        digest,
    };
    Asked {
        target: format!("{name}:test"),
        digest: Some(ActionDigest::new(vec![
            Part::new("command", name.as_bytes()),
            files,
        ])),
        outputs: vec!["dist/**".to_owned()],
        lists: vec![(digest, list)],
    }
}

/// A session over one task of this name, whose inputs never change.
fn session(settings: &Settings, root: &Path, name: &str) -> Session {
    let asked = asked(name);
    let same = asked.digest.as_ref().map(|digest| digest.digest);
    Session::open(
        settings,
        root.to_path_buf(),
        &[],
        vec![asked],
        Box::new(move || Ok(vec![same])),
    )
}

fn long_log() -> Vec<u8> {
    (0..100_000_u32).map(|at| (at % 251) as u8).collect()
}

/// Keeps one result with a long log and two outputs.
fn keep(settings: &Settings, root: &Path, name: &str) -> Session {
    std::fs::create_dir_all(root.join("dist")).unwrap();
    std::fs::write(root.join("dist/a"), name).unwrap();
    std::fs::write(root.join("dist/b"), vec![7; 5000]).unwrap();
    let session = session(settings, root, name);
    session.keep(0, &long_log(), Duration::from_millis(1234));
    session.finish();
    session
}

fn expected() -> Recalled {
    Recalled {
        log: long_log(),
        duration: Duration::from_millis(1234),
    }
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap().flatten() {
        if entry.path().is_dir() {
            found.extend(files(&entry.path()));
        } else {
            found.push(entry.path());
        }
    }
    found.sort();
    found
}

/// Numbers without a clock.
struct Dice(u64);

impl Dice {
    fn next(&mut self, below: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % below as u64).unwrap()
    }
}

/// C1: 1,000 bent bits and cuts in records and blobs: never a wrong hit, one warning, and the damaged record is gone.
#[test]
fn c1_a_thousand_damages_are_no_wrong_hit() {
    let folder = tempfile::tempdir().unwrap();
    let (store, root) = (folder.path().join("store"), folder.path().join("root"));
    let settings = settings(&store);
    assert_eq!(keep(&settings, &root, "x").warnings(), [""; 0]);
    let places: Vec<_> = ["ac", "cas"]
        .iter()
        .flat_map(|kind| files(&store.join("v1").join(kind)))
        .collect();
    let whole: Vec<_> = places
        .iter()
        .map(|path| std::fs::read(path).unwrap())
        .collect();
    let (mut dice, mut hits, mut misses) = (Dice(88_172_645_463_325_252), 0, 0);
    for round in 0..1000 {
        for (path, bytes) in places.iter().zip(&whole) {
            std::fs::write(path, bytes).unwrap();
        }
        let _ = std::fs::remove_dir_all(root.join("dist"));
        let at = dice.next(places.len());
        let mut bytes = whole[at].clone();
        if round % 2 == 0 {
            let bit = dice.next(bytes.len() * 8);
            bytes[bit / 8] ^= 1 << (bit % 8);
        } else {
            bytes.truncate(dice.next(bytes.len()));
        }
        std::fs::write(&places[at], bytes).unwrap();
        let session = session(&settings, &root, "x");
        match session.recall(0) {
            Some(found) => {
                assert_eq!(found, expected());
                assert_eq!(std::fs::read(root.join("dist/a")).unwrap(), b"x");
                assert_eq!(std::fs::read(root.join("dist/b")).unwrap(), [7; 5000]);
                hits += 1;
            }
            None => {
                assert_eq!(session.warnings().len(), 1, "{}", places[at].display());
                assert!(!root.join("dist").exists(), "all or nothing");
                assert_eq!(files(&store.join("v1/ac")).len(), 0);
                misses += 1;
            }
        }
    }
    // Lists that only explain, and the signature of an unsigned record, may be bent without harm.
    assert!(misses > 500 && hits > 0, "{misses} misses, {hits} hits");
}

/// C5: whatever a kill left beside is no record, and what is there stays right.
#[test]
fn c5_leftovers_of_a_kill_mean_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let (store, root) = (folder.path().join("store"), folder.path().join("root"));
    let settings = settings(&store);
    keep(&settings, &root, "x");
    let record = files(&store.join("v1/ac")).remove(0);
    let bytes = std::fs::read(&record).unwrap();
    std::fs::write(store.join("v1/tmp/.tmpAbCdEf"), &bytes[..bytes.len() / 2]).unwrap();
    assert_eq!(session(&settings, &root, "x").recall(0), Some(expected()));
    // Blobs before records: a kill between them leaves blobs that nobody names.
    std::fs::remove_file(&record).unwrap();
    let session = session(&settings, &root, "x");
    assert_eq!((session.recall(0), session.warnings().len()), (None, 0));
    keep(&settings, &root, "x");
    assert_eq!(
        self::session(&settings, &root, "x").recall(0),
        Some(expected())
    );
}

/// C6: many writers and readers of the same and of other records: nothing torn, nothing lost.
#[test]
fn c6_many_share_one_folder() {
    let folder = tempfile::tempdir().unwrap();
    let settings = settings(&folder.path().join("store"));
    std::thread::scope(|scope| {
        for writer in 0..8 {
            let (settings, root) = (&settings, folder.path().join(format!("root-{writer}")));
            scope.spawn(move || {
                for round in 0..10 {
                    let name = format!("t{}", (writer + round) % 12);
                    let session = keep(settings, &root, &name);
                    assert_eq!(session.recall(0), Some(expected()), "{name}");
                    assert_eq!(std::fs::read_to_string(root.join("dist/a")).unwrap(), name);
                    assert_eq!(session.warnings(), [""; 0]);
                }
            });
        }
    });
    let root = folder.path().join("root-0");
    for name in 0..12 {
        assert!(
            session(&settings, &root, &format!("t{name}"))
                .recall(0)
                .is_some()
        );
    }
    assert_eq!(Folder::open(&settings).unwrap().verify().removed, 0);
}

/// C7: no place at all, one that is a file, one that cannot be made: one warning each, and the run goes on.
#[test]
fn c7_a_place_that_cannot_be_used_is_told_once() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("root");
    std::fs::write(folder.path().join("file"), "").unwrap();
    let none = Settings {
        folder: Err("there is no home folder".to_owned()),
        ..settings(&root)
    };
    for settings in [none, settings(&folder.path().join("file/store"))] {
        let session = keep(&settings, &root, "x");
        assert_eq!(session.recall(0), None);
        assert_eq!(session.warnings().len(), 1);
    }
}

/// X6: a folder that others may write to is not believed, and what we make is private.
#[cfg(unix)]
#[test]
fn x6_the_folder_is_private() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let (store, root) = (folder.path().join("store"), folder.path().join("root"));
    keep(&settings(&store), &root, "x");
    let mode = |path: &Path| path.metadata().unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&store), 0o700);
    let record = files(&store.join("v1/ac")).remove(0);
    assert_eq!(mode(&record) & 0o077, 0);
    std::fs::set_permissions(&store, PermissionsExt::from_mode(0o777)).unwrap();
    let session = session(&settings(&store), &root, "x");
    assert_eq!((session.recall(0), session.warnings().len()), (None, 1));
}

/// C11: the limit holds, what was used last stays, and a clock set back breaks nothing.
#[test]
fn c11_old_records_go_and_no_clock_matters() {
    let folder = tempfile::tempdir().unwrap();
    let (store, root) = (folder.path().join("store"), folder.path().join("root"));
    let settings = settings(&store);
    let at = |name: &str| {
        asked(name)
            .digest
            .unwrap()
            .at_level("untrusted")
            .to_string()
    };
    for (age, name) in ["a", "b", "c", "d"].iter().enumerate() {
        std::fs::create_dir_all(root.join("dist")).unwrap();
        std::fs::write(root.join("dist/c"), name.repeat(100_000)).unwrap();
        keep(&settings, &root, name);
        let name = at(name);
        let file = store.join("v1/ac").join(&name[..2]).join(&name);
        let age = Duration::from_secs(7200 * (10 - age as u64));
        let file = std::fs::File::options().append(true).open(file).unwrap();
        file.set_modified(std::time::SystemTime::now() - age)
            .unwrap();
    }
    // Read again, so it is the youngest.
    assert!(session(&settings, &root, "a").recall(0).is_some());
    // A file of the future is no older for it.
    let name = at("c");
    let file = std::fs::File::options()
        .append(true)
        .open(store.join("v1/ac").join(&name[..2]).join(&name))
        .unwrap();
    file.set_modified(std::time::SystemTime::now() + Duration::from_secs(86_400 * 365))
        .unwrap();
    let all = Folder::open(&settings).unwrap().census();
    let small = Settings {
        limit: all.bytes - 1,
        ..settings.clone()
    };
    let left = Folder::open(&small).unwrap().collect();
    assert!(left.bytes <= small.limit && left.removed > 0);
    let has = |name: &str| session(&settings, &root, name).recall(0).is_some();
    assert!(has("a") && !has("b") && has("c"));
    let nothing = Settings {
        limit: 0,
        ..settings.clone()
    };
    assert_eq!(Folder::open(&nothing).unwrap().collect().records, 0);
    assert_eq!(Folder::open(&settings).unwrap().verify().removed, 0);
}

/// C2: what explains a record is there, and names files.
#[test]
fn c2_the_last_record_of_a_task_explains_itself() {
    let folder = tempfile::tempdir().unwrap();
    let (store, root) = (folder.path().join("store"), folder.path().join("root"));
    keep(&settings(&store), &root, "x");
    let opened = Folder::open(&settings(&store)).unwrap();
    let (_, record) = opened.last(&target(&root, "x:test")).unwrap();
    let files = record
        .parts
        .iter()
        .find(|part| &*part.name == "files of p")
        .unwrap();
    let list = opened.list(files).unwrap();
    assert_eq!(
        list,
        BTreeMap::from([("p/x".to_owned(), "file blob x".to_owned())])
    );
}

/// C4: a result whose inputs changed while it ran is told and not kept.
#[test]
fn c4_changed_inputs_are_not_kept() {
    let folder = tempfile::tempdir().unwrap();
    let (store, root) = (folder.path().join("store"), folder.path().join("root"));
    for now in [
        Ok(vec![None]),
        Ok(vec![Some(Digest::of_bytes(b"other"))]),
        Err("gone".to_owned()),
    ] {
        let session = Session::open(
            &settings(&store),
            root.clone(),
            &[],
            vec![asked("x")],
            Box::new(move || now.clone()),
        );
        session.keep(0, b"fine", Duration::ZERO);
        session.finish();
        assert_eq!(session.warnings().len(), 1);
        assert_eq!(session.recall(0), None);
    }
}

/// C12: neither a log nor an output carries a secret into the store.
#[test]
fn c12_secrets_are_not_stored() {
    let folder = tempfile::tempdir().unwrap();
    let (store, root) = (folder.path().join("store"), folder.path().join("root"));
    let variables = [("API_TOKEN".into(), "s3cr3t-value".into())];
    let open = || {
        let same = asked("x").digest.map(|digest| digest.digest);
        Session::open(
            &settings(&store),
            root.clone(),
            &variables,
            vec![asked("x")],
            Box::new(move || Ok(vec![same])),
        )
    };
    let session = open();
    session.keep(0, b"login with s3cr3t-value", Duration::ZERO);
    session.finish();
    assert_eq!(open().recall(0).unwrap().log, b"login with ***");
    std::fs::create_dir_all(root.join("dist")).unwrap();
    std::fs::write(root.join("dist/a"), "key = s3cr3t-value").unwrap();
    let session = open();
    session.keep(0, b"fine", Duration::ZERO);
    session.finish();
    assert_eq!(session.warnings().len(), 1);
    for path in files(&store) {
        let bytes = std::fs::read(&path).unwrap();
        assert!(memchr::memmem::find(&bytes, b"s3cr3t-value").is_none());
    }
}

/// How a server answers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Manner {
    Right,
    Fails,
    Hangs,
    HangsInBody,
    Lies,
    Cuts,
    Floods,
    Closes,
    Nonsense,
}

/// A server in a thread; the content by path.
struct Server {
    url: String,
    content: Arc<Mutex<BTreeMap<String, Vec<u8>>>>,
    manner: Arc<Mutex<Manner>>,
    requests: Arc<Mutex<Vec<String>>>,
}

impl Server {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let server = Self {
            url: format!("http://{}/cache", listener.local_addr().unwrap()),
            content: Arc::default(),
            manner: Arc::new(Mutex::new(Manner::Right)),
            requests: Arc::default(),
        };
        let (content, manner, requests) = (
            server.content.clone(),
            server.manner.clone(),
            server.requests.clone(),
        );
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (content, manner, requests) =
                    (content.clone(), manner.clone(), requests.clone());
                std::thread::spawn(move || {
                    let manner = *manner.lock().unwrap();
                    let _ = answer(stream, manner, &content, &requests);
                });
            }
        });
        server
    }

    fn is(&self, manner: Manner) {
        *self.manner.lock().unwrap() = manner;
    }
}

fn answer(
    mut stream: TcpStream,
    manner: Manner,
    content: &Mutex<BTreeMap<String, Vec<u8>>>,
    requests: &Mutex<Vec<String>>,
) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream.try_clone()?);
    let mut line = String::new();
    reader.read_line(&mut line)?;
    let mut words = line.split_whitespace();
    let (verb, path) = (
        words.next().unwrap_or_default().to_owned(),
        words.next().unwrap_or_default().to_owned(),
    );
    requests.lock().unwrap().push(format!("{verb} {path}"));
    let mut length = 0;
    loop {
        let mut header = String::new();
        reader.read_line(&mut header)?;
        let header = header.trim().to_ascii_lowercase();
        if let Some(value) = header.strip_prefix("content-length:") {
            length = value.trim().parse().unwrap_or(0);
        }
        if header.is_empty() {
            break;
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    let known = content.lock().unwrap().get(&path).cloned();
    let mut reply = |status: &str, body: &[u8]| {
        let head = format!(
            "HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
            body.len()
        );
        stream.write_all(head.as_bytes())?;
        stream.write_all(body)
    };
    match (manner, verb.as_str(), known) {
        (Manner::Fails, ..) => reply("500 no", b"broken"),
        (Manner::Hangs, ..) => {
            // Until the other side gives up.
            let _ = reader.read(&mut [0]);
            Ok(())
        }
        (Manner::HangsInBody, "GET", _) => {
            stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\nabc")?;
            let _ = reader.read(&mut [0]);
            Ok(())
        }
        (Manner::Lies, "GET", _) => reply("200 OK", b"whatever you like to hear"),
        (Manner::Cuts, "GET", Some(bytes)) => reply("200 OK", &bytes[..bytes.len() / 2]),
        (Manner::Floods, "GET", _) => {
            stream.write_all(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n")?;
            let chunk = [7; 1 << 16];
            while stream.write_all(&chunk).is_ok() {}
            Ok(())
        }
        (Manner::Closes, ..) => Ok(()),
        (Manner::Nonsense, ..) => stream.write_all(b"\x16\x03\x01 not http at all\r\n\r\n"),
        (_, "PUT", _) => {
            content.lock().unwrap().insert(path, body);
            reply("200 OK", b"")
        }
        (_, _, Some(bytes)) => reply("200 OK", &bytes),
        (_, _, None) => reply("404 none", b""),
    }
}

/// C8: a server of the bazel-remote form gives back what was put there, outputs included, and a near place keeps it.
#[test]
fn c8_a_server_serves_other_machines() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("root");
    let server = Server::start();
    assert_eq!(
        keep(&remote(&server.url), &root, "x").warnings().len(),
        1,
        "no home"
    );
    let puts: Vec<_> = server.requests.lock().unwrap().clone();
    assert!(
        puts.iter()
            .all(|request| request.starts_with("PUT /cache/cas/")
                || request.starts_with("PUT /cache/ac/"))
    );
    assert!(
        puts.last().unwrap().starts_with("PUT /cache/ac/"),
        "blobs first"
    );
    std::fs::remove_dir_all(root.join("dist")).unwrap();
    let both = Settings {
        url: Some(server.url.clone()),
        ..settings(&folder.path().join("store"))
    };
    let other = session(&both, &root, "x");
    assert_eq!(other.recall(0), Some(expected()));
    assert_eq!(std::fs::read(root.join("dist/a")).unwrap(), b"x");
    other.finish();
    assert_eq!(other.warnings(), [""; 0]);
    server.is(Manner::Fails);
    assert_eq!(
        session(&both, &root, "x").recall(0),
        Some(expected()),
        "kept near"
    );
}

/// C8: slow, absent, lying, huge, broken: bounded time, a miss, one warning, and after some faults it is left alone.
#[test]
fn c8_a_server_that_misbehaves_costs_little_and_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("root");
    let server = Server::start();
    keep(&remote(&server.url), &root, "x");
    let manners = [
        Manner::Fails,
        Manner::Hangs,
        Manner::HangsInBody,
        Manner::Lies,
        Manner::Cuts,
        Manner::Floods,
        Manner::Closes,
        Manner::Nonsense,
    ];
    for manner in manners {
        server.is(manner);
        let before = server.requests.lock().unwrap().len();
        let session = session(&remote(&server.url), &root, "x");
        let began = Instant::now();
        for _ in 0..20 {
            assert_eq!(session.recall(0), None, "{manner:?}");
        }
        assert!(
            began.elapsed() < Duration::from_secs(30),
            "{manner:?}: {:?}",
            began.elapsed()
        );
        let warnings = session.warnings();
        assert_eq!(warnings.len(), 2, "no home and {manner:?}: {warnings:?}");
        let asked = server.requests.lock().unwrap().len() - before;
        let gives_up = !matches!(manner, Manner::Lies | Manner::Cuts);
        assert!(!gives_up || asked <= 4, "{manner:?}: asked {asked} times");
    }
    let closed = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let session = session(&remote(&format!("http://{closed}")), &root, "x");
    session.keep(0, b"fine", Duration::ZERO);
    session.finish();
    assert_eq!(session.recall(0), None);
}

/// C9: what an untrusted build writes, a trusted one never reads, even if it is put where trusted results lie.
#[test]
fn c9_trusted_builds_believe_only_what_trusted_ones_signed() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("root");
    let server = Server::start();
    let secret = Some(Digest::of_bytes(b"secret"));
    let trusted = Settings {
        trust: Trust::Trusted,
        secret,
        ..remote(&server.url)
    };
    keep(&remote(&server.url), &root, "x");
    assert_eq!(session(&trusted, &root, "x").recall(0), None);
    // An attacker who may write moves and relabels everything.
    let digest = asked("x").digest.unwrap();
    let ac = |level: &str| format!("/cache/ac/{}", digest.at_level(level));
    let forged = {
        let log = b"all green";
        let record =
            super::record::Record::new("trusted", "x:test", 1, log, Vec::new(), &digest.parts);
        record.seal(&digest.at_level("trusted"), None).unwrap()
    };
    let own = server.content.lock().unwrap()[&ac("untrusted")].clone();
    for bytes in [own, forged] {
        server.content.lock().unwrap().insert(ac("trusted"), bytes);
        assert_eq!(session(&trusted, &root, "x").recall(0), None);
    }
    // The other way round is fine: a proposal reads what the main branch has.
    server.content.lock().unwrap().clear();
    keep(&trusted, &root, "x");
    assert_eq!(session(&trusted, &root, "x").recall(0), Some(expected()));
    assert_eq!(
        session(&remote(&server.url), &root, "x").recall(0),
        Some(expected())
    );
    // Without the secret a trusted build asks nobody.
    let before = server.requests.lock().unwrap().len();
    let without = Settings {
        secret: None,
        ..trusted
    };
    assert_eq!(session(&without, &root, "x").recall(0), None);
    assert_eq!(server.requests.lock().unwrap().len(), before);
}
