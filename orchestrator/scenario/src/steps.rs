//! The step kinds: one file each, with its parameters, its outputs and how it behaves in the fake world.
//!
//! What a step really does (`run`, `undo`) is the engine's, in a file of the same name.
//!
//! To add a kind: write its file, name it in [`step_kinds!`] below, and write its twin in the engine.

pub mod handle;
pub mod verification;

use schemars::JsonSchema;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::format::{Failure, Outputs};
use crate::period::Period;
use crate::simulate::world::Simulated;

pub use handle::{ClusterHandle, Contract, Reach, StackHandle};
pub use verification::Verification;

/// What the saga, the checker and the report must know of a kind besides its parameters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Traits {
    /// How long one attempt may take when the step does not say.
    pub timeout: Period,
    pub touches: Touches,
    /// Whether the step's success is part of the proof.
    pub verifies: bool,
    /// Whether the step leaves something behind that undoing removes.
    pub leaves: bool,
}

/// What a step does to the cluster or the stack that it names. Steps that touch the same one keep the order of the
/// file when at least one of them changes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Touches {
    Nothing,
    Reads,
    Changes,
    /// Landfall cannot see what it touches: everything before it in the file comes first, everything after it waits.
    Everything,
}

/// One kind of step. Undoing tolerates that the step never happened, and both tolerate being done twice.
pub trait Kind: Serialize + DeserializeOwned + JsonSchema + Clone {
    type Outputs: Serialize + DeserializeOwned + JsonSchema;
    const USES: &'static str;
    const TRAITS: Traits;

    /// What is wrong with the parameters beyond their types, as lowercase fragments.
    fn check(&self) -> Vec<String> {
        Vec::new()
    }

    /// As [`Traits`], where it depends on the parameters.
    fn traits(&self) -> Traits {
        Self::TRAITS
    }

    fn simulate(&self, at: &mut Simulated<'_>) -> Result<Self::Outputs, Failure>;

    fn simulate_undo(&self, _at: &mut Simulated<'_>) -> Result<(), Failure> {
        Ok(())
    }
}

macro_rules! step_kinds {
    ($($(#[doc = $doc:literal])* $variant:ident = $module:ident $(as $alias:ident)?,)*) => {
        $(pub mod $module;)*

        /// A step's parameters, every reference replaced: what the engine runs.
        #[derive(Debug, Clone, PartialEq)]
        pub enum StepKind {
            $($variant($module::Params),)*
        }

        /// Which kind a step is, before its parameters are known.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Uses {
            $($variant,)*
        }

        impl Uses {
            pub const ALL: &'static [Uses] = &[$(Uses::$variant,)*];

            /// As written in the file: `terraform.apply`.
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => <$module::Params as Kind>::USES,)*
                }
            }

            pub fn traits(self) -> Traits {
                match self {
                    $(Self::$variant => <$module::Params as Kind>::TRAITS,)*
                }
            }

            /// JSON Schema of the parameters.
            pub fn parameters(self) -> Value {
                match self {
                    $(Self::$variant => schemars::schema_for!($module::Params).to_value(),)*
                }
            }

            /// JSON Schema of the outputs.
            pub fn outputs(self) -> Value {
                match self {
                    $(Self::$variant => {
                        schemars::generate::SchemaSettings::default()
                            .for_serialize()
                            .into_generator()
                            .into_root_schema_for::<<$module::Params as Kind>::Outputs>()
                            .to_value()
                    })*
                }
            }

            /// Reads parameters in which no reference is left.
            pub fn read(self, value: Value) -> Result<StepKind, serde_json::Error> {
                match self {
                    $(Self::$variant => serde_json::from_value(value).map(StepKind::$variant),)*
                }
            }
        }

        impl StepKind {
            pub fn uses(&self) -> Uses {
                match self {
                    $(Self::$variant(_) => Uses::$variant,)*
                }
            }

            pub fn traits(&self) -> Traits {
                match self {
                    $(Self::$variant(params) => params.traits(),)*
                }
            }

            pub fn check(&self) -> Vec<String> {
                match self {
                    $(Self::$variant(params) => params.check(),)*
                }
            }

            pub fn simulate(&self, at: &mut Simulated<'_>) -> Result<Outputs, Failure> {
                match self {
                    $(Self::$variant(params) => params.simulate(at).and_then(|outputs| to_outputs(&outputs)),)*
                }
            }

            pub fn simulate_undo(&self, at: &mut Simulated<'_>) -> Result<(), Failure> {
                match self {
                    $(Self::$variant(params) => params.simulate_undo(at),)*
                }
            }
        }
    };
}

step_kinds! {
    TerraformPlan = terraform_plan,
    TerraformApply = terraform_apply,
    TerraformDestroy = terraform_destroy,
    ClusterConnect = cluster_connect,
    ClusterWait = cluster_wait,
    ClusterApply = cluster_apply,
    ClusterDrain = cluster_drain,
    BackupRun = backup_run,
    BackupPick = backup_pick,
    RestorePlan = restore_plan,
    RestoreRun = restore_run,
    VerifyReady = verify_ready,
    VerifyObjects = verify_objects,
    VerifyHttp = verify_http,
    VerifyTcp = verify_tcp,
    VerifyExec = verify_exec,
    VerifyQuery = verify_query,
    VerifyReferences = verify_references,
    VerifyCanary = verify_canary,
    Approve = approve,
    Pause = pause,
    Command = command,
}

impl Uses {
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|uses| uses.name() == name)
    }

    /// Whether people answer it: the saga handles such a step itself, the engine only asks.
    pub fn asks(self) -> bool {
        matches!(self, Self::Approve | Self::Pause)
    }
}

/// Stands for the value of a reference while a file is checked; the form of such a text cannot be judged yet.
pub(crate) const UNKNOWN: &str = "\u{2026}";

/// Whether a text is known already, so that its form can be checked.
pub(crate) fn is_known(text: &str) -> bool {
    !text.contains(UNKNOWN)
}

/// Typed outputs as the journal keeps them. They must be a map, or nothing could refer to them.
pub fn to_outputs<T: Serialize>(outputs: &T) -> Result<Outputs, Failure> {
    let invalid = |message: String| Failure::new(crate::format::FailureKind::Invalid, message);
    match serde_json::to_value(outputs) {
        Ok(Value::Object(map)) => Ok(map.into_iter().filter(|(_, value)| !value.is_null()).collect()),
        Ok(other) => Err(invalid(format!("the step's outputs are {other}, not a map"))),
        Err(error) => Err(invalid(format!("the step's outputs cannot be kept: {error}"))),
    }
}

#[cfg(test)]
mod tests;
