//! A server of the form of bazel-remote and of Bazel's `--remote_cache=http://…`: `GET` and `PUT` of `/ac/<key>` and
//! `/cas/<sha256>` (bazel.build, "Remote caching", HTTP caching protocol).
//!
//! Such servers want an `ActionResult` of the Remote Execution API below `/ac/`: ours carries the sealed record as its
//! `stdout_raw` and names the blobs as `output_files`, so that a server that looks after them can. Nothing that comes
//! back is believed: not its size, not its time, not its content (C8).

use std::io::Read;
use std::time::Duration;

use super::record::{Blob, MOST_BYTES};
use super::{Entry, Fault, Place, Settings};
use crate::ci::Trust;
use crate::digest::Digest;

/// Faults in a row until the server is given up for this run.
const PATIENCE: u32 = 3;
/// A longer blob is not asked for.
const MOST_BLOB: u64 = 256 << 20;

/// Servers.
pub struct Kind;

impl super::Kind for Kind {
    fn id(&self) -> &'static str {
        "http"
    }

    fn open(&self, settings: &Settings) -> Option<Result<Box<dyn Place>, Fault>> {
        let url = settings.url.as_ref()?;
        Some(Server::open(url, settings).map(|server| Box::new(server) as Box<dyn Place>))
    }
}

struct Server {
    agent: ureq::Agent,
    url: String,
    authorization: Option<String>,
}

impl Server {
    fn open(url: &str, settings: &Settings) -> Result<Self, Fault> {
        let is_web = url.starts_with("http://") || url.starts_with("https://");
        if !is_web || url.contains('@') {
            let form = "AFFECTED_CACHE_URL is no `https://host/path`; a secret belongs into AFFECTED_CACHE_TOKEN";
            return Err(Fault(form.to_owned()));
        }
        if settings.trust == Trust::Trusted && settings.secret.is_none() {
            let why =
                "a trusted build believes signed results only, and AFFECTED_CACHE_KEY is not set";
            return Err(Fault(why.to_owned()));
        }
        let patience = Duration::from_millis(settings.patience_ms);
        // The system's own list of authorities, to which companies add theirs.
        let tls = ureq::tls::TlsConfig::builder()
            .root_certs(ureq::tls::RootCerts::PlatformVerifier)
            .build();
        let config = ureq::Agent::config_builder()
            .timeout_global(Some(patience))
            .timeout_connect(Some(patience.min(Duration::from_secs(2))))
            .http_status_as_error(false)
            .max_redirects(0)
            .tls_config(tls)
            .build();
        Ok(Self {
            agent: config.into(),
            url: url.trim_end_matches('/').to_owned(),
            authorization: settings
                .token
                .as_ref()
                .map(|token| format!("Bearer {token}")),
        })
    }

    fn get(&self, path: &str, most: u64) -> Result<Option<Vec<u8>>, Fault> {
        let mut request = self.agent.get(format!("{}{path}", self.url));
        if let Some(authorization) = &self.authorization {
            request = request.header("Authorization", authorization);
        }
        let mut response = request.call().map_err(|error| Fault(error.to_string()))?;
        match response.status().as_u16() {
            200 => {}
            204 | 404 => return Ok(None),
            status => return Err(Fault(format!("it answered {status}"))),
        }
        let mut bytes = Vec::new();
        let mut body = response.body_mut().as_reader().take(most + 1);
        body.read_to_end(&mut bytes)?;
        if bytes.len() as u64 > most {
            return Err(Fault("its answer is too long".to_owned()));
        }
        Ok(Some(bytes))
    }

    fn put(&self, path: &str, bytes: &[u8]) -> Result<(), Fault> {
        let mut request = self.agent.put(format!("{}{path}", self.url));
        if let Some(authorization) = &self.authorization {
            request = request.header("Authorization", authorization);
        }
        let response = request
            .send(bytes)
            .map_err(|error| Fault(error.to_string()))?;
        match response.status().as_u16() {
            200..=299 => Ok(()),
            status => Err(Fault(format!("it answered {status} to a write"))),
        }
    }
}

impl Place for Server {
    fn name(&self) -> String {
        format!("the cache at `{}`", self.url)
    }

    fn patience(&self) -> u32 {
        PATIENCE
    }

    fn record(&self, at: &Digest) -> Result<Option<Vec<u8>>, Fault> {
        let found = self.get(&format!("/ac/{at}"), MOST_BYTES as u64 * 2)?;
        // What is no action result is no record either, which the caller finds out.
        Ok(found.map(|bytes| unwrapped(&bytes).unwrap_or(bytes)))
    }

    fn blob(&self, blob: &Blob) -> Result<Option<Vec<u8>>, Fault> {
        if blob.size > MOST_BLOB {
            return Ok(None);
        }
        self.get(&format!("/cas/{}", blob.sha256), blob.size)
    }

    fn store(&self, entries: &[Entry]) -> Result<(), Fault> {
        for entry in entries {
            for (blob, bytes) in &entry.blobs {
                self.put(&format!("/cas/{}", blob.sha256), bytes)?;
            }
            let names = entry.blobs.iter().map(|(blob, _)| blob);
            self.put(&format!("/ac/{}", entry.at), &wrapped(&entry.record, names))?;
        }
        Ok(())
    }

    /// A server is not told what to forget: others may read what we cannot.
    fn remove(&self, _at: &Digest) {}
}

/// Encodes an `ActionResult`: `output_files = 2 { path = 1, digest = 2 { hash = 1, size_bytes = 2 } }`, `stdout_raw = 5`
/// (remote_execution.proto, version 2).
fn wrapped<'b>(record: &[u8], blobs: impl Iterator<Item = &'b Blob>) -> Vec<u8> {
    let mut message = Vec::new();
    for (at, blob) in blobs.enumerate() {
        let mut digest = field(1, blob.sha256.as_bytes());
        digest.push(2 << 3);
        varint(blob.size, &mut digest);
        let file = [field(1, format!("{at}").as_bytes()), field(2, &digest)].concat();
        message.extend(field(2, &file));
    }
    message.extend(field(5, record));
    message
}

/// Finds `stdout_raw` in an `ActionResult`.
fn unwrapped(mut message: &[u8]) -> Option<Vec<u8>> {
    let mut found = None;
    while !message.is_empty() {
        let key = read_varint(&mut message)?;
        match key & 7 {
            0 => drop(read_varint(&mut message)?),
            2 => {
                let length = usize::try_from(read_varint(&mut message)?).ok()?;
                let value = message.get(..length)?;
                message = &message[length..];
                if key >> 3 == 5 {
                    found = Some(value.to_vec());
                }
            }
            _ => return None,
        }
    }
    found
}

fn field(number: u8, value: &[u8]) -> Vec<u8> {
    let mut out = vec![number << 3 | 2];
    varint(value.len() as u64, &mut out);
    out.extend_from_slice(value);
    out
}

fn varint(mut value: u64, out: &mut Vec<u8>) {
    while value >= 0x80 {
        out.push((value & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

fn read_varint(bytes: &mut &[u8]) -> Option<u64> {
    let mut value = 0_u64;
    for shift in (0..63).step_by(7) {
        let (first, rest) = bytes.split_first()?;
        *bytes = rest;
        value |= u64::from(first & 0x7f) << shift;
        if first & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_action_result_carries_the_record() {
        let blob = Blob::of(&[7; 300]);
        let message = wrapped(&[9; 1000], [&blob].into_iter());
        assert_eq!(unwrapped(&message), Some(vec![9; 1000]));
        for cut in 1..message.len() {
            assert_ne!(unwrapped(&message[..cut]), Some(vec![9; 1000]), "{cut}");
        }
        assert_eq!(unwrapped(&[0xff; 40]), None);
    }
}
