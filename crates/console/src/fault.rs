//! What goes wrong on the way to a page, and how that is said.
//!
//! A fault travels in the response's extensions to [`crate::frame`], which alone knows the language and
//! writes the page; so no use of a handler can forget it.

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use control::ControlError;
use std::sync::Arc;

/// Why there is no page.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Fault {
    /// Nobody is signed in, or no longer.
    #[error("nobody is signed in")]
    SignInNeeded,
    /// There is nothing under this address.
    #[error("nothing under this address")]
    NotFound,
    /// The request came from another site, or does not say where from.
    #[error("request from another site: {0}")]
    ForeignOrigin(String),
    /// The host name is not one of ours: a wrong bookmark, or an attempt to rebind a name.
    #[error(
        "host {0:?} is not one of the console's names; add it to the console's hosts if it should be"
    )]
    ForeignHost(String),
    /// The request is malformed.
    #[error("malformed request: {0}")]
    Malformed(String),
    /// What control says.
    #[error(transparent)]
    Control(#[from] ControlError),
    /// A handler panicked: a bug of ours.
    #[error("panicked: {0}")]
    Panicked(String),
    /// A template could not be written.
    #[error("template: {0}")]
    Template(#[from] askama::Error),
}

impl IntoResponse for Fault {
    fn into_response(self) -> Response {
        let mut response = StatusCode::INTERNAL_SERVER_ERROR.into_response();
        response.extensions_mut().insert(Arc::new(self));
        response
    }
}
