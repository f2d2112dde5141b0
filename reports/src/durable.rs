//! Files that appear whole or not at all.
//!
//! Written under another name, forced to the disk, renamed, and the folder
//! forced to the disk as well: after a crash at any moment the name leads to the
//! old content or to the new one, never to a part of it.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::error::{Error, Result};

/// Appended to the name of a file that is not finished.
pub(crate) const PARTIAL: &str = ".partial";

pub(crate) fn partial_path(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(PARTIAL);
    PathBuf::from(name)
}

/// Writes `value` as indented JSON, replacing what was there.
pub(crate) fn write_json(path: &Path, value: &impl Serialize) -> Result<()> {
    let partial = partial_path(path);
    let written = fill(&partial, value)
        .and_then(|()| fs::rename(&partial, path))
        .and_then(|()| path.parent().map_or(Ok(()), sync_folder));
    written.map_err(|source| {
        // What is left of the attempt may be what fills the disk.
        let _ = fs::remove_file(&partial);
        Error::write(path, source)
    })
}

fn fill(partial: &Path, value: &impl Serialize) -> io::Result<()> {
    let mut out = BufWriter::new(File::create(partial)?);
    serde_json::to_writer_pretty(&mut out, value)?;
    out.write_all(b"\n")?;
    out.into_inner().map_err(io::IntoInnerError::into_error)?.sync_all()
}

/// Forces a folder's entries to the disk, so that a rename in it lasts.
pub(crate) fn sync_folder(folder: &Path) -> io::Result<()> {
    // The parent of a bare file name, as `Path` has it.
    let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    // Only Unix lets a folder be opened; elsewhere the rename itself is all
    // that the system offers.
    if cfg!(unix) { File::open(folder)?.sync_all() } else { Ok(()) }
}

/// Reads a versioned JSON file.
///
/// The version is read first and by itself, so that a file of a later version
/// is refused as such and not for a field that this one doesn't know.
pub(crate) fn read_json<T: DeserializeOwned>(path: &Path, known: u32) -> Result<T> {
    #[derive(serde::Deserialize)]
    struct Versioned {
        schema_version: u32,
    }
    let text = fs::read_to_string(path).map_err(|source| match source.kind() {
        io::ErrorKind::InvalidData => Error::malformed(path, source),
        _ => Error::read(path, source),
    })?;
    let versioned: Versioned = serde_json::from_str(&text).map_err(|e| Error::malformed(path, e))?;
    if versioned.schema_version > known {
        return Err(Error::Newer { path: path.to_owned(), found: versioned.schema_version, known });
    }
    serde_json::from_str(&text).map_err(|e| Error::malformed(path, e))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, PartialEq, serde::Serialize, serde::Deserialize)]
    struct Sample {
        schema_version: u32,
        text: String,
    }

    #[test]
    fn replaces_whole_files_and_leaves_no_other() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.json");
        for text in ["a longer text than the next", "b"] {
            let sample = Sample { schema_version: 1, text: text.to_owned() };
            write_json(&path, &sample).unwrap();
            assert_eq!(read_json::<Sample>(&path, 1).unwrap(), sample);
        }
        let names: Vec<_> = fs::read_dir(folder.path()).unwrap().map(|e| e.unwrap().file_name()).collect();
        assert_eq!(names, ["x.json"]);
    }

    #[test]
    fn a_later_version_is_refused_by_its_number() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.json");
        fs::write(&path, r#"{"schema_version": 7, "another": "shape"}"#).unwrap();
        assert!(matches!(read_json::<Sample>(&path, 1), Err(Error::Newer { found: 7, known: 1, .. })));
        fs::write(&path, r#"{"schema_version": 1, "te"#).unwrap();
        assert!(matches!(read_json::<Sample>(&path, 1), Err(Error::Malformed { .. })));
        assert!(matches!(read_json::<Sample>(&folder.path().join("none"), 1), Err(Error::Read { .. })));
    }
}
