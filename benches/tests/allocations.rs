//! Whoever sends a token makes Doorward verify it: that must not cost an allocation.

mod counted;

// One test: others would allocate beside it.
#[test]
fn verifying_and_deciding_allocate_nothing() {
    assert_eq!(counted::issuing(), 1, "the text alone");
    assert_eq!(counted::verifying(), 0);
    assert_eq!(counted::deciding(), 0);
}
