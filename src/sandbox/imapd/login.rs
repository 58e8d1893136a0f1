//! LOGIN and AUTHENTICATE, RFC 3501 §6.2, with the response codes of RFC 5530.

use std::io;

use super::Session;
use super::command::{Answer, Arguments, Refusal};
use crate::sandbox::fault::Protocol;
use crate::sandbox::sasl::{Claim, Exchange, Step};
use crate::sandbox::system::Login;

impl Session {
    pub(super) fn login(&mut self, mut arguments: Arguments<'_>) -> Answer {
        let user = arguments.astring()?;
        arguments.space()?;
        let password = arguments.astring()?;
        arguments.end()?;
        self.may_log_in()?;
        self.log_in(&Claim::Password { user, password })
    }

    fn may_log_in(&self) -> Result<(), Refusal> {
        if self.user.is_some() {
            Err(Refusal::bad("Already logged in"))
        } else if !self.connection.secured() {
            Err(Refusal::no("[PRIVACYREQUIRED] Plaintext authentication disallowed on non-secure connections"))
        } else {
            Ok(())
        }
    }

    pub(super) async fn authenticate(&mut self, arguments: Arguments<'_>) -> io::Result<Answer> {
        let (mut exchange, mut step) = match self.begin(arguments) {
            Ok(begun) => begun,
            Err(refusal) => return Ok(Err(refusal)),
        };
        while let Step::Challenge(challenge) = step {
            self.say(format!("+ {challenge}"));
            let line = self.connection.line().await?;
            self.connection.system.record(Protocol::Imap, "***");
            step = exchange.respond(&line);
        }
        Ok(match step {
            Step::Claim(claim) => self.log_in(&claim),
            Step::Cancelled => Err(Refusal::bad("Authentication aborted by client")),
            Step::Malformed | Step::Challenge(_) => Err(Refusal::bad("Cannot decode response")),
        })
    }

    fn begin(&self, mut arguments: Arguments<'_>) -> Result<(Exchange, Step), Refusal> {
        let settings = &self.connection.system.settings;
        let mechanism = arguments.word()?;
        let initial = match arguments.eat(b' ') {
            true => Some(arguments.run(|byte| byte > b' ')),
            false => None,
        };
        arguments.end()?;
        self.may_log_in()?;
        let offered = settings.offers(&mechanism);
        let Some(mut exchange) = Exchange::begin(&mechanism, &settings.accounts).filter(|_| offered) else {
            return Err(Refusal::no("Unsupported authentication mechanism"));
        };
        let step = match initial {
            Some(initial) if settings.sasl_ir => exchange.initial(initial),
            Some(_) => return Err(Refusal::bad("Initial response is not supported")),
            None => exchange.first(),
        };
        Ok((exchange, step))
    }

    fn log_in(&mut self, claim: &Claim) -> Answer {
        match self.connection.system.judge(Protocol::Imap, claim) {
            Login::Accepted(address) => {
                self.user = Some(address);
                Ok(format!("[CAPABILITY {}] Logged in", self.capabilities()))
            }
            Login::Refused => Err(Refusal::no("[AUTHENTICATIONFAILED] Authentication failed.")),
            Login::Unavailable => Err(Refusal::no("[UNAVAILABLE] Temporary authentication failure.")),
        }
    }
}
