//! What the provider publishes, where something else is configured.

use crate::account::Location;
use crate::provider;

use super::case::Case;

/// The line to put in place of what is configured; nothing where that is what the provider publishes, or nothing is known
/// of a provider: that of the address, or else that of the host.
pub fn published(case: &Case) -> Option<String> {
    let server = case.server?;
    let domain = case.address().and_then(|address| address.rsplit_once('@')).map(|(_, domain)| domain);
    let provider = domain.and_then(provider::by_domain).or_else(|| provider::by_exchanger(&server.host))?;
    let stated = provider.preset(case.protocol())?.location();
    let Location { host, port, security } = &stated;
    if host.eq_ignore_ascii_case(&server.host) && (*port, *security) == (server.port, server.security) {
        return None;
    }
    let why = provider::hint(&server.host).map(|hint| format!(" Know that {hint}.")).unwrap_or_default();
    Some(format!("{} publishes `{}`: set that line.{why}", provider.title, stated.line(case.protocol())))
}
