//! The files in `examples/` and the Dockerfile, as they stand: command lines are taken by the real binary, configurations load,
//! and what runs in a CI job, from cron, as a service or in a container is run against a mail system within the test. Only
//! the servers, the account and the places of files are put in place of those of the example.
//!
//! Tests with a program that is missing here show as ignored.

#[path = "support/command_lines.rs"]
mod command_lines;
#[path = "examples/container.rs"]
mod container;
#[path = "examples/job.rs"]
mod job;
#[path = "support/program.rs"]
mod program;
#[path = "examples/system.rs"]
mod system;
#[cfg(unix)]
#[path = "examples/systemd.rs"]
mod systemd;
#[path = "examples/text.rs"]
mod text;

use std::process::ExitCode;

use program::Test;

const TESTS: &[Test] = &[
    ("every_file_is_in_the_list_of_the_readme", text::listed, &[]),
    ("every_command_line_is_one", text::command_lines, &[]),
    ("every_configuration_loads", text::configurations, &[]),
    ("the_job_of_github_passes_fails_and_lets_a_warning_pass", job::github, &["bash", LINUX]),
    ("the_job_of_gitlab_passes_fails_and_tells_a_warning_by_1", job::gitlab, &["sh", LINUX]),
    ("the_line_of_the_crontab_is_silent_while_all_is_well", job::crontab, &["sh", LINUX]),
    #[cfg(unix)]
    ("the_service_verifies_with_its_credential", systemd::service_runs, &[LINUX]),
    #[cfg(unix)]
    ("the_service_fails_once_in_an_outage", systemd::service_fails_once, &[LINUX]),
    #[cfg(unix)]
    ("systemd_takes_the_units", systemd::verified, &["systemd-analyze"]),
    #[cfg(unix)]
    ("the_service_can_do_little", systemd::hardened, &["systemd-analyze"]),
    #[cfg(unix)]
    ("who_is_told_gets_what_the_unit_printed", systemd::told, &["sh", LINUX]),
    ("the_cron_job_verifies_with_its_configuration", container::cron_job_runs, &[LINUX]),
    ("the_image_is_pinned_and_not_run_by_root", container::dockerfile, &[]),
    ("what_is_secret_does_not_get_into_the_image", container::ignored, &[]),
];

/// Not a program: that OpenSSL takes certificates to trust from a variable, and that there is `/bin/sh`.
const LINUX: &str = "linux";

fn main() -> ExitCode {
    program::run("examples", TESTS)
}
