//! What a survey makes of a real Postfix and a real Dovecot. Where they cannot run, it shows as ignored, with the reason.

use std::net::SocketAddr;
use std::process::ExitCode;
use std::time::Duration;

use mailtrip::account::{Family, Protocol, Security};
use mailtrip::survey::{Place, Port, Surveyor, recommended};
use mailtrip::wire::names::Names;
use tokio::runtime::Runtime;
use tokio::time::Instant;

#[path = "support/testbed.rs"]
mod testbed;
use testbed::{Options, Testbed};

const LONG: Duration = Duration::from_secs(30);

fn main() -> ExitCode {
    let name = "every_port_is_known_and_nobody_has_signed_in";
    testbed::run_trials("survey_testbed", [(name, every_port_is_known_and_nobody_has_signed_in)])
}

fn every_port_is_known_and_nobody_has_signed_in() {
    let bed = Testbed::start(Options::default());
    let ca = std::fs::read(bed.ca_file()).expect("the CA file");
    let ports = [
        (bed.ports.submissions, Protocol::Smtp, Security::Tls),
        (bed.ports.submission, Protocol::Smtp, Security::Starttls),
        (bed.ports.smtp, Protocol::Smtp, Security::Starttls),
        (bed.ports.imap, Protocol::Imap, Security::Starttls),
        (bed.ports.imaps, Protocol::Imap, Security::Tls),
        (bed.ports.pop3, Protocol::Pop3, Security::Starttls),
        (bed.ports.pop3s, Protocol::Pop3, Security::Tls),
    ];
    let places = ports.map(|(port, _, security)| Place { expected: Some(security), ..Place::new("127.0.0.1", port) });
    let names = Names::at(SocketAddr::from(([127, 0, 0, 1], 9))); // nobody is asked: the host is an address
    let look = async {
        let surveyor = Surveyor {
            names: &names,
            family: Family::Any,
            ca: Some(&ca),
            patience: LONG,
            until: Instant::now() + LONG,
        };
        surveyor.look_at_all(&places).await
    };
    let found = Runtime::new().expect("a runtime").block_on(look);
    let surveyed: Vec<(Place, Port)> = places.into_iter().zip(found).collect();
    for ((place, port), (_, protocol, security)) in surveyed.iter().zip(ports) {
        let (seen, inside) = port.way_in().unwrap_or_else(|| panic!("{place:?}: {port:?}"));
        assert_eq!((seen, inside.protocol), (security, protocol), "{port:?}");
        // Servers that talk to each other do not sign in.
        assert_eq!(port.way_in_for(protocol).is_some(), place.port != bed.ports.smtp, "{port:?}");
    }
    let best = |protocol| recommended(protocol, &surveyed).map(|location| location.port);
    assert_eq!(best(Protocol::Smtp), Some(bed.ports.submissions));
    assert_eq!(best(Protocol::Imap), Some(bed.ports.imaps));
    assert_eq!(best(Protocol::Pop3), Some(bed.ports.pop3s));
    let log = bed.log();
    // The servers were taken leave of: who just hangs up after EHLO is what fail2ban looks for.
    for trace in ["lost connection after EHLO", "sasl_", "Login: user", "auth failed", "SASL authentication failed"] {
        assert!(!log.contains(trace), "{trace}:\n{log}");
    }
}
