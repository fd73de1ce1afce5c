# SPDX-License-Identifier: Apache-2.0
"""What load.py found, for docs/kernels.md: apart from it, so that words can change without another run of it all."""

import collections
import re

import kept
import kernels
import load

TITLE = "## Under load"
ROW = "calls under load"
LEGEND = """\
Of the calls that programs made by their own count, how many were told (bold where some are missing). In brackets what was
not told as `complete`: only from the entry (`ended`), only from the exit (`orphan`), by the audit only; and what of the
missing ones was counted as lost, or seen by nothing (`unseen`). `hogs`, `stress-ng`, `strace`, `parked`: three `dd
if=/dev/zero of=/dev/null bs=1` on two CPUs beside threads that call in a loop, `stress-ng --vm-rw` with 4 and 8 workers,
`strace -f` of a shell, and 60 calls that are parked in the kernel. `attack`: 32 threads of nice 19 that call in a loop on one
CPU, and a victim on it that calls 5,000 times, once in 10 ms. `map writers`: 16 such threads and four victims on one CPU,
beside threads that write to a BPF map (bpf(2)). `stop`: whether the run of the tracer then said that nothing was missing.
`audit`: with `--audit`. `-`: not run. `short`: with fewer calls (the victim makes 300).
`kprobes`: a build for tests to which kprobe.multi is refused, so that kprobes and raw_syscalls/sys_exit are in its place.
`witnesses alone`: one that attaches witnesses, and neither tracepoints nor fentry (of both, the victim makes 1,000).
"""

MAPS = """A task that is preempted inside of a map operation of bpf(2) keeps the kernel from running the witnesses on that
   CPU, all but the permission check's (`bpf_prog_active`), and preempted first hooks keep it from running those. The
   permission check's takes a call for the one before it, if that never came to the check, and all its ends and the first
   hook's look at this one were passed over (docs/design.md, Witnesses); before d0d0f27 also if that one was seen by this check
   alone. It takes a descriptor of a map; `skipped_runs` bounds what is missing, and `--audit` tells it."""
FENTRY = """With `--attach fentry` tasks are preempted inside the first hooks, and up to 6.12, and wherever kprobe.multi is refused,
   no witness sees each return: a `kretprobe` takes from a pool that parked or preempted calls empty (docs/design.md,
   Witnesses). With tracepoints it is exact there."""
BOUND = """Before 6.7 the kernel does not count the runs of kprobes that it passes over, so that beside fentry's hooks it is not
   known that they saw everything."""

UNKNOWN = "Not explained."
# What there is no kernel for.
BETWEEN = """\
Run with Debian's kernels as they are, in QEMU guests of two CPUs. Of 5.12 to 6.0 with preempt=full there is no figure: Debian's
archive has no kernel between 5.10 and 6.1, and 5.10 has no such mode. By what guards the hooks there: programs on
tracepoints run with preemption off, as up to 6.x, so that nothing is passed over. Those on functions, of `--attach fentry`, are
preempted and guarded as on 6.1 (one run per program and CPU, from 5.12 on), and no witness is beside them before 6.1
(docs/design.md, Witnesses): calls beside preempted ones are missed. The kernel counts these runs (`recursion_misses`, from
5.12 on), so that `skipped_runs` bounds them and the run is not complete (`hooks_skipped`); `--audit` tells the calls.
"""
ABSENT = "-"
# The last row: of which commit a column is.
RUN = "commit"

Cell = collections.namedtuple("Cell", "text why")


def reason(name, result, release, part):
    """Why a cell is not exact; None if it is."""
    f, version = result.figures, tuple(map(int, re.findall(r"\d+", release)[:2]))
    if f is None or result.verdict != "ok":
        return f"{result.verdict}: {' '.join(result.why.split())[:300]}"
    way = name.partition(":")[0]
    exact = f["complete"] if "made" not in f else not f["missing"] and f["phases"].keys() <= {"complete"}
    if exact:
        return None
    if "map writer" in name or "unguarded" in name:
        return MAPS
    if way.startswith("fentry") and "made" not in f and version < (6, 7):
        return BOUND
    return FENTRY if way.startswith("fentry") and (version < (7, 0) or part == "load kprobes") else UNKNOWN


def notes(figures):
    """What is to be known of a run's calls besides."""
    out = [f"{n} {phase}" for phase, n in figures["phases"].items() if phase != "complete"]
    out += [f"{figures['unseen']} unseen"] if figures["unseen"] else []
    return ", ".join(out + [f"{n} lost ({why})" for why, n in figures["lost"].items()])


def shown(result):
    """A cell: how many of how many, and what is to be known of them; of a run's end, whether it was complete."""
    f = result.figures
    if f is None:
        return result.verdict
    if "made" not in f:
        return "complete" if f["complete"] else f"not complete ({', '.join(f['incomplete'])})"
    told = f["made"] - f["missing"]
    return (f"{told}" if not f["missing"] else f"**{told}** of {f['made']}") + (f" ({notes(f)})" if notes(f) else "")


def titles(columns):
    """(column, pass) -> what to call it, of those that ran"""
    return {(column, part): column.title + (f", {load.TITLES[part]}" if part in load.TITLES else "")
            for column in columns for part in load.PASSES if any(key[0] == part for key in column.load)}


def moment(column, part):
    """Of which commit, and on which day; and whether it was the short form."""
    short = ", short" if load.form(kernels.Kernel(column.name), part, False) == "short" else ""
    return kept.when(column.name, part).replace("commit ", "") + short


def found(columns):
    """title -> {row: Cell}, of what ran now"""
    return {title: {**{key[1]: Cell(shown(r), reason(key[1], r, column.release, part)) for key, r in column.load.items() if key[0] == part},
                    RUN: Cell(moment(column, part), None)} for (column, part), title in titles(columns).items()}


def written(text):
    """The same, of what a document says."""
    section = re.search(rf"^{re.escape(TITLE)}\n.*?(?=^## |\Z)", text, re.M | re.S)
    if not section:
        return {}
    rows = [[cell.strip() for cell in line[1:-1].split("|")] for line in section[0].splitlines() if line.startswith("| ")]
    whys = dict(re.findall(r"^(\d+)\. (.*?)(?=\n\d+\. |\n*\Z)", section[0], re.M | re.S))
    out = {title: {} for title in rows[0][1:]}
    for name, *cells in rows[1:]:
        for title, cell in zip(out, cells):
            value, mark = re.fullmatch(r"(.*?)(?: \[(\d+)\])?", cell).groups()
            if value != ABSENT:
                out[title][name] = Cell(value, whys.get(mark))
    return out


def apart(way, old, new):
    """What to call the rows of a way that ran now, where not all did."""
    ran, left = ([name.partition(": ")[2] for name in names if name.partition(":")[0] == way] for names in (new, old.keys() - new.keys()))
    if len(ran) < len(left):
        return f"{way}: {', '.join(ran)}"
    return way + (f" without {', '.join(sorted(left))}" if left else "")


def joined(old, new):
    """A column's cells: those that ran now, and the others as they were. What ran apart from the rest is called by its way."""
    out = {**old, **new}
    if new and old.keys() - new.keys():
        ways = dict.fromkeys(name.partition(":")[0] for name in new if name != RUN)
        out[RUN] = Cell(f"{old[RUN].text}; {' and '.join(apart(way, old, new) for way in ways)}: {new[RUN].text}", None)
    return out


def kernel_of(title):
    return title.partition(", ")[0]


def table(columns, text=""):
    """title -> {row: Cell}: what ran now, and the rest of what the document says, the columns of a kernel side by side and
    the one of it as it is before the others."""
    old, new = written(text), found(columns)
    cells = {title: joined(old.get(title, {}), new.get(title, {})) for title in {**old, **new}}
    order = list(dict.fromkeys(map(kernel_of, cells)))
    return dict(sorted(cells.items(), key=lambda item: (order.index(kernel_of(item[0])), item[0] != kernel_of(item[0]))))


def counts(columns, text=""):
    """By kernel, how many passed and of how many."""
    out = {}
    for title, cells in table(columns, text).items():
        tried = [cell for name, cell in cells.items() if name != RUN and cell.text != "skip"]
        failed = [cell for cell in tried if (cell.why or "").startswith("FAIL")]
        passed, of = out.get(kernel_of(title), (0, 0))
        out[kernel_of(title)] = passed + len(tried) - len(failed), of + len(tried)
    return {kernel: f"{passed}/{of}" for kernel, (passed, of) in out.items()}


def lines(columns, text=""):
    """For docs/kernels.md: a column for each kernel and way of preemption, and below the reasons for what is not exact. text:
    the document, whose cells that did not run now stay."""
    cells = table(columns, text)
    # In the order of the one that has most.
    names = dict.fromkeys(name for of in sorted(cells.values(), key=len, reverse=True) for name in of if name != RUN)
    marks = {}
    out = [TITLE, "", LEGEND, f"| | {' | '.join(cells)} |", f"|---|{'---|' * len(cells)}"]
    for name in [*names, RUN]:
        row = [of.get(name, Cell(ABSENT, None)) for of in cells.values()]
        told = [c.text + (f" [{marks.setdefault(c.why, len(marks) + 1)}]" if c.why else "") for c in row]
        out.append(f"| {name} | {' | '.join(told)} |")
    out += ["", BETWEEN]
    return out + [f"{n}. {why}" for why, n in marks.items()]
