//! Snapshots as files: the old one or the new one, never something between.

use std::fs;
use std::path::Path;
use std::sync::atomic::AtomicBool;
use std::thread;

use heapwise::core::offheap::snapshot::{
    self, FileEncoder, Header, SnapshotError, SnapshotFile, Summary, Watch, read, verify,
};

use crate::support::{Folder, Owned, sample};

fn text(value: &str) -> Owned {
    Owned::new((0, "key"), (0, value))
}

fn save(path: &Path, value: &str) -> Result<Summary, SnapshotError> {
    snapshot::write_file(path, &Header::default(), Watch::default(), |encoder| encoder.push(&text(value).record()))
}

fn load(path: &Path) -> Vec<Owned> {
    let mut records = Vec::new();
    read::<SnapshotError>(path, Watch::default(), |record| {
        records.push((*record).into());
        Ok(())
    })
    .unwrap();
    records
}

#[test]
fn a_file_is_written_and_replaced() {
    let folder = Folder::new();
    let path = folder.0.join("store.snap");
    for value in ["one", "two"] {
        let written = save(&path, value).unwrap();
        assert_eq!(written.file_bytes, fs::metadata(&path).unwrap().len());
        assert_eq!(verify(&path, Watch::default()).unwrap(), written);
        assert_eq!(load(&path), [text(value)]);
        assert_eq!(folder.names(), ["store.snap"]);
    }
}

#[test]
fn a_file_that_was_there_and_is_no_snapshot_is_replaced() {
    let folder = Folder::new();
    let path = folder.0.join("store.snap");
    fs::write(&path, "something else").unwrap();
    save(&path, "new").unwrap();
    assert_eq!(load(&path), [text("new")]);
}

/// Runs a save that fails, and sees that nothing has happened.
fn fails(
    folder: &Folder,
    path: &Path,
    watch: Watch<'_>,
    fill: impl FnOnce(&mut FileEncoder<'_>) -> Result<(), SnapshotError>,
) -> SnapshotError {
    let names = folder.names();
    let old = fs::read(path).ok();
    let error = snapshot::write_file(path, &Header::default(), watch, fill).unwrap_err();
    assert_eq!(folder.names(), names);
    assert_eq!(fs::read(path).ok(), old);
    error
}

#[test]
fn a_save_that_fails_leaves_the_old_file() {
    let folder = Folder::new();
    let path = folder.0.join("store.snap");
    for round in 0..2 {
        let error = fails(&folder, &path, Watch::default(), |encoder| {
            encoder.push(&text("new").record())?;
            Err(std::io::Error::other("on purpose").into())
        });
        assert_eq!(error.to_string(), "on purpose");

        let error =
            fails(&folder, &path, Watch::default(), |encoder| encoder.push(&Owned::new((0, "key"), (99, "")).record()));
        assert!(matches!(error, SnapshotError::Unwritable(_)));

        let cancel = AtomicBool::new(true);
        let watch = Watch { cancel: Some(&cancel), ..Watch::default() };
        assert!(matches!(fails(&folder, &path, watch, |_| Ok(())), SnapshotError::Cancelled));

        // Once without an old file, once with one.
        if round == 0 {
            save(&path, "old").unwrap();
        }
    }
    assert_eq!(load(&path), [text("old")]);
}

#[test]
fn a_header_that_cannot_be_written_leaves_nothing() {
    let folder = Folder::new();
    let header = Header { name: Some("x".repeat(70_000)), ..Header::default() };
    let result =
        snapshot::write_file::<SnapshotError>(&folder.0.join("store.snap"), &header, Watch::default(), |_| Ok(()));
    assert!(matches!(result, Err(SnapshotError::Unwritable(_))));
    assert!(folder.names().is_empty());
}

#[test]
fn a_panic_leaves_the_old_file() {
    let folder = Folder::new();
    let path = folder.0.join("store.snap");
    save(&path, "old").unwrap();
    let (target, names) = (path.clone(), folder.names());
    let result = thread::spawn(move || {
        snapshot::write_file::<SnapshotError>(&target, &Header::default(), Watch::default(), |_| panic!("on purpose"))
    })
    .join();
    assert!(result.is_err());
    assert_eq!(folder.names(), names);
    assert_eq!(load(&path), [text("old")]);
}

#[test]
fn the_target_becomes_a_folder_meanwhile() {
    let folder = Folder::new();
    let path = folder.0.join("store.snap");
    let result = snapshot::write_file::<SnapshotError>(&path, &Header::default(), Watch::default(), |_| {
        // There is one file now, which is not the target.
        assert_eq!(folder.names().len(), 1);
        assert!(folder.names()[0].starts_with(".heapwise-snapshot-"));
        fs::create_dir(&path)?;
        fs::write(path.join("inside"), "")?;
        Ok(())
    });
    assert!(matches!(result, Err(SnapshotError::Io(_))));
    assert_eq!(folder.names(), ["store.snap"]);
}

#[test]
fn paths_that_cannot_be_written() {
    let folder = Folder::new();
    fs::create_dir(folder.0.join("folder")).unwrap();
    fs::write(folder.0.join("file"), "").unwrap();
    let paths = ["folder", "folder/", "new/", "absent/file", "file/inside", "folder/..", "folder/."];
    for path in paths {
        let error = fails(&folder, &folder.0.join(path), Watch::default(), |_| panic!("{path} was opened"));
        assert!(matches!(error, SnapshotError::Io(_)), "{path}: {error:?}");
    }
    for path in ["", "/", ".", ".."] {
        let result =
            snapshot::write_file::<SnapshotError>(path.as_ref(), &Header::default(), Watch::default(), |_| Ok(()));
        assert!(matches!(result, Err(SnapshotError::Io(_))), "{path}");
    }
    assert_eq!(folder.names(), ["file", "folder"]);
}

#[test]
fn paths_that_cannot_be_read() {
    let folder = Folder::new();
    for path in [folder.0.clone(), folder.0.join("absent"), "/dev/null".into(), "".into()] {
        assert!(matches!(verify(&path, Watch::default()), Err(SnapshotError::Io(_))), "{path:?}");
    }
    fs::write(folder.0.join("empty"), "").unwrap();
    assert!(matches!(verify(&folder.0.join("empty"), Watch::default()), Err(SnapshotError::NotASnapshot)));
}

/// A file left by a process that died, and whose number this one has, is neither used nor removed.
#[test]
fn temporary_files_of_others_stay() {
    let folder = Folder::new();
    let path = folder.0.join("store.snap");
    let mut others = Vec::new();
    snapshot::write_file::<SnapshotError>(&path, &Header::default(), Watch::default(), |_| {
        let name = folder.names().remove(0);
        let (front, number) = name.trim_end_matches(".tmp").rsplit_once('-').unwrap();
        let number: u64 = number.parse().unwrap();
        // Other tests count on as well, so take enough of them.
        for next in number + 1..number + 200 {
            let name = format!("{front}-{next}.tmp");
            fs::write(folder.0.join(&name), "not mine")?;
            others.push(name);
        }
        Ok(())
    })
    .unwrap();
    save(&path, "new").unwrap();
    assert_eq!(load(&path), [text("new")]);
    for name in &others {
        assert_eq!(fs::read(folder.0.join(name)).unwrap(), b"not mine");
    }
    assert_eq!(folder.names().len(), others.len() + 1);
}

#[test]
fn many_writers_and_readers_of_one_path() {
    let folder = Folder::new();
    let path = folder.0.join("store.snap");
    save(&path, "0").unwrap();
    thread::scope(|scope| {
        for writer in 0..3 {
            let path = &path;
            scope.spawn(move || (0..20).for_each(|round| drop(save(path, &format!("{writer}{round}")).unwrap())));
        }
        for _ in 0..2 {
            scope.spawn(|| (0..100).for_each(|_| assert_eq!(load(&path).len(), 1)));
        }
    });
    assert_eq!(folder.names(), ["store.snap"]);
}

#[test]
fn an_open_file_stays_the_same() {
    let folder = Folder::new();
    let path = folder.0.join("store.snap");
    let written = save(&path, "old").unwrap();
    let mut file = SnapshotFile::open(&path).unwrap();
    assert_eq!(file.file_bytes().unwrap(), written.file_bytes);
    let verified = file.verify(Watch::default()).unwrap();
    save(&path, "new").unwrap();
    let mut values = Vec::new();
    let read = file.read::<SnapshotError>(Watch::default(), |record| {
        values.push(record.value.to_vec());
        Ok(())
    });
    assert_eq!(read.unwrap(), verified);
    assert_eq!(values, [b"old"]);
}

#[test]
fn a_file_that_is_overwritten_after_it_was_verified() {
    let folder = Folder::new();
    let [path, other] = ["store.snap", "other.snap"].map(|name| folder.0.join(name));
    save(&path, "old").unwrap();
    save(&other, "new").unwrap();
    let mut file = SnapshotFile::open(&path).unwrap();
    file.verify(Watch::default()).unwrap();
    fs::write(&path, fs::read(&other).unwrap()).unwrap();
    let result = file.read::<SnapshotError>(Watch::default(), |_| Ok(()));
    assert!(matches!(result, Err(SnapshotError::Damaged { at: 0, .. })), "{result:?}");
}

#[test]
fn the_error_of_the_reader_ends_it() {
    #[derive(Debug)]
    enum Mine {
        Full,
        Snapshot(SnapshotError),
    }
    impl From<SnapshotError> for Mine {
        fn from(error: SnapshotError) -> Self {
            Self::Snapshot(error)
        }
    }
    let folder = Folder::new();
    let path = folder.0.join("store.snap");
    let (mut bytes, _) = sample();
    fs::write(&path, &bytes).unwrap();
    let mut count = 0;
    let result = read(&path, Watch::default(), |_| {
        count += 1;
        if count == 3 { Err(Mine::Full) } else { Ok(()) }
    });
    assert!(matches!(result, Err(Mine::Full)));
    assert_eq!(count, 3);

    bytes.pop();
    fs::write(&path, &bytes).unwrap();
    let result = read(&path, Watch::default(), |_| Ok::<_, Mine>(()));
    assert!(matches!(result, Err(Mine::Snapshot(SnapshotError::Damaged { .. }))));
}

#[cfg(unix)]
mod unix {
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    #[test]
    fn a_secret_stays_one() {
        let folder = Folder::new();
        let path = folder.0.join("store.snap");
        save(&path, "old").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        snapshot::write_file::<SnapshotError>(&path, &Header::default(), Watch::default(), |_| {
            for name in folder.names() {
                let mode = fs::metadata(folder.0.join(name))?.permissions().mode();
                assert_eq!(mode & 0o777, 0o600);
            }
            Ok(())
        })
        .unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn a_link_stays_one() {
        let folder = Folder::new();
        let [link, path, lost] = ["link", "store.snap", "lost"].map(|name| folder.0.join(name));
        save(&path, "old").unwrap();
        symlink("store.snap", &link).unwrap();
        save(&link, "new").unwrap();
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!(load(&path), [text("new")]);

        symlink("absent", &lost).unwrap();
        assert!(matches!(save(&lost, "new"), Err(SnapshotError::Io(_))));
        assert_eq!(folder.names(), ["link", "lost", "store.snap"]);
    }

    /// A link with the name of the next temporary file is not followed.
    #[test]
    fn a_planted_link_is_not_followed() {
        let folder = Folder::new();
        let path = folder.0.join("store.snap");
        fs::write(folder.0.join("precious"), "precious").unwrap();
        snapshot::write_file::<SnapshotError>(&path, &Header::default(), Watch::default(), |_| {
            let name = folder.names().into_iter().find(|name| name.starts_with('.')).unwrap();
            let (front, number) = name.trim_end_matches(".tmp").rsplit_once('-').unwrap();
            let number: u64 = number.parse().unwrap();
            for next in number + 1..number + 200 {
                symlink("precious", folder.0.join(format!("{front}-{next}.tmp")))?;
            }
            Ok(())
        })
        .unwrap();
        save(&path, "new").unwrap();
        assert_eq!(fs::read(folder.0.join("precious")).unwrap(), b"precious");
        assert_eq!(load(&path), [text("new")]);
    }

    /// Renaming over it would put a file in the place of a device.
    #[test]
    fn a_device_stays_one() {
        use std::os::unix::fs::FileTypeExt;
        assert!(matches!(save("/dev/null".as_ref(), "new"), Err(SnapshotError::Io(_))));
        assert!(fs::metadata("/dev/null").unwrap().file_type().is_char_device());
    }
}
