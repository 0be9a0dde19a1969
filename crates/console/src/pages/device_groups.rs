//! Where a device belongs: its owner, department and groups, on its page, and the form that changes the groups.

use crate::App;
use crate::fault::Fault;
use crate::pages::settings::to;
use crate::session::Viewer;
use crate::url::{Href, segment};
use axum::Router;
use axum::extract::{Form as Sent, Path};
use axum::response::Response;
use axum::routing::post;
use control::Principal;
use model::DeviceId;
use std::sync::Arc;

pub(crate) fn routes() -> Router<Arc<App>> {
    Router::new().route("/devices/{id}/groups", post(set))
}

/// Where a device belongs, as shown.
pub(crate) struct Belonging {
    pub(crate) owner: Option<String>,
    pub(crate) department: Option<String>,
    pub(crate) groups: Vec<String>,
    /// The groups as the form has them.
    pub(crate) text: String,
    /// Every group, to choose from.
    pub(crate) known: Vec<String>,
}

impl Belonging {
    /// Of a device that the viewer may see.
    pub(crate) async fn of(viewer: &Viewer, device: DeviceId) -> Result<Self, Fault> {
        let (control, actor) = (&viewer.control, &viewer.actor);
        let owners = control.device_owners(actor).await?;
        let row = owners.into_iter().find(|row| row.device == device);
        let (owner, department) = row.map(|row| (row.owner, row.department)).unwrap_or_default();
        let groups = control.groups_of_device(actor, device).await?;
        let known = control.device_groups(actor).await?;
        Ok(Self {
            owner: owner.map(|(_, name)| name),
            department: department.map(|(_, name)| name),
            text: groups.join(", "),
            groups,
            known: known.into_iter().map(|row| row.name).collect(),
        })
    }
}

#[derive(serde::Deserialize)]
struct Given {
    #[serde(default)]
    groups: String,
}

/// `POST /devices/{id}/groups`.
async fn set(
    viewer: Viewer,
    Path(id): Path<String>,
    Sent(given): Sent<Given>,
) -> Result<Response, Fault> {
    let id = DeviceId::parse(&id).map_err(|_| Fault::NotFound)?;
    // A Japanese keyboard gives other commas.
    let names = given.groups.split([',', '、', '，']).map(str::trim);
    let names: Vec<String> = names.filter(|name| !name.is_empty()).map(ToOwned::to_owned).collect();
    let principal = Principal::Person(&viewer.actor);
    viewer.control.set_device_groups(principal, id, &names).await?;
    Ok(to(&Href::new(&format!("/devices/{}", segment(&id.to_string())), &[])))
}
