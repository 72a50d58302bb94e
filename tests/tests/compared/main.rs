//! How secrets are compared: by what takes the same time whatever they hold, and nowhere else.
//!
//! No attack shows this over a network, and no test here measures time: `tests/formal/constant-time`
//! looks at what the compiler makes of the policy. Here the source of everything is looked at. A type
//! that holds a secret can't be compared, and no secret that lies open, or tag, is part of a comparison.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    missing_docs,
    reason = "a test that can't go on must stop"
)]

mod comparisons;
mod holders;

use std::fs;
use std::path::{Path, PathBuf};

use comparisons::Comparisons;
use holders::Holders;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// A source that is shipped.
struct Source {
    of: String,
    path: PathBuf,
    file: syn::File,
}

fn sources() -> Vec<Source> {
    let transports = fs::read_dir(root().join("transports")).unwrap();
    let mut crates: Vec<PathBuf> = transports.map(|one| one.unwrap().path()).collect();
    crates.push(root().join("policy"));
    let mut sources = Vec::new();
    for folder in crates {
        let of = folder.file_name().unwrap().to_str().unwrap();
        for path in files(&folder.join("src")) {
            let file = parse(&fs::read_to_string(&path).unwrap());
            sources.push(Source { of: of.into(), path, file });
        }
    }
    sources
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().map(|one| one.unwrap().path());
    let (folders, mut found): (Vec<_>, Vec<_>) = entries.partition(|path| path.is_dir());
    found.retain(|path| path.extension().is_some_and(|ending| ending == "rs"));
    found.extend(folders.iter().flat_map(|folder| files(folder)));
    found
}

fn holders(sources: &[Source]) -> Holders {
    Holders::of(sources.iter().map(|one| (one.of.as_str(), &one.file)))
}

fn parse(text: &str) -> syn::File {
    syn::parse_file(text).expect("it compiles")
}

/// The comparisons of something secret in a source of its own.
fn compared(text: &str) -> Vec<String> {
    let file = parse(text);
    Comparisons::of("policy", &file, &Holders::of([("policy", &file)])).found
}

/// The holders that can be compared in a source of its own.
fn comparable(file: &syn::File) -> Vec<String> {
    Holders::of([("policy", file)]).comparable("policy", file)
}

//= req: SECRET-2, type=test
#[test]
fn no_secret_that_lies_open_is_compared() {
    let sources = sources();
    let holders = holders(&sources);
    let mut opened = 0;
    for Source { of, path, file } in &sources {
        let looked = Comparisons::of(of, file, &holders);
        assert!(looked.found.is_empty(), "{}: {:?}", path.display(), looked.found);
        opened += looked.opened;
    }
    assert!(opened > 20, "the sources are looked at");
}

/// A type that holds a secret and compares as its bytes do would compare it unseen.
//= req: SECRET-2, type=test
#[test]
fn no_type_that_holds_a_secret_can_be_compared() {
    let sources = sources();
    let holders = holders(&sources);
    for known in ["Secret", "GrantSecret", "LinkFragment", "MasterKeys", "KeyRing", "Nonce"] {
        assert!(holders.holds("policy", known), "{known} holds a secret");
    }
    for Source { of, path, file } in &sources {
        let comparable = holders.comparable(of, file);
        assert!(comparable.is_empty(), "{}: {comparable:?}", path.display());
    }
}

//= req: SECRET-2, type=test
#[test]
fn secrets_and_tags_are_compared_by_what_takes_the_same_time() {
    let read = |path: &str| fs::read_to_string(root().join(path)).unwrap();
    let secret = read("policy/src/secret.rs");
    assert!(
        secret.contains("self.expose().ct_eq(other.expose()).into()"),
        "it takes the same time"
    );
    let token = read("policy/src/token.rs");
    assert!(token.contains("mac.verify(&self.record, &self.tag)"), "a tag is left to the MAC");
    let mac = read("policy/src/mac.rs");
    let gathered = "own.0.iter().zip(words(tag)).fold(0, |all, (own, tag)| all | (own ^ tag));";
    assert!(mac.contains(gathered), "all that differs is gathered first");
    assert!(mac.contains("differing.ct_eq(&0).into()"), "and compared at once");
    let keys = read("policy/src/keys.rs");
    assert!(keys.contains("own.as_slice().ct_eq(tag).into()"), "all of it is compared at once");
}

const HOLDER: &str = "struct Held(Secret<32>); struct Text { inside: Zeroizing<String>, id: u8 }";

#[test]
fn a_comparison_of_a_secret_is_seen() {
    for planted in [
        "self.0.expose() == other.0.expose()",
        "other != *self.0.expose()",
        "self.0.expose().as_slice() < other",
        "self.0.expose().eq(other)",
        "other.cmp(&self.0.expose()[..8])",
        "self.0.expose().starts_with(other)",
        "other.contains(&self.0.expose()[0])",
        "self.0.expose().iter().eq(other)",
        "self.0.expose().iter().zip(other).all(|(one, two)| one == two)",
        "self.0.expose().iter().position(|byte| *byte == 7)",
        "matches!(self.0.expose(), [7, ..])",
        "match self.0.expose() { [7, ..] => true, _ => false }",
        "if let [7, ..] = self.0.expose() { true } else { false }",
        "{ let open = self.0.expose(); open == other }",
        "{ let open = &*self.0.expose(); let part = open.get(..8)?; other == part }",
        "self.tag == other",
        "self.tag[..16].starts_with(other)",
        "{ let tag = mac.chain_update(record).finalize().into_bytes(); tag == other }",
        "hmac::sign(&self.key, random).as_ref() == other",
        "self.key.tag(random) == *other",
        "{ let own: [u8; 8] = self.key.tag(random); own == *other }",
        "{ let own = Wiped(self.key.sign(random)); own.0 == *other }",
        "{ let own = Wiped(key.tag::<8>(random)); own.0.as_slice() == other }",
    ] {
        let text = format!(
            "{HOLDER} impl Held {{ fn same(&self, other: &[u8]) -> bool {{ {planted} }} }}"
        );
        assert_eq!(compared(&text).len(), 1, "{planted}");
    }
}

/// What holds a secret is one by its type alone, in a field or as an argument.
#[test]
fn a_comparison_of_what_is_secret_by_its_type_is_seen() {
    for planted in [
        "struct Secret(Wiped<[u8; 32]>);
         impl Secret { fn same(&self, other: &Self) -> bool { self.0.0 == other.0.0 } }",
        "impl Text { fn same(&self, other: &str) -> bool { self.inside.as_str() == other } }",
        "impl Text { fn same(&self, other: &Self) -> bool { *self.inside == *other.inside } }",
        "fn same(one: &Zeroizing<String>, other: &str) -> bool { one.as_bytes() == other.as_bytes() }",
        "fn same(text: &Text, other: &str) -> bool { &*text.inside == other }",
        "fn same(other: &str) -> bool { let text: Zeroizing<String> = read(); *text == *other }",
        "fn same(other: &str) -> bool { let text = Zeroizing::new(read()); *text == *other }",
    ] {
        assert_eq!(compared(&format!("{HOLDER} {planted}")).len(), 1, "{planted}");
    }
}

#[test]
fn what_says_nothing_of_a_secret_is_let_through() {
    for good in [
        "self.0.ct_eq(&other.0).into()",
        "self.0.same(&other.0)",
        "self.0.expose().len() == other.len()",
        "digester.digest(self.0.expose()) == other",
        "self.key.verify(self.0.expose(), other)",
        "{ let open = self.0.expose(); open.is_empty() == true }",
        "{ let tag = mac.finalize(); tag.ct_eq(other).into() }",
    ] {
        let text =
            format!("{HOLDER} impl Held {{ fn same(&self, other: &Self) -> bool {{ {good} }} }}");
        assert_eq!(compared(&text), [""; 0], "{good}");
    }
    let public = "impl Text { fn is(&self, other: &Self) -> bool { self.id == other.id } }";
    assert_eq!(compared(&format!("{HOLDER} {public}")), [""; 0]);
    let test = "#[cfg(test)] mod tests { fn same() { assert!(a.expose() == b); } }";
    assert_eq!(compared(test), [""; 0]);
}

#[test]
fn a_type_that_holds_a_secret_and_compares_is_seen() {
    for planted in [
        "#[derive(PartialEq)] struct Held(Secret<32>);",
        "#[derive(Clone, Hash)] struct Held { inside: Option<Zeroizing<Vec<u8>>> }",
        "struct Held { mac: Hmac<Sha256> } impl PartialEq for Held { }",
        "impl PartialEq<[u8]> for Inner { } struct Inner(Secret<8>);",
        "#[derive(PartialOrd)] enum Held { One(Inner), Two } struct Inner { secret: Secret<8> }",
        "#[derive(Eq)] struct UntrustedToken { tag: [u8; 32] }",
    ] {
        let file = parse(planted);
        assert_eq!(comparable(&file).len(), 1, "{planted}");
    }
    let good =
        "#[derive(Debug)] struct Held(Secret<32>); #[derive(PartialEq)] struct Other { id: u8 }";
    let file = parse(good);
    assert_eq!(comparable(&file), [""; 0]);
}
