# A copy of the working tree, for what takes something out of it or puts a defect into it. To be sourced, from the top
# folder, with `copy` (the folder) and `logs` (another) set.

# What is built there is never what another run uses.
export CARGO_PROFILE_DEV_DEBUG=0 CARGO_INCREMENTAL=1 CARGO_TERM_COLOR=never
# The copy lies below a repository, in which git would leave out what is not of its folder.
GIT_CEILING_DIRECTORIES=$(dirname "$copy")
export GIT_CEILING_DIRECTORIES

# header PATCH NAME: the lines before the diff that begin with it.
header() { sed -n "/^diff --git /q; s/^$2: //p" "$1"; }

# What is in the working tree goes into the copy. What is the same already keeps its time, so that only what has
# changed is compiled.
make_copy() {
    local file
    git ls-files -z --cached --others --exclude-standard | sort -zu >"$logs/files"
    (cd "$copy" && find . -type f -printf '%P\0') | sort -z | comm -z -13 "$logs/files" - |
        (cd "$copy" && xargs -0 -r rm -f --)
    while IFS= read -r -d '' file; do
        [[ -f $file ]] || continue
        cmp -s "$file" "$copy/$file" && continue
        mkdir -p "$copy/$(dirname "$file")"
        cp "$file" "$copy/$file"
    done <"$logs/files"
}

# in_copy PACKAGE TARGET MORE...: cargo test of one target.
in_copy() {
    local which=(--test "$2")
    [[ $2 == lib ]] && which=(--lib)
    (cd "$copy" && cargo test --quiet --locked -p "$1" "${which[@]}" "${@:3}") </dev/null
}
export -f in_copy
export copy

# Seconds. A test that hangs without its guard has noticed; nothing else takes as long.
patience=${DOORWARD_CONTROL_PATIENCE:-120}

# evidence LINE LOG: runs `PACKAGE TARGET FILTER`, and says what came of it: passed, failed, hung, nothing (no test
# has that name) or broken (nothing could be run).
evidence() {
    local package name filter ran status=0
    read -r package name filter <<<"$1"
    timeout --kill-after=10 "$patience" bash -c 'in_copy "$@"' - "$package" "$name" -- "$filter" >"$2" 2>&1 || status=$?
    ran=$(awk '/^test result:/ { ran += $4 + $6 } END { print ran + 0 }' "$2")
    if ((status == 124 || status == 137)); then
        echo hung
    elif ((status == 0 && ran == 0)); then
        echo nothing
    elif ((status == 0)); then
        echo passed
    elif grep -qE '^test result: FAILED|^  process didn.t exit successfully' "$2"; then
        echo failed
    else
        echo broken
    fi
}
