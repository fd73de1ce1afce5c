# SPDX-License-Identifier: Apache-2.0
"""Who is behind a caller, against /proc: ancestors also after one of them has ended, executed or changed its name, the
session and its terminal, a tracer, and the target's parent."""

import contextlib
import ctypes
import fcntl
import json
import os
import pty
import signal
import stat
import subprocess
import sys
import termios
import time
from pathlib import Path

import pytest

from pvm import LIBC, TRIGGERS, Held, Tracer, own_call, parse_time, poll
from pvm_host import start_ns, stat_fields, status

PVMCALL = TRIGGERS / "pvmcall"
PTRACE_SEIZE, PR_SET_NAME, PR_SET_CHILD_SUBREAPER = 0x4206, 15, 36
CLONE_NEWPID = 0x20000000
WALL = 0x40000000  # of waitpid(2): threads too
BUFFER = ctypes.create_string_buffer(64)
IOV = (ctypes.c_size_t * 2)(ctypes.addressof(BUFFER), 64)
SIDE = (ctypes.addressof(IOV), 1)


def parent(pid):
    return int(status(pid)["PPid"])


def line_of(pid, most=5):
    """pid's ancestors, nearest first."""
    out = []
    while len(out) < most and parent(pid):
        pid = parent(pid)
        out.append(pid)
    return out


def agree(relative, pid):
    assert relative["pid"] == pid
    assert relative["comm"] == Path(f"/proc/{pid}/comm").read_text()[:-1]
    try:
        exe = os.readlink(f"/proc/{pid}/exe").removesuffix(" (deleted)")
    except OSError:
        exe = relative["exe"]
    assert relative["exe"] == exe
    assert abs(parse_time(relative["start"]) - start_ns(pid)) < 30 * 10**6


def hold(*args, **popen):
    h = Held(PVMCALL, *args, **popen)
    assert h.line()["ready"]
    return h


def test_ancestors_and_the_targets_parent(resolver):
    with hold("step") as target, hold("step", target.pid) as caller:
        for _ in range(2):
            caller.step()
        first, again = resolver.of(caller.pid)
        assert first["caller"]["ancestors"] == again["caller"]["ancestors"]
        line = line_of(caller.pid)
        assert [a["pid"] for a in first["caller"]["ancestors"]] == line and line[0] == os.getpid()
        for relative, pid in zip(first["caller"]["ancestors"], line):
            agree(relative, pid)
        agree(first["target"]["parent"], os.getpid())
        assert first["target"]["parent"] == first["caller"]["ancestors"][0]
        assert first["caller"]["traced_by"] is None


@pytest.mark.parametrize("most", [0, 1, 2, 16])
def test_how_many(most):
    with Tracer("--ancestors", most) as t, hold("step") as caller:
        caller.step()
        event, = t.of(caller.pid)
        assert t.start["limits"]["ancestors"] == most
        if most:
            line = line_of(caller.pid, most)
            assert [a["pid"] for a in event["caller"]["ancestors"]] == line
            assert event["caller"]["ancestors_cut"] is bool(parent(line[-1]))
            return
        assert event["target"]["parent"] is None
        assert all(event["caller"][key] is None for key in ("ancestors", "ancestors_cut", "session_leader", "tty", "traced_by"))


def test_entity_id_is_the_one_that_the_ancestor_has_itself(tracer):
    assert own_call(os.getpid(), local=SIDE, remote=SIDE) == 64
    mine = tracer.of(os.getpid())[-1]["caller"]
    with hold("step") as caller:
        caller.step()
        relative = tracer.of(caller.pid)[-1]["caller"]["ancestors"][0]
    assert {key: mine[key] for key in relative} == relative


@contextlib.contextmanager
def family(on_signal=lambda *_: None):
    """A grandchild that calls when told, and the child between that does this at SIGUSR1: (child, grandchild, tell)."""
    orders, tell = os.pipe()
    told, pids = os.pipe()
    child = os.fork()
    if child == 0:
        signal.signal(signal.SIGUSR1, on_signal)
        if os.fork() == 0:
            os.close(tell)
            os.write(pids, b"%d " % os.getpid())
            while os.read(orders, 1):
                own_call(os.getpid(), local=SIDE, remote=SIDE)
                os.write(pids, b".")
            os._exit(0)
        os.close(tell)
        while True:
            time.sleep(0.05)
    grandchild = int(os.read(told, 16).split()[0])

    def one_call():
        os.write(tell, b".")
        assert os.read(told, 1) == b"."
    try:
        yield child, grandchild, one_call
    finally:
        for fd in (tell, orders, told, pids):
            os.close(fd)
        with contextlib.suppress(ChildProcessError, ProcessLookupError):
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
        with contextlib.suppress(ProcessLookupError):
            os.kill(grandchild, signal.SIGKILL)


def test_given_to_another_parent(tracer):
    with family() as (child, grandchild, one_call):
        one_call()
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        one_call()
        before, after = tracer.of(grandchild)
        assert [a["pid"] for a in before["caller"]["ancestors"]][:2] == [child, os.getpid()]
        assert [a["pid"] for a in after["caller"]["ancestors"]] == line_of(grandchild)
        assert after["caller"]["ancestors"][0]["pid"] == after["caller"]["ppid"] != child


def test_parents_of_two_targets_in_turn(tracer):
    """Calls that follow each other so closely that who is behind a process is not read anew."""
    with family() as (child, grandchild, _):
        for _ in range(8):
            for target in (child, grandchild):
                assert own_call(target, local=SIDE, remote=SIDE) == 64
        events = [e for e in tracer.of(os.getpid()) if e["target"]["pid"] in (child, grandchild)]
        told = [(e["target"]["pid"], e["target"]["parent"]["pid"]) for e in events]
        assert told == [(child, os.getpid()), (grandchild, child)] * 8


def test_a_name_is_the_one_of_the_moment(tracer):
    with family(lambda *_: LIBC.prctl(PR_SET_NAME, b"renamed", 0, 0, 0)) as (child, grandchild, one_call):
        one_call()
        os.kill(child, signal.SIGUSR1)
        poll(lambda: Path(f"/proc/{child}/comm").read_text() == "renamed\n")
        one_call()
        before, after = (e["caller"]["ancestors"][0] for e in tracer.of(grandchild))
        assert before["comm"] != "renamed" and after["comm"] == "renamed" and before["entity_id"] == after["entity_id"]


def test_an_executable_is_the_one_of_the_moment(tracer):
    with family(lambda *_: os.execv("/bin/sleep", ["sleep", "100"])) as (child, grandchild, one_call):
        one_call()
        os.kill(child, signal.SIGUSR1)
        poll(lambda: Path(f"/proc/{child}/comm").read_text() == "sleep\n")
        one_call()
        before, after = (e["caller"]["ancestors"][0] for e in tracer.of(grandchild))
        assert before["exe"] == os.readlink("/proc/self/exe") and after["exe"] == os.path.realpath("/bin/sleep")
        assert before["entity_id"] == after["entity_id"]


@contextlib.contextmanager
def line_down(steps):
    """A process in a session of its own, which takes the first step, and below it one child after the other, each of which
    takes the next one and lives on; the last one makes a call when told: (first, last, tell)."""
    orders, tell = os.pipe()
    told, answers = os.pipe()
    first = os.fork()
    if first == 0:
        os.close(tell)
        os.setsid()
        for step in steps:
            step()
            if os.fork():
                signal.pause()
        # Whose number is the host's, also in a pid namespace: as this /proc is.
        os.write(answers, os.readlink("/proc/self").encode())
        while os.read(orders, 1):
            own_call(os.getpid(), local=SIDE, remote=SIDE)
            os.write(answers, b".")
        os._exit(0)
    last = int(os.read(told, 16))

    def one_call():
        os.write(tell, b".")
        assert os.read(told, 1) == b"."
    try:
        yield first, last, one_call
    finally:
        os.killpg(first, signal.SIGKILL)
        with contextlib.suppress(ChildProcessError):
            os.waitpid(first, 0)
        for fd in (tell, orders, told, answers):
            os.close(fd)


def nothing():
    pass


def test_more_generations_than_are_told():
    """The nearest ones, and that there are more."""
    with Tracer("--ancestors", 16) as t, line_down([nothing] * 20) as (first, last, one_call):
        one_call()
        event, = t.of(last)
        ancestors = [a["pid"] for a in event["caller"]["ancestors"]]
        assert ancestors == line_of(last, 16) and len(ancestors) == 16
        assert first not in ancestors and parent(ancestors[-1]) and event["caller"]["ancestors_cut"] is True


@pytest.mark.parametrize("more, cut", [(-1, True), (0, False), (1, False)])
def test_as_many_generations_as_are_told(more, cut):
    """Up to the one that has no parent, one less, and room for one more."""
    with hold("step") as caller:
        line = line_of(caller.pid, 100)
        with Tracer("--ancestors", len(line) + more) as t:
            caller.step()
            told = t.one(caller.pid)["caller"]
        assert [a["pid"] for a in told["ancestors"]] == line[:len(line) + more] and told["ancestors_cut"] is cut


@pytest.mark.needs("pid_ns")
def test_ancestors_beyond_a_pid_namespace(tracer):
    """By the numbers of the host: in there the first one's parent is 0."""
    def new_pid_ns():
        assert LIBC.unshare(CLONE_NEWPID) == 0
    with line_down([nothing, new_pid_ns, nothing]) as (first, last, one_call):
        one_call()
        caller = tracer.one(last)["caller"]
        ancestors = caller["ancestors"]
        assert caller["pid_ns"] == 2 and [a["pid"] for a in ancestors] == line_of(last)
        assert caller["ancestors_cut"] is bool(parent(ancestors[-1]["pid"]))
        assert ancestors[2]["pid"] == first and ancestors[3]["pid"] == os.getpid()
        for relative in ancestors:
            agree(relative, relative["pid"])


def test_given_to_a_subreaper(tracer):
    """Not to init, but to the nearest ancestor that asked for it."""
    def reaper():
        assert LIBC.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) == 0
    with line_down([reaper, nothing]) as (first, last, one_call):
        between = parent(last)
        one_call()
        os.kill(between, signal.SIGKILL)
        poll(lambda: parent(last) == first)
        one_call()
        before, after = tracer.of(last)
        assert [a["pid"] for a in before["caller"]["ancestors"]][:3] == [between, first, os.getpid()]
        assert [a["pid"] for a in after["caller"]["ancestors"]][:2] == [first, os.getpid()]
        agree(after["caller"]["ancestors"][0], first)
        assert after["caller"]["ppid"] == first


def test_a_session_whose_leader_is_gone(tracer):
    """Its number stays, and nothing else is known of it."""
    with line_down([nothing]) as (first, last, one_call):
        one_call()
        os.kill(first, signal.SIGKILL)
        os.waitpid(first, 0)
        one_call()
        before, after = tracer.of(last)
        assert before["caller"]["session_leader"]["pid"] == first and before["caller"]["session_leader"]["comm"]
        assert after["caller"]["session_leader"] == {"pid": first, "comm": None, "entity_id": None}


def test_session_and_terminal(tracer):
    """A new session on a terminal of its own, and a call of a process that its leader made."""
    pid, master = pty.fork()
    if pid == 0:
        child = os.fork()
        if child == 0:
            own_call(os.getpid(), local=SIDE, remote=SIDE)
            os._exit(0)
        os.waitpid(child, 0)
        os.write(1, b"%d %s\n" % (child, os.ttyname(0).encode()))
        signal.pause()
    child, name = os.read(master, 100).decode().split()
    caller = tracer.one(int(child))["caller"]
    assert caller["tty"] == name.removeprefix("/dev/")
    assert caller["session_leader"]["pid"] == caller["ancestors"][0]["pid"] == pid
    assert caller["session_leader"]["entity_id"] == caller["ancestors"][0]["entity_id"]
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    os.close(master)


@pytest.mark.parametrize("minor, name", [(63, "tty63"), (67, "ttyS3")])
def test_a_terminal_that_is_none_of_a_window(tracer, public_dir, minor, name):
    """A console and a serial line: as ps(1) shows them."""
    node = public_dir / "terminal"
    os.mknod(node, 0o600 | stat.S_IFCHR, os.makedev(4, minor))
    try:
        fd = os.open(node, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
    except OSError as e:
        pytest.skip(f"this machine has no {name}: {e.strerror}")

    def take():
        fcntl.ioctl(fd, termios.TIOCSCTTY, 0)
    with line_down([take, nothing]) as (first, last, one_call):
        one_call()
        caller = tracer.one(last)["caller"]
        shown = subprocess.run(["ps", "-o", "tty=", "-p", str(last)], stdout=subprocess.PIPE, check=True, text=True).stdout.strip()
        assert caller["tty"] == shown == name and caller["session_leader"]["pid"] == first
        assert int(stat_fields(last)[4]) == os.makedev(4, minor)
    os.close(fd)


def test_without_a_terminal_and_its_own_leader(tracer):
    with hold("step", start_new_session=True) as caller:
        caller.step()
        event = tracer.of(caller.pid)[-1]
        assert event["caller"]["tty"] is None
        assert event["caller"]["session_leader"] == {"pid": caller.pid, "comm": "pvmcall",
                                                     "entity_id": event["caller"]["entity_id"]}


def test_traced_by(tracer):
    with hold("step") as caller:
        assert LIBC.ptrace(PTRACE_SEIZE, caller.pid, 0, 0) == 0
        caller.step()
        event = tracer.of(caller.pid)[-1]
        agree(event["caller"]["traced_by"], os.getpid())


# Has another thread than the one that is told call itself when told.
TWO_THREADS = """
import ctypes, sys, threading, time
libc = ctypes.CDLL(None, use_errno=True)
idle = threading.Thread(target=time.sleep, args=(60,), daemon=True)
idle.start()
print(idle.native_id, flush=True)
buf = ctypes.create_string_buffer(8)
iov = (ctypes.c_size_t * 2)(ctypes.addressof(buf), 8)
sys.stdin.readline()
libc.process_vm_readv(ctypes.c_int(int(sys.argv[1])), ctypes.byref(iov), 1, ctypes.byref(iov), 1, 0)
"""


def test_a_tracer_of_another_thread(tracer):
    """Nobody traces the thread that calls, so nobody is told: the limit stands in evasion.md."""
    with hold("step") as target, subprocess.Popen([sys.executable, "-c", TWO_THREADS, str(target.pid)], stdin=subprocess.PIPE,
                                                  stdout=subprocess.PIPE) as caller:
        thread = int(caller.stdout.readline())
        assert LIBC.ptrace(PTRACE_SEIZE, thread, 0, 0) == 0
        caller.stdin.write(b"\n")
        caller.stdin.flush()
        os.waitpid(thread, WALL)  # its process ends behind it
        event, = tracer.of(caller.pid)
        assert event["caller"]["traced_by"] is None


# Its main thread ends, and another one starts a program.
HEADLESS = """
import ctypes, os, subprocess, sys, threading, time
def go():
    time.sleep(0.5)
    subprocess.run(sys.argv[1:])
    os._exit(0)
threading.Thread(target=go).start()
ctypes.CDLL(None).syscall({"x86_64": 60, "aarch64": 93}[os.uname().machine], 0)
"""


def test_a_parent_whose_main_thread_has_ended(tracer):
    """It is told, without the program that it runs: that is its main thread's."""
    with subprocess.Popen([sys.executable, "-c", HEADLESS, PVMCALL, "self"], stdout=subprocess.PIPE) as p:
        run = json.loads(p.stdout.readline())
        event, = tracer.of(run["pid"])
        first = event["caller"]["ancestors"][0]
        assert (first["pid"], first["exe"]) == (p.pid, None)


def test_recorded(tmp_path):
    """A replay tells the same of them."""
    with hold("step") as caller:
        with Tracer("--record", tmp_path / "calls") as t:
            caller.step()
            line = line_of(caller.pid)
            t.kick(signal.SIGTERM)
            assert t.proc.wait(10) == 0
        with Tracer("--replay", tmp_path / "calls") as r:
            r.finish()
            event, = r.events(caller.pid)
        assert [a["pid"] for a in event["caller"]["ancestors"]] == line
        agree(event["caller"]["ancestors"][0], os.getpid())
