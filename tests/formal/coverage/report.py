#!/usr/bin/env python3
"""What of policy/ the tests reached: report.py EXPORT FOLDER, with what `llvm-cov export` wrote.

A branch has two outcomes, and counts for each of them; a region is what runs as a whole: an arm of a match, what
follows a `?` that returned, a function. Generic code is there once for each type that it was made for, and reached
if one of these was. Writes FOLDER/files.tsv and FOLDER/unreached.txt, prints the figures, and fails below LEAST per
cent of either, and for a function or an outcome that is unreached while unreached.toml has no reason for it, or the
other way round.
"""

import collections
import json
import pathlib
import sys
import tomllib

LEAST = 98.0
HERE = pathlib.Path(__file__).parent
SOURCES = "/policy/src/"
# The kind of a region that is code; others are what lies between, and what a macro stands for.
CODE = 0


def reached(export):
    """The outcomes of branches, the regions and the functions of the policy, and how often each was reached."""
    branches, regions, functions = collections.Counter(), collections.Counter(), collections.Counter()
    for function in export["data"][0]["functions"]:
        names = function["filenames"]
        for *span, true, false, file, _, _ in function["branches"]:
            for outcome, count in (("true", true), ("false", false)):
                branches[names[file], *span, outcome] += count
        code = [region for region in function["regions"] if region[-1] == CODE]
        for *span, count, file, _, _ in code:
            regions[names[file], *span] += count
        *span, _, file, _, _ = code[0]
        functions[names[file], *span] += function["count"]
    return [{key: count for key, count in found.items() if SOURCES in key[0]} for found in (branches, regions, functions)]


def short(path):
    return path.partition(SOURCES)[2]


class Lines:
    """The lines of the sources, without what indents them."""

    def __init__(self):
        self.read = {}

    def at(self, path, line):
        if path not in self.read:
            self.read[path] = pathlib.Path(path).read_text().splitlines()
        return self.read[path][line - 1].strip()


def share(found):
    """How many were reached, and how many per cent of them all that is: cut off, since almost all is not all."""
    hit = sum(count > 0 for count in found.values())
    return hit, hit * 10_000 // len(found) / 100


def write_files(folder, branches, regions):
    rows = collections.defaultdict(lambda: [0, 0, 0, 0])
    for offset, found in ((0, branches), (2, regions)):
        for (path, *_), count in found.items():
            rows[short(path)][offset] += count > 0
            rows[short(path)][offset + 1] += 1
    lines = ["file\toutcomes reached\toutcomes\tregions reached\tregions"]
    lines += ["\t".join(map(str, [name, *row])) for name, row in sorted(rows.items())]
    (folder / "files.tsv").write_text("\n".join(lines) + "\n")


def write_unreached(folder, regions):
    """The unreached regions that lie in no other one."""
    lines, listed, end = Lines(), [], ("", 0, 0)
    for path, line, column, *until in sorted(key for key, count in regions.items() if not count):
        if (path, line, column) >= end:
            listed.append(f"{short(path)}:{line}:{column}: {lines.at(path, line)}\n")
            end = (path, *until)
    (folder / "unreached.txt").write_text("".join(listed))


def unexplained(branches, functions):
    """What is not reached and has no reason, and what has a reason and is."""
    lines = Lines()
    missed = {f"{short(path)}: {lines.at(path, line)}: never {outcome}"
              for (path, line, _, _, _, outcome), count in branches.items() if not count}
    missed |= {f"{short(path)}: {lines.at(path, line)}" for (path, line, *_), count in functions.items() if not count}
    groups = tomllib.loads((HERE / "unreached.toml").read_text())["unreached"]
    explained = {place for group in groups for place in group["at"]}
    return [f"not reached, and no reason why: {place}" for place in sorted(missed - explained)] + \
        [f"has a reason, and is reached or gone: {place}" for place in sorted(explained - missed)]


def main(export, folder):
    folder = pathlib.Path(folder)
    branches, regions, functions = reached(json.loads(pathlib.Path(export).read_text()))
    if not branches or not regions:
        sys.exit("the export holds nothing of the policy")
    write_files(folder, branches, regions)
    write_unreached(folder, regions)
    wrong = unexplained(branches, functions)
    for name, found in (("branch", branches), ("region", regions)):
        hit, percent = share(found)
        print(f"FIGURE\t{name} coverage of policy\t{percent:.2f}% ({hit} of {len(found)})")
        if percent < LEAST:
            wrong.append(f"{name} coverage is {percent:.2f} %, and has to be {LEAST} %")
    print("\n".join(wrong), end="\n" if wrong else "")
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main(*sys.argv[1:])
