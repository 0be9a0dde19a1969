//! Where the file of a running program lies for us, when its process sees other mounts than we do.
//!
//! A path that the kernel names is one of the process' own view. In a sandbox `/usr/bin/python3` is a file of a Flatpak
//! runtime, in a container one of its image; and whoever mounts his own file over `/usr/bin/true`, for which nobody
//! needs to be root, runs it under the name of a packaged program.

use crate::limits::SMALL_FILE_BYTES_MAX;
use crate::linux::mounts::unescape;
use std::fs::File;
use std::io::{self, Read as _};
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

/// Where the file of a running program lies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Whereabouts {
    /// Where its path says; also when the process has ended and nobody knows better.
    Here,
    /// In the image of a container: the root of all that the process sees is another one, and the file lies on it.
    InImage {
        /// Where that is for us, when it is somewhere.
        host: Option<PathBuf>,
    },
    /// On a mount that only the process sees; what lies at its path for us is something else.
    Mounted {
        /// Where that is for us, when it is somewhere.
        host: Option<PathBuf>,
    },
}

/// Asks where the file of a process' program lies, whose path the kernel named.
#[must_use]
pub fn whereabouts(pid: u32, image: &Path) -> Whereabouts {
    found(pid, image).unwrap_or(Whereabouts::Here)
}

fn found(pid: u32, image: &Path) -> io::Result<Whereabouts> {
    let namespace = |who: &str| std::fs::read_link(format!("/proc/{who}/ns/mnt"));
    let own = |who: &str, name: &str| format!("/proc/{who}/{name}");
    let who = pid.to_string();
    if namespace(&who)? == namespace("self")? {
        return Ok(Whereabouts::Here);
    }
    let program = own(&who, "exe");
    // The process may have gone on to another program.
    if std::fs::read_link(&program)?.as_path() != image {
        return Ok(Whereabouts::Here);
    }
    let its = std::fs::metadata(&program)?;
    let is_it = |path: &Path| {
        std::fs::symlink_metadata(path)
            .is_ok_and(|found| (found.dev(), found.ino()) == (its.dev(), its.ino()))
    };
    // Services with a view of their own mostly see the same programs.
    if is_it(image) {
        return Ok(Whereabouts::Here);
    }
    let theirs = parse(&read(&own(&who, "mountinfo"))?);
    let ours = parse(&read("/proc/self/mountinfo")?);
    Ok(decide(&theirs, &ours, image, is_it))
}

/// One line of `mountinfo`.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Mount {
    /// `major:minor`.
    device: Vec<u8>,
    /// Which folder of the file system is mounted.
    root: PathBuf,
    point: PathBuf,
}

fn decide(
    theirs: &[Mount],
    ours: &[Mount],
    image: &Path,
    is_it: impl Fn(&Path) -> bool,
) -> Whereabouts {
    // The last one of the longest point lies on top.
    let Some(mount) = theirs
        .iter()
        .filter(|mount| image.starts_with(&mount.point))
        .max_by_key(|mount| mount.point.components().count())
    else {
        return Whereabouts::Here;
    };
    let below = image.strip_prefix(&mount.point).unwrap_or(image);
    // A single file may be mounted, too: then nothing is below.
    let in_filesystem =
        if below.as_os_str().is_empty() { mount.root.clone() } else { mount.root.join(below) };
    let host = ours
        .iter()
        .filter(|own| own.device == mount.device)
        .filter_map(|own| Some(own.point.join(in_filesystem.strip_prefix(&own.root).ok()?)))
        .find(|path| is_it(path));
    let root_of = |mounts: &[Mount]| {
        let root = mounts.iter().rfind(|mount| mount.point == Path::new("/"));
        root.map(|root| (root.device.clone(), root.root.clone()))
    };
    let in_image = mount.point == Path::new("/") && root_of(theirs) != root_of(ours);
    if in_image { Whereabouts::InImage { host } } else { Whereabouts::Mounted { host } }
}

fn parse(mountinfo: &[u8]) -> Vec<Mount> {
    let path = |word: &[u8]| PathBuf::from(std::ffi::OsString::from_vec(unescape(word)));
    let mount = |line: &[u8]| {
        let mut words = line.split(|byte| *byte == b' ').skip(2);
        let (device, root, point) = (words.next()?, words.next()?, words.next()?);
        Some(Mount { device: device.to_vec(), root: path(root), point: path(point) })
    };
    mountinfo.split(|byte| *byte == b'\n').filter_map(mount).collect()
}

fn read(path: &str) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(SMALL_FILE_BYTES_MAX).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Whether a path lies in a Flatpak installation of a user, whose applications the inventory lists.
#[must_use]
pub fn is_flatpak_of_user(path: &Path) -> bool {
    let text = path.as_os_str().as_bytes();
    [&b"/.local/share/flatpak/app/"[..], b"/.local/share/flatpak/runtime/"]
        .iter()
        .any(|part| text.windows(part.len()).any(|window| window == *part))
}

#[cfg(test)]
mod tests {
    use super::*;

    const OURS: &[u8] = b"27 1 254:0 / / rw - ext4 /dev/vda rw\n\
        30 27 7:3 / /snap/core22/123 ro - squashfs /dev/loop3 ro\n\
        31 27 254:5 / /home rw - ext4 /dev/vdb rw\n";

    fn check(theirs: &[u8], image: &str, expected: Whereabouts) {
        let host = match &expected {
            Whereabouts::InImage { host } | Whereabouts::Mounted { host } => host.clone(),
            Whereabouts::Here => None,
        };
        let is_it = |path: &Path| Some(path) == host.as_deref();
        let found = decide(&parse(theirs), &parse(OURS), Path::new(image), is_it);
        assert_eq!(found, expected, "{image}");
    }

    fn mounted(host: Option<&str>) -> Whereabouts {
        Whereabouts::Mounted { host: host.map(PathBuf::from) }
    }

    #[test]
    fn programs_of_flatpaks_and_snaps_lie_in_their_images() {
        let flatpak = b"1 0 0:90 / / rw - tmpfs tmpfs rw\n\
            2 1 254:0 /var/lib/flatpak/runtime/org.x/x86_64/1/abc/files /usr ro - ext4 /dev/vda rw\n\
            3 1 254:5 /taro/.local/share/flatpak/app/org.y/x86_64/stable/def/files /app ro - ext4 /dev/vdb rw\n";
        let runtime = "/var/lib/flatpak/runtime/org.x/x86_64/1/abc/files/bin/bash";
        check(flatpak, "/usr/bin/bash", mounted(Some(runtime)));
        let own = "/home/taro/.local/share/flatpak/app/org.y/x86_64/stable/def/files/bin/y";
        check(flatpak, "/app/bin/y", mounted(Some(own)));
        assert!(is_flatpak_of_user(Path::new(own)));
        assert!(!is_flatpak_of_user(Path::new("/home/taro/flatpak/app/x")));
        let snap =
            b"1 0 7:3 / / ro - squashfs /dev/loop3 ro\n2 1 254:5 / /home rw - ext4 /dev/vdb rw\n";
        let base = PathBuf::from("/snap/core22/123/usr/bin/python3");
        check(snap, "/usr/bin/python3", Whereabouts::InImage { host: Some(base) });
        // What lies in the home is the same file for the snap and for us.
        check(snap, "/home/taro/tool", mounted(Some("/home/taro/tool")));
    }

    #[test]
    fn a_program_mounted_over_a_packaged_one_is_where_it_really_lies() {
        let hiding =
            b"1 0 254:0 / / rw - ext4 /dev/vda rw\n2 1 254:5 / /home rw - ext4 /dev/vdb rw\n\
            3 1 254:5 /mallory/tool\\0401 /usr/bin/true rw - ext4 /dev/vdb rw\n\
            4 1 0:77 / /usr/games rw - tmpfs tmpfs rw\n";
        check(hiding, "/usr/bin/true", mounted(Some("/home/mallory/tool 1")));
        check(hiding, "/usr/games/true", mounted(None));
        // The same within a root of one's own.
        let in_root = b"1 0 0:90 / / rw - tmpfs tmpfs rw\n\
            2 1 254:5 /mallory/tool /usr/bin/true rw - ext4 /dev/vdb rw\n";
        check(in_root, "/usr/bin/true", mounted(Some("/home/mallory/tool")));
    }

    #[test]
    fn a_containers_own_programs_lie_in_its_image() {
        let container =
            b"1 0 0:55 / / rw - overlay overlay rw\n2 1 0:56 / /proc rw - proc proc rw\n";
        check(container, "/usr/bin/python3", Whereabouts::InImage { host: None });
        assert_eq!(decide(&[], &[], Path::new("/x"), |_| true), Whereabouts::Here);
    }

    #[test]
    fn our_own_program_lies_where_its_path_says() {
        let own = std::fs::read_link("/proc/self/exe").expect("is a program");
        assert_eq!(whereabouts(std::process::id(), &own), Whereabouts::Here);
        assert_eq!(whereabouts(u32::MAX, &own), Whereabouts::Here);
    }

    #[test]
    #[expect(clippy::disallowed_methods, reason = "this test runs a program in a view of its own")]
    fn a_program_run_under_a_packaged_name_in_a_view_of_its_own_is_found() {
        use std::process::{Command, Stdio};
        let scratch = tempfile::tempdir().expect("a scratch folder");
        let tool = scratch.path().canonicalize().expect("a path").join("tool");
        // Another process writes the program: one that is being written cannot be started.
        let hide =
            "cp /bin/sleep \"$1\" && mount --bind \"$1\" /usr/bin/true && exec /usr/bin/true 60";
        let unshare = ["--mount", "--propagation", "private", "sh", "-c", hide, "sh"];
        let started =
            Command::new("unshare").args(unshare).arg(&tool).stderr(Stdio::null()).spawn();
        let Ok(mut process) = started else { return println!("skipped: there is no unshare") };
        let image = Path::new("/usr/bin/true");
        let mut found = Whereabouts::Here;
        for _ in 0..200 {
            found = whereabouts(process.id(), image);
            if found != Whereabouts::Here {
                break;
            }
            if process.try_wait().expect("is asked").is_some() {
                return println!("skipped: mounting needs root");
            }
            std::thread::sleep(std::time::Duration::from_millis(50));
        }
        process.kill().expect("ends");
        process.wait().expect("ended");
        assert_eq!(found, Whereabouts::Mounted { host: Some(tool) });
    }
}
