# SPDX-License-Identifier: Apache-2.0
"""A running tracer makes no bpf(2) map operation: while a task is preempted amid one, the kernel runs no kprobe and no
classic tracepoint program on its CPU, so a tracer that did it would blind its own hooks. Seen by strace."""

import collections
import contextlib
import ctypes
import mmap
import os
import re
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest

from needs import any_hierarchy, which
from pvm import AS_ME, BUILD, Held, LIBC, MY_NAME, ONLY_ME, PVMTRACE, TRIGGERS, Tracer, own_call, poll, trigger_one
from pvm_host import cgroup_name, status
from pvm_tally import freeze
from pvm_lender import Lender
from pvm_sums import Adding, FLOOD, OURS, SMALL, expect_crowd, expect_nothing_lost, made

FLOODS = True
LINE = re.compile(r"(?:\d+ +)?(?:\[pid +\d+\] )?bpf\((\w+)(.*)")
PROCS_MAX, CGROUPS_MAX, TEXTS_MAX, ANCESTRIES_MAX = 8192, 4096, 8192, 4096  # what user/collector.c remembers
REGIONS = 8  # looked at of each call, besides the last
PR_SET_NAME = 15
TICKS = 2.5  # seconds: of two ticks
# Of a build that does as on a host which allows iterators over tasks only (Makefile).
WAYS = pytest.mark.parametrize("binary", [
    pytest.param(PVMTRACE, id="over_maps"),
    pytest.param(BUILD / "vm" / "pvmtrace-tasks", marks=pytest.mark.needs("for_each"), id="over_tasks")])


class Watched:
    """The bpf(2) commands that a process makes, until the end of this."""

    def __init__(self, pid, path):
        self.path = path
        self.proc = subprocess.Popen([which("strace"), "-f", "-e", "trace=bpf", "-o", path, "-p", str(pid)],
                                     stderr=subprocess.DEVNULL)
        poll(lambda: status(pid)["TracerPid"] == str(self.proc.pid))

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.proc.terminate()
        self.proc.wait(10)

    def commands(self):
        """How many of each there were, of a tracer that has ended."""
        self.proc.wait(10)
        text = Path(self.path).read_text()
        found = [LINE.match(line) for line in text.splitlines() if "bpf(" in line]
        assert all(found), text[:3000]
        return collections.Counter(m[1] for m in found)

    def expect_no_map_operations(self, **least):
        """The others show that strace saw the tracer."""
        have = self.commands()
        assert not [c for c in have if c.startswith("BPF_MAP_")], have
        assert not [c for c in have if not c.startswith("BPF_")], have  # one that strace does not know
        for command, n in {"BPF_OBJ_GET_INFO_BY_FD": 2, **least}.items():
            assert have[command] >= n, have


@contextlib.contextmanager
def watched(tmp_path, *args, binary=PVMTRACE):
    with Tracer(*args, binary=binary) as t, Watched(t.pid, tmp_path / "bpf") as w:
        yield t, w


@pytest.mark.parametrize("options", [
    pytest.param((), id="plain"), pytest.param(("--metrics", "metrics.prom"), id="metrics"),
    pytest.param(("--audit",), id="audit", marks=pytest.mark.needs("perf_kprobes"))])
def test_little_asked(tmp_path, options):
    options = [tmp_path / o if o.endswith(".prom") else o for o in options]
    with watched(tmp_path, *options, *ONLY_ME) as (t, w):
        pid = trigger_one("pvmcall", *AS_ME, "self")["pid"]
        time.sleep(TICKS)
        t.stop()
        assert len(t.events(pid)) == 1
        w.expect_no_map_operations()


def test_recording(tmp_path):
    with watched(tmp_path, "--record", tmp_path / "calls", *ONLY_ME) as (t, w):
        trigger_one("pvmcall", *AS_ME, "self")
        time.sleep(TICKS)
        t.kick(signal.SIGTERM)
        assert t.proc.wait(10) == 0
        w.expect_no_map_operations()
    assert (tmp_path / "calls").stat().st_size > 0


def test_call_in_flight(tmp_path):
    with watched(tmp_path, "--in-flight-after", 200) as (t, w), Held("pvmpark") as h:
        h.line()
        t.wait(lambda t: [e for e in t.stream.calls(h.pid) if e["phase"] == "in_flight"], what="the call in flight")
        time.sleep(TICKS)
        t.stop()
        w.expect_no_map_operations(BPF_ITER_CREATE=2)


@pytest.mark.needs("memcg")
def test_process_that_ends_and_leaves_its_memory(tmp_path):
    """The filter's places are looked at once it has ended."""
    with Lender("clone", 4711) as v, watched(tmp_path, "-p", v.pid) as (t, w):
        for number in (0, 1):
            v.order(number, "keep")
        v.held.send("2 quit")
        v.held.proc.wait(10)
        time.sleep(TICKS)
        assert t.records("error") == []
        for pid in v.children:
            os.kill(pid, signal.SIGKILL)
        t.wait(lambda t: t.stream.of("error"), what="the end of its memory")
        t.stop()
        w.expect_no_map_operations(BPF_ITER_CREATE=1)


@WAYS
@pytest.mark.parametrize("option", ["--caller-cgroup", "--target-cgroup"])
def test_verdicts_on_cgroups(tmp_path, cgroups, option, binary):
    """They arrive in the kernel half all the same: later calls are dropped there."""
    where = cgroups.make(any_hierarchy(), f"/{cgroup_name()}")
    with watched(tmp_path, option, f"!/{where.name}", *ONLY_ME, binary=binary) as (t, w):
        for _ in range(3):
            trigger_one("pvmcall", *AS_ME, "self", preexec_fn=cgroups.join(where))
            time.sleep(TICKS / 2)
        stop = t.stop()
        w.expect_no_map_operations(BPF_ITER_CREATE=1)
    assert stop["counters"]["emitted"] == 0
    assert filtered_in_the_kernel(stop) >= 2


@WAYS
def test_files_that_are_bound_anew(public_dir, tmp_path, binary):
    """A file that takes the place of one that a filter means."""
    path = Path(shutil.copy(TRIGGERS / "pvmcall", public_dir / "tool"))
    with watched(tmp_path, "--caller-exe", f"!{path}", *ONLY_ME, binary=binary) as (t, w):
        trigger_one(path, *AS_ME, "self")
        Path(shutil.copy(path, public_dir / "new")).rename(path)
        t.wait(lambda t: t.records("error"), what="a record of the change")
        trigger_one(path, *AS_ME, "self")
        stop = t.stop()
        w.expect_no_map_operations(BPF_ITER_CREATE=1)
    assert stop["counters"]["emitted"] == 0
    assert filtered_in_the_kernel(stop) >= 2  # and those of strace


@WAYS
def test_rules(tmp_path, cgroups, binary):
    """Of a file, with a verdict on a cgroup that arrives in the kernel half."""
    where, file = cgroups.make(any_hierarchy(), f"/{cgroup_name()}"), tmp_path / "rules"
    file.write_text(f"rule there drop\ncaller-cgroup /{where.name}\nrule rest tell\ncaller-comm {MY_NAME}\n")
    with watched(tmp_path, "--config", file, binary=binary) as (t, w):
        for _ in range(3):
            trigger_one("pvmcall", *AS_ME, "self", preexec_fn=cgroups.join(where))
            time.sleep(TICKS / 2)
        pid = trigger_one("pvmcall", *AS_ME, "self")["pid"]
        stop = t.stop()
        w.expect_no_map_operations(BPF_ITER_CREATE=1)
    assert [(e["caller"]["pid"], e["rule"]) for e in t.events()] == [(pid, "rest")]
    assert stop["rules"][0]["dropped"] == 3
    assert filtered_in_the_kernel(stop) >= 2


def filtered_in_the_kernel(stop):
    counters = stop["counters"]
    return counters["seen"] - counters["submitted"] - counters["summarised"]


@WAYS
def test_sums_that_are_asked_for(tmp_path, programs, binary):
    """More than one reading of them, while calls are added."""
    with Adding("--aggregate", 1, "--caller-comm", FLOOD, binary=binary) as (t, tally), Watched(t.pid, tmp_path / "bpf") as w:
        flood = programs.flood(120, 0)
        tally.wait(lambda: len({r["first"] for _, r in tally.summaries}) >= 3, 20, "the summaries")
        pid, n = made(flood)
        tally.wait(tally.settled, 60, "the end of what was made")
        expect_nothing_lost(tally.finish())
        w.expect_no_map_operations(BPF_ITER_CREATE=6)
    assert tally.of(pid) == n


@WAYS
def test_sums_of_what_found_no_room(tmp_path, programs, binary):
    """More of them than are read at once."""
    with Adding(*SMALL, *OURS, binary=binary) as (t, tally):
        freeze(t)
        programs.fill()
        run = programs.crowd("line", 50, 8, 2)
        with Watched(t.pid, tmp_path / "bpf") as w:
            t.kick(signal.SIGCONT)
            tally.wait(tally.settled, 60, "the end of what was made")
            expect_nothing_lost(tally.finish())
            w.expect_no_map_operations(BPF_ITER_CREATE=2)
    expect_crowd(tally, run, 2)
    assert not any(k.target == run["pid"] for k in tally.told)


def evicted(t):
    return t.counters["identity_evicted"]


@pytest.mark.slow
@WAYS
def test_processes_that_are_forgotten(tmp_path, programs, binary):
    """Whoever calls again after that is known again."""
    with Held("pvmcall", *AS_ME, "step") as h, watched(tmp_path, *OURS, binary=binary) as (t, w):
        h.line()
        h.step()
        run = programs.crowd("line", 100, PROCS_MAX // 100 + 5, 1, timeout=120)
        t.wait(lambda t: len(t.stream.calls(run["pids"][-1])) > 0, 60, "the last one's call")
        h.step()
        t.wait(lambda t: len(t.stream.calls(h.pid)) == 2, 20, "the second call")
        t.stop(timeout=20)
        w.expect_no_map_operations(BPF_ITER_CREATE=3)
        exes = [e["caller"]["exe"] for e in t.events(h.pid)]
    assert evicted(t) > 0
    assert exes == [str(TRIGGERS / "pvmcall")] * 2


@pytest.mark.slow
@WAYS
def test_cgroups_that_are_forgotten(tmp_path, cgroups, binary):
    """The same of a cgroup's path, and of the verdict on it."""
    top = cgroups.make(any_hierarchy(), f"/{cgroup_name()}")
    dirs = [cgroups.make(any_hierarchy(), f"/{top.name}/{i}") for i in range(CGROUPS_MAX + 50)]
    with Held("pvmcall", *AS_ME, "step") as h, \
            watched(tmp_path, "--caller-cgroup", f"!*/{top.name}/1", *ONLY_ME, binary=binary) as (t, w):
        h.line()
        # What is evicted is forgotten once the tracer has come to it.
        for where, cnt in ((dirs, len(dirs) - 1), (dirs[:2], len(dirs))):
            for cgroup in where:
                cgroups.move(h.pid, cgroup)
                h.step()
            t.wait(lambda t, cnt=cnt: len(t.stream.calls(h.pid)) == cnt, 60, "the calls")
        stop = t.stop(timeout=20)
        w.expect_no_map_operations(BPF_ITER_CREATE=3)
        paths = [e["caller"]["cgroup"] for e in t.events(h.pid)]
    assert evicted(t) > 0 and stop["counters"]["filtered"] >= 2
    assert paths == [f"/{top.name}/{d.name}" for d in [dirs[0], *dirs[2:], dirs[0]]]


def mapped(path, cnt):
    """So many mappings of a file each, and where they begin."""
    maps = []
    for i in range(cnt):
        with open(path / str(i), "w+b") as f:
            f.truncate(mmap.PAGESIZE)
            maps.append(mmap.mmap(f.fileno(), mmap.PAGESIZE, access=mmap.ACCESS_COPY))
    return maps, [ctypes.addressof(ctypes.c_char.from_buffer(m)) for m in maps]


def read_at(addresses):
    """A byte of ours at each of them."""
    cnt = len(addresses)
    to, iov = ctypes.create_string_buffer(cnt), ctypes.c_ulong * (2 * cnt)
    local, remote = iov(ctypes.addressof(to), cnt), iov()
    for i, address in enumerate(addresses):
        remote[2 * i:2 * i + 2] = address, 1
    assert own_call(os.getpid(), local=(ctypes.addressof(local), 1), remote=(ctypes.addressof(remote), cnt)) == cnt


@WAYS
def test_texts_that_are_forgotten(public_dir, tmp_path, binary):
    """Paths of mapped files: that of one which was forgotten is told again."""
    maps, places = mapped(public_dir, TEXTS_MAX + 25 * REGIONS)
    with watched(tmp_path, "--caller-pid", os.getpid(), binary=binary) as (t, w):
        for i in range(0, len(places), REGIONS):
            read_at(places[i:i + REGIONS])
        # What is evicted is forgotten once the tracer has come to it.
        t.wait(lambda t: len(t.stream.calls(os.getpid())) == len(places) // REGIONS, 60, "the calls")
        read_at(places[:REGIONS])
        t.stop(timeout=20)
        w.expect_no_map_operations(BPF_ITER_CREATE=2)
        files = [[r["file"] for r in e["remote"]["regions"]] for e in t.events(os.getpid())]
    del maps
    assert len(files) == len(places) // REGIONS + 1
    assert files[0] == files[-1] == [str(public_dir / str(i)) for i in range(REGIONS)]


@pytest.mark.slow
@WAYS
def test_ancestries_that_are_forgotten(tmp_path, binary):
    """The same of who is behind a caller, which another name of his parent's makes another."""
    own = Path("/proc/self/comm").read_text()[:-1]
    names = [f"pvm {i}" for i in range(ANCESTRIES_MAX + 100)]
    try:
        with Held("pvmcall", *AS_ME, "step") as h, watched(tmp_path, *ONLY_ME, binary=binary) as (t, w):
            h.line()
            for again, cnt in ((names, len(names)), (names[:1], len(names) + 1)):
                for name in again:
                    LIBC.prctl(PR_SET_NAME, name.encode())
                    time.sleep(0.0002)  # within 100 us a thread does not look again
                    h.step()
                t.wait(lambda t, cnt=cnt: len(t.stream.calls(h.pid)) == cnt, 60, "the calls")
            t.stop(timeout=20)
            w.expect_no_map_operations(BPF_ITER_CREATE=2)
            told = [e["caller"]["ancestors"] for e in t.events(h.pid)]
    finally:
        LIBC.prctl(PR_SET_NAME, own.encode())
    assert told[0] == told[-1] and told[0][0]["comm"] == names[0]
    assert evicted(t) > 0 and len({a[0]["comm"] for a in told}) == len(names)
