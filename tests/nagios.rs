//! A real Nagios runs the plugin: the daemon itself, in a temporary folder, with the service of `examples/nagios` and some
//! more, until its status has the results. Without Nagios (Debian: nagios4-core) the tests show as ignored.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use libtest_mimic::{Arguments, Trial};
use mailtrip::report::terminal::Style;
use mailtrip::report::{self, Format, json};
use mailtrip::sandbox::{Sandbox, Settings};

const BINARY: &str = env!("CARGO_BIN_EXE_mailtrip");

/// What every installation brings along, and the example does not.
const SURROUNDINGS: &str = "
define timeperiod {
    timeperiod_name  24x7
    alias            always
    monday           00:00-24:00
    tuesday          00:00-24:00
    wednesday        00:00-24:00
    thursday         00:00-24:00
    friday           00:00-24:00
    saturday         00:00-24:00
    sunday           00:00-24:00
}
define command {
    command_name  true
    command_line  /bin/true
}
define contact {
    contact_name                   somebody
    host_notification_period       24x7
    service_notification_period    24x7
    host_notification_commands     true
    service_notification_commands  true
}
";

type Test = (&'static str, fn(&Path));

const TESTS: &[Test] = &[
    ("the_example_is_a_valid_configuration", example_is_valid),
    ("nagios_reads_verdict_text_and_numbers", nagios_reads_it),
];

fn main() -> ExitCode {
    let places = ["/usr/sbin/nagios4", "/usr/bin/nagios4", "/usr/sbin/nagios", "/usr/local/nagios/bin/nagios"];
    let nagios = places.into_iter().map(Path::new).find(|path| path.exists());
    if nagios.is_none() {
        eprintln!("nagios: ignored, for there is no Nagios here");
    }
    let trial = |&(name, test): &Test| {
        let trial = move || {
            test(nagios.ok_or("no Nagios")?);
            Ok(())
        };
        Trial::test(name, trial).with_ignored_flag(nagios.is_none())
    };
    libtest_mimic::run(&Arguments::from_args(), TESTS.iter().map(trial).collect()).exit_code()
}

fn example() -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/nagios/mailtrip.cfg")).unwrap()
}

/// Everything of a Nagios is in one folder, and nothing of it in the system's.
struct Home(tempfile::TempDir);

impl Home {
    fn new(objects: &str) -> Home {
        let home = Home(tempfile::tempdir().unwrap());
        let path = |name: &str| home.path(name).display().to_string();
        ["spool", "archives", "tmp"].iter().for_each(|folder| fs::create_dir(home.path(folder)).unwrap());
        let user = |option| String::from_utf8(Command::new("id").arg(option).output().unwrap().stdout).unwrap();
        let settings = [
            ("cfg_file", path("objects.cfg")),
            ("log_file", path("nagios.log")),
            ("log_archive_path", path("archives")),
            ("object_cache_file", path("objects.cache")),
            ("status_file", path("status.dat")),
            ("status_update_interval", "1".to_owned()),
            ("check_result_path", path("spool")),
            ("check_result_reaper_frequency", "1".to_owned()),
            ("temp_file", path("tmp/nagios.tmp")),
            ("temp_path", path("tmp")),
            ("lock_file", path("nagios.pid")),
            ("query_socket", path("nagios.qh")),
            ("command_file", path("nagios.cmd")),
            ("check_external_commands", "0".to_owned()),
            ("retain_state_information", "0".to_owned()),
            ("check_for_updates", "0".to_owned()),
            ("use_syslog", "0".to_owned()),
            ("nagios_user", user("-un")),
            ("nagios_group", user("-gn")),
            // All services at once.
            ("service_inter_check_delay_method", "n".to_owned()),
            ("illegal_macro_output_chars", "`~$&|'\"<>".to_owned()),
        ];
        let settings: String = settings.iter().map(|(key, value)| format!("{key}={}\n", value.trim())).collect();
        fs::write(home.path("nagios.cfg"), settings).unwrap();
        fs::write(home.path("objects.cfg"), format!("{SURROUNDINGS}{objects}")).unwrap();
        home
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// The services of the status file, once all have been checked.
    fn status(&self, nagios: &Path) -> HashMap<String, Service> {
        let daemon =
            Command::new(nagios).arg(self.path("nagios.cfg")).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        let _daemon = Daemon(daemon.unwrap());
        let began = Instant::now();
        loop {
            let services = services(&fs::read_to_string(self.path("status.dat")).unwrap_or_default());
            if !services.is_empty() && services.values().all(|service| service["has_been_checked"] == "1") {
                return services;
            }
            let log = || fs::read_to_string(self.path("nagios.log")).unwrap_or_default();
            assert!(began.elapsed() < Duration::from_secs(120), "{services:?}\n{}", log());
            std::thread::sleep(Duration::from_millis(100));
        }
    }
}

/// Its workers end with it when it is asked to end, not when it is killed.
struct Daemon(Child);

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = Command::new("kill").arg(self.0.id().to_string()).status();
        let _ = self.0.wait();
    }
}

type Service = HashMap<String, String>;

/// The blocks `servicestatus { key=value … }`, by the services' names. The file is replaced in one piece.
fn services(status: &str) -> HashMap<String, Service> {
    let blocks = status.split("servicestatus {\n").skip(1).filter_map(|block| block.split_once("\n\t}"));
    let pairs = |block: &str| -> Service {
        let lines = block.lines().filter_map(|line| line.trim_start().split_once('='));
        lines.map(|(key, value)| (key.to_owned(), value.to_owned())).collect()
    };
    blocks.map(|(block, _)| pairs(block)).map(|service| (service["service_description"].clone(), service)).collect()
}

fn example_is_valid(nagios: &Path) {
    let home = Home::new(&example());
    let check = || Command::new(nagios).arg("-v").arg(home.path("nagios.cfg")).output().unwrap();
    let output = check();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success() && said.contains("Checked 1 services"), "{said}");
    let warnings: Vec<&str> = said.lines().filter(|line| line.starts_with("Warning")).collect();
    // Whom to tell is for everybody to say; the example does.
    assert!(warnings.iter().all(|warning| warning.contains("no default contacts")), "{warnings:#?}");
    let objects = fs::read_to_string(home.path("objects.cfg")).unwrap();
    fs::write(home.path("objects.cfg"), objects.replace("check_mailtrip!", "check_mail!")).unwrap();
    assert!(!check().status.success(), "a command that is not there is taken, so this test proves nothing");
}

/// A service that runs this command line.
fn service(name: &str, arguments: &str) -> String {
    let command = format!("define command {{\n command_name {name}\n command_line {BINARY} {arguments}\n}}\n");
    let keys = format!("use mailtrip\n host_name mail\n service_description {name}\n check_command {name}");
    format!("{command}define service {{\n {keys}\n}}\n")
}

fn sandbox(settings: &str, runtime: &tokio::runtime::Runtime, folder: &Path) -> (Sandbox, String) {
    let sandbox = runtime.block_on(Sandbox::start(toml::from_str::<Settings>(settings).unwrap())).unwrap();
    let ca_file = folder.join("ca.pem");
    fs::write(&ca_file, sandbox.ca_pem()).unwrap();
    let config = folder.join("config.toml");
    fs::write(&config, sandbox.config(&ca_file)).unwrap();
    (sandbox, config.display().to_string())
}

fn nagios_reads_it(nagios: &Path) {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let folders: [_; 3] = std::array::from_fn(|_| tempfile::tempdir().unwrap());
    let (_well, well) = sandbox("", &runtime, folders[0].path());
    let refused = "faults = [{ fault = \"login-refused\", service = \"imap\" }]";
    let (_refused, refused) = sandbox(refused, &runtime, folders[1].path());
    let junk = "faults = [{ fault = \"message-junked\", to = \"alice@sandbox.test\" }]";
    let (_junk, junk) = sandbox(junk, &runtime, folders[2].path());
    let hostile = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/report/hostile.json");
    let own = example().replace("/usr/local/bin/mailtrip", BINARY).replace("/etc/mailtrip/config.toml", &well);
    let objects = [
        own.replace("check_mailtrip!home", "check_mailtrip!alice"),
        service("refused", &format!("verify --config {refused} --format nagios alice")),
        service("several", &format!("verify --config {junk} --format nagios --quiet")),
        service("quiet", &format!("verify --config {well} --format nagios --quiet bob")),
        service("missing", "verify --config /nowhere/mailtrip.toml --format nagios"),
        service("usage", "verify --format nagios --no-such-option"),
        service("hostile", &format!("report {} --format nagios", hostile.display())),
    ];
    let status = Home::new(&objects.concat()).status(nagios);
    let of = |name: &str, key: &str| status[name][key].clone();

    assert_eq!(of("Mail home", "current_state"), "0");
    let text = "MAILTRIP OK - mail sent from alice@sandbox.test arrived at alice@sandbox.test in ";
    assert!(of("Mail home", "plugin_output").starts_with(text), "{:?}", status["Mail home"]);
    let labels: Vec<String> = labels(&of("Mail home", "performance_data"));
    assert_eq!(labels[..4], ["round-trip", "certificate-days", "size", "run"]);

    assert_eq!(of("refused", "current_state"), "2");
    let why = "MAILTRIP CRITICAL - delivery login: The server does not accept this username with this password";
    assert_eq!(of("refused", "plugin_output"), why);
    let said = "Likely cause [login-refused]\\nThe server said:\\nNO [AUTHENTICATIONFAILED] Authentication failed.\\n";
    assert!(of("refused", "long_plugin_output").starts_with(said), "{:?}", status["refused"]);
    let numbers = of("refused", "performance_data");
    assert!(numbers.contains(" submission-submit=U;;;0 "), "{numbers}");
    // The graphs stay what they are, whatever becomes of a run.
    assert_eq!(self::labels(&numbers), labels);

    assert_eq!(of("several", "current_state"), "1");
    assert!(of("several", "plugin_output").starts_with("MAILTRIP WARNING - 3 checks: 2 WARNING, 1 OK. alice: "));
    assert_eq!(self::labels(&of("several", "performance_data"))[..3], ["alice", "cert-alice", "bob"]);

    assert!(of("quiet", "current_state") == "0" && of("quiet", "plugin_output").starts_with("MAILTRIP OK - "));
    for (name, why) in [("missing", "the configuration `/nowhere"), ("usage", "unexpected argument '--no-such-option'")]
    {
        assert_eq!(of(name, "current_state"), "3", "{name}");
        let output = of(name, "plugin_output");
        assert!(output.starts_with(&format!("MAILTRIP UNKNOWN - {why}")), "{output}");
    }
    is_what_was_printed(&status["hostile"], &fs::read_to_string(&hostile).unwrap());
}

fn labels(performance: &str) -> Vec<String> {
    performance.split(' ').filter_map(|item| item.split_once('=')).map(|(label, _)| label.to_owned()).collect()
}

/// Nagios has taken apart what was printed as it was put together. It writes line breaks and backslashes of long text with
/// a backslash.
fn is_what_was_printed(service: &Service, outcomes: &str) {
    let printed = report::render(&json::read(outcomes).unwrap(), Format::Nagios, &Style::default());
    let (first, long) = printed.split_once('\n').unwrap();
    let (text, performance) = first.split_once(" | ").unwrap();
    assert_eq!(service["plugin_output"], text);
    assert_eq!(service["performance_data"], performance);
    let long = long.trim_end().replace('\\', "\\\\").replace('\n', "\\n");
    assert_eq!(service["long_plugin_output"].trim_end_matches("\\n"), long);
}
