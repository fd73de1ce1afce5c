# SPDX-License-Identifier: Apache-2.0
"""The triggers of the live tests, run by threads of which the kernel counts every call that they and their children make."""

import collections
import os
import queue
import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path

import kernel

ROOT = Path(__file__).resolve().parent.parent.parent
TRIGGERS = Path(os.environ.get("PVMTRACE_BUILD", ROOT / "build")) / "live"
TRIGGER_SECONDS = 60 * float(os.environ.get("PVM_SLOWNESS", "1"))
PERCHANCE = 77  # the status of a trigger that chance was against

# What is run: the words, what comes on stdin, and how many calls more than the kernel counted are told. The kernel's events
# are of 64-bit calls that are carried out: not of those by other ABIs, nor of those that seccomp answers. "@" is another
# trigger, {dir} a folder of theirs.
Job = collections.namedtuple("Job", "words stdin extra", defaults=("", 0))

QUICK = [
    Job("pvmcall self"), Job("pvmcall pair"), Job("pvmcall repeat 300"), Job("pvmcall flags 1"), Job("pvmcall pid 1"),
    Job("pvmcall pid 99999999"), Job("pvmcall --uid 4001 pid 1"), Job("pvmcall array-fault local"),
    Job("pvmcall array-fault remote"), Job("pvmcall memory local"), Job("pvmcall memory remote"), Job("pvmcall zombie"),
    Job("pvmcall neglen local"), Job("pvmcall counts 3 5"), Job("pvmcall counts 1024 1024"), Job("pvmcall edge local 5"),
    Job("pvmcall zerofirst"), Job("pvmcall partial"), Job("pvmcall short"), Job("pvmcall late 3 4 5"), Job("pvmcall thread"),
    Job("pvmcall siblings"), Job("pvmcall step", "call\ncall\n"), Job("pvmone"), Job("pvmspawn 10 @pvmone"),
    Job("pvmcrowd line 5 3 4"), Job("pvmcrowd mesh 12"), Job("pvmover local 20"), Job("pvmover remote 200"),
    Job("pvmover write 5"), Job("pvmrace 500 10 1"), Job("pvmrace 300 200 0"), Job("pvmwitness 1000 1"), Job("pvmbrief 20", "\n\n\n"),
    Job("pvmpass call 0 wait 1 call 0"), Job("pvmworn /bin/true"), Job("pvmregion hold {dir}", "many 3\n"), Job("pvmlend clone", "0 quit\n1 quit\n"),
]
NATIVE = [Job("pvmabi native read"), Job("pvmabi native write"), Job("pvmabi upper native"), Job("pvmabi number"), Job("pvmabi alike")]
# What not every machine has, by the names of tests/needs.py.
NEEDING = {
    "int80": [Job("pvmabi int80 read", extra=1), Job("pvmabi int80-count 50", extra=1)],
    "x86_64": [Job("pvmabi x32 read", extra=1)],
    "program32": [Job("pvmcall32 read", extra=1), Job("pvmcall32 count 50", extra=1), Job("pvmcall32 alike")],
    "userfaultfd": [
        Job("pvmpark", "resolve\n"), Job("pvmpark"), Job("pvmswap", "\n\n\n\n"), Job("pvmunborn", "\n\n\n"), Job("pvmidle 20 10", "\n\n"),
        Job("pvmload -t 4 -n 200 -v 1 -m 20 -i 500 -P 2"), Job("pvmbeside remote", "hold\nbeside 0\nmove 0\nprovide\n"),
        Job("pvmbeside local", "hold\nbeside 0\nmove 0\nprovide\n")],
    "set_tid": [Job("pvmreuse", "\n\n"), Job("pvmheir 1"), *(Job(f"pvmdecoy {way}", "\n\n\n\n\n")
                                                           for way in ("", "late 20", "exec", "nobody", "gone"))],
    "pid_ns": [Job("pvmns pid"), Job("pvmns down")],
    "user_ns": [Job("pvmns user")],
    "seccomp": [Job("pvmseccomp errno 13", extra=1), Job("pvmseccomp trap", extra=1), Job("pvmseccomp kill-process", extra=1)],
    "seccomp_notify": [Job("pvmseccomp notif 1 5", extra=1), Job("pvmseccomp continue")],
}
FLOODS = [Job("pvmflood 20 -1 1 15000"), Job("pvmflood 20 -1 9 5000"), Job("pvmflood 20 -1 200 1000"), Job("pvmflood 20 -1 0 8000"),
          Job("pvmcrowd line 20 4 20")]
# What fills all that the tracer remembers: of processes and of who is behind them; and then of lists, by callers of which each
# is a new one, so that all of it is told, sooner than it can be.
STRANGERS = [Job("pvmcrowd kin 2500")] * 2
LISTS = [Job("pvmcrowd line 20 50 1 1024")] * 2


def jobs(has):
    """All that this machine can run; has(need) says what it has."""
    return QUICK + (NATIVE if has("x86_64") else []) + [job for need, of in NEEDING.items() if has(need) for job in of]


class Programs:
    """The triggers under one name of ours, which filters mean: other calls of this machine are not told. They are copied before any
    thread starts one: a child that is just being made holds open what another thread writes, and that cannot be executed."""

    def __init__(self, where, name):
        self.where, self.name = where, name
        (where / "dir").mkdir()
        for trigger in TRIGGERS.glob("pvm*"):
            if not trigger.suffix:
                self.path(trigger.name).parent.mkdir()
                shutil.copy(trigger, self.path(trigger.name))

    def path(self, trigger):
        return self.where / trigger / self.name

    def command(self, job):
        first, *rest = job.words.split()
        words = [word.format(dir=self.where / "dir") for word in rest]
        return [self.path(first), *(self.path(word[1:]) if word[0] == "@" else word for word in words)]


class Worker:
    """A thread that runs triggers one after the other, beside others."""

    def __init__(self, programs, events):
        self.programs, self.events = programs, events
        self.queue = queue.Queue()
        self.extra = self.ran = self.perchance = 0
        self.calls = self.trouble = None
        self.begun = threading.Event()
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()
        self.begun.wait()
        if self.trouble:
            raise self.trouble

    def _run(self):
        try:
            self.calls = kernel.Calls(self.events)
        except OSError as e:
            self.trouble = e
        self.begun.set()
        while self.calls and (job := self.queue.get()):
            try:
                self._do(job)
            except Exception as e:  # told by idle()
                self.trouble = self.trouble or AssertionError(f"{job.words}: {e!r}")
            self.queue.task_done()

    def _do(self, job):
        done = subprocess.run(self.programs.command(job), input=job.stdin.encode(), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                              timeout=TRIGGER_SECONDS, check=False)
        # One that is killed by seccomp reports it as its child's end.
        assert done.returncode in (0, PERCHANCE), f"{done.returncode} {done.stderr.decode(errors='replace')}"
        self.extra += job.extra
        self.ran += 1
        self.perchance += done.returncode == PERCHANCE

    def idle(self):
        if self.trouble:
            raise self.trouble
        return self.queue.unfinished_tasks == 0


class Work:
    """All workers; their calls are exact while they are idle."""

    def __init__(self, programs, events, count=2):
        self.workers = [Worker(programs, events) for _ in range(count)]

    def give(self, some):
        for i, job in enumerate(some):
            self.workers[i % len(self.workers)].queue.put(job)

    def idle(self):
        return all([worker.idle() for worker in self.workers])

    def wait(self, seconds=4 * TRIGGER_SECONDS):
        end = time.monotonic() + seconds
        while not self.idle():
            assert time.monotonic() < end, f"triggers did not end within {seconds} s"
            time.sleep(0.02)

    def calls(self):
        """How many calls they have made that a tracer has to know of."""
        self.wait()
        return sum(worker.calls.count() + worker.extra for worker in self.workers)

    def said(self):
        return f"{sum(w.ran for w in self.workers)} triggers run"


def this_machine():
    sys.path.insert(0, str(ROOT / "tests"))
    import needs
    return jobs(needs.has)
