//! Looks for a program where it may already be.
//!
//! It only looks; building is `build`.

use std::fs;
use std::path::{Path, PathBuf};

use super::catalog::Component;
use super::{Found, Origin, cached, stamp, version};
use crate::settings::Settings;

#[derive(Default)]
pub(super) struct Looked {
    pub(super) found: Option<Found>,
    pub(super) passed_over: Vec<(PathBuf, String)>,
}

/// The first program that works and has the right minor version.
pub(super) async fn find(settings: &Settings, component: &'static Component) -> Looked {
    let mut looked = Looked::default();
    for (path, origin) in candidates(settings, component) {
        if !path.exists() {
            continue;
        }
        let verdict = match origin {
            Origin::Cache => in_cache(&path, component).await,
            Origin::Assets | Origin::Path | Origin::Built => version::check(&path, component).await,
        };
        match verdict {
            Ok(version) => {
                looked.found = Some(Found { path, version, origin });
                return looked;
            }
            Err(why) => looked.passed_over.push((path, why)),
        }
    }
    looked
}

/// A program in the cache. One that was verified and has kept its size is not run again: that would cost every start
/// a tenth of a second.
pub(super) async fn in_cache(path: &Path, component: &'static Component) -> Result<String, String> {
    let size = fs::metadata(path).map_err(|error| error.to_string())?.len();
    let stamp = fs::read_to_string(stamp(path)).unwrap_or_default();
    if let [stamped, version, recipe] = stamp.split_whitespace().collect::<Vec<_>>()[..] {
        if recipe != component.recipe() {
            return Err("was built from another recipe".to_owned());
        }
        if stamped.parse() == Ok(size) && version::minor(version) == version::minor(component.version) {
            return Ok(version.to_owned());
        }
    }
    version::check(path, component).await
}

/// Assets folders come flat as kubebuilder has them, or with a folder or a suffix for each version.
fn candidates(settings: &Settings, component: &'static Component) -> Vec<(PathBuf, Origin)> {
    let name = component.name;
    let minor = version::minor(component.version).unwrap_or_default();
    let mut all = Vec::new();
    for folder in &settings.assets {
        if !minor.is_empty() {
            all.push((folder.join(minor).join(name), Origin::Assets));
            all.push((folder.join(format!("{name}-{}", component.version)).join(name), Origin::Assets));
            all.push((folder.join(format!("{name}-{minor}")), Origin::Assets));
        }
        all.push((folder.join(name), Origin::Assets));
    }
    if !component.version.is_empty() {
        all.push((cached(settings, component), Origin::Cache));
    }
    if component.may_be_on_path() {
        all.extend(settings.path.iter().map(|folder| (folder.join(name), Origin::Path)));
    }
    // Servers are started in a folder of their own, where a relative path would mean something else.
    all.into_iter().map(|(path, origin)| (std::path::absolute(&path).unwrap_or(path), origin)).collect()
}
