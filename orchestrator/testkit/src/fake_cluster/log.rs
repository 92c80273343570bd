//! What was asked, in order.

use bytes::Bytes;
use model::GroupResource;
use ports::ErrorKind;
use ports::cluster::{ExecRequest, ListQuery, ObjectRef};
use serde_json::Value;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verb {
    Discover,
    List,
    Get,
    Create,
    Replace,
    Patch,
    ReplaceSubresource,
    Delete,
    Exec,
    GetPath,
}

/// One request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    pub verb: Verb,
    pub resource: Option<GroupResource>,
    pub version: String,
    pub namespace: Option<String>,
    pub name: String,
    /// A subresource, a path, a command, a continue token.
    pub detail: String,
    pub dry_run: bool,
}

/// A request and what became of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Logged {
    pub call: Call,
    /// Kind and reason of the error; `None` when it went well.
    pub error: Option<(ErrorKind, Option<String>)>,
}

impl Call {
    /// Whether it could change what is stored.
    pub fn writes(&self) -> bool {
        let verb = match self.verb {
            Verb::Create | Verb::Replace | Verb::Patch | Verb::ReplaceSubresource | Verb::Delete => true,
            Verb::Discover | Verb::List | Verb::Get | Verb::Exec | Verb::GetPath => false,
        };
        verb && !self.dry_run
    }

    pub(super) fn new(verb: Verb) -> Self {
        Self {
            verb,
            resource: None,
            version: String::new(),
            namespace: None,
            name: String::new(),
            detail: String::new(),
            dry_run: false,
        }
    }

    pub(super) fn object(verb: Verb, object: &ObjectRef<'_>) -> Self {
        Self {
            resource: Some(object.resource.group_resource()),
            version: object.resource.version.clone(),
            namespace: object.namespace.map(str::to_owned),
            name: object.name.to_owned(),
            ..Self::new(verb)
        }
    }

    /// The name of a create stands in its body.
    pub(super) fn create(object: &ObjectRef<'_>, body: &Bytes) -> Self {
        let parsed: Value = serde_json::from_slice(body).unwrap_or_default();
        let name = parsed.pointer("/metadata/name").and_then(Value::as_str).unwrap_or(object.name).to_owned();
        Self { name, ..Self::object(Verb::Create, object) }
    }

    pub(super) fn list(query: &ListQuery<'_>) -> Self {
        Self {
            resource: Some(query.resource.group_resource()),
            version: query.resource.version.clone(),
            namespace: query.namespace.map(str::to_owned),
            detail: query.continue_token.clone().unwrap_or_default(),
            ..Self::new(Verb::List)
        }
    }

    pub(super) fn exec(request: &ExecRequest) -> Self {
        Self {
            resource: Some(GroupResource::parse("pods")),
            version: "v1".to_owned(),
            namespace: Some(request.namespace.clone()),
            name: request.pod.clone(),
            detail: request.command.join(" "),
            ..Self::new(Verb::Exec)
        }
    }
}
