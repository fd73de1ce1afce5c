# SPDX-License-Identifier: Apache-2.0
"""Files that are renamed, full or emptied, and a reader that stands still, all in the middle of a flood."""

import json
import os
import pwd
import re
import shutil
import signal
import subprocess
import time

import pytest

from needs import require
from pvm import AS_ME, MY_NAME, ONLY_ME, TRIGGERS, Tracer, poll, trigger_one
from pvm_stream import Order, check_books, parse_line
from pvm_files import to_file

FLOODS = True
DAEMON = pwd.getpwnam("daemon")
FLOOD = f"f{MY_NAME}"
ONLY_FLOOD = ("--caller-comm", FLOOD)
RE_HEAD = re.compile(rb'{"time":"[^"]{30}","schema":"pvmtrace/1","type":"(\w+)","seq":(\d+),')
TOLD_EARLY = b'"phase":"in_flight"'


@pytest.fixture
def own_dir(public_dir):
    """A directory of the user that the collector becomes."""
    os.chown(public_dir, DAEMON.pw_uid, DAEMON.pw_gid)
    return public_dir


@pytest.fixture
def flood(tmp_path):
    """Starts pvmflood under a name of ours: other floods of this machine are not in our way."""
    path = tmp_path / FLOOD
    shutil.copy(TRIGGERS / "pvmflood", path)
    running = []

    def start(seconds, count=1, calls=None):
        cpu = sorted(os.sched_getaffinity(0))[0]
        words = [str(w) for w in (seconds, cpu, count, calls) if w is not None]
        running.append(subprocess.Popen([path, *words], stdout=subprocess.PIPE))
        return running[-1]
    yield start
    for p in running:
        p.kill()
        p.communicate()


def made(p, timeout=60):
    """How many calls a flood has made, at its end."""
    out, _ = p.communicate(timeout=timeout)
    return json.loads(out)["n"]


class Parts(Order):
    """Pieces of one stream in their order: every line is whole, no `seq` is missing or twice."""

    def __init__(self):
        super().__init__()
        self.final = self.lost = self.summed = 0
        self.last = None

    def add(self, data, first=None):
        assert data.endswith(b"\n"), f"not a whole line at the end: {data[-200:]!r}"
        lines = data.splitlines(keepends=True)
        for i, line in enumerate(lines):
            head = RE_HEAD.match(line)
            assert head and line.endswith(b"}\n") and line.count(b'"schema"') == 1, line[:300]
            kind, seq = head[1].decode(), int(head[2])
            self.number(seq, kind)
            if i == 0 and first:
                assert kind == first and len(line) >= 1024, line[:300]
            else:
                assert kind not in ("start", "reopen") or (seq, kind) == (1, "start"), line[:300]
            if kind == "process_vm_access":
                self.final += TOLD_EARLY not in line[:300]
            if kind != "process_vm_access" or i % 500 == 0:
                self.last = parse_line(line)
            if kind == "lost":
                self.lost += self.last["count"]
            if kind == "process_vm_summary":
                self.summed += self.last["calls"]

    def finish(self):
        """The books of the stop record, its counters."""
        assert not self.ahead
        assert self.last["type"] == "stop"
        check_books(self.last, self.final, self.lost, self.summed)
        return self.last["counters"]


def size_of(path):
    try:
        return os.stat(path).st_size
    except FileNotFoundError:
        return 0


def has_grown(path, tracer, size):
    end = time.monotonic() + 10
    while size_of(path) < size:
        assert time.monotonic() < end and tracer.proc.poll() is None, tracer.stderr()[-2000:]
        time.sleep(0.002)


def test_twenty_reopens_under_a_flood(own_dir, flood):
    """Rename, SIGHUP, again and again, with many lines in each file."""
    path, times, enough = own_dir / "out.json", 20, 300_000
    with to_file(path, "--user", "daemon", "--max-line", 1024, *ONLY_FLOOD, may_lose=True) as t:
        p = flood(60)
        has_grown(path, t, enough)
        for i in range(times):
            path.rename(own_dir / f"out.json.{i}")
            t.kick(signal.SIGHUP)
            has_grown(path, t, enough)
        assert p.poll() is None, "the flood ended early"
        p.send_signal(signal.SIGTERM)
        calls = made(p)
        t.stop()
    parts = Parts()
    for i in range(times):
        parts.add((own_dir / f"out.json.{i}").read_bytes(), "reopen" if i else "start")
    parts.add(path.read_bytes(), "reopen")
    counters = parts.finish()
    assert counters["emitted"] + counters["summarised"] + counters["lost"] == calls > times * 300


def in_small_fs(where, *args):
    """A tracer that writes to a small filesystem of its own; (tracer, file)."""
    where.mkdir()
    require("mounts")
    prefix = ["/usr/bin/unshare", "-m", "sh", "-c",
              f"mount -t tmpfs -o size=1m,mode=777 none {where} && exec \"$@\"", "sh"]
    t = Tracer("-o", where / "out.json", "--ring-size", "256K", *ONLY_FLOOD, *args, prefix=prefix,
               stdout=subprocess.DEVNULL, may_lose=True)
    path = f"/proc/{t.pid}/root{where}/out.json"
    try:
        poll(lambda: t.proc.poll() is not None or size_of(path), 15)
        assert t.proc.poll() is None, t.stderr()
    except BaseException:
        t.kill()
        raise
    return t, path


def stands_still(path):
    """The size of the file, once it does not grow any more."""
    size = -1
    while size != (now := os.stat(path).st_size):
        size = now
        time.sleep(0.5)  # longer than the time between two tries
    return size


FULL = 900_000  # of 1 MiB


def take_and_truncate(t, path):
    """As copytruncate, but nothing comes in between."""
    while True:
        t.kick(signal.SIGSTOP)
        time.sleep(0.02)
        with open(path, "rb") as f:
            data = f.read()
        if data.endswith(b"\n"):
            break
        t.kick(signal.SIGCONT)
        time.sleep(0.05)
    os.truncate(path, 0)
    t.kick(signal.SIGCONT)
    return data


def take_and_reopen(t, path):
    """As a rotation that removes the old file."""
    old = f"{path}.1"
    os.rename(path, old)
    t.kick(signal.SIGHUP)
    poll(lambda: os.path.exists(path), 10)
    with open(old, "rb") as f:
        data = f.read()
    os.unlink(old)
    return data


@pytest.mark.slow
@pytest.mark.parametrize("how", ["truncated", "reopened"])
def test_full_disk_that_is_emptied(public_dir, flood, how):
    """What no buffer and no ring had room for is told together; all is written in the end."""
    t, path = in_small_fs(public_dir / "small")
    empty = take_and_truncate if how == "truncated" else take_and_reopen
    parts, rounds = Parts(), 0
    try:
        calls = made(flood(60, calls=30_000))
        while stands_still(path) > FULL:
            assert rounds < 30
            parts.add(empty(t, path), "reopen" if rounds else "start")
            rounds += 1
        assert rounds >= 2, "it was never full"
        more = made(flood(60, calls=50))
        root = os.open(os.path.dirname(path), os.O_RDONLY)  # the mount lives as long as this
        t.stop()
        with open(f"/proc/self/fd/{root}/out.json", "rb") as f:
            parts.add(f.read(), "reopen")
        os.close(root)
        counters = parts.finish()
        assert counters["lost"] == 0 and counters["summarised"] > 0
        assert counters["emitted"] + counters["summarised"] == calls + more == 30_050
        assert "works again" in t.stderr()
    finally:
        t.kill()


@pytest.mark.slow
def test_reader_that_stands_still_for_three_seconds(flood):
    """The rings are the queue: calls, long arrays and all, come when it reads again."""
    wide = ("--iov-limit", "all", "--max-line", 1 << 20)
    with Tracer(*wide, *ONLY_FLOOD, *ONLY_ME, max_line=1 << 20) as t:
        t.paused.set()
        trigger_one("pvmcall", *AS_ME, "self")  # the thread wakes up once more, then rests
        time.sleep(0.1)
        begin = time.monotonic()
        calls, told = 0, t.bytes
        for _ in range(5):
            calls += made(flood(10, calls=2000)) + made(flood(10, count=1024, calls=4))
            time.sleep(0.3)
        time.sleep(max(0.0, begin + 3 - time.monotonic()))
        assert t.bytes == told, "it did not stand still"
        t.paused.clear()
        t.wait(lambda t: t.stream.final == calls + 1, 15, "the rest")
        t.stop()
        counters = t.counters
        assert (counters["emitted"], counters["lost"], counters["array_lost"]) == (calls + 1, 0, 0)
        assert t.end["complete"] is (t.counters["skipped_runs"] == 0)
        long = [r for r in t.events() if r["local"]["count"] == 1024]
        assert len(long) == 20
        for r in long:
            for side in ("local", "remote"):
                assert (r[side]["status"], len(r[side]["iov"]), r[side]["changed"]) == ("ok", 1024, False)
