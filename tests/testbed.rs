//! The testbed itself, judged by Python's clients, which share nothing with ours.

use std::io::{BufRead, BufReader, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::process::{Command, ExitCode, Stdio};
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};

use libtest_mimic::{Arguments, Failed, Trial};
use serde_json::{Value, json};

#[path = "support/testbed.rs"]
mod testbed;
use testbed::{EXPIRED, Options, STRICT, Testbed, UNTRUSTED, User, WRONG_NAME};

const ALICE: (&str, &str) = ("alice@test.example", "alicepw");
const BOB: (&str, &str) = ("bob@test.example", "bobpw");

/// Passwords that break one format or another, each with the login name of its user.
const TRICKY: [(&str, &str); 15] = [
    ("leading-blank", "  two blanks before"),
    ("trailing-blank", "two blanks after  "),
    ("quotes", r#"a "quoted" and 'single' one"#),
    ("backslashes", r"back\slash\\ \"),
    ("hash", "#not a comment # here"),
    ("dollar", "$HOME ${PATH} $$"),
    ("colon", "a:b::c:"),
    ("percent", "%u %n %% 100%"),
    ("braces", "{PLAIN}x{5}"),
    ("umlauts", "pässwörd – ☃"),
    ("not an address", "plain"),
    ("\"quoted\" and 'single'", "plain"),
    ("domain\\windows", "plain"),
    ("Ünïcode@login", "plain"),
    ("Mixed.Case+plus", "plain"),
];

type Test = fn(&Testbed) -> Result<(), Failed>;

const TESTS: [(&str, Test); 13] = [
    ("smtp_logs_in_with_tls_and_starttls", smtp_logs_in),
    ("imap_logs_in_with_tls_and_starttls", imap_logs_in),
    ("pop3_logs_in_with_tls_and_starttls", pop3_logs_in),
    ("a_wrong_password_is_refused", a_wrong_password_is_refused),
    ("no_password_is_taken_without_tls", no_password_is_taken_without_tls),
    ("any_password_and_login_name_works", any_password_and_login_name_works),
    ("mail_arrives_in_the_inbox", mail_arrives_in_the_inbox),
    ("mail_of_the_fate_junk_goes_to_junk", junk_goes_to_junk),
    ("the_other_fates_do_what_they_say", other_fates),
    ("bad_certificates_are_bad_in_their_own_way", bad_certificates),
    ("put_flags_survive_the_expunge_of_another", put_flags_survive),
    ("fill_makes_messages_that_dovecot_counts", fill_counts),
    ("capabilities_can_be_left_out", capabilities_can_be_left_out),
];

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let missing = Testbed::missing();
    if let Some(reason) = &missing {
        println!("\ntests against real servers are ignored: {reason}");
    }
    // Started by the first test that runs, stopped with the last.
    let shared = Arc::new(LazyLock::new(|| Testbed::start(options())));
    let trials = TESTS.map(|(name, test)| {
        let bed = Arc::clone(&shared);
        Trial::test(name, move || test(&bed)).with_ignored_flag(missing.is_some())
    });
    drop(shared);
    libtest_mimic::run(&arguments, trials.into()).exit_code()
}

fn options() -> Options {
    let mut options = Options::default();
    options.users.extend(TRICKY.iter().enumerate().map(|(number, (login, password))| {
        User::new(&format!("tricky{number}@test.example"), password).with_login(login)
    }));
    options
}

fn smtp_logs_in(bed: &Testbed) -> Result<(), Failed> {
    logs_in(bed, "smtp", &["plain", "login"])
}

fn imap_logs_in(bed: &Testbed) -> Result<(), Failed> {
    logs_in(bed, "imap", &["login", "literal", "plain"])
}

fn pop3_logs_in(bed: &Testbed) -> Result<(), Failed> {
    logs_in(bed, "pop3", &["user"])
}

fn logs_in(bed: &Testbed, protocol: &str, mechanisms: &[&str]) -> Result<(), Failed> {
    let users = [ALICE, BOB].into_iter();
    let jobs = users.flat_map(|(user, password)| {
        mechanisms.iter().flat_map(move |mechanism| both(bed, protocol, user, password, mechanism))
    });
    all_pass(jobs.collect())
}

fn a_wrong_password_is_refused(bed: &Testbed) -> Result<(), Failed> {
    for (protocol, mechanism) in [("smtp", "plain"), ("imap", "login"), ("pop3", "user")] {
        let [job, _] = both(bed, protocol, ALICE.0, "alicepw ", mechanism);
        refused(session(job), "uthentication failed")?;
    }
    Ok(())
}

fn no_password_is_taken_without_tls(bed: &Testbed) -> Result<(), Failed> {
    for (port, question, answer) in [
        (bed.ports.imap, "a LOGIN alice@test.example alicepw", "PRIVACYREQUIRED"),
        (bed.ports.pop3, "USER alice@test.example", "-ERR"),
        (bed.ports.submission, "AUTH PLAIN AGEAYg==", "530 5.7.0"),
    ] {
        let mut stream = BufReader::new(TcpStream::connect((STRICT, port))?);
        let (mut greeting, mut reply) = (String::new(), String::new());
        stream.read_line(&mut greeting)?;
        stream.get_ref().write_all(format!("{question}\r\n").as_bytes())?;
        stream.read_line(&mut reply)?;
        // Dovecot's IMAP warns before it refuses.
        if reply.starts_with("* BAD") {
            reply.clear();
            stream.read_line(&mut reply)?;
        }
        expect(reply.contains(answer), answer, &reply)?;
        let is_imap = port == bed.ports.imap;
        expect(!is_imap || greeting.contains("LOGINDISABLED"), "LOGINDISABLED", &greeting)?;
    }
    all_pass(all_at(bed, STRICT))
}

fn any_password_and_login_name_works(bed: &Testbed) -> Result<(), Failed> {
    let ways = [
        ("smtp", "plain"),
        ("smtp", "login"),
        ("imap", "plain"),
        ("imap", "literal"),
        ("imap", "login"),
        ("pop3", "user"),
    ];
    let mut jobs = Vec::new();
    for (login, password) in TRICKY {
        for (protocol, mechanism) in ways {
            // Python's IMAP commands are ASCII, but for a literal at their end.
            let can_say = match (protocol, mechanism) {
                ("imap", "literal") => login.is_ascii(),
                ("imap", "login") => login.is_ascii() && password.is_ascii(),
                _ => true,
            };
            if can_say {
                let [job, _] = both(bed, protocol, login, password, mechanism);
                jobs.push(job);
            }
        }
    }
    all_pass(jobs)
}

fn mail_arrives_in_the_inbox(bed: &Testbed) -> Result<(), Failed> {
    for (number, (from, to)) in [(ALICE, "bob"), (BOB, "alice")].into_iter().enumerate() {
        for (way, mut job) in both(bed, "smtp", from.0, from.1, "plain").into_iter().enumerate() {
            let subject = format!("arrival {number} {way}");
            add_message(&mut job, &format!("{to}@test.example"), &subject, "");
            session(job)?;
            arrival(bed, to, "INBOX", &subject)?;
        }
    }
    Ok(())
}

fn junk_goes_to_junk(bed: &Testbed) -> Result<(), Failed> {
    for (to, header) in [("bob+junk@test.example", ""), ("bob@test.example", "X-Test-Spam: yes\r\n")] {
        let [mut job, _] = both(bed, "smtp", ALICE.0, ALICE.1, "plain");
        let subject = format!("junk for {to}");
        add_message(&mut job, to, &subject, header);
        session(job)?;
        arrival(bed, "bob", "Junk", &subject)?;
        let in_inbox = bed.messages("bob", "INBOX").iter().any(|message| message.text().contains(&subject));
        expect(!in_inbox, "junk in the inbox", &subject)?;
    }
    Ok(())
}

fn other_fates(bed: &Testbed) -> Result<(), Failed> {
    for (fate, lines) in [
        ("drop", ["to=<bob+drop@test.example>, relay=mail.test.example", "Marked message to be discarded"]),
        ("void", ["to=<bob+void@test.example>, relay=none", "status=sent (swallowed)"]),
        ("defer", ["to=<bob+defer@test.example>, relay=none", "status=deferred"]),
    ] {
        let [mut job, _] = both(bed, "smtp", ALICE.0, ALICE.1, "plain");
        let to = format!("bob+{fate}@test.example");
        add_message(&mut job, &to, &format!("fate {fate}"), "");
        session(job)?;
        for line in lines {
            logs(bed, line)?;
        }
    }
    for (to, code) in [("bob+tempfail@test.example", "450"), ("nosuch@test.example", "550")] {
        let [mut job, _] = both(bed, "smtp", ALICE.0, ALICE.1, "plain");
        add_message(&mut job, to, "refused at RCPT", "");
        refused(session(job), code)?;
    }
    Ok(())
}

fn bad_certificates(bed: &Testbed) -> Result<(), Failed> {
    let bad = [
        (UNTRUSTED, "self-signed certificate in certificate chain"),
        (EXPIRED, "certificate has expired"),
        (WRONG_NAME, "IP address mismatch"),
    ];
    for (address, complaint) in bad {
        for result in sessions(all_at(bed, address))? {
            refused(result, complaint)?;
        }
    }
    Ok(())
}

fn put_flags_survive(bed: &Testbed) -> Result<(), Failed> {
    let raw = |number: u8| format!("From: a@b.example\r\nSubject: put {number}\r\n\r\nText\r\n").into_bytes();
    let marked = bed.put("alice", "Archive", &raw(1), "TS");
    let ours = bed.put("alice", "Archive", &raw(2), "");
    let [mut job, _] = both(bed, "imap", ALICE.0, ALICE.1, "login");
    job["folder"] = json!("Archive");
    job["commands"] = json!([
        ["UID", "FETCH", "1:*", "(FLAGS)"],
        ["UID", "STORE", "2", "+FLAGS.SILENT", "(\\Deleted)"],
        ["UID", "EXPUNGE", "2"]
    ]);
    expect(bed.messages("alice", "Archive")[1].new, "put without flags as new", &ours)?;
    let result = session(job)?;
    expect(result["exists"] == 2, "two messages", &result)?;
    let flags = result["answers"][0][0].as_str().unwrap_or_default();
    expect(flags.contains("\\Deleted") && flags.contains("\\Seen"), "the flags that were put", &result)?;
    let left = bed.messages("alice", "Archive");
    expect(left.len() == 1 && left[0].name == marked && left[0].flags == "ST", "the other message untouched", &left)?;
    expect(left[0].contents == raw(1), "the contents as they were put", &left)
}

fn fill_counts(bed: &Testbed) -> Result<(), Failed> {
    bed.fill("bob", "Archive.2026", 1000);
    let [mut job, _] = both(bed, "imap", BOB.0, BOB.1, "login");
    job["folder"] = json!("Archive.2026");
    job["commands"] = json!([["UID", "SEARCH", "HEADER", "Message-ID", "<777@elsewhere.example>"]]);
    let result = session(job)?;
    expect(result["exists"] == 1000, "a thousand messages", &result)?;
    expect(result["answers"][0][0] == "777", "the UIDs in order", &result)
}

/// Needs a testbed of its own, which also proves that two can run at once.
fn capabilities_can_be_left_out(_: &Testbed) -> Result<(), Failed> {
    let left_out = ["IDLE", "UIDPLUS", "SPECIAL-USE", "LITERAL+", "SASL-IR"];
    for options in [Options::default(), Options::default().without_imap(&left_out)] {
        let bed = Testbed::start(options.clone());
        let [job, _] = both(&bed, "imap", ALICE.0, ALICE.1, "login");
        let result = session(job)?;
        let announced: Vec<&str> =
            result["capabilities"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        expect(announced.join(" ") == options.imap_capability, "the capabilities", &announced)?;
        let before = result["before"].as_array().ok_or("no capabilities before the login")?;
        let has_ir = options.imap_capability.contains("SASL-IR");
        expect(before.contains(&json!("SASL-IR")) == has_ir, "SASL-IR before the login", &result)?;
        let folder = bed.dir().to_owned();
        drop(bed);
        expect(!folder.exists(), "the folder removed", &folder)?;
    }
    Ok(())
}

/// The session by implicit TLS, and the same by STARTTLS.
fn both(bed: &Testbed, protocol: &str, user: &str, password: &str, mechanism: &str) -> [Value; 2] {
    let ports = match protocol {
        "smtp" => [bed.ports.submissions, bed.ports.submission],
        "imap" => [bed.ports.imaps, bed.ports.imap],
        _ => [bed.ports.pop3s, bed.ports.pop3],
    };
    [("tls", ports[0]), ("starttls", ports[1])].map(|(security, port)| {
        json!({"protocol": protocol, "host": "127.0.0.1", "port": port, "security": security, "ca": bed.ca_file(),
               "user": user, "password": password, "mechanism": mechanism})
    })
}

fn add_message(job: &mut Value, to: &str, subject: &str, header: &str) {
    let from = &job["user"].as_str().unwrap_or_default();
    let message = format!("From: {from}\r\nTo: {to}\r\nSubject: {subject}\r\n{header}\r\nHello.\r\n");
    job["to"] = json!(to);
    job["message"] = json!(message);
}

/// A session of each protocol and security at an address.
fn all_at(bed: &Testbed, address: Ipv4Addr) -> Vec<Value> {
    let jobs = ["smtp", "imap", "pop3"].into_iter().flat_map(|protocol| both(bed, protocol, ALICE.0, ALICE.1, "plain"));
    let at = |mut job: Value| {
        job["host"] = json!(address.to_string());
        job
    };
    jobs.map(at).collect()
}

fn all_pass(jobs: Vec<Value>) -> Result<(), Failed> {
    for (job, result) in jobs.iter().zip(sessions(jobs.clone())?) {
        result.map_err(|failure| format!("{job}: {failure:?}"))?;
    }
    Ok(())
}

fn session(job: Value) -> Result<Value, Failed> {
    sessions(vec![job])?.pop().ok_or("no answer from Python")?
}

/// Runs sessions by Python; what each found, or its complaint.
fn sessions(jobs: Vec<Value>) -> Result<Vec<Result<Value, Failed>>, Failed> {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/testbed/client.py");
    let mut python = Command::new("python3").arg(script).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
    let wanted = jobs.len();
    python.stdin.take().ok_or("no standard input")?.write_all(Value::from(jobs).to_string().as_bytes())?;
    let output = python.wait_with_output()?;
    let outcomes: Vec<Value> = serde_json::from_slice(&output.stdout)?;
    expect(outcomes.len() == wanted, "an outcome of each session", &outcomes)?;
    let result = |outcome: &Value| match outcome["failure"].as_str() {
        Some(failure) => Err(Failed::from(failure)),
        None => Ok(outcome["found"].clone()),
    };
    Ok(outcomes.iter().map(result).collect())
}

fn refused(result: Result<Value, Failed>, complaint: &str) -> Result<(), Failed> {
    match result {
        Err(failure) if failure.message().is_some_and(|text| text.contains(complaint)) => Ok(()),
        other => Err(format!("expected a failure with {complaint:?}, not {other:?}").into()),
    }
}

fn expect(is_so: bool, what: &str, seen: &dyn std::fmt::Debug) -> Result<(), Failed> {
    if is_so { Ok(()) } else { Err(format!("expected {what}: {seen:?}").into()) }
}

fn arrival(bed: &Testbed, user: &str, folder: &str, subject: &str) -> Result<(), Failed> {
    poll(|| bed.messages(user, folder).iter().any(|message| message.text().contains(subject)))
        .map_err(|failure| format!("{subject}: {failure}\n{}", bed.log()).into())
}

fn logs(bed: &Testbed, text: &str) -> Result<(), Failed> {
    poll(|| bed.log().contains(text)).map_err(|failure| format!("{text}: {failure}\n{}", bed.log()).into())
}

fn poll(is_there: impl Fn() -> bool) -> Result<(), &'static str> {
    let deadline = Instant::now() + Duration::from_secs(20);
    while !is_there() {
        if Instant::now() > deadline {
            return Err("not seen within 20 s");
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    Ok(())
}
