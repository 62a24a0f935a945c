//! Files as they come: plain, gzip, zstandard, or a member of a zip archive. What a file is, its first bytes say.

mod text;

pub use text::Rows;

use anyhow::Context;
use flate2::bufread::MultiGzDecoder;
use pitlane_session::exit::data;
use std::fs::File;
use std::io::{BufRead, BufReader, Read, Seek, SeekFrom};
use std::path::Path;

/// Bytes read from a file at once.
const BUFFER: usize = 1 << 16;

/// A file that is open, and how errors call it.
pub struct Source<'a> {
    /// Its path, with the member's name for an archive.
    pub name: String,
    /// What it holds, unpacked.
    pub reader: &'a mut dyn BufRead,
}

/// Opens a file and hands it to `body`. Of a zip archive the one file whose name contains `member` is taken.
///
/// # Errors
/// If it cannot be opened or is no such archive, with exit code 3; and what `body` answers.
pub fn open<T>(
    path: &Path,
    member: &str,
    body: impl FnOnce(Source<'_>) -> anyhow::Result<T>,
) -> anyhow::Result<T> {
    let name = path.display().to_string();
    let refused = |error: std::io::Error| data(format!("cannot open {name}: {error}; check the path"));
    let mut file = File::open(path).map_err(refused)?;
    if file.metadata().map_err(refused)?.is_dir() {
        return Err(data(format!("{name} is a directory; name a file in it")));
    }
    let mut magic = [0; 4];
    let length = read_up_to(&mut file, &mut magic).map_err(refused)?;
    file.seek(SeekFrom::Start(0)).map_err(refused)?;
    let mut file = BufReader::with_capacity(BUFFER, file);
    match &magic[..length] {
        [] => Err(data(format!("{name} is empty; fetch it again"))),
        [b'P', b'K', 3 | 5, _] => open_member(&name, file, member, body),
        [0x1F, 0x8B, ..] => {
            let mut reader = BufReader::with_capacity(BUFFER, MultiGzDecoder::new(file));
            body(Source { name, reader: &mut reader })
        }
        [0x28, 0xB5, 0x2F, 0xFD] => {
            let decoder = zstd::Decoder::with_buffer(file).context("no memory to unpack zstandard")?;
            let mut reader = BufReader::with_capacity(BUFFER, decoder);
            body(Source { name, reader: &mut reader })
        }
        _ => body(Source { name, reader: &mut file }),
    }
}

fn read_up_to(file: &mut File, bytes: &mut [u8]) -> std::io::Result<usize> {
    let mut length = 0;
    while length < bytes.len() {
        match file.read(&mut bytes[length..])? {
            0 => break,
            more => length += more,
        }
    }
    Ok(length)
}

fn open_member<T>(
    name: &str,
    file: BufReader<File>,
    member: &str,
    body: impl FnOnce(Source<'_>) -> anyhow::Result<T>,
) -> anyhow::Result<T> {
    let damaged = |error: zip::result::ZipError| {
        data(format!("{name}: {error}; the archive is damaged or cut short, fetch it again"))
    };
    let mut archive = zip::ZipArchive::new(file).map_err(damaged)?;
    let names: Result<Vec<String>, _> =
        archive.file_names().map(|file| file.map(|file| file.to_string())).collect();
    let names = names.map_err(damaged)?;
    let fits = |file: &&String| file.to_ascii_lowercase().contains(member) && !file.ends_with('/');
    let found: Vec<_> = names.iter().filter(fits).collect();
    let [found] = found.as_slice() else {
        let count = if found.is_empty() { "no file" } else { "more than one file" };
        let wanted =
            if member.is_empty() { String::new() } else { format!(" whose name contains `{member}`") };
        let all = names[..names.len().min(20)].join(", ");
        return Err(data(format!(
            "{name}: the archive has {count}{wanted}; unpack it and name the file. It has: {all}"
        )));
    };
    let file = archive.by_name(found).map_err(damaged)?;
    let mut reader = BufReader::with_capacity(BUFFER, file);
    body(Source { name: format!("{name}/{found}"), reader: &mut reader })
}
