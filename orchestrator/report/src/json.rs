//! The report as JSON, versioned.

use serde::Deserialize;

use crate::ReportError;
use crate::view::{DrillReport, MAJOR};

pub fn to_json(report: &DrillReport) -> Result<String, ReportError> {
    serde_json::to_string_pretty(report).map(|text| text + "\n").map_err(ReportError::Write)
}

/// Reads a report of this or an older minor version; a newer minor one is read too, a newer major one is refused.
pub fn from_json(text: &str) -> Result<DrillReport, ReportError> {
    #[derive(Deserialize)]
    struct VersionOnly {
        report: String,
    }
    let version: VersionOnly = serde_json::from_str(text).map_err(ReportError::Read)?;
    let major = version.report.split_once('.').and_then(|(major, _)| major.parse::<u32>().ok());
    if major != Some(MAJOR) {
        return Err(ReportError::Version { found: version.report });
    }
    serde_json::from_str(text).map_err(ReportError::Read)
}
