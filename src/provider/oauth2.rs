//! The token endpoints of providers whose mail takes OAuth 2.0.

/// Who gives access tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Authority {
    /// Google: Gmail and Google Workspace.
    Google,
    /// Microsoft: Microsoft 365 and Outlook.com.
    Microsoft,
}

impl Authority {
    /// The words for them in the configuration.
    pub const NAMES: [(&'static str, Authority); 2] =
        [("google", Authority::Google), ("microsoft", Authority::Microsoft)];

    /// The token endpoint. `tenant` is the directory of an organisation, by its id or one of its domains; without one,
    /// any account of Microsoft's (`common`).
    pub fn token_url(self, tenant: Option<&str>) -> String {
        match self {
            // developers.google.com/identity/protocols/oauth2/native-app, "Refreshing an access token".
            Authority::Google => "https://oauth2.googleapis.com/token".to_owned(),
            // learn.microsoft.com/entra/identity-platform/v2-oauth2-auth-code-flow, "Refresh the access token".
            Authority::Microsoft => {
                format!("https://login.microsoftonline.com/{}/oauth2/v2.0/token", tenant.unwrap_or("common"))
            }
        }
    }

    /// What an application asks for in its own name; `None` where a mailbox cannot be reached so.
    pub fn client_scope(self) -> Option<&'static str> {
        match self {
            // For that, Google has service accounts with signed assertions (RFC 7523).
            Authority::Google => None,
            // learn.microsoft.com/exchange/client-developer/legacy-protocols/how-to-authenticate-an-imap-pop-smtp-application-by-using-oauth
            Authority::Microsoft => Some("https://outlook.office365.com/.default"),
        }
    }
}
