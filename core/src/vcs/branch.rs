//! The branch at HEAD.

use gix::bstr::ByteSlice;

use super::Repository;

impl Repository {
    /// Returns the short name of the branch at HEAD; `None` where HEAD is detached or the name is no UTF-8.
    #[must_use]
    pub fn branch(&self) -> Option<String> {
        let repository = self.local();
        let head = repository.head().ok()?;
        let name = head.referent_name()?.as_bstr().to_str().ok()?;
        name.strip_prefix("refs/heads/").map(ToOwned::to_owned)
    }
}
