//! E7: tasks and what they start share the machine, by the jobserver protocol of GNU make ("POSIX Jobserver Interaction" of its
//! manual): whoever runs something has one token by itself, and takes one from a pipe for each thing that it does beside that.
//!
//! A run that was started below a jobserver takes its tokens from there. Any other offers its own to Cargo, which
//! understands `fifo:PATH` (the `jobserver` crate from 0.1.26 on; older ones ignore it). Make is told of none: a makefile
//! that is run in parallel because of us may not be made for that.

use std::ffi::OsString;

/// What Cargo looks at before `MAKEFLAGS`.
pub(super) const VARIABLE: &str = "CARGO_MAKEFLAGS";

pub(super) use system::Jobserver;

#[cfg(target_os = "linux")]
mod system {
    use std::fs::File;
    use std::io::{self, Read, Write};
    use std::os::fd::AsRawFd;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::thread;

    use rustix::event::{PollFd, PollFlags, Timespec, poll};
    use rustix::fs::OFlags;

    use super::{OsString, VARIABLE};

    /// How often a waiting thread looks whether it is still wanted.
    const LOOK: Timespec = Timespec {
        tv_sec: 0,
        tv_nsec: 200_000_000,
    };
    /// `O_CLOEXEC` as `/proc/PID/fdinfo` shows it, open(2).
    const CLOSE_ON_EXEC: u32 = 0o2_000_000;

    /// The pipe with the tokens, and those that are ours now.
    #[derive(Debug)]
    pub(in super::super) struct Jobserver {
        tokens: Arc<File>,
        back: File,
        held: Vec<u8>,
        /// How many there are, where they are ours to give.
        offered: Option<usize>,
        waits: Arc<AtomicBool>,
    }

    impl Jobserver {
        /// Joins the jobserver that the variables name, or offers tokens for so many jobs. `None` where neither works:
        /// then every program is left to itself.
        pub(in super::super) fn open(
            variables: &[(OsString, OsString)],
            jobs: usize,
        ) -> Option<Self> {
            let of = |name: &str| {
                let value = &variables.iter().find(|(known, _)| known == name)?.1;
                connect(&value.to_string_lossy())
            };
            let joined = [VARIABLE, "MAKEFLAGS"].iter().find_map(|name| of(name));
            let (tokens, back, offered) = match joined {
                Some((tokens, back)) => (tokens, back, None),
                None => {
                    let (tokens, back) = offer()?;
                    (tokens, back, Some(jobs.saturating_sub(1)))
                }
            };
            let mut server = Self {
                tokens: Arc::new(tokens),
                back,
                held: Vec::new(),
                offered,
                waits: Arc::default(),
            };
            server.refill();
            Some(server)
        }

        /// What tasks see in [`VARIABLE`], where the tokens are ours to give.
        pub(in super::super) fn words(&self) -> Option<OsString> {
            self.offered?;
            let place = format!(
                "/proc/{}/fd/{}",
                std::process::id(),
                self.tokens.as_raw_fd()
            );
            Some(format!("-j --jobserver-fds=fifo:{place} --jobserver-auth=fifo:{place}").into())
        }

        /// Tells whether one more may start beside those that run. If not, `wake` is called once that may have changed.
        pub(in super::super) fn admits(
            &mut self,
            running: usize,
            wake: impl FnOnce() + Send + 'static,
        ) -> bool {
            if running == 0 {
                self.refill();
            }
            while self.held.len() < running {
                let mut token = [0];
                match (&*self.tokens).read(&mut token) {
                    Ok(1) => self.held.push(token[0]),
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                        self.wait(wake);
                        return false;
                    }
                    // A jobserver that has gone limits nobody.
                    _ => return true,
                }
            }
            true
        }

        /// Gives back what is not needed for so many that run.
        pub(in super::super) fn settle(&mut self, running: usize) {
            let needed = running.saturating_sub(1);
            while self.held.len() > needed
                && let Some(token) = self.held.pop()
            {
                let _ = self.back.write_all(&[token]);
            }
        }

        /// What was killed has taken its tokens along. Where nothing runs, all of ours are there again.
        fn refill(&mut self) {
            let Some(offered) = self.offered else { return };
            let mut lost = [0; 256];
            while matches!((&*self.tokens).read(&mut lost), Ok(1..)) {}
            self.held.clear();
            // A pipe takes 64 KiB at least; more tokens than that are none.
            let _ = self.back.write_all(&vec![b'+'; offered.min(4096)]);
        }

        /// Has a thread wait for a token, which it leaves where it is.
        fn wait(&self, wake: impl FnOnce() + Send + 'static) {
            if self.waits.swap(true, Ordering::SeqCst) {
                return;
            }
            let (tokens, waits) = (Arc::clone(&self.tokens), Arc::clone(&self.waits));
            let wait = move || {
                while waits.load(Ordering::SeqCst) {
                    let mut ends = [PollFd::new(&tokens, PollFlags::IN)];
                    if poll(&mut ends, Some(&LOOK)) != Ok(0) {
                        waits.store(false, Ordering::SeqCst);
                        wake();
                        return;
                    }
                }
            };
            if thread::Builder::new()
                .name("tokens".to_owned())
                .spawn(wait)
                .is_err()
            {
                // The next end of a task asks again.
                self.waits.store(false, Ordering::SeqCst);
            }
        }
    }

    impl Drop for Jobserver {
        fn drop(&mut self) {
            self.waits.store(false, Ordering::SeqCst);
            self.settle(0);
        }
    }

    /// A pipe that others reach by its place among our open files, so that nothing is left on disk.
    fn offer() -> Option<(File, File)> {
        let (reader, writer) = io::pipe().ok()?;
        let tokens = File::from(std::os::fd::OwnedFd::from(reader));
        let back = File::from(std::os::fd::OwnedFd::from(writer));
        rustix::io::ioctl_fionbio(&tokens, true).ok()?;
        Some((tokens, back))
    }

    /// Finds the jobserver in what make or Cargo says: the last one counts.
    fn connect(words: &str) -> Option<(File, File)> {
        let mut auths = words.split_whitespace().filter_map(|word| {
            let auth = word.strip_prefix("--jobserver-auth=");
            auth.or_else(|| word.strip_prefix("--jobserver-fds="))
        });
        let auth = auths.next_back()?;
        if let Some(path) = auth.strip_prefix("fifo:") {
            let both = reopen(path, OFlags::RDWR)?;
            let back = both.try_clone().ok()?;
            return Some((both, back));
        }
        let (read, write) = auth.split_once(',')?;
        Some((
            inherited(read, OFlags::RDONLY)?,
            inherited(write, OFlags::WRONLY)?,
        ))
    }

    /// A file that came from the parent. What is open under that number only since we run is something else.
    fn inherited(number: &str, flags: OFlags) -> Option<File> {
        let number: u32 = number.parse().ok()?;
        let info = std::fs::read_to_string(format!("/proc/self/fdinfo/{number}")).ok()?;
        let open = info.lines().find_map(|line| line.strip_prefix("flags:"))?;
        let open = u32::from_str_radix(open.trim(), 8).ok()?;
        (open & CLOSE_ON_EXEC == 0).then(|| reopen(&format!("/proc/self/fd/{number}"), flags))?
    }

    /// Opens a pipe apart from others that have it open, so that not waiting for it is our own affair.
    fn reopen(path: &str, flags: OFlags) -> Option<File> {
        use std::os::unix::fs::FileTypeExt;
        let is_pipe = std::fs::metadata(path).is_ok_and(|data| data.file_type().is_fifo());
        let flags = flags | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let opened = is_pipe.then(|| rustix::fs::open(path, flags, rustix::fs::Mode::empty()));
        Some(File::from(opened?.ok()?))
    }

    #[cfg(test)]
    mod tests {
        use std::sync::mpsc;
        use std::time::Duration;

        use super::*;

        /// E7: a run below another takes from the same tokens, waits for them, and gives them back.
        #[test]
        fn e7_nested_runs_share_tokens() {
            let mut outer = Jobserver::open(&[], 3).unwrap();
            let variables = [(OsString::from(VARIABLE), outer.words().unwrap())];
            let mut inner = Jobserver::open(&variables, 8).unwrap();
            assert_eq!(inner.words(), None, "others see the outer one already");
            let nobody = || panic!("not asked for");
            assert!(outer.admits(0, nobody) && outer.admits(1, nobody));
            assert!(inner.admits(0, nobody), "one is always free");
            assert!(inner.admits(1, nobody));
            let (sender, woken) = mpsc::channel();
            assert!(!inner.admits(2, move || sender.send(()).unwrap()));
            assert!(woken.try_recv().is_err());
            outer.settle(1);
            woken.recv_timeout(Duration::from_secs(10)).unwrap();
            assert!(inner.admits(2, nobody));
            drop(inner);
            assert!(outer.admits(1, nobody) && outer.admits(2, nobody));
            // What was taken along by somebody killed is back when nothing runs.
            let mut lost = Jobserver::open(&variables, 8).unwrap();
            outer.settle(1);
            assert!(lost.admits(1, nobody) && lost.admits(2, nobody));
            lost.held.clear();
            assert!(outer.admits(0, nobody) && outer.admits(1, nobody) && outer.admits(2, nobody));
        }

        #[test]
        fn what_is_no_jobserver_is_none() {
            for words in [
                "",
                "-j",
                "--jobserver-auth=",
                "--jobserver-auth=98765,98766",
                "--jobserver-auth=fifo:/dev/null",
                "--jobserver-auth=fifo:/no/such/pipe",
                "--jobserver-auth=a,b",
            ] {
                assert!(connect(words).is_none(), "{words}");
            }
            let (ours, _writer) = io::pipe().unwrap();
            let number = ours.as_raw_fd();
            let words = format!("--jobserver-auth={number},{number}");
            assert!(
                connect(&words).is_none(),
                "a pipe of ours is not from the parent"
            );
        }
    }
}

/// Nothing of this is known here.
#[cfg(not(target_os = "linux"))]
mod system {
    use super::OsString;

    /// No jobserver.
    #[derive(Debug)]
    pub(in super::super) struct Jobserver;

    impl Jobserver {
        /// There is none.
        pub(in super::super) fn open(_: &[(OsString, OsString)], _: usize) -> Option<Self> {
            None
        }

        /// Nothing is offered.
        pub(in super::super) fn words(&self) -> Option<OsString> {
            None
        }

        /// Everything may start.
        pub(in super::super) fn admits(&mut self, _: usize, _: impl FnOnce() + Send) -> bool {
            true
        }

        /// There is nothing to give back.
        pub(in super::super) fn settle(&mut self, _: usize) {}
    }
}
