//! The comparisons in a source that have something secret for an operand.
//!
//! What is secret: what lays a secret open, what makes a tag, a field or an argument whose type holds
//! a secret, a part of any of these, and a name that is bound to one. It stops being one where a function
//! makes something else of it, such as its length, its digest, or whether it is the same as another.

use std::collections::BTreeMap;

use syn::visit::{self, Visit};
use syn::{
    Arm, BinOp, Block, Expr, ExprBinary, ExprLet, ExprMacro, ExprMatch, ExprMethodCall, FnArg,
    ImplItemFn, Item, ItemFn, ItemImpl, Local, Member, Pat, Signature, Token, Type,
};

use crate::holders::{Holders, is_open, is_test_module, outer};

/// Methods that lay a secret open, or make a tag.
const OPENING: [&str; 4] = ["expose", "finalize", "finalize_fixed", "tag"];
/// Functions that do.
const MAKING: [&str; 1] = ["sign"];
/// Methods whose result is the secret again, or a part of it.
const PASSING: [&str; 28] = [
    "as_bytes",
    "as_mut",
    "as_ref",
    "as_slice",
    "as_str",
    "borrow",
    "bytes",
    "chars",
    "chunks",
    "clone",
    "cloned",
    "copied",
    "deref",
    "first",
    "first_chunk",
    "get",
    "into_bytes",
    "into_iter",
    "iter",
    "last",
    "ok_or",
    "split_at",
    "to_owned",
    "to_string",
    "to_vec",
    "unwrap_or_default",
    "windows",
    "zip",
];
/// Methods that look at one byte after the other, and stop where they know.
const COMPARING: [&str; 18] = [
    "all",
    "any",
    "binary_search",
    "cmp",
    "contains",
    "ends_with",
    "eq",
    "eq_ignore_ascii_case",
    "find",
    "ge",
    "gt",
    "le",
    "lt",
    "ne",
    "partial_cmp",
    "position",
    "starts_with",
    "strip_prefix",
];

pub(crate) struct Comparisons<'h> {
    holders: &'h Holders,
    /// The crate that is looked at.
    of: &'h str,
    /// What `self` is.
    own: Option<String>,
    /// Names in scope: secret, or of a type.
    known: BTreeMap<String, Known>,
    pub(crate) found: Vec<String>,
    /// How often something was laid open at all.
    pub(crate) opened: usize,
}

#[derive(Clone)]
enum Known {
    Secret,
    Of(String),
    Plain,
}

impl<'h> Comparisons<'h> {
    pub(crate) fn of(of: &'h str, file: &syn::File, holders: &'h Holders) -> Self {
        let known = BTreeMap::new();
        let mut looked = Self { holders, of, own: None, known, found: Vec::new(), opened: 0 };
        looked.visit_file(file);
        looked
    }

    fn is_secret(&self, expr: &Expr) -> bool {
        match expr {
            Expr::Reference(one) => self.is_secret(&one.expr),
            Expr::Unary(one) => self.is_secret(&one.expr),
            Expr::Paren(one) => self.is_secret(&one.expr),
            Expr::Try(one) => self.is_secret(&one.expr),
            Expr::Index(one) => self.is_secret(&one.expr),
            Expr::Field(one) => self.is_secret_field(&one.base, &one.member),
            Expr::MethodCall(one) => self.is_secret_method(one),
            Expr::Call(one) => self.is_secret_call(&one.func),
            Expr::Path(one) => {
                let name = one.path.get_ident().map(ToString::to_string);
                matches!(name.and_then(|name| self.known.get(&name)), Some(Known::Secret))
            }
            _ => false,
        }
    }

    fn is_secret_field(&self, base: &Expr, member: &Member) -> bool {
        let field = field_name(member);
        let of = self.type_of(base);
        field == "tag"
            || self.is_secret(base)
            || of.is_some_and(|type_| self.holders.is_secret_field(self.of, &type_, &field))
    }

    fn is_secret_method(&self, call: &ExprMethodCall) -> bool {
        let is = |names: &[&str]| names.iter().any(|name| call.method == name);
        is(&OPENING) || is(&PASSING) && self.is_secret(&call.receiver)
    }

    fn is_secret_call(&self, function: &Expr) -> bool {
        let Expr::Path(path) = function else { return false };
        let mut last = path.path.segments.iter().rev().map(|one| one.ident.to_string());
        let (name, of) = (last.next().unwrap_or_default(), last.next().unwrap_or_default());
        let wiped = name == "Wiped" || of == "Zeroizing" && name == "new";
        wiped || MAKING.contains(&name.as_str())
    }

    /// The type of a name, as far as it is written down.
    fn type_of(&self, expr: &Expr) -> Option<String> {
        match expr {
            Expr::Reference(one) => self.type_of(&one.expr),
            Expr::Unary(one) => self.type_of(&one.expr),
            Expr::Paren(one) => self.type_of(&one.expr),
            Expr::Field(one) => {
                let of = self.type_of(&one.base)?;
                self.holders.field(self.of, &of, &field_name(&one.member)).map(str::to_owned)
            }
            Expr::Path(one) if one.path.is_ident("self") => self.own.clone(),
            Expr::Path(one) => match self.known.get(&one.path.get_ident()?.to_string())? {
                Known::Of(of) => Some(of.clone()),
                Known::Secret | Known::Plain => None,
            },
            _ => None,
        }
    }

    fn know(&mut self, pat: &Pat, known: &Known) {
        match pat {
            Pat::Ident(one) => {
                self.known.insert(one.ident.to_string(), known.clone());
            }
            // A secret is one whatever type it is given.
            Pat::Type(one) if matches!(known, Known::Secret) => self.know(&one.pat, known),
            Pat::Type(one) => self.know(&one.pat, &self.by_type(&one.ty)),
            Pat::Reference(one) => self.know(&one.pat, known),
            Pat::TupleStruct(one) => one.elems.iter().for_each(|elem| self.know(elem, known)),
            Pat::Tuple(one) => one.elems.iter().for_each(|elem| self.know(elem, &Known::Plain)),
            _ => {}
        }
    }

    fn by_type(&self, type_: &Type) -> Known {
        match outer(type_).as_str() {
            "Self" => self.own.clone().map_or(Known::Plain, Known::Of),
            open if is_open(open) => Known::Secret,
            name => Known::Of(name.into()),
        }
    }

    fn by_value(&self, value: &Expr) -> Known {
        if self.is_secret(value) {
            return Known::Secret;
        }
        self.type_of(value).map_or(Known::Plain, Known::Of)
    }

    /// A function of its own: what is known outside is not known in it.
    fn within(&mut self, signature: &Signature, block: &Block) {
        let outside = std::mem::take(&mut self.known);
        for argument in &signature.inputs {
            if let FnArg::Typed(typed) = argument {
                let known = self.by_type(&typed.ty);
                if let Pat::Ident(name) = &*typed.pat {
                    self.known.insert(name.ident.to_string(), known);
                }
            }
        }
        self.visit_block(block);
        self.known = outside;
    }

    fn note(&mut self, what: &str, secret: bool) {
        if secret {
            self.found.push(format!("{what} of something secret"));
        }
    }

    /// Whether a pattern looks at what it is given, and does not just give it a name.
    fn looks(pat: &Pat) -> bool {
        match pat {
            Pat::Lit(_) | Pat::Range(_) => true,
            Pat::Slice(one) => one.elems.iter().any(Self::looks),
            Pat::Reference(one) => Self::looks(&one.pat),
            Pat::Or(one) => one.cases.iter().any(Self::looks),
            Pat::TupleStruct(one) => one.elems.iter().any(Self::looks),
            _ => false,
        }
    }
}

fn field_name(member: &Member) -> String {
    match member {
        Member::Named(name) => name.to_string(),
        Member::Unnamed(index) => index.index.to_string(),
    }
}

impl<'f> Visit<'f> for Comparisons<'_> {
    fn visit_item(&mut self, item: &'f Item) {
        if !is_test_module(item) {
            visit::visit_item(self, item);
        }
    }

    fn visit_item_impl(&mut self, item: &'f ItemImpl) {
        let own = match &*item.self_ty {
            Type::Path(path) => path.path.segments.last().map(|last| last.ident.to_string()),
            _ => None,
        };
        let outside = std::mem::replace(&mut self.own, own);
        visit::visit_item_impl(self, item);
        self.own = outside;
    }

    fn visit_item_fn(&mut self, item: &'f ItemFn) {
        self.within(&item.sig, &item.block);
    }

    fn visit_impl_item_fn(&mut self, item: &'f ImplItemFn) {
        self.within(&item.sig, &item.block);
    }

    fn visit_local(&mut self, local: &'f Local) {
        visit::visit_local(self, local);
        let value = local.init.as_ref().map(|init| &*init.expr);
        if let Some(value) = value {
            let secret = self.is_secret(value);
            self.note("a pattern", secret && Self::looks(&local.pat));
        }
        let known = value.map_or(Known::Plain, |value| self.by_value(value));
        self.know(&local.pat, &known);
    }

    fn visit_expr_binary(&mut self, binary: &'f ExprBinary) {
        let compares = matches!(
            binary.op,
            BinOp::Eq(_) | BinOp::Ne(_) | BinOp::Lt(_) | BinOp::Le(_) | BinOp::Gt(_) | BinOp::Ge(_)
        );
        let secret = self.is_secret(&binary.left) || self.is_secret(&binary.right);
        self.note("an operator", compares && secret);
        visit::visit_expr_binary(self, binary);
    }

    fn visit_expr_method_call(&mut self, call: &'f ExprMethodCall) {
        self.opened += usize::from(call.method == "expose");
        let compares = COMPARING.iter().any(|name| call.method == name);
        let secret =
            self.is_secret(&call.receiver) || call.args.iter().any(|one| self.is_secret(one));
        self.note(&call.method.to_string(), compares && secret);
        visit::visit_expr_method_call(self, call);
    }

    fn visit_expr_match(&mut self, one: &'f ExprMatch) {
        let looks = one.arms.iter().any(|Arm { pat, .. }| Self::looks(pat));
        let secret = self.is_secret(&one.expr);
        self.note("a match", looks && secret);
        visit::visit_expr_match(self, one);
    }

    fn visit_expr_let(&mut self, one: &'f ExprLet) {
        let secret = self.is_secret(&one.expr);
        self.note("a pattern", secret && Self::looks(&one.pat));
        let known = self.by_value(&one.expr);
        self.know(&one.pat, &known);
        visit::visit_expr_let(self, one);
    }

    /// `matches!` is the one macro that compares and reads as an expression and a pattern.
    fn visit_expr_macro(&mut self, one: &'f ExprMacro) {
        if one.mac.path.is_ident("matches") {
            let first = |input: syn::parse::ParseStream<'_>| {
                let expr: Expr = input.parse()?;
                input.parse::<Token![,]>()?;
                let pat = Pat::parse_multi_with_leading_vert(input)?;
                // A guard, if there is one.
                input.step(|cursor| {
                    let mut rest = *cursor;
                    while let Some((_, next)) = rest.token_tree() {
                        rest = next;
                    }
                    Ok(((), rest))
                })?;
                Ok((expr, pat))
            };
            if let Ok((expr, pat)) = one.mac.parse_body_with(first) {
                let secret = self.is_secret(&expr);
                self.note("matches!", secret && Self::looks(&pat));
            }
        }
    }
}
