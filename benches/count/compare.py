"""Counts instructions with callgrind and compares them with the recorded ones: benches/instructions is its front."""

import math
import os
import re
import subprocess
import sys

RECORDED = "benches/instructions.tsv"
PATHS = ["verify", "decide", "hello", "redeem"]
# What is planted, each a variant of verify: the name of the function that is counted, and what it has to be found to be.
PLANTED = {
    "planted-copy": ("copy", "dearer"),
    "planted-second-hash": ("second_hash", "dearer"),
    "planted-no-lookup": ("no_lookup", "cheaper"),
}
ITERATIONS = 1000
TOLERANCE = 3.0
OTHER_COMPILER = 15.0
HASH = re.compile(r"^sha2::sha256::")
# The C library picks its copying by processor; this leaves one that all have.
TUNABLES = "glibc.cpu.hwcaps=" + ",".join(
    "-" + name for name in ["AVX", "AVX2", "AVX512F", "AVX512VL", "AVX_Fast_Unaligned_Load", "ERMS", "FSRM"]
)


def own_costs(report):
    """The instructions of each function's own, of a file that callgrind wrote with names uncompressed."""
    costs, function, of_a_call = {}, None, False
    with open(report, encoding="utf-8", errors="replace") as lines:
        for line in lines:
            if line.startswith("fn="):
                function = line[3:].strip()
            elif line.startswith("calls="):
                of_a_call = True
            elif re.match(r"^[0-9+*-]", line):
                if not of_a_call:
                    costs[function] = costs.get(function, 0) + int(line.split()[1])
                of_a_call = False
    return costs


def count(target, path):
    """Instructions of an iteration: of all but SHA-256's compression, and of that."""
    report = os.path.join(target, f"callgrind.{path}.out")
    if os.path.exists(report):
        os.remove(report)
    function, _ = PLANTED.get(path, (path, None))
    command = [
        "valgrind", "--quiet", "--tool=callgrind", f"--callgrind-out-file={report}",
        "--compress-strings=no", "--compress-pos=no", "--collect-atstart=no",
        f"--toggle-collect=count::counted::{function}",
        os.path.join(target, "release", "count"), path,
    ]  # fmt: skip
    # The environment lies on the stack: with another one, what is aligned how would differ.
    subprocess.run(command, check=True, env={"PATH": os.environ["PATH"], "GLIBC_TUNABLES": TUNABLES})
    costs = own_costs(report)
    hashing = sum(cost for function, cost in costs.items() if HASH.match(function or ""))
    rest = sum(costs.values()) - hashing
    if not hashing or not rest:
        sys.exit(f"{path}: {rest} instructions and {hashing} of SHA-256's: what is counted has another name now")
    return rest / ITERATIONS, hashing / ITERATIONS


def compiler():
    return subprocess.run(["rustc", "--version"], check=True, capture_output=True, text=True).stdout.strip()


def record(counts):
    with open(RECORDED, "w", encoding="utf-8") as out:
        out.write(f"# {compiler()}\n")
        out.write("# Written by benches/instructions --record: instructions of an iteration, and of SHA-256 in software\n")
        for path, (rest, hashing) in counts.items():
            out.write(f"{path}\t{rest:.1f}\t{hashing:.1f}\n")


def recorded():
    """The compiler that they were recorded with, and the counts."""
    with open(RECORDED, encoding="utf-8") as lines:
        made_with = next(lines)[1:].strip()
        rows = [line.rstrip("\n").split("\t") for line in lines if not line.startswith("#")]
    counts = {path: (float(rest), float(hashing)) for path, rest, hashing in rows}
    sound = all(math.isfinite(number) and number > 0 for row in counts.values() for number in row)
    if sorted(counts) != sorted(PATHS) or not sound:
        sys.exit(f"{RECORDED} is not of {', '.join(PATHS)}: run benches/instructions --record")
    return made_with, counts


def compare(before, now, tolerance):
    """A word on what differs, for each of the two counts; and by how many percent."""
    found = []
    for was, is_now, what in zip(before, now, ["", " in SHA-256"]):
        percent = 100 * (is_now - was) / was
        word = f"dearer{what}" if percent > tolerance else f"cheaper{what}: record it" if percent < -tolerance else None
        found.append((percent, word))
    return found


def main():
    target, mode = sys.argv[1], (sys.argv[2:] or [""])[0]
    now = {path: count(target, path) for path in PATHS}
    if mode == "--record":
        record(now)
    made_with, before = recorded()
    tolerance = TOLERANCE if made_with == compiler() else OTHER_COMPILER
    if tolerance != TOLERANCE:
        print(f"recorded with {made_with}, and this is {compiler()}: {tolerance:g} % are let pass, not {TOLERANCE:g} %")
    failed = False
    print(f"{'':22}{'instructions':>14}{'recorded':>12}{'':>9}{'of SHA-256':>14}{'recorded':>12}")
    rows = [(path, before[path], now[path], tolerance) for path in PATHS]
    if mode == "--self-test":
        # Against verify as it is now: a mistake has to be found with any compiler.
        rows += [(path, now["verify"], count(target, path), TOLERANCE) for path in PLANTED]
    for path, was, is_now, most in rows:
        (rest, word), (hashing, of_hashing) = compare(was, is_now, most)
        told = ", ".join(filter(None, [word, of_hashing]))
        if path in PLANTED:
            found = told.startswith(PLANTED[path][1])
            told = f"found: {told.removesuffix(': record it')}" if found else "NOT FOUND"
        else:
            found = not told
        failed |= not found
        numbers = f"{is_now[0]:14.1f}{was[0]:12.1f}{rest:+8.2f}%{is_now[1]:14.1f}{was[1]:12.1f}{hashing:+8.2f}%"
        print(f"{path:22}{numbers}  {told}")
    if failed:
        print(f"More than {tolerance:g} % off. Where a change is worth it, or saves some: benches/instructions --record")
    sys.exit(failed)


if __name__ == "__main__":
    main()
