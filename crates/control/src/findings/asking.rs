//! The request that answers a finding: its kind and what the inventory knows of the software already.

use super::stored::Stored;
use crate::ControlError;
use crate::inventory::{ITEM_COLUMNS, item_of};
use crate::store::Writing;
use crate::view::requests::{Form, Kind};
use model::inventory::{InventoryItem, SoftwareSource};

/// Kind and form of a request about a finding's software. What would not fit into the form is left for the person.
pub(super) async fn request_of(
    writing: &mut Writing,
    stored: &Stored,
) -> Result<(Kind, Form), ControlError> {
    let mut form = Form {
        name: software::clean(&stored.name).text,
        version: stored.version.clone(),
        title: stored.subject.strip_prefix("title:").unwrap_or_default().to_owned(),
        ..Form::default()
    };
    let Some((source, key)) = stored.items.first() else { return Ok((Kind::Installer, form)) };
    let kind = kind_of(*source);
    if let Some(item) = item_at(writing, &stored.device, *source, key).await? {
        form.publisher = software::clean(&item.publisher).text;
        form.url = item.origin_url;
        match kind {
            Kind::Extension => form.extension_id = item.identifier,
            Kind::Portable => form.sha256 = item.sha256,
            Kind::Installer => {}
        }
    }
    for fault in form.shape_faults() {
        let field = match fault.field {
            "version" => &mut form.version,
            "title" => &mut form.title,
            "publisher" => &mut form.publisher,
            "extension_id" => &mut form.extension_id,
            "url" => &mut form.url,
            "sha256" => &mut form.sha256,
            _ => &mut form.name,
        };
        field.clear();
    }
    Ok((kind, form))
}

const fn kind_of(source: SoftwareSource) -> Kind {
    match source {
        SoftwareSource::Executed | SoftwareSource::AppImage => Kind::Portable,
        _ if source.is_browser() => Kind::Extension,
        _ => Kind::Installer,
    }
}

async fn item_at(
    writing: &mut Writing,
    device: &str,
    source: SoftwareSource,
    key: &str,
) -> Result<Option<InventoryItem>, ControlError> {
    let sql = format!(
        "SELECT {ITEM_COLUMNS} FROM installed AS i JOIN software_item AS s ON s.id = i.item_id \
         WHERE i.device_id = $1 AND i.source = $2 AND i.item_key = $3"
    );
    let row = crate::scope::statement(sql)
        .bind(device.to_owned())
        .bind(source.name())
        .bind(key.to_owned())
        .fetch_optional(&mut **writing)
        .await?;
    row.map(|row| item_of(&row, 0, key.to_owned(), None)).transpose()
}
