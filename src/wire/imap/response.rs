//! What a response says, taken over from the parser.

use async_imap::imap_proto::rfc2087::QuotaResourceName;
use async_imap::imap_proto::{AttributeValue, MailboxDatum, MailboxListData, NameAttribute, Response, StatusAttribute};

use super::guard::Guard;
use super::{Event, Fetched, Listed, StatusOf, Storage, Tag, status_of};

pub(super) fn event(response: &Response<'_>, guard: &Guard) -> Option<Event> {
    Some(match response {
        Response::Done { tag, .. } => Event::Done(Tag(tag.0.clone()), status_of(guard)?),
        Response::Data { .. } => Event::Status(status_of(guard)?),
        Response::Continue(_) => Event::Continue,
        Response::Expunge(number) => Event::Expunged(*number),
        Response::Fetch(_, attributes) => Event::Fetched(fetched(attributes)),
        Response::MailboxData(MailboxDatum::Exists(count)) => Event::Exists(*count),
        Response::MailboxData(MailboxDatum::Search(found)) => Event::Found(found.clone()),
        Response::Quota(quota) => {
            let storage = quota.resources.iter().find(|resource| resource.name == QuotaResourceName::Storage)?;
            Event::Storage(Storage { used_kib: storage.usage, limit_kib: storage.limit })
        }
        Response::MailboxData(MailboxDatum::Status { mailbox, status }) => {
            Event::StatusOf(status_data(&unquoted(mailbox, guard.current()), status))
        }
        Response::MailboxData(MailboxDatum::List(list)) => Event::Listed(listed(list, guard.current())),
        _ => return None,
    })
}

/// The parser leaves the backslashes of a quoted name in it (RFC 9051 §4.3); a literal has none to be taken out.
fn unquoted(name: &str, response: &[u8]) -> String {
    let literal = response.contains(&b'\n');
    let mut characters = name.chars();
    let mut unquoted = String::with_capacity(name.len());
    while let Some(character) = characters.next() {
        match character {
            '\\' if !literal => unquoted.extend(characters.next()),
            _ => unquoted.push(character),
        }
    }
    unquoted
}

fn listed(list: &MailboxListData<'_>, response: &[u8]) -> Listed {
    let has = |wanted: NameAttribute<'_>| list.name_attributes.contains(&wanted);
    Listed {
        name: unquoted(&list.name, response),
        delimiter: list.delimiter.as_ref().map(|delimiter| unquoted(delimiter, response)),
        sent: has(NameAttribute::Sent),
        junk: has(NameAttribute::Junk),
        no_select: has(NameAttribute::NoSelect) || has(NameAttribute::Extension("\\NonExistent".into())),
    }
}

fn fetched(attributes: &[AttributeValue<'_>]) -> Fetched {
    let mut fetched = Fetched::default();
    for attribute in attributes {
        match attribute {
            AttributeValue::Uid(uid) => fetched.uid = Some(*uid),
            AttributeValue::Flags(flags) => fetched.flags = Some(flags.iter().map(ToString::to_string).collect()),
            AttributeValue::BodySection { section: Some(_), data, .. } => {
                fetched.header = data.as_ref().map(|data| data.to_vec())
            }
            AttributeValue::BodySection { section: None, data, .. } => {
                fetched.whole = data.as_ref().map(|data| data.to_vec())
            }
            _ => {}
        }
    }
    fetched
}

fn status_data(mailbox: &str, status: &[StatusAttribute]) -> StatusOf {
    let mut of = StatusOf { name: mailbox.to_owned(), messages: None, uid_next: None, uid_validity: None };
    for attribute in status {
        match attribute {
            StatusAttribute::Messages(messages) => of.messages = Some(*messages),
            StatusAttribute::UidNext(uid_next) => of.uid_next = Some(*uid_next),
            StatusAttribute::UidValidity(uid_validity) => of.uid_validity = Some(*uid_validity),
            _ => {}
        }
    }
    of
}
