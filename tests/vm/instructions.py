#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""
What a traced call costs on other kernels, in instructions of a guest's CPU, which QEMU counts (-icount): the guest's clock
then is that count, so a program that times its calls counts them. Prints a table; the figures are the same at every run,
but for the odd interrupt. "no witnesses" is a build for this (Makefile).
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
# (title, program, attach method)
TRACERS = [("tracepoint, no witnesses", "pvmtrace-first", "tracepoint"), ("tracepoint", "pvmtrace-static", "tracepoint"),
           ("fentry, no witnesses", "pvmtrace-first", "fentry"), ("fentry", "pvmtrace-static", "fentry")]

# The tracer stands still meanwhile: what it does on the other CPU would be counted, too.
MEASURE = "\n".join(f"step {kind} /caller -c 0 -m {kind} -n 4000 -t 100000" for kind in CALLS)


def script():
    out = [f"mark session untraced\n{MEASURE}\n"]
    for title, program, attach in TRACERS:
        name = title.replace(" ", "_")
        out.append(f"rm -f /pvmtrace && cp /{program} /pvmtrace\nsession {name} --ring-size 64M --attach {attach}\n"
                   f"kill -STOP $tracer\n{MEASURE}\nkill -CONT $tracer\n"
                   "kill -TERM $tracer; wait $tracer; mark session-status $?; rm -f /tmp/out\n")
    return "".join(out)


def measure(kernel):
    """title -> kind of call -> instructions, of the median of its undisturbed calls; None: it does not run there."""
    work = kernels.HOME / "run" / f"{kernel.name}-instructions"
    work.mkdir(parents=True, exist_ok=True)
    programs = {program: kernel.build / "vm" / program for _, program, _ in TRACERS}
    guest.make_initrd(work / "initrd", {"init": guest.HERE / "init", "script": script(), "caller": kernel.build / "vm" / "caller",
                                        "bin/busybox": kernel.busybox, **programs})
    sessions = guest.parse(guest.boot(kernel, work / "initrd", work, SECONDS, MEMORY, qemu=ICOUNT))
    found = {}
    for title in ["untraced", *(title for title, _, _ in TRACERS)]:
        session = sessions[title.replace(" ", "_")]
        traces = title == "untraced" or session.status == 0
        found[title] = {kind: json.loads(session.steps[kind].facts[0])["ns_per_call"] for kind in CALLS} if traces else None
    return found


def table(columns):
    """columns: kernel's title -> what measure() gave."""
    lines = [f"| instructions a call | {' | '.join(f'{title}, {CALLS[kind]}' for title in columns for kind in CALLS)} |",
             f"|---|{'---:|' * len(columns) * len(CALLS)}"]
    for title in ["untraced", *(title for title, _, _ in TRACERS)]:
        cells = [f"{found[title][kind]:,.0f}" if found[title] else "-" for found in columns.values() for kind in CALLS]
        lines.append(f"| {title} | {' | '.join(cells)} |")
    return "\n".join(lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("kernel", nargs="+", help="as tests/vm/run names them, of x86-64")
    names = parser.parse_args().kernel
    columns = {}
    for name in names:
        kernel = kernels.get(name)
        columns[kernel.title] = measure(kernel)
    print(table(columns))
    return 0


if __name__ == "__main__":
    sys.exit(main())
