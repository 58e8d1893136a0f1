//! Whose turn it is: so many checks at the same time, and not more than a few of them at one host.

use std::collections::BTreeSet;

use crate::account::Protocol;
use crate::outcome::Server;

/// So often a check that waits is overtaken by others that want the same: then what it waits for is kept for it.
const PATIENCE: u32 = 3;

/// What checks that run at the same time have to share.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Place {
    /// A host, whatever is spoken there: a provider counts sign-ins and connections of a customer together.
    Host(String),
    /// A mailbox that is read by POP3: it is locked while it is read (RFC 1939 §4).
    Maildrop {
        /// Host.
        host: String,
        /// TCP port.
        port: u16,
        /// Who signs in.
        username: String,
    },
}

/// The places that a check needs, by its servers.
pub fn places(servers: &[Server]) -> BTreeSet<Place> {
    let host = |server: &Server| server.host.trim_end_matches('.').to_ascii_lowercase();
    let hosts = servers.iter().map(|server| Place::Host(host(server)));
    let maildrops = servers.iter().filter(|server| server.protocol == Protocol::Pop3);
    let maildrops = maildrops.map(|server| {
        let Server { port, username, .. } = server;
        Place::Maildrop { host: host(server), port: *port, username: username.clone() }
    });
    hosts.chain(maildrops).collect()
}

/// Who waits, and who runs.
#[derive(Debug)]
pub struct Schedule {
    jobs: usize,
    per_host: usize,
    /// The first one first.
    waiting: Vec<Waiting>,
    running: Vec<(usize, BTreeSet<Place>)>,
}

#[derive(Debug)]
struct Waiting {
    check: usize,
    places: BTreeSet<Place>,
    overtaken: u32,
}

impl Schedule {
    /// At most so many checks at the same time, and at most so many of them at one host; each at least one.
    pub fn new(jobs: usize, per_host: usize) -> Schedule {
        Schedule { jobs: jobs.max(1), per_host: per_host.max(1), waiting: Vec::new(), running: Vec::new() }
    }

    /// A check waits for its turn, behind those that wait already.
    pub fn wait(&mut self, check: usize, places: BTreeSet<Place>) {
        self.waiting.push(Waiting { check, places, overtaken: 0 });
    }

    /// Whose turn it is, if there is room for anybody: it runs from now on. The first one whose places all have room; one
    /// that waits for a busy host does not hold up those behind it, until it has been overtaken too often.
    pub fn pick(&mut self) -> Option<usize> {
        if self.running.len() >= self.jobs {
            return None;
        }
        let mut kept: BTreeSet<&Place> = BTreeSet::new();
        let chosen = self.waiting.iter().position(|one| {
            let fits = one.places.iter().all(|place| self.has_room(place) && !kept.contains(place));
            if !fits && one.overtaken >= PATIENCE {
                kept.extend(&one.places);
            }
            fits
        })?;
        let Waiting { check, places, .. } = self.waiting.remove(chosen);
        for before in self.waiting.iter_mut().take(chosen).filter(|one| !one.places.is_disjoint(&places)) {
            before.overtaken += 1;
        }
        self.running.push((check, places));
        Some(check)
    }

    /// A check is over, and its places are free.
    pub fn done(&mut self, check: usize) {
        self.running.retain(|(other, _)| *other != check);
    }

    /// Whether anybody waits.
    pub fn is_awaited(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// Nobody waits any more; these did.
    pub fn give_up(&mut self) -> Vec<usize> {
        std::mem::take(&mut self.waiting).into_iter().map(|one| one.check).collect()
    }

    fn has_room(&self, place: &Place) -> bool {
        let there = self.running.iter().filter(|(_, places)| places.contains(place)).count();
        let most = match place {
            Place::Host(_) => self.per_host,
            Place::Maildrop { .. } => 1,
        };
        there < most
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::account::Security;

    fn hosts(names: &[&str]) -> BTreeSet<Place> {
        names.iter().map(|name| Place::Host((*name).to_owned())).collect()
    }

    /// A schedule in which the checks 0, 1, … wait for these hosts.
    fn schedule(jobs: usize, per_host: usize, checks: &[&[&str]]) -> Schedule {
        let mut schedule = Schedule::new(jobs, per_host);
        checks.iter().enumerate().for_each(|(check, names)| schedule.wait(check, hosts(names)));
        schedule
    }

    fn picks(schedule: &mut Schedule) -> Vec<usize> {
        std::iter::from_fn(|| schedule.pick()).collect()
    }

    #[test]
    fn so_many_run_at_the_same_time_in_their_order() {
        let mut schedule = schedule(2, 9, &[&["a"], &["b"], &["c"], &["d"]]);
        assert_eq!(picks(&mut schedule), [0, 1]);
        schedule.done(1);
        assert_eq!(picks(&mut schedule), [2]);
        schedule.done(0);
        schedule.done(2);
        assert_eq!(picks(&mut schedule), [3]);
        assert!(!schedule.is_awaited());
    }

    #[test]
    fn no_limit_is_less_than_one() {
        assert_eq!(picks(&mut schedule(0, 0, &[&["a"], &["b"]])), [0]);
    }

    #[test]
    fn who_waits_for_a_busy_host_does_not_hold_up_the_others() {
        let mut schedule = schedule(9, 2, &[&["a"], &["a", "b"], &["a"], &["c", "a"], &["c"]]);
        assert_eq!(picks(&mut schedule), [0, 1, 4]);
        schedule.done(0);
        assert_eq!(picks(&mut schedule), [2]);
        schedule.done(1);
        assert_eq!(picks(&mut schedule), [3]);
    }

    #[test]
    fn nobody_is_overtaken_for_ever() {
        // The one that needs both hosts never finds them free at the same time, unless they are kept for it.
        let mut checks: Vec<&[&str]> = vec![&["a"], &["a", "b"]];
        checks.extend([["b"].as_slice(), &["a"]].repeat(20));
        let mut schedule = schedule(9, 1, &checks);
        let (mut order, mut running) = (Vec::new(), std::collections::VecDeque::new());
        while schedule.is_awaited() {
            let picked = picks(&mut schedule);
            running.extend(picked.iter().copied());
            order.extend(picked);
            running.pop_front().into_iter().for_each(|check| schedule.done(check));
        }
        let turn = order.iter().position(|check| *check == 1);
        assert_eq!(turn, Some(PATIENCE as usize + 1), "{order:?}");
        assert_eq!(order.len(), 42);
    }

    #[test]
    fn nobody_who_waits_is_left_when_all_is_given_up() {
        let mut schedule = schedule(1, 1, &[&["a"], &["b"], &["a"]]);
        assert_eq!(picks(&mut schedule), [0]);
        assert_eq!(schedule.give_up(), [1, 2]);
        schedule.done(0);
        assert_eq!(schedule.pick(), None);
    }

    #[test]
    fn hosts_are_compared_without_case_and_a_maildrop_takes_one() {
        let server = |protocol, host: &str, port, username: &str| Server {
            account: String::new(),
            protocol,
            host: host.to_owned(),
            port,
            security: Security::Tls,
            username: username.to_owned(),
        };
        let jane = places(&[
            server(Protocol::Smtp, "Mail.example.net", 465, "jane"),
            server(Protocol::Pop3, "mail.EXAMPLE.net.", 995, "jane"),
        ]);
        assert_eq!(jane.len(), 2, "one host, one maildrop: {jane:?}");
        let joe = places(&[server(Protocol::Pop3, "mail.example.net", 995, "joe")]);
        let imap = places(&[server(Protocol::Imap, "mail.example.net", 993, "jane")]);
        let mut schedule = Schedule::new(9, 9);
        [jane.clone(), jane, joe, imap].into_iter().enumerate().for_each(|(n, places)| schedule.wait(n, places));
        assert_eq!(picks(&mut schedule), [0, 2, 3]);
        schedule.done(0);
        assert_eq!(picks(&mut schedule), [1]);
    }
}
