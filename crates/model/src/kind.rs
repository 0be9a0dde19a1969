//! What can happen on an endpoint, and which table of the lake keeps it.

/// A family of event kinds: one table of the lake, one section of the field registry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Family {
    /// Processes: start, exit, access, injection.
    Process,
    /// Files and pipes.
    File,
    /// The Windows registry.
    Registry,
    /// Connections and name resolution.
    Network,
    /// Logon, logoff, sessions.
    Logon,
    /// Loaded images, drivers and script content.
    Module,
    /// Whatever has no family of its own, with all its fields.
    Other,
    /// The agent's own reports: start, stop, counters, losses.
    Agent,
    /// Software and browser extensions found on the device.
    Inventory,
}

impl Family {
    /// Every family, in the order of the tables.
    pub const ALL: [Self; 9] = [
        Self::Process,
        Self::File,
        Self::Registry,
        Self::Network,
        Self::Logon,
        Self::Module,
        Self::Other,
        Self::Agent,
        Self::Inventory,
    ];

    /// The table's name in the lake.
    #[must_use]
    pub const fn table(self) -> &'static str {
        match self {
            Self::Process => "process",
            Self::File => "file",
            Self::Registry => "registry",
            Self::Network => "network",
            Self::Logon => "logon",
            Self::Module => "module",
            Self::Other => "other",
            Self::Agent => "agent",
            Self::Inventory => "inventory",
        }
    }

    /// The family of a table name.
    #[must_use]
    pub fn of_table(table: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|family| family.table() == table)
    }
}

macro_rules! kinds {
    ($($(#[$doc:meta])* $name:ident = $number:literal $text:literal $family:ident $class:literal/$activity:literal [$($category:literal),*];)*) => {
        /// What happened. The number is the form on the wire and never changes; the text is the form in the lake.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(u16)]
        pub enum EventKind { $($(#[$doc])* $name = $number,)* }

        impl EventKind {
            /// Every kind.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// The kind's name in the lake and in URLs.
            #[must_use]
            pub const fn name(self) -> &'static str { match self { $(Self::$name => $text,)* } }

            /// The family, hence the table.
            #[must_use]
            pub const fn family(self) -> Family { match self { $(Self::$name => Family::$family,)* } }

            /// `(class_uid, activity_id)` of OCSF 1.8; activity 99 is "other".
            #[must_use]
            pub const fn ocsf(self) -> (u32, u8) { match self { $(Self::$name => ($class, $activity),)* } }

            /// The Sigma log source categories of the kind when an own sensor observed it.
            #[must_use]
            pub const fn sigma_categories(self) -> &'static [&'static str] {
                match self { $(Self::$name => &[$($category,)*],)* }
            }
        }
    };
}

kinds! {
    /// A program began to run (exec on Linux).
    ProcessStart = 1 "process_start" Process 1007/1 ["process_creation"];
    /// A process ended.
    ProcessExit = 2 "process_exit" Process 1007/2 ["process_termination"];
    /// A process that already ran when recording began.
    ProcessRunning = 3 "process_running" Process 1007/99 [];
    /// A process opened another one.
    ProcessAccess = 4 "process_access" Process 1007/3 ["process_access"];
    /// A thread was started in another process, or its image was changed.
    ProcessInject = 5 "process_inject" Process 1007/4 ["create_remote_thread"];
    /// A file was created or opened for writing for the first time.
    FileCreate = 20 "file_create" File 1001/1 ["file_event"];
    /// A file was written. Sysmon tells of an existing file that is written anew as of one that is made,
    /// so rules of `file_event` see it too.
    FileWrite = 21 "file_write" File 1001/3 ["file_event", "file_change"];
    /// A file was renamed.
    FileRename = 22 "file_rename" File 1001/5 ["file_rename"];
    /// A file was deleted.
    FileDelete = 23 "file_delete" File 1001/4 ["file_delete"];
    /// A file was read or opened.
    FileAccess = 24 "file_access" File 1001/2 ["file_access"];
    /// An alternate data stream was written (mark of the web).
    FileStream = 25 "file_stream" File 1001/1 ["create_stream_hash"];
    /// A named pipe was created or connected.
    Pipe = 26 "pipe" File 1001/99 ["pipe_created"];
    /// A registry key was created.
    RegistryAdd = 40 "registry_add" Registry 201001/1 ["registry_event", "registry_add"];
    /// A registry value was set.
    RegistrySet = 41 "registry_set" Registry 201002/2 ["registry_event", "registry_set"];
    /// A registry key or value was deleted.
    RegistryDelete = 42 "registry_delete" Registry 201001/4 ["registry_event", "registry_delete"];
    /// A registry key or value was renamed.
    RegistryRename = 43 "registry_rename" Registry 201001/5 ["registry_event", "registry_rename"];
    /// A connection was opened by this machine.
    NetworkConnect = 60 "network_connect" Network 4001/1 ["network_connection"];
    /// A connection was accepted.
    NetworkAccept = 61 "network_accept" Network 4001/1 ["network_connection"];
    /// A name was resolved.
    DnsQuery = 62 "dns_query" Network 4003/1 ["dns_query"];
    /// Somebody logged on.
    Logon = 80 "logon" Logon 3002/1 [];
    /// Somebody failed to log on.
    LogonFailure = 81 "logon_failure" Logon 3002/1 [];
    /// Somebody logged off.
    Logoff = 82 "logoff" Logon 3002/2 [];
    /// An image (program, library) was mapped into a process.
    ImageLoad = 100 "image_load" Module 1005/1 ["image_load"];
    /// A driver or kernel module was loaded.
    DriverLoad = 101 "driver_load" Module 1002/1 ["driver_load"];
    /// Script content or a script command was run.
    Script = 102 "script" Module 1009/1 ["ps_script"];
    /// A record without a kind of its own, with all its fields.
    Other = 120 "other" Other 1008/99 [];
    /// A record that could not be decoded; its bytes are kept.
    Undecodable = 121 "undecodable" Other 1008/99 [];
    /// The agent began to record.
    AgentStart = 140 "agent_start" Agent 1008/99 [];
    /// The agent stopped in good order.
    AgentStop = 141 "agent_stop" Agent 1008/99 [];
    /// The agent's counters of one class ([`crate::Counters`]).
    AgentCounters = 142 "agent_counters" Agent 1008/99 [];
    /// Events were lost ([`crate::Lost`]).
    AgentLost = 143 "agent_lost" Agent 1008/99 [];
    /// The end of one look at one inventory source: how many items it holds, and their digest.
    SoftwareSnapshot = 160 "software_snapshot" Inventory 5020/2 [];
    /// An item of a full snapshot.
    SoftwarePresent = 161 "software_present" Inventory 5020/2 [];
    /// An item that the look before did not see.
    SoftwareAdded = 162 "software_added" Inventory 5020/1 ["software_change"];
    /// An item that the look before saw.
    SoftwareRemoved = 163 "software_removed" Inventory 5020/1 ["software_removal"];
    /// An item whose version, permissions or content changed.
    SoftwareChanged = 164 "software_changed" Inventory 5020/1 ["software_change"];
}

impl EventKind {
    /// The number on the wire.
    #[must_use]
    pub const fn number(self) -> u16 {
        self as u16
    }

    /// The kind of a number; `None` for a kind of a newer version.
    #[must_use]
    pub fn of_number(number: u16) -> Option<Self> {
        Self::ALL.iter().copied().find(|kind| kind.number() == number)
    }

    /// The kind of a name.
    #[must_use]
    pub fn of_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|kind| kind.name() == name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_names_are_unique_and_round_trip() {
        for kind in EventKind::ALL {
            assert_eq!(EventKind::of_number(kind.number()), Some(*kind));
            assert_eq!(EventKind::of_name(kind.name()), Some(*kind));
        }
        for family in Family::ALL {
            assert_eq!(Family::of_table(family.table()), Some(family));
        }
    }
}
