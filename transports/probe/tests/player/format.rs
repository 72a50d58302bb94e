//! A file that is no attack says where, and what to do.

use std::time::Duration;

use doorward_probe::{Attack, Profile, Variables, corpus, duration};

const HEAD: &str = "title = \"x\"\nthreat = \"DW-GRANT-REPLAY\"\nover = [\"http\"]\n";
const ASK: &str = "[[step]]\ndo = \"ask\"\nexpect = { outcome = \"refused\" }\n";

fn refused(text: &str) -> String {
    match Attack::parse("some-name", text) {
        Err(error) => error.to_string(),
        Ok(attack) => panic!("{attack:?}"),
    }
}

/// The step of the head's fourth line.
fn step(step: &str) -> String {
    refused(&format!("{HEAD}[[step]]\n{step}\n{ASK}"))
}

#[test]
fn the_corpus_is_read() {
    let attacks = corpus().unwrap_or_else(|error| panic!("{error}"));
    assert!(attacks.iter().any(|attack| attack.id == "foreign-origin"));
}

#[test]
fn what_is_no_toml_or_not_of_the_format_names_file_and_line() {
    for (text, said) in [
        ("title = ", "some-name.toml:1: "),
        ("titel = \"x\"", "some-name.toml:1: unknown field `titel`, expected one of `title`"),
        (&format!("{HEAD}[[step]]\ndo = \"aks\""), "some-name.toml:5: unknown variant `aks`"),
        (&HEAD.replace("http", "smtp"), "some-name.toml:3: unknown variant `smtp`, expected one"),
        (HEAD, "missing field `step`"),
    ] {
        let error = refused(text);
        assert!(error.contains(said), "{error}");
    }
}

#[test]
fn the_whole_has_to_make_sense() {
    for (from, to, said) in [
        ("title = \"x\"", "title = \" \"", "`title` is empty; say what the attacker does"),
        ("title = \"x\"", "title = \"\\u001b[2J\"", "one line of plain text"),
        ("DW-GRANT-REPLAY", "DW-GRANT", "`DW-GRANT` is no threat; take an id of docs/threats.md"),
        ("[\"http\"]", "[]", "`over` is empty; name http, websocket or quic"),
        ("[\"http\"]", "[\"http\", \"http\"]", "`over` names a transport twice"),
    ] {
        let error = refused(&format!("{HEAD}{ASK}").replace(from, to));
        assert!(error.contains(said), "{error}");
    }
    let send = "[[step]]\ndo = \"send\"\nbytes = 'x'\nexpect = { outcome = \"refused\" }\n";
    let error = refused(&format!("{HEAD}{send}").replace("\"http\"", "\"http\", \"quic\""));
    assert!(
        error.contains("it has no step that is played over quic; add one, or leave"),
        "{error}"
    );
}

#[test]
fn a_step_has_to_make_sense() {
    let ask = |more: &str| format!("do = \"ask\"\n{more}\nexpect = {{ outcome = \"refused\" }}");
    let expecting = |outcome: &str| format!("do = \"ask\"\nexpect = {{ outcome = \"{outcome}\" }}");
    let send = |more: &str| {
        format!("do = \"send\"\nbytes = 'x'\n{more}\nexpect = {{ outcome = \"refused\" }}")
    };
    for (text, said) in [
        (ask("credential = \"bearer ${a.token}\""), "`${a.token}` is not known; a step before it"),
        (ask("credential = \"token x\""), "`token` is no kind of credential; there are bearer,"),
        (ask("path = \"${each}\""), "`${each}` needs a list `each` in its step"),
        (ask("path = \"${repeat 3\""), "is never closed: write `}` behind it"),
        (ask("path = \"${}\""), "`${}` names nothing"),
        (ask("path = \"${repeat x y}\""), "`x` has to be a number"),
        (ask("path = \"${rot13 x}\""), "is no function; there are repeat, b64,"),
        (ask("path = \"${host | spoil}\""), "is nothing that can be done; there are drop N,"),
        (ask("times = 0"), "`times = 0` asks for nothing"),
        (ask("times = 10001"), "`times` is more than 10000"),
        (ask("at_once = true"), "`at_once` needs `times`, 2 at least"),
        (ask("early = true"), "`early` is for QUIC alone; write `over = [\"quic\"]`"),
        (expecting("ended"), "the outcome of a new connection is `admitted` or `refused`"),
        (
            "do = \"ask\"\nexpect = { outcome = \"refused\", exactly = 2 }".into(),
            "`exactly` is more than the 1 there are",
        ),
        (send("pieces = 0"), "`pieces = 0` sends nothing"),
        (send("afterwards = { outcome = \"refused\" }"), "`afterwards` needs `then`"),
        (send("then = '\\q'"), "a backslash begins \\r, \\n, \\t, \\0, \\$ or \\xNN"),
        (send("then = '\\x4'"), "`\\x` needs two hexadecimal digits"),
        ("do = \"advance\"\nby = \"soon\"".into(), "`soon` is no duration; write such as 7d"),
        ("do = \"revoke\"\nsession = \"a\"".into(), "there is no session `a`; a step before it"),
        (
            "do = \"say\"\non = \"it\"\nexpect = { outcome = \"open\" }".into(),
            "no step before it has `stay = \"it\"`",
        ),
        ("do = \"differ\"\nvalues = [\"x\"]".into(), "`values` needs two at least"),
        ("do = \"grant\"\nas = \"g\"\nuses = 0".into(), "a grant has at least one use"),
    ] {
        let error = step(&text);
        assert!(error.starts_with("some-name.toml:4: "), "{error}");
        assert!(error.contains(said), "{error}");
    }
}

#[test]
fn durations_have_a_unit() {
    for (text, expected) in [
        ("1500ms", Some(Duration::from_millis(1500))),
        ("7d", Some(Duration::from_secs(7 * 24 * 3600))),
        ("2h", Some(Duration::from_secs(7200))),
        ("90m", Some(Duration::from_secs(5400))),
        ("0s", Some(Duration::ZERO)),
        ("7", None),
        ("d", None),
        ("-1s", None),
        ("99999999999999999999d", None),
        ("18446744073709551615d", None),
    ] {
        assert_eq!(duration(text), expected, "{text}");
    }
}

#[test]
fn values_are_filled_in_and_spoiled() {
    let mut known = Variables::new();
    known.set_secret("a.token", "QUJDREVGR0g.VEFHVA");
    known.set("target", "127.0.0.1:80");
    for (text, expected) in [
        ("http://${target}/", "http://127.0.0.1:80/"),
        ("${a.token | drop 1}", "QUJDREVGR0g.VEFHV"),
        ("${a.token | take 3}", "QUJ"),
        ("${a.token | head}", "QUJDREVGR0g"),
        ("${a.token | tag}", "VEFHVA"),
        ("${a.token | cut-tag 3}", "QUJDREVGR0g.VEFH"),
        ("${a.token | respell}", "QUJDREVGR0g.VEFHVB"),
        ("${a.token | flip}", "QUJDREVGR0g.VEFHVQ"),
        ("${a.token | standard-alphabet}", "QUJDREVGR0g.VEFHVA+"),
        ("${a.token | tag | lower}", "vefhva"),
        ("${target | json}", "\"127.0.0.1:80\""),
        ("${target | take 3 | percent}", "%31%32%37"),
        ("${b64 {\"alg\":\"none\"}}", "eyJhbGciOiJub25lIn0"),
        ("${repeat 3 ${target | take 2}}", "121212"),
        ("${counted8 abc}", "\u{3}abc"),
        ("${counted16 abc}", "\0\u{3}abc"),
        ("a\\b", "a\\b"),
    ] {
        assert_eq!(known.fill(text).as_deref(), Ok(expected), "{text}");
    }
    let nonce = known.fill("${nonce}").unwrap_or_default();
    assert_eq!(nonce.len(), 24);
    assert_ne!(Some(nonce), known.fill("${nonce}").ok());
    assert_eq!(known.fill("${random 32}").map(|text| text.len()), Ok(43));
    for (text, said) in [
        ("${b.token}", "`b.token` is not known"),
        ("${target | take 2 | tag}", "it has no dot"),
        ("${a.token | drop 99}", "it is shorter than that"),
        ("${repeat 99999999 ${target}}", "it comes to more than"),
        ("${counted8 ${repeat 256 x}}", "it is longer than its length can say"),
    ] {
        let error = known.fill(text).expect_err(text);
        assert!(error.contains(said), "{error}");
    }
}

/// The names that the format has at a place, as they stand in the refusal of another one.
fn offered(text: &str) -> Vec<String> {
    let error = refused(text);
    let (_, names) = error.split_once("expected ").unwrap_or_else(|| panic!("{error}"));
    names.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

/// Whoever writes an attack finds every word of the format in its reference.
#[test]
fn the_reference_has_every_word() {
    let reference = include_str!("../../../../tests/attacks/README.md");
    let asks = |what: &str, more: &str| {
        let expect = "expect = { outcome = \"refused\"";
        format!("{HEAD}[[step]]\ndo = \"{what}\"\nbytes = 'x'\n{expect}{more}")
    };
    let mut words = offered("nothing = 1");
    words.extend(offered(&format!("{HEAD}[[step]]\ndo = \"nothing\"")));
    for what in ["ask", "send", "hello", "packets", "session", "grant", "ticket", "local"] {
        words.extend(offered(&format!("{HEAD}[[step]]\ndo = \"{what}\"\nnothing = 1")));
    }
    words.extend(offered(&asks("send", ", nothing = 1 }")));
    words.extend(offered(&asks("send", " }").replace("refused", "nothing")));
    assert!(words.len() > 70, "{words:?}");
    for word in words.iter().filter(|word| !["step", "nothing"].contains(&word.as_str())) {
        let known = [format!("`{word}`"), format!("[[{word}]]"), format!("do = \"{word}\"")];
        assert!(known.iter().any(|known| reference.contains(known)), "{word} is not in it");
    }
}

/// Whatever the step, a word that it hasn't got is refused where it stands.
#[test]
fn every_step_knows_its_words() {
    let expect = "expect = { outcome = \"refused\" }";
    for (what, rest) in [
        ("session", "as = \"a\""),
        ("renew", "session = \"a\""),
        ("grant", "as = \"a\""),
        ("ticket", "as = \"a\"\nof = \"a\""),
        ("local", "as = \"a\""),
        ("workspace", "name = \"a\"\nprefix = \"/a\"\nmembers = []"),
        ("member", "of = \"a\"\nsubject = \"a\""),
        ("revoke", "session = \"a\""),
        ("advance", "by = \"1s\""),
        ("fail", "what = \"store\""),
        ("restart", ""),
        ("ask", expect),
        ("send", &format!("bytes = 'x'\n{expect}")),
        ("hello", &format!("bytes = 'x'\n{expect}")),
        ("packets", &format!("in = \"data\"\n{expect}")),
        ("differ", "values = []"),
        ("say", &format!("on = \"it\"\n{expect}")),
    ] {
        let error = step(&format!("do = \"{what}\"\nsubjekt = 1\n{rest}"));
        let line = error.strip_prefix("some-name.toml:").and_then(|rest| rest.split(':').next());
        let line: usize = line.and_then(|line| line.parse().ok()).unwrap_or_default();
        assert!((4..=6).contains(&line) && error.contains("`subjekt`"), "{what}: {error}");
    }
    for (wrong, said) in [
        ("expect = { outcome = \"refused\", staus = 1 }", "`staus`"),
        ("expect = { outcome = \"refuse\" }", "`refuse`"),
        ("expect = { outcome = \"refused\", status = \"403\" }", "invalid type"),
        ("expect = { outcome = \"refused\", status = 70000 }", "70000"),
        ("expect = { outcome = \"refused\", threat = \"DW-NONE\" }", "`DW-NONE` is no threat"),
        ("times = -1\nexpect = { outcome = \"refused\" }", "-1"),
        ("at_once = \"yes\"\nexpect = { outcome = \"refused\" }", "invalid type"),
    ] {
        let error = step(&format!("do = \"ask\"\n{wrong}"));
        assert!(error.starts_with("some-name.toml:") && error.contains(said), "{error}");
        assert!(!error.starts_with("some-name.toml: "), "it names no line: {error}");
    }
}

#[test]
fn a_setting_that_no_server_has_is_refused() {
    let error = refused(&format!("{HEAD}settings = {{ deadlin = \"1s\" }}\n{ASK}"));
    assert!(error.contains("`deadlin` is no setting; there are allow_origins,"), "{error}");
}

#[test]
fn a_step_is_found_however_its_head_is_written() {
    let bad = "do = \"ask\"\ntimes = 0\nexpect = { outcome = \"refused\" }\n";
    for head in ["[[step]] # the first", "  [[ step ]]", "[[step]]"] {
        let error = refused(&format!("{HEAD}{head}\n{bad}"));
        assert!(error.starts_with("some-name.toml:4: "), "{error}");
    }
}

/// A profile with a name that means nothing would make every attack mean nothing.
#[test]
fn a_profile_is_read_as_strictly() {
    let profile = |more: &str| Profile::parse(&format!("name = \"x\"\npage = \"/\"\n{more}\n"));
    let bearer = "bearer = \"Authorization: Bearer ${credential}\"";
    assert!(profile(bearer).is_ok());
    assert!(profile("upgrade = [\"X-A: ${origin}\"]").is_ok());
    for (more, said) in [
        ("berer = \"x\"", "line 3"),
        ("strict = \"yes\"", "line 3"),
        ("unguarded = [\"htp\"]", "line 3"),
        ("bearer = \"Authorization: ${credential} ${tokn}\"", "`${tokn}` is not known"),
        ("bearer = \"Authorization: ${credential} ${host | spoil}\"", "nothing that can be done"),
        ("cookie_name = \"a_${prot}\"", "`${prot}` is not known"),
        ("upgrade = [\"X-A: ${credential}\"]", "`${credential}` is not known"),
        ("page = \"/b\"", "line 3"),
        ("[sign_in]\npath = \"/x?${secert}\"", "`${secert}` is not known"),
        ("[sign_in]\npath = \"/x\"\nheaders = [\"A: ${credential}\"]", "`${credential}` is not"),
    ] {
        let error = profile(more).expect_err(more);
        assert!(error.contains(said), "{more}: {error}");
    }
    for name in Profile::names() {
        assert!(Profile::named(name).is_some(), "{name}");
    }
}
