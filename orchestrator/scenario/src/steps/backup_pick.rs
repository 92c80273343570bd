//! `backup.pick`: chooses an existing backup. Changes nothing.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Kind, Touches, Traits, backup_run};
use crate::format::Failure;
use crate::period::Period;
use crate::simulate::world::Simulated;

/// Picks the backup to restore: the latest, one by name, or a random one within a window, which finds old backups
/// that went bad.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Params {
    /// A configured location, or a URL: `file:///folder`, `s3://bucket/prefix`.
    pub location: String,
    #[serde(default)]
    pub pick: Pick,
    /// The backup's name; only with `pick: named`.
    pub name: Option<String>,
    /// How far back a random pick may reach; needed with `pick: random`, and a limit of age otherwise.
    pub within: Option<Period>,
    /// Only backups of this schedule.
    pub schedule: Option<String>,
    /// Whether a backup that failed in part may be picked; one that completed with warnings always may.
    #[serde(default)]
    pub allow_partial: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Pick {
    /// The one that completed last.
    #[default]
    Latest,
    /// The one that `name` says.
    Named,
    /// Any within the window; the same one again when the run is resumed.
    Random,
}

impl Kind for Params {
    type Outputs = backup_run::Outputs;
    const USES: &'static str = "backup.pick";
    const TRAITS: Traits =
        Traits { timeout: Period::minutes(5), touches: Touches::Nothing, verifies: false, leaves: false };

    fn check(&self) -> Vec<String> {
        match (self.pick, &self.name, self.within) {
            (Pick::Named, None, _) => vec!["pick: named needs \"name\"".to_owned()],
            (Pick::Random, _, None) => vec!["pick: random needs \"within\", such as 14d".to_owned()],
            (Pick::Latest | Pick::Random, Some(_), _) => vec!["\"name\" goes with pick: named only".to_owned()],
            _ => Vec::new(),
        }
    }

    fn simulate(&self, at: &mut Simulated<'_>) -> Result<backup_run::Outputs, Failure> {
        at.pick_backup(&self.location, self.name.as_deref())
    }
}
