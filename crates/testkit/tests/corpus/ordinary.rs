//! What a machine does all day must not raise alerts that ask for a person: package manager, compiler,
//! service manager, housekeeping. One line is one event, as the Linux sensor tells it.

use crate::{compiled, pack::own_rules};
use model::{
    AgentId, DeviceId, EpochId, Event, EventKind, Fields, Level, LogSource, StreamKey, Timestamp,
};

/// Image, command line, parent's image, user.
const PROCESSES: &[(&str, &str, &str, &str)] = &[
    ("/usr/bin/apt-get", "apt-get -y install curl", "/usr/bin/bash", "root"),
    ("/usr/lib/apt/methods/http", "/usr/lib/apt/methods/http", "/usr/bin/apt-get", "_apt"),
    (
        "/usr/bin/dpkg",
        "/usr/bin/dpkg --status-fd 21 --configure --pending",
        "/usr/bin/apt-get",
        "root",
    ),
    (
        "/usr/bin/dash",
        "/bin/sh /var/lib/dpkg/info/openssh-server.postinst configure 1:9.2",
        "/usr/bin/dpkg",
        "root",
    ),
    (
        "/usr/bin/dash",
        "sh -c -- /usr/sbin/update-ca-certificates --fresh | cat",
        "/usr/bin/dash",
        "root",
    ),
    (
        "/usr/bin/perl",
        "/usr/bin/perl /usr/bin/deb-systemd-helper enable ssh.service",
        "/usr/bin/dash",
        "root",
    ),
    ("/usr/bin/id", "id -u", "/usr/bin/dash", "root"),
    ("/usr/bin/getent", "getent passwd sshd", "/usr/bin/dash", "root"),
    ("/usr/bin/cp", "cp -p /etc/passwd passwd.bak", "/usr/bin/dash", "root"),
    ("/usr/bin/cmp", "cmp -s shadow.bak /etc/shadow", "/usr/bin/dash", "root"),
    ("/usr/sbin/unix_chkpwd", "/usr/sbin/unix_chkpwd sato nullok", "/usr/bin/sudo", "sato"),
    ("/usr/bin/chown", "chown root:shadow /etc/shadow", "/usr/bin/dash", "root"),
    ("/home/sato/.cargo/bin/cargo", "cargo build --release", "/usr/bin/bash", "sato"),
    (
        "/home/sato/.rustup/toolchains/stable/bin/rustc",
        "rustc --crate-name serde --out-dir /tmp/t/debug/deps",
        "/home/sato/.cargo/bin/cargo",
        "sato",
    ),
    (
        "/tmp/t/debug/build/libc-0123/build-script-build",
        "/tmp/t/debug/build/libc-0123/build-script-build",
        "/home/sato/.cargo/bin/cargo",
        "sato",
    ),
    (
        "/usr/bin/x86_64-linux-gnu-gcc-12",
        "cc -m64 -o /tmp/t/debug/deps/x /tmp/rustcAb/symbols.o",
        "/home/sato/.rustup/toolchains/stable/bin/rustc",
        "sato",
    ),
    ("/usr/bin/dash", "sh ./configure --prefix=/usr", "/usr/bin/make", "sato"),
    ("/usr/bin/uname", "uname -m", "/usr/bin/dash", "sato"),
    ("/usr/bin/hostname", "hostname -f", "/usr/bin/dash", "root"),
    ("/usr/lib/systemd/systemd", "/lib/systemd/systemd --user", "/usr/lib/systemd/systemd", "sato"),
    ("/usr/lib/systemd/systemd-executor", "(sd-executor)", "/usr/lib/systemd/systemd", "root"),
    ("/usr/sbin/cron", "/usr/sbin/CRON -f", "/usr/sbin/cron", "root"),
    (
        "/usr/bin/dash",
        "/bin/sh -c cd / && run-parts --report /etc/cron.hourly",
        "/usr/sbin/cron",
        "root",
    ),
    ("/usr/bin/dash", "/bin/sh /etc/cron.daily/dpkg", "/usr/bin/run-parts", "root"),
    ("/usr/sbin/logrotate", "/usr/sbin/logrotate /etc/logrotate.conf", "/usr/bin/dash", "root"),
    ("/usr/bin/git", "git fetch origin", "/usr/bin/bash", "sato"),
    ("/usr/bin/ssh", "ssh git@git.example git-upload-pack 'p.git'", "/usr/bin/git", "sato"),
    (
        "/usr/bin/curl",
        "curl -fsSL https://deb.example/key.gpg -o /usr/share/keyrings/example.gpg",
        "/usr/bin/bash",
        "root",
    ),
    (
        "/usr/bin/dash",
        "sh -c curl -s http://127.0.0.1:9100/metrics | grep up",
        "/usr/sbin/telegraf",
        "telegraf",
    ),
    ("/usr/bin/ps", "ps -ef", "/usr/bin/bash", "sato"),
    ("/usr/bin/grep", "grep -r shadow /etc/pam.d", "/usr/bin/bash", "root"),
    (
        "/usr/lib/libreoffice/program/soffice.bin",
        "soffice.bin --writer",
        "/usr/lib/libreoffice/program/oosplash",
        "sato",
    ),
    (
        "/usr/bin/dash",
        "/bin/sh /usr/bin/xdg-open https://intra.example",
        "/usr/lib/thunderbird/thunderbird-bin",
        "sato",
    ),
    ("/usr/bin/python3.11", "python3 -m pytest", "/usr/bin/bash", "sato"),
];

/// Image and file, made as well as written.
const FILES: &[(&str, &str)] = &[
    ("/usr/bin/dpkg", "/etc/cron.d/e2scrub_all.dpkg-new"),
    ("/usr/bin/dpkg", "/usr/lib/systemd/system/ssh.service.dpkg-new"),
    ("/usr/bin/dpkg", "/etc/profile.d/bash_completion.sh.dpkg-new"),
    ("/usr/bin/perl", "/etc/systemd/system/multi-user.target.wants/ssh.service"),
    ("/usr/lib/systemd/systemd", "/run/systemd/transient/session-1.scope"),
    ("/usr/sbin/useradd", "/home/new/.bashrc"),
    ("/usr/bin/vim.basic", "/home/sato/.bashrc"),
    ("/usr/bin/crontab", "/var/spool/cron/crontabs/tmp.x1"),
    ("/usr/sbin/anacron", "/var/spool/anacron/cron.daily"),
    ("/usr/bin/ssh", "/home/sato/.ssh/known_hosts"),
    ("/home/sato/.rustup/toolchains/stable/bin/rustc", "/tmp/t/debug/deps/libserde.rlib"),
    ("/usr/sbin/logrotate", "/var/log/syslog.1"),
];

/// Image, address and port of connections that this machine opened.
const CONNECTIONS: &[(&str, &str, i64)] = &[
    ("/usr/lib/apt/methods/http", "151.101.2.132", 80),
    ("/home/sato/.cargo/bin/cargo", "151.101.2.137", 443),
    ("/usr/bin/ssh", "10.0.0.8", 22),
    ("/usr/bin/curl", "203.0.113.7", 443),
    ("/usr/bin/bash", "10.0.0.53", 53),
    ("/usr/bin/bash", "127.0.0.1", 8080),
    ("/usr/lib/systemd/systemd-resolved", "10.0.0.53", 53),
];

fn event(kind: EventKind, fields: Fields) -> Event {
    let stream = StreamKey { agent: AgentId::from_bits(1), epoch: EpochId::from_bits(1), seq: 1 };
    Event {
        kind,
        device: DeviceId::from_bits(1),
        stream,
        observed_at: Timestamp::default(),
        received_at: Timestamp::default(),
        source: LogSource::of_linux_sensor(kind),
        fields,
        raw: None,
    }
}

fn ordinary_events() -> Vec<Event> {
    let process = |(image, command_line, parent, user): &(&str, &str, &str, &str)| {
        let pairs = [
            ("Image", *image),
            ("CommandLine", *command_line),
            ("ParentImage", *parent),
            ("User", *user),
        ];
        event(EventKind::ProcessStart, pairs.into_iter().collect())
    };
    let file = |(image, path): &(&str, &str)| {
        let pairs = [("Image", *image), ("TargetFilename", *path)];
        [EventKind::FileCreate, EventKind::FileWrite]
            .map(|kind| event(kind, pairs.into_iter().collect()))
    };
    let connection = |(image, address, port): &(&str, &str, i64)| {
        let mut fields: Fields =
            [("Image", *image), ("DestinationIp", *address)].into_iter().collect();
        fields.set("DestinationPort", *port);
        fields.set("Initiated", true);
        event(EventKind::NetworkConnect, fields)
    };
    let processes = PROCESSES.iter().map(process);
    processes.chain(FILES.iter().flat_map(file)).chain(CONNECTIONS.iter().map(connection)).collect()
}

#[test]
fn ordinary_activity_raises_no_alert_above_low() {
    let rules = compiled(&own_rules()).rules;
    for event in ordinary_events() {
        for found in rules.evaluate(&event) {
            assert!(found.rule.level <= Level::Low, "{}: {:?}", found.rule.title, event.fields);
        }
    }
}

/// What rules/README.md tells people to type.
#[test]
fn the_commands_of_the_readme_raise_the_alerts_it_names() {
    let rules = compiled(&own_rules()).rules;
    let readme = std::fs::read_to_string(crate::root().join("rules/README.md")).expect("is there");
    for (image, command_line, shown, title) in [
        ("/usr/bin/whoami", "whoami", "whoami", "Account name asked for with whoami"),
        (
            "/usr/bin/dash",
            "sh -c curl -s file:///dev/null | sh",
            "sh -c 'curl -s file:///dev/null | sh'",
            "Download piped into a shell or interpreter",
        ),
        (
            "/usr/bin/cat",
            "cat /etc/shadow",
            "cat /etc/shadow > /dev/null",
            "Password hashes read with a general tool",
        ),
    ] {
        assert!(readme.contains(shown) && readme.contains(title), "README.md names {shown}");
        let pairs = [
            ("Image", image),
            ("CommandLine", command_line),
            ("ParentImage", "/usr/bin/bash"),
            ("User", "sato"),
        ];
        let found = rules.evaluate(&event(EventKind::ProcessStart, pairs.into_iter().collect()));
        let titles: Vec<&str> = found.iter().map(|found| found.rule.title.as_str()).collect();
        assert_eq!(titles, [title], "{shown}");
    }
}
