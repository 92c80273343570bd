//! `verify.query`: a CEL expression holds for live objects.

use std::collections::HashMap;
use std::sync::Arc;

use cel::objects::{Key, Map};
use cel::{Context, Program, Value as Cel};
use model::{ItemId, Manifest};
use scenario::steps::Verification;
use scenario::steps::verify_query::{HoldsFor, Params};
use scenario::{Failure, FailureKind};
use serde_json::Value;

use super::checks::{Checks, no, unknown};
use crate::drill::live::{Live, Trying};
use crate::drill::step::{StepContext, failed};

pub(super) async fn run(context: &StepContext, params: &Params) -> Result<Verification, Failure> {
    // Found wrong before anything is asked.
    compile(&params.expression)?;
    let mut live = Live::connect(context, &params.cluster).await?;
    let mut trying = Trying::new(context, params.within);
    loop {
        match look(&live, params).await {
            Ok(verification) => return Ok(verification),
            Err(failure) => {
                let unknown_kind = failure.kind == FailureKind::NotFound;
                trying.again(failure).await?;
                if unknown_kind {
                    live.discover().await?;
                }
            }
        }
    }
}

async fn look(live: &Live, params: &Params) -> Result<Verification, Failure> {
    let resource = live.resource(&params.resource)?;
    let objects = live.list(resource, params.namespace.as_deref(), params.selector.as_deref()).await;
    let objects = objects.map_err(|error| failed(format!("failed to list {}", params.resource), &error))?;
    let (expression, holds_for, kind) = (params.expression.clone(), params.holds_for, resource.group_resource());
    // An expression may take its time; the others must not wait for it.
    let judged = tokio::task::spawn_blocking(move || {
        let id = |object: &Manifest| ItemId {
            resource: kind.clone(),
            namespace: object.namespace().map(str::to_owned),
            name: object.name().to_owned(),
        };
        judge(&expression, holds_for, &objects, &id)
    });
    judged.await.unwrap_or_else(|_| Err(unknown("the expression could not be evaluated: the evaluation broke off")))
}

fn judge(
    expression: &str,
    holds_for: HoldsFor,
    objects: &[Manifest],
    id: &dyn Fn(&Manifest) -> ItemId,
) -> Result<Verification, Failure> {
    let program = compile(expression)?;
    if holds_for == HoldsFor::List {
        let all = Cel::List(Arc::new(objects.iter().map(|object| to_cel_map(object.as_map())).collect()));
        return match evaluate(&program, "objects", all) {
            Ok(true) => {
                let count = objects.len() as u64;
                Ok(Verification::passed(count.max(1), format!("the expression holds for the list of {count}")))
            }
            Ok(false) => Err(no(format!("the expression does not hold for the list of {}", objects.len()))),
            Err(why) => Err(unknown(format!("the expression cannot be evaluated: {why}"))),
        };
    }
    let mut checks = Checks::default();
    let mut held = 0_u64;
    for object in objects {
        let outcome = evaluate(&program, "object", to_cel_map(object.as_map()));
        match (outcome, holds_for) {
            (Ok(true), HoldsFor::None) => {
                checks.bad(Some(&id(object)), "holds", "the expression holds, and should for none")
            }
            (Ok(false), HoldsFor::Every) => {
                checks.bad(Some(&id(object)), "does-not-hold", "the expression does not hold")
            }
            (Ok(holds), _) => {
                held += u64::from(holds);
                checks.good();
            }
            // For "any", one object of another shape must not hide the one that is meant.
            (Err(_), HoldsFor::Any) => checks.good(),
            (Err(why), _) => {
                checks.bad(Some(&id(object)), "no-answer", format!("the expression cannot be evaluated: {why}"))
            }
        }
    }
    match holds_for {
        HoldsFor::Any if !objects.is_empty() && held == 0 => {
            Err(no(format!("the expression holds for none of {} objects", objects.len())))
        }
        HoldsFor::None if objects.is_empty() => Ok(Verification::passed(1, "there is no such object")),
        _ => checks.end("the expression holds as wanted", "objects are not as wanted"),
    }
}

fn compile(expression: &str) -> Result<Program, Failure> {
    if expression.len() > 16 << 10 {
        return Err(Failure::new(FailureKind::Invalid, "the expression is longer than 16 KiB"));
    }
    Program::compile(expression).map_err(|error| {
        let message = error.to_string().split_whitespace().collect::<Vec<_>>().join(" ");
        Failure::new(FailureKind::Invalid, format!("the expression is not CEL: {message}"))
    })
}

fn evaluate(program: &Program, name: &str, value: Cel) -> Result<bool, String> {
    let mut context = Context::default();
    context.add_variable_from_value(name, value);
    match program.execute(&context) {
        Ok(Cel::Bool(holds)) => Ok(holds),
        Ok(other) => Err(format!("it gives a {}, not a boolean", other.type_of())),
        Err(error) => Err(error.to_string()),
    }
}

/// JSON as CEL sees it: whole numbers are `int`, as in Kubernetes.
fn to_cel(value: &Value) -> Cel {
    match value {
        Value::Null => Cel::Null,
        Value::Bool(value) => Cel::Bool(*value),
        Value::Number(number) => match (number.as_i64(), number.as_u64(), number.as_f64()) {
            (Some(int), _, _) => Cel::Int(int),
            (None, Some(uint), _) => Cel::UInt(uint),
            (None, None, Some(float)) => Cel::Float(float),
            (None, None, None) => Cel::Null,
        },
        Value::String(text) => Cel::String(Arc::new(text.clone())),
        Value::Array(list) => Cel::List(Arc::new(list.iter().map(to_cel).collect())),
        Value::Object(map) => to_cel_map(map),
    }
}

fn to_cel_map(map: &serde_json::Map<String, Value>) -> Cel {
    let entries: HashMap<Key, Cel> = map.iter().map(|(key, value)| (Key::from(key.clone()), to_cel(value))).collect();
    Cel::Map(Map { map: Arc::new(entries) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::GroupResource;
    use serde_json::json;

    fn asked(expression: &str, holds_for: HoldsFor, objects: &[Value]) -> Result<Verification, Failure> {
        let objects: Vec<Manifest> =
            objects.iter().map(|object| Manifest::from_value(object.clone()).unwrap()).collect();
        judge(expression, holds_for, &objects, &|object| {
            ItemId::cluster(GroupResource::new("things", ""), object.name())
        })
    }

    #[test]
    fn an_expression_is_asked_of_each_object() {
        let a = json!({"metadata": {"name": "a", "annotations": {"x/y": "arn:aws:acm:eu-west-1:1"}}, "spec": {"replicas": 3}});
        let b = json!({"metadata": {"name": "b"}, "spec": {"replicas": 1}});
        let both = [a.clone(), b];
        assert!(asked("object.spec.replicas >= 1", HoldsFor::Every, &both).is_ok());
        assert_eq!(asked("object.spec.replicas == 3", HoldsFor::Every, &both).unwrap_err().details["failed"], 1);
        assert!(asked("object.spec.replicas == 3", HoldsFor::Any, &both).is_ok());
        assert!(asked("object.spec.replicas > 3", HoldsFor::None, &both).is_ok());
        assert!(asked("size(objects) == 2", HoldsFor::List, &both).is_ok());
        let starts = "object.metadata.annotations['x/y'].startsWith('arn:aws:acm:eu-west-1:')";
        assert!(asked(starts, HoldsFor::Every, &[a]).is_ok());
    }

    #[test]
    fn no_object_and_no_answer_are_no_pass() {
        assert_eq!(asked("object.spec.x == 1", HoldsFor::Every, &[]).unwrap_err().kind, FailureKind::NotChecked);
        let object = [json!({"metadata": {"name": "a"}})];
        assert!(asked("object.spec.x == 1", HoldsFor::Every, &object).is_err());
        assert!(asked("object.metadata.name", HoldsFor::Every, &object).is_err());
        assert!(asked("size(objects)", HoldsFor::List, &object).is_err());
        assert_eq!(compile("object.").map(|_| ()).unwrap_err().kind, FailureKind::Invalid);
    }
}
