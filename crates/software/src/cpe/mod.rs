//! CPE 2.3: well-formed names (WFN), their two bindings (formatted string and URI), and how two names relate.
//!
//! Sources: NISTIR 7695 (naming) and NISTIR 7696 (name matching), August 2011.

mod bind;
mod matching;
mod value;

pub use matching::{Relation, attribute_relations, relation};
pub use value::{Text, Value};

use crate::SoftwareError;
use std::fmt;

/// The eleven attributes, in the order of the formatted string.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Field {
    /// `a` application, `o` operating system, `h` hardware.
    Part,
    /// Who made it.
    Vendor,
    /// What it is.
    Product,
    /// Its version.
    Version,
    /// Its update: `sp1`, `beta`.
    Update,
    /// Deprecated by CPE 2.3; kept for names of 2.2.
    Edition,
    /// Its language.
    Language,
    /// Its edition for a market: `professional`.
    SwEdition,
    /// The software it runs in: `windows`, `chrome`.
    TargetSw,
    /// The hardware it runs on: `x64`.
    TargetHw,
    /// Anything else.
    Other,
}

impl Field {
    /// All of them, in order.
    pub const ALL: [Self; 11] = [
        Self::Part,
        Self::Vendor,
        Self::Product,
        Self::Version,
        Self::Update,
        Self::Edition,
        Self::Language,
        Self::SwEdition,
        Self::TargetSw,
        Self::TargetHw,
        Self::Other,
    ];

    /// The attribute's name in a WFN.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Part => "part",
            Self::Vendor => "vendor",
            Self::Product => "product",
            Self::Version => "version",
            Self::Update => "update",
            Self::Edition => "edition",
            Self::Language => "language",
            Self::SwEdition => "sw_edition",
            Self::TargetSw => "target_sw",
            Self::TargetHw => "target_hw",
            Self::Other => "other",
        }
    }
}

/// A well-formed name. Attributes not set are ANY.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct Wfn([Value; 11]);

impl Wfn {
    /// A name of which every attribute is ANY.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// An attribute.
    #[must_use]
    pub fn get(&self, field: Field) -> &Value {
        let [
            part,
            vendor,
            product,
            version,
            update,
            edition,
            language,
            sw,
            target_sw,
            target_hw,
            other,
        ] = &self.0;
        match field {
            Field::Part => part,
            Field::Vendor => vendor,
            Field::Product => product,
            Field::Version => version,
            Field::Update => update,
            Field::Edition => edition,
            Field::Language => language,
            Field::SwEdition => sw,
            Field::TargetSw => target_sw,
            Field::TargetHw => target_hw,
            Field::Other => other,
        }
    }

    /// Sets an attribute.
    ///
    /// # Errors
    /// [`SoftwareError::BadCpe`] when the part is another than `a`, `o`, `h`.
    pub fn set(&mut self, field: Field, value: Value) -> Result<(), SoftwareError> {
        if field == Field::Part
            && matches!(value.text(), Some(text) if !matches!(text, "a" | "o" | "h"))
        {
            return Err(bad("the part is not a, o or h", value.text().unwrap_or_default()));
        }
        let place = Field::ALL.iter().position(|known| *known == field);
        if let Some(slot) = place.and_then(|place| self.0.get_mut(place)) {
            *slot = value;
        }
        Ok(())
    }

    /// This name with an attribute in the WFN's own notation: `8\.0`, `sp?`.
    ///
    /// # Errors
    /// [`SoftwareError::BadCpe`].
    pub fn with(mut self, field: Field, quoted: &str) -> Result<Self, SoftwareError> {
        self.set(field, Value::quoted(quoted)?)?;
        Ok(self)
    }

    /// This name with an attribute NA.
    #[must_use]
    pub fn with_na(mut self, field: Field) -> Self {
        let place = Field::ALL.iter().position(|known| *known == field);
        if let Some(slot) = place.and_then(|place| self.0.get_mut(place)) {
            *slot = Value::Na;
        }
        self
    }

    /// Reads either binding.
    ///
    /// # Errors
    /// [`SoftwareError::BadCpe`], [`SoftwareError::TooLarge`].
    pub fn parse(text: &str) -> Result<Self, SoftwareError> {
        if text.starts_with("cpe:/") { Self::of_uri(text) } else { Self::of_formatted(text) }
    }

    /// Reads a formatted string, `cpe:2.3:a:…` (unbind_fs).
    ///
    /// # Errors
    /// [`SoftwareError::BadCpe`], [`SoftwareError::TooLarge`].
    pub fn of_formatted(text: &str) -> Result<Self, SoftwareError> {
        bind::of_formatted(text)
    }

    /// Reads a URI, `cpe:/a:…` (unbind_URI).
    ///
    /// # Errors
    /// [`SoftwareError::BadCpe`], [`SoftwareError::TooLarge`].
    pub fn of_uri(text: &str) -> Result<Self, SoftwareError> {
        bind::of_uri(text)
    }

    /// The formatted string (bind_to_fs).
    #[must_use]
    pub fn formatted(&self) -> String {
        bind::formatted(self)
    }

    /// The URI (bind_to_URI).
    #[must_use]
    pub fn uri(&self) -> String {
        bind::uri(self)
    }
}

/// In the notation of NISTIR 7695: `wfn:[part="a",vendor="microsoft"]`, attributes that are ANY left out.
impl fmt::Display for Wfn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("wfn:[")?;
        let mut first = true;
        for field in Field::ALL {
            let value = self.get(field);
            if *value == Value::Any {
                continue;
            }
            if !first {
                f.write_str(",")?;
            }
            first = false;
            match value.text() {
                Some(text) => write!(f, "{}=\"{text}\"", field.name())?,
                None => write!(f, "{}=NA", field.name())?,
            }
        }
        f.write_str("]")
    }
}

fn bad(reason: &'static str, place: &str) -> SoftwareError {
    SoftwareError::BadCpe { reason, place: place.chars().take(64).collect() }
}
