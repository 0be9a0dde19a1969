//! Builds event log files byte by byte, as MS-EVEN6 and the format of the file describe them: a header
//! block, chunks, records of binary XML without templates, and the checksums.

/// An element of binary XML.
#[derive(Clone)]
pub(crate) struct Element {
    name: String,
    attributes: Vec<(String, String)>,
    children: Vec<Self>,
    text: Option<String>,
}

pub(crate) fn element(name: &str) -> Element {
    Element { name: name.to_owned(), attributes: Vec::new(), children: Vec::new(), text: None }
}

impl Element {
    pub(crate) fn with(mut self, name: &str, value: &str) -> Self {
        self.attributes.push((name.to_owned(), value.to_owned()));
        self
    }
    pub(crate) fn text(mut self, text: &str) -> Self {
        self.text = Some(text.to_owned());
        self
    }
    pub(crate) fn child(mut self, child: Self) -> Self {
        self.children.push(child);
        self
    }
}

/// The record of a process start as Sysmon writes it.
pub(crate) fn process_start(image: &str, command_line: &str) -> Element {
    let data = |name: &str, value: &str| element("Data").with("Name", name).text(value);
    event("Microsoft-Windows-Sysmon", "1", "Microsoft-Windows-Sysmon/Operational").child(
        element("EventData")
            .child(data("Image", image))
            .child(data("CommandLine", command_line))
            .child(data("ProcessId", "4711")),
    )
}

/// An event with its `System` element.
pub(crate) fn event(provider: &str, event_id: &str, channel: &str) -> Element {
    element("Event").child(
        element("System")
            .child(element("Provider").with("Name", provider))
            .child(element("EventID").text(event_id))
            .child(element("TimeCreated").with("SystemTime", "2026-03-04T05:06:07.1234567Z"))
            .child(element("Channel").text(channel))
            .child(element("Computer").text("PC-1"))
            .child(element("Security").with("UserID", "S-1-5-18")),
    )
}

/// A whole file of these chunks.
pub(crate) fn file(chunks: &[Vec<Element>]) -> Vec<u8> {
    let mut bytes = vec![0u8; 4_096];
    bytes[..8].copy_from_slice(b"ElfFile\0");
    let records: usize = chunks.iter().map(Vec::len).sum();
    put(&mut bytes, 16, &(chunks.len().saturating_sub(1) as u64).to_le_bytes());
    put(&mut bytes, 24, &(records as u64 + 1).to_le_bytes());
    put(&mut bytes, 32, &128u32.to_le_bytes());
    put(&mut bytes, 36, &1u16.to_le_bytes());
    put(&mut bytes, 38, &3u16.to_le_bytes());
    put(&mut bytes, 40, &4_096u16.to_le_bytes());
    put(&mut bytes, 42, &(chunks.len() as u16).to_le_bytes());
    let checksum = crc32(&[&bytes[..120]]);
    put(&mut bytes, 124, &checksum.to_le_bytes());
    let mut next_id = 1;
    for records in chunks {
        bytes.extend(chunk(records, next_id));
        next_id += records.len() as u64;
    }
    bytes
}

fn chunk(records: &[Element], first_id: u64) -> Vec<u8> {
    let mut bytes = vec![0u8; 512];
    let mut last_offset = 512;
    for (place, event) in records.iter().enumerate() {
        last_offset = bytes.len();
        record(&mut bytes, first_id + place as u64, event);
    }
    let free = bytes.len();
    assert!(free <= 65_536, "the records of one chunk must fit into it");
    let records_checksum = crc32(&[&bytes[512..]]);
    bytes.resize(65_536, 0);
    let last_id = first_id + (records.len() as u64).saturating_sub(1);
    bytes[..8].copy_from_slice(b"ElfChnk\0");
    for (at, number) in [(8, first_id), (16, last_id), (24, first_id), (32, last_id)] {
        put(&mut bytes, at, &number.to_le_bytes());
    }
    let (last, end) = (last_offset as u32, free as u32);
    for (at, number) in [(40, 128u32), (44, last), (48, end), (52, records_checksum)] {
        put(&mut bytes, at, &number.to_le_bytes());
    }
    let header_checksum = crc32(&[&bytes[..120], &bytes[128..512]]);
    put(&mut bytes, 124, &header_checksum.to_le_bytes());
    bytes
}

fn record(bytes: &mut Vec<u8>, id: u64, event: &Element) {
    let start = bytes.len();
    bytes.extend(b"\x2a\x2a\0\0");
    bytes.extend([0; 4]);
    bytes.extend(id.to_le_bytes());
    bytes.extend(FILETIME_2026.to_le_bytes());
    bytes.extend([0x0f, 1, 1, 0]);
    write_element(bytes, event);
    bytes.push(0);
    let size = (bytes.len() - start + 4) as u32;
    bytes.extend(size.to_le_bytes());
    put(bytes, start + 4, &size.to_le_bytes());
}

fn write_element(bytes: &mut Vec<u8>, element: &Element) {
    let has_attributes = !element.attributes.is_empty();
    bytes.push(if has_attributes { 0x41 } else { 0x01 });
    let size_at = bytes.len();
    bytes.extend([0; 4]);
    write_name(bytes, &element.name);
    if has_attributes {
        let list_at = bytes.len();
        bytes.extend([0; 4]);
        for (place, (name, value)) in element.attributes.iter().enumerate() {
            bytes.push(if place + 1 < element.attributes.len() { 0x46 } else { 0x06 });
            write_name(bytes, name);
            write_text(bytes, value);
        }
        let size = (bytes.len() - list_at - 4) as u32;
        put(bytes, list_at, &size.to_le_bytes());
    }
    if element.children.is_empty() && element.text.is_none() {
        bytes.push(0x03);
    } else {
        bytes.push(0x02);
        if let Some(text) = &element.text {
            write_text(bytes, text);
        }
        for child in &element.children {
            write_element(bytes, child);
        }
        bytes.push(0x04);
    }
    let size = (bytes.len() - size_at - 4) as u32;
    put(bytes, size_at, &size.to_le_bytes());
}

/// A name is stored where it is first used; its offset counts from the chunk's beginning.
fn write_name(bytes: &mut Vec<u8>, name: &str) {
    let offset = bytes.len() as u32 + 4;
    bytes.extend(offset.to_le_bytes());
    bytes.extend([0; 6]);
    let units: Vec<u16> = name.encode_utf16().collect();
    bytes.extend((units.len() as u16).to_le_bytes());
    bytes.extend(units.iter().flat_map(|unit| unit.to_le_bytes()));
    bytes.extend([0; 2]);
}

fn write_text(bytes: &mut Vec<u8>, text: &str) {
    let units: Vec<u16> = text.encode_utf16().collect();
    bytes.extend([0x05, 0x01]);
    bytes.extend((units.len() as u16).to_le_bytes());
    bytes.extend(units.iter().flat_map(|unit| unit.to_le_bytes()));
}

fn put(bytes: &mut [u8], at: usize, value: &[u8]) {
    bytes[at..at + value.len()].copy_from_slice(value);
}

fn crc32(parts: &[&[u8]]) -> u32 {
    let mut crc = u32::MAX;
    for byte in parts.iter().flat_map(|part| part.iter()) {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = (crc >> 1) ^ (0xedb8_8320 & (crc & 1).wrapping_neg());
        }
    }
    !crc
}

/// 2026-03-04T05:06:08Z in 100 ns since 1601.
const FILETIME_2026: u64 = 134_170_743_680_000_000;
