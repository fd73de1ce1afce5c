# SPDX-License-Identifier: Apache-2.0
"""Every result of both calls by its real cause, counts of every kind, flags, partial transfers."""

import errno
import os

import pytest

from pvm import expect_call, own_call, trigger, trigger_one
from pvm_arch import SYS_WRITEV
from pvm_stream import JSON_MAX


def case(tracer, *args, name="pvmcall"):
    t = trigger_one(name, *args)
    event = tracer.one(t["pid"])
    expect_call(event, t["calls"][0])
    return event, t


def test_read_and_write_of_a_child(tracer):
    t = trigger_one("pvmcall", "pair")
    events = tracer.of(t["pid"])
    assert [e["op"] for e in events] == ["read", "write"]
    for event, call in zip(events, t["calls"]):
        expect_call(event, call)
        assert event["ret"] == 64 and event["bytes_requested"] == 64 and event["partial"] is False
        assert event["target"]["pid"] == t["target"] and event["target"]["resolved"] is True


@pytest.mark.parametrize("flags, names", [
    ("0x1", ["PROCESS_VM_PIDFD"]),
    ("0x2", ["PROCESS_VM_NOWAIT"]),
    ("0x4", ["0x4"]),
    ("0xfffffffffffffff7", ["PROCESS_VM_PIDFD", "PROCESS_VM_NOWAIT", "0xfffffffffffffff4"]),
])
def test_einval_flags(tracer, flags, names):
    event, _ = case(tracer, "flags", flags)
    assert event["error"] == "EINVAL"
    assert event["flag_names"] == names
    assert event["target"]["kind"] == ("pidfd" if int(flags, 16) & 1 else "pid")


def test_no_flags(tracer):
    event, _ = case(tracer, "self")
    assert event["flags"] == "0x0" and event["flag_names"] == []


@pytest.mark.parametrize("side", ["local", "remote"])
def test_efault_array(tracer, side):
    event, _ = case(tracer, "array-fault", side)
    other = "remote" if side == "local" else "local"
    assert event["error"] == "EFAULT"
    assert event[side]["status"] == "fault" and event[side]["captured"] == 0
    assert event[side]["count"] == 2 and event[side]["iov"] == []
    assert event[other]["status"] == "ok" and event[other]["captured"] == 1
    assert event["bytes_requested"] is None


@pytest.mark.parametrize("what, op", [("gone", "read"), ("readonly", "write")])
def test_efault_memory(tracer, what, op):
    event, _ = case(tracer, "memory", what)
    assert (event["error"], event["op"], event["partial"]) == ("EFAULT", op, False)
    assert event["bytes_requested"] == 64


@pytest.mark.parametrize("arg", ["0", "-1", "-2147483648", "2147483647"])
def test_esrch_no_such_process(tracer, arg):
    event, _ = case(tracer, "pid", arg)
    assert event["error"] == "ESRCH"
    assert event["target"]["arg"] == int(arg) and event["target"]["resolved"] is False


def test_esrch_kernel_thread(tracer):
    event, _ = case(tracer, "pid", 2)
    assert event["error"] == "ESRCH" and event["target"]["resolved"] is True
    assert event["target"]["pid"] == 2 and event["target"]["comm"] == "kthreadd"
    assert event["target"]["exe"] is None and event["relation"]["kinship"] == "none"


def test_esrch_zombie(tracer):
    event, t = case(tracer, "zombie")
    assert event["error"] == "ESRCH"
    assert event["target"]["resolved"] is True and event["target"]["pid"] == t["target"]
    assert event["relation"]["kinship"] == "child"


def test_eperm_as_another_user(tracer):
    event, _ = case(tracer, "--uid", 4242, "pid", os.getpid())
    assert event["error"] == "EPERM"
    assert event["caller"]["uid"] == event["caller"]["euid"] == event["caller"]["gid"] == 4242
    assert event["target"]["pid"] == os.getpid()
    assert event["relation"] == {"kinship": "parent", "same_uid": False, "same_user": False, "same_container": True,
                                 "same_pid_ns": True, "same_mnt_ns": True, "same_memory": False}


@pytest.mark.parametrize("side", ["local", "remote"])
def test_einval_negative_length(tracer, side):
    event, _ = case(tracer, "neglen", side)
    assert event["error"] == "EINVAL"
    assert event[side]["status"] == "ok" and event[side]["iov"][1]["len"] == JSON_MAX
    assert event[side]["total_len"] == JSON_MAX


@pytest.mark.unseen_by_fentry("x32 numbers where the kernel has no x32")
@pytest.mark.parametrize("call", ["read", "write"])
def test_enosys_is_only_for_numbers_nobody_has(tracer, call):
    event, _ = case(tracer, "x32", call, name="pvmabi")
    assert event["abi"] == "x32"


# (local count, remote count) -> what the kernel makes of it
COUNTS = [
    (0, 0, 0, "none", "none"),
    (0, 1, 0, "none", "ok"),
    (1, 0, 0, "ok", "none"),
    (8, 8, 8, "ok", "ok"),
    (8, 9, 8, "ok", "ok"),
    (9, 8, 8, "ok", "ok"),
    (9, 9, 9, "ok", "ok"),
    (1024, 1024, 1024, "ok", "ok"),
    (1025, 1, -errno.EINVAL, "invalid", "ok"),
    (1, 1025, -errno.EINVAL, "ok", "invalid"),
    (2**32, 1, 0, "none", "ok"),
    (2**32 + 1, 1, 1, "ok", "ok"),
    (2**32 + 1025, 1, -errno.EINVAL, "invalid", "ok"),
    (1, 2**32, -errno.EINVAL, "ok", "invalid"),
    (1, 2**32 + 1, -errno.EINVAL, "ok", "invalid"),
    (2**63, 1, 0, "none", "ok"),
    (1, 2**64 - 1, -errno.EINVAL, "ok", "invalid"),
]


@pytest.mark.parametrize("local, remote, ret, local_status, remote_status", COUNTS)
def test_counts(wide, local, remote, ret, local_status, remote_status):
    t = trigger_one("pvmcall", "counts", local, remote)
    event = wide.one(t["pid"])
    expect_call(event, t["calls"][0], limit=1024)
    assert event["ret"] == ret
    assert (event["local"]["status"], event["remote"]["status"]) == (local_status, remote_status)
    for side, count, status in (("local", local, local_status), ("remote", remote, remote_status)):
        assert event[side]["count"] == min(count, JSON_MAX)
        if status != "ok":
            assert event[side]["captured"] == 0 and event[side]["origin"] is None
    if "invalid" not in (local_status, remote_status):
        assert event["bytes_requested"] == min(local % 2**32, remote)
        assert event["partial"] is False


def test_zero_calls_need_no_process(tracer):
    """0 bytes is a success, whatever the pid: it proves nothing about it."""
    before = len(tracer.of(os.getpid()))
    assert own_call(pid=2**31 - 1) == 0
    assert own_call(pid=2**31 - 1, nr=SYS_WRITEV) == 0
    events = [e for e in tracer.of(os.getpid())[before:] if e["flags"] == "0x0"]
    assert [e["op"] for e in events] == ["read", "write"]
    for e in events:
        assert e["outcome"] == "success" and e["ret"] == 0 and e["target"]["resolved"] is False
        assert e["bytes_requested"] == 0 and e["partial"] is False


def test_partial_inside_an_element(tracer):
    event, _ = case(tracer, "partial")
    assert event["ret"] == event["bytes_transferred"] == 150
    assert event["bytes_requested"] == 200 and event["partial"] is True


def test_smaller_side_is_what_was_asked_for(tracer):
    event, _ = case(tracer, "short")
    assert event["local"]["total_len"] == 40 and event["remote"]["total_len"] == 100
    assert event["bytes_requested"] == event["ret"] == 40 and event["partial"] is False


@pytest.mark.parametrize("what, resolved", [
    ("child", True), ("null", False), ("none", False), ("number", False), ("dead", False)])
def test_pidfd_is_followed_and_never_taken_for_a_pid(tracer, what, resolved):
    event, t = case(tracer, "pidfd", what)
    assert event["flag_names"] == ["PROCESS_VM_PIDFD"]
    target = event["target"]
    assert target["kind"] == "pidfd" and target["arg"] == t["calls"][0]["arg"]
    assert target["resolved"] is resolved
    assert target["pid"] == (t["target"] if resolved else None)


def test_pidfd_number_of_a_living_process(tracer):
    """Descriptor 1 is a pipe here, process 1 exists: the target is neither."""
    event, _ = case(tracer, "flags", "1", "1")
    assert event["target"]["arg"] == 1 and event["target"]["resolved"] is False


def test_many_calls_in_order(tracer):
    t = trigger_one("pvmcall", "repeat", 2000)
    events = tracer.of(t["pid"])
    assert len(events) == 2000
    times = [e["time"] for e in events]
    assert times == sorted(times) and len(set(times)) == 2000
    assert len({e["id"] for e in events}) == 2000
    for e in events[::100]:
        expect_call(e, t["calls"][0])


def test_at_the_same_time_on_both_sides(tracer):
    """Two processes on each other: the same process has the same name as caller and as target."""
    a, b = trigger("pvmcall", "kin", 1)[0], trigger("pvmcall", "kin", -1)[0]
    assert tracer.one(a["pid"])["relation"]["kinship"] == "child"
    assert tracer.one(b["pid"])["relation"]["kinship"] == "parent"
