# SPDX-License-Identifier: Apache-2.0
"""In a guest, by load.py: programs that make an exact number of calls, under load; is each of them told? A kernel that lets
one of our hooks be preempted does not run it meanwhile, and calls can go unseen."""

import collections
import functools
import json
import mmap
import os
import re
import shlex
import signal
import struct
import subprocess
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
BUILD = ROOT / "build"
OUT, ERR, TALLY = Path("/tmp/load.out"), Path("/tmp/load.err"), Path("/tmp/load.tally")
# Whether there is time for all, or only for what tells most; or whether it is of a build of which only few are asked.
SHORT, FEW = (os.environ.get("PVM_LOAD") == form for form in ("short", "few"))
# What sees begins, returns and ends of calls beside the first hooks, of a build of which that is known.
WITNESSES = os.environ.get("PVM_WITNESSES")
SECONDS = 1200  # the longest that a load may take, in a guest that has a third of a CPU
HOG = ["dd", "if=/dev/zero", "of=/dev/null", "bs=1"]

# hogs: programs that only use a CPU, beside it. program: its own count of calls comes from pvmload, or by pvmtally.
# unguarded: it works in BPF maps, so that the kernel passes hooks over that nothing else can hinder.
Load = collections.namedtuple("Load", "hogs program unguarded")


def load(hogs, whole, short=None, unguarded=False):
    return Load(hogs, shlex.split(short if SHORT and short else whole), unguarded)


STRESS = "stress-ng -q --vm-rw-bytes 64K"
SHELL = "strace -f -o /dev/null sh -c 'for i in $(seq {}); do ls / >/dev/null; done'"
ATTACK = "pvmload -c 0 -t 32 -n 65536 -N 19 -s 200000 -v 1"
WRITERS = "pvmload -c 0 -t 16 -n 65536 -N 19 -s 60000 -v 4"
LOADS = {
    "idle": load(0, "pvmload -t 0 -v 4 -m 250", "pvmload -t 0 -v 4 -m 50"),
    "hogs": load(3, "pvmload -t 4 -n 4000 -N 0", "pvmload -t 4 -n 1000 -N 0"),
    "stress-ng 4": load(3, f"{STRESS} --vm-rw 4 --vm-rw-ops 4000", f"{STRESS} --vm-rw 4 --vm-rw-ops 1000"),
    "stress-ng 8": load(3, f"{STRESS} --vm-rw 8 --vm-rw-ops 4000"),
    "strace": load(3, SHELL.format(20), SHELL.format(3)),
    "attack": load(0, f"{ATTACK} -m {1000 if FEW else 5000}", f"{ATTACK} -m 300"),
    "parked": load(3, "pvmload -t 4 -n 2000 -N 0 -P 60", "pvmload -t 4 -n 500 -N 0 -P 60"),
    "map writer, nice 0": load(0, f"{WRITERS} -b 1 -B 0 -m 500", unguarded=True),
    "map writers, nice 19": load(0, f"{WRITERS} -b 8 -B 19 -m 500", f"{WRITERS} -b 8 -B 19 -m 50", unguarded=True),
}
if SHORT:
    for name in ("stress-ng 8", "map writer, nice 0"):
        del LOADS[name]
if FEW:
    LOADS = {name: LOADS[name] for name in ("hogs", "attack", "parked")}
# One run of the tracer for each, since its start takes longer than most loads. audit: the option of that name.
Way = collections.namedtuple("Way", "attach audit unguarded")
WAYS = [Way(attach, audit, unguarded) for attach in ("tracepoint", "fentry") for audit in (False, True)
        for unguarded in (False, True)]
if SHORT:
    WAYS = [Way("tracepoint", False, False), Way("tracepoint", True, True), Way("fentry", False, False)]
if FEW:
    WAYS = [Way(attach, False, False) for attach in ("tracepoint", "fentry")]
# The last one of each way stops it.
CASES = [(way, name) for way in WAYS for name in [*(n for n, l in LOADS.items() if l.unguarded == way.unguarded), "stop"]]

# A caller that was gone before the audit asked for it has no name.
RE_CALL = re.compile(rb'"id":"([^"]+)","phase":"(\w+)",.*?"caller":{"pid":(\d+),"tid":(\d+),.*?"comm":(?:"([^"]*)"|null),'
                     rb'.*?"remote":{"addr":"0x([0-9a-f]+)","count":(\d+),')
IS_CALL = b'"type":"process_vm_access"'
Told = collections.namedtuple("Told", "phase pid tid comm addr count audit at")


class Tracer:
    """One run."""

    def __init__(self, way):
        OUT.unlink(missing_ok=True)
        self.way, self.offset, self.counters, self.missing, self.kicks = way, 0, collections.Counter(), 0, 0
        options = ["--ring-size", "128M", "--iov-limit", "1", "--attach", way.attach, *(["--audit"] if way.audit else [])]
        with open(ERR, "wb") as err:
            self.proc = subprocess.Popen([BUILD / "pvmtrace", "-v", "-o", OUT, *options], stdin=subprocess.DEVNULL,
                                         stdout=subprocess.DEVNULL, stderr=err)
        self.wait(lambda: b"tracing as" in ERR.read_bytes(), 120)

    def wait(self, cond, seconds):
        end = time.monotonic() + seconds
        while not cond() and time.monotonic() < end:
            assert self.proc.poll() is None, ERR.read_text()[-2000:]
            time.sleep(0.1)

    def read(self):
        """What was told since the last look: the last word of each call, sums of summaries by pid, other records."""
        told, together, others = {}, collections.Counter(), []
        with open(OUT, "rb") as lines:
            lines.seek(self.offset)
            for line in lines:
                if not line.endswith(b"\n"):
                    break
                at, self.offset = self.offset, self.offset + len(line)
                if IS_CALL in line[:120]:
                    key, phase, pid, tid, comm, addr, count = RE_CALL.search(line).groups()
                    told[key] = Told(phase.decode(), int(pid), int(tid), (comm or b"").decode(), int(addr, 16), int(count),
                                     b'"audit":true' in line, at)
                    continue
                others.append(json.loads(line))
                if others[-1]["type"] == "process_vm_summary":
                    together[others[-1]["caller"]["pid"]] += others[-1]["calls"]
        return list(told.values()), together, others

    def settle(self):
        """Until what has happened is told: calls without an exit are found by the sweep, once a second."""
        def counters():
            self.proc.send_signal(signal.SIGUSR1)
            time.sleep(0.5)
            with open(OUT, "rb") as file:
                file.seek(max(0, OUT.stat().st_size - (1 << 16)))
                found = [line for line in file.read().split(b"\n")[:-1] if b'"type":"stats"' in line[:120]]
            return json.loads(found[-1])["counters"] if found else None

        def settled():
            c = counters()
            return c and c["seen"] == c["emitted"] + c["summarised"] + c["filtered"] + c["lost"]
        time.sleep(3)
        self.wait(settled, 30)

    def lost(self, others):
        """By cause, since the last look."""
        now = collections.Counter([r for r in others if "counters" in r][-1]["counters"])
        moved = now - self.counters
        self.counters = now
        return {k[len("lost_"):]: v for k, v in moved.items() if k.startswith("lost_")}, moved["skipped_runs"]

    def stop(self):
        self.proc.send_signal(signal.SIGTERM)
        assert self.proc.wait(120) == 0, ERR.read_text()[-2000:]
        return self.read()


def hogs(number):
    return [subprocess.Popen(HOG, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            for _ in range(number)]


def run_numbered(program):
    """(calls made: (thread, place of the list, elements); facts)"""
    out = subprocess.run([BUILD / "live" / program[0], *program[1:]], capture_output=True, check=True, timeout=SECONDS).stdout
    facts = json.loads(out)
    return {(t["tid"], int(facts["list"], 16) + 16 * i, t["elements"]): t["role"]
            for t in facts["threads"] for i in range(t["made"])}, facts


def run_tallied(program):
    """How many it made."""
    TALLY.write_bytes(bytes(mmap.PAGESIZE))
    env = {**os.environ, "LD_PRELOAD": str(BUILD / "live" / "pvmtally.so"), "PVMTALLY": str(TALLY)}
    subprocess.run(program, env=env, check=True, timeout=SECONDS, stdout=subprocess.DEVNULL)
    return sum(struct.unpack("2Q", TALLY.read_bytes()[:16]))


def told_at(offset):
    """What tells a reader how a call came to be told twice."""
    with open(OUT, "rb") as lines:
        lines.seek(offset)
        call = json.loads(lines.readline())
    return {key: call[key] for key in ("time", "told", "phase", "audit", "duration_ns", "ret")} | {"at": call["remote"]["addr"]}


def count_numbered(made, facts, told, together):
    """What became of each call of pvmload."""
    mine = collections.Counter((t.tid, t.addr, t.count) for t in told if t.pid == facts["pid"])
    missing = collections.Counter(role for key, role in made.items() if key not in mine)
    return {"made": len(made), "missing": max(0, missing.total() - together[facts["pid"]]), "twice": mine.total() - len(mine),
            "doubles": [told_at(t.at) for t in told if t.pid == facts["pid"] and mine[t.tid, t.addr, t.count] > 1][:10],
            "missing_by": dict(missing), "unknown": len(mine.keys() - made.keys()),
            "made_by": dict(collections.Counter(made.values()))}


def run_load(program):
    """(what gives the counts of its calls, from what was told; which told calls are its own)"""
    if program[0] == "pvmload":
        made, facts = run_numbered(program)
        return lambda told, together: count_numbered(made, facts, told, together), lambda t: t.pid == facts["pid"]
    made, name = run_tallied(program), program[0]

    def count(told, together):
        cnt = len([t for t in told if t.comm.startswith(name)]) + together.total()
        return {"made": made, "missing": max(0, made - cnt), "twice": max(0, cnt - made)}
    return count, lambda t: t.comm.startswith(name)


def measure(tracer, load_):
    """The figures of one load."""
    beside, begin = hogs(load_.hogs), time.monotonic()
    try:
        count, is_mine = run_load(load_.program)
    finally:
        for hog in beside:
            hog.kill()
            hog.wait()
    seconds = time.monotonic() - begin
    tracer.settle()
    told, together, others = tracer.read()
    lost, skipped = tracer.lost(others)
    figures = count(told, together)
    phases = collections.Counter("audit" if t.audit else t.phase for t in told if is_mine(t))
    errors = collections.Counter(r["code"] for r in others if r["type"] == "error")
    figures.update(phases=dict(phases), together=together.total(), lost=lost, errors=dict(errors), skipped_runs=skipped,
                   unseen=max(0, figures["missing"] - sum(lost.values())), seconds=round(seconds))
    return figures


def witnesses_in_force():
    with open(OUT, encoding="utf-8") as lines:
        return json.loads(next(lines))["witnesses"]


def is_whole(tracer):
    """Nothing but who works in BPF maps keeps this one from seeing both ends of each call."""
    found = witnesses_in_force()
    return not tracer.way.unguarded and (not found["needed"] or bool(found["return"] or found["end"]))


def are_expected(way):
    """With fentry a tracepoint sees no ends."""
    found = witnesses_in_force()
    names = [found["begin"] or "", found["return"] or "", found["end"] or ""]
    return not WITNESSES or names == WITNESSES.split(",")[:2] + ["" if way.attach == "fentry" else WITNESSES.split(",")[2]]


def judge(figures, tracer):
    """Every call is told, and once. Beside who works in BPF maps a kernel may pass all hooks over: that is counted."""
    way = tracer.way
    assert are_expected(way), witnesses_in_force()
    assert figures["made"] and not figures["twice"] and not figures.get("unknown"), figures
    assert "ring_full" not in figures["lost"] and not figures["together"], f"too fast for this tracer: {figures}"
    assert figures["missing"] <= (figures["skipped_runs"] if way.unguarded and not way.audit else 0), figures
    assert figures["phases"].keys() <= {"complete"} or not is_whole(tracer), figures


def overstates(way):
    """Before 6.7 the kernel does not count the runs of kprobes that it passes over: beside fentry, which is preempted on
    any kernel, it is not known that they saw everything."""
    return way.attach == "fentry" and tuple(map(int, re.findall(r"\d+", os.uname().release)[:2])) < (6, 7)


def judge_stop(tracer):
    """Complete is who lacks nothing, and nobody else."""
    _, _, others = tracer.stop()
    stop = others[-1]
    figures = {"complete": stop["complete"], "incomplete": stop["incomplete"], "missing": tracer.missing,
               "lost": {k: v for k, v in stop["counters"].items() if k.startswith("lost_") and v}, "skipped_runs": stop["counters"]["skipped_runs"],
               "errors": [r["code"] for r in others if r["type"] == "error"]}
    yield figures
    assert stop["type"] == "stop" and stop["balanced"], stop
    assert tracer.missing <= figures["skipped_runs"], figures
    assert stop["complete"] or tracer.missing or tracer.way.unguarded or overstates(tracer.way), figures


@pytest.fixture(scope="module", autouse=True)
def mounts():
    """As systemd has them: raw_syscalls/sys_exit is found in tracefs, debugfs says where tasks are preempted and whether
    kprobes run."""
    for kind, where in (("debugfs", "/sys/kernel/debug"), ("tracefs", "/sys/kernel/tracing")):
        subprocess.run(["mount", "-t", kind, kind, where], check=True)


class Runs:
    """The tracer of the way that it has come to."""
    now = None

    @classmethod
    def get(cls, way):
        if not cls.now or cls.now.way != way or cls.now.proc.poll() is not None:
            cls.end()
            cls.now = Tracer(way)
        return cls.now

    @classmethod
    def end(cls):
        if cls.now and cls.now.proc.poll() is None:
            cls.now.proc.kill()
            cls.now.proc.wait()
        cls.now = None


@functools.lru_cache(maxsize=None)
def options():
    return subprocess.run([BUILD / "pvmtrace", "--help"], capture_output=True, text=True, check=True).stdout


def named(case):
    way, name = case
    return f"{way.attach}{', audit' if way.audit else ''}: {name}{' of unguarded' if way.unguarded and name == 'stop' else ''}"


@pytest.mark.parametrize("way,name", CASES, ids=map(named, CASES))
def test_each_call_is_told(way, name, record_property):
    if way.audit and "--audit" not in options():
        pytest.skip("no --audit")
    try:
        tracer = Runs.get(way)
    except AssertionError:
        if way.attach == "fentry" and "use --attach tracepoint" in ERR.read_text():
            pytest.skip("this kernel refuses --attach fentry")
        raise
    if name == "stop":
        verdict = judge_stop(tracer)
        record_property("figures", json.dumps(next(verdict)))
        next(verdict, None)
        return
    figures = measure(tracer, LOADS[name])
    tracer.missing += figures["missing"]
    record_property("figures", json.dumps(figures))
    judge(figures, tracer)
