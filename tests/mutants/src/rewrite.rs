//! All mutants of a file in one text: each change stands behind a question whether it is on.
//!
//! An operand is written once, however many changes there are to its operator, so that changes nest without
//! the text growing out of hand. Marks (`/*m<7*/ … /*m>*/`) stay in the text: they say whose code it is that
//! does not compile.

use std::collections::BTreeMap;
use std::ops::Range;

use syn::spanned::Spanned;
use syn::visit::{self, Visit};
use syn::{BinOp, Expr};

use crate::Problem;
use crate::list::{At, Genre, Lines, Mutant};

/// A file with its mutants in it.
#[derive(Debug)]
pub struct Rewritten {
    /// The text.
    pub text: String,
    /// The mutants that have no place in it.
    pub unplaced: Vec<u32>,
}

/// Writes `mutants`, which are all of this file, into its `source`.
///
/// # Errors
///
/// When `source` is no Rust.
pub fn rewrite(source: &str, mutants: &[&Mutant]) -> Result<Rewritten, Problem> {
    let lines = Lines::of(source);
    let mut finder = Finder::new(mutants);
    finder.visit_file(&syn::parse_file(source)?);
    let mut sites = finder.sites;
    sites.extend(bodies(&lines, mutants)?);
    // What is around something else comes first, and a body around the one expression in it.
    sites.sort_by_key(|site| (site.at.start, std::cmp::Reverse(site.at.end), site.change.rank()));
    let text = Writer { source, sites: &sites }.write(0..source.len(), 0);
    let placed: Vec<u32> = sites.iter().flat_map(|site| site.change.ids()).collect();
    let unplaced = mutants.iter().map(|one| one.id).filter(|id| !placed.contains(id)).collect();
    Ok(Rewritten { text, unplaced })
}

/// Carries out one mutant, and nothing else.
///
/// # Errors
///
/// When the source has no such place.
pub fn carry_out(source: &str, mutant: &Mutant) -> Result<String, Problem> {
    let range = Lines::of(source).range(mutant.span)?;
    // An operator in the place of another must not run into its neighbours.
    Ok(format!("{} {} {}", &source[..range.start], mutant.replacement, &source[range.end..]))
}

/// A replacement as it compiles where there is no `std`: `cargo mutants` writes what its prelude has.
#[must_use]
pub fn without_std(replacement: &str) -> String {
    replacement
        .replace("::std::", "::core::")
        .replace("vec![", "::alloc::vec![")
        .replace("Vec::", "::alloc::vec::Vec::")
        .replace("Box::", "::alloc::boxed::Box::")
        .replace("String::", "::alloc::string::String::")
}

struct Site {
    at: Range<usize>,
    change: Change,
}

type Choices = Vec<(u32, String)>;

enum Change {
    Body {
        values: Choices,
        returns: String,
    },
    Lazy {
        left: Range<usize>,
        right: Range<usize>,
        and: bool,
        id: u32,
    },
    Binary {
        left: Range<usize>,
        right: Range<usize>,
        operator: String,
        kind: Kind,
        choices: Choices,
    },
    Unary {
        operand: Range<usize>,
        operator: String,
        id: u32,
    },
    Arm {
        pattern: Range<usize>,
        guard: Option<Range<usize>>,
        rest: Range<usize>,
        always: Vec<u32>,
        never: Vec<u32>,
    },
    /// A match of which arms may go: that it then lacks one is said of the whole.
    Match {
        ids: Vec<u32>,
    },
    Fields {
        fields: Vec<(u32, Range<usize>)>,
    },
}

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Comparison,
    Value,
    Assignment,
}

impl Change {
    const fn rank(&self) -> u8 {
        matches!(self, Self::Body { .. }) as u8 ^ 1
    }

    fn ids(&self) -> Vec<u32> {
        let of = |choices: &Choices| choices.iter().map(|(id, _)| *id).collect();
        match self {
            Self::Body { values, .. } => of(values),
            Self::Binary { choices, .. } => of(choices),
            Self::Lazy { id, .. } | Self::Unary { id, .. } => vec![*id],
            Self::Arm { always, never, .. } => [always.as_slice(), never].concat(),
            Self::Match { ids } => ids.clone(),
            Self::Fields { fields } => fields.iter().map(|(id, _)| *id).collect(),
        }
    }
}

fn bodies(lines: &Lines, mutants: &[&Mutant]) -> Result<Vec<Site>, Problem> {
    let mut bodies = BTreeMap::<usize, Site>::new();
    for mutant in mutants.iter().filter(|one| one.genre == Genre::FnValue) {
        let at = lines.range(mutant.span)?;
        let returns = mutant.returns.clone();
        let change = Change::Body { values: Vec::new(), returns };
        let site = bodies.entry(at.start).or_insert(Site { at, change });
        if let Change::Body { values, .. } = &mut site.change {
            values.push((mutant.id, mutant.replacement.clone()));
        }
    }
    Ok(bodies.into_values().collect())
}

/// Finds the expressions that mutants change.
struct Finder<'m> {
    at: BTreeMap<(Genre, At), Vec<&'m Mutant>>,
    sites: Vec<Site>,
}

impl<'m> Finder<'m> {
    fn new(mutants: &[&'m Mutant]) -> Self {
        let mut at = BTreeMap::<_, Vec<_>>::new();
        for mutant in mutants {
            at.entry((mutant.genre, mutant.span.start)).or_default().push(*mutant);
        }
        Self { at, sites: Vec::new() }
    }

    fn here(&self, genre: Genre, span: proc_macro2::Span) -> Vec<&'m Mutant> {
        let start = span.start();
        let at = At { line: start.line, column: start.column + 1 };
        self.at.get(&(genre, at)).cloned().unwrap_or_default()
    }

    fn put(&mut self, at: proc_macro2::Span, change: Change) {
        self.sites.push(Site { at: at.byte_range(), change });
    }
}

impl<'ast> Visit<'ast> for Finder<'_> {
    fn visit_expr_binary(&mut self, binary: &'ast syn::ExprBinary) {
        let mutants = self.here(Genre::BinaryOperator, binary.op.span());
        let (left, right) = (binary.left.span().byte_range(), binary.right.span().byte_range());
        if let Some(first) = mutants.first() {
            let choices = || mutants.iter().map(|one| (one.id, one.replacement.clone())).collect();
            match (&binary.op, mutants.len()) {
                (BinOp::And(_) | BinOp::Or(_), 1)
                    if first.replacement == "&&" || first.replacement == "||" =>
                {
                    // A `let` between them can only stand where it is.
                    if !lets(&binary.left) && !lets(&binary.right) {
                        let and = matches!(binary.op, BinOp::And(_));
                        self.put(binary.span(), Change::Lazy { left, right, and, id: first.id });
                    }
                }
                (BinOp::And(_) | BinOp::Or(_), _) => {}
                (operator, _) => {
                    let kind = kind_of(operator);
                    let operator = spelling(operator);
                    self.put(
                        binary.span(),
                        Change::Binary { left, right, operator, kind, choices: choices() },
                    );
                }
            }
        }
        visit::visit_expr_binary(self, binary);
    }

    fn visit_expr_unary(&mut self, unary: &'ast syn::ExprUnary) {
        if let Some(mutant) = self.here(Genre::UnaryOperator, unary.op.span()).first() {
            let operator = match unary.op {
                syn::UnOp::Not(_) => "!",
                syn::UnOp::Neg(_) => "-",
                _ => "*",
            };
            let operand = unary.expr.span().byte_range();
            let change = Change::Unary { operand, operator: operator.to_owned(), id: mutant.id };
            self.put(unary.span(), change);
        }
        visit::visit_expr_unary(self, unary);
    }

    fn visit_expr_match(&mut self, one: &'ast syn::ExprMatch) {
        let arms = one.arms.iter().flat_map(|arm| self.here(Genre::MatchArm, arm.span()));
        let ids: Vec<u32> = arms.map(|mutant| mutant.id).collect();
        if !ids.is_empty() {
            self.put(one.span(), Change::Match { ids });
        }
        visit::visit_expr_match(self, one);
    }

    fn visit_arm(&mut self, arm: &'ast syn::Arm) {
        let ids = |mutants: Vec<&Mutant>| mutants.iter().map(|one| one.id).collect::<Vec<_>>();
        let mut never = ids(self.here(Genre::MatchArm, arm.span()));
        let guards = arm
            .guard
            .as_ref()
            .map_or_else(Vec::new, |(_, guard)| self.here(Genre::MatchArmGuard, guard.span()));
        let (on, off): (Vec<_>, Vec<_>) =
            guards.into_iter().partition(|one| one.replacement == "true");
        never.extend(ids(off));
        let always = ids(on);
        if !(never.is_empty() && always.is_empty()) {
            let at = arm.span().byte_range();
            let change = Change::Arm {
                pattern: at.start..arm.pat.span().byte_range().end,
                guard: arm.guard.as_ref().map(|(_, guard)| guard.span().byte_range()),
                rest: arm.fat_arrow_token.span().byte_range().start..at.end,
                always,
                never,
            };
            self.put(arm.span(), change);
        }
        visit::visit_arm(self, arm);
    }

    fn visit_expr_struct(&mut self, one: &'ast syn::ExprStruct) {
        let mut fields = Vec::new();
        for pair in one.fields.pairs() {
            let mut range = pair.value().span().byte_range();
            if let Some(comma) = pair.punct() {
                range.end = comma.span().byte_range().end;
            }
            let mutants = self.here(Genre::StructField, pair.value().span());
            fields.extend(mutants.iter().map(|mutant| (mutant.id, range.clone())));
        }
        if !fields.is_empty() {
            self.put(one.span(), Change::Fields { fields });
        }
        visit::visit_expr_struct(self, one);
    }
}

fn lets(expr: &Expr) -> bool {
    match expr {
        Expr::Let(_) => true,
        Expr::Binary(binary) if matches!(binary.op, BinOp::And(_)) => {
            lets(&binary.left) || lets(&binary.right)
        }
        _ => false,
    }
}

const fn kind_of(operator: &BinOp) -> Kind {
    match operator {
        BinOp::Eq(_) | BinOp::Ne(_) | BinOp::Lt(_) | BinOp::Le(_) | BinOp::Gt(_) | BinOp::Ge(_) => {
            Kind::Comparison
        }
        BinOp::Add(_)
        | BinOp::Sub(_)
        | BinOp::Mul(_)
        | BinOp::Div(_)
        | BinOp::Rem(_)
        | BinOp::BitXor(_)
        | BinOp::BitAnd(_)
        | BinOp::BitOr(_)
        | BinOp::Shl(_)
        | BinOp::Shr(_) => Kind::Value,
        _ => Kind::Assignment,
    }
}

fn spelling(operator: &BinOp) -> String {
    let text = match operator {
        BinOp::Add(_) => "+",
        BinOp::Sub(_) => "-",
        BinOp::Mul(_) => "*",
        BinOp::Div(_) => "/",
        BinOp::Rem(_) => "%",
        BinOp::BitXor(_) => "^",
        BinOp::BitAnd(_) => "&",
        BinOp::BitOr(_) => "|",
        BinOp::Shl(_) => "<<",
        BinOp::Shr(_) => ">>",
        BinOp::Eq(_) => "==",
        BinOp::Lt(_) => "<",
        BinOp::Le(_) => "<=",
        BinOp::Ne(_) => "!=",
        BinOp::Ge(_) => ">=",
        BinOp::Gt(_) => ">",
        BinOp::AddAssign(_) => "+=",
        BinOp::SubAssign(_) => "-=",
        BinOp::MulAssign(_) => "*=",
        BinOp::DivAssign(_) => "/=",
        BinOp::RemAssign(_) => "%=",
        BinOp::BitXorAssign(_) => "^=",
        BinOp::BitAndAssign(_) => "&=",
        BinOp::BitOrAssign(_) => "|=",
        BinOp::ShlAssign(_) => "<<=",
        BinOp::ShrAssign(_) => ">>=",
        _ => "",
    };
    text.to_owned()
}

struct Writer<'s> {
    source: &'s str,
    sites: &'s [Site],
}

impl Writer<'_> {
    /// The text of `range`, in which the sites from `first` on are written out.
    fn write(&self, range: Range<usize>, first: usize) -> String {
        let mut text = String::new();
        let mut done = range.start;
        for (index, site) in self.sites.iter().enumerate().skip(first) {
            if site.at.start >= range.end {
                break;
            }
            // Before this range, or inside of a site that was written out already.
            if site.at.start < done || site.at.end > range.end {
                continue;
            }
            text.push_str(&self.source[done..site.at.start]);
            text.push_str(&self.site(site, index + 1));
            done = site.at.end;
        }
        text.push_str(&self.source[done..range.end]);
        text
    }

    fn site(&self, site: &Site, next: usize) -> String {
        let ids: Vec<String> = site.change.ids().iter().map(u32::to_string).collect();
        let open = format!("/*m[{}*/", ids.join(","));
        let part = |range: &Range<usize>| self.write(range.clone(), next);
        match &site.change {
            Change::Body { values, returns } => body(&open, values, returns, &part(&site.at)),
            Change::Lazy { left, right, and, id } => {
                let same = if *and { "!=" } else { "==" };
                format!(
                    "{open}({{ let m_left: bool = ({}); if m_left {same} {} {{ {} }} else {{ m_left }} }})/*m]*/",
                    part(left),
                    on(*id),
                    part(right)
                )
            }
            Change::Binary { left, right, operator, kind, choices } => {
                let (left, right) = (part(left), part(right));
                format!("{open}{}/*m]*/", binary(*kind, &left, &right, operator, choices))
            }
            Change::Unary { operand, operator, id } => format!(
                "{open}(match {} {{ m_value => if {} {{ {} }} else {{ {operator}m_value }} }})/*m]*/",
                part(operand),
                on(*id),
                marked(*id, "m_value")
            ),
            Change::Arm { pattern, guard, rest, always, never } => {
                let mut condition = guard.as_ref().map_or_else(|| "true".to_owned(), part);
                for id in always {
                    condition = format!("{} || ({condition})", on(*id));
                }
                for id in never {
                    condition = format!("!{} && ({condition})", on(*id));
                }
                format!("{} if {open}{condition}/*m]*/ {}", part(pattern), part(rest))
            }
            Change::Match { .. } => format!("{open}{}/*m]*/", part(&site.at)),
            Change::Fields { fields } => {
                let ifs: String = fields
                    .iter()
                    .map(|(id, field)| {
                        let without =
                            part(&(site.at.start..field.start)) + &part(&(field.end..site.at.end));
                        format!("if {} {{ {} }} else ", on(*id), marked(*id, &without))
                    })
                    .collect();
                format!("{open}({{ {ifs}{{ {} }} }})/*m]*/", part(&site.at))
            }
        }
    }
}

/// A body after what else may be returned. Where its type is its own affair (`impl Trait`), faults in it are on
/// account of that; an iterator is chained to the others, of which all but one are empty.
fn body(open: &str, values: &Choices, returns: &str, rest: &str) -> String {
    if returns.starts_with("-> impl Iterator<") {
        let others: Vec<String> = values.iter().map(|(id, _)| on(*id)).collect();
        let chains: String = values
            .iter()
            .map(|(id, value)| {
                format!(".chain({}.then(|| {}).into_iter().flatten())", on(*id), marked(*id, value))
            })
            .collect();
        let rest = format!(
            "(!({})).then(move || {{ {rest} }}).into_iter().flatten()",
            others.join(" || ")
        );
        return format!("{open}{rest}{chains}/*m]*/");
    }
    let ifs: String = values
        .iter()
        .map(|(id, value)| format!("if {} {{ return {}; }} ", on(*id), marked(*id, value)))
        .collect();
    if returns.contains("impl ") {
        return format!("{open}{ifs}{rest}/*m]*/");
    }
    format!("{open}{ifs}/*m]*/{rest}")
}

fn binary(kind: Kind, left: &str, right: &str, operator: &str, choices: &Choices) -> String {
    let choose = |write: &dyn Fn(&str) -> String| {
        let ifs: String = choices
            .iter()
            .map(|(id, other)| format!("if {} {{ {} }} else ", on(*id), marked(*id, &write(other))))
            .collect();
        format!("{ifs}{{ {} }}", write(operator))
    };
    match kind {
        // As `assert_eq` does it, so that nothing is moved and a literal gets the other's type.
        Kind::Comparison => format!(
            "(match (&({left}), &({right})) {{ (m_left, m_right) => {} }})",
            choose(&|operator| format!("*m_left {operator} *m_right"))
        ),
        Kind::Value => format!(
            "(match (({left}), ({right})) {{ (m_left, m_right) => {} }})",
            choose(&|operator| format!("m_left {operator} m_right"))
        ),
        Kind::Assignment => format!(
            "(match ({right}) {{ m_right => {} }})",
            choose(&|operator| format!("{left} {operator} m_right"))
        ),
    }
}

fn on(id: u32) -> String {
    format!("crate::mutant_switch::on({id})")
}

fn marked(id: u32, text: &str) -> String {
    format!("/*m<{id}*/{text}/*m>*/")
}

/// Whose code it is at a place of a rewritten text: the mutant that it belongs to, or all that it is shared by.
#[derive(Debug, PartialEq, Eq)]
pub enum Owner {
    /// The code that one mutant puts in.
    Replacement(u32),
    /// The code around it.
    Around(Vec<u32>),
}

/// Who owns the code at `range`, in bytes; the innermost one.
#[must_use]
pub fn owner(text: &str, range: Range<usize>) -> Option<Owner> {
    let mut open: Vec<(usize, Vec<u32>, bool)> = Vec::new();
    let mut found: Option<(usize, Owner)> = None;
    for (at, _) in text.match_indices("/*m") {
        let mark = &text[at + 3..];
        let Some(length) = mark.find("*/") else { break };
        let numbers =
            || mark[1..length].split(',').filter_map(|number| number.parse().ok()).collect();
        match mark.as_bytes().first() {
            Some(b'<') => open.push((at, numbers(), true)),
            Some(b'[') => open.push((at, numbers(), false)),
            Some(b'>' | b']') => {
                let Some((start, ids, replacement)) = open.pop() else { continue };
                let inside = start <= range.start && range.end <= at;
                if inside && found.as_ref().is_none_or(|(before, _)| start > *before) {
                    let owner = match ids.as_slice() {
                        [id] if replacement => Owner::Replacement(*id),
                        _ => Owner::Around(ids),
                    };
                    found = Some((start, owner));
                }
            }
            _ => {}
        }
    }
    found.map(|(_, owner)| owner)
}
