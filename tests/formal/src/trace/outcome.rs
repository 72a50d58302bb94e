//! The words of outcomes, without their numbers.

/// What there is. A run that never met one of them has not looked at it.
pub const ALL: &[&str] = &[
    "admit nobody",
    "admit session",
    "deny browser-refused",
    "deny capability-lacking",
    "deny cookie-shadowed",
    "deny credential-ambiguous",
    "deny credential-missing",
    "deny fetch-metadata",
    "deny grant-expired",
    "deny grant-revoked",
    "deny grant-session-gone",
    "deny grant-spent",
    "deny grant-unknown",
    "deny guesses-limited",
    "deny host-denied",
    "deny insecure-transport",
    "deny invalid-bad-tag",
    "deny invalid-local-malformed",
    "deny invalid-local-unknown",
    "deny invalid-malformed",
    "deny invalid-not-yet-valid",
    "deny invalid-unknown-key",
    "deny local-only",
    "deny malformed-head",
    "deny malformed-hello",
    "deny malformed-path",
    "deny no-route",
    "deny origin-denied",
    "deny origin-missing",
    "deny service-worker-script",
    "deny session-expired",
    "deny session-revoked",
    "deny unavailable-full",
    "deny unavailable-stale",
    "deny upgrade-refused",
    "deny workspace-unknown",
    "done",
    "end",
    "follower",
    "grant",
    "granted",
    "kept",
    "key",
    "keys",
    "limited",
    "none",
    "now",
    "open",
    "owner",
    "place",
    "ready",
    "redeemed",
    "refused capabilities",
    "refused exhausted",
    "refused exists",
    "refused full",
    "refused life",
    "refused lifetimes",
    "refused main",
    "refused may-not-own",
    "refused no-member",
    "refused no-owner",
    "refused not-allowed",
    "refused not-owner",
    "refused not-waiting",
    "refused nothing",
    "refused others-left",
    "refused repeated",
    "refused room",
    "refused session",
    "refused too-many",
    "refused unknown",
    "refused uses",
    "renewed",
    "repeated",
    "revoked",
    "room",
    "row",
    "uses",
    "waiting",
    "| allowed",
    "| denied owner-changed",
    "| denied owner-left",
    "| denied said-no",
    "| denied timed-out",
    "| owner",
    "| owner none",
];

/// Its words, and those of each effect that follows.
pub fn words(outcome: &str) -> impl Iterator<Item = String> + '_ {
    let mut parts = outcome.split(" | ");
    let first = parts.next().unwrap_or_default();
    let effects = parts.map(|effect| {
        let plain = |word: &&str| !word.starts_with(|letter: char| letter.is_ascii_digit());
        ["|"].into_iter().chain(effect.split(' ').filter(plain)).collect::<Vec<_>>().join(" ")
    });
    [head(first).to_owned()].into_iter().chain(effects)
}

/// The words of an outcome itself: the first, and the second where the first alone says little.
fn head(outcome: &str) -> &str {
    if outcome.contains(" lapses ") {
        return "room";
    }
    let two = ["admit ", "deny ", "refused "].iter().any(|first| outcome.starts_with(first));
    let mut ends = outcome.match_indices(' ').map(|(at, _)| at);
    let end = if two { ends.nth(1) } else { ends.next() };
    &outcome[..end.unwrap_or(outcome.len())]
}

#[cfg(test)]
mod tests {
    use super::{ALL, words};

    #[test]
    fn numbers_are_left_out_and_effects_count() {
        let of = |outcome| words(outcome).collect::<Vec<_>>();
        assert_eq!(of("admit session 3 caps 2 at own"), ["admit session"]);
        assert_eq!(of("deny capability-lacking 2"), ["deny capability-lacking"]);
        assert_eq!(of("owner none lapses none waiting questions places 0 over 1"), ["room"]);
        assert_eq!(
            of("done | denied 7 owner-changed | owner none"),
            ["done", "| denied owner-changed", "| owner none"]
        );
    }

    #[test]
    fn no_word_is_there_twice() {
        assert!(ALL.is_sorted_by(|one, next| one < next));
    }
}
