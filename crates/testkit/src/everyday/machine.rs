//! The programs of an office machine, and the dice that vary what they do.

/// A program, as its file describes it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Program {
    pub(super) image: &'static str,
    pub(super) description: &'static str,
    pub(super) company: &'static str,
    pub(super) original: &'static str,
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
pub(super) struct Dice(pub(super) u64);

impl Dice {
    /// SplitMix64.
    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ self.0 >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ mixed >> 31
    }

    pub(super) fn below(&mut self, end: u32) -> u32 {
        u32::try_from(self.next() % u64::from(end)).unwrap_or(0)
    }

    pub(super) fn of<'a, T>(&mut self, choices: &'a [T]) -> &'a T {
        &choices[usize::try_from(self.next()).unwrap_or(0) % choices.len()]
    }

    pub(super) fn weighted(&mut self, shares: &[u32]) -> usize {
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

    pub(super) fn word(&mut self) -> String {
        const LETTERS: &[u8] = b"abcdefghijklmnopqrstuvwxyzABCDEF0123456789";
        (0..6 + self.below(8)).map(|_| char::from(*self.of(LETTERS))).collect()
    }

    pub(super) fn guid(&mut self) -> String {
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

    pub(super) fn program(&mut self) -> Program {
        // The first ones are the most frequent.
        let place = self.next().min(self.next()) % PROGRAMS.len() as u64;
        PROGRAMS[usize::try_from(place).unwrap_or(0)]
    }

    /// Who starts it on an ordinary day.
    pub(super) fn parent(program: &Program) -> Program {
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
    pub(super) fn online(&mut self) -> Program {
        let online = ["svchost.exe", "msedge.exe", "msedge.exe", "MsMpEng.exe", "git.exe"];
        let name = *self.of(&online);
        PROGRAMS.iter().find(|one| one.image.ends_with(name)).copied().unwrap_or(SERVICES)
    }

    pub(super) fn command_line(&mut self, program: &Program) -> String {
        let arguments = *self.of(program.arguments);
        let word = self.word();
        format!("\"{}\" {}", program.image, arguments.replace('@', &word))
    }

    pub(super) fn user(&mut self) -> String {
        match self.below(4) {
            0 => "NT AUTHORITY\\SYSTEM".to_owned(),
            _ => format!("CORP\\user{:03}", self.below(300)),
        }
    }

    /// The same program mostly has the same hash; updates bring others.
    pub(super) fn hashes(&mut self, program: &Program) -> String {
        let version = u64::from(self.below(4));
        let mut own = Self(
            version << 32 ^ program.image.len() as u64 ^ (program.original.len() as u64 * 977),
        );
        let mut hex = |words: usize| -> String {
            (0..words).map(|_| format!("{:016X}", own.next())).collect()
        };
        format!("MD5={},SHA256={},IMPHASH={}", hex(2), hex(4), hex(2))
    }

    pub(super) fn host(&mut self) -> String {
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

    pub(super) fn key(&mut self) -> String {
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
