//! Events of an ordinary day on Windows machines, as Sysmon and PowerShell write them: mostly the same
//! programs, with process ids, users, random names and arguments that vary.
//!
//! The shares of the kinds follow a Sysmon configuration in wide use; about a third of all values never come
//! twice, so that an engine which remembers values does not look better than it is.

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

/// A program, as its file describes it.
#[derive(Debug, Clone, Copy)]
struct Program {
    image: &'static str,
    description: &'static str,
    company: &'static str,
    original: &'static str,
    /// Arguments; `@` becomes a word that hardly comes twice.
    arguments: &'static [&'static str],
}

const fn program(
    image: &'static str,
    description: &'static str,
    original: &'static str,
    arguments: &'static [&'static str],
) -> Program {
    Program { image, description, company: "Microsoft Corporation", original, arguments }
}

const SERVICES: Program = program(
    "C:\\Windows\\System32\\services.exe",
    "Services and Controller app",
    "services.exe",
    &[""],
);

const PROGRAMS: &[Program] = &[
    program(
        "C:\\Windows\\System32\\svchost.exe",
        "Host Process for Windows Services",
        "svchost.exe",
        &["-k netsvcs -p -s Schedule", "-k LocalService -p", "-k UnistackSvcGroup -s @"],
    ),
    program(
        "C:\\Windows\\System32\\conhost.exe",
        "Console Window Host",
        "CONHOST.EXE",
        &["0xffffffff -ForceV1"],
    ),
    program(
        "C:\\Windows\\System32\\cmd.exe",
        "Windows Command Processor",
        "Cmd.Exe",
        &[
            "/c echo @",
            "/d /s /c \"npm run build -- @\"",
            "/c \"C:\\Users\\suzuki\\AppData\\Local\\Temp\\@.bat\"",
        ],
    ),
    program(
        "C:\\Windows\\System32\\WindowsPowerShell\\v1.0\\powershell.exe",
        "Windows PowerShell",
        "PowerShell.EXE",
        &["-NoProfile -File C:\\Scripts\\@.ps1", "-NoLogo -Command Get-Service @"],
    ),
    program(
        "C:\\Windows\\explorer.exe",
        "Windows Explorer",
        "EXPLORER.EXE",
        &["", "/factory,{75dff2b7-6936-4c06-a8bb-676a7b00b24b} -Embedding"],
    ),
    program(
        "C:\\Windows\\System32\\taskhostw.exe",
        "Host Process for Windows Tasks",
        "taskhostw.exe",
        &["", "KEYROAMING", "SYSTEM"],
    ),
    program(
        "C:\\Windows\\System32\\RuntimeBroker.exe",
        "Runtime Broker",
        "RuntimeBroker.exe",
        &["-Embedding"],
    ),
    program(
        "C:\\Windows\\System32\\backgroundTaskHost.exe",
        "Background Task Host",
        "backgroundTaskHost.exe",
        &["-ServerName:App.@.mca"],
    ),
    program(
        "C:\\Windows\\System32\\rundll32.exe",
        "Windows host process (Rundll32)",
        "RUNDLL32.EXE",
        &[
            "C:\\Windows\\System32\\shell32.dll,SHCreateLocalServerRunDll {9aa46009-3ce0-458a-a354-715610a075e6} -Embedding",
        ],
    ),
    program(
        "C:\\Windows\\System32\\wbem\\WmiPrvSE.exe",
        "WMI Provider Host",
        "Wmiprvse.exe",
        &["-secured -Embedding"],
    ),
    program(
        "C:\\Windows\\System32\\SearchProtocolHost.exe",
        "Microsoft Windows Search Protocol Host",
        "SearchProtocolHost.exe",
        &[
            "Global\\UsGthrFltPipeMssGthrPipe_@ 1 -2147483646 \"Software\\Microsoft\\Windows Search\"",
        ],
    ),
    program(
        "C:\\Program Files (x86)\\Microsoft\\Edge\\Application\\msedge.exe",
        "Microsoft Edge",
        "msedge.exe",
        &[
            "--type=renderer --lang=ja --device-scale-factor=1 --renderer-client-id=@ --time-ticks-at-unix-epoch=-1714@",
            "--type=utility --utility-sub-type=network.mojom.NetworkService --field-trial-handle=@",
        ],
    ),
    program(
        "C:\\Program Files\\Microsoft Office\\root\\Office16\\EXCEL.EXE",
        "Microsoft Excel",
        "Excel.exe",
        &["\"C:\\Users\\tanaka\\Documents\\@.xlsx\""],
    ),
    program(
        "C:\\Program Files\\Microsoft Office\\root\\Office16\\OUTLOOK.EXE",
        "Microsoft Outlook",
        "Outlook.exe",
        &["", "/embedding"],
    ),
    program(
        "C:\\Windows\\System32\\schtasks.exe",
        "Task Scheduler Configuration Tool",
        "schtasks.exe",
        &["/query /tn \\Corp\\@"],
    ),
    program(
        "C:\\Windows\\System32\\net.exe",
        "Net Command",
        "net.exe",
        &["use Z: \\\\files.corp.example\\@"],
    ),
    program(
        "C:\\Windows\\System32\\notepad.exe",
        "Notepad",
        "NOTEPAD.EXE",
        &["C:\\Users\\suzuki\\Documents\\@.txt"],
    ),
    program(
        "C:\\Program Files\\Git\\cmd\\git.exe",
        "Git for Windows",
        "git.exe",
        &["status --porcelain", "fetch origin @", "log -1 --format=%H @"],
    ),
    program(
        "C:\\Program Files\\7-Zip\\7z.exe",
        "7-Zip Console",
        "7z.exe",
        &["a C:\\Backup\\@.7z C:\\Users\\tanaka\\Documents"],
    ),
    program(
        "C:\\ProgramData\\Microsoft\\Windows Defender\\Platform\\4.18.23110.3-0\\MsMpEng.exe",
        "Antimalware Service Executable",
        "MsMpEng.exe",
        &[""],
    ),
];

/// A small generator of numbers: good enough to vary values, the same everywhere.
struct Dice(u64);

impl Dice {
    /// SplitMix64.
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ self.0 >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ mixed >> 31
    }

    fn below(&mut self, end: u32) -> u32 {
        u32::try_from(self.next() % u64::from(end)).unwrap_or(0)
    }

    fn of<'a, T>(&mut self, choices: &'a [T]) -> &'a T {
        &choices[usize::try_from(self.next()).unwrap_or(0) % choices.len()]
    }

    fn weighted(&mut self, shares: &[u32]) -> usize {
        let mut left = self.below(shares.iter().sum());
        shares
            .iter()
            .position(|share| match left.checked_sub(*share) {
                Some(rest) => {
                    left = rest;
                    false
                }
                None => true,
            })
            .unwrap_or(0)
    }

    fn word(&mut self) -> String {
        const LETTERS: &[u8] = b"abcdefghijklmnopqrstuvwxyzABCDEF0123456789";
        (0..6 + self.below(8)).map(|_| char::from(*self.of(LETTERS))).collect()
    }

    fn guid(&mut self) -> String {
        let (high, low) = (self.next(), self.next());
        format!(
            "{{{:08X}-{:04X}-{:04X}-{:04X}-{:012X}}}",
            high >> 32,
            high >> 16 & 0xffff,
            high & 0xffff,
            low >> 48,
            low & 0xffff_ffff_ffff
        )
    }

    fn program(&mut self) -> Program {
        // The first ones are the most frequent.
        let place = self.next().min(self.next()) % PROGRAMS.len() as u64;
        PROGRAMS[usize::try_from(place).unwrap_or(0)]
    }

    /// Who starts it on an ordinary day.
    fn parent(program: &Program) -> Program {
        let named = |name: &str| PROGRAMS.iter().find(|one| one.image.ends_with(name)).copied();
        let own = |name: &str| program.image.ends_with(name);
        let parent = match () {
            () if own("svchost.exe") || own("MsMpEng.exe") => Some(SERVICES),
            () if own("explorer.exe") => named("explorer.exe"),
            () if own("cmd.exe") || own("EXCEL.EXE") => named("explorer.exe"),
            () if own("msedge.exe") => named("msedge.exe"),
            () if own("conhost.exe") || own("chcp.com") || own("git.exe") => named("cmd.exe"),
            () if own("notepad.exe") || own("OUTLOOK.EXE") || own("7z.exe") => {
                named("explorer.exe")
            }
            () => named("svchost.exe"),
        };
        parent.unwrap_or(SERVICES)
    }

    /// A program that talks to others.
    fn online(&mut self) -> Program {
        let online = ["svchost.exe", "msedge.exe", "msedge.exe", "MsMpEng.exe", "git.exe"];
        let name = *self.of(&online);
        PROGRAMS.iter().find(|one| one.image.ends_with(name)).copied().unwrap_or(SERVICES)
    }

    fn command_line(&mut self, program: &Program) -> String {
        let arguments = *self.of(program.arguments);
        let word = self.word();
        format!("\"{}\" {}", program.image, arguments.replace('@', &word))
    }

    fn user(&mut self) -> String {
        match self.below(4) {
            0 => "NT AUTHORITY\\SYSTEM".to_owned(),
            _ => format!("CORP\\user{:03}", self.below(300)),
        }
    }

    /// The same program mostly has the same hash; updates bring others.
    fn hashes(&mut self, program: &Program) -> String {
        let version = u64::from(self.below(4));
        let mut own =
            Self(version << 32 ^ program.image.len() as u64 ^ program.original.len() as u64 * 977);
        let mut hex = |words: usize| -> String {
            (0..words).map(|_| format!("{:016X}", own.next())).collect()
        };
        format!("MD5={},SHA256={},IMPHASH={}", hex(2), hex(4), hex(2))
    }

    fn host(&mut self) -> String {
        match self.below(3) {
            0 => format!("{}.cloud.example", self.word()),
            _ => (*self.of(&[
                "www.example.com",
                "login.microsoftonline.com",
                "dc01.corp.example",
                "files.corp.example",
                "ctldl.windowsupdate.com",
            ]))
            .to_owned(),
        }
    }

    fn key(&mut self) -> String {
        let key = *self.of(&[
            "HKLM\\System\\CurrentControlSet\\Services\\bam\\State\\UserSettings\\S-1-5-21-1\\@",
            "HKLM\\SOFTWARE\\Microsoft\\Windows NT\\CurrentVersion\\Notifications\\Data\\@",
            "HKU\\S-1-5-21-3583694148-1414552638-1000\\Software\\Microsoft\\Windows\\CurrentVersion\\Explorer\\@",
            "HKLM\\SOFTWARE\\Microsoft\\Windows\\CurrentVersion\\Installer\\UserData\\@",
            "HKLM\\SOFTWARE\\Classes\\CLSID\\@",
        ]);
        let word = self.word();
        key.replace('@', &word)
    }
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
