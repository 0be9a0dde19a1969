//! Which process started which: the last ones of every device, in two generations. A full one takes the place of the
//! older, and what is asked for moves to the younger, so that what is used stays and memory is bounded.

use super::limits::{IMAGE_BYTES_MAX, IMAGE_MAX, PROCESSES_MAX};
use model::context::PARENT_CHAIN_MAX;
use model::{DeviceId, Fields, Value};
use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasher as _, RandomState};
use std::sync::Arc;

/// A process of a device, by a keyed hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Key(u64);

/// What is known of a process.
#[derive(Debug, Clone)]
struct Process {
    image: Option<Arc<str>>,
    parent: Option<Key>,
    parent_image: Option<Arc<str>>,
    sha256: Option<[u8; 32]>,
    package: Option<Arc<str>>,
}

/// The processes that were last heard of.
#[derive(Debug, Default)]
pub(super) struct Parents {
    keys: RandomState,
    young: HashMap<Key, Process>,
    old: HashMap<Key, Process>,
    names: HashSet<Arc<str>>,
    names_bytes: usize,
}

/// What a process's start says of it.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Start<'a> {
    pub(super) guid: &'a str,
    pub(super) image: Option<&'a str>,
    pub(super) parent_guid: Option<&'a str>,
    pub(super) parent_image: Option<&'a str>,
    pub(super) sha256: Option<[u8; 32]>,
    pub(super) package: Option<&'a str>,
}

impl<'a> Start<'a> {
    pub(super) fn of(fields: &'a Fields, sha256: Option<[u8; 32]>) -> Option<Self> {
        Some(Self {
            guid: fields.text("ProcessGuid")?,
            image: fields.text("Image"),
            parent_guid: fields.text("ParentProcessGuid"),
            parent_image: fields.text("ParentImage"),
            sha256,
            package: fields.text("SoftwareId"),
        })
    }
}

impl Parents {
    /// A process began, or another program in it.
    pub(super) fn started(&mut self, device: DeviceId, start: &Start<'_>) {
        let key = self.key(device, start.guid);
        let process = Process {
            image: start.image.and_then(|image| self.name(image)),
            parent: start.parent_guid.map(|guid| self.key(device, guid)),
            parent_image: start.parent_image.and_then(|image| self.name(image)),
            sha256: start.sha256,
            package: start.package.and_then(|package| self.name(package)),
        };
        self.put(key, process);
    }

    /// Hash and package of the program that a process runs, as far as its start told them.
    pub(super) fn program_of(
        &mut self,
        device: DeviceId,
        guid: &str,
    ) -> (Option<[u8; 32]>, Option<Arc<str>>) {
        let key = self.key(device, guid);
        self.get(key).map(|process| (process.sha256, process.package)).unwrap_or_default()
    }

    /// The images of a process's parent, its parent and so on. What the event itself says comes first.
    pub(super) fn chain(&mut self, device: DeviceId, fields: &Fields) -> Vec<Value> {
        let own = fields.text("ProcessGuid").map(|guid| self.key(device, guid));
        let own = own.and_then(|key| self.get(key));
        let said = fields.text("ParentProcessGuid").map(|guid| self.key(device, guid));
        let mut parent = said.or_else(|| own.as_ref().and_then(|own| own.parent));
        let known = own.and_then(|own| own.parent_image);
        let mut image = match fields.text("ParentImage") {
            Some(said) => Some(Value::from(said)),
            None => known.map(|known| Value::from(&*known)),
        };
        let mut chain = Vec::new();
        while chain.len() < PARENT_CHAIN_MAX {
            let process = parent.and_then(|key| self.get(key));
            let own_word = || Some(Value::from(&**process.as_ref()?.image.as_ref()?));
            let Some(link) = image.take().or_else(own_word) else { break };
            chain.push(link);
            let Some(process) = process else { break };
            image = process.parent_image.map(|image| Value::from(&*image));
            parent = process.parent;
        }
        chain
    }

    fn key(&self, device: DeviceId, guid: &str) -> Key {
        Key(self.keys.hash_one((device, guid)))
    }

    fn get(&mut self, key: Key) -> Option<Process> {
        if let Some(process) = self.young.get(&key) {
            return Some(process.clone());
        }
        let process = self.old.remove(&key)?;
        let names = [&process.image, &process.parent_image, &process.package];
        self.names_bytes += names.into_iter().flatten().map(|name| name.len()).sum::<usize>();
        self.put(key, process.clone());
        Some(process)
    }

    fn put(&mut self, key: Key, process: Process) {
        if self.young.len() >= PROCESSES_MAX || self.names_bytes >= IMAGE_BYTES_MAX {
            self.old = std::mem::take(&mut self.young);
            self.names.clear();
            self.names_bytes = 0;
        }
        self.young.insert(key, process);
    }

    /// The one copy of a name in this generation.
    fn name(&mut self, image: &str) -> Option<Arc<str>> {
        if image.len() > IMAGE_MAX {
            return None;
        }
        if let Some(known) = self.names.get(image) {
            return Some(Arc::clone(known));
        }
        let name: Arc<str> = Arc::from(image);
        self.names_bytes += image.len();
        self.names.insert(Arc::clone(&name));
        Some(name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DEVICE: DeviceId = DeviceId::from_bits(1);

    fn start(parents: &mut Parents, guid: &str, image: &str, parent: Option<(&str, &str)>) {
        let start = Start {
            guid,
            image: Some(image),
            parent_guid: parent.map(|parent| parent.0),
            parent_image: parent.map(|parent| parent.1),
            ..Start::default()
        };
        parents.started(DEVICE, &start);
    }

    fn chain(parents: &mut Parents, fields: &[(&'static str, &str)]) -> Vec<String> {
        let fields: Fields = fields.iter().copied().collect();
        let chain = parents.chain(DEVICE, &fields);
        chain.iter().filter_map(|image| image.as_text().map(ToOwned::to_owned)).collect()
    }

    #[test]
    fn a_chain_is_the_images_at_the_time_of_each_start_and_ends_where_nothing_is_known() {
        let mut parents = Parents::default();
        start(&mut parents, "sshd", "/usr/sbin/sshd", Some(("init", "/sbin/init")));
        start(&mut parents, "sh", "/bin/bash", Some(("sshd", "/usr/sbin/sshd")));
        let child =
            [("ProcessGuid", "curl"), ("ParentProcessGuid", "sh"), ("ParentImage", "/bin/bash")];
        assert_eq!(chain(&mut parents, &child), ["/bin/bash", "/usr/sbin/sshd", "/sbin/init"]);
        // The shell runs another program in its place: later children have that one for a parent.
        start(&mut parents, "sh", "/usr/bin/python3", Some(("sshd", "/usr/sbin/sshd")));
        let later = [("ProcessGuid", "x"), ("ParentProcessGuid", "sh")];
        assert_eq!(
            chain(&mut parents, &later),
            ["/usr/bin/python3", "/usr/sbin/sshd", "/sbin/init"]
        );
        // Other events of a process name it alone.
        assert_eq!(chain(&mut parents, &[("ProcessGuid", "sh")]), ["/usr/sbin/sshd", "/sbin/init"]);
        assert_eq!(chain(&mut parents, &[("ProcessGuid", "?")]), [""; 0]);
        assert_eq!(chain(&mut parents, &[("ParentImage", "/a")]), ["/a"]);
        let other =
            parents.chain(DeviceId::from_bits(2), &[("ProcessGuid", "sh")].into_iter().collect());
        assert_eq!(other, []);
    }

    #[test]
    fn a_chain_that_bites_its_tail_ends() {
        let mut parents = Parents::default();
        start(&mut parents, "a", "/a", Some(("b", "/b")));
        start(&mut parents, "b", "/b", Some(("a", "/a")));
        assert_eq!(chain(&mut parents, &[("ProcessGuid", "a")]).len(), PARENT_CHAIN_MAX);
    }

    #[test]
    fn memory_is_bounded_and_what_is_asked_for_stays() {
        let mut parents = Parents::default();
        start(&mut parents, "init", "/sbin/init", None);
        for number in 0..3 * PROCESSES_MAX {
            start(&mut parents, &number.to_string(), "/bin/true", Some(("init", "/sbin/init")));
            if number % 1_000 == 0 {
                assert_eq!(chain(&mut parents, &[("ParentProcessGuid", "init")]), ["/sbin/init"]);
            }
        }
        assert!(parents.young.len() + parents.old.len() <= 2 * PROCESSES_MAX);
        assert_eq!(chain(&mut parents, &[("ProcessGuid", "1")]), [""; 0]);
        start(&mut parents, "long", &"x".repeat(IMAGE_MAX + 1), None);
        assert_eq!(chain(&mut parents, &[("ParentProcessGuid", "long")]), [""; 0]);
    }
}
