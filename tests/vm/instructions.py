#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""
What a traced call costs on other kernels, in instructions of a guest's CPU, which QEMU counts (-icount): the guest's clock
then is that count, so a program that times its calls counts them. Prints a table; the figures are the same at every run,
but for the odd interrupt. "no witnesses" is a build for this (Makefile). With --limits it fails where witnesses cost more than
they may, or what is told beside a call itself does.
"""

import argparse
import json
import sys

import guest
import kernels

ICOUNT = ["-icount", "shift=0,sleep=off"]
MEMORY = "2G"
SECONDS = 900
CALLS = {"readv": "one element a side", "getppid": "getppid"}
# (title, program, options, what a call of one element a side may take with it: docs/design.md, "What a call costs"; None: that is
# asked of another row, or of what witnesses add)
TRACERS = [("tracepoint, no witnesses", "pvmtrace-first", "--attach tracepoint", 8172),
           ("the same, no regions and ancestors", "pvmtrace-first", "--attach tracepoint --regions 0 --ancestors 0", 7863),
           ("tracepoint", "pvmtrace-static", "--attach tracepoint", None),
           ("fentry, no witnesses", "pvmtrace-first", "--attach fentry", None),
           ("fentry", "pvmtrace-static", "--attach fentry", None)]

# What witnesses may add to a call of one element a side (docs/design.md), by attach method; and to other system calls,
# where they add nothing: the odd interrupt.
LIMITS = {"tracepoint": 1500, "fentry": 1500}
NOISE = 10

# The tracer stands still meanwhile: what it does on the other CPU would be counted, too.
MEASURE = "\n".join(f"step {kind} /caller -c 0 -m {kind} -n 4000 -t 100000" for kind in CALLS)


def script():
    out = [f"mark session untraced\n{MEASURE}\n"]
    for title, program, options, _ in TRACERS:
        name = title.replace(" ", "_")
        out.append(f"rm -f /pvmtrace && cp /{program} /pvmtrace\nsession {name} --ring-size 64M {options}\n"
                   f"kill -STOP $tracer\n{MEASURE}\nkill -CONT $tracer\n"
                   "kill -TERM $tracer; wait $tracer; mark session-status $?; rm -f /tmp/out\n")
    return "".join(out)


def measure(kernel):
    """title -> kind of call -> instructions, of the median of its undisturbed calls; None: it does not run there."""
    work = kernels.HOME / "run" / f"{kernel.name}-instructions"
    work.mkdir(parents=True, exist_ok=True)
    programs = {program: kernel.build / "vm" / program for _, program, _, _ in TRACERS}
    guest.make_initrd(work / "initrd", {"init": guest.HERE / "init", "script": script(), "caller": kernel.build / "vm" / "caller",
                                        "bin/busybox": kernel.busybox, **programs})
    sessions = guest.parse(guest.boot(kernel, work / "initrd", work, SECONDS, MEMORY, qemu=ICOUNT))
    found = {}
    for title in ["untraced", *(row[0] for row in TRACERS)]:
        session = sessions[title.replace(" ", "_")]
        traces = title == "untraced" or session.status == 0
        found[title] = {kind: json.loads(session.steps[kind].facts[0])["ns_per_call"] for kind in CALLS} if traces else None
    return found


def table(columns):
    """columns: kernel's title -> what measure() gave."""
    lines = [f"| instructions a call | {' | '.join(f'{title}, {CALLS[kind]}' for title in columns for kind in CALLS)} |",
             f"|---|{'---:|' * len(columns) * len(CALLS)}"]
    for title in ["untraced", *(row[0] for row in TRACERS)]:
        cells = [f"{found[title][kind]:,.0f}" if found[title] else "-" for found in columns.values() for kind in CALLS]
        lines.append(f"| {title} | {' | '.join(cells)} |")
    return "\n".join(lines)


def complaints(found):
    """found: what measure() gave."""
    out = []
    for attach, limit in LIMITS.items():
        without, beside = found[f"{attach}, no witnesses"], found[attach]
        if not without or not beside:
            out.append(f"{attach}: it does not run there")
            continue
        for kind, most in {"readv": limit, "getppid": 0}.items():
            added = beside[kind] - without[kind]
            if added > most + NOISE:
                out.append(f"{attach}: witnesses add {added:,.0f} instructions to {CALLS[kind]}, {most:,} at most are promised")
    for title, _, _, most in TRACERS:
        takes = found[title]["readv"] if found[title] else None
        if most is None:
            continue
        if takes is None:
            out.append(f"{title}: it does not run there")
        elif takes > most + NOISE:
            out.append(f"{title}: a call takes {takes:,.0f} instructions, {most:,} at most are promised")
    return out


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("kernel", nargs="+", help="as tests/vm/run names them, of x86-64")
    parser.add_argument("--limits", action="store_true", help="fail where witnesses cost more than they may")
    args = parser.parse_args()
    columns = {}
    for name in args.kernel:
        kernel = kernels.get(name)
        columns[kernel.title] = measure(kernel)
    print(table(columns))
    bad = [f"{title}: {line}" for title, found in columns.items() for line in complaints(found)] if args.limits else []
    print("\n".join(bad), end="\n" if bad else "")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
