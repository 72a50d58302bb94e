//! How servers read a path: every combination of what they are known to do.

/// One server's habits.
#[derive(Clone, Copy, Debug)]
struct Server {
    /// Percent-decodes this often before it splits.
    decodes_first: u32,
    /// Percent-decodes each segment once it has split.
    decodes_segments: bool,
    /// Takes `\` for `/`.
    backslash: bool,
    /// Drops `;parameters`.
    parameters: bool,
    /// Drops empty segments.
    merges: bool,
    resolves: Resolves,
}

/// When a server resolves `.` and `..`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Resolves {
    Never,
    BeforeDecoding,
    AfterDecoding,
}

/// Every way in which a path is read, each as the segments that are left in the end. Servers that
/// decode more than `passes` times before they split are left out.
pub(crate) fn readings(path: &str, passes: u32) -> Vec<Vec<Vec<u8>>> {
    let mut all = Vec::new();
    // A habit that changes nothing is looked at once.
    let has = |what: &str| path.contains('%') || path.contains(what);
    let ways = |matters: bool| if matters { &[false, true][..] } else { &[false] };
    for decodes_first in 0..=passes {
        // Nothing changes any more once nothing is left to decode.
        let before = decode_times(path.as_bytes(), decodes_first.saturating_sub(1));
        if decodes_first > 0 && decode(&before) == before {
            break;
        }
        for resolves in [Resolves::Never, Resolves::BeforeDecoding, Resolves::AfterDecoding] {
            for &decodes_segments in ways(has("%")) {
                for &backslash in ways(has("\\")) {
                    for &parameters in ways(has(";")) {
                        for &merges in ways(has("//") || has("./") || has(";") || has("\\")) {
                            all.push(read(
                                path.as_bytes(),
                                Server {
                                    decodes_first,
                                    decodes_segments,
                                    backslash,
                                    parameters,
                                    merges,
                                    resolves,
                                },
                            ));
                        }
                    }
                }
            }
        }
    }
    all.sort_unstable();
    all.dedup();
    all
}

/// Whether some reading begins with `.doorward`, in any case.
pub(crate) fn leads_home(readings: &[Vec<Vec<u8>>]) -> bool {
    readings.iter().any(|segments| {
        segments
            .iter()
            .find(|segment| !segment.is_empty())
            .is_some_and(|first| first.eq_ignore_ascii_case(b".doorward"))
    })
}

fn read(path: &[u8], server: Server) -> Vec<Vec<u8>> {
    let whole = decode_times(path, server.decodes_first);
    let separator = |byte: &u8| *byte == b'/' || (server.backslash && *byte == b'\\');
    let mut segments: Vec<Vec<u8>> = whole.split(separator).skip(1).map(<[u8]>::to_vec).collect();
    if server.parameters {
        for segment in &mut segments {
            let end = segment.iter().position(|byte| *byte == b';').unwrap_or(segment.len());
            segment.truncate(end);
        }
    }
    if server.resolves == Resolves::BeforeDecoding {
        segments = resolve(segments, server.merges);
    }
    if server.decodes_segments {
        segments = segments.iter().map(|segment| decode(segment)).collect();
    }
    if server.resolves == Resolves::AfterDecoding {
        segments = resolve(segments, server.merges);
    }
    segments
}

fn resolve(segments: Vec<Vec<u8>>, merges: bool) -> Vec<Vec<u8>> {
    let mut kept: Vec<Vec<u8>> = Vec::new();
    for segment in segments {
        match &*segment {
            b"." => {}
            b".." => _ = kept.pop(),
            b"" if merges => {}
            _ => kept.push(segment),
        }
    }
    kept
}

fn decode_times(text: &[u8], times: u32) -> Vec<u8> {
    (0..times).fold(text.to_vec(), |text, _| decode(&text))
}

/// Percent-decodes once; what isn't `%` and two digits stays.
fn decode(text: &[u8]) -> Vec<u8> {
    let mut decoded = Vec::new();
    let mut at = 0;
    while at < text.len() {
        let digits = text.get(at + 1..at + 3).and_then(|two| std::str::from_utf8(two).ok());
        let hexadecimal = |two: &&str| two.bytes().all(|byte| byte.is_ascii_hexdigit());
        match digits.filter(hexadecimal) {
            Some(digits) if text[at] == b'%' => {
                decoded.extend(u8::from_str_radix(digits, 16));
                at += 3;
            }
            _ => {
                decoded.push(text[at]);
                at += 1;
            }
        }
    }
    decoded
}
