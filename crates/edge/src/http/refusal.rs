//! Every way in which the API says no, in the one form that the contract knows.

use crate::accounts::{AccountRefused, LoginRefused};
use crate::store::StoreError;
use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use std::time::Duration;
use tagwerk_api::{ErrorAnswer, ErrorBody, ErrorCode, Finding};
use tagwerk_runtime::view::CommandRefused;

#[derive(Debug)]
pub struct Refusal {
    status: StatusCode,
    body: Box<ErrorBody>,
}

impl Refusal {
    pub fn new(
        status: StatusCode,
        code: ErrorCode,
        message: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Refusal {
        let body = ErrorBody {
            code,
            message: message.into(),
            remedy: remedy.into(),
            findings: None,
            retry_after_ms: None,
        };
        Refusal { status, body: Box::new(body) }
    }

    pub fn not_found(message: impl Into<String>, remedy: impl Into<String>) -> Refusal {
        Refusal::new(StatusCode::NOT_FOUND, ErrorCode::NotFound, message, remedy)
    }

    pub fn invalid(message: impl Into<String>, remedy: impl Into<String>) -> Refusal {
        Refusal::new(StatusCode::BAD_REQUEST, ErrorCode::Invalid, message, remedy)
    }

    pub fn unauthenticated(message: impl Into<String>) -> Refusal {
        let remedy = "log in, or send an API token as `Authorization: Bearer twk_…`";
        Refusal::new(StatusCode::UNAUTHORIZED, ErrorCode::Unauthenticated, message, remedy)
    }

    pub fn forbidden(message: impl Into<String>, remedy: impl Into<String>) -> Refusal {
        Refusal::new(StatusCode::FORBIDDEN, ErrorCode::Forbidden, message, remedy)
    }

    pub fn conflict(message: impl Into<String>, remedy: impl Into<String>) -> Refusal {
        Refusal::new(StatusCode::CONFLICT, ErrorCode::Conflict, message, remedy)
    }

    pub fn unavailable(message: impl Into<String>, remedy: impl Into<String>) -> Refusal {
        Refusal::new(StatusCode::SERVICE_UNAVAILABLE, ErrorCode::Unavailable, message, remedy)
    }

    pub fn internal(message: impl Into<String>) -> Refusal {
        let remedy = "try again; if it stays, the edge's log says more";
        Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, ErrorCode::Internal, message, remedy)
    }

    pub fn too_large(what: &str, bytes_max: usize) -> Refusal {
        Refusal::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            ErrorCode::TooLarge,
            format!("the body of {what} is larger than its limit of {bytes_max} bytes"),
            "send less at once",
        )
    }

    pub fn with_findings(mut self, findings: Vec<Finding>) -> Refusal {
        self.body.findings = Some(findings);
        self
    }

    fn rate_limited(wait: Duration) -> Refusal {
        let seconds = wait.as_secs() + 1;
        let mut refusal = Refusal::new(
            StatusCode::TOO_MANY_REQUESTS,
            ErrorCode::RateLimited,
            "too many wrong passwords",
            format!("wait {seconds} s and try again"),
        );
        refusal.body.retry_after_ms = Some(wait.as_millis() as u64 + 1);
        refusal
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let retry = self.body.retry_after_ms.map(|ms| HeaderValue::from(ms.div_ceil(1000)));
        let mut response = (self.status, Json(ErrorAnswer { error: *self.body })).into_response();
        if let Some(seconds) = retry {
            response.headers_mut().insert(header::RETRY_AFTER, seconds);
        }
        response
    }
}

impl From<StoreError> for Refusal {
    fn from(error: StoreError) -> Refusal {
        tracing::error!(%error, "the store failed");
        Refusal::internal(error.to_string())
    }
}

impl From<LoginRefused> for Refusal {
    fn from(refused: LoginRefused) -> Refusal {
        match refused {
            LoginRefused::Wrong => Refusal::new(
                StatusCode::UNAUTHORIZED,
                ErrorCode::Unauthenticated,
                "the user name or the password is wrong",
                "check both; an administrator can set a new password",
            ),
            LoginRefused::Wait(wait) => Refusal::rate_limited(wait),
            LoginRefused::SetupToken => Refusal::forbidden(
                "this setup link is not valid",
                "use the link that the edge printed at its latest start, or restart it for a new one",
            ),
            LoginRefused::AlreadySetUp => {
                Refusal::conflict("this edge has its administrator already", "log in")
            }
            LoginRefused::Choice(text) => Refusal::invalid(text, "choose another"),
            LoginRefused::Store(error) => error.into(),
        }
    }
}

impl From<AccountRefused> for Refusal {
    fn from(refused: AccountRefused) -> Refusal {
        match refused {
            AccountRefused::NotFound(text) => Refusal::not_found(text, "list them first"),
            AccountRefused::Exists(text) => Refusal::conflict(text, "choose another name"),
            AccountRefused::LastAdmin(text) => {
                Refusal::conflict(text, "make another user an administrator first")
            }
            AccountRefused::Choice(text) => Refusal::invalid(text, "choose another"),
            AccountRefused::Limit(text) => {
                Refusal::new(StatusCode::CONFLICT, ErrorCode::Limit, text, "remove an unused one")
            }
            AccountRefused::Password(LoginRefused::Wrong) => {
                Refusal::forbidden("the current password is wrong", "check it and try again")
            }
            AccountRefused::Password(refused) => refused.into(),
            AccountRefused::Store(error) => error.into(),
        }
    }
}

impl From<CommandRefused> for Refusal {
    fn from(refused: CommandRefused) -> Refusal {
        use CommandRefused::*;
        match refused {
            UnknownDevice(text) => Refusal::not_found(text, "list the devices first"),
            UnknownTag(text) => Refusal::not_found(text, "list the device's tags first"),
            NotWritable(text) => Refusal::invalid(
                format!("{text} cannot be written"),
                "give the tag `access: read_write` in the configuration if it may be written",
            ),
            Calculated(text) => Refusal::invalid(text, "write a tag that a device takes"),
            Value(text) => Refusal::invalid(text, "send a value of the tag's type and range"),
            Expiry(text) => Refusal::new(
                StatusCode::BAD_REQUEST,
                ErrorCode::Expired,
                text,
                "send the command again with an expiry that lies ahead",
            ),
            Id(text) => Refusal::invalid(text, "choose another id, or leave it out"),
            Conflict(text) => Refusal::conflict(text, "choose a new id for a new command"),
            Busy(text) => Refusal::new(
                StatusCode::SERVICE_UNAVAILABLE,
                ErrorCode::Limit,
                text,
                "wait until the commands before it have ended",
            ),
            Storage(text) => Refusal::unavailable(
                text,
                "nothing was sent; see the journal's state and try again",
            ),
        }
    }
}
