//! A folder that is opened, left, and opened again.

use serde_json::json;

use super::*;
use crate::load::file::FileFormat;

fn target(object: &str, operation: &str) -> Map<String, Value> {
    let target = json!({"object": object, "operation": operation});
    target.as_object().unwrap().clone()
}

#[expect(clippy::unnecessary_wraps, reason = "as a load gives it")]
fn results() -> Result<ResultNames> {
    Ok(ResultNames { success: "s".into(), error: "e".into() })
}

fn identity(target: Map<String, Value>) -> Identity {
    let (columns, shown) = (Vec::new(), Vec::new());
    let layout = Layout { format: FileFormat::Csv, has_bom: false, columns, shown };
    Identity { name: "f".to_owned(), target, layout }
}

fn open(path: &Path, target: Map<String, Value>) -> Result<WorkFolder> {
    WorkFolder::open(path, identity(target), results)
}

#[test]
fn the_same_load_goes_on_where_it_ended_and_another_one_is_refused() {
    let parent = tempfile::tempdir().unwrap();
    let path = parent.path().join("f.load");
    let mut folder = open(&path, target("Account", "insert")).unwrap();
    assert!(!folder.is_resumed());
    let position = Position { offset: 9, lines: 2, rows: 1, checksum: 3 };
    folder.save(|checkpoint| checkpoint.position = position).unwrap();
    let error = open(&path, target("Account", "insert")).unwrap_err();
    assert!(error.message().contains("being loaded by another process"), "{error}");
    let saved = folder.checkpoint().clone();
    drop(folder);

    let error = open(&path, target("Contact", "update")).unwrap_err();
    assert!(error.message().contains("differs from it in object, operation."), "{error}");
    let mut more = target("Account", "insert");
    more.insert("of_a_later_version".to_owned(), json!(1));
    let error = open(&path, more).unwrap_err();
    assert!(error.message().contains("differs from it in of_a_later_version."), "{error}");
    let folder = WorkFolder::open(&path, identity(target("Account", "insert")), || panic!("they are known")).unwrap();
    assert!(folder.is_resumed());
    assert_eq!(folder.checkpoint(), &saved);
    drop(folder);
    let folder = WorkFolder::left(&path, "f").unwrap().unwrap();
    assert_eq!(folder.set_aside().unwrap(), parent.path().join("f.load.1"));
    let folder = open(&path, target("Contact", "update")).unwrap();
    assert_eq!(folder.checkpoint().position, Position::default());
    assert_eq!(folder.set_aside().unwrap(), parent.path().join("f.load.2"));
    let folder = open(&path, target("Contact", "update")).unwrap();
    folder.remove().unwrap();
    assert!(parent.path().join("f.load.1").exists() && parent.path().join("f.load.2").exists());
    assert!(!path.exists());
}

#[test]
fn the_result_files_are_beside_the_folder_wherever_that_is() {
    let parent = tempfile::tempdir().unwrap();
    let (before, after) = (parent.path().join("before"), parent.path().join("after"));
    let folder = open(&before.join("f.load"), Map::new()).unwrap();
    assert_eq!(folder.results().error, before.join("e"));
    drop(folder);
    fs::rename(&before, &after).unwrap();
    let folder = open(&after.join("f.load"), Map::new()).unwrap();
    assert_eq!(folder.results().success, after.join("s"));
}

#[test]
fn the_notes_are_removed_last() {
    let parent = tempfile::tempdir().unwrap();
    let folder = open(parent.path(), Map::new()).unwrap();
    fs::create_dir(folder.objects()).unwrap();
    let paths = folder.in_order_of_removal().unwrap();
    assert_eq!(paths.len(), 4, "the lock, the reserve, the objects, and the notes");
    assert!(paths.last().unwrap().ends_with(NOTES), "{paths:?}");
}

#[test]
fn what_is_done_is_noted_although_the_disk_is_full() {
    let parent = tempfile::tempdir().unwrap();
    let folder = open(parent.path(), Map::new()).unwrap();
    let reserve = parent.path().join(RESERVE);
    assert_eq!(fs::metadata(&reserve).unwrap().len(), u64::from(RESERVE_BYTES));
    for kind in [ErrorKind::StorageFull, ErrorKind::QuotaExceeded] {
        fs::write(&reserve, "room").unwrap();
        let write = || if reserve.exists() { Err(kind.into()) } else { folder.write_notes() };
        assert_eq!(with_reserve(&reserve, write).unwrap().unwrap().kind(), kind);
        assert_eq!(with_reserve(&reserve, || Err(kind.into())).unwrap_err().kind(), kind, "there is no more");
    }
    fs::write(&reserve, "room").unwrap();
    with_reserve(&reserve, || Err(ErrorKind::PermissionDenied.into())).unwrap_err();
    assert!(reserve.exists(), "room is not what is missing");
}

/// A folder in the place of the new notes cannot be written to.
#[test]
fn what_could_not_be_saved_is_saved_later() {
    let parent = tempfile::tempdir().unwrap();
    let mut folder = open(parent.path(), Map::new()).unwrap();
    let new = parent.path().join(NEW_NOTES);
    fs::create_dir(&new).unwrap();
    folder.save(|checkpoint| checkpoint.written = 7).unwrap_err();
    folder.save_rest().unwrap_err();
    fs::remove_dir(&new).unwrap();
    folder.save_rest().unwrap();
    drop(folder);
    assert_eq!(open(parent.path(), Map::new()).unwrap().checkpoint().written, 7);
}

#[test]
fn notes_that_cannot_be_read_are_an_error() {
    let parent = tempfile::tempdir().unwrap();
    drop(open(parent.path(), Map::new()).unwrap());
    let notes = fs::read_to_string(parent.path().join(NOTES)).unwrap();
    let of_a_later_version = notes.replace("\"version\": 1,", "\"version\": 2,");
    assert_ne!(of_a_later_version, notes);
    for notes in ["{", "{\"version\":1}", &of_a_later_version] {
        fs::write(parent.path().join(NOTES), notes).unwrap();
        let error = open(parent.path(), Map::new()).unwrap_err();
        assert!(error.message().contains("cannot be read. Delete that folder"), "{error}");
    }
}

/// Makes the result files beside `path`, as the names of a load do.
fn made_results(path: &Path) -> Result<ResultNames> {
    for name in ["s", "e"] {
        fs::write(path.with_file_name(name), "").unwrap();
    }
    results()
}

#[test]
fn a_new_load_keeps_its_result_files_and_one_that_cannot_begin_leaves_none() {
    for can_begin in [true, false] {
        let parent = tempfile::tempdir().unwrap();
        let path = parent.path().join("f.load");
        fs::create_dir(&path).unwrap();
        if !can_begin {
            fs::create_dir(path.join(NEW_NOTES)).unwrap();
        }
        let folder = WorkFolder::open(&path, identity(Map::new()), || made_results(&path));
        assert_eq!(folder.is_ok(), can_begin);
        for name in ["s", "e"] {
            assert_eq!(parent.path().join(name).exists(), can_begin, "{name}");
        }
        drop(folder);
        assert_eq!(WorkFolder::left(&path, "f").unwrap().is_some(), can_begin, "only a load that has begun goes on");
    }
}
