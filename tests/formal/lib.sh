# For the steps of tests/formal/run: where things go, how a tool is installed, how a figure is told.
# Source it from the top folder of the project.

target=${CARGO_TARGET_DIR:-$PWD/target}
tools=$target/test-tools
logs=$target/test-logs/formal
mkdir -p "$tools" "$logs"

# figure NAME VALUE: a line that tests/formal/run collects into its table.
figure() {
    [[ $2 ]] || { echo "no figure for: $1" >&2; exit 1; }
    printf 'FIGURE\t%s\t%s\n' "$1" "$2"
}

# some NAME VALUE: the same of what a step has to have looked at; none of it is a failure.
some() {
    [[ $2 =~ [1-9] ]] || { echo "no $1" >&2; exit 1; }
    figure "$1" "$2"
}

# apt_need PACKAGE...: installs what is missing of these.
apt_need() {
    local missing=() as_root=() package
    for package in "$@"; do
        dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing+=("$package")
    done
    ((${#missing[@]})) || return 0
    ((EUID == 0)) || as_root=(sudo -n)
    if ! command -v apt-get >/dev/null || ! "${as_root[@]}" true 2>/dev/null; then
        echo "Install these and run again (as root: apt-get install ${missing[*]}): ${missing[*]}" >&2
        return 1
    fi
    # Two steps may want packages at the same time.
    local get=("${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=600)
    "${get[@]}" -qq update >&2 && "${get[@]}" -qq install -y --no-install-recommends "${missing[@]}" >&2
}

# cargo_tool NAME VERSION: a program from the registry, unoptimised, since what it runs is what takes the time.
cargo_tool() {
    [[ $("$tools/bin/$1" --version 2>/dev/null) == "$1 $2" ]] && return
    env -u CARGO_TARGET_DIR CARGO_PROFILE_DEV_DEBUG=0 \
        cargo install --quiet --locked --profile dev --root "$tools" "$1@$2" >&2
}

# llvm_tools: sets `llvm` to the folder with the programs of the LLVM that the compiler is built with: they read what it
# writes, and no other version is sure to.
llvm_tools() {
    local major place
    major=$(rustc --version --verbose | sed -n 's/^LLVM version: \([0-9]*\).*/\1/p')
    for place in "$(rustc --print sysroot)"/lib/rustlib/*/bin "/usr/lib/llvm-$major/bin"; do
        [[ -x $place/llvm-cov && -x $place/llvm-profdata ]] && { llvm=$place; return; }
    done
    llvm=/usr/lib/llvm-$major/bin
    apt_need "llvm-$major" || {
        echo "llvm-cov of LLVM $major, as $(rustc --version) has it, could not be installed: rustup component add llvm-tools" >&2
        return 1
    }
}
