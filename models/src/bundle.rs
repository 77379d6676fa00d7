//! A trained model as one file: what it is, what it was trained on, how well it did, the model itself, and a checksum over all.
//!
//! Bytes in, bytes out: reading and writing files is the gateway's. Sizes are checked before anything is allocated for them,
//! so a file from anywhere gives a model or an error, never a panic.
//!
//! Layout, little-endian: `FWMODEL\n` · u16 format version · u8 kind · u8 zero · u32 bytes of the description · u64 bytes of
//! the model · the description (postcard) · the model (postcard) · u32 CRC-32 of all before.

use crate::classes::ClassModel;
use crate::fleet_life::FleetModel;
use crate::learned_life::LifeModel;
use crate::vibration::classes::VibrationClassModel;
use domain::{Millis, Timestamp};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// The largest bundle that is written or read, in bytes.
pub const MAX_BUNDLE_BYTES: usize = 256 << 20;

const MAGIC: &[u8; 8] = b"FWMODEL\n";
const FORMAT_VERSION: u16 = 1;
const HEAD_BYTES: usize = 24;
const CHECKSUM_BYTES: usize = 4;

/// What kind of model a bundle holds. The numbers stand in files: a new kind takes a new number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BundleKind {
    /// Time left until failure ([`LifeModel`]).
    Life,
    /// Fault classes of rows of a table ([`ClassModel`]).
    Classes,
    /// Fault classes of waveforms.
    VibrationClasses,
    /// A profile, by which the devices of its kind are judged ([`ProfileModel`]).
    Profile,
    /// Life distributions of a fleet ([`FleetModel`]).
    Ages,
}

/// A profile on its way from one gateway to another.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProfileModel {
    /// The text of the profile.
    pub toml: String,
    /// What it has learned elsewhere, if anything.
    pub learned: Option<Vec<u8>>,
}

impl BundleKind {
    /// 4 is not used: it was kept for what a detector has learned, which travels with its profile.
    const ALL: [(BundleKind, u8, &str); 5] = [
        (BundleKind::Life, 1, "life"),
        (BundleKind::Classes, 2, "classes"),
        (BundleKind::VibrationClasses, 3, "vibration classes"),
        (BundleKind::Profile, 5, "profile"),
        (BundleKind::Ages, 6, "ages"),
    ];

    fn row(self) -> (u8, &'static str) {
        let of_kind = BundleKind::ALL.iter().find(|(kind, _, _)| *kind == self);
        of_kind.map_or((0, "unknown"), |(_, number, name)| (*number, name))
    }

    fn from_number(number: u8) -> Option<BundleKind> {
        let row = BundleKind::ALL.iter().find(|(_, of_kind, _)| *of_kind == number);
        row.map(|(kind, _, _)| *kind)
    }
}

impl std::fmt::Display for BundleKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.row().1)
    }
}

/// A column that the model looks at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BundleColumn {
    /// Its name, as in the training data.
    pub name: String,
    /// Its unit, where it is known.
    pub unit: Option<String>,
}

/// Everything about a model but itself.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Description {
    /// What people call it.
    pub name: String,
    /// Columns in the order that the model wants them.
    pub columns: Vec<BundleColumn>,
    /// The profile of the machines, where there is one.
    pub profile: Option<String>,
    /// First and last instant of the training data, where it has instants.
    pub span: Option<(Timestamp, Timestamp)>,
    /// Rows trained on.
    pub rows: u64,
    /// Units (machines, runs) trained on.
    pub units: u64,
    /// A hash of the training data, by [`fingerprint`].
    pub data_fingerprint: u64,
    /// Cross-validated figures, by name.
    pub figures: Vec<(String, f64)>,
    /// When it was made.
    pub made_at: Timestamp,
}

/// How a model judges live readings. Stands behind the description where there is one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LiveUse {
    /// How far apart the rows of the training data are.
    pub row_every: Millis,
    /// What one unit of time of the training data is, and so of the answers.
    pub time_unit: Millis,
    /// The failure mode that ended the lives learned from; none: whichever shows.
    pub failure_mode: Option<String>,
}

impl Default for LiveUse {
    fn default() -> LiveUse {
        LiveUse {
            row_every: Millis(60_000),
            time_unit: Millis::hours(1),
            failure_mode: None,
        }
    }
}

impl LiveUse {
    /// Whether times are possible.
    pub fn is_sound(&self) -> bool {
        let year = Millis::hours(24 * 366);
        [self.row_every, self.time_unit].iter().all(|t| t.0 > 0 && *t <= year)
    }
}

/// A description and the bytes of a model.
#[derive(Debug, Clone, PartialEq)]
pub struct Bundle {
    kind: BundleKind,
    description: Description,
    live: Option<LiveUse>,
    payload: Vec<u8>,
}

/// What is wrong with a bundle, and what to do.
#[derive(Debug, Clone, Error, PartialEq, Eq)]
pub enum BundleError {
    /// Another kind of file.
    #[error("this is not a model of forewarn (it does not begin with FWMODEL); name the file that `train` wrote")]
    NotABundle,
    /// Written by another version of the program.
    #[error(
        "the model has format {found}, this program reads format {FORMAT_VERSION}; train it again with this program"
    )]
    Version {
        /// The format in the file.
        found: u16,
    },
    /// Fewer or more bytes than it says.
    #[error("the model should have {expected} bytes but has {found}; it was not copied completely: copy it again")]
    Length {
        /// Bytes that the head speaks of.
        expected: u64,
        /// Bytes there.
        found: u64,
    },
    /// Larger than any model may be.
    #[error(
        "the model has {bytes} bytes, more than the {MAX_BUNDLE_BYTES} that are allowed; train with fewer rounds or columns"
    )]
    TooLarge {
        /// Its size.
        bytes: u64,
    },
    /// A bit is not what it was.
    #[error("the checksum of the model is wrong: the file is damaged; copy it again or train it again")]
    Checksum,
    /// A kind that this program does not know.
    #[error("the model is of kind number {number}, which this program does not know; use the version that wrote it")]
    UnknownKind {
        /// The number in the file.
        number: u8,
    },
    /// A model, but for something else.
    #[error(
        "this is a model of kind `{found}`, but `{wanted}` is needed here; name another file or use the other command"
    )]
    Kind {
        /// What the file holds.
        found: BundleKind,
        /// What was to be used.
        wanted: BundleKind,
    },
    /// A model that judges no live readings.
    #[error(
        "a model of kind `{found}` does not judge live readings: `life` and `classes` do; lives by age go into the profile, as `train ages` says"
    )]
    NotLive {
        /// What the file holds.
        found: BundleKind,
    },
    /// The checksum is right, but what is inside does not hang together.
    #[error("the {part} of the model does not hang together; train it again with this program")]
    Unsound {
        /// Which part.
        part: &'static str,
    },
}

/// FNV-1a over 64 bits (Fowler, Noll, Vo): stable over versions and machines; tells data apart, does not resist intent.
pub fn fingerprint(chunks: impl IntoIterator<Item = impl AsRef<[u8]>>) -> u64 {
    let mut hash = 0xcbf2_9ce4_8422_2325u64;
    for chunk in chunks {
        for byte in chunk.as_ref() {
            hash = (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01B3);
        }
    }
    hash
}

impl Bundle {
    /// Whether bytes are meant to be a bundle.
    pub fn is_meant(bytes: &[u8]) -> bool {
        bytes.starts_with(MAGIC)
    }

    /// Packs a model of time left.
    ///
    /// # Errors
    /// If it is larger than a bundle may be.
    pub fn of_life(model: &LifeModel, description: Description) -> Result<Bundle, BundleError> {
        Bundle::pack(BundleKind::Life, model, description)
    }

    /// Packs a model of classes.
    ///
    /// # Errors
    /// If it is larger than a bundle may be.
    pub fn of_classes(model: &ClassModel, description: Description) -> Result<Bundle, BundleError> {
        Bundle::pack(BundleKind::Classes, model, description)
    }

    /// Packs a model of classes of waveforms.
    ///
    /// # Errors
    /// If it is larger than a bundle may be.
    pub fn of_vibration_classes(model: &VibrationClassModel, description: Description) -> Result<Bundle, BundleError> {
        Bundle::pack(BundleKind::VibrationClasses, model, description)
    }

    /// Packs the life distributions of a fleet.
    ///
    /// # Errors
    /// If they are larger than a bundle may be.
    pub fn of_ages(model: &FleetModel, description: Description) -> Result<Bundle, BundleError> {
        Bundle::pack(BundleKind::Ages, model, description)
    }

    /// Packs any model; whoever unpacks it checks that it hangs together.
    ///
    /// # Errors
    /// If it cannot be written, or is larger than a bundle may be.
    pub fn pack<M: Serialize>(kind: BundleKind, model: &M, description: Description) -> Result<Bundle, BundleError> {
        let payload = postcard::to_allocvec(model).map_err(|_| BundleError::Unsound { part: "model" })?;
        if payload.len() > MAX_BUNDLE_BYTES / 2 {
            let bytes = payload.len() as u64;
            return Err(BundleError::TooLarge { bytes });
        }
        Ok(Bundle {
            kind,
            description,
            live: None,
            payload,
        })
    }

    /// What kind of model it holds.
    pub fn kind(&self) -> BundleKind {
        self.kind
    }

    /// What it was made of and how well it did.
    pub fn description(&self) -> &Description {
        &self.description
    }

    /// The same, to judge live readings.
    #[must_use]
    pub fn for_live(self, live: LiveUse) -> Bundle {
        Bundle {
            live: Some(live),
            ..self
        }
    }

    /// How it judges live readings, if it is meant to.
    pub fn live(&self) -> Option<&LiveUse> {
        self.live.as_ref()
    }

    /// Name and content in short: equal for equal models only, whenever they were made.
    pub fn version_id(&self) -> String {
        let hash = fingerprint([&[self.kind.row().0][..], &self.payload]);
        format!("{}-{:08x}", self.description.name, (hash ^ (hash >> 32)) as u32)
    }

    /// The model of time left.
    ///
    /// # Errors
    /// If it holds something else, or does not hang together.
    pub fn life(&self) -> Result<LifeModel, BundleError> {
        let model: LifeModel = self.unpack(BundleKind::Life)?;
        let (metrics, settings) = model.columns_if_sound().ok_or(BundleError::Unsound { part: "model" })?;
        match metrics + settings == self.description.columns.len() {
            true => Ok(model),
            false => Err(BundleError::Unsound { part: "schema" }),
        }
    }

    /// The model of classes.
    ///
    /// # Errors
    /// If it holds something else, or does not hang together.
    pub fn classes(&self) -> Result<ClassModel, BundleError> {
        let model: ClassModel = self.unpack(BundleKind::Classes)?;
        match model.is_sound() {
            true if model.columns().len() == self.description.columns.len() => Ok(model),
            true => Err(BundleError::Unsound { part: "schema" }),
            false => Err(BundleError::Unsound { part: "model" }),
        }
    }

    /// The model of classes of waveforms.
    ///
    /// # Errors
    /// If it holds something else, or does not hang together.
    pub fn vibration_classes(&self) -> Result<VibrationClassModel, BundleError> {
        let model: VibrationClassModel = self.unpack(BundleKind::VibrationClasses)?;
        match model.is_sound() {
            true => Ok(model),
            false => Err(BundleError::Unsound { part: "model" }),
        }
    }

    /// The life distributions of a fleet.
    ///
    /// # Errors
    /// If it holds something else, or does not hang together.
    pub fn ages(&self) -> Result<FleetModel, BundleError> {
        let model: FleetModel = self.unpack(BundleKind::Ages)?;
        match model.is_sound() {
            true => Ok(model),
            false => Err(BundleError::Unsound { part: "model" }),
        }
    }

    /// Any model of this kind, not checked beyond its shape.
    ///
    /// # Errors
    /// If it holds another kind, or other bytes than such a model has.
    pub fn unpack<M: DeserializeOwned>(&self, wanted: BundleKind) -> Result<M, BundleError> {
        if self.kind != wanted {
            let found = self.kind;
            return Err(BundleError::Kind { found, wanted });
        }
        read_all(&self.payload).ok_or(BundleError::Unsound { part: "model" })
    }

    /// The bytes of the file.
    ///
    /// # Errors
    /// If there are more than a bundle may have.
    pub fn encode(&self) -> Result<Vec<u8>, BundleError> {
        let unsound = |_| BundleError::Unsound { part: "description" };
        let mut description = postcard::to_allocvec(&self.description).map_err(unsound)?;
        if let Some(live) = &self.live {
            description.extend(postcard::to_allocvec(live).map_err(unsound)?);
        }
        let total = HEAD_BYTES + description.len() + self.payload.len() + CHECKSUM_BYTES;
        if total > MAX_BUNDLE_BYTES {
            return Err(BundleError::TooLarge { bytes: total as u64 });
        }
        let mut bytes = Vec::with_capacity(total);
        bytes.extend_from_slice(MAGIC);
        bytes.extend_from_slice(&FORMAT_VERSION.to_le_bytes());
        bytes.extend_from_slice(&[self.kind.row().0, 0]);
        bytes.extend_from_slice(&(description.len() as u32).to_le_bytes());
        bytes.extend_from_slice(&(self.payload.len() as u64).to_le_bytes());
        bytes.extend_from_slice(&description);
        bytes.extend_from_slice(&self.payload);
        bytes.extend_from_slice(&crc32fast::hash(&bytes).to_le_bytes());
        Ok(bytes)
    }

    /// Reads the bytes of a file; the model itself is read when it is asked for.
    ///
    /// # Errors
    /// Whatever is wrong with them, before anything is allocated for it.
    pub fn decode(bytes: &[u8]) -> Result<Bundle, BundleError> {
        if bytes.len() > MAX_BUNDLE_BYTES {
            let bytes = bytes.len() as u64;
            return Err(BundleError::TooLarge { bytes });
        }
        let found = bytes.len() as u64;
        let too_short = BundleError::Length {
            expected: (HEAD_BYTES + CHECKSUM_BYTES) as u64,
            found,
        };
        if !bytes.starts_with(MAGIC) {
            return Err(BundleError::NotABundle);
        }
        let Some((head, rest)) = bytes.split_first_chunk::<HEAD_BYTES>() else {
            return Err(too_short);
        };
        let version = u16::from_le_bytes([head[8], head[9]]);
        if version != FORMAT_VERSION {
            return Err(BundleError::Version { found: version });
        }
        let described = u32::from_le_bytes([head[12], head[13], head[14], head[15]]);
        let mut payload_bytes = [0; 8];
        payload_bytes.copy_from_slice(&head[16..24]);
        let payload_bytes = u64::from_le_bytes(payload_bytes);
        let expected = u64::from(described)
            .saturating_add(payload_bytes)
            .saturating_add((HEAD_BYTES + CHECKSUM_BYTES) as u64);
        if expected != found {
            return Err(BundleError::Length { expected, found });
        }
        let Some((_, checksum)) = rest.split_last_chunk::<CHECKSUM_BYTES>() else {
            return Err(too_short);
        };
        if crc32fast::hash(&bytes[..bytes.len() - CHECKSUM_BYTES]) != u32::from_le_bytes(*checksum) {
            return Err(BundleError::Checksum);
        }
        let kind = BundleKind::from_number(head[10]).ok_or(BundleError::UnknownKind { number: head[10] })?;
        let (description, payload) = rest[..rest.len() - CHECKSUM_BYTES].split_at(described as usize);
        let unsound = BundleError::Unsound { part: "description" };
        let (description, rest) = postcard::take_from_bytes(description).map_err(|_| unsound.clone())?;
        let live = match rest {
            [] => None,
            rest => Some(read_all(rest).ok_or(unsound)?),
        };
        Ok(Bundle {
            kind,
            description,
            live,
            payload: payload.to_vec(),
        })
    }
}

/// Nothing may remain. Lists are not allocated by the length they claim: serde takes at most 1 MiB in advance.
fn read_all<M: DeserializeOwned>(bytes: &[u8]) -> Option<M> {
    match postcard::take_from_bytes(bytes) {
        Ok((model, [])) => Some(model),
        Ok(_) | Err(_) => None,
    }
}

#[cfg(test)]
mod tests;
