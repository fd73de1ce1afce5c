# SPDX-License-Identifier: Apache-2.0
"""A run of the tracer whose output is counted and thrown away: to a pipe, or to files that are rotated."""

import os
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import kernel

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path[:0] = [str(ROOT / "tests" / "live"), str(ROOT / "tests")]

import pvm_schema  # noqa: E402
from pvm_stream import SLOWNESS, Bad, Order, check_books, need, parse_line  # noqa: E402

PVMTRACE = Path(os.environ.get("PVMTRACE_BUILD", ROOT / "build")) / "pvmtrace"
START_SECONDS, STOP_SECONDS, REOPEN_SECONDS, GONE_SECONDS = (n * SLOWNESS for n in (60, 30, 20, 20))
SCHEMA_EVERY = 500  # lines
EX_OK, EX_IOERR = 0, 74
USER = "daemon"
RE_HEAD = re.compile(rb'{"time":"[^"]{30}","schema":"pvmtrace/1","type":"(\w+)","seq":(\d+),')
TOLD_EARLY = b'"phase":"in_flight"'
RE_METRIC = re.compile(r"^pvmtrace_(\w+?)_total (\d+)$", re.M)


class Lines(Order):
    """One stream in its order: each line is whole, no `seq` is missing or twice; what its calls add up to."""

    def __init__(self):
        super().__init__()
        self.rest = b""
        self.final = self.lost = self.summed = self.bytes = 0
        self.kinds = {}
        self.stop = self.stats = None

    def feed(self, data):
        self.bytes += len(data)
        *lines, self.rest = (self.rest + data).split(b"\n")
        for line in lines:
            self.line(line)

    def line(self, line):
        head = RE_HEAD.match(line)
        need(head and line.endswith(b"}"), f"no line of ours: {line[:300]!r}")
        kind, seq = head[1].decode(), int(head[2])
        need(self.stop is None, f"{kind} after stop")
        self.number(seq, kind)
        self.kinds[kind] = self.kinds.get(kind, 0) + 1
        if kind == "process_vm_access":
            self.final += TOLD_EARLY not in line[:300]
            if self.final % SCHEMA_EVERY:
                return
        self.look(kind, parse_line(line + b"\n"))

    def look(self, kind, record):
        if kind != "process_vm_summary" or self.kinds[kind] % SCHEMA_EVERY == 1:
            found = pvm_schema.complaint(record)
            need(not found, f"{found}", record)
        if kind == "lost":
            self.lost += record["count"]
        elif kind == "process_vm_summary":
            self.summed += record["calls"]
        elif kind == "stats":
            self.stats = record["counters"]
        elif kind == "stop":
            self.stop = record

    def finish(self):
        need(not self.rest, f"a line was cut: {self.rest[-200:]!r}")
        need(self.stop and not self.ahead, "no stop record, or lines are missing")
        check_books(self.stop, self.final, self.lost, self.summed)
        return self.stop["counters"]


class Run:
    """A run, and what has to hold at its end. Its folder belongs to the user that it becomes."""

    def __init__(self, folder, args, stdout):
        self.folder = folder
        self.metrics = folder / "metrics.prom"
        self.errors = tempfile.TemporaryFile()
        self.words = [*([] if "--replay" in args else ["--user", USER, "--metrics", self.metrics]), *args]
        self.proc = subprocess.Popen([PVMTRACE, *map(str, self.words)], stdin=subprocess.DEVNULL, stdout=stdout, stderr=self.errors)
        self.pid = self.proc.pid
        self.objects, self.held = set(), 0

    def stderr(self):
        return os.pread(self.errors.fileno(), 1 << 16, 0).decode(errors="replace")

    def until(self, cond, seconds, what):
        end = time.monotonic() + seconds
        while not cond():
            need(self.proc.poll() is None, f"it ended with {self.proc.returncode} before {what}: {self.stderr()[-2000:]}")
            need(time.monotonic() < end, f"{what} did not come within {seconds} s: {self.stderr()[-2000:]}")
            time.sleep(0.02)

    def began(self):
        """Waits until it traces, which is when it says so, and keeps which objects are its own."""
        self.until(lambda: "tracing as" in self.stderr(), START_SECONDS, "the start")
        self.objects, self.held = kernel.objects_of(self.pid)
        need(self.objects, "it holds no BPF object?")

    def kick(self, sig):
        if self.proc.poll() is None:
            os.kill(self.pid, sig)

    def rest(self, seconds):
        """It stands still for a moment, and goes on."""
        self.kick(signal.SIGSTOP)
        time.sleep(seconds)
        self.kick(signal.SIGCONT)

    def end(self, status=EX_OK):
        """SIGTERM, and its end in time; the counters."""
        self.kick(signal.SIGTERM)
        try:
            self.proc.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            raise Bad(f"no end within {STOP_SECONDS} s: {self.stderr()[-2000:]}") from None
        need(status is None or self.proc.returncode == status, f"exit status {self.proc.returncode}: {self.stderr()[-2000:]}")
        self.gone()
        return self.counters()

    def gone(self):
        """None of its objects is left; the kernel frees some of them a moment later."""
        end = time.monotonic() + GONE_SECONDS
        left = self.objects
        while left := {o for o in left if kernel.exists(*o)}:
            need(time.monotonic() < end, f"left in the kernel: {sorted(left)}")
            time.sleep(0.1)

    def counters(self):
        """By the last word of the metrics, which every format has."""
        text = self.metrics.read_text()
        found = {name: int(n) for name, n in RE_METRIC.findall(text)}
        found["lost"] = sum(int(n) for n in re.findall(r"^pvmtrace_lost_total\{[^}]*\} (\d+)$", text, re.M))
        need(found["seen"] == found["emitted"] + found["summarised"] + found["filtered"] + found["lost"], f"not balanced: {found}")
        return found

    def forgotten(self):
        """How many lists, and how much of what is known of processes, it has forgotten for want of room, by its metrics."""
        found = dict(RE_METRIC.findall(self.metrics.read_text()))
        return int(found["array_evicted"]), int(found["identity_evicted"])

    def kill(self):
        if self.proc.poll() is None:
            self.proc.kill()
            self.proc.wait()
        self.errors.close()


class PipeRun(Run):
    """Its reader may be slow, and may go away."""

    def __init__(self, folder, args, strict=True, pipe=None):
        super().__init__(folder, args, subprocess.PIPE)
        self.lines = Lines() if strict else None
        self.slow = threading.Event()
        self.vanish = False
        self.trouble = None
        self.bytes = 0
        if pipe:
            kernel.set_pipe_size(self.proc.stdout.fileno(), pipe)
        self.thread = threading.Thread(target=self._read, daemon=True)
        self.thread.start()

    def _read(self):
        with self.proc.stdout as out:
            try:
                while not self.vanish:
                    if self.slow.is_set():
                        time.sleep(0.05)
                        continue
                    if not (data := os.read(out.fileno(), 1 << 16)):
                        break
                    self.bytes += len(data)
                    if self.lines:
                        self.lines.feed(data)
            except Exception as e:  # told by end()
                self.trouble = e

    def end(self, status=EX_OK):
        self.slow.clear()
        counters = super().end(status)
        self.thread.join(STOP_SECONDS)
        if self.trouble:
            raise self.trouble
        if self.lines and not self.vanish:
            return {**self.lines.finish()}
        return counters

    def kill(self):
        self.vanish = True
        self.slow.clear()
        super().kill()


class FileRun(Run):
    """To a file. Either it rotates itself (--max-size), or rotate() does so as logrotate would."""

    def __init__(self, folder, args):
        self.path = folder / "out.ndjson"
        self.own = "--max-size" in args
        self.lines = Lines()
        self.rotations = 0
        super().__init__(folder, ["-o", self.path, *args], subprocess.DEVNULL)

    def rotate(self):
        if self.own:
            self.kick(signal.SIGHUP)
            return
        old = self.path.with_name("old")
        self.path.rename(old)
        self.kick(signal.SIGHUP)
        self.until(self.path.exists, REOPEN_SECONDS, "a new file after SIGHUP")
        self.take(old)
        self.rotations += 1

    def take(self, path):
        self.lines.feed(path.read_bytes())
        need(not self.lines.rest, f"a file that ends within a line: {self.lines.rest[-200:]!r}")
        path.unlink()

    def end(self, status=EX_OK):
        super().end(status)
        older = sorted(self.folder.glob("out.ndjson.*"), key=lambda path: -int(path.suffix[1:]))
        self.rotations += len(older)
        for path in [*older, self.path]:
            self.take(path)
        return self.lines.finish()
