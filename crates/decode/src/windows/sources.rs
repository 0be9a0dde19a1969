//! Where a Windows event belongs: services by channel, categories and kind by service, event id and
//! further conditions. Tables, so that they can be read beside the Sigma taxonomy.

use model::{EventKind, Fields, LogSource};
use std::borrow::Cow;

/// A condition on a field beyond the event id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Condition {
    /// None.
    Always,
    /// The field has one of these values, letter for letter.
    FieldIs(&'static str, &'static [&'static str]),
}

impl Condition {
    /// Whether it holds for these fields.
    #[must_use]
    pub fn holds(&self, fields: &Fields) -> bool {
        match self {
            Self::Always => true,
            Self::FieldIs(name, wanted) => fields
                .get(name)
                .and_then(model::Value::scalar_text)
                .is_some_and(|value| wanted.contains(&value.as_ref())),
        }
    }
}

/// Events of a service that belong to Sigma categories.
#[derive(Debug, Clone, Copy)]
pub struct Category {
    /// The service that [`CHANNELS`] names.
    pub service: &'static str,
    /// The event ids.
    pub event_ids: &'static [i64],
    /// What else must hold.
    pub condition: Condition,
    /// The categories: all of them.
    pub categories: &'static [&'static str],
}

/// Events of a service that have a kind of their own.
#[derive(Debug, Clone, Copy)]
pub struct Kind {
    /// The service that [`CHANNELS`] names.
    pub service: &'static str,
    /// The event ids.
    pub event_ids: &'static [i64],
    /// What else must hold.
    pub condition: Condition,
    /// The kind.
    pub kind: EventKind,
}

/// The Sigma services of a channel. Where the channel says nothing (events traced without a log), the
/// provider decides.
#[must_use]
pub fn services_of(channel: Option<&str>, provider: Option<&str>) -> Vec<&'static str> {
    let by_channel = channel.map_or_else(Vec::new, |channel| lookup(CHANNELS, channel));
    if !by_channel.is_empty() {
        return by_channel;
    }
    provider.map_or_else(Vec::new, |provider| lookup(PROVIDERS, provider))
}

/// The log sources of an event: product, services and every category whose row holds.
#[must_use]
pub fn source_of(services: &[&'static str], event_id: Option<i64>, fields: &Fields) -> LogSource {
    let mut categories: Vec<Cow<'static, str>> = Vec::new();
    for row in CATEGORIES {
        let belongs = services.contains(&row.service)
            && event_id.is_some_and(|id| row.event_ids.contains(&id))
            && row.condition.holds(fields);
        if belongs {
            for category in row.categories {
                if !categories.iter().any(|known| known == category) {
                    categories.push(Cow::Borrowed(category));
                }
            }
        }
    }
    LogSource {
        product: Cow::Borrowed("windows"),
        services: services.iter().copied().map(Cow::Borrowed).collect(),
        categories,
    }
}

/// The kind of an event: the first row that holds, else [`EventKind::Other`].
#[must_use]
pub fn kind_of(services: &[&'static str], event_id: Option<i64>, fields: &Fields) -> EventKind {
    KINDS
        .iter()
        .find(|row| {
            services.contains(&row.service)
                && event_id.is_some_and(|id| row.event_ids.contains(&id))
                && row.condition.holds(fields)
        })
        .map_or(EventKind::Other, |row| row.kind)
}

/// Windows compares channel and provider names without regard to case.
fn lookup(table: &[(&'static str, &'static str)], name: &str) -> Vec<&'static str> {
    let rows = table.iter().filter(|(known, _)| known.eq_ignore_ascii_case(name));
    rows.map(|(_, service)| *service).collect()
}

const fn category(
    service: &'static str,
    event_ids: &'static [i64],
    categories: &'static [&'static str],
) -> Category {
    Category { service, event_ids, condition: Condition::Always, categories }
}

const fn kind(service: &'static str, event_ids: &'static [i64], kind: EventKind) -> Kind {
    Kind { service, event_ids, condition: Condition::Always, kind }
}

impl Category {
    const fn when(mut self, field: &'static str, values: &'static [&'static str]) -> Self {
        self.condition = Condition::FieldIs(field, values);
        self
    }
}

impl Kind {
    const fn when(mut self, field: &'static str, values: &'static [&'static str]) -> Self {
        self.condition = Condition::FieldIs(field, values);
        self
    }
}

/// Event log channel → Sigma service. A channel may serve several.
pub const CHANNELS: &[(&str, &str)] = &[
    ("Application", "application"),
    (
        "Microsoft-Windows-Application-Experience/Program-Compatibility-Assistant",
        "application-experience",
    ),
    ("Microsoft-Windows-Application-Experience/Program-Telemetry", "application-experience"),
    ("Microsoft-Windows-AppLocker/EXE and DLL", "applocker"),
    ("Microsoft-Windows-AppLocker/MSI and Script", "applocker"),
    ("Microsoft-Windows-AppLocker/Packaged app-Deployment", "applocker"),
    ("Microsoft-Windows-AppLocker/Packaged app-Execution", "applocker"),
    ("Microsoft-Windows-AppModel-Runtime/Admin", "appmodel-runtime"),
    ("Microsoft-Windows-AppXDeploymentServer/Operational", "appxdeployment-server"),
    ("Microsoft-Windows-AppxPackaging/Operational", "appxpackaging-om"),
    ("Microsoft-Windows-BitLocker/BitLocker Management", "bitlocker"),
    ("Microsoft-Windows-Bits-Client/Operational", "bits-client"),
    ("Microsoft-Windows-CAPI2/Operational", "capi2"),
    (
        "Microsoft-Windows-CertificateServicesClient-Lifecycle-System/Operational",
        "certificateservicesclient-lifecycle-system",
    ),
    ("Microsoft-Windows-CodeIntegrity/Operational", "codeintegrity-operational"),
    ("Microsoft-Windows-DHCP-Server/Operational", "dhcp"),
    ("Microsoft-Windows-Diagnosis-Scripted/Operational", "diagnosis-scripted"),
    ("Microsoft-Windows-DNS Client Events/Operational", "dns-client"),
    ("Microsoft-Windows-DNS-Client/Operational", "dns-client"),
    ("DNS Server", "dns-server"),
    ("Microsoft-Windows-DNS-Server/Analytical", "dns-server-analytic"),
    ("Microsoft-Windows-DriverFrameworks-UserMode/Operational", "driver-framework"),
    ("Microsoft-Windows-Windows Firewall With Advanced Security/Firewall", "firewall-as"),
    ("Microsoft-Windows-Hyper-V-Worker", "hyper-v-worker"),
    ("Microsoft-Windows-Hyper-V-Worker-Admin", "hyper-v-worker"),
    ("Microsoft-Windows-Hyper-V-Worker-Operational", "hyper-v-worker"),
    ("Microsoft-IIS-Configuration/Operational", "iis-configuration"),
    ("Microsoft-Windows-Kernel-EventTracing", "kernel-event-tracing"),
    ("Microsoft-Windows-Kernel-EventTracing/Admin", "kernel-event-tracing"),
    ("Microsoft-Windows-Kernel-ShimEngine/Diagnostic", "kernel-shimengine"),
    ("Microsoft-Windows-Kernel-ShimEngine/Operational", "kernel-shimengine"),
    ("Microsoft-Windows-LDAP-Client/Debug", "ldap"),
    ("Microsoft-Windows-LSA/Operational", "lsa-server"),
    ("Microsoft-ServiceBus-Client/Admin", "microsoft-servicebus-client"),
    ("Microsoft-ServiceBus-Client/Operational", "microsoft-servicebus-client"),
    ("MSExchange Management", "msexchange-management"),
    ("Microsoft-Windows-Ntfs/Operational", "ntfs"),
    ("Microsoft-Windows-NTLM/Operational", "ntlm"),
    ("OpenSSH/Operational", "openssh"),
    ("Microsoft-Windows-PowerShell/Operational", "powershell"),
    ("PowerShellCore/Operational", "powershell"),
    ("Windows PowerShell", "powershell-classic"),
    ("Microsoft-Windows-PrintService/Admin", "printservice-admin"),
    ("Microsoft-Windows-PrintService/Operational", "printservice-operational"),
    ("Security", "security"),
    ("Microsoft-Windows-Security-Mitigations/Kernel Mode", "security-mitigations"),
    ("Microsoft-Windows-Security-Mitigations/User Mode", "security-mitigations"),
    ("Microsoft-Windows-SENSE/Operational", "sense"),
    ("Microsoft-ServiceBus-Client/Admin", "servicebus-client"),
    ("Microsoft-ServiceBus-Client/Operational", "servicebus-client"),
    ("Microsoft-Windows-Shell-Core/Operational", "shell-core"),
    ("Microsoft-Windows-SmbClient/Connectivity", "smbclient-connectivity"),
    ("Microsoft-Windows-SmbClient/Security", "smbclient-security"),
    ("Microsoft-Windows-SMBServer/Connectivity", "smbserver-connectivity"),
    ("Microsoft-Windows-Sysmon/Operational", "sysmon"),
    ("System", "system"),
    ("Microsoft-Windows-TaskScheduler/Operational", "taskscheduler"),
    (
        "Microsoft-Windows-TerminalServices-LocalSessionManager/Operational",
        "terminalservices-localsessionmanager",
    ),
    ("Microsoft-Windows-VHDMP/Operational", "vhdmp"),
    ("Microsoft-Windows-Windows Defender/Operational", "windefend"),
    ("Microsoft-Windows-WMI-Activity/Operational", "wmi"),
];

/// Event provider → Sigma service, for events without a known channel.
pub const PROVIDERS: &[(&str, &str)] = &[
    ("Microsoft-Windows-Sysmon", "sysmon"),
    ("Microsoft-Windows-Security-Auditing", "security"),
    ("Microsoft-Windows-PowerShell", "powershell"),
    ("PowerShellCore", "powershell"),
    ("PowerShell", "powershell-classic"),
    ("Microsoft-Windows-Windows Defender", "windefend"),
    ("Microsoft-Windows-TaskScheduler", "taskscheduler"),
    ("Microsoft-Windows-WMI-Activity", "wmi"),
    ("Microsoft-Windows-DNS-Client", "dns-client"),
    ("Microsoft-Windows-Bits-Client", "bits-client"),
    ("Microsoft-Windows-LDAP-Client", "ldap"),
    ("Service Control Manager", "system"),
];

/// (service, event ids, further condition) → Sigma categories. An event belongs to all that hold.
pub const CATEGORIES: &[Category] = &[
    category("sysmon", &[1], &["process_creation"]),
    category("sysmon", &[2], &["file_change"]),
    category("sysmon", &[3], &["network_connection"]),
    category("sysmon", &[4, 16], &["sysmon_status"]),
    category("sysmon", &[5], &["process_termination"]),
    category("sysmon", &[6], &["driver_load"]),
    category("sysmon", &[7], &["image_load"]),
    category("sysmon", &[8], &["create_remote_thread"]),
    category("sysmon", &[9], &["raw_access_thread"]),
    category("sysmon", &[10], &["process_access"]),
    category("sysmon", &[11], &["file_event"]),
    category("sysmon", &[12, 13, 14], &["registry_event"]),
    category("sysmon", &[12], &["registry_add"]).when("EventType", &["CreateKey"]),
    category("sysmon", &[12], &["registry_delete"])
        .when("EventType", &["DeleteKey", "DeleteValue"]),
    category("sysmon", &[13], &["registry_set"]),
    category("sysmon", &[14], &["registry_rename"]),
    category("sysmon", &[15], &["create_stream_hash"]),
    category("sysmon", &[17, 18], &["pipe_created"]),
    category("sysmon", &[19, 20, 21], &["wmi_event"]),
    category("sysmon", &[22], &["dns_query"]),
    category("sysmon", &[23], &["file_delete"]),
    category("sysmon", &[24], &["clipboard_change"]),
    category("sysmon", &[25], &["process_tampering"]),
    category("sysmon", &[26], &["file_delete_detected"]),
    category("sysmon", &[27], &["file_block_executable"]),
    category("sysmon", &[28], &["file_block_shredding"]),
    category("sysmon", &[29], &["file_executable_detected"]),
    category("sysmon", &[255], &["sysmon_error"]),
    category("security", &[4688], &["process_creation"]),
    // A registry value under audit: new, changed, deleted. Sysmon calls the first two "set".
    category("security", &[4657], &["registry_event"]),
    category("security", &[4657], &["registry_add"]).when("OperationType", &["%%1904"]),
    category("security", &[4657], &["registry_set"]).when("OperationType", &["%%1904", "%%1905"]),
    category("security", &[4657], &["registry_delete"]).when("OperationType", &["%%1906"]),
    category("powershell", &[4103], &["ps_module"]),
    category("powershell", &[4104], &["ps_script"]),
    category("powershell-classic", &[400], &["ps_classic_start"]),
    category("powershell-classic", &[600], &["ps_classic_provider_start"]),
    category("powershell-classic", &[800], &["ps_classic_script"]),
    category(
        "windefend",
        &[1006, 1007, 1008, 1009, 1010, 1011, 1012, 1017, 1018, 1019, 1115, 1116],
        &["antivirus"],
    ),
];

/// (service, event ids, further condition) → kind. The first row that holds decides.
pub const KINDS: &[Kind] = &[
    kind("sysmon", &[1], EventKind::ProcessStart),
    kind("sysmon", &[2], EventKind::FileWrite),
    kind("sysmon", &[3], EventKind::NetworkAccept).when("Initiated", &["false"]),
    kind("sysmon", &[3], EventKind::NetworkConnect),
    kind("sysmon", &[5], EventKind::ProcessExit),
    kind("sysmon", &[6], EventKind::DriverLoad),
    kind("sysmon", &[7], EventKind::ImageLoad),
    kind("sysmon", &[8, 25], EventKind::ProcessInject),
    kind("sysmon", &[9], EventKind::FileAccess),
    kind("sysmon", &[10], EventKind::ProcessAccess),
    kind("sysmon", &[11, 29], EventKind::FileCreate),
    kind("sysmon", &[12], EventKind::RegistryAdd).when("EventType", &["CreateKey"]),
    kind("sysmon", &[12], EventKind::RegistryDelete)
        .when("EventType", &["DeleteKey", "DeleteValue"]),
    kind("sysmon", &[13], EventKind::RegistrySet),
    kind("sysmon", &[14], EventKind::RegistryRename),
    kind("sysmon", &[15], EventKind::FileStream),
    kind("sysmon", &[17, 18], EventKind::Pipe),
    kind("sysmon", &[22], EventKind::DnsQuery),
    kind("sysmon", &[23, 26], EventKind::FileDelete),
    kind("security", &[4688], EventKind::ProcessStart),
    kind("security", &[4689], EventKind::ProcessExit),
    kind("security", &[4624], EventKind::Logon),
    kind("security", &[4625], EventKind::LogonFailure),
    kind("security", &[4634, 4647], EventKind::Logoff),
    kind("security", &[4657], EventKind::RegistryDelete).when("OperationType", &["%%1906"]),
    kind("security", &[4657], EventKind::RegistrySet),
    kind("security", &[4656, 4663], EventKind::FileAccess).when("ObjectType", &["File"]),
    kind("security", &[4656, 4663], EventKind::ProcessAccess).when("ObjectType", &["Process"]),
    kind("security", &[4660], EventKind::FileDelete),
    kind("security", &[5145], EventKind::FileAccess),
    kind("security", &[5156], EventKind::NetworkConnect).when("Direction", &["%%14593"]),
    kind("security", &[5156], EventKind::NetworkAccept).when("Direction", &["%%14592"]),
    kind("dns-client", &[3006, 3008], EventKind::DnsQuery),
    kind("powershell", &[4103, 4104], EventKind::Script),
    kind("powershell-classic", &[400, 600, 800], EventKind::Script),
];
