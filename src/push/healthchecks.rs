//! Healthchecks: a ping when the run begins, and one of success or failure when it is over, with the short report as its
//! body (<https://healthchecks.io/docs/http_api/>). Both bear the same run id, by which the time between them is measured
//! also where runs overlap.

use uuid::Uuid;

use crate::account::WebUrl;
use crate::wire::http::{Answer, Request};

use super::run::Run;

/// One's own instance keeps 10 kB of a body by default, healthchecks.io ten times as much.
const LONGEST_BODY: usize = 10_000;

/// The run has begun.
pub fn begin(url: &WebUrl, run: Uuid) -> Request {
    ping(url, "/start", run, String::new())
}

/// It is over. A run that was stopped is no success, for it has proved nothing.
pub fn end(url: &WebUrl, run: &Run<'_>) -> Request {
    ping(url, if run.is_up() { "" } else { "/fail" }, run.id, run.text(LONGEST_BODY))
}

fn ping(url: &WebUrl, signal: &str, run: Uuid, body: String) -> Request {
    let url = url.asking(&[("rid", &run.to_string())]);
    let query = url.target.split_once('?').map_or("", |(_, query)| query);
    let target = format!("{}{signal}?{query}", url.path().trim_end_matches('/'));
    Request::post(&WebUrl { target, ..url }, "text/plain; charset=utf-8", body)
}

/// For the sake of old programs healthchecks.io answers every ping by UUID with 200, and says in the body that it was of
/// no use.
pub fn refusal(answer: &Answer) -> Option<&'static str> {
    match answer.body.trim_ascii() {
        b"OK (not found)" => Some("there is no such check"),
        b"OK (rate limited)" => Some("it was told too often"),
        _ => None,
    }
}
