# SPDX-License-Identifier: Apache-2.0
"""What came of the guests: a table of kernels and tests, for the terminal and for docs/kernels.md."""

import collections
import datetime
import re

import checks
import kept
import kernels
import live
import load_section

LEGEND = """\
`ok`: as expected. `-`: not run, or the kernel has no such hooks. The first rows are checks of tests/vm, with the kernel
half built by the clang that builds all else (14 on Debian 12, if no other was chosen), and then all of them by others;
the others are the live tests, by file. Of many tests each cell has the number of those that passed, and after a `+`
those that were skipped: they do not apply there, or could not be tried, with the reasons below. Tests marked `slow`,
which need a machine's full speed, run on the machine itself only. Live tests run on cgroup v2 and, those that look at
cgroups and identity, on a hybrid hierarchy (v1's pids and memory beside v2); those that make 32-bit calls in a guest that
runs none (x86-64 from 6.7 on, `ia32_emulation=0`); those that have to do with hooks once more with `--attach fentry`.
"""

SHORT = """\
## What `make check` runs of it

`make check` starts a few guests, in a short form; what that leaves out, `make check-vm` runs.

| | `make check` | only `make check-vm` |
|---|---|---|
| kernels | 5.10 and the newest, x86-64 | the others, and arm64 |
| checks | the verifier, `--probe`, both attach methods, every ABI, arrays, pages, all phases, moved targets, identity, cgroups, filters, confirmed targets and pages, ftrace switched off, btrfs and overlays; of the witness 10,000 calls that race and 2,000 that do not | sums, a full ring, `--btf`, a Yama that lets nobody attach, both methods at once; of the witness ten times as many calls, with fentry too, and what other calls cost |
| checks, built by other clangs | | all |
| live tests | on the newest, those that need what the machine itself lacks of: 32-bit calls, 32-bit programs, `--attach fentry`, a hook on mm_access, kprobes for perf, preemptible tracepoints (of tests that are alike, one); on 5.10 test_cgroups, if the machine has no hybrid hierarchy | all, the first rows below |
| live tests, hybrid cgroups | | test_cgroups, test_identity |
| live tests, `ia32_emulation=0` | test_needs, test_abi | test_filters, test_probe, test_records, test_replay |
| live tests, beside hogs, and with `preempt=full` | | those of what a hook that is passed over can change; of tests that differ in their parameters alone, one |
| live tests, by witnesses alone | | all but those of which the outcome cannot depend on the hooks; of tests that differ in their parameters alone, one |
| calls under load | the newest as it is: a few minutes, fewer calls | more calls, `--audit` with all of them; `preempt=full`; the other kernels; kprobes for kprobe.multi, and witnesses alone |
| live tests, `--attach fentry` | | all but those of which the outcome cannot depend on the hooks |
"""


class Column:
    """One kernel's results."""

    def __init__(self, name):
        self.name = self.title = name
        self.release = None
        self.checks = {}
        self.compiler = {}
        self.live = {}
        self.hybrid = {}
        self.no32 = {}
        self.hogs = {}
        self.fentry = {}
        self.witness = {}
        self.load = {}

    def has_fentry(self):
        """As far as the checks know."""
        return "fentry start" not in self.checks or self.checks["fentry start"].verdict == "ok"

    def results(self):
        """((what, name), Result)"""
        for part, results in (("check", self.checks), ("compiler", self.compiler), ("live", self.live),
                              ("hybrid", self.hybrid), ("no32", self.no32), ("hogs", self.hogs),
                              ("fentry", self.fentry), ("witness", self.witness), ("load", self.load)):
            for name, result in results.items():
                yield (part, name), result


def count(columns):
    return collections.Counter(r.verdict for c in columns for _, r in c.results())


def untried(columns, lacks):
    """Of the needs that a machine lacks, those whose tests ran in no guest either."""
    ran = {part for column in columns for (part, _), result in column.results() if result.verdict != "skip"}
    return [need for need in lacks if live.part_of(need) not in ran]


def row_of(key):
    part, name = key
    return (part, name) if part == "check" else (part, name[0])


def cell(results):
    """Of one check, or of all tests of a file."""
    if not results:
        return "-"
    cnt = collections.Counter(r.verdict for r in results)
    if len(results) == 1 and cnt["ok"]:
        return "ok"
    if cnt["skip"] == len(results):
        return "skip"
    return str(cnt["ok"]) + (f"+{cnt['skip']}" if cnt["skip"] else "") + (f" {cnt['FAIL']} FAIL" if cnt["FAIL"] else "")


def rows(columns):
    """(part, name) -> a cell for each column"""
    keys = {("check", name): None for name in checks.CHECKS}
    found = [collections.defaultdict(list) for _ in columns]
    for c, column in zip(found, columns):
        for key, result in column.results():
            keys[row_of(key)] = None
            c[row_of(key)].append(result)
    return {key: [cell(c[key]) for c in found] for key in keys}


def package_of(compiler):
    """Of the newest one that was to be had, which is fetched (newest_clang.py), its package's name."""
    done = kernels.HOME / compiler / ".complete"
    return done.read_text() if done.exists() else compiler


def named(key):
    part, name = key
    return {"check": name, "compiler": f"all checks, {package_of(name)}", "live": name, "hybrid": f"{name}, hybrid",
            "no32": f"{name}, no 32-bit calls",
            "hogs": f"{name}, beside hogs", "fentry": f"{name}, fentry", "witness": f"{name}, witnesses alone", "load": f"under {name}"}[part]


def table(columns):
    lines = rows(columns)
    width = max(len(named(key)) for key in lines)
    out = [" " * width + "".join(f"{c.title:>16}" for c in columns)]
    out += [f"{named(key):<{width}}" + "".join(f"{text:>16}" for text in cells) for key, cells in lines.items()]
    return "\n".join(out)


def short(why):
    """One line of a reason."""
    return " ".join(why.split())[:200].replace("|", "\\|")


def exceptions(columns):
    """What was not ok: (verdict, reason) -> kernels and names"""
    out = collections.OrderedDict()
    for column in columns:
        for key, result in column.results():
            if result.verdict != "ok":
                part, name = key
                name = name if part == "check" else f"{name[0]}::{name[1]}"
                at = out.setdefault((result.verdict, short(result.why)), collections.OrderedDict())
                at.setdefault(name, []).append(column.title)
    return out


def summary_cells(part, columns):
    """How many passed, and of how many that were not skipped."""
    for column in columns:
        cnt = collections.Counter(r.verdict for (p, _), r in column.results() if p == part)
        tried = cnt["ok"] + cnt["FAIL"]
        yield f"{cnt['ok']}/{tried}" if tried else "-"


def summary(columns):
    """A table of few rows, the first one of the document."""
    compilers = dict.fromkeys(package_of(name[0]) for c in columns for name in c.compiler)
    parts = collections.OrderedDict([("check", "checks"), ("compiler", f"checks, built by {', '.join(compilers) or 'other clangs'}"),
                                     ("live", "live tests"), ("hybrid", "live tests, hybrid cgroups"),
                                     ("no32", "live tests, ia32_emulation=0"),
                                     ("hogs", "live tests, beside hogs"),
                                     ("fentry", "live tests, --attach fentry"),
                                     ("witness", "live tests, by witnesses alone"),
                                     ("load", load_section.ROW)])
    lines = [f"| | {' | '.join(c.title for c in columns)} |", f"|---|{'---|' * len(columns)}"]
    lines += [f"| {name} | {' | '.join(summary_cells(part, columns))} |" for part, name in parts.items()]
    return "\n".join(lines)


def document(columns):
    titles = [c.title for c in columns]
    releases = ", ".join(c.release or f"{c.name} (not to be had)" for c in columns)
    cnt = count(columns)
    lines = ["<!-- SPDX-License-Identifier: Apache-2.0 -->", "# Kernels", "",
             f"Written by `make check-vm` on {datetime.date.today()}, from runs in QEMU guests (`-accel tcg`), of that "
             f"day or of an earlier one with the same sources, those of {kept.commit()}, with Debian's kernels {releases}.", "",
             "Tests that passed, of those that were not skipped (`-`: none):", "", summary(columns), "",
             f"{cnt['ok']} passed, {cnt['FAIL']} failed, {cnt['skip']} skipped: they do not apply, or could not be "
             "tried.", "", SHORT, "## Every row", "", LEGEND,
             f"| | {' | '.join(titles)} |", f"|---|{'---|' * len(titles)}"]
    lines += [f"| {named(key)} | {' | '.join(cells)} |" for key, cells in rows(columns).items()]
    lines += ["", *load_section.lines(columns)] if any(c.load for c in columns) else []
    lines += ["", "## What is not `ok`", "", "| | reason | kernels | tests |", "|---|---|---|---|"]
    for (verdict, why), names in exceptions(columns).items():
        where = list(dict.fromkeys(t for at in names.values() for t in at))
        told = [f"`{n}`" for n in names]
        more = f" and {len(told) - 6} more" if len(told) > 6 else ""
        lines.append(f"| {verdict} | {why} | {', '.join(where)} | {', '.join(told[:6])}{more} |")
    return "\n".join(lines) + "\n"


def with_section(text, title, after, lines):
    """The document with this section of it written anew; where there was none it goes before the one that comes after."""
    new = "\n".join(lines) + "\n\n"
    found = re.search(rf"^{re.escape(title)}\n.*?(?=^## |\Z)", text, re.M | re.S)
    begin, end = found.span() if found else [text.index(f"\n{after}\n") + 1] * 2
    return text[:begin] + new + text[end:]


def with_row(text, name, cells):
    """The document with this row of its first table written anew, or as its last one. cells: by the columns' titles."""
    first = re.search(r"(?:^\|.*\n)+", text, re.M)
    lines = [line for line in first[0].splitlines() if not line.startswith(f"| {name} |")]
    titles = lines[0].strip("|").split("|")[1:]
    lines.append(f"| {name} | {' | '.join(cells.get(title.strip(), '-') for title in titles)} |")
    return text[:first.start()] + "\n".join(lines) + "\n" + text[first.end():]


def with_load(text, columns):
    """The document with what is of calls under load written anew, as far as it ran, and no more."""
    row = load_section.counts(columns, text)
    text = with_section(text, load_section.TITLE, "## What is not `ok`", load_section.lines(columns, text))
    return with_row(text, load_section.ROW, row)
