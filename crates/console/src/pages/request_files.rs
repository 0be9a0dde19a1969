//! The file of a request: it comes with the form, whose fields are kept whichever button was pressed.

use crate::fault::Fault;
use crate::limits::BODY_BYTES_MAX;
use crate::page::Section;
use crate::pages::requests::{Fields, filled, form_page, typed_again};
use crate::pages::settings::to;
use crate::render::html;
use crate::session::Viewer;
use crate::url::{Href, segment};
use axum::extract::multipart::{Field, MultipartError};
use axum::extract::{Multipart, Path};
use axum::response::Response;
use control::ControlError;

/// `POST /requests/{id}/files`: one file, streamed to the store as it comes, after the fields of its form, which are
/// kept.
pub(super) async fn attach(
    viewer: Viewer,
    Path(id): Path<String>,
    mut body: Multipart,
) -> Result<Response, Fault> {
    let (control, actor) = (&viewer.control, &viewer.actor);
    let mut fields = Fields::default();
    while let Some(mut field) = body.next_field().await.map_err(malformed)? {
        let Some(file) = field.file_name().map(str::to_owned) else {
            let name = field.name().unwrap_or_default().to_owned();
            fields.take(&name, text_of(&mut field).await?);
            continue;
        };
        if file.is_empty() {
            continue;
        }
        if !fields.kind.is_empty()
            && let Err(error) = fields.keep(control, actor, &id).await
        {
            if !crate::refusal::is_about_the_form(&error) {
                return Err(error.into());
            }
            let problem =
                crate::refusal::message(&error, viewer.page(Section::Requests).language());
            return typed_again(&viewer, &id, fields, problem).await;
        }
        return match stored(&viewer, &id, &file, field).await? {
            None => Ok(said_of(&id, "said-uploaded", &fields.finding)),
            Some(problem) => {
                let view = control.request(actor, &id).await?;
                let page = viewer.page(Section::Requests);
                html(&form_page(page, view, fields.finding, None, false, Some(problem)))
            }
        };
    }
    Ok(said_of(&id, "", &fields.finding))
}

/// The text of a field; longer than any field of the form may be is refused.
async fn text_of(field: &mut Field<'_>) -> Result<String, Fault> {
    let mut bytes = Vec::new();
    while let Some(chunk) = field.chunk().await.map_err(malformed)? {
        bytes.extend_from_slice(&chunk);
        if bytes.len() > BODY_BYTES_MAX {
            return Err(Fault::Malformed("a field of the form is too long".to_owned()));
        }
    }
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// Streams a file to the store; the words of a refusal that the person can put right.
async fn stored(
    viewer: &Viewer,
    id: &str,
    name: &str,
    mut field: Field<'_>,
) -> Result<Option<String>, Fault> {
    let (control, actor) = (&viewer.control, &viewer.actor);
    let refused = |error: ControlError| {
        let language = viewer.page(Section::Requests).language();
        match crate::refusal::is_about_the_form(&error) {
            true => Ok(Some(crate::refusal::message(&error, language))),
            false => Err(Fault::from(error)),
        }
    };
    let mut upload = match control.attach_begin(actor, id, name).await {
        Ok(upload) => upload,
        Err(error) => return refused(error),
    };
    while let Some(chunk) = field.chunk().await.map_err(malformed)? {
        if let Err(error) = upload.write(&chunk) {
            return refused(error);
        }
    }
    match control.attach_end(actor, upload).await {
        Ok(_) => Ok(None),
        Err(error) => refused(error),
    }
}

fn said_of(id: &str, said: &str, finding: &str) -> Response {
    let said = [("said", said), ("finding", finding)];
    to(&Href::new(&format!("/requests/{}", segment(id)), &said.map(filled).concat()))
}

fn malformed(err: MultipartError) -> Fault {
    Fault::Malformed(err.to_string())
}
