//! The report that a message could not be delivered (RFC 3464), as Postfix writes it.

use super::HOST;
use super::fault::Reply;
use super::submission::{Submission, date};

/// Why which message did not reach whom.
pub(super) struct Bounce<'a> {
    /// The queue id of the message.
    pub id: &'a str,
    pub recipient: &'a str,
    /// What the next server said.
    pub reply: &'a Reply,
}

impl Bounce<'_> {
    /// The whole message to the sender: a notification for people, the fields for programs, the message itself.
    pub fn report(&self, submission: &Submission) -> Vec<u8> {
        let boundary = format!("{}.1/{HOST}", self.id);
        let Self { recipient, reply, .. } = self;
        let mut report = self.header(submission, &boundary);
        report += &format!(
            "This is a MIME-encapsulated message.\r\n\r\n\
             --{boundary}\r\nContent-Description: Notification\r\nContent-Type: text/plain; charset=us-ascii\r\n\r\n\
             This is the mail system at host {HOST}.\r\n\r\n\
             I'm sorry to have to inform you that your message could not\r\n\
             be delivered to one or more recipients. It's attached below.\r\n\r\n\
             <{recipient}>: host mx.elsewhere.test[192.0.2.1] said: {}\r\n    (in reply to RCPT TO command)\r\n\r\n\
             --{boundary}\r\nContent-Description: Delivery report\r\nContent-Type: message/delivery-status\r\n\r\n{}\r\n\
             --{boundary}\r\nContent-Description: Undelivered Message\r\nContent-Type: message/rfc822\r\n\r\n",
            reply.line(),
            self.status(submission),
        );
        let mut report = report.into_bytes();
        report.extend_from_slice(&submission.text);
        report.extend_from_slice(format!("\r\n--{boundary}--\r\n").as_bytes());
        report
    }

    fn header(&self, submission: &Submission, boundary: &str) -> String {
        let (date, to, id) = (date(), &submission.from, self.id);
        format!(
            "Return-Path: <>\r\nDelivered-To: {to}\r\n\
             Received: by {HOST} (mailtrip sandbox)\r\n\tid {id}; {date}\r\n\
             Date: {date}\r\nFrom: MAILER-DAEMON@{HOST} (Mail Delivery System)\r\n\
             Subject: Undelivered Mail Returned to Sender\r\nTo: {to}\r\nAuto-Submitted: auto-replied\r\n\
             MIME-Version: 1.0\r\nContent-Type: multipart/report; report-type=delivery-status;\r\n\tboundary=\"{boundary}\"\r\n\
             Message-Id: <{id}.bounce@{HOST}>\r\n\r\n"
        )
    }

    /// The fields of the message and, after an empty line, those of the recipient (RFC 3464 §2).
    fn status(&self, submission: &Submission) -> String {
        let Self { id, recipient, reply } = self;
        let enhanced = reply.text.split(' ').next().filter(|word| word.split('.').count() == 3).unwrap_or("5.0.0");
        format!(
            "Reporting-MTA: dns; {HOST}\r\nX-Postfix-Queue-ID: {id}\r\nX-Postfix-Sender: rfc822; {from}\r\n\
             Arrival-Date: {date}\r\n\r\n\
             Final-Recipient: rfc822; {recipient}\r\nOriginal-Recipient: rfc822;{recipient}\r\nAction: failed\r\n\
             Status: {enhanced}\r\nRemote-MTA: dns; mx.elsewhere.test\r\nDiagnostic-Code: smtp; {line}\r\n",
            from = submission.from,
            date = date(),
            line = reply.line(),
        )
    }
}
