# SPDX-License-Identifier: Apache-2.0
"""Runs the tracer and the triggers."""

import collections
import contextlib
import ctypes
import datetime
import errno
import inspect
import itertools
import json
import os
import select
import signal
import subprocess
import tempfile
import termios
import threading
import time
from pathlib import Path

from needs import require
from pvm_arch import SYS_READV
from pvm_stream import Bad, JSON_MAX, SLOWNESS, Stream

ROOT = Path(__file__).resolve().parent.parent.parent
BUILD = Path(os.environ.get("PVMTRACE_BUILD", ROOT / "build"))
TRIGGERS = BUILD / "live"
PVMTRACE = BUILD / "pvmtrace"
START_TIMEOUT = 30
STOP_TIMEOUT = 5 * SLOWNESS
FENCE_TIMEOUT = 15
FLOODED = 60_000  # calls in one run: more than these tests make
LIBC = ctypes.CDLL(None, use_errno=True)

EX_OK, EX_USAGE, EX_UNAVAILABLE, EX_IOERR, EX_TEMPFAIL, EX_NOPERM = 0, 64, 69, 74, 75, 77

# A name that the triggers of this run of the tests can take, where a test must be alone in a stream: other
# programs of this machine may call as well.
MY_NAME = f"pt-{os.getpid()}"
AS_ME = ("--comm", MY_NAME.encode().hex())
ONLY_ME = ("--caller-comm", MY_NAME)

# Programs that call so often that nobody can read it; more of them may run beside the tests.
NOISE = ["pvmflood", *filter(None, os.environ.get("PVMTRACE_TEST_IGNORE", "").split(","))]

# Programs that only take the CPUs, in a guest (tests/vm/init-live).
HOGS = [int(pid) for pid in os.environ.get("PVM_HOGS", "").split()]

_fences = itertools.count(1)


@contextlib.contextmanager
def resting_hogs():
    """While a tracer starts, of which nothing is tested here: most of a guest's time goes into that."""
    for pid in HOGS:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in HOGS:
            os.kill(pid, signal.SIGCONT)


def patient(method):
    """A method of Popen whose time-out is scaled like all others; subprocess.run makes use of it."""
    def call(self, *args, **kw):
        given = inspect.signature(method).bind(self, *args, **kw)
        if given.arguments.get("timeout") is not None:
            given.arguments["timeout"] *= SLOWNESS
        return method(*given.args, **given.kwargs)
    return call


if SLOWNESS != 1:
    subprocess.Popen.communicate = patient(subprocess.Popen.communicate)
    subprocess.Popen.wait = patient(subprocess.Popen.wait)


def own_call(pid=0, flags=0, local=(0, 0), remote=(0, 0), nr=SYS_READV):
    """A call of this very process; the result, or the negative errno."""
    args = (nr, pid, *local, *remote, flags)
    ret = LIBC.syscall(*(ctypes.c_ulong(a & (2**64 - 1)) for a in args))
    return ret if ret >= 0 else -ctypes.get_errno()


# The attach method that tests run with which ask for none.
ATTACH = os.environ.get("PVM_ATTACH", "tracepoint")
# A pass of the guests where no hook but the witnesses is attached (tests/vm/live.py).
WITNESSES_ALONE = os.environ.get("PVM_HOOKS") == "witness"
BESIDE_HOGS = os.environ.get("PVM_HOOKS") == "hogs"  # beside programs that take the CPUs
SEES_REFUSED = ATTACH == "tracepoint" and not WITNESSES_ALONE  # by seccomp


class Tracer:
    """One run of the tracer. Its output is read and checked by a thread as it comes."""

    def __init__(self, *args, max_line=8000, may_lose=False, prefix=(), binary=PVMTRACE, read=True,
                 stdout=subprocess.PIPE, wait=True, **popen):
        chosen = ATTACH == "tracepoint" or {"--attach", "--replay"} & set(args)
        self.args = [*map(str, prefix), str(binary), *map(str, args), *(() if chosen else ("--attach", ATTACH))]
        self.may_lose = may_lose
        self.stream = Stream(max_line)
        self.changed = threading.Condition()
        self.trouble = None
        self.bytes = 0
        self.stopped_in = None
        self.errors = tempfile.TemporaryFile()
        self.paused = threading.Event()
        self.proc = subprocess.Popen(self.args, stdin=subprocess.DEVNULL, stdout=stdout, stderr=self.errors,
                                     **popen)
        self.pid = self.proc.pid
        self.thread = None
        if stdout is subprocess.PIPE and read:
            self.read()
            if wait:
                try:
                    with resting_hogs():
                        self.wait_start()
                except BaseException:
                    self.kill()
                    raise

    def read(self):
        self.thread = threading.Thread(target=self._reader, daemon=True)
        self.thread.start()

    def _chunk(self):
        return os.read(self.proc.stdout.fileno(), 1 << 17)

    def _reader(self):
        try:
            while True:
                while self.paused.is_set():
                    time.sleep(0.01)
                data = self._chunk()
                with self.changed:
                    self.bytes += len(data)
                    if data:
                        self.stream.feed(data)
                    self.changed.notify_all()
                if not data:
                    return
        except Exception as e:  # handed to the test by wait() and stop()
            with self.changed:
                self.trouble = e
                self.changed.notify_all()
            while os.read(self.proc.stdout.fileno(), 1 << 17):
                pass

    def wait(self, cond, timeout=5, what="a record"):
        """Until cond(self) is true; its value."""
        end = time.monotonic() + timeout * SLOWNESS
        with self.changed:
            while True:
                if self.trouble:
                    raise self.trouble
                self.stream.complain()
                value = cond(self)
                if value:
                    return value
                left = end - time.monotonic()
                if left <= 0 or not self.thread.is_alive():
                    raise Bad(f"{what} did not come within {timeout} s (exit status "
                              f"{self.proc.poll()}); stderr: {self.stderr()[-2000:]}")
                self.changed.wait(min(left, 0.2))

    def wait_start(self):
        self.wait(lambda t: t.stream.lines, START_TIMEOUT, "start")
        return self.start

    @property
    def start(self):
        return self.stream.lines[0]

    @property
    def end(self):
        return self.stream.lines[-1] if self.stream.lines else None

    @property
    def counters(self):
        return self.end["counters"]

    def records(self, kind):
        with self.changed:
            return self.stream.of(kind)

    def events(self, pid=None, cond=lambda r: True):
        with self.changed:
            return [r for r in self.stream.calls(pid) if cond(r)]

    def fence(self):
        """Returns when everything that happened before has come out. Not for tracers with filters."""
        flags = 0x5EA000000 + next(_fences)
        assert own_call(flags=flags) == -errno.EINVAL
        text = hex(flags)
        me = os.getpid()
        self.wait(lambda t: any(r["flags"] == text for r in t.stream.calls(me)[-20:]),
                  FENCE_TIMEOUT, "the call that marks the end")

    def of(self, pid):
        """All that was told about a process that has done its calls."""
        self.fence()
        return self.events(pid)

    def skipped_runs(self):
        """How many of our hooks' runs the kernel has skipped by now."""
        have = len(self.records("stats"))
        self.kick(signal.SIGUSR1)
        return self.wait(lambda t: t.stream.of("stats")[have:], what="stats")[0]["counters"]["skipped_runs"]

    def misses(self, *of):
        """Whether the hooks can be preempted, and passed over for others' calls, with no witness of any of these kinds: else
        each call is told (with one of its end: as it ended), and nothing is to be forgiven."""
        witnesses = self.start["witnesses"]
        return witnesses["needed"] and not any(witnesses[kind] for kind in of)

    def misses_calls(self):
        return self.misses("begin", "return", "end")

    def misses_ends(self):
        return self.misses("return", "end")

    def one(self, pid):
        found = self.of(pid)
        assert len(found) == 1, f"{len(found)} records instead of 1 (hooks' runs that were skipped: " \
            f"{self.skipped_runs()}): {json.dumps(found)[:3000]}"
        return found[0]

    def stderr(self):
        self.errors.flush()
        return os.pread(self.errors.fileno(), os.fstat(self.errors.fileno()).st_size, 0).decode(errors="replace")

    def kick(self, sig):
        os.kill(self.pid, sig)

    def stop(self, sig=signal.SIGTERM, status=EX_OK, timeout=STOP_TIMEOUT):
        """Ends the run, holds the end against the contract, returns the stop record."""
        begin = time.monotonic()
        if sig:
            self.kick(sig)
        self.finish(status, timeout, begin)
        return self.end

    def finish(self, status=EX_OK, timeout=STOP_TIMEOUT, begin=None):
        """The run ends by itself."""
        begin = begin or time.monotonic()
        try:
            self.proc.wait(timeout=timeout)
        except subprocess.TimeoutExpired:
            self.proc.kill()
            raise Bad(f"no end within {timeout} s; stderr: {self.stderr()[-2000:]}") from None
        self.stopped_in = time.monotonic() - begin
        if self.thread:
            self.paused.clear()
            self.thread.join(20 * SLOWNESS)
        if self.trouble:
            raise self.trouble
        assert self.proc.returncode == status, f"exit status {self.proc.returncode}: {self.stderr()[-2000:]}"
        if self.thread:
            self.stream.finish()
            # Another program's flood is no fault of this run's; it is told and counted all the same.
            if not self.may_lose and self.counters["seen"] < FLOODED:
                assert self.counters["lost"] == 0, self.end

    def wait_written(self):
        """For a run whose output nobody reads yet: until there is some in the pipe."""
        size = ctypes.c_int(0)

        def some():
            assert self.proc.poll() is None, self.stderr()
            LIBC.ioctl(self.proc.stdout.fileno(), termios.FIONREAD, ctypes.byref(size))
            return size.value > 0
        poll(some, START_TIMEOUT)

    def kill(self):
        """Without any questions: after a failure, and for runs that are meant to end so."""
        if self.proc.poll() is None:
            self.proc.kill()
            self.proc.wait()
        if self.thread:
            self.paused.clear()
            self.thread.join(20 * SLOWNESS)
        if self.proc.stdout:
            self.proc.stdout.close()
        self.errors.close()

    def __enter__(self):
        return self

    def __exit__(self, kind, value, tb):
        try:
            if kind is None and self.proc.poll() is None:
                self.stop()
        finally:
            self.kill()


class Shared:
    """Tracers that many tests use, as a start costs a second of a CPU. One that had trouble is replaced. Numbers of processes come
    round within a run of all tests, so what it told before a test asked for it is no event of that test."""

    def __init__(self):
        self.running = {}

    def get(self, *args, prefix=(), **kw):
        for name in NOISE:
            args += ("--caller-comm", f"!{name}")
        key = (*prefix, *args)
        t = self.running.get(key)
        if t and (t.trouble or t.proc.poll() is not None):
            del self.running[key]
            t.kill()
            t = None
        if not t:
            t = self.running[key] = Tracer(*args, prefix=prefix, **kw)
        with t.changed:
            t.stream.bad.clear()
            t.stream.begin()
        return t

    def close(self):
        """Each end is held against the contract too."""
        running, self.running = self.running, {}
        try:
            good = [t for t in running.values() if not t.trouble]
            for t in good:
                t.kick(signal.SIGTERM)
            for t in good:
                t.stop(sig=None, timeout=STOP_TIMEOUT * 2)
        finally:
            for t in running.values():
                t.kill()


SHARED = Shared()

Run = collections.namedtuple("Run", "status out err seconds")


def pvmtrace(*args, timeout=20, prefix=(), binary=PVMTRACE, **popen):
    """A run that is expected to end by itself."""
    begin = time.monotonic()
    p = subprocess.run([*map(str, prefix), str(binary), *map(str, args)], stdin=subprocess.DEVNULL,
                       stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=timeout, check=False, **popen)
    return Run(p.returncode, p.stdout, p.stderr.decode(errors="replace"), time.monotonic() - begin)


# What a trigger needs, by the words that it begins with.
TRIGGER_NEEDS = {
    ("pvmabi", "int80"): ["int80"], ("pvmabi", "int80-count"): ["int80"], ("pvmabi", "int80-opens"): ["int80"], ("pvmabi", "upper", "int80"): ["int80"],
    ("pvmabi", "x32"): ["x86_64"], ("pvmabi", "tagged"): ["arm64"],
    ("pvmcall32",): ["program32"], ("pvmcall32", "far"): ["x86_64"],
    ("pvmpark",): ["userfaultfd"], ("pvmdecoy",): ["userfaultfd", "set_tid"], ("pvmreuse",): ["set_tid"],
    ("pvmunborn",): ["userfaultfd"], ("pvmbeside",): ["userfaultfd"],
    ("pvmstall", "exec"): ["perf_kprobes"], ("pvmstall", "late"): ["perf_kprobes"],
    ("pvmload",): ["userfaultfd"], ("pvmheir",): ["set_tid"], ("pvmidle",): ["userfaultfd"], ("pvmswap",): ["userfaultfd"],
    ("pvmregion", "park"): ["userfaultfd"], ("pvmregion", "leave"): ["mounts"], ("pvmregion32",): ["program32"],
    ("pvmsigns", "foreign"): ["int80"],
    ("pvmns", "pid"): ["pid_ns"], ("pvmns", "down"): ["pid_ns"], ("pvmns", "user"): ["user_ns"],
    ("pvmseccomp",): ["seccomp"], ("pvmpass",): ["seccomp"],
    ("pvmseccomp", "notif"): ["seccomp_notify"], ("pvmseccomp", "continue"): ["seccomp_notify"],
}


def require_for(*words):
    """Skips the test where the trigger cannot run."""
    for i in range(1, len(words) + 1):
        require(*TRIGGER_NEEDS.get(words[:i], ()))


def trigger(name, *args, timeout=20, **popen):
    """Runs a trigger to its end; the lines it printed. One that ends with 77 says that chance was against it."""
    require_for(name, *args)
    path = name if "/" in str(name) else TRIGGERS / name
    p = subprocess.run([str(path), *map(str, args)], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                       stderr=subprocess.PIPE, timeout=timeout, check=False, **popen)
    if p.returncode == 77:
        import pytest
        pytest.skip(p.stderr.decode(errors="replace").strip() or f"{name} cannot run here")
    assert p.returncode == 0, f"{name} {args}: {p.returncode} {p.stderr.decode(errors='replace')}"
    return [json.loads(line) for line in p.stdout.splitlines()]


def trigger_one(name, *args, **popen):
    lines = trigger(name, *args, **popen)
    assert len(lines) == 1, lines
    return lines[0]


class Held:
    """A trigger that waits for lines on stdin. Its pipes are not buffered here: of two lines that come at once, a buffer
    would take both, and select would wait for the second."""

    def __init__(self, name, *args, argv0=None, **popen):
        require_for(name, *args)
        path = str(name if "/" in str(name) else TRIGGERS / name)
        self.proc = subprocess.Popen([argv0 or path, *map(str, args)], executable=path, stdin=subprocess.PIPE,
                                     stdout=subprocess.PIPE, bufsize=0, **popen)
        self.pid = self.proc.pid

    def line(self, timeout=10):
        ready, _, _ = select.select([self.proc.stdout], [], [], timeout * SLOWNESS)
        text = self.proc.stdout.readline() if ready else b""
        if ready and not text and self.proc.wait(5) == 77:
            import pytest
            pytest.skip("chance was against the trigger, or there was no room for it")
        assert text, f"the trigger said nothing (status {self.proc.poll()})"
        return json.loads(text)

    def send(self, text=""):
        self.proc.stdin.write(text.encode() + b"\n")
        self.proc.stdin.flush()

    def step(self, text="call"):
        self.send(text)
        return self.line()

    def close(self):
        if self.proc.stdin and not self.proc.stdin.closed:
            try:
                self.proc.stdin.close()
            except BrokenPipeError:
                pass
        try:
            self.proc.wait(timeout=5)
        except subprocess.TimeoutExpired:
            self.proc.kill()
            self.proc.wait()
        self.proc.stdout.close()

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.close()


def clamp(n):
    return min(n, JSON_MAX)


def expect_array(have, known, limit, what):
    assert have["addr"] == known["addr"], what
    assert have["count"] == clamp(known["count"]), what
    if known["iov"] is None:
        return
    iov = [{"base": b, "len": clamp(n)} for b, n in known["iov"]]
    assert have["captured"] == len(iov), what
    assert have["iov"] == iov[:limit], what
    assert have["total_len"] == clamp(sum(n for _, n in known["iov"])), what


def expect_call(event, call, phase="complete", limit=32):
    """The record says what the program says: numbers, lists, result."""
    assert event["phase"] == phase
    assert event["op"] == call["op"]
    assert event["abi"] == call["abi"]
    assert event["flags"] == call["flags"]
    assert event["target"]["arg"] == call["arg"]
    if phase == "complete":
        ret = call["ret"]
        assert event["ret"] == ret
        assert event["outcome"] == ("success" if ret >= 0 else "failure")
        assert event["error"] == (None if ret >= 0 else errno.errorcode[-ret])
        assert event["bytes_transferred"] == max(ret, 0)
        assert 0 < event["duration_ns"] < 60 * 10**9
    expect_array(event["local"], call["local"], limit, "local")
    expect_array(event["remote"], call["remote"], limit, "remote")


def parse_time(text):
    """RFC 3339 with nine digits -> ns since 1970"""
    whole, frac = text[:-1].split(".")
    when = datetime.datetime.fromisoformat(whole).replace(tzinfo=datetime.timezone.utc)
    return int(when.timestamp()) * 10**9 + int(frac)


def poll(cond, timeout=5, step=0.02):
    end = time.monotonic() + timeout * SLOWNESS
    while not cond():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(step)
