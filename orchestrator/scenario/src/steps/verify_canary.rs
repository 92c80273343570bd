//! `verify.canary`: a value planted in a Secret before the backup comes back byte for byte.
//!
//! The value itself is in no parameter, output, journal or report; only a salted digest is.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{ClusterHandle, Kind, Touches, Traits};
use crate::format::{Failure, FailureKind};
use crate::period::Period;
use crate::simulate::world::Simulated;

/// Plants a random value in a Secret (`do: plant`, before the backup), or checks that it came back (`do: check`).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Params {
    #[serde(rename = "do")]
    pub action: Action,
    /// Which cluster; may be left out when the scenario has one.
    pub cluster: ClusterHandle,
    /// The namespace of the Secret; it must exist and be part of the backup.
    pub namespace: String,
    /// The Secret's name.
    #[serde(default = "name")]
    pub name: String,
    /// For `do: check`: `${step.digest}` of the step that planted.
    pub digest: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Action {
    Plant,
    Check,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Outputs {
    pub namespace: String,
    pub name: String,
    /// `salt:sha256` in hexadecimal; says nothing about the value.
    pub digest: String,
    /// One for a check that was made, none for planting.
    pub checked: u64,
}

impl Kind for Params {
    type Outputs = Outputs;
    const USES: &'static str = "verify.canary";
    const TRAITS: Traits =
        Traits { timeout: Period::minutes(5), touches: Touches::Reads, verifies: true, leaves: false };

    fn traits(&self) -> Traits {
        match self.action {
            Action::Check => Self::TRAITS,
            Action::Plant => Traits { touches: Touches::Changes, verifies: false, leaves: true, ..Self::TRAITS },
        }
    }

    fn check(&self) -> Vec<String> {
        match (self.action, &self.digest) {
            (Action::Check, None) => vec!["do: check needs \"digest\": ${step.digest} of the step that planted".into()],
            (Action::Plant, Some(_)) => vec!["\"digest\" goes with do: check only".into()],
            _ => Vec::new(),
        }
    }

    fn simulate(&self, at: &mut Simulated<'_>) -> Result<Outputs, Failure> {
        let token = at.token.to_owned();
        let cluster = at.cluster(&self.cluster)?;
        let found = match self.action {
            Action::Plant => {
                let digest = format!("00:{token}");
                cluster.create(&self.namespace, &self.name, &digest, &token);
                digest
            }
            Action::Check => cluster.body(&self.namespace, &self.name).unwrap_or_default().to_owned(),
        };
        if self.digest.as_ref().is_some_and(|digest| *digest != found) {
            let message = format!("the canary {}/{} did not come back as planted", self.namespace, self.name);
            return Err(Failure::new(FailureKind::NotVerified, message));
        }
        Ok(Outputs {
            namespace: self.namespace.clone(),
            name: self.name.clone(),
            digest: found,
            checked: u64::from(self.action == Action::Check),
        })
    }

    fn simulate_undo(&self, at: &mut Simulated<'_>) -> Result<(), Failure> {
        if self.action == Action::Plant {
            at.delete_own_objects(&self.cluster);
        }
        Ok(())
    }
}

fn name() -> String {
    "landfall-canary".to_owned()
}
