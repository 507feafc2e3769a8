//! What is in an open folder. On Linux into memory that is used again, without opening the folder a second time.

use std::os::fd::BorrowedFd;

use rustix::fs::FileType;

/// A name in a folder; never `.` or `..`.
pub(super) struct Item<'l> {
    pub(super) name: &'l [u8],
    /// `Unknown` on file systems that do not tell.
    pub(super) kind: FileType,
}

/// Memory for listing.
#[derive(Default)]
pub(super) struct Scratch {
    #[cfg(any(target_os = "linux", target_os = "android"))]
    buffer: Vec<u8>,
}

/// Calls `each` with what is in a folder, in no order; a folder that cannot be listed is empty.
#[cfg(any(target_os = "linux", target_os = "android"))]
pub(super) fn list(
    folder: &impl std::os::fd::AsFd,
    scratch: &mut Scratch,
    mut each: impl FnMut(Item<'_>),
) {
    // No name is longer than 4 KiB on any file system.
    const BYTES: usize = 32 << 10;
    scratch.buffer.reserve(BYTES);
    let folder: BorrowedFd<'_> = folder.as_fd();
    let mut listed = rustix::fs::RawDir::new(folder, scratch.buffer.spare_capacity_mut());
    while let Some(Ok(item)) = listed.next() {
        let (name, kind) = (item.file_name().to_bytes(), item.file_type());
        if !matches!(name, b"." | b"..") {
            each(Item { name, kind });
        }
    }
}

/// Calls `each` with what is in a folder, in no order; a folder that cannot be listed is empty.
#[cfg(not(any(target_os = "linux", target_os = "android")))]
pub(super) fn list(
    folder: &impl std::os::fd::AsFd,
    _scratch: &mut Scratch,
    mut each: impl FnMut(Item<'_>),
) {
    let folder: BorrowedFd<'_> = folder.as_fd();
    for item in rustix::fs::Dir::read_from(folder)
        .into_iter()
        .flatten()
        .flatten()
    {
        let (name, kind) = (item.file_name().to_bytes(), item.file_type());
        if !matches!(name, b"." | b"..") {
            each(Item { name, kind });
        }
    }
}
