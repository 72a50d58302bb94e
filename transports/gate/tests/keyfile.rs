//! The key file and the state directory: made once, replaced whole, refused where anything about
//! them is wrong, and then left as they are to the byte.

mod common;

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::{PermissionsExt as _, chown, symlink};
use std::path::Path;
use std::thread;
use std::time::Duration;

use common::{ISSUER, at, contents, is_root, mode};
use doorward_gate::keyfile::{self, KeyFileError, Older, State, StateError, open_state};
use doorward_gate::store::SqliteStore;
use doorward_gate::store::sqlite::SqliteSettings;
use doorward_gate::{Entropy, EntropyError, SystemEntropy};
use doorward_policy::id::Issuer;
use doorward_policy::keys::{Master, MasterKeys};
use doorward_policy::secret::Secret;
use tempfile::{TempDir, tempdir};

fn keys() -> MasterKeys {
    MasterKeys::generate([1; 16], [2; 32], [3; 32], at(0))
}

fn folder() -> TempDir {
    tempdir().expect("a folder")
}

fn with_keys() -> TempDir {
    let dir = folder();
    keyfile::create(dir.path(), &keys()).expect("created");
    dir
}

fn load(dir: &TempDir) -> MasterKeys {
    keyfile::load(dir.path()).expect("they can be read").expect("they are there")
}

/// All that is in keys, for a comparison that secrets don't have.
fn spelled(keys: &MasterKeys) -> String {
    let masters = keys.masters().iter();
    let masters = masters.map(|one| (one.id, *one.secret.expose(), one.signs_from));
    let masters = masters.collect::<Vec<_>>();
    format!("{} {:?} {} {masters:?}", keys.issuer(), keys.pepper().expose(), keys.last_id())
}

fn open(dir: &Path) -> Result<State, StateError> {
    open_state(dir, at(0), &SystemEntropy)
}

/// Everything that would read or write the keys refuses, says `what`, and leaves all as it is.
fn refused(dir: &TempDir, what: &str) {
    // The lock file may come; the rest may not change.
    let files = || {
        let mut files = contents(dir.path());
        files.retain(|(name, ..)| name != "lock");
        files
    };
    let before = files();
    let mut next = keys();
    next.rotate([4; 32], at(1)).expect("rotated");
    let texts = [
        keyfile::load(dir.path()).map(drop).expect_err("refused").to_string(),
        keyfile::replace(dir.path(), &next).expect_err("refused").to_string(),
        keyfile::rotate(dir.path(), [4; 32], Older::Verify, at(1))
            .map(drop)
            .expect_err("refused")
            .to_string(),
        open(dir.path()).map(drop).expect_err("refused").to_string(),
    ];
    keyfile::create(dir.path(), &next).expect_err("refused");
    for text in texts {
        assert!(text.contains(what), "{text}");
        assert!(text.contains(dir.path().to_str().expect("a name")), "{text}");
        assert!(!text.contains(SECRET), "{text}");
        assert_eq!(text.lines().count(), 1);
    }
    assert_eq!(files(), before);
}

/// 32 bytes of 3, as in the file.
const SECRET: &str = "AwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwM";

//= req: STORE-7, type=test
#[test]
fn keys_come_back_as_they_were() {
    let dir = folder();
    let inner = dir.path().join("a/b");
    keyfile::create(&inner, &keys()).expect("created");
    assert_eq!(mode(&inner), 0o700);
    assert_eq!(mode(&dir.path().join("a")), 0o700);
    assert_eq!(mode(&inner.join("keys.json")), 0o600);
    let read = keyfile::load(&inner).expect("readable").expect("there");
    assert_eq!(spelled(&read), spelled(&keys()));
    assert!(keyfile::load(dir.path()).expect("nothing wrong").is_none());
    let text = fs::read_to_string(inner.join("keys.json")).expect("text");
    assert!(text.contains(SECRET));
}

//= req: STORE-9, type=test
#[test]
fn keys_are_never_overwritten_by_new_ones() {
    let dir = with_keys();
    let before = contents(dir.path());
    let other = MasterKeys::generate([9; 16], [9; 32], [9; 32], at(0));
    let error = keyfile::create(dir.path(), &other).expect_err("refused");
    assert!(matches!(error, KeyFileError::Exists(_)), "{error}");
    let error = keyfile::replace(dir.path(), &other).expect_err("refused");
    assert!(matches!(error, KeyFileError::Changed(_)), "{error}");
    assert_eq!(contents(dir.path()), before);
    let nothing = folder();
    let error = keyfile::replace(nothing.path(), &other).expect_err("refused");
    assert!(matches!(error, KeyFileError::Missing(_)), "{error}");
}

//= req: STORE-9, type=test
/// In each of what a rotation leaves as it is, alone.
#[test]
fn keys_that_were_not_made_from_those_there_do_not_take_their_place() {
    let dir = with_keys();
    let with = |issuer, pepper, secret, signs_from| {
        let masters = vec![Master { id: 1, secret: Secret::new(secret), signs_from }];
        let pepper = Secret::new(pepper);
        MasterKeys::restore(Issuer::new(issuer), pepper, 1, masters).expect("keys")
    };
    let others = [
        with([9; 16], [2; 32], [3; 32], at(0)),
        with([1; 16], [9; 32], [3; 32], at(0)),
        with([1; 16], [2; 32], [9; 32], at(0)),
        with([1; 16], [2; 32], [3; 32], at(1)),
    ];
    for other in others {
        let error = keyfile::replace(dir.path(), &other).expect_err("refused");
        assert!(matches!(error, KeyFileError::Changed(_)), "{error}: {}", spelled(&other));
    }
    assert_eq!(spelled(&load(&dir)), spelled(&keys()));
    let same = with([1; 16], [2; 32], [3; 32], at(0));
    keyfile::replace(dir.path(), &same).expect("they differ in nothing");
}

#[test]
fn a_key_file_has_at_most_64_kib() {
    let dir = with_keys();
    let path = dir.path().join("keys.json");
    let good = fs::read_to_string(&path).expect("text");
    let padded = |length: usize| good.clone() + &" ".repeat(length - good.len());
    fs::write(&path, padded(65_536)).expect("written");
    assert_eq!(spelled(&load(&dir)), spelled(&keys()));
    fs::write(&path, padded(65_537)).expect("written");
    refused(&dir, "too long");
}

/// Keys that are taken for missing would be made anew.
#[test]
fn keys_that_can_not_be_looked_for_are_not_taken_for_missing() {
    let dir = with_keys();
    let inside = dir.path().join("keys.json");
    let error = keyfile::load(&inside).expect_err("a file has nothing in it");
    assert!(matches!(error, KeyFileError::Unsafe(_)), "{error}");
    assert!(error.to_string().contains("keys.json/keys.json: "), "{error}");
}

//= req: SECRET-10, type=test
#[test]
fn a_damaged_key_file_is_refused() {
    let dir = with_keys();
    let path = dir.path().join("keys.json");
    let good = fs::read_to_string(&path).expect("text");
    let changed = |from: &str, to: &str| {
        assert!(good.contains(from));
        good.replacen(from, to, 1)
    };
    let issuer = "01".repeat(16);
    let long = format!("{good}{}", " ".repeat(70_000));
    let damaged = [
        String::new(),
        "null".to_owned(),
        good[..good.len() / 2].to_owned(),
        format!("{good}x"),
        changed("\"version\": 1", "\"version\": 0"),
        changed("\"version\": 1", "\"version\": \"1\""),
        changed(&issuer, &issuer[1..]),
        changed(&issuer, &issuer.to_uppercase().replacen('0', "Z", 1)),
        changed(SECRET, &SECRET[1..]),
        changed(SECRET, &SECRET.replacen('M', "N", 99)),
        changed(SECRET, &format!("{SECRET}=")),
        changed(SECRET, &SECRET.replacen('A', "\\u0041", 1)),
        changed("\"id\": 1", "\"id\": 0"),
        changed("\"id\": 1", "\"id\": 2"),
        changed("\"id\": 1", "\"id\": 256"),
        changed("\"last_id\": 1", "\"last_id\": 0"),
        changed("\"id\": 1", "\"id\": 1, \"note\": 1"),
        changed("\"signs_from\": ", "\"signs_from\": -"),
        long,
    ];
    for text in damaged {
        fs::write(&path, &text).expect("written");
        refused(&dir, "damaged");
    }
    fs::write(&path, b"\xff\xfe").expect("written");
    refused(&dir, "damaged");
    fs::write(&path, changed("\"version\": 1", "\"version\": 2, \"new\": 5")).expect("written");
    refused(&dir, "newer Doorward");
    fs::write(&path, good).expect("written");
    load(&dir);
}

//= req: STORE-7, type=test
#[test]
fn a_key_file_that_others_can_read_is_refused() {
    for open_to in [0o640, 0o604, 0o620, 0o644, 0o601] {
        let dir = with_keys();
        let path = dir.path().join("keys.json");
        fs::set_permissions(path, fs::Permissions::from_mode(open_to)).expect("changed");
        let said = format!("(mode {open_to:04o}): if nobody else can have read it, run `chmod 600");
        refused(&dir, &said);
    }
}

//= req: STORE-7, type=test
#[test]
fn a_folder_that_others_can_write_to_is_refused() {
    for open_to in [0o770, 0o707, 0o777, 0o1777] {
        let dir = with_keys();
        fs::set_permissions(dir.path(), fs::Permissions::from_mode(open_to)).expect("changed");
        refused(&dir, &format!("(mode {open_to:04o}): run `chmod 700"));
    }
}

//= req: STORE-7, type=test
#[test]
fn a_link_to_a_key_file_is_refused() {
    let (dir, elsewhere) = (folder(), with_keys());
    symlink(elsewhere.path().join("keys.json"), dir.path().join("keys.json")).expect("a link");
    refused(&dir, "symbolic link");
    assert_eq!(spelled(&load(&elsewhere)), spelled(&keys()));
}

//= req: STORE-7, type=test
#[test]
fn what_is_no_file_is_refused_without_waiting_for_it() {
    let dir = folder();
    let pipe = dir.path().join("keys.json");
    let made = std::process::Command::new("mkfifo").args(["-m", "600"]).arg(&pipe).status();
    assert!(made.expect("mkfifo").success());
    let error = keyfile::load(dir.path()).expect_err("refused");
    assert!(error.to_string().contains("no regular file"), "{error}");
}

//= req: STORE-7, type=test
#[test]
fn a_key_file_of_another_user_is_refused() {
    if !is_root() {
        return;
    }
    let dir = with_keys();
    let path = dir.path().join("keys.json");
    chown(&path, Some(12345), None).expect("given away");
    refused(&dir, "belongs to user 12345");
    chown(&path, Some(0), None).expect("taken back");
    chown(dir.path(), Some(12345), None).expect("given away");
    refused(&dir, "belongs to user 12345");
}

//= req: STORE-9, type=test
#[test]
fn rotations_at_once_build_on_each_other() {
    let dir = with_keys();
    let path = dir.path();
    thread::scope(|scope| {
        let rotate = |number| {
            move || keyfile::rotate(path, [number; 32], Older::Verify, at(1)).expect("rotated")
        };
        let rotations = (10..18).map(|number| scope.spawn(rotate(number))).collect::<Vec<_>>();
        let ids = rotations.into_iter().map(|one| one.join().expect("no panic").last_id());
        assert_eq!(ids.collect::<BTreeSet<_>>(), (2..10).collect());
    });
    let keys = load(&dir);
    let secrets = keys.masters().iter().map(|master| *master.secret.expose());
    assert_eq!(secrets.collect::<BTreeSet<_>>().len(), 9, "none is lost");
    assert_eq!(mode(&path.join("keys.json")), 0o600);
}

//= req: STORE-9, type=test
#[test]
fn keys_that_were_changed_meanwhile_are_not_replaced() {
    let dir = with_keys();
    let (mut one, mut two) = (load(&dir), load(&dir));
    one.rotate([4; 32], at(1)).expect("rotated");
    two.rotate([5; 32], at(1)).expect("rotated");
    keyfile::replace(dir.path(), &one).expect("replaced");
    let error = keyfile::replace(dir.path(), &two).expect_err("its id 2 is another");
    assert!(matches!(error, KeyFileError::Changed(_)), "{error}");
    keyfile::replace(dir.path(), &keys()).expect_err("an id would come back");
    assert_eq!(spelled(&load(&dir)), spelled(&one));
}

#[test]
fn rotation_drops_what_no_token_needs() {
    let dir = with_keys();
    keyfile::rotate(dir.path(), [4; 32], Older::Verify, at(0)).expect("rotated");
    let later = at(0).plus(Duration::from_secs(91 * 24 * 3600));
    let keys = keyfile::rotate(dir.path(), [5; 32], Older::Verify, later).expect("rotated");
    assert_eq!(keys.masters().iter().map(|one| one.id).collect::<Vec<_>>(), [2, 3]);
    assert_eq!(spelled(&load(&dir)), spelled(&keys));
}

#[test]
fn what_a_crash_left_beside_the_keys_is_cleared_away() {
    let dir = with_keys();
    let next = dir.path().join("keys.json.next");
    fs::write(&next, "half").expect("written");
    keyfile::rotate(dir.path(), [4; 32], Older::Verify, at(0)).expect("rotated");
    assert!(!next.exists());
    symlink("/dev/null", &next).expect("a link");
    keyfile::rotate(dir.path(), [5; 32], Older::Verify, at(0)).expect("rotated");
    assert_eq!(load(&dir).last_id(), 3);
}

#[test]
fn a_first_start_makes_keys_and_store_and_the_second_finds_them() {
    let dir = folder();
    let state = dir.path().join("state");
    let first = spelled(&open(&state).expect("opened").keys);
    assert_eq!(mode(&state), 0o700);
    for (name, ..) in contents(&state) {
        assert_eq!(mode(&state.join(name)), 0o600);
    }
    assert!(!state.join("setting-up").exists());
    assert_eq!(spelled(&open(&state).expect("opened").keys), first);
}

#[test]
fn first_starts_at_once_make_one_installation() {
    let dir = folder();
    let state = &dir.path().join("state");
    thread::scope(|scope| {
        let starts = (0..8).map(|_| scope.spawn(move || open(state).expect("opened")));
        let starts = starts.collect::<Vec<_>>();
        let issuers = starts.into_iter().map(|one| one.join().expect("no panic").keys.issuer());
        assert_eq!(issuers.collect::<BTreeSet<_>>().len(), 1);
    });
}

//= req: STORE-8, type=test
#[test]
fn keys_without_their_store_are_refused() {
    let dir = folder();
    drop(open(dir.path()).expect("opened"));
    let store = dir.path().join("doorward.db");
    fs::rename(&store, dir.path().join("away")).expect("moved");
    let before = contents(dir.path());
    let error = open(dir.path()).expect_err("refused");
    assert!(matches!(error, StateError::StoreMissing { .. }), "{error}");
    assert!(error.to_string().contains("delete the keys to start anew"), "{error}");
    fs::File::create(&store).expect("an empty file");
    fs::set_permissions(&store, fs::Permissions::from_mode(0o600)).expect("changed");
    let error = open(dir.path()).expect_err("refused");
    assert!(error.to_string().contains("lost its content"), "{error}");
    fs::remove_file(&store).expect("removed");
    assert_eq!(contents(dir.path()), before);
    fs::rename(dir.path().join("away"), &store).expect("moved back");
    drop(open(dir.path()).expect("opened"));
}

//= req: STORE-8, type=test
#[test]
fn a_store_without_its_keys_is_refused() {
    let dir = folder();
    drop(open(dir.path()).expect("opened"));
    fs::remove_file(dir.path().join("keys.json")).expect("removed");
    let before = contents(dir.path());
    let error = open(dir.path()).expect_err("refused");
    assert!(matches!(error, StateError::KeysMissing { .. }), "{error}");
    assert_eq!(contents(dir.path()), before);
}

//= req: STORE-8, type=test
#[test]
fn keys_and_store_of_different_installations_are_refused() {
    let (one, two) = (folder(), folder());
    for dir in [&one, &two] {
        drop(open(dir.path()).expect("opened"));
    }
    fs::copy(two.path().join("keys.json"), one.path().join("keys.json")).expect("mixed up");
    let before = contents(one.path());
    let error = open(one.path()).expect_err("refused");
    assert!(error.to_string().contains("different installations"), "{error}");
    assert_eq!(contents(one.path()), before);
}

/// Whatever a first start had got to when it was killed, the next one takes it up.
#[test]
fn a_first_start_that_was_cut_short_is_taken_up_again() {
    let begun: [&dyn Fn(&Path); 5] = [
        &|_| {},
        &|dir| fs::write(dir.join("keys.json.next"), "half").expect("written"),
        &|dir| keyfile::create(dir, &keys()).expect("created"),
        &|dir| {
            keyfile::create(dir, &keys()).expect("created");
            private(&dir.join("doorward.db"));
        },
        &|dir| {
            keyfile::create(dir, &keys()).expect("created");
            let (path, issuer) = (dir.join("doorward.db"), Issuer::new([1; 16]));
            drop(SqliteStore::open(&path, issuer, SqliteSettings::default()).expect("made"));
        },
    ];
    for (stage, begin) in begun.iter().enumerate() {
        let dir = folder();
        private(&dir.path().join("setting-up"));
        begin(dir.path());
        let state = open(dir.path()).expect("taken up");
        assert_eq!(state.keys.issuer() == Issuer::new([1; 16]), stage >= 2);
        assert!(!dir.path().join("setting-up").exists());
        drop(state);
        drop(open(dir.path()).expect("opened"));
    }
}

fn private(path: &Path) {
    fs::write(path, "").expect("written");
    fs::set_permissions(path, fs::Permissions::from_mode(0o600)).expect("changed");
}

#[derive(Debug)]
struct Broken;

impl Entropy for Broken {
    fn fill(&self, _bytes: &mut [u8]) -> Result<(), EntropyError> {
        Err(EntropyError)
    }
}

//= req: ENTROPY-2, type=test
/// I19.
#[test]
fn without_entropy_no_keys_are_made() {
    let dir = folder();
    let error = open_state(dir.path(), at(0), &Broken).expect_err("refused");
    assert!(matches!(error, StateError::Entropy(_)), "{error}");
    assert!(!dir.path().join("keys.json").exists());
    assert_ne!(open(dir.path()).expect("the next one works").keys.issuer(), ISSUER);
}
