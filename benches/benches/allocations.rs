//! Prints what verifying, deciding and issuing allocate: a program of its own, since the allocator that
//! counts would disturb one that measures time.

#[path = "../tests/counted/mod.rs"]
mod counted;

use doorward_benches::result::figure;

fn main() {
    for (name, count) in [
        ("verify", counted::verifying()),
        ("decide", counted::deciding()),
        ("issue", counted::issuing()),
    ] {
        println!("{name}: {count} allocations");
        figure(&format!("{name}-allocations"), count as f64, "");
    }
}
