//! Events of an ordinary day on Windows machines, as Sysmon and PowerShell write them: mostly the same
//! programs, with process ids, users, random names and arguments that vary.
//!
//! The shares of the kinds follow a Sysmon configuration in wide use; about a third of all values never come
//! twice, so that an engine which remembers values does not look better than it is.

mod machine;

use machine::Dice;
use model::{
    AgentId, DeviceId, EpochId, Event, EventKind, Fields, LogSource, StreamKey, Timestamp,
};

/// `count` events; other seeds give other values from the same distribution.
#[must_use]
pub fn events(seed: u64, count: usize) -> Vec<Event> {
    let mut dice = Dice(seed ^ 0x9E37_79B9_7F4A_7C15);
    (0..count as u64)
        .map(|place| {
            let (kind, source, fields) = one(&mut dice, place);
            let (agent, epoch) = (AgentId::from_bits(0), EpochId::from_bits(0));
            Event {
                kind,
                device: DeviceId::from_bits(0),
                stream: StreamKey { agent, epoch, seq: place + 1 },
                observed_at: Timestamp::from_nanos(0),
                received_at: Timestamp::from_nanos(0),
                source,
                fields,
                raw: None,
            }
        })
        .collect()
}

fn one(dice: &mut Dice, place: u64) -> (EventKind, LogSource, Fields) {
    let row = KINDS[dice.weighted(&KINDS.map(|kind| kind.share))];
    let mut fields: Fields = [("Channel", row.channel), ("Provider_Name", row.provider)]
        .into_iter()
        .map(|(name, value)| (name, model::Value::from(value)))
        .collect();
    fields.set("EventID", row.event_id);
    fields.set("Computer", format!("PC-{:04}.corp.example", dice.below(400)));
    fields.set("EventRecordID", place + 100_000);
    (row.fill)(dice, &mut fields);
    let source = LogSource {
        product: "windows".into(),
        services: vec![row.service.into()],
        categories: row.categories.iter().map(|category| (*category).into()).collect(),
    };
    (row.kind, source, fields)
}

#[derive(Clone, Copy)]
struct Row {
    share: u32,
    kind: EventKind,
    event_id: i64,
    service: &'static str,
    channel: &'static str,
    provider: &'static str,
    categories: &'static [&'static str],
    fill: fn(&mut Dice, &mut Fields),
}

const fn sysmon(
    share: u32,
    event_id: i64,
    kind: EventKind,
    categories: &'static [&'static str],
    fill: fn(&mut Dice, &mut Fields),
) -> Row {
    let channel = "Microsoft-Windows-Sysmon/Operational";
    let provider = "Microsoft-Windows-Sysmon";
    Row { share, kind, event_id, service: "sysmon", channel, provider, categories, fill }
}

const KINDS: [Row; 9] = [
    sysmon(22, 1, EventKind::ProcessStart, &["process_creation"], process),
    sysmon(14, 3, EventKind::NetworkConnect, &["network_connection"], network),
    sysmon(12, 7, EventKind::ImageLoad, &["image_load"], image_load),
    sysmon(9, 10, EventKind::ProcessAccess, &["process_access"], access),
    sysmon(12, 11, EventKind::FileCreate, &["file_event"], file),
    sysmon(9, 12, EventKind::RegistryAdd, &["registry_event", "registry_add"], registry_key),
    sysmon(12, 13, EventKind::RegistrySet, &["registry_event", "registry_set"], registry_value),
    sysmon(8, 22, EventKind::DnsQuery, &["dns_query"], dns),
    Row {
        share: 2,
        kind: EventKind::Script,
        event_id: 4104,
        service: "powershell",
        channel: "Microsoft-Windows-PowerShell/Operational",
        provider: "Microsoft-Windows-PowerShell",
        categories: &["ps_script"],
        fill: script,
    },
];

fn common(dice: &mut Dice, fields: &mut Fields) {
    fields.set("RuleName", "-");
    let (hour, second, milli) = (dice.below(24), dice.below(60), dice.below(1000));
    fields.set("UtcTime", format!("2026-05-04 {hour:02}:17:{second:02}.{milli:03}"));
    fields.set("ProcessGuid", dice.guid());
    fields.set("ProcessId", i64::from(dice.below(20_000)));
}

fn process(dice: &mut Dice, fields: &mut Fields) {
    common(dice, fields);
    let program = dice.program();
    let parent = Dice::parent(&program);
    fields.set("Image", program.image);
    fields.set("FileVersion", "10.0.19041.3636 (WinBuild.160101.0800)");
    fields.set("Description", program.description);
    fields.set("Product", "Microsoft® Windows® Operating System");
    fields.set("Company", program.company);
    fields.set("OriginalFileName", program.original);
    fields.set("CommandLine", dice.command_line(&program));
    fields.set(
        "CurrentDirectory",
        *dice.of(&["C:\\Windows\\system32\\", "C:\\Users\\suzuki\\", "C:\\"]),
    );
    fields.set("User", dice.user());
    fields.set("LogonGuid", dice.guid());
    fields.set("LogonId", format!("0x{:x}", dice.next() & 0xff_ffff));
    fields.set("IntegrityLevel", *dice.of(&["Medium", "High", "System"]));
    fields.set("Hashes", dice.hashes(&program));
    fields.set("ParentImage", parent.image);
    fields.set("ParentCommandLine", dice.command_line(&parent));
    fields.set("ParentUser", dice.user());
}

fn network(dice: &mut Dice, fields: &mut Fields) {
    common(dice, fields);
    fields.set("Image", dice.online().image);
    fields.set("User", dice.user());
    fields.set("Protocol", *dice.of(&["tcp", "udp"]));
    fields.set("Initiated", *dice.of(&["true", "true", "true", "false"]));
    fields.set("SourceIsIpv6", "false");
    fields.set("SourceIp", format!("10.0.{}.{}", dice.below(8), dice.below(250)));
    fields.set("SourcePort", i64::from(50_000 + dice.below(10_000)));
    let octets = [dice.below(220), dice.below(250), dice.below(250), dice.below(250)];
    fields.set("DestinationIp", octets.map(|octet| octet.to_string()).join("."));
    fields.set("DestinationHostname", dice.host());
    fields.set("DestinationPort", *dice.of(&[443_i64, 443, 443, 80, 53]));
}

fn image_load(dice: &mut Dice, fields: &mut Fields) {
    common(dice, fields);
    let program = dice.program();
    let library = dice.of(&[
        "ntdll",
        "kernel32",
        "kernelbase",
        "user32",
        "gdi32",
        "advapi32",
        "sechost",
        "rpcrt4",
        "combase",
        "amsi",
        "clr",
        "taskschd",
        "wbemprox",
        "vaultcli",
        "samlib",
        "wininet",
        "mscoree",
    ]);
    fields.set("Image", program.image);
    fields.set("ImageLoaded", format!("C:\\Windows\\System32\\{library}.dll"));
    fields.set("Hashes", dice.hashes(&program));
    fields.set("Signed", "true");
    fields.set("Signature", "Microsoft Windows");
    fields.set("SignatureStatus", "Valid");
    fields.set("OriginalFileName", format!("{library}.dll"));
    fields.set("User", dice.user());
}

fn access(dice: &mut Dice, fields: &mut Fields) {
    common(dice, fields);
    fields.set("SourceImage", dice.program().image);
    fields.set("TargetImage", dice.program().image);
    fields.set("GrantedAccess", *dice.of(&["0x1000", "0x1400", "0x1478", "0x1fffff", "0x40"]));
    let frames = 3 + dice.below(12);
    let trace: Vec<String> = (0..frames)
        .map(|_| {
            let library = *dice.of(&["ntdll", "KERNELBASE", "sechost", "rpcrt4", "combase"]);
            format!("C:\\Windows\\System32\\{library}.dll+{:x}", dice.next() & 0xf_ffff)
        })
        .collect();
    fields.set("CallTrace", trace.join("|"));
    fields.set("SourceUser", dice.user());
    fields.set("TargetUser", "NT AUTHORITY\\SYSTEM");
}

fn file(dice: &mut Dice, fields: &mut Fields) {
    common(dice, fields);
    let program = dice.program();
    fields.set("Image", program.image);
    let folder = dice.of(&[
        "C:\\Users\\suzuki\\AppData\\Local\\Temp",
        "C:\\Windows\\Temp",
        "C:\\Windows\\Prefetch",
        "C:\\ProgramData\\Microsoft\\Windows\\WER\\Temp",
        "C:\\Users\\tanaka\\Downloads",
        "C:\\Users\\tanaka\\AppData\\Local\\Microsoft\\Edge\\User Data\\Default\\Cache",
    ]);
    let ending = *dice.of(&["tmp", "log", "pf", "json", "dll", "etl", "xlsx", "zip", "lnk", "dat"]);
    // On an ordinary day, Office writes neither libraries nor shortcuts.
    let ending = match ending {
        "dll" | "lnk" if program.image.contains("\\Microsoft Office\\") => "tmp",
        ending => ending,
    };
    fields.set("TargetFilename", format!("{folder}\\{}.{ending}", dice.word()));
    fields.set("CreationUtcTime", "2026-05-04 03:17:22.123");
    fields.set("User", dice.user());
}

fn registry_key(dice: &mut Dice, fields: &mut Fields) {
    common(dice, fields);
    fields.set("EventType", "CreateKey");
    fields.set("Image", dice.program().image);
    fields.set("TargetObject", dice.key());
    fields.set("User", dice.user());
}

fn registry_value(dice: &mut Dice, fields: &mut Fields) {
    common(dice, fields);
    fields.set("EventType", "SetValue");
    fields.set("Image", dice.program().image);
    fields.set("TargetObject", format!("{}\\{}", dice.key(), dice.word()));
    let number = dice.below(9);
    let details = ["Binary Data".to_owned(), format!("DWORD (0x{number:08x})"), dice.word()];
    fields.set("Details", dice.of(&details).clone());
    fields.set("User", dice.user());
}

fn dns(dice: &mut Dice, fields: &mut Fields) {
    common(dice, fields);
    fields.set("QueryName", dice.host());
    fields.set("QueryStatus", "0");
    fields.set("QueryResults", format!("::ffff:10.1.{}.{};", dice.below(250), dice.below(250)));
    fields.set("Image", dice.program().image);
    fields.set("User", dice.user());
}

fn script(dice: &mut Dice, fields: &mut Fields) {
    let lines = 4 + dice.below(40);
    let text: Vec<String> = (0..lines)
        .map(|_| {
            let verb = *dice.of(&[
                "Get-Item",
                "Write-Output",
                "New-Object",
                "Set-Content",
                "Select-Object",
            ]);
            format!(
                "    ${} = {verb} -Path $env:TEMP\\{} | Where-Object {{ $_.Name }}",
                dice.word(),
                dice.word()
            )
        })
        .collect();
    fields.set("MessageNumber", 1_i64);
    fields.set("MessageTotal", 1_i64);
    fields.set("ScriptBlockText", format!("function {} {{\n{}\n}}", dice.word(), text.join("\n")));
    fields.set("ScriptBlockId", dice.guid());
    fields.set("Path", format!("C:\\Scripts\\{}.ps1", dice.word()));
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn the_same_seed_gives_the_same_events_and_another_gives_others() {
        assert_eq!(events(1, 200), events(1, 200));
        assert_ne!(events(1, 200), events(2, 200));
    }

    #[test]
    fn values_vary_and_every_kind_occurs() {
        let events = events(7, 2_000);
        let kinds: HashSet<_> = events.iter().map(|event| event.fields.int("EventID")).collect();
        assert_eq!(kinds.len(), KINDS.len());
        let lines: Vec<_> =
            events.iter().filter_map(|event| event.fields.text("CommandLine")).collect();
        let distinct: HashSet<_> = lines.iter().collect();
        assert!(distinct.len() * 3 > lines.len() && distinct.len() < lines.len());
    }
}
