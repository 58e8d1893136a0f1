//! A push monitor of Uptime Kuma: up or down, a message, and the round trip as its ping (`server/routers/api-router.js`).

use std::time::Duration;

use crate::account::WebUrl;
use crate::diagnose::round_trip;
use crate::wire::http::Request;

use super::run::Run;

/// It goes into the address, and a status page shows one line.
const LONGEST_MESSAGE: usize = 200;

/// Kuma takes no ping that is longer.
const LONGEST_PING: Duration = Duration::from_secs(24 * 60 * 60);

/// The run is over. Of several checks the longest round trip counts; the address that Kuma shows for copying has an example of
/// each field in it, which is replaced.
pub fn end(url: &WebUrl, run: &Run<'_>) -> Request {
    let slowest = run.outcomes.iter().filter_map(round_trip).max();
    let ping = slowest.map(|time| time.min(LONGEST_PING).as_millis().to_string()).unwrap_or_default();
    let status = if run.is_up() { "up" } else { "down" };
    Request::get(&url.asking(&[("status", status), ("msg", &run.line(LONGEST_MESSAGE)), ("ping", &ping)]))
}
