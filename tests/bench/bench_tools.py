# SPDX-License-Identifier: Apache-2.0
"""What is run and measured: the producer of calls, the tracer, its peers and the floor."""

import ctypes
import fcntl
import json
import os
import re
import select
import shutil
import signal
import subprocess
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
HERE = "tests/bench"
BUILD = "build/bench"
# A tmpfs of this run alone is mounted over it.
SCRATCH = "build/bench/scratch"
PVMTRACE = "build/pvmtrace"
TRACER = "PVM_BENCH_TRACER"  # names another build of it

CPU_TOOL, CPU_CALLER = 0, 1
READY_TIMEOUT = 20
STOP_TIMEOUT = 30
SIGNAL_OF_DEATH = 1  # PR_SET_PDEATHSIG
SYS_READV = {"x86_64": 310, "aarch64": 270}.get(os.uname().machine, 310)
# As much room as the tracer's ring of calls has.
PEER_BUFFER = "8M"
PEER_PAGES = 2048

LIBC = ctypes.CDLL(None, use_errno=True)
running = []


class Unable(Exception):
    """A tool cannot run here; says why."""


def tracer():
    return os.environ.get(TRACER, PVMTRACE)


def spawn(args, cpu, **popen):
    """Starts a program on one CPU; it does not outlive us."""
    def prepare():
        os.sched_setaffinity(0, {cpu})
        LIBC.prctl(SIGNAL_OF_DEATH, signal.SIGKILL)
    popen.setdefault("stdin", subprocess.DEVNULL)
    try:
        proc = subprocess.Popen([str(a) for a in args], cwd=ROOT, preexec_fn=prepare, **popen)
    except OSError as why:
        raise Unable(f"{args[0]}: {why.strerror}") from None
    running.append(proc)
    return proc


def finish(proc, sig=signal.SIGINT):
    """Ends a program that we started; kills it if it does not listen."""
    if proc.poll() is None:
        proc.send_signal(sig)
    try:
        proc.wait(STOP_TIMEOUT)
    except subprocess.TimeoutExpired:
        proc.kill()
        proc.wait()
    if proc in running:
        running.remove(proc)
    return proc.returncode


def finish_all():
    for proc in list(running):
        finish(proc, signal.SIGTERM)


def own_call():
    """One process_vm_readv of this very process, of one byte."""
    src, dst = ctypes.c_char(b"x"), ctypes.c_char(b"y")
    iov = ctypes.c_ulong * 2
    local, remote = iov(ctypes.addressof(dst), 1), iov(ctypes.addressof(src), 1)
    return LIBC.syscall(ctypes.c_long(SYS_READV), ctypes.c_long(os.getpid()),
                        local, ctypes.c_long(1), remote, ctypes.c_long(1), ctypes.c_long(0))


def cpu_ns(pid):
    with open(f"/proc/{pid}/schedstat", encoding="utf-8") as file:
        return int(file.read().split()[0])


def wait_until(what, test, proc=None, timeout=READY_TIMEOUT, nap=0.01):
    end = time.monotonic() + timeout
    while not test():
        if proc is not None and proc.poll() is not None:
            raise Unable(f"{what}: it ended by itself ({proc.returncode})")
        if time.monotonic() > end:
            raise Unable(f"{what}: not within {timeout} s")
        time.sleep(nap)


def caller_args(*args):
    return [f"{BUILD}/caller", "-c", CPU_CALLER, *args]


def call(*args, prefix=()):
    """Runs the producer to its end; what it says of itself."""
    proc = spawn([*prefix, *caller_args(*args)], CPU_TOOL, stdout=subprocess.PIPE,
                 stderr=subprocess.PIPE)
    out, err = proc.communicate()
    running.remove(proc)
    if proc.returncode:
        raise Unable(f"caller: {err.decode(errors='replace').strip()[-200:]}")
    return json.loads(out.decode().strip().splitlines()[-1])


def last_line(path, room=65536):
    with open(path, "rb") as file:
        file.seek(0, os.SEEK_END)
        file.seek(max(0, file.tell() - room))
        lines = file.read().splitlines()
    return lines[-1] if lines else b""


def grep(path, *args):
    done = subprocess.run(["grep", "-a", *args, path], cwd=ROOT, stdout=subprocess.PIPE,
                          env={"LC_ALL": "C", "PATH": os.environ["PATH"]}, check=False)
    return done.stdout.decode(errors="replace")


def count_lines(path, text):
    return int(grep(path, "-c", "-F", text) or 0)


def lines_with(path, start):
    return grep(path, "-i", f"^{start}")


class Tool:
    """Something that traces, from attached and ready to detached."""
    name = "untraced"
    title = "untraced"
    prefix = ()  # what the producer is run under
    rendered = False  # whether it writes text or JSON, and not raw records

    def __init__(self):
        self.proc = None

    def command(self):
        return []

    def file(self, suffix="out"):
        return f"{SCRATCH}/{self.name}.{suffix}"

    def start(self):
        pass

    def stop(self, count=False):
        """Ends it. With count: {"told": calls told, "summarised":, "lost": as it says itself}."""
        return {}

    def clean(self):
        for path in (ROOT / SCRATCH).glob(f"{self.name}.*"):
            path.unlink()

    def needs(self, program):
        if not shutil.which(program):
            raise Unable(f"{program} is not installed")

    def __enter__(self):
        try:
            self.start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *exc):
        if self.proc:
            finish(self.proc)
            self.proc = None
        self.clean()


class Nothing(Tool):
    """No tool: what two runs without one differ by, which no row can be told from."""
    name = "nothing"
    title = "no tool at all"


class Pvmtrace(Tool):
    """The tracer, into a file, a counting pipe or /dev/null."""
    name = "pvmtrace"
    title = "pvmtrace"
    rendered = True

    def __init__(self, *args, title=None, out="file", reject=False, record=False):
        super().__init__()
        self.record = record
        self.args = list(args)
        self.title = title or self.title
        self.out = out
        self.reject = reject
        self.counter = self.stranger = None

    def command(self):
        to = {"file": ["-o", self.file("json")], "null": ["-o", "/dev/null"]}.get(self.out, [])
        return [tracer(), *self.args, *to, *(["--record", self.file("pvmtrace")] if self.record else [])]

    def start(self):
        command = self.command()
        if self.reject:
            self.stranger = spawn(["sleep", "3600"], CPU_TOOL)
            command += ["-p", self.stranger.pid]
        reading, stdout = os.pipe()
        if self.out == "pipe":
            self.counter = spawn([f"{BUILD}/counter"], CPU_TOOL, stdin=reading, stdout=subprocess.PIPE)
        os.close(reading)
        with open(ROOT / self.file("err"), "wb") as err:
            self.proc = spawn(command, CPU_TOOL, stdout=stdout, stderr=err)
        os.close(stdout)
        wait_until("pvmtrace", lambda: b"tracing as" in self.errors(), self.proc)

    def errors(self):
        return (ROOT / self.file("err")).read_bytes()

    def stop(self, count=False):
        finish(self.proc, signal.SIGTERM)
        result = self.books() if count else {}
        self.proc = None
        return result

    def books(self):
        if self.out == "null":
            lost = re.search(rb"(\d+) calls were lost \((\d+) seen\)", self.errors())
            return {"lost": int(lost[1]) if lost else 0, "seen": int(lost[2]) if lost else None,
                    "summarised": 0, "told": None}
        if self.out == "pipe":
            head, last = self.counter.communicate()[0].splitlines()[:2]
            size = json.loads(head)["bytes"]
        else:
            last = last_line(ROOT / self.file("json"))
            size = os.path.getsize(ROOT / self.file("json"))
        stop = json.loads(last)
        counters = stop["counters"]
        if self.record:
            size = os.path.getsize(ROOT / self.file("pvmtrace"))
        return {"told": counters["emitted"], "summarised": counters["summarised"],
                "lost": counters["lost"], "seen": counters["seen"], "bytes": size}

    def __exit__(self, *exc):
        super().__exit__(*exc)
        for proc in (self.stranger, self.counter):
            if proc:
                finish(proc, signal.SIGTERM)
        self.stranger = self.counter = None


class Floor(Tool):
    """The programs of floor.bpf.c."""

    def __init__(self, which, title):
        super().__init__()
        self.which = which
        self.name = f"floor-{which}"
        self.title = title

    def command(self):
        return [f"{BUILD}/floor", f"{BUILD}/floor.bpf.o", self.which]

    def start(self):
        self.proc = spawn(self.command(), CPU_TOOL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        if self.proc.stdout.readline() != b"ready\n":
            raise Unable(self.proc.stderr.read().decode(errors="replace").strip())

    def stop(self, count=False):
        self.proc.send_signal(signal.SIGINT)
        out = self.proc.communicate()[0]
        running.remove(self.proc)
        self.proc = None
        said = json.loads(out)
        return {"told": said["records"], "summarised": 0, "lost": said["dropped"],
                "seen": said["records"] + said["dropped"]}


class Peer(Tool):
    """A tracer of Debian, into a file. Those with buffered output are ready when calls of our own appear."""
    program = None
    mark = None  # what each of its lines about a call contains

    def start(self):
        self.needs(self.program)
        with open(ROOT / self.file("err"), "wb") as err:
            self.proc = spawn(self.command(), CPU_TOOL, stdout=err, stderr=err,
                              env={**os.environ, **self.env()})
        try:
            wait_until(self.title, self.has_seen_us, self.proc)
        except Unable as why:
            raise Unable(f"{why}; {self.said()[-200:].strip()}") from None

    def env(self):
        return {}

    def said(self):
        return (ROOT / self.file("err")).read_text(errors="replace")

    def has_seen_us(self):
        for _ in range(50):
            own_call()
        path = ROOT / self.file()
        return path.exists() and path.stat().st_size > 200

    def stop(self, count=False):
        finish(self.proc)
        self.proc = None
        return self.counted() if count else {}

    def counted(self):
        said = re.findall(r"(?i)^lost (\d+)", lines_with(self.file(), "lost ") + self.said(), re.M)
        return {"told": count_lines(self.file(), self.mark), "summarised": 0,
                "lost": sum(map(int, said)), "bytes": os.path.getsize(ROOT / self.file())}


class Bpftrace(Peer):
    name = title = program = "bpftrace"
    mark = '"syscall"'
    rendered = True

    def env(self):
        return {"BPFTRACE_PERF_RB_PAGES": str(PEER_PAGES)}

    def command(self):
        return ["bpftrace", "-q", "-B", "full", "-o", self.file(), f"{HERE}/peer.bt"]


class PerfTrace(Peer):
    name = "perf-trace"
    title = "perf trace"
    program = "perf"
    mark = "process_vm_readv("
    rendered = True

    def command(self):
        return ["perf", "trace", "-a", "-m", PEER_BUFFER, "-e", "process_vm_readv,process_vm_writev",
                "-o", self.file()]


class PerfRecord(Peer):
    name = "perf-record"
    title = "perf record"
    program = "perf"
    fds = ()

    def command(self):
        events = [f"syscalls:sys_{at}_process_vm_{op}" for op in ("readv", "writev")
                  for at in ("enter", "exit")]
        return ["perf", "record", "-q", "-a", "-m", PEER_BUFFER, "-e", ",".join(events),
                "-o", self.file()]

    def start(self):
        """It says itself when it is ready, through a pipe."""
        self.needs(self.program)
        control, say = os.pipe()
        ack, said = os.pipe()
        # Open to the end: when the other end is closed, it leaves its file unfinished.
        self.fds = [say, ack]
        try:
            with open(ROOT / self.file("err"), "wb") as err:
                self.proc = spawn([*self.command(), "-D", "-1", f"--control=fd:{control},{said}"],
                                  CPU_TOOL, stdout=err, stderr=err, pass_fds=(control, said))
        finally:
            os.close(control)
            os.close(said)
        os.write(say, b"enable\n")
        if not select.select([ack], [], [], READY_TIMEOUT)[0] or b"ack" not in os.read(ack, 64):
            raise Unable(f"{self.title}: not ready; {self.said()[-200:].strip()}")

    def __exit__(self, *exc):
        super().__exit__(*exc)
        for fd in self.fds:
            os.close(fd)
        self.fds = []

    def counted(self):
        stats = subprocess.run(["perf", "report", "--stats", "-i", self.file()], cwd=ROOT,
                               stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=False)
        text = stats.stdout.decode(errors="replace").split("sys_enter", 1)[0]
        found = {name: int(n) for name, n in re.findall(r"(\S+) events: +(\d+)", text)}
        return {"told": found.get("SAMPLE", 0) // 2, "summarised": 0,
                "lost": found.get("LOST_SAMPLES", 0) // 2 or found.get("LOST", 0),
                "bytes": os.path.getsize(ROOT / self.file())}


class Strace(Tool):
    """The producer runs under it."""
    name = title = "strace"
    prefix = ("strace", "-e", "trace=process_vm_readv", "-o", "/dev/null")

    def command(self):
        return [*self.prefix, "CALLER"]

    def start(self):
        self.needs("strace")


def set_pipe_size(fd, size=1 << 20):
    fcntl.fcntl(fd, fcntl.F_SETPIPE_SZ, size)
