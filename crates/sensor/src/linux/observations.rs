//! Observations with Sigma names from what the kernel recorded and what is known of the processes.

use super::processes::{Process, Processes};
use super::record::{Connection, Exec, Ids, ProcessKey};
use super::text::{boot_ns, cut, escape};
use super::users::Users;
use crate::limits::{ARGUMENTS_RECORD_BYTES_MAX, PARENT_COMMAND_LINE_BYTES_MAX};
use model::{EventKind, Fields, Observation, Timestamp, Value};

/// What every observation may draw on.
pub(crate) struct Surroundings<'a> {
    pub(crate) processes: &'a Processes,
    pub(crate) users: &'a mut Users,
    pub(crate) boot: &'a str,
}

/// An argument vector as fields want it.
pub(crate) struct Arguments {
    pub(crate) list: Vec<String>,
    pub(crate) line: String,
    pub(crate) bytes: u64,
    pub(crate) truncated: bool,
    pub(crate) escaped: bool,
}

impl Arguments {
    /// Splits a block of arguments that end with a zero each; `bytes` is how long the block really was.
    pub(crate) fn read(block: &[u8], bytes: u64) -> Self {
        const FRAMING_BYTES: usize = 16;
        let mut truncated = (block.len() as u64) < bytes;
        let mut arguments =
            Self { list: Vec::new(), line: String::new(), bytes, truncated: false, escaped: false };
        if block.is_empty() {
            arguments.truncated = truncated;
            return arguments;
        }
        let mut budget = ARGUMENTS_RECORD_BYTES_MAX;
        for argument in block.strip_suffix(&[0]).unwrap_or(block).split(|byte| *byte == 0) {
            let (text, escaped) = escape(argument);
            arguments.escaped |= escaped;
            let room = budget.saturating_sub(FRAMING_BYTES + 1) / 2;
            let fitting = cut(&text, room);
            if !arguments.list.is_empty() {
                arguments.line.push(' ');
            }
            arguments.line.push_str(fitting);
            budget = budget.saturating_sub(2 * fitting.len() + FRAMING_BYTES + 1);
            let cut_here = fitting.len() < text.len();
            arguments.list.push(fitting.to_owned());
            if cut_here || budget <= FRAMING_BYTES + 1 {
                truncated = true;
                break;
            }
        }
        arguments.truncated = truncated;
        arguments
    }

    fn set(self, fields: &mut Fields) {
        fields.set("CommandLine", self.line);
        let list = self.list.into_iter().map(Value::Text).collect();
        fields.set("Arguments", Value::List(list));
        fields.set("ArgumentsBytes", self.bytes);
        fields.set("ArgumentsTruncated", self.truncated);
    }
}

/// What the process table keeps of a program that began to run.
pub(crate) fn process_of(ids: &Ids, image: &[u8], arguments: &Arguments) -> Process {
    let line = cut(&arguments.line, PARENT_COMMAND_LINE_BYTES_MAX);
    Process::new(ids.parent, ids.uid, escape(image).0, line)
}

/// A program began to run, or (with [`EventKind::ProcessRunning`]) runs already.
pub(crate) fn program(
    kind: EventKind,
    at: Timestamp,
    key: ProcessKey,
    exec: &Exec,
    arguments: Arguments,
    around: &mut Surroundings<'_>,
) -> Observation {
    let mut fields = Fields::new();
    let mut escaped = arguments.escaped;
    let mut text = |bytes: &[u8]| {
        let (text, changed) = escape(bytes);
        escaped |= changed;
        text
    };
    let image = text(&exec.image);
    set_text(&mut fields, "Image", &image);
    let directory = (!exec.directory.is_empty()).then(|| text(&exec.directory));
    arguments.set(&mut fields);
    if let Some(directory) = directory {
        fields.set("CurrentDirectory", directory);
    }
    set_ids(&mut fields, key, &exec.ids, around);
    fields.set("EffectiveUserId", exec.ids.euid);
    if let Some(login_uid) = exec.ids.login_uid {
        fields.set("LoginUserId", login_uid);
    }
    if let Some(session) = exec.ids.session {
        fields.set("TerminalSessionId", session);
    }
    fields.set("ImageDeleted", exec.image_deleted);
    fields.set("ImageInMemory", exec.image_in_memory);
    set_parents(&mut fields, exec.ids.parent, around);
    if exec.path_truncated {
        fields.set("PathTruncated", true);
    }
    if escaped {
        fields.set("BytesEscaped", true);
    }
    Observation { kind, observed_at: at, fields }
}

/// A process ended.
pub(crate) fn exit(
    at: Timestamp,
    key: ProcessKey,
    ids: &Ids,
    code: i32,
    around: &mut Surroundings<'_>,
) -> Observation {
    let mut fields = Fields::new();
    set_known(&mut fields, key, around);
    set_ids(&mut fields, key, ids, around);
    let signal = code & 0x7f;
    if signal == 0 {
        fields.set("ExitCode", i64::from((code >> 8) & 0xff));
    } else {
        fields.set("ExitSignal", i64::from(signal));
    }
    set_parents(&mut fields, ids.parent, around);
    Observation { kind: EventKind::ProcessExit, observed_at: at, fields }
}

/// A connection was opened or accepted. Source is the side that opened it, as in Sysmon.
pub(crate) fn connection(
    at: Timestamp,
    key: ProcessKey,
    connection: &Connection,
    around: &mut Surroundings<'_>,
) -> Observation {
    let mut fields = Fields::new();
    set_known(&mut fields, key, around);
    fields.set("User", around.users.name(connection.uid, boot_ns()));
    fields.set("ProcessId", key.pid);
    fields.set("ProcessGuid", guid(around.boot, key));
    let (source, destination) = if connection.accepted {
        (connection.remote, connection.local)
    } else {
        (connection.local, connection.remote)
    };
    fields.set("Initiated", !connection.accepted);
    fields.set("Protocol", protocol(connection.protocol));
    fields.set("SourceIp", source.0.to_string());
    fields.set("SourcePort", i64::from(source.1));
    fields.set("DestinationIp", destination.0.to_string());
    fields.set("DestinationPort", i64::from(destination.1));
    fields.set("DestinationIsIpv6", destination.0.is_ipv6());
    fields.set("Result", i64::from(connection.result));
    set_parent_image(&mut fields, key, around);
    let kind =
        if connection.accepted { EventKind::NetworkAccept } else { EventKind::NetworkConnect };
    Observation { kind, observed_at: at, fields }
}

/// A file change, named by the caller, with what is known of the process that made it.
pub(crate) fn file(
    kind: EventKind,
    at: Timestamp,
    mut fields: Fields,
    pid: u32,
    key: Option<ProcessKey>,
    around: &mut Surroundings<'_>,
) -> Observation {
    fields.set("ProcessId", pid);
    if let Some(key) = key {
        set_known(&mut fields, key, around);
        if let Some(uid) = around.processes.get(key).map(|process| process.uid) {
            fields.set("User", around.users.name(uid, boot_ns()));
        }
        fields.set("ProcessGuid", guid(around.boot, key));
        set_parent_image(&mut fields, key, around);
    }
    Observation { kind, observed_at: at, fields }
}

/// The stable identity of a process: boot, start, number.
pub(crate) fn guid(boot: &str, key: ProcessKey) -> String {
    format!("{boot}-{:016x}-{:08x}", key.start_ns, key.pid)
}

fn set_ids(fields: &mut Fields, key: ProcessKey, ids: &Ids, around: &mut Surroundings<'_>) {
    fields.set("User", around.users.name(ids.uid, boot_ns()));
    fields.set("UserId", ids.uid);
    fields.set("ProcessId", key.pid);
    fields.set("ProcessGuid", guid(around.boot, key));
    // The first process has no parent.
    if ids.parent.pid != 0 {
        fields.set("ParentProcessId", ids.parent.pid);
        fields.set("ParentProcessGuid", guid(around.boot, ids.parent));
    }
}

fn set_known(fields: &mut Fields, key: ProcessKey, around: &Surroundings<'_>) {
    if let Some(process) = around.processes.get(key) {
        set_text(fields, "Image", &process.image);
        set_text(fields, "CommandLine", &process.command_line);
    }
}

fn set_parent_image(fields: &mut Fields, key: ProcessKey, around: &Surroundings<'_>) {
    let parent = around.processes.get(key).map(|process| process.parent);
    if let Some(parent) = parent.and_then(|parent| around.processes.get(parent)) {
        set_text(fields, "ParentImage", &parent.image);
    }
}

fn set_parents(fields: &mut Fields, parent: ProcessKey, around: &mut Surroundings<'_>) {
    let Some(known) = around.processes.get(parent) else { return };
    set_text(fields, "ParentImage", &known.image);
    set_text(fields, "ParentCommandLine", &known.command_line);
    fields.set("ParentUser", around.users.name(known.uid, boot_ns()));
    if let Some(grandparent) = around.processes.get(known.parent) {
        set_text(fields, "GrandParentImage", &grandparent.image);
    }
}

/// Sets a text that is known; an empty one stands for what was never learnt.
fn set_text(fields: &mut Fields, name: &'static str, text: &str) {
    if !text.is_empty() {
        fields.set(name, text);
    }
}

fn protocol(number: u16) -> String {
    match number {
        1 => "icmp".into(),
        6 => "tcp".into(),
        17 => "udp".into(),
        58 => "icmpv6".into(),
        132 => "sctp".into(),
        262 => "mptcp".into(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_keep_their_limits_with_spaces_and_empty_ones() {
        let read = Arguments::read(b"a b\0\0c\0", 7);
        assert_eq!(read.list, ["a b", "", "c"]);
        assert_eq!(read.line, "a b  c");
        assert!(!read.truncated && !read.escaped);
        let read = Arguments::read(b"\0", 1);
        assert_eq!(read.list, [""]);
        let cut_off = Arguments::read(b"a\0b", 9);
        assert!(cut_off.truncated);
        assert_eq!((cut_off.list.len(), cut_off.bytes), (2, 9));
        assert!(Arguments::read(b"", 0).list.is_empty());
    }

    #[test]
    fn hostile_arguments_never_outgrow_a_record() {
        let zeros = vec![0u8; 128 * 1024];
        let binary = vec![0xffu8; 128 * 1024];
        let pairs: Vec<u8> = b"\xff\0".repeat(64 * 1024);
        for block in [zeros, binary, pairs] {
            let read = Arguments::read(&block, block.len() as u64);
            assert!(read.truncated);
            let bytes: usize = read.list.iter().map(|text| text.len() + 16).sum();
            assert!(bytes + read.line.len() <= ARGUMENTS_RECORD_BYTES_MAX + 64);
        }
        let plain = vec![b'a'; 128 * 1024];
        assert!(!Arguments::read(&plain, plain.len() as u64).truncated);
    }
}
