//! Whose credentials these are.

use ports::PortError;

use crate::connection::Aws;
use crate::error::explain;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallerIdentity {
    pub account: String,
    pub arn: String,
    pub user_id: String,
}

impl Aws {
    /// Asks STS who the caller is; works for every valid credential, whatever it may do.
    pub async fn caller_identity(&self) -> Result<CallerIdentity, PortError> {
        self.require_region()?;
        let request = aws_sdk_sts::Client::new(self.sdk()).get_caller_identity();
        let identity = request.send().await.map_err(|error| explain(error, "ask whose credentials these are"))?;
        Ok(CallerIdentity {
            account: identity.account().unwrap_or_default().to_owned(),
            arn: identity.arn().unwrap_or_default().to_owned(),
            user_id: identity.user_id().unwrap_or_default().to_owned(),
        })
    }
}
