//! Documents: the workspaces in the database, and the key file.

use std::path::Path;

use doorward_gate::keyfile;
use doorward_gate::store::sqlite::document;
use serde_json::Value;

pub(super) fn workspaces(bytes: &[u8]) {
    let Ok(text) = str::from_utf8(bytes) else { return };
    let Ok(directory) = document::decode(text) else { return };
    let written = document::encode(&directory);
    assert_eq!(document::decode(&written).as_ref(), Ok(&directory));
    let (mut read, again) = (json(text), json(&written));
    check_workspaces(&read);
    // `/a` and `/a/` are one claim, which is written without the slash.
    for claim in workspaces_of(&mut read).flat_map(|one| one["claims"].as_array_mut()).flatten() {
        let text = claim.as_str().expect("a text");
        let shorter = text.strip_suffix('/').filter(|_| text.starts_with('/'));
        if let Some(shorter) = shorter {
            *claim = Value::from(shorter);
        }
    }
    assert_eq!(read, again, "what was read isn't what is written");
}

fn workspaces_of(document: &mut Value) -> impl Iterator<Item = &mut Value> {
    document.as_array_mut().expect("a list").iter_mut()
}

/// What every change keeps to.
fn check_workspaces(document: &Value) {
    let workspaces = document.as_array().expect("a list");
    let name = |one: &Value, key: &str| one[key].as_str().expect("a name").to_owned();
    let ascend =
        |list: &[Value], key: &str| list.is_sorted_by(|one, next| name(one, key) < name(next, key));
    assert!(ascend(workspaces, "name") && workspaces.len() <= 256);
    let main = workspaces.iter().find(|one| one["name"] == "main");
    assert_eq!(main.is_some(), !workspaces.is_empty(), "main is there once anything is");
    let mut homes = Vec::new();
    for workspace in workspaces {
        let is_main = workspace["name"] == "main";
        let claims = workspace["claims"].as_array().expect("a list");
        assert_eq!(workspace["placement"] == 0, is_main, "what is placed, and when");
        assert!(!is_main || claims.is_empty() && workspace["web"].is_null());
        assert!(claims.len() <= 16);
        let members = workspace["members"].as_array().expect("a list");
        assert!(ascend(members, "subject"));
        for member in members {
            let held = member["capabilities"].as_u64().expect("a number");
            assert!((1..16).contains(&held), "a right that there is not");
            homes.extend((member["home"] == true).then(|| name(member, "subject")));
        }
    }
    let all = homes.len();
    homes.sort_unstable();
    homes.dedup();
    assert_eq!(homes.len(), all, "two homes of one subject");
}

pub(super) fn keys(bytes: &[u8]) {
    let path = Path::new("keys.json");
    let keys = match keyfile::decode(path, bytes) {
        Ok(keys) => keys,
        Err(error) => return check_silence(bytes, &error.to_string()),
    };
    let ids: Vec<u8> = keys.masters().iter().map(|master| master.id).collect();
    assert!(ids.is_sorted_by(|one, next| one < next), "{ids:?}");
    assert!(ids.first().is_some_and(|first| *first > 0), "a key that there is not");
    assert!(ids.last().is_some_and(|last| *last <= keys.last_id()), "an id to be given again");
    let written = keyfile::encode(&keys);
    let text = str::from_utf8(bytes).expect("it was read");
    assert_eq!(json(text), json(str::from_utf8(&written).expect("text")));
    let again = keyfile::decode(path, &written).expect("what is written is read");
    assert_eq!(*keyfile::encode(&again), *written);
}

/// No run of characters long enough to be of a secret is said again.
fn check_silence(bytes: &[u8], complaint: &str) {
    let secret = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    for run in bytes.split(|byte| !secret(byte)).filter(|run| run.len() >= 20) {
        let run = str::from_utf8(run).expect("ASCII");
        assert!(!complaint.contains(run), "{complaint}");
    }
}

fn json(text: &str) -> Value {
    text.parse().expect("it was read")
}
