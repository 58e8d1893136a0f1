//! Verifies a mailbox and says what is wrong with it; servers that are not known follow the address.
//! `MAILTRIP_PASSWORD=… cargo run --example verify -- jane@centurylink.net`

use std::{env, error::Error};

use mailtrip::diagnose::{diagnose, verdict};
use mailtrip::{Check, Given, Location, Secret, Settings, Stop, verify};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = env::args().skip(1);
    let address = arguments.next().ok_or("usage: verify ADDRESS [SMTP IMAP]")?.parse()?;
    let proof = Secret::new(env::var("MAILTRIP_PASSWORD")?).into();
    let mut server = || arguments.next().map(|text| text.parse::<Location>()).transpose();
    // Without servers, those of the address's provider are used, where they are known.
    let (smtp, imap) = (server()?, server()?);
    let (username, pop3, ca, allow_cleartext_password) = (None, None, None, false);
    let given = Given { address, username, proof, smtp, imap, pop3, ca, allow_cleartext_password };
    let (account, _provider) = given.account()?;
    let check = Check::new("mine", account.clone(), account, Settings::default())?;

    let (_stopper, stop) = Stop::new();
    let outcome = verify::run(&check, &stop, &()).await;

    println!("{}", verdict(&outcome));
    for diagnosis in diagnose(&outcome) {
        println!("{}: {}", diagnosis.code, diagnosis.cause);
    }
    Ok(())
}
