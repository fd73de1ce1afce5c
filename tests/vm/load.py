# SPDX-License-Identifier: Apache-2.0
"""Calls under load, in guests: test_load.py makes and counts them there."""

import collections
import json

import guest
import kernels
import live
import root

# The passes: the kernel as it is; one whose tasks are preempted wherever they are; and by builds for tests
# (guests.mk), one that has kprobes in the place of kprobe.multi, and one of which only the witnesses see the calls.
PASSES = ["load", "load full", "load kprobes", "load alone"]
WORDS = {"load full": "preempt=full"}
BUILDS = {"load kprobes": "pvmtrace-kprobes", "load alone": "pvmtrace-witness"}
# What sees begins, returns and, with tracepoints, ends there.
WITNESSES = {"load kprobes": "kprobe,,raw_syscalls/sys_exit", "load alone": "kprobe.multi,kretprobe.multi,"}
# How a column of theirs is called besides the kernel.
TITLES = {**WORDS, "load kprobes": "kprobes", "load alone": "witnesses alone"}
MEMORY = "4G"
SECONDS = 3000

Result = collections.namedtuple("Result", "verdict why figures")


def passes(kernel, how_many, short=False):
    """how_many: "none" or "all". short: what make check takes."""
    if how_many == "none" or short and kernel.name != "newest":
        return []
    if short or kernel.arch != "amd64":
        return PASSES[:1]
    return [*PASSES[:1], *(WORDS if kernel.has_preempt_dynamic() else []),
            *(BUILDS if kernel.version >= live.WITNESS_FROM else [])]


def form(kernel, part, short):
    """What is run of it (test_load.py): "short" where the guest is slow."""
    return "short" if short or kernel.arch != "amd64" else "few" if part in BUILDS else "whole"


def parse(text, part):
    """(part, test) -> Result"""
    out = collections.OrderedDict()
    verdicts = live.parse(text)
    for case in live.cases(text):
        verdict = verdicts[case.get("classname").rpartition(".")[2], case.get("name")]
        found = case.find("properties/property[@name='figures']")
        name = case.get("name").partition("[")[2].rstrip("]")
        out[part, name] = Result(*verdict, json.loads(found.get("value")) if found is not None else None)
    if ("guest", "end") in verdicts:
        out[part, "end"] = Result(*verdicts["guest", "end"], None)
    return out


def run(kernel, part, short=False, chosen=None, seconds=SECONDS):
    """Of one guest; guest.Failed if it did not come to its end. chosen: for pytest's -k."""
    work = kernels.HOME / "run" / f"{kernel.name}-{part.replace(' ', '-')}"
    work.mkdir(parents=True, exist_ok=True)
    initrd = work / "initrd"
    words = ["-o", "junit_family=xunit1", *(["-k", chosen] if chosen else []), "tests/vm/test_load.py"]
    files = live.contents(kernel, words, seconds, part)
    files["pvmtrace/tests/vm/test_load.py"] = kernels.ROOT / "tests" / "vm" / "test_load.py"
    files["pvmtrace/build/live/pvmtally.so"] = kernel.build / "live" / "pvmtally.so"
    if part in BUILDS:
        files["pvmtrace/build/pvmtrace"] = kernel.build / "vm" / BUILDS[part]
    guest.make_initrd(initrd, files, root.get(kernel.arch))
    try:
        text = guest.boot(kernel, initrd, work, seconds + 180, MEMORY,
                          f"{WORDS.get(part, '')} PVM_LOAD={form(kernel, part, short)} PVM_WITNESSES={WITNESSES.get(part, '')}")
    finally:
        initrd.unlink()
    return parse(text, part)


if __name__ == "__main__":
    # For a look at one kernel: load.py KERNEL PASS short|whole [-k's words]
    import sys
    _kernel = kernels.get(sys.argv[1])
    for (_, name), r in run(_kernel, sys.argv[2], sys.argv[3] == "short", sys.argv[4] if len(sys.argv) > 4 else None).items():
        print(f"{_kernel.title} {sys.argv[2]}: {name}: {r.verdict}: {r.figures or r.why[:1000]}", flush=True)
