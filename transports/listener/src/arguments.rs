//! No secret on a command line: every user of the machine can read those.

use std::ffi::OsString;

use doorward_policy::encoding::decode_exact;
use doorward_policy::grant::GrantSecret;
use doorward_policy::token::UntrustedToken;

use crate::failure::{Failure, Outcome};

/// Refuses arguments that are, or end in, a link's secret or a session token, wherever they stand;
/// what they say is not repeated.
pub(crate) fn refuse_secrets(arguments: impl Iterator<Item = OsString>) -> Outcome {
    for argument in own(&arguments.collect::<Vec<_>>()) {
        let text = argument.to_string_lossy();
        //= req: SECRET-5
        if text.split(['#', '=', '?', '&', '/', ' ']).any(is_secret) {
            return Err(refusal("a pairing link or a token"));
        }
    }
    Ok(())
}

/// The arguments that are Doorward's: behind the dashes of `local exec` come another program's.
fn own(arguments: &[OsString]) -> &[OsString] {
    let runs_another = arguments.starts_with(&["local".into(), "exec".into()]);
    let dashes = arguments.iter().position(|argument| argument == "--");
    match dashes.filter(|_| runs_another) {
        Some(dashes) => arguments.split_at(dashes).0,
        None => arguments,
    }
}

/// The refusal of a secret that was given as an argument.
pub(crate) fn refusal(what: &str) -> Failure {
    Failure::usage(format!(
        "{what} is never taken as an argument: every user of this machine can read the arguments \
         of a command, and shells keep them. Type it at the prompt, or hand it over on standard \
         input or in a file that only you can read"
    ))
}

//= req: SECRET-5
/// Whether a positional argument is a code that somebody was meant to type at a prompt.
pub(crate) fn is_code(text: &str) -> bool {
    GrantSecret::parse(text).is_some()
}

/// A token, or a link's secret, which a certificate's digest and a port may follow.
fn is_secret(piece: &str) -> bool {
    let token = || UntrustedToken::parse(piece.as_bytes()).is_ok();
    piece.split('.').any(|part| decode_exact::<32>(part.as_bytes()).is_some()) || token()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(arguments: &[&str]) -> bool {
        refuse_secrets(arguments.iter().map(OsString::from)).is_err()
    }

    //= req: SECRET-5, type=test
    #[test]
    fn links_and_tokens_are_refused_wherever_they_stand_and_not_repeated() {
        let secret = "A".repeat(43);
        let token = format!("{}.{secret}", "AQ".repeat(24));
        for argument in [
            secret.clone(),
            format!("http://127.0.0.1:8765/.doorward/pair#{secret}"),
            format!("https://127.0.0.1:8765/.doorward/pair#{secret}.{secret}.8765"),
            format!("https://127.0.0.1:8765/.doorward/pair#{secret}..8765"),
            format!("--token={token}"),
            format!("http://127.0.0.1:8765/?token={token}"),
            token,
        ] {
            assert!(refused(&["connect", &argument]), "{argument}");
        }
        let Err(Failure::Usage(what)) = refuse_secrets([OsString::from(&secret)].into_iter())
        else {
            panic!("it is a usage error");
        };
        assert!(!what.contains(&secret));
    }

    #[test]
    fn ordinary_arguments_are_not() {
        let id = "0123456789abcdef0123456789abcdef";
        assert!(!refused(&["serve", "--upstream", "http://127.0.0.1:8888", "sessions", id]));
        assert!(!refused(&["--state-dir", "/home/someone/.local/state/doorward/of/a/long/path"]));
    }

    #[test]
    fn what_another_program_is_given_is_not_judged() {
        let secret = "A".repeat(43);
        assert!(!refused(&["local", "exec", "--can", "observe", "--", "tool", &secret]));
        assert!(refused(&["local", "exec", "--name", &secret, "--", "tool"]));
        assert!(refused(&["connect", "--", &secret]));
    }

    #[test]
    fn a_code_is_recognised_in_any_spelling() {
        assert!(is_code("2345-6789-ABCD") && is_code("23456789abcd"));
        assert!(!is_code("http://127.0.0.1:8765") && !is_code("tablet"));
    }
}
