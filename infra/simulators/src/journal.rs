//! What a simulator keeps across restarts: a journal to which each change appends a line with the one thing that it changed. At the
//! start it is read and written anew, without what was overwritten since.
//!
//! A line is in the file before the change is answered, so a process that is killed loses nothing that was acknowledged, and leaves
//! at most half of one line that nobody was told of.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::ops::Deref;
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A line: what kind of thing, which one, and what it is now; null where it is gone.
#[derive(Deserialize, Serialize)]
struct Line<V>(String, String, V);

/// Everything that was kept, by kind and id.
pub struct Kept(BTreeMap<(String, String), Value>);

impl Kept {
    /// The one thing of its kind.
    pub fn take<T: DeserializeOwned>(&mut self, kind: &str) -> io::Result<Option<T>> {
        self.0.remove(&(kind.to_owned(), String::new())).map(read).transpose()
    }

    /// All things of a kind.
    pub fn items<T: DeserializeOwned>(&self, kind: &'static str) -> io::Result<Items<T>> {
        let kept = self.0.iter().filter(|((of, _), _)| of == kind);
        let items: io::Result<_> = kept.map(|((_, id), value)| Ok((id.clone(), read(value.clone())?))).collect();
        Ok(Items { kind, by_id: items?, changed: BTreeSet::new() })
    }
}

fn read<T: DeserializeOwned>(value: Value) -> io::Result<T> {
    serde_json::from_value(value).map_err(io::Error::other)
}

/// Where changes are written; nowhere, where nothing is kept.
#[derive(Default)]
pub struct Journal {
    file: Option<File>,
    /// Whole lines.
    length: u64,
}

impl Journal {
    /// Reads the journal and writes it anew. A missing file is an empty one; half a last line is dropped; one that cannot be understood
    /// otherwise is an error, and stays as it is.
    pub fn open(path: Option<PathBuf>) -> io::Result<(Self, Kept)> {
        let Some(path) = path else { return Ok((Self::default(), Kept(BTreeMap::new()))) };
        let bytes = match std::fs::read(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
            Err(error) => return Err(error),
        };
        let kept = understood(&bytes, &path)?;
        let mut text = Vec::new();
        for ((kind, id), value) in &kept.0 {
            append(&mut text, &Line(kind.clone(), id.clone(), value))?;
        }
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder)?;
        }
        // Under another name first: a process that is killed while it writes leaves the old one.
        let partial = path.with_extension("partial");
        std::fs::write(&partial, &text)?;
        std::fs::rename(&partial, &path)?;
        let file = OpenOptions::new().append(true).open(&path)?;
        Ok((Self { file: Some(file), length: text.len() as u64 }, kept))
    }

    /// Keeps the one thing of its kind.
    pub fn keep<T: Serialize>(&mut self, kind: &str, value: &T) {
        self.write(&[Line(kind.to_owned(), String::new(), Some(value))]);
    }

    fn write<T: Serialize>(&mut self, lines: &[Line<Option<T>>]) {
        let Some(file) = &mut self.file else { return };
        let mut text = Vec::new();
        let made = lines.iter().try_for_each(|line| append(&mut text, line));
        if let Err(error) = made.and_then(|()| file.write_all(&text)) {
            tracing::error!("state could not be written: {error}");
            // The next line must not follow half of this one.
            if let Err(error) = file.set_len(self.length) {
                tracing::error!("the journal could not be cut to whole lines: {error}");
            }
            return;
        }
        self.length += text.len() as u64;
    }
}

fn append<V: Serialize>(text: &mut Vec<u8>, line: &Line<V>) -> io::Result<()> {
    serde_json::to_writer(&mut *text, line).map_err(io::Error::other)?;
    text.push(b'\n');
    Ok(())
}

fn understood(bytes: &[u8], path: &Path) -> io::Result<Kept> {
    let whole = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
    if whole < bytes.len() {
        tracing::warn!("{}: the last line is not whole and is dropped: the process was killed", path.display());
    }
    let mut kept = BTreeMap::new();
    for (number, line) in bytes[..whole].split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).enumerate() {
        let unreadable = |error| io::Error::other(format!("{}, line {}: {error}", path.display(), number + 1));
        let Line(kind, id, value): Line<Value> = serde_json::from_slice(line).map_err(unreadable)?;
        if value.is_null() {
            kept.remove(&(kind, id));
        } else {
            kept.insert((kind, id), value);
        }
    }
    Ok(Kept(kept))
}

/// Things of a kind by their ids, which know what was changed since they were saved.
pub struct Items<T> {
    kind: &'static str,
    by_id: BTreeMap<String, T>,
    changed: BTreeSet<String>,
}

impl<T> Deref for Items<T> {
    type Target = BTreeMap<String, T>;
    fn deref(&self) -> &Self::Target {
        &self.by_id
    }
}

impl<T: Serialize> Items<T> {
    /// One of them, to be changed.
    pub fn get_mut(&mut self, id: &str) -> Option<&mut T> {
        let item = self.by_id.get_mut(id)?;
        self.changed.insert(id.to_owned());
        Some(item)
    }

    pub fn insert(&mut self, id: String, item: T) {
        self.changed.insert(id.clone());
        self.by_id.insert(id, item);
    }

    /// Whether it was there.
    pub fn remove(&mut self, id: &str) -> bool {
        self.changed.insert(id.to_owned());
        self.by_id.remove(id).is_some()
    }

    /// Writes what was changed.
    pub fn save(&mut self, journal: &mut Journal) {
        let changed = std::mem::take(&mut self.changed);
        let line = |id: String| {
            let now = self.by_id.get(&id);
            Line(self.kind.to_owned(), id, now)
        };
        journal.write(&changed.into_iter().map(line).collect::<Vec<_>>());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::random_id;

    fn path() -> PathBuf {
        std::env::temp_dir().join(random_id("journal-")).join("state.journal")
    }

    fn open(path: &Path) -> io::Result<(Journal, Items<u32>)> {
        let (journal, kept) = Journal::open(Some(path.to_owned()))?;
        Ok((journal, kept.items("numbers")?))
    }

    #[test]
    fn a_change_appends_one_line_and_a_start_leaves_out_what_was_overwritten() {
        let path = path();
        let (mut journal, mut numbers) = open(&path).unwrap();
        for number in 0..3 {
            numbers.insert("a".into(), number);
            numbers.insert("b".into(), number);
            numbers.save(&mut journal);
        }
        *numbers.get_mut("a").unwrap() = 9;
        numbers.save(&mut journal);
        assert!(numbers.remove("b") && !numbers.remove("b"));
        numbers.save(&mut journal);
        numbers.save(&mut journal);
        let lines = || std::fs::read_to_string(&path).unwrap();
        assert_eq!(lines().lines().count(), 8, "{}", lines());
        let (_, again) = open(&path).unwrap();
        assert_eq!(*again, BTreeMap::from([("a".to_owned(), 9)]));
        assert_eq!(lines(), "[\"numbers\",\"a\",9]\n");
        std::fs::remove_dir_all(path.parent().unwrap()).unwrap();
    }

    #[test]
    fn half_a_last_line_is_dropped_and_any_other_damage_is_refused_and_left_alone() {
        let path = path();
        let (mut journal, mut numbers) = open(&path).unwrap();
        for id in ["a", "b"] {
            numbers.insert(id.into(), 1);
            numbers.save(&mut journal);
        }
        let whole = std::fs::read(&path).unwrap();
        for cut in whole.len() / 2 + 1..whole.len() {
            std::fs::write(&path, &whole[..cut]).unwrap();
            let (mut journal, mut numbers) = open(&path).unwrap();
            assert_eq!(numbers.keys().collect::<Vec<_>>(), ["a"], "cut after {cut} bytes");
            numbers.insert("c".into(), 2);
            numbers.save(&mut journal);
            assert_eq!(open(&path).unwrap().1.keys().collect::<Vec<_>>(), ["a", "c"]);
        }
        let damaged = b"[\"numbers\",\"a\",1]\n[\"numbers\"\n[\"numbers\",\"b\",1]\n";
        std::fs::write(&path, damaged).unwrap();
        let refused = open(&path).err().unwrap().to_string();
        assert!(refused.contains("line 2"), "{refused}");
        assert_eq!(std::fs::read(&path).unwrap(), damaged);
        std::fs::remove_dir_all(path.parent().unwrap()).unwrap();
    }
}
