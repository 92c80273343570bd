//! `verify.http`: an application answers as expected.

use std::time::Duration;

use ::ports::prober::HttpProbe;
use scenario::Failure;
use scenario::steps::Verification;
use scenario::steps::verify_http::{Method, Params};

use super::checks::{no, unknown};
use super::service::{proxy_failure, proxy_path};
use crate::drill::live::{Live, Trying};
use crate::drill::step::{StepContext, failed};

const TIMEOUT: Duration = Duration::from_secs(10);
const BODY: usize = 1 << 20;

/// What came back.
struct Answer {
    status: u16,
    body: Vec<u8>,
    cut: bool,
}

pub(super) async fn run(context: &StepContext, params: &Params) -> Result<Verification, Failure> {
    if !params.expect.headers.is_empty() {
        return Err(unknown("headers of the answer cannot be checked: neither way to the application shows them")
            .hint("check the status and the body instead"));
    }
    let plain = params.method == Method::Get && params.headers.is_empty();
    if params.service.is_some() && !plain {
        return Err(unknown("through the apiserver only a GET without headers can be sent")
            .hint("reach the application by `url`, or leave method and headers out"));
    }
    let live = match (&params.service, &params.cluster) {
        (Some(_), Some(cluster)) => Some(Live::connect(context, cluster).await?),
        _ => None,
    };
    let mut trying = Trying::new(context, params.within);
    let wanted = params.successes.max(1);
    let mut good = 0;
    loop {
        let asked = match ask(context, live.as_ref(), params).await {
            Ok(answer) => judge(params, &answer),
            Err(failure) => Err(failure),
        };
        match asked {
            Ok(()) => {
                good += 1;
                if good >= wanted {
                    let place = place(params);
                    let summary = format!("{place} answered {} {good} times in a row", params.expect.status);
                    return Ok(Verification::passed(u64::from(good), summary));
                }
                context.clock.sleep(Duration::from_millis(250)).await;
            }
            Err(failure) => {
                good = 0;
                trying.again(failure).await?;
            }
        }
    }
}

async fn ask(context: &StepContext, live: Option<&Live>, params: &Params) -> Result<Answer, Failure> {
    if let (Some(live), Some(service)) = (live, &params.service) {
        let path = format!("{}{}", proxy_path(live, service, params.port.as_ref()).await?, params.path);
        let asked = live.cluster.get_path(&path).await;
        let (status, body) = asked.map_err(|error| failed(format!("failed to ask {service}"), &error))?;
        if let Some(why) = proxy_failure(status, &body) {
            return Err(no(format!("{service} cannot be reached: {why}")));
        }
        return Ok(Answer { status, body: body.to_vec(), cut: false });
    }
    let url =
        params.url.clone().ok_or_else(|| unknown("the step names neither a service with its cluster nor a url"))?;
    let probe = HttpProbe {
        url: url.clone(),
        method: match params.method {
            Method::Get => "GET",
            Method::Head => "HEAD",
            Method::Post => "POST",
        }
        .to_owned(),
        headers: params.headers.clone().into_iter().collect(),
        body_cap: BODY,
        timeout: TIMEOUT,
    };
    let asked = context.workshop.prober().http(&probe).await;
    let answer = asked.map_err(|error| failed(format!("failed to ask {url}"), &error))?;
    Ok(Answer { status: answer.status, body: answer.body, cut: answer.cut })
}

fn judge(params: &Params, answer: &Answer) -> Result<(), Failure> {
    let place = place(params);
    if answer.status != params.expect.status {
        return Err(no(format!("{place} answered {}, not {}", answer.status, params.expect.status)));
    }
    let Some(text) = &params.expect.body_contains else { return Ok(()) };
    if String::from_utf8_lossy(&answer.body).contains(text.as_str()) {
        return Ok(());
    }
    Err(match answer.cut {
        true => unknown(format!("the first {BODY} bytes of {place} do not contain {text:?}; the rest was not read")),
        false => no(format!("the answer of {place} does not contain {text:?}")),
    })
}

fn place(params: &Params) -> String {
    match (&params.service, &params.url) {
        (Some(service), _) => format!("{service}{}", params.path),
        (None, Some(url)) => url.clone(),
        (None, None) => String::new(),
    }
}
