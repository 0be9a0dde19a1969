//! A title of the catalogue: what people mean by "Zoom", whatever a package, an installer or a form calls it.

use crate::SoftwareError;
use crate::limits::TITLE_ID_CHARS_MAX;
use crate::version::Scheme;
use model::Timestamp;
use serde::{Deserialize, Serialize};
use std::fmt;

/// Names a title for ever: 1 to 64 characters of `a-z`, `0-9`, dot and hyphen.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct TitleId(String);

impl TitleId {
    /// # Errors
    /// [`SoftwareError::BadTitleId`].
    pub fn parse(text: &str) -> Result<Self, SoftwareError> {
        let good = !text.is_empty()
            && text.len() <= TITLE_ID_CHARS_MAX
            && text.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'.' | b'-'));
        if !good {
            return Err(SoftwareError::BadTitleId(text.chars().take(TITLE_ID_CHARS_MAX).collect()));
        }
        Ok(Self(text.to_owned()))
    }

    /// The id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for TitleId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for TitleId {
    type Error = SoftwareError;
    fn try_from(text: String) -> Result<Self, SoftwareError> {
        Self::parse(&text)
    }
}

impl From<TitleId> for String {
    fn from(id: TitleId) -> Self {
        id.0
    }
}

/// A title with everything by which it is recognised. Stored as JSON; unknown fields are refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Title {
    /// Its id.
    pub id: TitleId,
    /// The name in English, or the only one.
    pub name: String,
    /// The name in Japanese where it differs, else empty.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub name_ja: String,
    /// Who makes it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub publisher: String,
    /// Other names of the publisher: former ones, Japanese ones.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub publisher_aliases: Vec<String>,
    /// Other names of the title.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub aliases: Vec<String>,
    /// What it is for; policies speak of these.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub categories: Vec<Category>,
    /// Identifiers of packages, extensions, signers, hashes, CPE names.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub identifiers: Vec<Identifier>,
    /// How its versions are compared.
    #[serde(default)]
    pub version_scheme: Scheme,
    /// Where the vendor offers it: `zoom.us`, or with the owner's path `github.com/owner`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub official_hosts: Vec<String>,
    /// From when on the vendor cares for it no more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end_of_life: Option<Timestamp>,
}

impl Title {
    /// A title with a name and nothing else.
    #[must_use]
    pub fn new(id: TitleId, name: impl Into<String>) -> Self {
        Self {
            id,
            name: name.into(),
            name_ja: String::new(),
            publisher: String::new(),
            publisher_aliases: Vec::new(),
            aliases: Vec::new(),
            categories: Vec::new(),
            identifiers: Vec::new(),
            version_scheme: Scheme::default(),
            official_hosts: Vec::new(),
            end_of_life: None,
        }
    }

    /// Every name of the title, the main one first.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        [self.name.as_str(), self.name_ja.as_str()]
            .into_iter()
            .chain(self.aliases.iter().map(String::as_str))
            .filter(|name| !name.is_empty())
    }

    /// The name for a reader of this language.
    #[must_use]
    pub fn name_for(&self, japanese: bool) -> &str {
        if japanese && !self.name_ja.is_empty() { &self.name_ja } else { &self.name }
    }
}

macro_rules! named {
    ($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident = $text:literal, $ja:literal, $en:literal;)* }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        pub enum $name { $($(#[$variant_doc])* #[serde(rename = $text)] $variant,)* }

        impl $name {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$variant,)*];

            /// The stored name; never changes.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $text,)* }
            }

            /// By its stored name.
            #[must_use]
            pub fn of_name(name: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|known| known.name() == name)
            }

            /// For people, in Japanese or English.
            #[must_use]
            pub const fn label(self, japanese: bool) -> &'static str {
                match self { $(Self::$variant => if japanese { $ja } else { $en },)* }
            }
        }
    };
}

named! {
    /// What a title is for. Policies speak of categories, not of titles.
    Category {
        /// Sees or steers another computer.
        RemoteDesktop = "remote-desktop", "リモートデスクトップ", "remote desktop";
        /// Keeps files outside.
        CloudStorage = "cloud-storage", "クラウドストレージ", "cloud storage";
        /// Keeps notes outside.
        CloudNotes = "cloud-notes", "クラウドのメモ", "cloud notes";
        /// Keeps tasks outside.
        CloudTasks = "cloud-tasks", "クラウドのタスク管理", "cloud tasks";
        /// Leads traffic elsewhere.
        Vpn = "vpn", "VPN・プロキシ", "VPN or proxy";
        /// Opens a way in from outside.
        Tunnel = "tunnel", "トンネル", "tunnel";
        /// Shares files with strangers.
        PeerToPeer = "peer-to-peer", "ファイル共有（P2P）", "peer to peer";
        /// Sends what it reads to a model.
        AiAssistant = "ai-assistant", "AIアシスタント", "AI assistant";
        /// Browser.
        Browser = "browser", "ブラウザ", "browser";
        /// Chat.
        Chat = "chat", "チャット", "chat";
        /// Meetings with sound and picture.
        WebMeeting = "web-meeting", "Web会議", "web meeting";
        /// Drivers and helpers of printers.
        Printing = "printing", "印刷", "printing";
        /// Keeps passwords.
        PasswordKeeper = "password-keeper", "パスワード管理", "password keeper";
        /// Documents, tables, slides.
        Office = "office", "オフィス", "office";
        /// Text editor.
        TextEditor = "text-editor", "テキストエディタ", "text editor";
        /// For programmers.
        Development = "development", "開発", "development";
        /// Packs and unpacks files.
        Archiver = "archiver", "圧縮・解凍", "archiver";
        /// Pictures, sound and film.
        Media = "media", "画像・音声・動画", "media";
        /// Design and drawing.
        Design = "design", "デザイン", "design";
        /// Protects the computer.
        Security = "security", "セキュリティ", "security";
        /// Records the screen or the clipboard.
        ScreenCapture = "screen-capture", "画面・クリップボードの記録", "screen or clipboard recorder";
        /// Typing Japanese.
        InputMethod = "input-method", "日本語入力", "input method";
        /// Carries files between computers.
        FileTransfer = "file-transfer", "ファイル転送", "file transfer";
        /// Mail.
        Mail = "mail", "メール", "mail";
        /// Computers inside the computer.
        Virtualisation = "virtualisation", "仮想化", "virtualisation";
        /// Needed by other programs.
        Runtime = "runtime", "実行環境", "runtime";
        /// Reads PDF files.
        Pdf = "pdf", "PDF", "PDF";
        /// Translates.
        Translation = "translation", "翻訳", "translation";
        /// Blocks advertisements.
        AdBlocker = "ad-blocker", "広告ブロック", "ad blocker";
        /// Accounting, payroll and other business programs.
        Business = "business", "業務", "business";
        /// Small helpers.
        Utility = "utility", "ユーティリティ", "utility";
        /// Games.
        Game = "game", "ゲーム", "game";
    }
}

named! {
    /// Who assigned an identifier, hence what it proves.
    IdentifierKind {
        /// Chrome Web Store: 32 letters a to p, derived from the publisher's key.
        ChromeExtension = "chrome-extension", "Chrome拡張機能ID", "Chrome extension id";
        /// Microsoft Edge Add-ons: the same form, another store.
        EdgeExtension = "edge-extension", "Edge拡張機能ID", "Edge extension id";
        /// Firefox: `name@domain` or a GUID in braces, signed by Mozilla.
        FirefoxAddon = "firefox-addon", "FirefoxアドオンID", "Firefox add-on id";
        /// Debian package.
        Deb = "deb", "Debianパッケージ", "Debian package";
        /// RPM package.
        Rpm = "rpm", "RPMパッケージ", "RPM package";
        /// Flatpak application.
        Flatpak = "flatpak", "Flatpakアプリ", "Flatpak application";
        /// Snap.
        Snap = "snap", "Snap", "snap";
        /// AppImage, by its own name.
        AppImage = "appimage", "AppImage", "AppImage";
        /// macOS bundle.
        Bundle = "bundle", "macOSバンドルID", "macOS bundle id";
        /// Windows Installer product.
        ProductCode = "product-code", "MSI製品コード", "MSI product code";
        /// Windows Installer family of products.
        UpgradeCode = "upgrade-code", "MSIアップグレードコード", "MSI upgrade code";
        /// Package of the Microsoft Store.
        PackageFamily = "package-family", "パッケージファミリ名", "package family name";
        /// Apple's team id of the signer.
        Team = "team", "Apple Team ID", "Apple team id";
        /// Subject of the code signing certificate.
        Signer = "signer", "署名者", "signer";
        /// SHA-256 of a file of the vendor.
        Sha256 = "sha256", "SHA-256", "SHA-256";
        /// CPE 2.3 formatted string without a version.
        Cpe = "cpe", "CPE", "CPE";
        /// Package URL.
        Purl = "purl", "パッケージURL", "package URL";
    }
}

/// `kind:value`, for example `deb:zoom`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Identifier {
    /// Who assigned it.
    pub kind: IdentifierKind,
    /// As assigned; never empty.
    pub value: String,
}

impl Identifier {
    /// An identifier; the value's case counts only where the assigner says so.
    #[must_use]
    pub fn new(kind: IdentifierKind, value: &str) -> Self {
        use IdentifierKind::{Bundle, Cpe, Deb, Flatpak, PackageFamily, Rpm, Snap};
        let value = value.trim();
        // The architecture is no part of a Debian package's identity: `zoom:amd64`.
        let value = if kind == Deb { value.split(':').next().unwrap_or(value) } else { value };
        let value = match kind {
            // These are compared as they are.
            Deb | Rpm | Flatpak | Snap | Bundle | Cpe | PackageFamily => value.to_owned(),
            _ => value.to_lowercase(),
        };
        Self { kind, value }
    }

    /// # Errors
    /// [`SoftwareError::BadIdentifier`].
    pub fn parse(text: &str) -> Result<Self, SoftwareError> {
        let bad = || SoftwareError::BadIdentifier(text.chars().take(128).collect());
        let (kind, value) = text.split_once(':').ok_or_else(bad)?;
        let kind = IdentifierKind::of_name(kind).ok_or_else(bad)?;
        if value.trim().is_empty() || value.len() > crate::limits::CPE_BYTES_MAX {
            return Err(bad());
        }
        Ok(Self::new(kind, value))
    }
}

impl fmt::Display for Identifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.kind.name(), self.value)
    }
}

impl TryFrom<String> for Identifier {
    type Error = SoftwareError;
    fn try_from(text: String) -> Result<Self, SoftwareError> {
        Self::parse(&text)
    }
}

impl From<Identifier> for String {
    fn from(identifier: Identifier) -> Self {
        identifier.to_string()
    }
}

/// An analyst's correction: what looks like this is that title, or is none of our titles. A rule, not a hint.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Alias {
    /// Only items whose identifier is this; empty: any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub identifier: Option<Identifier>,
    /// Only items with this name (compared in normal form); empty: any.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// Only items of this publisher (compared in normal form); empty: any.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub publisher: String,
    /// The title meant; nothing: it is none of our titles, stop proposing.
    pub title: Option<TitleId>,
    /// Who said so, for example a person's id.
    pub by: String,
    /// When.
    pub at: Timestamp,
    /// Why, in words.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub reason: String,
    /// Until when it holds; nothing: for ever.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Timestamp>,
    /// The normaliser under which it was written.
    pub normaliser_version: u32,
}
