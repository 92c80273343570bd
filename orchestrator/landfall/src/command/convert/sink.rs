//! Where converted text goes: stdout as one stream, a folder, the files themselves, or into the report.

use std::io::{self, Write};
use std::path::{Component, Path, PathBuf};

use super::ConvertArgs;
use super::report::FileReport;
use crate::command::Context;
use crate::failure::Failure;
use crate::printer::Printer;

pub(super) enum Sink {
    /// One stream; several files are told apart by markers.
    Stdout {
        printer: Printer,
        several: bool,
        written: usize,
    },
    Folder(PathBuf),
    /// Below the folder named.
    InPlace(PathBuf),
    /// Nobody asked for files and stdout holds the report, which takes what changed along.
    Report,
}

impl Sink {
    pub(super) fn of(args: &ConvertArgs, context: &Context) -> Result<Self, Failure> {
        if let Some(out) = &args.out {
            if out.exists() && !out.is_dir() {
                return Err(Failure::usage(format!("--out {} is not a folder", out.display())));
            }
            return Ok(Self::Folder(out.clone()));
        }
        if args.in_place {
            let folder = if args.input.is_dir() { Some(args.input.clone()) } else { None };
            let folder = folder.or_else(|| std::fs::canonicalize(&args.input).ok()?.parent().map(Path::to_owned));
            return Ok(Self::InPlace(folder.unwrap_or_default()));
        }
        if context.printer.is_for_programs() {
            return Ok(Self::Report);
        }
        let several = args.input.is_dir();
        Ok(Self::Stdout { printer: context.printer, several, written: 0 })
    }

    pub(super) fn folder(&self) -> Option<&Path> {
        match self {
            Self::Folder(folder) => Some(folder),
            Self::Stdout { .. } | Self::InPlace(_) | Self::Report => None,
        }
    }

    /// From here on, what comes is one of many.
    pub(super) fn expect_several(&mut self) {
        if let Self::Stdout { several, .. } = self {
            *several = true;
        }
    }

    /// Writes the text of one file under its name.
    pub(super) fn write(
        &mut self,
        name: &str,
        text: &str,
        changed: bool,
        report: &mut FileReport,
    ) -> Result<(), io::Error> {
        match self {
            Self::Stdout { printer, several, written } => {
                let mut out = String::new();
                if *several {
                    // The name is a comment: a line break in it would end the comment.
                    let name: String = name.chars().map(|c| if c.is_control() { '?' } else { c }).collect();
                    out.push_str(&format!("---\n# Source: {name}\n"));
                }
                out.push_str(if *several { text.trim_start_matches('\u{feff}') } else { text });
                if *several && !out.ends_with('\n') {
                    out.push('\n');
                }
                *written += 1;
                printer.raw(out.as_bytes()).map_err(io::Error::other)
            }
            Self::Folder(folder) => {
                let path = below(folder, name)?;
                if let Some(parent) = path.parent() {
                    std::fs::create_dir_all(parent)?;
                }
                std::fs::write(&path, text)?;
                report.written = Some(path.display().to_string());
                Ok(())
            }
            Self::InPlace(folder) if changed => {
                let path = below(folder, name)?;
                replace(&path, text)?;
                report.written = Some(path.display().to_string());
                Ok(())
            }
            Self::InPlace(_) => Ok(()),
            Self::Report => {
                report.output = changed.then(|| text.to_owned());
                Ok(())
            }
        }
    }
}

/// The path of a name that stays below the folder.
fn below(folder: &Path, name: &str) -> io::Result<PathBuf> {
    let path = Path::new(name);
    let is_below = path.components().all(|part| matches!(part, Component::Normal(_)));
    if !is_below || name.contains('\0') {
        return Err(io::Error::other(format!("{name:?} leads out of the folder")));
    }
    Ok(folder.join(path))
}

/// A new file with the old one's rights, then in its place: whoever reads it sees one or the other.
fn replace(path: &Path, text: &str) -> io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    file.write_all(text.as_bytes())?;
    file.as_file().set_permissions(std::fs::metadata(path)?.permissions())?;
    file.as_file().sync_all()?;
    file.persist(path).map_err(|error| error.error)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_stay_below_the_folder() {
        assert_eq!(below(Path::new("/out"), "a/b.yaml").unwrap(), Path::new("/out/a/b.yaml"));
        for name in ["../a", "/a", "a/../../b", "a\0b"] {
            assert!(below(Path::new("/out"), name).is_err(), "{name}");
        }
    }

    #[test]
    fn a_file_in_place_keeps_its_rights() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.yaml");
        std::fs::write(&path, "old").unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o640)).unwrap();
        replace(&path, "new").unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "new");
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o640);
    }
}
