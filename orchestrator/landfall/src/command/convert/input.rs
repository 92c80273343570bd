//! What is converted: a text, files below a folder, or an archive. Hostile: capped, links not followed in folders.

use std::fs::File;
use std::io::{self, Cursor, Read};
use std::path::{Path, PathBuf};

use versions::yaml::MAX_TEXT;

use super::report::FileReport;
use crate::failure::Failure;

/// Folders in folders beyond this are passed over, with a word about it.
const MAX_DEPTH: usize = 64;
/// More files are refused.
const MAX_FILES: usize = 200_000;
const GZIP: [u8; 2] = [0x1f, 0x8b];

pub(super) enum Input {
    Text { name: String, text: String },
    Files { root: PathBuf, files: Vec<PathBuf>, findings: Vec<FileReport> },
    Archive(Box<dyn Read>),
}

/// Why one file is not converted.
#[derive(Debug, thiserror::Error)]
pub(super) enum Trouble {
    #[error(transparent)]
    Io(#[from] io::Error),
    /// It is there, and no text that could be converted.
    #[error("{0}")]
    Content(String),
}

impl Input {
    /// `out` is a folder that is not read, should it lie below the input.
    pub(super) fn open(path: &Path, out: Option<&Path>) -> Result<Self, Failure> {
        let failed = |error: io::Error| {
            Failure::from(anyhow::Error::from(error).context(format!("failed to read {}", path.display())))
        };
        if path.as_os_str() == "-" {
            let mut stdin = io::stdin().lock();
            let mut head = Vec::new();
            (&mut stdin).take(2).read_to_end(&mut head).map_err(failed)?;
            let is_archive = head == GZIP;
            let reader = Cursor::new(head).chain(stdin);
            if is_archive {
                return Ok(Self::Archive(Box::new(reader)));
            }
            let text = read_text(reader).map_err(|trouble| not_read(path, trouble))?;
            return Ok(Self::Text { name: "stdin.yaml".to_owned(), text });
        }
        let mut same = None;
        if let Some(out) = out {
            let out = std::path::absolute(out).map_err(failed)?;
            same = Some(std::fs::canonicalize(&out).unwrap_or(out));
        }
        let real = std::fs::canonicalize(path).map_err(failed)?;
        if real.is_dir() {
            if same.as_ref() == Some(&real) {
                return Err(Failure::usage("--out is the input itself").hint("--in-place changes the files themselves"));
            }
            let mut walk = Walk { root: real, out: same, files: Vec::new(), findings: Vec::new() };
            walk.folder(Path::new(""), 0).map_err(failed)?;
            walk.files.sort();
            return Ok(Self::Files { root: walk.root, files: walk.files, findings: walk.findings });
        }
        let mut file = File::open(&real).map_err(failed)?;
        let mut head = Vec::new();
        (&mut file).take(2).read_to_end(&mut head).map_err(failed)?;
        if head == GZIP {
            return Ok(Self::Archive(Box::new(Cursor::new(head).chain(io::BufReader::new(file)))));
        }
        let (Some(folder), Some(name)) = (real.parent(), real.file_name()) else {
            return Err(Failure::usage(format!("{} is not a file", path.display())));
        };
        if same.as_deref() == Some(folder) {
            let message = format!("{} lies in --out and would be overwritten", path.display());
            return Err(Failure::usage(message).hint("--in-place changes the file itself"));
        }
        // Alone, a file that cannot be read is an error and not a line of a report.
        read(&real).map_err(|trouble| not_read(path, trouble))?;
        Ok(Self::Files { root: folder.to_owned(), files: vec![PathBuf::from(name)], findings: Vec::new() })
    }
}

fn not_read(path: &Path, trouble: Trouble) -> Failure {
    Failure::from(anyhow::Error::from(trouble).context(format!("failed to read {}", path.display())))
}

/// Reads a file as text.
pub(super) fn read(path: &Path) -> Result<String, Trouble> {
    read_text(File::open(path)?)
}

fn read_text(reader: impl Read) -> Result<String, Trouble> {
    let mut bytes = Vec::new();
    reader.take(MAX_TEXT as u64 + 1).read_to_end(&mut bytes)?;
    if bytes.len() > MAX_TEXT {
        return Err(Trouble::Content(format!("it is larger than {} MiB", MAX_TEXT >> 20)));
    }
    String::from_utf8(bytes).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        Trouble::Content(format!("it is not UTF-8 text from byte {at} on"))
    })
}

struct Walk {
    root: PathBuf,
    out: Option<PathBuf>,
    files: Vec<PathBuf>,
    findings: Vec<FileReport>,
}

impl Walk {
    fn folder(&mut self, folder: &Path, depth: usize) -> io::Result<()> {
        let full = self.root.join(folder);
        for entry in std::fs::read_dir(&full)? {
            let entry = entry?;
            let path = folder.join(entry.file_name());
            let kind = entry.file_type()?;
            if kind.is_dir() {
                if self.out.as_ref() == Some(&self.root.join(&path)) {
                    continue;
                }
                let walked = match depth {
                    MAX_DEPTH.. => Err(io::Error::other("the folder is nested too deeply")),
                    _ => self.folder(&path, depth + 1),
                };
                if let Err(error) = walked {
                    self.findings.push(FileReport::failed(&path.display().to_string(), Trouble::Io(error)));
                }
            } else if is_manifest(&path) {
                if kind.is_symlink() {
                    let message = "it is a symbolic link; name what it points to".to_owned();
                    self.findings.push(FileReport::passed_over(&path.display().to_string(), message));
                } else if self.files.len() >= MAX_FILES {
                    return Err(io::Error::other(format!("there are more than {MAX_FILES} files")));
                } else {
                    self.files.push(path);
                }
            }
        }
        Ok(())
    }
}

fn is_manifest(path: &Path) -> bool {
    let extension = path.extension().and_then(|extension| extension.to_str());
    extension.is_some_and(|extension| ["yaml", "yml", "json"].iter().any(|known| extension.eq_ignore_ascii_case(known)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_gives_its_manifests_in_order_and_not_its_own_output() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["b/two.yml", "a.yaml", "b/one.json", "README.md", "out/a.yaml"] {
            let path = folder.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, "").unwrap();
        }
        std::os::unix::fs::symlink(folder.path(), folder.path().join("b/loop")).unwrap();
        std::os::unix::fs::symlink("/etc/passwd", folder.path().join("link.yaml")).unwrap();
        let Ok(Input::Files { files, findings, .. }) = Input::open(folder.path(), Some(&folder.path().join("out")))
        else {
            panic!("a folder is files");
        };
        let files: Vec<_> = files.iter().map(|file| file.to_str().unwrap()).collect();
        assert_eq!(files, ["a.yaml", "b/one.json", "b/two.yml"]);
        assert_eq!(findings.len(), 1);
        assert!(Input::open(folder.path(), Some(folder.path())).is_err());
    }

    #[test]
    fn what_is_no_text_says_where_it_ends() {
        let trouble = read_text(&b"a: \xff"[..]).unwrap_err();
        assert!(trouble.to_string().contains("byte 3"), "{trouble}");
    }
}
