# SPDX-License-Identifier: Apache-2.0
"""The live tests in a guest: the same files, the same expectations, on another kernel."""

import collections
import os
import shlex
import xml.etree.ElementTree as ET
from pathlib import Path

import confirm
import guest
import kernels
import root

HERE = Path(__file__).resolve().parent
LIVE = kernels.ROOT / "tests" / "live"
# How many times as long as here things may take in a guest.
SLOWNESS = 10
MEMORY = "1536M"
# The attach method of those that ask for none.
ATTACH = os.environ.get("PVM_ATTACH", "tracepoint")
SECONDS = 3600

# What looks at cgroups, and the need of tests that it is about.
NEEDS_HYBRID = "cgroup_hybrid"
HYBRID = ["test_cgroups", "test_identity"]
# With --attach fentry a start takes several times as long, since each of the eight programs is verified by itself.
FENTRY_TIMES = 2
# Left out of that pass and of the one of witnesses alone, to save a guest's time: files whose outcome cannot depend on the
# hooks, and why.
SAME_WITH_FENTRY = {
    "test_sinks": "what becomes of lines behind the rings",
    "test_rotation": "the same",
    "test_notify": "talk with a service manager",
    "test_metrics": "counters, written once more",
    "test_text": "a recording, rendered",
    "test_replay": "recordings, told again",
    "test_command_line": "options, read and refused",
    "test_config": "the same in a file",
    "test_probe": "tries every hook, whatever --attach says",
    "test_schema": "the schema, held against itself",
    "test_outputs": "where lines go, behind the rings",
    "test_needs": "what a machine has, for these tests",
    "test_btf": "files of kernel types, read and refused",
    "test_host": "facts of the host, read once",
    "test_hostile": "how lines look",
    "test_sandbox": "the cage that the collector is in",
    "test_record_filters": "recordings, told again",
}

# What can notice that 32-bit calls are missing: the tests of them, and those that make one among others.
NO32 = ["test_needs", "test_abi", "test_filters", "test_probe", "test_records", "test_replay"]
# What is told of the machine, and that tests are skipped: enough where there is little time, without what is played.
NO32_SHORT = ["test_needs", "test_abi"]
NO32_SHORT_WORDS = ["-k", "not found_missing"]
# Beside programs that take the CPUs, which rest while a tracer starts (tests/live/pvm.py): how many times as long it takes.
HOGS_TIMES = 3
# What hooks that are passed over can change: whether a call is told, as which one, with which thread's and target's facts, and
# what the books say. What a fact is made of (mappings, rights, ancestors, filters) is read by the same code, whichever hook
# comes first, so it is left to the pass of witnesses alone. Of tests that differ in their parameters alone, one.
HOGS_FILES = ["test_records", "test_results", "test_arrays", "test_phases", "test_ended", "test_state", "test_passed_over",
              "test_retarget", "test_file_identity", "test_identity", "test_abi", "test_audit", "test_aside", "test_attach",
              "test_real_programs", "test_namespaces"]
# From 6.7 on a kernel can be started without them.
NO32_FROM = (6, 7)

# The passes over the live tests: as they are, on a hybrid hierarchy, without 32-bit calls, beside programs that take the
# CPUs, the same where any task is preempted anywhere, with --attach fentry, by a tracer whose first hooks are not attached.
PASSES = ["live", "hybrid", "no32", "hogs", "hogs full", "fentry", "witness"]
HOGS = ("hogs", "hogs full")
# Of these only files are run whose outcome can depend on the hooks.
HOOKS_ONLY = ("fentry", "witness")
# Witnesses see all that a function's hooks do from here on, where the first hooks need them.
WITNESS_FROM = (7, 0)

# More of the kernel's command line.
# Without 32-bit calls the kernel asks no BPF program for permissions either (test_probe).
WORDS = {"hybrid": "hybrid", "no32": "ia32_emulation=0 lsm=yama", "hogs": "hogs", "hogs full": "hogs preempt=full"}
# What every guest has: Debian's kernels, and a first process that is root.
ALWAYS = ["userfaultfd", "set_tid", "seccomp", "seccomp_notify", "mounts", "pid_ns", "user_ns", "time_ns", "uts_ns", "tracefs",
          "yama", "btf", "loginuid", "cgroup2", "cgroup", "securityfs", "debugfs", "perf_kprobes"]

Result = collections.namedtuple("Result", "verdict why")


def passes(kernel, how_many, short=False, lacks=()):
    """Which of them there are. how_many: "none" or "all". short, lacks: see arguments()."""
    if how_many == "none":
        return []
    no32 = ["no32"] if kernel.arch == "amd64" and kernel.version >= NO32_FROM else []
    if short:
        # The old kernel has the old kind of cgroups.
        old = kernel.version < (6, 0)
        found = {"hybrid": old and NEEDS_HYBRID in lacks, "live": not old and plain(lacks)}
        return [*(part for part, there in found.items() if there), *no32]
    hogs = ["hogs", "hogs full"] if kernel.arch == "amd64" and kernel.has_preempt_dynamic() else []
    witness = ["witness"] if kernel.arch == "amd64" and kernel.version >= WITNESS_FROM else []
    return ["live", "hybrid", *no32, *hogs, *([*witness, "fentry"] if ATTACH == "tracepoint" else [])]


def part_of(need):
    """The pass of the short form in which the tests that have this need run."""
    return "hybrid" if need == NEEDS_HYBRID else "live"


def plain(lacks):
    """Those of them that any guest has."""
    return [name for name in lacks if part_of(name) == "live"]


def arguments(part, short=False, lacks=()):
    """For pytest. short: what the machine itself cannot run, and little else. lacks: the needs of tests that it has not."""
    if short and part == "live":
        return ["-m", "not slow and not alike", f"--needing={','.join(plain(lacks))}", "tests/live"]
    names = {"hybrid": HYBRID[:1] if short else HYBRID, "no32": NO32_SHORT if short else NO32,
             **dict.fromkeys(HOGS, HOGS_FILES)}.get(part)
    files = [f"tests/live/{name}.py" for name in names] if names else ["tests/live"]
    chosen = NO32_SHORT_WORDS if short and part == "no32" else []
    ignored = [f"--ignore=tests/live/{name}.py" for name in SAME_WITH_FENTRY] if part in HOOKS_ONLY else []
    once = ["--one-of-each"] if part in (*HOGS, "witness") else []
    return ["-m", "not slow", *once, *chosen, *ignored, *files]


def contents(kernel, words, seconds, part):
    """What the guest has besides its Debian."""
    build = kernel.build
    found = {"init": HERE / "init-live", "arguments": shlex.join(words), "seconds": str(seconds)}
    shared = [kernels.ROOT / name for name in ("tests/needs.py", "tests/exit32.py", "tests/lacking", "packaging/pvmtrace.service",
                                               "docs/reading.md")]
    for path in [*shared, *LIVE.glob("*.py"), *(kernels.ROOT / "docs").glob("*.json")]:
        found[f"pvmtrace/{path.relative_to(kernels.ROOT)}"] = path
    for path in (build / "vm" / "live").glob("pvm*"):
        if not path.suffix:
            found[f"pvmtrace/build/live/{path.name}"] = path
    for name in ("pvmtrace-ended", "pvmtrace-few", "pvmtrace-passed", "pvmtrace-native", "pvmtrace-tasks", "pvmtrace-escape"):
        found[f"pvmtrace/build/vm/{name}"] = build / "vm" / name
    for name in ("pvmclock.so", "pvmstill.so"):
        found[f"pvmtrace/build/live/{name}"] = build / "live" / name
    found["usr/bin/busybox"] = kernel.busybox
    found["pvmtrace/build/pvmtrace"] = build / ("vm/pvmtrace-witness" if part == "witness" else "pvmtrace")
    return found


def known(kernel, part):
    """What a guest has, and what not, for the first process's environment: test_needs holds the probes against it."""
    there, absent = list(ALWAYS), []
    (there if kernel.version >= (6, 13) else absent).append("kfunc")
    (there if kernel.version >= (5, 13) else absent).append("for_each")
    (there if kernel.configured("ANON_VMA_NAME") else absent).append("vma_names")
    # Debian's kernels have it since then, and in that part they start without it.
    (there if kernel.version >= (6, 0) and part != "no32" else absent).append("landlock")
    if kernel.arch == "amd64":
        (there if kernel.version >= WITNESS_FROM else absent).append("witnesses")
    there += ["cgroup_pids", "cgroup_memory", "cgroup_hybrid"] if part == "hybrid" and kernel.version < (6, 0) else []
    if kernel.arch == "amd64":
        there += ["x86_64", "x32_refused"]
        (absent if part == "no32" else there).append("int80")
    if part == "no32":
        absent.append("program32")
    elif confirm.has_32_bit(kernel):
        there.append("program32")
    return f"PVM_HAS={','.join(there)} PVM_HAS_NOT={','.join(absent)}"


def cases(text):
    """The tests of a guest's report; none where pytest was killed before it wrote one."""
    report = text.partition("@report\n")[2].partition("\n@end\n")[0]
    try:
        return list(ET.fromstring("\n".join(line[1:] for line in report.splitlines())).iter("testcase"))
    except ET.ParseError:
        return []


def parse(text):
    """(file, test) -> Result, from what the guest told."""
    out = collections.OrderedDict()
    for case in cases(text):
        if not case.get("classname"):
            continue  # the time was over amid it, which the status says
        key = case.get("classname").rpartition(".")[2], case.get("name")
        bad = [e for kind in ("failure", "error") for e in case.findall(kind)]
        skipped = case.find("skipped")
        if bad:
            out[key] = Result("FAIL", "\n".join(f"{e.get('message')}\n{e.text}" for e in bad))
        elif skipped is not None:
            out.setdefault(key, Result("skip", skipped.get("message")))
        else:
            out.setdefault(key, Result("ok", ""))
    status = int(text.split("@status ")[1].split()[0])
    # Otherwise what time was too short for would be missing in silence: 0 and 1 are pytest's, of a run to the end.
    if status > 1 or not out:
        out["guest", "end"] = Result("FAIL", f"pytest was ended ({status}): not all tests ran")
    return out


def run(kernel, words, seconds, part="live"):
    """(file, test) -> Result; guest.Failed if the guest did not come to its end."""
    fentry = "fentry" in (part, ATTACH)
    slowness = SLOWNESS * (HOGS_TIMES if part in HOGS else 1)
    seconds *= FENTRY_TIMES if fentry else 1
    work = kernels.HOME / "run" / f"{kernel.name}-{part.replace(' ', '-')}"
    work.mkdir(parents=True, exist_ok=True)
    initrd = work / "initrd"
    guest.make_initrd(initrd, contents(kernel, words, seconds, part), root.get(kernel.arch))
    try:
        text = guest.boot(kernel, initrd, work, seconds + 180, MEMORY,
                          f"{WORDS.get(part, '')} {known(kernel, part)} PVM_SLOWNESS={slowness} "
                          f"PVM_ATTACH={'fentry' if fentry else ATTACH} PVM_HOOKS={part.partition(' ')[0]}")
    finally:
        initrd.unlink()
    result = parse(text)
    return {(f"{file}, {WORDS[part].split()[1]}", test): r for (file, test), r in result.items()} if part == "hogs full" else result
