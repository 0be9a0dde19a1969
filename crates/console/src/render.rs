//! From a template to a response.

use crate::fault::Fault;
use askama::Template;
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::{IntoResponse, Response};

/// Whether htmx asks for a part of a page rather than the page.
pub(crate) fn wants_fragment(headers: &HeaderMap) -> bool {
    headers.contains_key("hx-request")
}

/// A page or a fragment. Personal data: nobody between here and the screen may keep it.
pub(crate) fn html(template: &impl Template) -> Result<Response, Fault> {
    let body = template.render()?;
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8")),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
        (header::VARY, HeaderValue::from_static("HX-Request, Cookie, Accept-Language")),
    ];
    Ok((headers, body).into_response())
}

/// Filters for templates. Every text from outside goes through one of them.
#[expect(
    unreachable_pub,
    reason = "the items that askama's macro adds are public within a private module"
)]
pub(crate) mod filters {
    use crate::show;

    /// One line in which every character can be seen.
    #[askama::filter_fn]
    pub(crate) fn visible(text: impl AsRef<str>, _: &dyn askama::Values) -> askama::Result<String> {
        Ok(show::visible(text.as_ref()).into_owned())
    }

    /// Several lines in which every character can be seen.
    #[askama::filter_fn]
    pub(crate) fn visible_lines(
        text: impl AsRef<str>,
        _: &dyn askama::Values,
    ) -> askama::Result<String> {
        Ok(show::visible_lines(text.as_ref()).into_owned())
    }

    /// A number with thousands separated.
    #[askama::filter_fn]
    pub(crate) fn count(number: &u64, _: &dyn askama::Values) -> askama::Result<String> {
        Ok(show::count(*number))
    }

    /// The beginning of an identifier, enough to tell a few apart.
    #[askama::filter_fn]
    pub(crate) fn shorten(id: impl AsRef<str>, _: &dyn askama::Values) -> askama::Result<String> {
        Ok(id.as_ref().chars().take(8).collect())
    }

    /// A stored name as a part of a class or key: `may_not` → `may-not`.
    #[askama::filter_fn]
    pub(crate) fn dashed(name: impl AsRef<str>, _: &dyn askama::Values) -> askama::Result<String> {
        Ok(name.as_ref().replace('_', "-"))
    }

    /// An identifier as one segment of a path.
    #[askama::filter_fn]
    pub(crate) fn segment(id: impl AsRef<str>, _: &dyn askama::Values) -> askama::Result<String> {
        Ok(crate::url::segment(id.as_ref()))
    }

    /// The last part of a path.
    #[askama::filter_fn]
    pub(crate) fn file_name(
        path: impl AsRef<str>,
        _: &dyn askama::Values,
    ) -> askama::Result<String> {
        Ok(show::file_name(path.as_ref()).to_owned())
    }
}
