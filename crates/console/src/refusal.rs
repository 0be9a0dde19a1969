//! What control refuses, as a status and a title. Its words are control's own.

use crate::language::Language;
use crate::show;
use axum::http::StatusCode;
use control::{ControlError, ErrorClass};

/// Whether the error only means that nobody is signed in.
pub(crate) const fn is_signed_out(error: &ControlError) -> bool {
    matches!(error, ControlError::SessionEnded { .. })
}

/// Whether the error is about what the person typed, so that it belongs beside the form.
pub(crate) const fn is_about_the_search(error: &ControlError) -> bool {
    matches!(error, ControlError::UnknownField { .. } | ControlError::BadQuery(_))
}

/// Whether the person can put it right in the form that was sent, so that it is said beside the form with everything
/// still in it. What somebody may not do is a page of its own.
pub(crate) const fn is_about_the_form(error: &ControlError) -> bool {
    match error {
        ControlError::NotPermitted { .. } | ControlError::SessionEnded { .. } => false,
        ControlError::Changed { .. } => true,
        _ => matches!(error.class(), ErrorClass::Reject),
    }
}

/// The status, the key of the title, and what the person may read.
pub(crate) fn of_control(
    error: &ControlError,
    language: Language,
) -> (StatusCode, &'static str, String) {
    let (status, title) = match error {
        ControlError::NotFound { .. } => (StatusCode::NOT_FOUND, "error-not-found"),
        ControlError::NotPermitted { .. } => (StatusCode::FORBIDDEN, "error-forbidden"),
        ControlError::SignInRefused { .. } => (StatusCode::UNAUTHORIZED, "error-refused"),
        error if matches!(error.class(), ErrorClass::Reject) => {
            (StatusCode::BAD_REQUEST, "error-malformed")
        }
        error if matches!(error.class(), ErrorClass::Retry) => {
            (StatusCode::SERVICE_UNAVAILABLE, "error-unavailable")
        }
        _ => (StatusCode::INTERNAL_SERVER_ERROR, "error-internal"),
    };
    (status, title, message(error, language))
}

/// Control's words for the person; they may quote what was typed, so they are made visible.
pub(crate) fn message(error: &ControlError, language: Language) -> String {
    let language = match language {
        Language::Ja => control::Language::Ja,
        Language::En => control::Language::En,
    };
    show::visible(&error.user_message(language)).into_owned()
}
