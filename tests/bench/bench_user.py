# SPDX-License-Identifier: Apache-2.0
"""The user half alone: a recording of one typical call, many times over, is rendered. No kernel half, no root."""

import re
import shutil
import struct
import subprocess
import time

from bench_cost import spread
from bench_tools import CPU_TOOL, ROOT, SCRATCH, Unable, finish, spawn, tracer

GOLDEN = "tests/golden/calls.pvmtrace"
RECORDING = f"{SCRATCH}/typical.pvmtrace"
FORMATS = ("json", "ecs", "ocsf", "text")
FEW, MANY = 1000, 11000
LINES = 1000000
# user/output/recording.h and bpf/event.h.
HEADER_SIZE = struct.Struct("<20xI")
FRAME = struct.Struct("<III")
FRAME_CALL = 1
PVM_CALL, PVM_COMPLETE = 1, 1
CALL = struct.Struct("<IHH72xB15xQ16xQ")


def frames(data):
    """(kind, whole frame) of a recording's frames."""
    at = HEADER_SIZE.unpack_from(data)[0]
    while at < len(data):
        size, kind, _ = FRAME.unpack_from(data, at)
        end = at + FRAME.size + size
        yield kind, data[at:end]
        at = end


def is_typical(kind, frame):
    """A completed call of one element a side."""
    if kind != FRAME_CALL or len(frame) < FRAME.size + CALL.size:
        return False
    _, what, _, phase, local, remote = CALL.unpack_from(frame, FRAME.size)
    return (what, phase, local, remote) == (PVM_CALL, PVM_COMPLETE, 1, 1)


def write_recording(calls):
    data = (ROOT / GOLDEN).read_bytes()
    before = [data[:HEADER_SIZE.unpack_from(data)[0]]]
    for kind, frame in frames(data):
        if is_typical(kind, frame):
            (ROOT / RECORDING).write_bytes(b"".join(before) + frame * calls)
            return
        before.append(frame)
    raise Unable(f"{GOLDEN} has no call of one element a side")


def command(form, out):
    return [tracer(), "--replay", RECORDING, "-q", "-f", form, "-o", out]


def count_instructions(form, calls):
    write_recording(calls)
    # valgrind makes calls of its own in the program.
    run = subprocess.run(["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null",
                          *command(form, "/dev/null"), "--no-sandbox"],
                         cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, check=False)
    found = re.search(r"Collected *: (\d+)", run.stderr.decode(errors="replace"))
    if not found:
        raise Unable(f"valgrind: {run.stderr.decode(errors='replace')[-200:]}")
    return int(found[1])


def instructions(say):
    """Instructions an event, by format: the difference of two runs, so that the program's start is not in it."""
    if not shutil.which("valgrind"):
        raise Unable("valgrind is not installed")
    found = {}
    for form in FORMATS:
        say(f"instructions: {form}")
        found[form] = (count_instructions(form, MANY) - count_instructions(form, FEW)) / (MANY - FEW)
    return found


def lines_a_second(repeats, say):
    """(where to, lines a second): reading the recording is in it."""
    write_recording(LINES)
    rows = []
    for title, out in (("/dev/null", "/dev/null"), ("a file on tmpfs", f"{SCRATCH}/replayed.json")):
        say(f"replay: {title}")
        times = []
        for _ in range(repeats):
            begin = time.monotonic()
            proc = spawn(command("json", out), CPU_TOOL, stdout=subprocess.DEVNULL,
                         stderr=subprocess.DEVNULL)
            proc.wait()
            times.append(LINES / (time.monotonic() - begin))
            finish(proc)
            (ROOT / SCRATCH / "replayed.json").unlink(missing_ok=True)
        rows.append((title, spread(times)))
    (ROOT / RECORDING).unlink()
    return rows


def copy_rate(repeats):
    """What the tmpfs takes: bytes a second that dd writes there from nothing."""
    rates = []
    size = 1 << 30
    for _ in range(repeats):
        begin = time.monotonic()
        proc = spawn(["dd", "if=/dev/zero", f"of={SCRATCH}/dd", "bs=1M", f"count={size >> 20}"], CPU_TOOL,
                     stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        proc.wait()
        rates.append(size / (time.monotonic() - begin))
        finish(proc)
        (ROOT / SCRATCH / "dd").unlink()
    return spread(rates)
