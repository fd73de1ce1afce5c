# SPDX-License-Identifier: Apache-2.0
"""What load.py found, for docs/kernels.md: apart from it, so that words can change without another run of it all."""

import re

import kept
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
`audit`: with `--audit`. `-`: not run.
"""

MAPS = """A task that is preempted inside of a map operation of bpf(2) keeps the kernel from running the witnesses on that
   CPU, all but the permission check's (`bpf_prog_active`), and preempted first hooks keep it from running those. The
   permission check's takes a call for the one before it, if all ends of that were passed over (docs/design.md, Witnesses).
   It takes a descriptor of a map; `skipped_runs` bounds what is missing, and `--audit` tells it."""
FENTRY = """With `--attach fentry` tasks are preempted inside the first hooks, and up to 6.12 no witness sees each return: a
   `kretprobe` takes from a pool that parked or preempted calls empty (docs/design.md, Witnesses). With tracepoints it is
   exact there."""
BOUND = """Before 6.7 the kernel does not count the runs of kprobes that it passes over, so that beside fentry's hooks it is not
   known that they saw everything."""

UNKNOWN = "Not explained."


def reason(name, result, release):
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
    return FENTRY if way.startswith("fentry") and version < (7, 0) else UNKNOWN


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


def when(columns):
    """By commit and day, which columns."""
    out = {}
    for (column, part), title in titles(columns).items():
        out.setdefault(kept.when(column.name, part), []).append(title)
    return "; ".join(f"{', '.join(names)}: {moment}" for moment, names in out.items())


def lines(columns):
    """For docs/kernels.md: a column for each kernel and way of preemption, and below the reasons for what is not exact."""
    named = titles(columns)
    found = {title: {key[1]: r for key, r in column.load.items() if key[0] == part} for (column, part), title in named.items()}
    # In the order of the one that has most.
    names = dict.fromkeys(name for tests in sorted(found.values(), key=len, reverse=True) for name in tests)
    notes_ = {}
    out = [TITLE, "", LEGEND, f"| | {' | '.join(found)} |", f"|---|{'---|' * len(found)}"]
    for name in names:
        cells = []
        for (column, _), tests in zip(named, found.values()):
            why = reason(name, tests[name], column.release) if name in tests else None
            mark = f" [{notes_.setdefault(why, len(notes_) + 1)}]" if why else ""
            cells.append(shown(tests[name]) + mark if name in tests else "-")
        out.append(f"| {name} | {' | '.join(cells)} |")
    out += ["", f"Run with Debian's kernels as they are, in QEMU guests of two CPUs. {when(columns)}.", ""]
    return out + [f"{n}. {why}" for why, n in notes_.items()]
