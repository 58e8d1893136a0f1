//! By which interface this machine would send, and whether that is a VPN: in a network namespace with interfaces and rules as
//! `wg-quick` makes them. Where that cannot be had, every test shows as ignored.

use std::process::{Command, ExitCode, Output, Stdio};

use libtest_mimic::{Arguments, Trial};
use serde_json::{Value, json};
use tempfile::TempDir;

const ETHERNET: &str = "
    ip link set lo up
    ip link add eth9 type veth peer name peer9 && ip addr add 10.9.0.2/24 dev eth9
    ip link set peer9 up && ip link set eth9 up
    ip route add default via 10.9.0.1 dev eth9
";

/// The default route of the main table stays where it was, and a rule leads past it (wg-quick(8)).
const BY_RULES: &str = "
    ip link add wg0 type veth peer name peer0 && ip addr add 10.2.0.2/32 dev wg0
    ip link set peer0 up && ip link set wg0 up
    ip route add default dev wg0 table 51820
    ip rule add not fwmark 51820 table 51820
    ip rule add table main suppress_prefixlength 0
";

/// An interface whose name says nothing. /sys is that of the namespace.
const BY_KIND: &str = "
    mount -t sysfs sysfs /sys
    ip tuntap add dev office mode tun && ip addr add 10.3.0.2/32 dev office && ip link set office up
    ip route replace default dev office
";

/// Its name, what it sets up, and itself.
type Test = (&'static str, &'static [&'static str], fn());

const TESTS: &[Test] = &[
    ("without_a_vpn_there_is_none", &[ETHERNET], no_vpn),
    ("without_a_route_there_is_none", &["ip link set lo up"], no_route),
    ("a_vpn_by_rules_is_seen", &[ETHERNET, BY_RULES], by_rules),
    ("a_vpn_is_known_by_what_it_is", &[ETHERNET, BY_KIND], by_kind),
];

fn main() -> ExitCode {
    let trial = |&(name, set_up, test): &Test| {
        let missing = !inside(&set_up.concat(), "true", &[]).status.success();
        if missing {
            eprintln!("doctor_route: {name} is ignored: no such network namespace here");
        }
        let trial = move || {
            test();
            Ok(())
        };
        Trial::test(name, trial).with_ignored_flag(missing)
    };
    libtest_mimic::run(&Arguments::from_args(), TESTS.iter().map(trial).collect()).exit_code()
}

/// Runs a program in a namespace that is set up like this.
fn inside(set_up: &str, program: &str, arguments: &[&str]) -> Output {
    let script = format!("set -e\n{set_up}\nexec \"$@\"");
    let mut command = Command::new("unshare");
    command.args(["--user", "--map-root-user", "--net", "--mount", "sh", "-c", &script, "sh", program]).args(arguments);
    command.stdin(Stdio::null()).output().unwrap_or_else(|error| panic!("unshare: {error}"))
}

/// What is said of this machine, where nothing listens on its own port 1.
fn machine(set_up: &[&str]) -> (Value, Vec<Value>) {
    let folder = TempDir::new().expect("a temporary folder");
    let path = folder.path().join("mailtrip.toml");
    let text = "[accounts.a]\naddress = \"a@sandbox.test\"\nimap = { host = \"127.0.0.1\", port = 1 }\n";
    std::fs::write(&path, text).expect("a file in a temporary folder");
    let path = path.to_string_lossy();
    let arguments = ["doctor", "--offline-neighbours", "--format", "json", "--config", &path];
    let Output { stdout, stderr, .. } = inside(&set_up.concat(), env!("CARGO_BIN_EXE_mailtrip"), &arguments);
    let json: Value =
        serde_json::from_slice(&stdout).unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&stderr)));
    let findings = json["accounts"][0]["findings"].as_array().expect("findings");
    let codes = findings.iter().map(|finding| finding["code"].clone()).collect();
    (json["accounts"][0]["machine"].clone(), codes)
}

fn no_vpn() {
    let (machine, _) = machine(&[ETHERNET]);
    assert_eq!(machine, json!({ "default_route": ["eth9"], "tunnels": [] }));
}

fn no_route() {
    let (machine, _) = machine(&["ip link set lo up"]);
    assert_eq!(machine, json!({ "default_route": [], "tunnels": [] }));
}

fn by_rules() {
    let (machine, _) = machine(&[ETHERNET, BY_RULES]);
    assert_eq!(machine, json!({ "default_route": ["wg0"], "tunnels": ["wg0"] }));
}

fn by_kind() {
    let (machine, _) = machine(&[ETHERNET, BY_KIND]);
    assert_eq!(machine, json!({ "default_route": ["office"], "tunnels": ["office"] }));
}
