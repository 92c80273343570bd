//! Listing a directory as a bucket: objects, directories that hold some, and what can be neither.

use std::fs::{self, Metadata};
use std::io;
use std::path::Path;

use jiff::Timestamp;
use ports::object_store::Listing;
use ports::{ObjectKey, ObjectMeta};

use super::part;

/// Deeper than any key can be.
const DEPTH: usize = 600;

pub(super) fn meta(key: ObjectKey, metadata: &Metadata) -> ObjectMeta {
    let modified = metadata.modified().ok().and_then(|time| Timestamp::try_from(time).ok());
    ObjectMeta { key, size: metadata.len(), modified }
}

pub(super) fn one_level(root: &Path, prefix: &str) -> io::Result<Listing> {
    let mut listing = Listing::default();
    visit(root, prefix, &mut |found| {
        match found {
            Found::Object(object) => listing.objects.push(object),
            Found::Foreign(key) => listing.foreign.push(key),
            Found::Directory(below) => {
                if holds_anything(root, &below, 0)? {
                    let name = below[prefix.len()..].trim_end_matches('/');
                    listing.directories.push(name.to_owned());
                }
            }
        }
        Ok(())
    })?;
    Ok(sorted(listing))
}

pub(super) fn everything(root: &Path, prefix: &str) -> io::Result<Listing> {
    let mut listing = Listing::default();
    let mut directories = vec![(prefix.to_owned(), 0)];
    while let Some((directory, depth)) = directories.pop() {
        visit(root, &directory, &mut |found| {
            match found {
                Found::Object(object) => listing.objects.push(object),
                Found::Foreign(key) => listing.foreign.push(key),
                Found::Directory(below) if depth < DEPTH => directories.push((below, depth + 1)),
                Found::Directory(below) => listing.foreign.push(below),
            }
            Ok(())
        })?;
    }
    Ok(sorted(listing))
}

enum Found {
    Object(ObjectMeta),
    /// With a trailing slash.
    Directory(String),
    /// A name that is no part of a key, or something that is neither file nor directory.
    Foreign(String),
}

/// Visits what lies directly below a prefix; one that is not there, or is no directory, holds nothing.
fn visit(root: &Path, prefix: &str, visitor: &mut dyn FnMut(Found) -> io::Result<()>) -> io::Result<()> {
    let directory = root.join(prefix);
    if !prefix.is_empty() && !is_plain_directory(root, prefix) {
        return Ok(());
    }
    let entries = match fs::read_dir(&directory) {
        Ok(entries) => entries,
        Err(error) if super::is_absence(&error) => return Ok(()),
        Err(error) => return Err(error),
    };
    for entry in entries {
        let entry = entry?;
        let name = entry.file_name();
        let text = format!("{prefix}{}", name.to_string_lossy());
        if name.to_str().is_some_and(part::is_part) {
            continue;
        }
        let metadata = match fs::symlink_metadata(entry.path()) {
            Ok(metadata) => metadata,
            // Deleted while it was being listed.
            Err(error) if super::is_absence(&error) => continue,
            Err(error) => return Err(error),
        };
        let key = name.to_str().and_then(|_| ObjectKey::parse(&text).ok());
        visitor(match key {
            Some(key) if metadata.is_file() => Found::Object(meta(key, &metadata)),
            Some(_) if metadata.is_dir() => Found::Directory(format!("{text}/")),
            Some(_) | None => Found::Foreign(text),
        })?;
    }
    Ok(())
}

/// Whether a path of directories, and no link among them, lies below the root.
fn is_plain_directory(root: &Path, prefix: &str) -> bool {
    let mut path = root.to_path_buf();
    prefix.split('/').filter(|segment| !segment.is_empty()).all(|segment| {
        path.push(segment);
        fs::symlink_metadata(&path).is_ok_and(|metadata| metadata.is_dir())
    })
}

fn holds_anything(root: &Path, prefix: &str, depth: usize) -> io::Result<bool> {
    let mut below = Vec::new();
    let mut found_one = false;
    visit(root, prefix, &mut |found| {
        match found {
            Found::Object(_) => found_one = true,
            Found::Directory(directory) => below.push(directory),
            Found::Foreign(_) => {}
        }
        Ok(())
    })?;
    if found_one || depth >= DEPTH {
        return Ok(found_one);
    }
    for directory in below {
        if holds_anything(root, &directory, depth + 1)? {
            return Ok(true);
        }
    }
    Ok(false)
}

fn sorted(mut listing: Listing) -> Listing {
    listing.objects.sort_by(|a, b| a.key.cmp(&b.key));
    listing.directories.sort();
    listing.foreign.sort();
    listing
}
