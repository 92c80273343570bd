//! Pages of a list, consistent over their revision, with tokens that can expire.

use std::collections::BTreeMap;

use bytes::Bytes;
use model::LabelSelector;
use ports::PortError;
use ports::cluster::ListQuery;
use serde_json::Value;

use super::answers::{self, Refusal};
use super::state::{Object, State, metadata, render, storage};

/// What remains to be listed at a revision; the answer to one query.
#[derive(Debug, Clone)]
pub(super) struct Page {
    pub(super) items: Vec<Bytes>,
    pub(super) resource_version: String,
    pub(super) continue_token: Option<String>,
}

impl State {
    pub(super) fn list(&mut self, query: &ListQuery<'_>) -> Result<Page, PortError> {
        let resource = self.served(query.resource)?;
        if !resource.verbs.is_empty() && !resource.has_verb("list") {
            return Err(answers::method_not_allowed());
        }
        let page = match query.continue_token.as_deref().filter(|token| !token.is_empty()) {
            Some(token) => self.rest(token)?,
            None => {
                let selector = query.label_selector.as_deref().unwrap_or_default();
                let selector = LabelSelector::parse(selector)
                    .map_err(|e| answers::bad_request(format!("unable to parse requirement: {e}")))?;
                let namespace = query.namespace.filter(|_| resource.namespaced);
                let prefix = namespace.map(|namespace| format!("{namespace}/")).unwrap_or_default();
                let group_resource = resource.group_resource();
                let custom = self.custom.contains(&group_resource);
                let all = self.objects.get(&storage(&group_resource));
                let items = all
                    .into_iter()
                    .flatten()
                    .filter(|(key, object)| key.starts_with(&prefix) && selector.matches(&labels(object)))
                    // Items of built-in kinds come without their kind.
                    .map(|(_, object)| {
                        let value = if custom { render(&resource, object) } else { Value::Object(object.clone()) };
                        Bytes::from(value.to_string())
                    })
                    .collect();
                Page { items, resource_version: self.revision.to_string(), continue_token: None }
            }
        };
        Ok(self.cut(page, query.limit as usize))
    }

    pub(super) fn expire_tokens(&mut self) {
        self.expired_before = self.counter + 1;
    }

    fn rest(&self, token: &str) -> Result<Page, PortError> {
        let number: Option<u64> = token.strip_prefix("fake-").and_then(|number| number.parse().ok());
        let page = number.and_then(|number| Some((number, self.pages.get(&number)?)));
        match page {
            Some((number, _)) if number < self.expired_before => Err(Refusal::expired().error()),
            Some((_, page)) => Ok(page.clone()),
            None => Err(answers::bad_request("invalid continue token: continue key is not valid")),
        }
    }

    fn cut(&mut self, mut page: Page, limit: usize) -> Page {
        if limit == 0 || page.items.len() <= limit {
            return page;
        }
        let rest = page.items.split_off(limit);
        self.counter += 1;
        let rest = Page { items: rest, resource_version: page.resource_version.clone(), continue_token: None };
        self.pages.insert(self.counter, rest);
        page.continue_token = Some(format!("fake-{}", self.counter));
        page
    }
}

fn labels(object: &Object) -> BTreeMap<String, String> {
    let labels = metadata(object).and_then(|metadata| metadata.get("labels")).and_then(Value::as_object);
    let text = |(key, value): (&String, &Value)| Some((key.clone(), value.as_str()?.to_owned()));
    labels.into_iter().flatten().filter_map(text).collect()
}
