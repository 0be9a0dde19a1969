//! Names of fields that occur all the time: kept once, not with every event.

use model::registry::FIELDS;
use std::borrow::Cow;
use std::collections::HashSet;
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::LazyLock;

/// Events ask, and add nothing: a quick hash does.
static KNOWN: LazyLock<HashSet<&'static str, BuildHasherDefault<Fnv>>> = LazyLock::new(|| {
    FIELDS.iter().map(|field| field.sigma).chain(COMMON.iter().copied()).collect()
});

/// The name without memory of its own when it is a common one.
pub(crate) fn shared(name: &str) -> Option<&'static str> {
    KNOWN.get(name).copied()
}

/// The same for a name that has memory already.
pub(crate) fn shared_or_own(name: String) -> Cow<'static, str> {
    shared(&name).map_or(Cow::Owned(name), Cow::Borrowed)
}

/// The hash of Fowler, Noll and Vo.
struct Fnv(u64);

impl Default for Fnv {
    fn default() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }
}

impl Hasher for Fnv {
    fn finish(&self) -> u64 {
        self.0
    }
    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }
}

/// What the event log service writes with every event, and frequent names of Sysmon and the security log.
const COMMON: &[&str] = &[
    "Provider_Name",
    "Provider_Guid",
    "Provider_EventSourceName",
    "EventID",
    "EventID_Qualifiers",
    "Version",
    "Level",
    "Task",
    "Opcode",
    "Keywords",
    "EventRecordID",
    "Correlation_ActivityID",
    "Execution_ProcessID",
    "Execution_ThreadID",
    "Channel",
    "Computer",
    "Security_UserID",
    "RuleName",
    "UtcTime",
    "ProcessGuid",
    "ProcessId",
    "Image",
    "FileVersion",
    "Description",
    "Product",
    "Company",
    "OriginalFileName",
    "CommandLine",
    "CurrentDirectory",
    "User",
    "LogonGuid",
    "LogonId",
    "TerminalSessionId",
    "IntegrityLevel",
    "Hashes",
    "ParentProcessGuid",
    "ParentProcessId",
    "ParentImage",
    "ParentCommandLine",
    "ParentUser",
    "Protocol",
    "Initiated",
    "SourceIsIpv6",
    "SourceIp",
    "SourceHostname",
    "SourcePort",
    "SourcePortName",
    "DestinationIsIpv6",
    "DestinationIp",
    "DestinationHostname",
    "DestinationPort",
    "DestinationPortName",
    "ImageLoaded",
    "Signed",
    "Signature",
    "SignatureStatus",
    "SourceProcessGUID",
    "SourceProcessId",
    "SourceThreadId",
    "SourceImage",
    "TargetProcessGUID",
    "TargetProcessId",
    "TargetImage",
    "GrantedAccess",
    "CallTrace",
    "SourceUser",
    "TargetUser",
    "TargetFilename",
    "CreationUtcTime",
    "PreviousCreationUtcTime",
    "EventType",
    "TargetObject",
    "Details",
    "PipeName",
    "QueryName",
    "QueryStatus",
    "QueryResults",
    "MessageNumber",
    "MessageTotal",
    "ScriptBlockText",
    "ScriptBlockId",
    "Path",
    "ContextInfo",
    "UserData",
    "Payload",
    "SubjectUserSid",
    "SubjectUserName",
    "SubjectDomainName",
    "SubjectLogonId",
    "TargetUserSid",
    "TargetUserName",
    "TargetDomainName",
    "TargetLogonId",
    "LogonType",
    "LogonProcessName",
    "AuthenticationPackageName",
    "WorkstationName",
    "IpAddress",
    "IpPort",
    "ProcessName",
    "ObjectServer",
    "ObjectType",
    "ObjectName",
    "HandleId",
    "AccessList",
    "AccessMask",
    "PrivilegeList",
    "NewProcessId",
    "NewProcessName",
    "TokenElevationType",
    "MandatoryLabel",
    "ServiceName",
    "ImagePath",
    "Data",
    "Status",
    "SubStatus",
    "ShareName",
    "RelativeTargetName",
    "Binary",
    "param1",
    "param2",
    "sha256",
];
