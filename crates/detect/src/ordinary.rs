//! What everyday values look like, for estimates only: which literal of a rule is rare enough to wait for.
//! A bad estimate costs time, never an answer.

use crate::grams;
use std::collections::HashMap;
use std::sync::LazyLock;

/// Values as Windows and Linux machines produce them all day, folded.
const VALUES: &[&str] = &[
    r"c:\windows\system32\svchost.exe",
    r"c:\windows\system32\svchost.exe -k netsvcs -p -s schedule",
    r"c:\windows\system32\svchost.exe -k localservicenetworkrestricted",
    r"c:\windows\system32\cmd.exe",
    r#""c:\windows\system32\cmd.exe" /c "c:\users\public\run.bat""#,
    r"cmd.exe /c whoami",
    r"c:\windows\system32\windowspowershell\v1.0\powershell.exe",
    r#""c:\windows\system32\windowspowershell\v1.0\powershell.exe" -noprofile -executionpolicy bypass -file c:\users\user\script.ps1"#,
    r"powershell.exe -nop -w hidden -enc jabzad0atgbl",
    r"c:\windows\explorer.exe",
    r"c:\windows\system32\services.exe",
    r"c:\windows\system32\lsass.exe",
    r"c:\windows\system32\rundll32.exe",
    r"rundll32.exe c:\windows\system32\shell32.dll,control_rundll",
    r"c:\windows\system32\wbem\wmiprvse.exe",
    r"c:\windows\system32\wbem\wmiprvse.exe -secured -embedding",
    r"c:\windows\system32\conhost.exe 0xffffffff -forcev1",
    r"c:\windows\system32\taskhostw.exe",
    r"c:\windows\system32\dllhost.exe /processid:{ab8902b4-09ca-4bb6-b78d-a8f59079a8d5}",
    r"c:\windows\system32\reg.exe",
    r"reg.exe add hklm\software\microsoft\windows\currentversion\run /v name /t reg_sz /d c:\program files\app.exe /f",
    r"c:\windows\system32\net.exe",
    r"net user administrator /domain",
    r"c:\windows\system32\schtasks.exe",
    r"schtasks.exe /create /tn task /tr c:\windows\temp\run.exe /sc onlogon",
    r"c:\windows\system32\wscript.exe",
    r"c:\windows\system32\regsvr32.exe",
    r"regsvr32.exe /s c:\windows\system32\scrobj.dll",
    r"c:\windows\system32\mmc.exe",
    r"c:\windows\system32\mshta.exe",
    r"c:\windows\system32\consent.exe",
    r"c:\windows\system32\notepad.exe",
    r"c:\windows\system32\searchindexer.exe",
    r"c:\windows\system32\backgroundtaskhost.exe",
    r"c:\windows\system32\runtimebroker.exe -embedding",
    r"c:\windows\syswow64\rundll32.exe",
    r"c:\windows\microsoft.net\framework64\v4.0.30319\ngen.exe",
    r"c:\program files\google\chrome\application\chrome.exe",
    r#""c:\program files (x86)\google\chrome\application\chrome.exe" --type=renderer --lang=en-us"#,
    r"c:\program files\microsoft office\root\office16\winword.exe",
    r"c:\program files\microsoft office\root\office16\excel.exe",
    r"c:\program files (x86)\microsoft\edge\application\msedge.exe",
    r"c:\program files\windows defender\msmpeng.exe",
    r"c:\programdata\microsoft\windows defender\platform\4.18\msmpeng.exe",
    r"c:\users\user\appdata\local\temp\setup.exe",
    r"c:\users\user\appdata\roaming\microsoft\windows\recent\file.lnk",
    r"c:\users\user\downloads\file.zip",
    r"c:\users\user\desktop\",
    r"c:\windows\temp\file.tmp",
    r"c:\windows\system32\ntdll.dll",
    r"c:\windows\system32\kernel32.dll",
    r"c:\windows\system32\kernelbase.dll+23e4e|c:\windows\system32\ntdll.dll+9a3b4|unknown(0000021f)",
    r"c:\windows\system32\",
    r"c:\windows\prefetch\cmd.exe-89305d47.pf",
    r"hklm\system\currentcontrolset\services\bam\state\usersettings\s-1-5-21-1\device",
    r"hklm\software\microsoft\windows nt\currentversion\schedule\taskcache\tasks",
    r"hku\s-1-5-21-3583694148-1414552638-2922671848-1000\software\microsoft\windows\currentversion\explorer",
    r"hklm\software\microsoft\windows\currentversion\run\name",
    r"hklm\software\classes\clsid",
    r"dword (0x00000001)",
    r"binary data",
    r"nt authority\system",
    r"nt authority\local service",
    r"desktop\user",
    r"system",
    r"high",
    r"medium",
    r"true",
    r"false",
    r"-",
    r"0x0",
    r"0x1000",
    r"0x1fffff",
    r"microsoft corporation",
    r"microsoft® windows® operating system",
    r"windows powershell",
    r"windows command processor",
    r"powershell.exe",
    r"cmd.exe",
    r"svchost.exe",
    r"10.0.19041.1 (winbuild.160101.0800)",
    r"sha1=f0c6b4b1fd54f0f2a4e0ca3ae3ab4a5e8d8b1a62,md5=8a2122e8162dbef04694b9c3e0b6cdee,sha256=b99d61d874728edc0918ca0eb10eab93d381e7367e377406e65963366c874450,imphash=272245e2988e1e430500b852c4fb5e18",
    r"127.0.0.1",
    r"10.0.2.15",
    r"192.168.1.10",
    r"tcp",
    r"udp",
    r"443",
    r"80",
    r"53",
    r"445",
    r"microsoft-windows-sysmon",
    r"microsoft-windows-security-auditing",
    r"function get-item { param([string]$path) if ($path) { write-output $path } else { return $null } }",
    r"import-module activedirectory; $user = get-aduser -filter *; foreach ($one in $user) { new-object psobject -property @{name=$one.name} }",
    r"set-strictmode -version 1; $_.message",
    r"$result = invoke-command -scriptblock { get-process | where-object { $_.id -eq 1 } | select-object name }",
    r"[system.reflection.assembly]::loadwithpartialname('system.windows.forms') | out-null",
    r"/usr/bin/bash",
    r"/bin/sh -c run-parts /etc/cron.hourly",
    r"/usr/sbin/sshd -d -r",
    r"/usr/bin/python3 /usr/lib/app/main.py --config /etc/app.conf",
    r"/usr/bin/dpkg --status-fd 20 --configure --pending",
    r"/usr/bin/git status",
    r"/usr/bin/systemctl restart app.service",
    r"/home/user/.bashrc",
    r"/var/log/syslog",
    r"/tmp/file",
    r"root",
    r"get /index.html?id=1 http/1.1",
    r"mozilla/5.0 (windows nt 10.0; win64; x64) applewebkit/537.36 (khtml, like gecko) chrome/120.0 safari/537.36",
    r"200",
    r"www.example.com",
];

static GRAMS: LazyLock<HashMap<u32, usize>> = LazyLock::new(|| {
    let mut counts = HashMap::new();
    for (_, gram) in VALUES.iter().flat_map(|value| grams::grams(value.as_bytes())) {
        *counts.entry(gram).or_default() += 1;
    }
    counts
});

/// How often everyday values hold these four bytes.
pub(crate) fn gram_count(gram: u32) -> usize {
    GRAMS.get(&gram).copied().unwrap_or(0)
}

/// Programs that start or act many times a day, and values that stand in a large part of all events.
const FREQUENT: &[(&str, f32)] = &[
    (r"\svchost.exe", 0.3),
    (r"\explorer.exe", 0.2),
    (r"\cmd.exe", 0.15),
    (r"\conhost.exe", 0.15),
    (r"\services.exe", 0.15),
    (r"\powershell.exe", 0.1),
    (r"\rundll32.exe", 0.05),
    (r"\wmiprvse.exe", 0.05),
    ("true", 0.5),
    ("false", 0.5),
    ("setvalue", 0.5),
    ("createkey", 0.3),
    ("high", 0.3),
    ("medium", 0.3),
    ("system", 0.3),
    ("-", 0.5),
    ("0", 0.3),
    ("1", 0.2),
    ("3", 0.2),
    ("0x0", 0.3),
    ("tcp", 0.5),
    ("udp", 0.3),
    ("valid", 0.5),
];

/// The known share of a value, or of a last part of a path.
pub(crate) fn known_share(text: &str) -> Option<f32> {
    FREQUENT.iter().find(|(frequent, _)| *frequent == text).map(|(_, share)| *share)
}

/// The estimated share of values for which the question holds, at least `floor`.
pub(crate) fn share(floor: f32, holds: impl Fn(&str) -> bool) -> f32 {
    let held = VALUES.iter().filter(|value| holds(value)).count();
    // A value that occurs here at all is everyday; one field's values are a part of these.
    floor.max(held as f32 * 4.0 / VALUES.len() as f32)
}
