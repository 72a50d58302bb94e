//! Which types hold a secret: those that have one in a field, or a type that does.

use std::collections::{BTreeMap, BTreeSet};

use syn::punctuated::Punctuated;
use syn::visit::{self, Visit};
use syn::{Attribute, Field, GenericArgument, Item, ItemImpl, Path, PathArguments, Token, Type};

/// Secrets from the outset: bytes that nobody else may know, whatever is in them.
const ROOTS: [&str; 6] = ["Secret", "Wiped", "Zeroizing", "Hmac", "UntrustedToken", "Nonce"];
/// What compares two values, or makes something of one that others can be compared with.
const COMPARING: [&str; 5] = ["PartialEq", "Eq", "PartialOrd", "Ord", "Hash"];

/// A crate and the name of a type of its own.
type Key = (String, String);

/// A field: its name or number, what it is, and all names in its type.
struct Part {
    name: String,
    outer: String,
    within: BTreeSet<String>,
}

pub(crate) struct Holders {
    types: Types,
    secret: BTreeSet<Key>,
}

impl Holders {
    /// Of these sources, each with the name of its crate.
    pub(crate) fn of<'f>(files: impl IntoIterator<Item = (&'f str, &'f syn::File)>) -> Self {
        let mut types = Types::default();
        for (of, file) in files {
            of.clone_into(&mut types.of);
            types.visit_file(file);
        }
        let mut holders = Self { types, secret: BTreeSet::new() };
        loop {
            let new = holders.types.parts.iter().filter(|one| holders.is_new(one));
            let new: Vec<Key> = new.map(|(key, _)| key.clone()).collect();
            if new.is_empty() {
                return holders;
            }
            holders.secret.extend(new);
        }
    }

    fn is_new(&self, (key, parts): &(&Key, &Vec<Part>)) -> bool {
        let holds = |part: &Part| part.within.iter().any(|name| self.holds(&key.0, name));
        !self.secret.contains(*key) && parts.iter().any(holds)
    }

    /// Whether what a crate knows by this name holds a secret: its own type, if it has one of the name.
    pub(crate) fn holds(&self, of: &str, name: &str) -> bool {
        let own = (of.to_owned(), name.to_owned());
        if ROOTS.contains(&name) || self.types.parts.contains_key(&own) {
            return ROOTS.contains(&name) || self.secret.contains(&own);
        }
        self.secret.iter().any(|(_, one)| one == name)
    }

    /// Whether a type has a holder in it.
    fn is_secret(&self, of: &str, type_: &Type) -> bool {
        names(type_).iter().any(|name| self.holds(of, name))
    }

    /// Whether a field of a type is secret: bytes and texts of a holder are, its ids and times aren't.
    pub(crate) fn is_secret_field(&self, of: &str, type_: &str, field: &str) -> bool {
        let outer = self.field(of, type_, field).filter(|_| self.holds(of, type_));
        outer.is_some_and(|outer| is_open(outer) || ["u8[]", "String", "Digest"].contains(&outer))
    }

    /// What a field of a type is.
    pub(crate) fn field(&self, of: &str, type_: &str, field: &str) -> Option<&str> {
        let own = self.types.parts.get(&(of.to_owned(), type_.to_owned()));
        let all = || self.types.parts.iter().find(|((_, name), _)| name == type_);
        let parts = own.or_else(|| all().map(|(_, parts)| parts))?;
        parts.iter().find(|part| part.name == field).map(|part| part.outer.as_str())
    }

    /// The holders that a file makes comparable, by a derive or by hand.
    pub(crate) fn comparable(&self, of: &str, file: &syn::File) -> Vec<String> {
        let mut found = Comparable { holders: self, of, found: Vec::new() };
        found.visit_file(file);
        found.found
    }
}

/// Whether what has this name is a secret itself, and not one among other things.
pub(crate) fn is_open(outer: &str) -> bool {
    ["Secret", "Wiped", "Zeroizing"].contains(&outer)
}

fn is_byte(type_: &Type) -> bool {
    matches!(type_, Type::Path(path) if path.path.is_ident("u8"))
}

/// The type that something is, without references and `Option`; `u8[]` for bytes of any number.
pub(crate) fn outer(type_: &Type) -> String {
    let (name, inner) = match type_ {
        Type::Reference(one) => return outer(&one.elem),
        Type::Array(one) if is_byte(&one.elem) => return "u8[]".into(),
        Type::Slice(one) if is_byte(&one.elem) => return "u8[]".into(),
        Type::Path(path) => {
            let Some(last) = path.path.segments.last() else { return String::new() };
            let inner = match &last.arguments {
                PathArguments::AngleBracketed(many) => many.args.first(),
                _ => None,
            };
            (last.ident.to_string(), inner)
        }
        _ => return String::new(),
    };
    match (name.as_str(), inner) {
        ("Option", Some(GenericArgument::Type(inner))) => outer(inner),
        ("Vec", Some(GenericArgument::Type(inner))) if is_byte(inner) => "u8[]".into(),
        _ => name,
    }
}

/// The names in a type.
fn names(type_: &Type) -> BTreeSet<String> {
    struct Names(BTreeSet<String>);
    impl<'t> Visit<'t> for Names {
        fn visit_path(&mut self, path: &'t Path) {
            self.0.extend(path.segments.last().map(|last| last.ident.to_string()));
            visit::visit_path(self, path);
        }
    }
    let mut names = Names(BTreeSet::new());
    names.visit_type(type_);
    names.0
}

/// Whether it is a module that is there for tests alone.
pub(crate) fn is_test_module(item: &Item) -> bool {
    let Item::Mod(module) = item else { return false };
    module.attrs.iter().any(|one| {
        one.path().is_ident("cfg")
            && one.parse_args::<Path>().is_ok_and(|path| path.is_ident("test"))
    })
}

#[derive(Default)]
struct Types {
    /// The crate that is looked at.
    of: String,
    parts: BTreeMap<Key, Vec<Part>>,
}

impl Types {
    fn keep<'f>(&mut self, name: &syn::Ident, fields: impl Iterator<Item = (usize, &'f Field)>) {
        let part = |(at, field): (usize, &Field)| {
            let name = field.ident.as_ref().map_or(at.to_string(), ToString::to_string);
            Part { name, outer: outer(&field.ty), within: names(&field.ty) }
        };
        self.parts.entry((self.of.clone(), name.to_string())).or_default().extend(fields.map(part));
    }
}

/// The fields of a struct, or of all variants of an enum, with their numbers.
struct Fields<'f> {
    of: &'f syn::Ident,
    attributes: &'f [Attribute],
    all: Vec<(usize, &'f Field)>,
}

impl<'f> Fields<'f> {
    fn of(item: &'f Item) -> Option<Self> {
        let (of, attributes, all) = match item {
            Item::Struct(one) => (&one.ident, &one.attrs, one.fields.iter().enumerate().collect()),
            Item::Enum(one) => {
                let all = one.variants.iter().flat_map(|one| one.fields.iter().enumerate());
                (&one.ident, &one.attrs, all.collect())
            }
            _ => return None,
        };
        Some(Self { of, attributes, all })
    }
}

impl<'f> Visit<'f> for Types {
    fn visit_item(&mut self, item: &'f Item) {
        if let Some(fields) = Fields::of(item) {
            self.keep(fields.of, fields.all.into_iter());
        }
        if !is_test_module(item) {
            visit::visit_item(self, item);
        }
    }
}

struct Comparable<'h> {
    holders: &'h Holders,
    of: &'h str,
    found: Vec<String>,
}

impl Comparable<'_> {
    fn look_at(&mut self, name: &syn::Ident, attributes: &[Attribute]) {
        let derives = attributes.iter().filter(|one| one.path().is_ident("derive"));
        let all = derives.filter_map(|one| {
            one.parse_args_with(Punctuated::<Path, Token![,]>::parse_terminated).ok()
        });
        for path in all.flatten() {
            if COMPARING.iter().any(|one| path.is_ident(one)) {
                self.found.push(format!("{name} derives {}", path.segments[0].ident));
            }
        }
    }
}

impl<'f> Visit<'f> for Comparable<'_> {
    fn visit_item(&mut self, item: &'f Item) {
        if let Some(Fields { of, attributes, all }) = Fields::of(item) {
            // By its own fields: two modules may have a type of one name.
            let holds = all.iter().any(|(_, field)| self.holders.is_secret(self.of, &field.ty));
            if holds || ROOTS.iter().any(|root| of == root) {
                self.look_at(of, attributes);
            }
        }
        if !is_test_module(item) {
            visit::visit_item(self, item);
        }
    }

    fn visit_item_impl(&mut self, item: &'f ItemImpl) {
        let of = item.trait_.as_ref().and_then(|(_, path, _)| path.segments.last());
        let comparing = of.is_some_and(|of| COMPARING.iter().any(|one| of.ident == one));
        if comparing && self.holders.is_secret(self.of, &item.self_ty) {
            self.found.push(format!("{} is made comparable", outer(&item.self_ty)));
        }
        visit::visit_item_impl(self, item);
    }
}
