//! How full a mailbox is, where the server tells it (RFC 9208).

use crate::failure::Failure;
use crate::outcome::Fact;
use crate::wire::imap::{Event, Imap, Storage};

/// The quota of the inbox: of several, the one that is nearest to its limit (RFC 9208 §4.3.2). A round trip, where the server
/// has quotas at all.
///
/// # Errors
/// When the server refuses to tell, or the session is lost.
pub async fn of(imap: &mut Imap) -> Result<Option<Fact>, Failure> {
    let free = |storage: Storage| storage.limit_kib.saturating_sub(storage.used_kib);
    let mut tightest: Option<Storage> = None;
    if imap.offers("QUOTA") {
        let take = |event| {
            if let Event::Storage(storage) = event
                && tightest.is_none_or(|tightest| free(storage) < free(tightest))
            {
                tightest = Some(storage);
            }
        };
        imap.run("GETQUOTAROOT INBOX", take).await?;
    }
    Ok(tightest.map(|Storage { used_kib, limit_kib }| Fact::Quota { used_kib, limit_kib }))
}
