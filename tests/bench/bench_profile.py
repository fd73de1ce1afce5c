# SPDX-License-Identifier: Apache-2.0
"""Where the time of a traced call goes: perf looks at the producer's CPU many times a second."""

import collections
import re
import subprocess
import time

from bench_tools import CPU_CALLER, CPU_TOOL, ROOT, SCRATCH, Pvmtrace, Unable, caller_args, finish, spawn

HERTZ = 10000
SECONDS = 2
DATA = f"{SCRATCH}/profile.data"
# What our programs call, by what that is for; the first pattern that fits. The rest is their own code.
PARTS = [
    (r"bpf_probe_read_user|copy_from_user", "reading the two arrays, twice"),
    (r"bpf_ringbuf", "the record: room in the ring, and the copy into it"),
    (r"vpid|bpf_task_acquire|bpf_task_release|put_task", "finding the target"),
    (r"ktime|read_tsc", "the clock, twice"),
    (r"htab|lookup|map_", "the table of calls in flight"),
]
OWN = "our programs' own code: identities, comparison, counters"


def part_of(stack):
    """stack: from the innermost function outwards."""
    ours = [at for at, name in enumerate(stack) if re.search(r"bpf_prog_\w+_pvm_", name)]
    if ours:
        called = stack[ours[0] - 1] if ours[0] else ""
        return next((what for pattern, what in PARTS if re.search(pattern, called)), OWN)
    if any("bpf_trace_run" in name or "bpf_prog_" in name for name in stack):
        return "the kernel's way to the hooks"
    return "the call itself, and the system call's slow path"


def profile(say):
    """{part: share of the time} of 1+1 calls without pause."""
    say("profile")
    counts = collections.Counter()
    with Pvmtrace(out="null") as tool:
        producer = spawn(caller_args("-e", "1", "-t", (SECONDS + 1) * 1000), CPU_TOOL, stdout=subprocess.DEVNULL)
        time.sleep(0.5)
        perf = spawn(["perf", "record", "-q", "-g", "-e", "cpu-clock", "-F", HERTZ, "-C", CPU_CALLER, "-o", DATA,
                      "--", "sleep", SECONDS], CPU_TOOL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        perf.wait()
        finish(perf)
        finish(producer)
        tool.stop()
    shown = subprocess.run(["perf", "script", "-i", DATA, "--comm", "caller", "-F", "ip,sym"], cwd=ROOT,
                           stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=False)
    (ROOT / DATA).unlink(missing_ok=True)
    for block in shown.stdout.decode(errors="replace").split("\n\n"):
        stack = [line.split(None, 1)[-1] for line in block.strip().splitlines() if line.strip()]
        if stack:
            counts[part_of(stack)] += 1
    total = sum(counts.values())
    if total < 1000:
        raise Unable(f"perf saw only {total} samples of the producer")
    return {part: n / total for part, n in counts.most_common()}
