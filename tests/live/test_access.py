# SPDX-License-Identifier: Apache-2.0
"""By what right a call is told to have been permitted, or for want of what denied: processes of our own, of which each has
what one step of the kernel's rule asks for, and nothing more."""

import contextlib
import ctypes
import errno
import os
import shutil
import signal
from pathlib import Path

import pytest

from pvm import LIBC, Held, own_call, poll
from pvm_host import status
from pvm_lender import Lender, needs_owner

UID, OTHER = 4711, 4712  # nobody's here
PR_SET_DUMPABLE, PR_SET_KEEPCAPS, PR_SET_PTRACER = 4, 8, 0x59616D61
PTRACE_SEIZE = 0x4206
CLONE_NEWUSER = 0x10000000
KTHREADD = 2
YAMA = Path("/proc/sys/kernel/yama/ptrace_scope")
SUID_DUMPABLE = Path("/proc/sys/fs/suid_dumpable")
BUFFER = ctypes.create_string_buffer(b"what is to be read", 64)
IOV = (ctypes.c_size_t * 2)(ctypes.addressof(BUFFER), 64)
SIDE = (ctypes.addressof(IOV), 1)
NOT_OURS = (ctypes.c_size_t * 2)(0xFFFF800000000000, 64)
NOTHING_THERE = (ctypes.c_size_t * 2)(4096, 64)


def prctl(option, value):
    assert LIBC.prctl(option, ctypes.c_ulong(value), 0, 0, 0) == 0


def become(uid, dumpable=1, keep_caps=False):
    """Another user, who has lost root's capabilities; keep_caps: but for those that it is permitted."""
    prctl(PR_SET_KEEPCAPS, keep_caps)
    os.setresgid(uid, uid, uid)
    os.setresuid(uid, uid, uid)
    prctl(PR_SET_DUMPABLE, dumpable)


def new_user_ns(uid, dumpable=1):
    become(uid)
    assert LIBC.unshare(CLONE_NEWUSER) == 0
    prctl(PR_SET_DUMPABLE, dumpable)


def write_maps(pid, ready):
    """Waits until that process is in a user namespace of its own, below ours, and gives it UID and OTHER there."""
    os.read(ready, 1)
    for name in ("uid_map", "gid_map"):
        Path(f"/proc/{pid}/{name}").write_text(f"{UID} {UID} 2")


def nested_user_ns(*makers, dumpable=1):
    """One user namespace in the other, of which each of these users makes one."""
    for uid in makers:
        me, (ready, done) = os.getpid(), os.pipe()
        helper = os.fork()
        if helper == 0:
            try:
                write_maps(me, ready)
                os._exit(0)
            finally:
                os._exit(1)
        new_user_ns(uid)
        os.write(done, b".")
        assert os.waitpid(helper, 0)[1] == 0
        os.close(ready)
        os.close(done)
    prctl(PR_SET_DUMPABLE, dumpable)


def enter(pid):
    """UID, in the user namespace of that process."""
    def step():
        fd = os.open(f"/proc/{pid}/ns/user", os.O_RDONLY)
        become(UID)
        assert LIBC.setns(fd, CLONE_NEWUSER) == 0
        os.close(fd)
        prctl(PR_SET_DUMPABLE, 1)
    return step


@contextlib.contextmanager
def child(*steps):
    """A process that has taken these steps, and waits. Its memory is a copy of ours."""
    ready, told = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            for step in steps:
                step()
            os.write(told, b".")
            signal.pause()
        finally:
            os._exit(1)
    try:
        os.close(told)
        assert os.read(ready, 1) == b".", "a child did not come to be what it was to be"
        yield pid
    finally:
        os.close(ready)
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)


def call(target, *steps, local=SIDE, remote=SIDE):
    """The caller's pid, and what it got."""
    answer, told = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            for step in steps:
                step()
            os.write(told, str(own_call(target or os.getpid(), local=local, remote=remote)).encode())
        finally:
            os._exit(0)
    os.close(told)
    ret = os.read(answer, 16)
    os.close(answer)
    os.waitpid(pid, 0)
    return pid, int(ret)


def as_user(uid=UID, **more):
    return lambda: become(uid, **more)


def scope():
    """Yama's, as the tracer has read it: of the moment of its start, or up to a second old."""
    return int(YAMA.read_text()) if YAMA.exists() else None


def check(tracer, target, steps, by=None, denied=None, dumpable=True, owner=0, capable=False, covered=True, remote=SIDE, able=None):
    """able: whether the caller has the capability where it is, which without steps it has."""
    pid, ret = call(target, *steps, remote=remote)
    assert ret == (64 if by else -errno.EPERM)
    event = tracer.one(pid)
    access = dict(event["access"])
    seen = tracer.start["confirms"]["access"] and denied not in ("user", "dumpable")
    assert access.pop("inferred") is not seen
    assert access == {"by": by, "denied_by": denied, "cap_sys_ptrace": capable, "caps_covered": covered,
                      "traces_target": False, "yama_scope": scope()}
    assert event["target"]["dumpable"] is dumpable and event["target"]["user_ns_owner"] == owner
    assert event["caller"]["cap_sys_ptrace"] is (steps == () if able is None else able)


@pytest.fixture(autouse=True)
def yama_lets_pass():
    """Where there is this module, no test but those of it asks for more than the kernel's own rule."""
    if not YAMA.exists():
        yield
        return
    was = YAMA.read_text()
    YAMA.write_text("0")
    yield
    YAMA.write_text(was)


@pytest.mark.parametrize("steps, by", [([as_user()], "same_user"), ([], "cap_sys_ptrace")])
def test_a_user_and_root_on_a_user(tracer, steps, by):
    with child(as_user()) as target:
        check(tracer, target, tuple(steps), by=by, capable=not steps)


def test_another_user(tracer):
    with child(as_user()) as target:
        check(tracer, target, (as_user(OTHER),), denied="user")


def test_user_on_root(tracer):
    with child() as target:
        check(tracer, target, (as_user(),), denied="user", covered=False)


def test_not_dumpable(tracer):
    with child(as_user(dumpable=0)) as target:
        check(tracer, target, (as_user(),), denied="dumpable", dumpable=False)
        check(tracer, target, (), by="cap_sys_ptrace", dumpable=False, capable=True)


def test_more_capabilities(tracer):
    """The ids are equal, but the target may do more than the caller; who may do as much is let pass."""
    with child(as_user(keep_caps=True)) as target:
        check(tracer, target, (as_user(),), denied="cap", covered=False)
        check(tracer, target, (as_user(keep_caps=True),), by="same_user")


@pytest.mark.needs("user_ns")
def test_user_namespace_of_its_maker(tracer):
    """Whoever made a user namespace has all rights there; the target's program was executed outside of it."""
    with child(lambda: new_user_ns(UID)) as target:
        check(tracer, target, (as_user(),), by="cap_sys_ptrace", owner=UID, capable=True, covered=False)
        check(tracer, target, (as_user(OTHER),), denied="user", owner=UID, covered=False)
        check(tracer, target, (), by="cap_sys_ptrace", owner=UID, capable=True, covered=False)
    with child(lambda: new_user_ns(UID, dumpable=0)) as target:
        check(tracer, target, (as_user(),), denied="dumpable", dumpable=False, owner=UID, capable=True, covered=False)


@pytest.mark.needs("user_ns")
def test_out_of_a_user_namespace(tracer):
    """All capabilities in a namespace of one's own are none outside."""
    with child(as_user()) as target:
        pid, ret = call(target, lambda: new_user_ns(UID))
        event = tracer.one(pid)
        assert ret == -errno.EPERM and event["access"]["denied_by"] == "cap"
        assert event["caller"]["cap_sys_ptrace"] is True and event["access"]["cap_sys_ptrace"] is False


@pytest.mark.needs("user_ns")
def test_nested_user_namespaces(tracer):
    """Whoever has the capability in one has it in all below it, and so has who made that one, from the outside. That one made the
    target's own one is worth nothing there; nor are rights in a namespace beside it, or below it."""
    with child(lambda: nested_user_ns(UID)) as outer, child(enter(outer), lambda: nested_user_ns(OTHER)) as target:
        below = {"owner": OTHER, "covered": False}
        check(tracer, target, (), by="cap_sys_ptrace", capable=True, **below)
        check(tracer, target, (as_user(UID),), by="cap_sys_ptrace", capable=True, **below)
        check(tracer, target, (as_user(OTHER),), denied="cap", **below)
        check(tracer, target, (enter(outer),), by="cap_sys_ptrace", capable=True, able=True, **below)
        check(tracer, target, (lambda: nested_user_ns(UID),), denied="user", able=True, **below)
        check(tracer, target, (lambda: nested_user_ns(OTHER),), denied="cap", able=True, **below)
        check(tracer, target, (lambda: nested_user_ns(OTHER, OTHER),), denied="cap", able=True, **below)
        check(tracer, outer, (enter(target),), denied="cap", owner=UID, covered=False, able=True)
        # In one of them it is as outside of all.
        check(tracer, target, (enter(target),), by="cap_sys_ptrace", owner=OTHER, capable=True, able=True)
        # The program of these was executed outside.
        with child(enter(outer), lambda: nested_user_ns(OTHER, dumpable=0)) as closed:
            check(tracer, closed, (enter(outer),), denied="dumpable", dumpable=False, capable=True, able=True, **below)
            check(tracer, closed, (), by="cap_sys_ptrace", dumpable=False, capable=True, **below)


@pytest.mark.needs("user_ns")
def test_very_many_user_namespaces(tracer):
    """As deep as the kernel lets them be."""
    with child(lambda: nested_user_ns(*[UID] * 32)) as target:
        check(tracer, target, (as_user(UID),), by="cap_sys_ptrace", owner=UID, capable=True, covered=False)
        check(tracer, target, (as_user(OTHER),), denied="user", owner=UID, covered=False)
        check(tracer, target, (), by="cap_sys_ptrace", owner=UID, capable=True, covered=False)


@pytest.mark.parametrize("how", [0, 2])
def test_a_program_that_its_user_may_not_read(tracer, public_dir, how):
    """It is not dumpable, whatever fs.suid_dumpable makes of that: 2, by which root may have a dump, lets nobody in."""
    program = public_dir / "closed"
    shutil.copy("/bin/cat", program)
    program.chmod(0o711)
    was = SUID_DUMPABLE.read_text()
    SUID_DUMPABLE.write_text(str(how))
    try:
        with Held(program, user=UID, group=UID, extra_groups=[]) as h:
            assert h.step("{}") == {}
            pid, ret = call(h.pid, as_user(UID))
            event = tracer.one(pid)
            assert ret == -errno.EPERM and (event["access"]["by"], event["access"]["denied_by"]) == (None, "dumpable")
            assert event["target"]["dumpable"] is False and event["relation"]["same_user"] is True
    finally:
        SUID_DUMPABLE.write_text(was)


# Not dumpable, and says where a byte of it is.
CLOSED = """
import ctypes, json, sys
ctypes.CDLL(None).prctl(4, 0, 0, 0, 0)
buf = ctypes.create_string_buffer(64)
print(json.dumps({"address": ctypes.addressof(buf)}), flush=True)
sys.stdin.read()
"""


@pytest.mark.needs("user_ns")
def test_not_dumpable_and_executed_in_its_user_namespace(tracer):
    """The capability is asked for there, so its maker has it."""
    with Held("/usr/bin/unshare", "-Ur", "/usr/bin/python3", "-B", "-c", CLOSED, user=UID, group=UID, extra_groups=[]) as h:
        there = (ctypes.c_size_t * 2)(h.line()["address"], 64)
        remote = (ctypes.addressof(there), 1)
        of = {"dumpable": False, "owner": UID, "covered": False, "remote": remote}
        check(tracer, h.pid, (as_user(UID),), by="cap_sys_ptrace", capable=True, **of)
        check(tracer, h.pid, (as_user(OTHER),), denied="user", **of)
        check(tracer, h.pid, (), by="cap_sys_ptrace", capable=True, **of)


def test_own_memory(tracer):
    pid, ret = call(0)
    event = tracer.one(pid)
    assert ret == 64 and (event["access"]["by"], event["access"]["denied_by"]) == ("self", None)


def test_a_tracer_of_the_target(tracer):
    """Whoever traces it by ptrace(2): that is told, whether it was needed or not."""
    with child(as_user()) as target:
        pid, ret = call(target, lambda: LIBC.ptrace(PTRACE_SEIZE, target, 0, 0))
        access = tracer.one(pid)["access"]
        assert ret == 64 and access["traces_target"] is True and access["by"] == "cap_sys_ptrace"
        pid, _ = call(target)
        assert tracer.one(pid)["access"]["traces_target"] is False


@needs_owner
def test_shared_memory(tracer):
    with Lender("clone", UID) as v:
        assert v.order(0, "parent")["ret"] == 64
        event, = tracer.of(v.children[0])
        assert event["relation"]["same_memory"] is True and event["access"]["by"] == "same_memory"


def test_not_asked(tracer):
    """Without bytes to move, or without a target, nobody is asked."""
    nothing = (ctypes.addressof(IOV), 0)
    assert own_call(os.getppid(), local=nothing, remote=SIDE) == 0
    assert own_call(2**22, local=SIDE, remote=SIDE) == -errno.ESRCH
    for event in tracer.of(os.getpid())[-3:]:
        assert event["access"]["by"] is event["access"]["denied_by"] is event["access"]["inferred"] is None


def test_who_has_no_memory(tracer):
    """A thread of the kernel, and a process that has ended and was not waited for: there is nothing to be permitted, and nothing
    that could lie anywhere. Who it is, is told."""
    ended = os.fork()
    if ended == 0:
        os._exit(0)
    try:
        poll(lambda: status(ended)["State"].startswith("Z"))
        for target in (KTHREADD, ended):
            assert own_call(target, local=SIDE, remote=SIDE) == -errno.ESRCH
            event = next(e for e in reversed(tracer.of(os.getpid())) if e["target"]["arg"] == target)
            assert (event["target"]["pid"], event["target"]["comm"]) == (target, status(target)["Name"])
            assert event["target"]["exe"] is event["remote"]["regions"] is event["target"]["dumpable"] is None
            assert event["access"]["by"] is event["access"]["denied_by"] is event["access"]["inferred"] is None
    finally:
        os.waitpid(ended, 0)


def test_a_fault_ahead_of_the_permission(tracer):
    """An address that no process has, in a list of the caller's own, fails ahead of it: that proves nothing."""
    with child(as_user()) as target:
        for steps in (as_user(OTHER), as_user()):
            pid, ret = call(target, steps, local=(ctypes.addressof(NOT_OURS), 1))
            assert ret == -errno.EFAULT
            event = tracer.one(pid)
            assert event["access"]["by"] is event["access"]["denied_by"] is event["access"]["inferred"] is None


def test_a_fault_behind_the_permission(tracer):
    with child(as_user()) as target:
        pid, ret = call(target, as_user(), remote=(ctypes.addressof(NOTHING_THERE), 1))
        assert ret == -errno.EFAULT
        assert tracer.one(pid)["access"]["by"] == "same_user"


def right(tracer, target, *steps):
    """By what right such a caller is told to have reached the target, and for want of what it has not."""
    pid, ret = call(target, *steps)
    access = tracer.one(pid)["access"]
    assert (ret == 64) is (access["by"] is not None) and (ret == -errno.EPERM) is (access["denied_by"] is not None)
    return access["by"] or access["denied_by"]


def own(tracer, target):
    """By what right this process reaches the target."""
    assert own_call(target, local=SIDE, remote=SIDE) == 64
    event, = (e for e in tracer.of(os.getpid()) if e["target"]["pid"] == target)
    return event["access"]["by"]


@pytest.fixture
def restricted(tracer):
    """The scope of Yama is read from time to time."""
    @contextlib.contextmanager
    def ready(wanted):
        YAMA.write_text(str(wanted))
        poll(lambda: own_call(os.getpid(), local=SIDE, remote=SIDE) == 64 and
             tracer.of(os.getpid())[-2]["access"]["yama_scope"] == wanted)
        yield tracer
    return ready


@pytest.mark.needs("yama")
def test_yama_lets_pass_whom_the_target_names(restricted):
    """With scope 1 a stranger is denied, unless the target says who may: anybody, or one process and what descends from it."""
    with restricted(1) as t:
        with child(as_user()) as target:
            check(t, target, (as_user(),), denied="lsm")
            check(t, target, (), by="cap_sys_ptrace", capable=True)
        for named in (2**64 - 1, os.getpid()):
            with child(as_user(), lambda: prctl(PR_SET_PTRACER, named)) as target:
                check(t, target, (as_user(),), by="same_user")
        with child() as other, child(as_user(), lambda: prctl(PR_SET_PTRACER, other)) as target:
            check(t, target, (as_user(),), denied="lsm")


@pytest.mark.needs("yama")
def test_yama_lets_a_descendant_be_reached(restricted):
    with restricted(1) as t, child() as target:
        assert own(t, target) == "same_user"


@pytest.mark.needs("yama")
def test_yama_lets_a_tracer_reach_whom_it_traces(restricted):
    """Whoever traces a process needs nothing else; other processes do."""
    def seize():
        assert LIBC.ptrace(PTRACE_SEIZE, target, 0, 0) == 0
    with restricted(1) as t:
        with child() as target:
            assert right(t, target, seize) == "same_user"
            assert right(t, target) == "cap_sys_ptrace"
        with child(as_user()) as target:
            assert right(t, target, seize, as_user()) == "same_user"
            assert right(t, target, as_user()) == "lsm"


@pytest.mark.needs("yama")
def test_yama_wants_a_capability(restricted):
    """With scope 2 of everybody, also for a descendant."""
    with restricted(2) as t:
        with child() as target:
            assert own(t, target) == "cap_sys_ptrace"
        with child(as_user()) as target:
            assert right(t, target, as_user()) == "lsm"


@pytest.mark.needs("yama")
def test_yama_knows_descendants_further_off_than_the_tracer(restricted):
    """Its own walk has no end: beyond 32 generations it is not said whether this or the capability let the call pass."""
    ready, told = os.pipe()
    first = os.fork()
    if first == 0:
        os.setsid()
        for _ in range(40):
            if os.fork():
                signal.pause()
        os.write(told, b"%d" % os.getpid())
        signal.pause()
    target = int(os.read(ready, 16))
    try:
        with restricted(1) as t:
            assert own(t, target) is None
    finally:
        os.killpg(first, signal.SIGKILL)
        os.waitpid(first, 0)
        os.close(ready)
        os.close(told)
