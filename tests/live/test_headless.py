# SPDX-License-Identifier: Apache-2.0
"""
A process whose main thread has ended, with which /proc shows no memory, no program and no mappings of it any more: as a target
by the number of another thread, and as a caller. What it runs, what lies where in it, who is behind it, and by what right it is
reached, is known all the same, and no filter is got by.
"""

import contextlib
import ctypes
import errno
import os
import shutil
import tempfile
from pathlib import Path

import pytest

from pvm import TRIGGERS, Held, Tracer, own_call, parse_time, trigger_one
from pvm_host import expected_task, start_ns, stat_fields, status
from pvm_maps import expected, kind_of, maps, readable, regions

PVMCALL = TRIGGERS / "pvmcall"
UID = 4711

# Prints its number, that of the thread that lives on, and an address; then makes a call for each "PID ADDRESS" that comes.
PROGRAM = """
import ctypes, json, os, sys, threading
libc = ctypes.CDLL(None, use_errno=True)
buf = ctypes.create_string_buffer(8)
def iov(at):
    return (ctypes.c_size_t * 2)(at, 8)
def serve():
    libc.prctl(15, b"survivor", 0, 0, 0)
    while open("/proc/self/stat").read().rpartition(")")[2].split()[0] != "Z":
        pass
    print(json.dumps({"pid": os.getpid(), "tid": threading.get_native_id(), "address": ctypes.addressof(buf)}), flush=True)
    for line in sys.stdin:
        pid, at = line.split()
        local, remote = iov(ctypes.addressof(buf)), iov(int(at, 16))
        ret = libc.process_vm_readv(int(pid), local, 1, remote, 1, 0)
        print(json.dumps({"ret": ret if ret >= 0 else -ctypes.get_errno()}), flush=True)
    os._exit(0)
threading.Thread(target=serve).start()
libc.syscall({"x86_64": 60, "aarch64": 93}[os.uname().machine], 0)
"""


@pytest.fixture(name="program")
def program_of_its_own():
    """A file that nothing else runs."""
    place = Path(tempfile.mkdtemp(prefix="pvmhead-"))
    place.chmod(0o755)
    yield Path(shutil.copy(os.path.realpath("/usr/bin/python3"), place / "headless"))
    shutil.rmtree(place)


class Headless:
    def __init__(self, held):
        self.held, said = held, held.line()
        self.pid, self.tid, self.address = said["pid"], said["tid"], said["address"]
        assert self.pid != self.tid and stat_fields(self.pid)[0] == "Z" and maps(self.pid) == []

    def call(self, pid, address):
        return self.held.step(f"{pid} {address:x}")["ret"]


@contextlib.contextmanager
def headless(program, **popen):
    with Held(program, "-B", "-c", PROGRAM, env={**os.environ, "PYTHONHOME": "/usr"}, **popen) as held:
        yield Headless(held)


def known(h):
    """What /proc says of the thread that lives on: of the main one it no longer says all."""
    of = expected_task(h.tid)
    return {**of, "pid": h.pid, "comm": "survivor", "pid_ns": int(status(h.pid)["NSpid"].split("\t")[-1])}


def line_of(pid):
    out = []
    while len(out) < 5 and int(status(pid)["PPid"]):
        pid = int(status(pid)["PPid"])
        out.append(pid)
    return out


def test_the_target(resolver, program):
    """By the number of a thread that lives: all is known that is known of any process."""
    with headless(program) as h:
        for m in filter(readable, maps(h.tid)):
            assert regions(resolver, h.tid, m.start) == [expected(m, m.start, 0)], m
        run = trigger_one(PVMCALL, "pid", h.tid)
        event = resolver.one(run["pid"])
        target, now = event["target"], known(h)
        assert {key: target[key] for key in now} == now and target["tid"] == h.tid
        assert abs(parse_time(target["start"]) - start_ns(h.pid)) < 30 * 10**6
        assert target["dumpable"] is True and target["parent"]["pid"] == os.getpid()
        assert event["access"]["by"] == "same_user" and event["relation"]["same_memory"] is False


def test_the_target_by_its_main_threads_number(resolver, program):
    """The kernel finds no memory there: nothing is permitted, nothing lies anywhere, and who that was, is told."""
    with headless(program) as h:
        run = trigger_one("pvmregion", "read", h.pid, 1, f"{h.address:x}")
        event = resolver.one(run["pid"])
        assert event["error"] == "ESRCH" and event["target"]["resolved"] is True
        assert (event["target"]["pid"], event["target"]["tid"]) == (h.pid, h.pid)
        assert abs(parse_time(event["target"]["start"]) - start_ns(h.pid)) < 30 * 10**6
        assert event["remote"]["regions"] is event["access"]["by"] is event["access"]["denied_by"] is None


@pytest.mark.parametrize("user, by, denied", [(UID, None, "user"), (0, "same_user", None)])
def test_by_what_right_it_is_reached(tracer, program, user, by, denied):
    with headless(program) as h:
        run = trigger_one("pvmregion", "read", h.tid, 1, f"{h.address:x}", user=user)
        event = tracer.one(run["pid"])
        assert event["error"] == ("EPERM" if denied else None)
        assert (event["access"]["by"], event["access"]["denied_by"]) == (by, denied)


def test_the_caller(resolver, program):
    """It calls on another process, and on itself, by the number of the thread that lives. It leads a session of its own."""
    with Held("pvmcall", "step") as victim, headless(program, start_new_session=True) as h:
        victim.line()
        heap = next(m for m in maps(victim.pid) if kind_of(m) == "heap")
        assert h.call(victim.pid, heap.start) == 8 and h.call(h.tid, h.address) == 8
        there, own = resolver.of(h.pid)
        for event in (there, own):
            caller, now = event["caller"], known(h)
            assert {key: caller[key] for key in now} == now and caller["tid"] == h.tid
            assert caller["args"][:2] == [str(program), "-B"]
            assert [a["pid"] for a in caller["ancestors"]] == line_of(h.pid)
            assert caller["session_leader"] == {"pid": h.pid, "comm": "headless", "entity_id": caller["entity_id"]}
        assert there["remote"]["regions"] == [expected(heap, heap.start, 0)]
        assert (there["access"]["by"], there["relation"]["kinship"]) == ("same_user", "none")
        assert (own["access"]["by"], own["relation"]["kinship"]) == ("self", "self")
        assert own["relation"]["same_memory"] is True


def test_the_caller_has_no_right_by_that(tracer, program):
    with Held("pvmcall", "step") as victim, headless(program, user=UID, group=UID, extra_groups=[]) as h:
        victim.line()
        assert h.call(victim.pid, h.address) == -errno.EPERM
        event = tracer.one(h.pid)
        assert event["access"]["denied_by"] == "user" and event["caller"]["uid"] == UID
        assert event["caller"]["exe"] == str(program)


def read_as_parent(pid, address):
    """A call of this very process, whose child that is; its number."""
    to = ctypes.create_string_buffer(8)
    local, remote = ((ctypes.c_size_t * 2)(at, 8) for at in (ctypes.addressof(to), address))
    assert own_call(pid, local=(ctypes.addressof(local), 1), remote=(ctypes.addressof(remote), 1)) == 8
    return os.getpid()


def more(*row):
    """One that a guest does without: a start takes it long."""
    return pytest.param(*row, marks=pytest.mark.slow)


# Options, where {} is the program and {pid} its number; whether our call on it is told; whether one of it is.
FILTERS = [("--target-exe {}", True, False), more("--target-exe !{}", False, True), ("--caller-exe {}", False, True),
           ("-p {pid}", True, False), more("--caller-pid {pid}", False, True), more("--target-comm survivor", True, False),
           ("--region !heap", False, False), more("--relation child", True, False), more("--target-uid 0", True, True)]


@pytest.mark.parametrize("options, on_it, of_it", FILTERS)
def test_filters(program, options, on_it, of_it):
    """Each judges it as it does others. Of both calls the bytes are in a heap; it is our child, and no kin of whom it calls on."""
    with headless(program) as h, Held("pvmcall", "step") as victim:
        victim.line()
        heap = next(m.start for m in maps(victim.pid) if kind_of(m) == "heap")
        own = next(m.start for m in maps(h.tid) if kind_of(m) == "heap")
        with Tracer(*options.format(program, pid=h.pid).split()) as t:
            on = read_as_parent(h.tid, own)
            assert h.call(victim.pid, heap) == 8
            t.stop()
            told = [bool([e for e in t.events(on) if e["target"]["tid"] == h.tid]), bool(t.events(h.pid))]
        assert told == [on_it, of_it]
