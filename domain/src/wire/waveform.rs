//! Waveforms: snapshots of fast samples, binary `FWV1` or JSON.

use super::status::parse_small;
use super::{Rejection, check_timestamp};
use crate::Timestamp;
use serde::Deserialize;

/// Most samples per axis.
pub const MAX_SAMPLES: usize = 1 << 20;
/// Most axes.
pub const MAX_AXES: u8 = 8;
const MAGIC: &[u8; 4] = b"FWV1";
/// Bytes before the samples: magic, encoding, axes, zero, scale, rate, rpm, ts, count.
pub const HEADER_BYTES: usize = 4 + 1 + 1 + 2 + 4 + 4 + 4 + 8 + 4;

/// How samples stand in a binary waveform.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encoding {
    /// 32-bit floats.
    F32,
    /// 16-bit integers, to be multiplied by the scale.
    I16,
}

/// A snapshot of one sensor.
#[derive(Debug, Clone, PartialEq)]
pub struct Waveform {
    /// Device time of the first sample; none if the device did not say.
    pub measured_at: Option<Timestamp>,
    /// Samples per second and axis, above 0.
    pub sample_rate_hz: f32,
    /// Shaft speed in revolutions per minute, if known.
    pub rpm: Option<f32>,
    /// The samples of each axis in the sensor's unit (acceleration: g); all axes equally long, at least one sample, all finite.
    pub axes: Vec<Vec<f32>>,
}

#[derive(Deserialize)]
struct JsonWaveform {
    ts: Option<i64>,
    sample_rate_hz: f32,
    rpm: Option<f32>,
    #[serde(default, rename = "unit")]
    _unit: Option<String>,
    samples: Vec<f32>,
}

/// Reads a waveform payload: JSON if it starts with `{`, else `FWV1`.
pub fn parse_waveform(payload: &[u8]) -> Result<Waveform, Rejection> {
    let waveform = match payload.iter().find(|b| !b.is_ascii_whitespace()) {
        None => return Err(Rejection::Empty),
        Some(b'{') => {
            let json: JsonWaveform = parse_small(payload)?;
            let measured_at = json.ts.map(check_timestamp).transpose()?;
            Waveform {
                measured_at,
                sample_rate_hz: json.sample_rate_hz,
                rpm: json.rpm,
                axes: vec![json.samples],
            }
        }
        Some(_) => parse_binary(payload)?,
    };
    check(waveform)
}

fn bad(problem: impl Into<String>) -> Rejection {
    Rejection::BadWaveform {
        problem: problem.into(),
    }
}

fn check(waveform: Waveform) -> Result<Waveform, Rejection> {
    if !(waveform.sample_rate_hz.is_finite() && waveform.sample_rate_hz > 0.0) {
        return Err(bad(format!(
            "sample_rate_hz {} is not above 0",
            waveform.sample_rate_hz
        )));
    }
    if let Some(rpm) = waveform.rpm.filter(|rpm| !(rpm.is_finite() && *rpm >= 0.0)) {
        return Err(bad(format!("rpm {rpm} is not a speed")));
    }
    for axis in &waveform.axes {
        if axis.is_empty() || axis.len() > MAX_SAMPLES {
            return Err(bad(format!(
                "{} samples per axis, 1 to {MAX_SAMPLES} are taken",
                axis.len()
            )));
        }
        if let Some(at) = axis.iter().position(|x| !x.is_finite()) {
            return Err(bad(format!("sample {at} is not finite")));
        }
    }
    Ok(waveform)
}

fn parse_binary(payload: &[u8]) -> Result<Waveform, Rejection> {
    if payload.len() < HEADER_BYTES {
        return Err(bad(format!(
            "{} bytes, the header alone has {HEADER_BYTES}",
            payload.len()
        )));
    }
    let (header, body) = payload.split_at(HEADER_BYTES);
    let take = |at: usize| <[u8; 4]>::try_from(&header[at..at + 4]).expect("four bytes of the header");
    if &header[..4] != MAGIC {
        return Err(bad("starts neither with FWV1 nor with {"));
    }
    let encoding = match header[4] {
        0 => Encoding::F32,
        1 => Encoding::I16,
        other => return Err(bad(format!("encoding {other} is neither 0 (f32) nor 1 (i16)"))),
    };
    let axis_count = header[5];
    if axis_count == 0 || axis_count > MAX_AXES {
        return Err(bad(format!("{axis_count} axes, 1 to {MAX_AXES} are taken")));
    }
    if header[6..8] != [0, 0] {
        return Err(bad("bytes 6 and 7 must be 0"));
    }
    let scale = f32::from_le_bytes(take(8));
    let sample_rate_hz = f32::from_le_bytes(take(12));
    let rpm = Some(f32::from_le_bytes(take(16))).filter(|rpm| !rpm.is_nan());
    let ts = i64::from_le_bytes(header[20..28].try_into().expect("eight bytes of the header"));
    let count = u32::from_le_bytes(take(28)) as usize;
    if count == 0 || count > MAX_SAMPLES {
        return Err(bad(format!("{count} samples per axis, 1 to {MAX_SAMPLES} are taken")));
    }
    let width = match encoding {
        Encoding::F32 => 4,
        Encoding::I16 => 2,
    };
    let expected = count * width * usize::from(axis_count);
    if body.len() != expected {
        return Err(bad(format!(
            "{} bytes of samples, the header promises {expected}",
            body.len()
        )));
    }
    let read = |bytes: &[u8]| match encoding {
        Encoding::F32 => f32::from_le_bytes(bytes.try_into().expect("four bytes")),
        Encoding::I16 => f32::from(i16::from_le_bytes(bytes.try_into().expect("two bytes"))) * scale,
    };
    let axes = body
        .chunks_exact(count * width)
        .map(|axis| axis.chunks_exact(width).map(read).collect())
        .collect();
    Ok(Waveform {
        measured_at: Some(check_timestamp(ts)?),
        sample_rate_hz,
        rpm,
        axes,
    })
}

impl Waveform {
    /// The binary form. With [`Encoding::I16`] samples are divided by `scale`, rounded and clamped.
    pub fn encode(&self, encoding: Encoding, scale: f32) -> Vec<u8> {
        let count = self.axes.first().map_or(0, Vec::len);
        let mut out = Vec::with_capacity(HEADER_BYTES + self.axes.len() * count * 4);
        out.extend_from_slice(MAGIC);
        out.push(match encoding {
            Encoding::F32 => 0,
            Encoding::I16 => 1,
        });
        out.push(self.axes.len() as u8);
        out.extend_from_slice(&[0, 0]);
        out.extend_from_slice(&scale.to_le_bytes());
        out.extend_from_slice(&self.sample_rate_hz.to_le_bytes());
        out.extend_from_slice(&self.rpm.unwrap_or(f32::NAN).to_le_bytes());
        out.extend_from_slice(&self.measured_at.map_or(0, |t| t.0).to_le_bytes());
        out.extend_from_slice(&(count as u32).to_le_bytes());
        for sample in self.axes.iter().flatten() {
            match encoding {
                Encoding::F32 => out.extend_from_slice(&sample.to_le_bytes()),
                Encoding::I16 => out.extend_from_slice(&((sample / scale).round() as i16).to_le_bytes()),
            }
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn sample() -> Waveform {
        Waveform {
            measured_at: Some(Timestamp(1_732_250_000_000)),
            sample_rate_hz: 12_800.0,
            rpm: Some(1_480.0),
            axes: vec![vec![0.5, -0.25, 1.0], vec![0.0, 2.0, -2.0]],
        }
    }

    #[test]
    fn both_encodings_come_back() {
        assert_eq!(
            parse_waveform(&sample().encode(Encoding::F32, 1.0)).expect("fine"),
            sample()
        );
        assert_eq!(
            parse_waveform(&sample().encode(Encoding::I16, 0.25)).expect("fine"),
            sample()
        );
    }

    #[test]
    fn json_is_taken_too() {
        let read =
            parse_waveform(br#"{"ts":1732250000000,"sample_rate_hz":100,"rpm":null,"unit":"g","samples":[1,2]}"#)
                .expect("fine");
        assert_eq!(read.axes, vec![vec![1.0, 2.0]]);
    }

    #[test]
    fn lies_in_the_header_are_found_before_memory_is_taken() {
        let good = sample().encode(Encoding::F32, 1.0);
        for (at, bytes) in [
            (0, &b"XXXX"[..]),
            (4, &[9]),
            (5, &[0]),
            (5, &[9]),
            (6, &[1]),
            (28, &[255, 255, 255, 255]),
            (12, &[0, 0, 0, 0]),
        ] {
            let mut lie = good.clone();
            lie[at..at + bytes.len()].copy_from_slice(bytes);
            assert_eq!(parse_waveform(&lie).expect_err("lie").reason(), "bad_waveform", "{at}");
        }
        assert_eq!(
            parse_waveform(&good[..good.len() - 1]).expect_err("short").reason(),
            "bad_waveform"
        );
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(mut payload in proptest::collection::vec(any::<u8>(), 0..100), is_magic in any::<bool>()) {
            if is_magic && payload.len() > 4 { payload[..4].copy_from_slice(MAGIC); }
            parse_waveform(&payload).ok();
        }
    }
}
