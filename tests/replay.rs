//! Every committed fuzz input, as an ordinary test.

use std::fs;
use std::path::Path;

use doorward_tests::fuzz::TARGETS;

fn replay(name: &str) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus").join(name);
    let (_, body) = TARGETS.iter().find(|(target, _)| *target == name).expect("a target");
    let entries = fs::read_dir(&folder).unwrap_or_else(|error| panic!("{folder:?}: {error}"));
    let files: Vec<_> = entries.map(|entry| entry.expect("a readable folder").path()).collect();
    assert!(!files.is_empty(), "{folder:?} is empty");
    for file in files {
        println!("{}", file.display());
        body(&fs::read(&file).expect("a readable file"));
    }
}

macro_rules! replays {
    ($($name:ident)*) => {
        $(
            #[test]
            fn $name() {
                replay(stringify!($name));
            }
        )*

        #[test]
        fn every_target_is_replayed_and_has_a_shim() {
            let mut names = vec![$(stringify!($name)),*];
            names.sort_unstable();
            let targets: Vec<_> = TARGETS.iter().map(|(name, _)| *name).collect();
            assert_eq!(names, targets);
            let shims = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/fuzz_targets");
            for name in names {
                assert!(shims.join(name).with_extension("rs").is_file(), "{name} is never fuzzed");
            }
        }
    };
}

replays! { config cookie credential decision grant head hello host_origin path record token transports }
