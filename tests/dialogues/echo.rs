//! Servers that repeat the access token that they were told, in each of the ways in which one may.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use mailtrip::account::{Auth, Endpoint, Proof, Secret, TokenSource};
use mailtrip::report::{Format, render, terminal::Style};
use mailtrip::stage::{Leg, Stage};

use crate::player::{Played, Script, on, play_account, say, usual};

const TOKEN: &str = "ya29.a0AfH6SMBx_vQ-7Zq9";

/// No part of the token that is worth anything is in a report, transcript included, plainly or in base64.
fn is_covered(played: &Played) {
    for format in [Format::Json, Format::Terminal] {
        let style = Style { verbose: true, ..Style::default() };
        let report = render(std::slice::from_ref(&played.outcome), format, &style);
        let decoded = report.split(|c: char| !c.is_ascii_alphanumeric() && !"+/=".contains(c));
        let decoded = decoded.filter_map(|word| BASE64.decode(word).ok());
        let decoded: String = decoded.map(|bytes| String::from_utf8_lossy(&bytes).into_owned() + "\n").collect();
        for part in TOKEN.as_bytes().windows(8) {
            let part = std::str::from_utf8(part).expect("ASCII");
            assert!(!report.contains(part), "{part} is in\n{report}");
            assert!(!decoded.contains(part), "{part} is in\n{decoded}\nof\n{report}");
        }
        assert!(report.contains("***"), "{report}");
    }
}

async fn play_token(auth: Auth, source: TokenSource, smtp: Script, imap: Script) -> Played {
    let source = Arc::new(source);
    play_account(
        smtp,
        imap,
        |mail| {
            mail.capabilities = mail.capabilities.replace("AUTH=PLAIN", "AUTH=XOAUTH2 AUTH=OAUTHBEARER");
            mail.keywords[1] = "AUTH XOAUTH2 OAUTHBEARER".to_owned();
        },
        |account, _| {
            let by_token = |endpoint: &mut Endpoint| {
                endpoint.auth = auth;
                endpoint.credentials.proof = Proof::Token(source.clone());
            };
            account.smtp.iter_mut().chain(&mut account.imap).for_each(by_token);
        },
    )
    .await
}

/// What a server may say of a token: the token, what is left of it in a line that was cut, what it was sent in, and a JSON
/// text in base64, where it can begin at any of three places.
fn echoes() -> Vec<String> {
    let xoauth2 = format!("user=a@b.test\x01auth=Bearer {TOKEN}\x01\x01");
    let oauthbearer = format!("n,a=a@b.test,\x01host=127.0.0.1\x01port=1\x01auth=Bearer {TOKEN}\x01\x01");
    let mut echoes = vec![TOKEN.to_owned(), format!("Bearer {}...", &TOKEN[..16]), format!("\"{}", &TOKEN[9..])];
    echoes.extend([BASE64.encode(xoauth2), BASE64.encode(oauthbearer)]);
    echoes.extend(
        ["", "1", "22"].map(|shift| BASE64.encode(format!("{{\"status\":\"401{shift}\",\"token\":\"{TOKEN}\"}}"))),
    );
    echoes
}

fn sources() -> [TokenSource; 2] {
    [TokenSource::AtHand(Secret::new(TOKEN)), TokenSource::Command(["echo", TOKEN].map(str::to_owned).to_vec())]
}

#[tokio::test]
async fn a_refusal_that_repeats_the_token() {
    for echo in echoes() {
        for source in sources() {
            let (smtp, imap) = (echo.clone(), echo.clone());
            let smtp = on("AUTH", move |_| say(format!("535-5.7.8 no such token:\r\n535 5.7.8 {smtp}\r\n")));
            let imap = on("AUTHENTICATE", move |tag| {
                say(format!("{tag} NO [AUTHENTICATIONFAILED] no such token: {imap}\r\n"))
            });
            let played = play_token(Auth::Xoauth2, source, smtp, imap).await;
            played.refused(Leg::Submission, Stage::Login);
            is_covered(&played);
        }
    }
}

#[tokio::test]
async fn a_challenge_that_repeats_the_token() {
    for auth in [Auth::Xoauth2, Auth::Oauthbearer] {
        for shift in ["", "1", "22"] {
            let told = BASE64.encode(format!("{{\"status\":\"401{shift}\",\"token\":\"{TOKEN}\"}}"));
            let script: Script = Box::new(move |_, _, line| match line {
                line if line.starts_with("AUTH") => say(format!("334 {told}\r\n")),
                "" | "AQ==" => say("535 5.7.8 no\r\n"),
                _ => crate::player::Act::Usual,
            });
            let [_, fetched] = sources();
            let played = play_token(auth, fetched, script, usual()).await;
            played.refused(Leg::Submission, Stage::Login);
            is_covered(&played);
        }
    }
}
