//! Reads NumPy's `.npy` files row by row: one- and two-dimensional arrays of f4, f8, i2 and i4, little endian, C order. A
//! one-dimensional array is one row. A file's promises are checked against limits before anything is set aside for them.
//! Format: <https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html>.

use std::fs::File;
use std::io::{BufReader, Read};
use std::path::{Path, PathBuf};

/// Why a file cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum NpyError {
    /// The operating system said no.
    #[error("cannot read {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What it said.
        #[source]
        source: std::io::Error,
    },
    /// Not what is read here.
    #[error("{}: {problem}", path.display())]
    Unfit {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        problem: String,
    },
}

/// Longest header: version 1 cannot have more.
const MOST_HEADER: usize = 65_535;
/// Most samples of a row: 512 MiB as 64-bit floats.
const MOST_COLUMNS: usize = 1 << 26;
/// Most rows.
const MOST_ROWS: usize = 1 << 24;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    F4,
    F8,
    I2,
    I4,
}

impl Kind {
    fn bytes(self) -> usize {
        match self {
            Self::I2 => 2,
            Self::F4 | Self::I4 => 4,
            Self::F8 => 8,
        }
    }
}

/// An open file, read from the first row to the last.
#[derive(Debug)]
pub struct NpyRows {
    path: PathBuf,
    reader: BufReader<File>,
    kind: Kind,
    rows: usize,
    columns: usize,
    next: usize,
    buffer: Vec<u8>,
}

impl NpyRows {
    /// Opens a file and reads its header.
    pub fn open(path: &Path) -> Result<Self, NpyError> {
        let read = |source| NpyError::Read {
            path: path.to_owned(),
            source,
        };
        let unfit = |problem: String| NpyError::Unfit {
            path: path.to_owned(),
            problem,
        };
        let file = File::open(path).map_err(read)?;
        let length = file.metadata().map_err(read)?.len();
        let mut reader = BufReader::new(file);
        let mut start = [0u8; 8];
        reader
            .read_exact(&mut start)
            .map_err(|_| unfit("is too short to be a .npy file".to_owned()))?;
        if &start[..6] != b"\x93NUMPY" {
            return Err(unfit(
                "is not a .npy file; write one with numpy.save(\"file.npy\", array)".to_owned(),
            ));
        }
        let width = match start[6] {
            1 => 2,
            2 | 3 => 4,
            other => return Err(unfit(format!("version {other} of the format is not known"))),
        };
        let mut size = [0u8; 4];
        reader.read_exact(&mut size[..width]).map_err(read)?;
        let size = u32::from_le_bytes(size) as usize;
        if size > MOST_HEADER {
            return Err(unfit(format!("a header of {size} bytes is too long")));
        }
        let mut header = vec![0u8; size];
        reader
            .read_exact(&mut header)
            .map_err(|_| unfit("ends within its header".to_owned()))?;
        let (kind, rows, columns) = parse_header(&String::from_utf8_lossy(&header)).map_err(unfit)?;
        let body = length.saturating_sub((8 + width + size) as u64);
        let expected = rows as u64 * columns as u64 * kind.bytes() as u64;
        if body < expected {
            return Err(unfit(format!(
                "is cut short: its header promises {expected} bytes of samples, {body} are there"
            )));
        }
        Ok(Self {
            path: path.to_owned(),
            reader,
            kind,
            rows,
            columns,
            next: 0,
            buffer: vec![0; columns * kind.bytes()],
        })
    }

    /// How many rows there are.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// How many samples a row has.
    pub fn columns(&self) -> usize {
        self.columns
    }

    /// The next row into `row`; false after the last.
    pub fn next_row(&mut self, row: &mut Vec<f32>) -> Result<bool, NpyError> {
        if self.next == self.rows {
            return Ok(false);
        }
        self.reader
            .read_exact(&mut self.buffer)
            .map_err(|source| NpyError::Read {
                path: self.path.clone(),
                source,
            })?;
        self.next += 1;
        row.clear();
        let words = self.buffer.chunks_exact(self.kind.bytes());
        match self.kind {
            Kind::F4 => row.extend(words.map(|w| f32::from_le_bytes(w.try_into().expect("four bytes")))),
            Kind::F8 => row.extend(words.map(|w| f64::from_le_bytes(w.try_into().expect("eight bytes")) as f32)),
            Kind::I2 => row.extend(words.map(|w| f32::from(i16::from_le_bytes(w.try_into().expect("two bytes"))))),
            Kind::I4 => row.extend(words.map(|w| i32::from_le_bytes(w.try_into().expect("four bytes")) as f32)),
        }
        Ok(true)
    }
}

/// What stands behind a key of the header, which is a Python dictionary of known form.
fn value<'a>(header: &'a str, key: &str) -> Result<&'a str, String> {
    let missing = || format!("its header has no {key}");
    let (_, rest) = header.split_once(&format!("'{key}'")).ok_or_else(missing)?;
    let (_, rest) = rest.split_once(':').ok_or_else(missing)?;
    Ok(rest.trim_start())
}

fn parse_header(header: &str) -> Result<(Kind, usize, usize), String> {
    let described = value(header, "descr")?;
    let name = described
        .strip_prefix('\'')
        .and_then(|rest| rest.split_once('\''))
        .map(|(name, _)| name)
        .ok_or("has records with fields; a plain array of numbers is needed")?;
    let kind = match name {
        "<f4" => Kind::F4,
        "<f8" => Kind::F8,
        "<i2" => Kind::I2,
        "<i4" => Kind::I4,
        other if other.starts_with('>') => {
            return Err(format!(
                "its samples are big endian ({other}); write array.astype(\"<{}\")",
                &other[1..]
            ));
        }
        other => {
            return Err(format!(
                "samples of type {other} are not read, only f4, f8, i2, i4; write array.astype(\"<f4\")"
            ));
        }
    };
    if !value(header, "fortran_order")?.starts_with("False") {
        return Err("is in Fortran order; write numpy.ascontiguousarray(array)".to_owned());
    }
    let shape = value(header, "shape")?;
    let shape = shape
        .strip_prefix('(')
        .and_then(|rest| rest.split_once(')'))
        .map(|(inside, _)| inside)
        .ok_or("its header has no shape")?;
    let sizes: Result<Vec<usize>, _> = shape
        .split(',')
        .map(str::trim)
        .filter(|size| !size.is_empty())
        .map(str::parse)
        .collect();
    let sizes = sizes.map_err(|_| format!("its shape ({shape}) cannot be read"))?;
    let (rows, columns) = match sizes.as_slice() {
        [samples] => (1, *samples),
        [rows, columns] => (*rows, *columns),
        [] | [_, _, _, ..] => {
            return Err(format!(
                "has {} dimensions; samples of one snapshot, or snapshots by rows, are needed",
                sizes.len()
            ));
        }
    };
    if rows == 0 || columns == 0 {
        return Err(format!("has no samples: its shape is ({shape})"));
    }
    if columns > MOST_COLUMNS || rows > MOST_ROWS {
        return Err(format!(
            "its shape ({shape}) is too large: at most {MOST_ROWS} rows of {MOST_COLUMNS} samples"
        ));
    }
    Ok((kind, rows, columns))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(described: &str, order: &str, shape: &str, body: &[u8]) -> Vec<u8> {
        let mut header = format!("{{'descr': {described}, 'fortran_order': {order}, 'shape': {shape}, }}");
        header.push('\n');
        let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
        bytes.extend((header.len() as u16).to_le_bytes());
        bytes.extend(header.as_bytes());
        bytes.extend(body);
        bytes
    }

    fn read(bytes: &[u8]) -> Result<Vec<Vec<f32>>, String> {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("x.npy");
        std::fs::write(&path, bytes).expect("written");
        let mut rows = NpyRows::open(&path).map_err(|e| e.to_string())?;
        let (mut all, mut row) = (Vec::new(), Vec::new());
        while rows.next_row(&mut row).map_err(|e| e.to_string())? {
            all.push(row.clone());
        }
        Ok(all)
    }

    #[test]
    fn all_four_types_are_read_in_one_and_two_dimensions() {
        let bytes = |values: &[i16]| values.iter().flat_map(|v| v.to_le_bytes()).collect::<Vec<u8>>();
        let rows = vec![vec![1.0, -2.0], vec![3.0, 4.0]];
        assert_eq!(
            read(&file("'<i2'", "False", "(2, 2)", &bytes(&[1, -2, 3, 4]))),
            Ok(rows.clone())
        );
        let f8: Vec<u8> = [1.0f64, -2.0, 3.0, 4.0].iter().flat_map(|v| v.to_le_bytes()).collect();
        assert_eq!(read(&file("'<f8'", "False", "(2, 2)", &f8)), Ok(rows.clone()));
        let f4: Vec<u8> = [1.0f32, -2.0, 3.0, 4.0].iter().flat_map(|v| v.to_le_bytes()).collect();
        assert_eq!(read(&file("'<f4'", "False", "(2, 2)", &f4)), Ok(rows));
        let i4: Vec<u8> = [7i32, -8].iter().flat_map(|v| v.to_le_bytes()).collect();
        assert_eq!(read(&file("'<i4'", "False", "(2,)", &i4)), Ok(vec![vec![7.0, -8.0]]));
    }

    #[test]
    fn what_is_wrong_is_named() {
        let body = [0u8; 16];
        for (bytes, part) in [
            (b"".to_vec(), "too short"),
            (b"timestamp,value\n1,2".to_vec(), "is not a .npy file"),
            (b"\x93NUMPY\x09\x00\x00\x00".to_vec(), "version 9"),
            (b"\x93NUMPY\x01\x00\xff\x00{".to_vec(), "ends within its header"),
            (b"\x93NUMPY\x02\x00\xff\xff\xff\xff".to_vec(), "is too long"),
            (file("'>f4'", "False", "(4,)", &body), "big endian"),
            (file("'<c8'", "False", "(2,)", &body), "type <c8"),
            (file("[('a', '<f4')]", "False", "(4,)", &body), "records with fields"),
            (file("'<f4'", "True", "(2, 2)", &body), "Fortran order"),
            (file("'<f4'", "False", "(1, 2, 2)", &body), "3 dimensions"),
            (file("'<f4'", "False", "()", &body), "0 dimensions"),
            (file("'<f4'", "False", "(0, 4)", &body), "no samples"),
            (file("'<f4'", "False", "(5,)", &body), "cut short"),
            (file("'<f4'", "False", "(99999999999,)", &body), "too large"),
            (file("'<f4'", "False", "(16777216, 67108864)", &body), "cut short"),
            (file("'<f4'", "False", "(-4,)", &body), "cannot be read"),
            (b"\x93NUMPY\x01\x00\x02\x00{}".to_vec(), "has no descr"),
        ] {
            let error = read(&bytes).expect_err(part);
            assert!(error.contains(part), "{part:?} is missing in {error:?}");
        }
        let missing = NpyRows::open(Path::new("no/such.npy")).expect_err("is not there");
        assert!(missing.to_string().contains("no/such.npy"));
    }
}
