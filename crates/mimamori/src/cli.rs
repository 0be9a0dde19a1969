//! The command line as typed. Each command validates its own arguments where it begins.

mod demo;
mod lookback;
mod public_url;
mod rules;
mod software;

pub(crate) use demo::{CoverageFormat, Demo, RulesCoverage};
pub(crate) use lookback::{AlertsAct, FoldedAlerts, OneAlert, RulesBacktest};
pub(crate) use rules::{PackKeygen, PackSign, PackVerify, RulesHealth, RulesOfData, RulesPack};
pub(crate) use software::{
    Findings, FindingsList, Language, Software, SoftwareExplain, SoftwareImport, SoftwareList,
};

use clap::{Args, Parser, Subcommand, ValueEnum};
use control::Role;
use model::DeviceId;
use public_url::public_url;
use std::net::SocketAddr;
use std::path::PathBuf;

/// Mimamori watches over a company's computers: it records what happens on every endpoint, judges it by
/// open rules and explains each alert.
#[derive(Debug, Parser)]
#[command(name = "mimamori", version, arg_required_else_help = true)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Start everything on this machine: server and local agent
    Up(Up),
    /// Run the server (every role)
    Serve(Serve),
    /// Judge Windows event logs (.evtx) by Sigma rules
    Scan(Scan),
    /// Run a read-only SQL query over the lake
    Query(Query),
    /// List alerts, newest first
    Alerts(Alerts),
    /// Check rules and run their tests
    #[command(subcommand)]
    Rules(Rules),
    /// Tell stories of attacks, with the alerts that they raise, into a data folder of their own (--data) that
    /// no server uses now; the console then shows them
    Demo(Demo),
    /// Software on the devices: list, explain how it was judged, import and export the catalogue
    #[command(subcommand)]
    Software(Software),
    /// Software that needs somebody
    #[command(subcommand)]
    Findings(Findings),
    /// Prove that nothing is missing
    #[command(subcommand)]
    Audit(Audit),
    /// Administer this installation
    #[command(subcommand)]
    Admin(Admin),
}

/// Where the data lies.
#[derive(Debug, Clone, Args)]
pub(crate) struct DataOption {
    /// Folder of all data
    #[arg(long = "data", value_name = "DIR", default_value = "mimamori-data")]
    pub(crate) directory: PathBuf,
}

/// Which database holds people, requests and findings.
#[derive(Debug, Clone, Args)]
pub(crate) struct DatabaseOption {
    /// A PostgreSQL database (postgres://USER@HOST/DATABASE) in place of the SQLite file in the data folder.
    /// Remembered in the data folder for later starts and for the other commands. Leave the password to
    /// PGPASSFILE or ~/.pgpass: a command line is seen by everybody on the machine
    #[arg(long = "database", value_name = "URL")]
    pub(crate) url: Option<String>,
}

/// How long the state keeps what grows with every alert.
#[derive(Debug, Clone, Args)]
pub(crate) struct RetentionOptions {
    /// Days after which alerts that were folded into findings, and closed findings, leave the state; open findings,
    /// the audit chain and everything in the lake stay
    #[arg(long, value_name = "DAYS", default_value_t = control::limits::DETECTION_DAYS_KEPT,
        value_parser = clap::value_parser!(i64).range(90..=3650))]
    pub(crate) findings_kept_days: i64,
}

/// Which addresses to listen on.
#[derive(Debug, Clone, Args)]
pub(crate) struct ListenOptions {
    /// Address of the console
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8470")]
    pub(crate) console: SocketAddr,
    /// Address for agents
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8471")]
    pub(crate) agents: SocketAddr,
    /// Address by which people reach the console, such as https://mimamori.example.co.jp; for links, and the only
    /// other name that the console answers to
    #[arg(long, value_name = "URL", value_parser = public_url)]
    pub(crate) public_url: Option<String>,
}

impl ListenOptions {
    /// Where people reach the console.
    pub(crate) fn origin(&self) -> String {
        self.public_url.clone().unwrap_or_else(|| format!("http://{}", self.console))
    }
}

#[derive(Debug, Args)]
pub(crate) struct Up {
    #[command(flatten)]
    pub(crate) data: DataOption,
    #[command(flatten)]
    pub(crate) database: DatabaseOption,
    #[command(flatten)]
    pub(crate) listen: ListenOptions,
    #[command(flatten)]
    pub(crate) retention: RetentionOptions,
    /// Folder of further rules; may be given several times
    #[arg(long = "rules", value_name = "DIR")]
    pub(crate) rules: Vec<PathBuf>,
    /// The agent's program; by default the one beside this program
    #[arg(long, value_name = "FILE")]
    pub(crate) agent_program: Option<PathBuf>,
    /// Folder under which the agent pins its kernel programs
    #[arg(long, value_name = "DIR")]
    pub(crate) sensor_pin: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct Serve {
    #[command(flatten)]
    pub(crate) data: DataOption,
    #[command(flatten)]
    pub(crate) database: DatabaseOption,
    #[command(flatten)]
    pub(crate) listen: ListenOptions,
    #[command(flatten)]
    pub(crate) retention: RetentionOptions,
    /// Folder of further rules; may be given several times
    #[arg(long = "rules", value_name = "DIR")]
    pub(crate) rules: Vec<PathBuf>,
    /// Print one JSON line with addresses and a sign-in link when ready (for a supervisor)
    #[arg(long, hide = true)]
    pub(crate) announce: bool,
    /// Put an enrolment token for the local agent into that line
    #[arg(long, hide = true)]
    pub(crate) announce_enrolment: bool,
    /// Stop in good order when standard input ends (for a supervisor)
    #[arg(long, hide = true)]
    pub(crate) stop_with_stdin: bool,
}

/// How results are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For people
    Table,
    /// One JSON object per line
    Jsonl,
}

#[derive(Debug, Args)]
pub(crate) struct Scan {
    /// Event log files, or folders of them
    #[arg(required = true, value_name = "PATH")]
    pub(crate) paths: Vec<PathBuf>,
    /// Folder (or file) of Sigma rules; may be given several times. Without it: the rules that come along
    #[arg(long = "rules", value_name = "DIR")]
    pub(crate) rules: Vec<PathBuf>,
    /// Folder of all data, which may be absent: its packs/trusted and packs/require-signature say which packs of
    /// rules are believed, as for the server
    #[arg(long = "data", value_name = "DIR", default_value = "mimamori-data")]
    pub(crate) data: PathBuf,
    /// A public key to trust besides those; may be given several times
    #[arg(long = "trust", value_name = "FILE")]
    pub(crate) trust: Vec<PathBuf>,
    /// How matches are printed
    #[arg(long, value_enum, default_value = "table")]
    pub(crate) format: Format,
}

#[derive(Debug, Args)]
pub(crate) struct Query {
    #[command(flatten)]
    pub(crate) data: DataOption,
    /// SELECT … over the tables process, file, registry, network, logon, module, other, agent, alert
    #[arg(value_name = "SQL")]
    pub(crate) sql: String,
    /// At most this many rows
    #[arg(long, value_name = "N", default_value_t = 1_000)]
    pub(crate) rows: usize,
    /// How rows are printed
    #[arg(long, value_enum, default_value = "table")]
    pub(crate) format: Format,
}

#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct Alerts {
    #[command(subcommand)]
    pub(crate) act: Option<AlertsAct>,
    #[command(flatten)]
    pub(crate) data: DataOption,
    /// Only this level and above: informational, low, medium, high, critical
    #[arg(long, value_name = "LEVEL")]
    pub(crate) level: Option<String>,
    /// At most this many alerts
    #[arg(long, value_name = "N", default_value_t = 50)]
    pub(crate) rows: usize,
    /// How alerts are printed
    #[arg(long, value_enum, default_value = "table")]
    pub(crate) format: Format,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Rules {
    /// Load rules and say which are refused, and why; exit 1 when one is
    Check(RulePaths),
    /// Run the test cases beside the rules; exit 1 when one fails
    Test(RulePaths),
    /// Say what a rule would have done in the time that the lake remembers; exit 1 when it is refused
    Backtest(RulesBacktest),
    /// Say which ATT&CK techniques the rules look for, and whether events reach them
    Coverage(RulesCoverage),
    /// List the rules that the server of a data folder uses, and where each is in its life
    List(RulesOfData),
    /// Say how rules are: which devices feed them, their last match, matches in 30 days, what filters took away, cost
    Health(RulesHealth),
    /// Packs of rules: keys, signatures
    #[command(subcommand)]
    Pack(RulesPack),
}

#[derive(Debug, Args)]
pub(crate) struct RulePaths {
    /// Folders (or files) of Sigma rules. Without any: the rules that come along
    #[arg(value_name = "PATH")]
    pub(crate) paths: Vec<PathBuf>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Audit {
    /// Compare what was seen, sent and stored, per class and per stream; exit 1 when the sums disagree
    Events(AuditEvents),
}

#[derive(Debug, Args)]
pub(crate) struct AuditEvents {
    #[command(flatten)]
    pub(crate) data: DataOption,
    /// How the sums are printed
    #[arg(long, value_enum, default_value = "table")]
    pub(crate) format: Format,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Admin {
    /// Print a new one-time link that signs in to the console
    SignInLink(SignInLink),
    /// Print a new token that lets an agent enrol, as a new device or in the place of a lost one
    EnrolmentToken(EnrolmentToken),
    /// People who may sign in
    #[command(subcommand)]
    Person(Person),
    /// Departments of people and devices
    #[command(subcommand)]
    Department(Department),
    /// Whose a device is
    #[command(subcommand)]
    Device(Device),
    /// The audit log
    #[command(subcommand)]
    Audit(AuditLog),
    /// The same as `audit verify`
    #[command(hide = true)]
    AuditVerify(DataOption),
}

#[derive(Debug, Subcommand)]
pub(crate) enum AuditLog {
    /// Verify the chain of hashes; exit 1 when it is broken
    Verify(DataOption),
}

#[derive(Debug, Subcommand)]
pub(crate) enum Person {
    /// Add a person and print a one-time link for the first sign-in
    Add(PersonAdd),
    /// List everybody
    List(DataOption),
    /// Give a person these roles and no others
    Roles(PersonRoles),
    /// End a person's sessions and let the person sign in no more
    Disable(NamedPerson),
    /// Let a disabled person sign in again
    Enable(NamedPerson),
    /// Print a one-time link; a password that was set is forgotten
    Invite(PersonInvite),
}

#[derive(Debug, Args)]
pub(crate) struct NamedPerson {
    #[command(flatten)]
    pub(crate) data: DataOption,
    /// The person's name
    #[arg(value_name = "NAME")]
    pub(crate) name: String,
}

#[derive(Debug, Args)]
pub(crate) struct PersonAdd {
    #[command(flatten)]
    pub(crate) person: NamedPerson,
    /// employee, reviewer, analyst, operator, administrator or auditor; may be given several times
    #[arg(long = "role", value_name = "ROLE", default_value = "employee", value_parser = role)]
    pub(crate) roles: Vec<Role>,
    /// The language of messages: ja or en
    #[arg(long, value_name = "LANGUAGE", default_value = "ja", value_parser = ["ja", "en"])]
    pub(crate) language: String,
    /// The time zone, by its IANA name
    #[arg(long, value_name = "ZONE", default_value = "Asia/Tokyo")]
    pub(crate) time_zone: String,
    /// The department, which must exist
    #[arg(long, value_name = "DEPARTMENT")]
    pub(crate) department: Option<String>,
    /// The manager's name
    #[arg(long, value_name = "NAME")]
    pub(crate) manager: Option<String>,
    /// Let the roles reach this department only; may be given several times
    #[arg(long = "only-department", value_name = "DEPARTMENT")]
    pub(crate) limited_to: Vec<String>,
    /// Address of the console; by default the one where the server listened last
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) console: Option<SocketAddr>,
}

#[derive(Debug, Args)]
pub(crate) struct PersonRoles {
    #[command(flatten)]
    pub(crate) person: NamedPerson,
    /// employee, reviewer, analyst, operator, administrator, auditor
    #[arg(required = true, value_name = "ROLE", value_parser = role)]
    pub(crate) roles: Vec<Role>,
    /// Let the roles reach this department only; may be given several times
    #[arg(long = "only-department", value_name = "DEPARTMENT")]
    pub(crate) limited_to: Vec<String>,
}

#[derive(Debug, Args)]
pub(crate) struct PersonInvite {
    #[command(flatten)]
    pub(crate) person: NamedPerson,
    /// Address of the console; by default the one where the server listened last
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) console: Option<SocketAddr>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Department {
    /// Add a department
    Add(NamedDepartment),
    /// List the departments
    List(DataOption),
}

#[derive(Debug, Args)]
pub(crate) struct NamedDepartment {
    #[command(flatten)]
    pub(crate) data: DataOption,
    /// The department's name
    #[arg(value_name = "NAME")]
    pub(crate) name: String,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Device {
    /// List devices with owner and department
    List(DataOption),
    /// Say who owns a device
    Owner(DeviceOwner),
    /// Say to which department a device belongs; without one, to that of its owner
    Department(DeviceDepartment),
    /// Say in which groups a device is; without any, in none
    Groups(DeviceGroups),
    /// List the groups of devices
    GroupList(DataOption),
}

#[derive(Debug, Args)]
pub(crate) struct DeviceOwner {
    #[command(flatten)]
    pub(crate) data: DataOption,
    /// The device's name, or its id
    #[arg(value_name = "DEVICE")]
    pub(crate) device: String,
    /// The person's name; without it: nobody
    #[arg(value_name = "NAME")]
    pub(crate) owner: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct DeviceDepartment {
    #[command(flatten)]
    pub(crate) data: DataOption,
    /// The device's name, or its id
    #[arg(value_name = "DEVICE")]
    pub(crate) device: String,
    /// The department's name
    #[arg(value_name = "DEPARTMENT")]
    pub(crate) department: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct DeviceGroups {
    #[command(flatten)]
    pub(crate) data: DataOption,
    /// The device's name, or its id
    #[arg(value_name = "DEVICE")]
    pub(crate) device: String,
    /// The groups' names; those that are new are made
    #[arg(value_name = "GROUP")]
    pub(crate) groups: Vec<String>,
}

#[derive(Debug, Args)]
pub(crate) struct SignInLink {
    #[command(flatten)]
    pub(crate) data: DataOption,
    /// Address of the console; by default the one where the server listened last
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) console: Option<SocketAddr>,
}

#[derive(Debug, Args)]
pub(crate) struct EnrolmentToken {
    #[command(flatten)]
    pub(crate) data: DataOption,
    /// How many agents may use it
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub(crate) uses: u32,
    /// Put the agent on this known device (its id, as in the console's address or in `mimamori query
    /// "SELECT DISTINCT device FROM agent"`), for a computer whose agent lost its data or its certificate. The
    /// token works once; its use ends the certificates of the agents that were there
    #[arg(long, value_name = "DEVICE", conflicts_with = "uses", value_parser = device)]
    pub(crate) replace: Option<DeviceId>,
}

fn role(text: &str) -> Result<Role, String> {
    Role::of_name(text).ok_or_else(|| {
        let known: Vec<&str> = Role::ALL.iter().map(|role| role.name()).collect();
        format!("there is no role {text:?}; the roles are {}", known.join(", "))
    })
}

fn device(text: &str) -> Result<DeviceId, String> {
    DeviceId::parse(text).map_err(|err| err.to_string())
}
