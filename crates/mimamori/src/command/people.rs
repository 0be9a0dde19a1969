//! `mimamori admin person`, `department` and `device`: the company's people and whose each device is.

use crate::cli;
use crate::command::admin::{console_origin, open, sign_in_link};
use crate::terminal::{note, print_line, print_table, visible};
use anyhow::{Context as _, bail};
use control::view::people::{Invitation, PersonRow};
use control::{Control, Language, NewPerson, Principal, Role};
use model::DeviceId;
use std::net::SocketAddr;
use std::process::ExitCode;

pub(crate) async fn person(command: &cli::Person) -> anyhow::Result<ExitCode> {
    match command {
        cli::Person::Add(args) => add(args).await?,
        cli::Person::List(data) => list(&open(data).await?).await?,
        cli::Person::Roles(args) => {
            let (control, id) = known(&args.person).await?;
            let row =
                control.set_roles(Principal::Machine, &id, &args.roles, &args.limited_to).await?;
            note(&format!("{} is now {}", visible(&row.name), roles(&row)));
        }
        cli::Person::Disable(args) => {
            let (control, id) = known(args).await?;
            control.disable_person(Principal::Machine, &id).await?;
            note("disabled; all sessions and links have ended");
        }
        cli::Person::Enable(args) => {
            let (control, id) = known(args).await?;
            control.enable_person(Principal::Machine, &id).await?;
            note("enabled; invite the person if a link is needed");
        }
        cli::Person::Invite(args) => {
            let (control, id) = known(&args.person).await?;
            let invitation = control.invite_person(Principal::Machine, &id).await?;
            print_invitation(&args.person.data, args.console, &invitation)?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

pub(crate) async fn department(command: &cli::Department) -> anyhow::Result<ExitCode> {
    match command {
        cli::Department::Add(args) => {
            open(&args.data).await?.add_department(Principal::Machine, &args.name).await?;
        }
        cli::Department::List(data) => {
            let rows: Vec<Vec<String>> = open(data)
                .await?
                .departments_here()
                .await?
                .iter()
                .map(|row| vec![visible(&row.name), row.people.to_string()])
                .collect();
            print_table(&["department", "people"], &rows)?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

pub(crate) async fn device(command: &cli::Device) -> anyhow::Result<ExitCode> {
    match command {
        cli::Device::List(data) => {
            let devices = open(data).await?.device_owners_here().await?;
            let named = |pair: &Option<(String, String)>| {
                pair.as_ref().map(|(_, name)| visible(name)).unwrap_or_default()
            };
            let rows: Vec<Vec<String>> = devices
                .iter()
                .map(|row| {
                    vec![
                        visible(&row.name),
                        named(&row.owner),
                        named(&row.department),
                        row.device.to_string(),
                    ]
                })
                .collect();
            print_table(&["device", "owner", "department", "id"], &rows)?;
        }
        cli::Device::Owner(args) => {
            let control = open(&args.data).await?;
            let device = device_named(&control, &args.device).await?;
            let owner = match &args.owner {
                Some(name) => Some(person_id(&control, name).await?),
                None => None,
            };
            control.set_device_owner(Principal::Machine, device, owner.as_deref()).await?;
        }
        cli::Device::Department(args) => {
            let control = open(&args.data).await?;
            let device = device_named(&control, &args.device).await?;
            let department = args.department.as_deref();
            control.set_device_department(Principal::Machine, device, department).await?;
        }
        cli::Device::Groups(args) => {
            let control = open(&args.data).await?;
            let device = device_named(&control, &args.device).await?;
            control.set_device_groups(Principal::Machine, device, &args.groups).await?;
        }
        cli::Device::GroupList(data) => {
            let groups = open(data).await?.device_groups_here().await?;
            let rows: Vec<Vec<String>> = groups
                .iter()
                .map(|row| vec![visible(&row.name), row.devices.to_string()])
                .collect();
            print_table(&["group", "devices"], &rows)?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

async fn add(args: &cli::PersonAdd) -> anyhow::Result<()> {
    let data = &args.person.data;
    let control = open(data).await?;
    let new = NewPerson {
        name: args.person.name.clone(),
        roles: args.roles.clone(),
        language: Language::of_code(&args.language),
        time_zone: args.time_zone.clone(),
        department: args.department.clone(),
        manager: args.manager.clone(),
        limited_to: args.limited_to.clone(),
    };
    let row = control.add_person(Principal::Machine, &new).await?;
    note(&format!("added {} as {}", visible(&row.name), roles(&row)));
    let invitation = control.invite_person(Principal::Machine, &row.id).await?;
    print_invitation(data, args.console, &invitation)
}

async fn list(control: &Control) -> anyhow::Result<()> {
    let rows: Vec<Vec<String>> = control
        .people_here()
        .await?
        .iter()
        .map(|row| {
            vec![
                visible(&row.name),
                roles(row),
                row.department.as_deref().map(visible).unwrap_or_default(),
                row.manager.as_deref().map(visible).unwrap_or_default(),
                row.language.code().to_owned(),
                row.time_zone.clone(),
                row.last_seen_at.map(|at| at.to_string()).unwrap_or_default(),
                if row.disabled_at.is_some() { "disabled" } else { "" }.to_owned(),
            ]
        })
        .collect();
    let columns =
        ["name", "roles", "department", "manager", "language", "time zone", "last seen", "state"];
    print_table(&columns, &rows)
}

fn print_invitation(
    data: &cli::DataOption,
    console: Option<SocketAddr>,
    invitation: &Invitation,
) -> anyhow::Result<()> {
    print_line(&sign_in_link(&console_origin(data, console)?, &invitation.token))?;
    note(&format!("the link works once, until {}", invitation.expires_at));
    Ok(())
}

async fn known(args: &cli::NamedPerson) -> anyhow::Result<(Control, String)> {
    let control = open(&args.data).await?;
    let id = person_id(&control, &args.name).await?;
    Ok((control, id))
}

async fn person_id(control: &Control, name: &str) -> anyhow::Result<String> {
    control
        .person_of_name(name)
        .await
        .context("`mimamori admin person list` shows everybody; `person add` adds somebody")
}

/// A device by its id, or by its name when only one has it: names are what devices say of themselves.
async fn device_named(control: &Control, text: &str) -> anyhow::Result<DeviceId> {
    if let Ok(id) = DeviceId::parse(text) {
        return Ok(id);
    }
    let devices = control.device_owners_here().await?;
    let mut named = devices.iter().filter(|row| row.name == text);
    match (named.next(), named.next()) {
        (Some(only), None) => Ok(only.device),
        (None, _) => bail!("there is no device {text:?}; `mimamori admin device list` shows them"),
        (Some(_), Some(_)) => {
            bail!(
                "several devices are named {text:?}; use the id from `mimamori admin device list`"
            )
        }
    }
}

fn roles(row: &PersonRow) -> String {
    row.roles.iter().copied().map(Role::name).collect::<Vec<_>>().join(", ")
}
