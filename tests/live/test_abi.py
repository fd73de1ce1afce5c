# SPDX-License-Identifier: Apache-2.0
"""Every door of the kernel, by (abi, number); nothing that only looks like it. The triggers say which doors an
architecture does not have."""

import errno

import pytest

from needs import has
from pvm import ATTACH, expect_call, trigger_one
from pvm_arch import COMPAT, NATIVE


def seen(tracer, name, *args):
    t = trigger_one(name, *args)
    event = tracer.one(t["pid"])
    expect_call(event, t["calls"][0])
    assert event["caller"]["tid"] == t["tid"]
    return event


@pytest.mark.parametrize("op", ["read", "write"])
def test_native(tracer, op):
    event = seen(tracer, "pvmabi", "native", op)
    assert (event["abi"], event["ret"], event["syscall"]) == (NATIVE, 24, f"process_vm_{op}v")


@pytest.mark.needs("int80")
@pytest.mark.parametrize("op", ["read", "write"])
def test_int80_from_64_bit_code(tracer, op):
    event = seen(tracer, "pvmabi", "int80", op)
    assert (event["abi"], event["ret"]) == ("i386", 8)
    assert event["bytes_requested"] == 8 and event["partial"] is False


@pytest.mark.needs("program32")
@pytest.mark.parametrize("op", ["read", "write"])
def test_32_bit_program(tracer, op):
    event = seen(tracer, "pvmcall32", op)
    assert (event["abi"], event["ret"], event["op"]) == (COMPAT, 1, op)
    assert event["caller"]["exe"].endswith("/pvmcall32")


@pytest.mark.needs("program32")
def test_native_call_of_a_32_bit_program(tracer):
    """The ABI belongs to the call, not to the process."""
    event = seen(tracer, "pvmcall32", "far")
    assert (event["abi"], event["ret"]) == ("x86_64", 40)


@pytest.mark.unseen_by_fentry("x32 numbers where the kernel has no x32")
@pytest.mark.parametrize("op", ["read", "write"])
def test_x32_attempt(tracer, op):
    event = seen(tracer, "pvmabi", "x32", op)
    assert (event["abi"], event["op"]) == ("x32", op)
    if has("x32_refused"):
        assert (event["outcome"], event["ret"]) == ("failure", -errno.ENOSYS)
    else:
        assert event["error"] != "ENOSYS"


BY_INT80 = pytest.param(("pvmabi", "int80-count"), marks=pytest.mark.needs("int80"), id="int80")
BY_PROGRAM = pytest.param(("pvmcall32", "count"), marks=pytest.mark.needs("program32"), id="program")


@pytest.mark.parametrize("count", [8, 9, 512, 1024])
@pytest.mark.parametrize("how", [BY_INT80, BY_PROGRAM])
def test_32_bit_arrays_of_all_sizes(wide, how, count):
    t = trigger_one(*how, count)
    event = wide.one(t["pid"])
    expect_call(event, t["calls"][0], limit=1024)
    assert event["abi"] == COMPAT
    assert event["local"]["captured"] == event["remote"]["captured"] == count
    assert event["ret"] == count * (4 if how[0] == "pvmabi" else 1)
    assert event["local"]["status"] in ("ok", "late")


@pytest.mark.parametrize("how", [BY_INT80, BY_PROGRAM])
def test_32_bit_array_too_long(tracer, how):
    event = seen(tracer, *how, 1025)
    assert (event["error"], event["local"]["status"]) == ("EINVAL", "invalid")


def test_garbage_in_the_upper_half_of_pid(tracer):
    event = seen(tracer, "pvmabi", "upper", "native")
    assert event["target"]["arg"] == event["target"]["pid"] == event["caller"]["pid"]
    assert event["ret"] == 24


@pytest.mark.needs("int80")
def test_garbage_in_all_upper_halves_of_a_32_bit_call(tracer):
    t = trigger_one("pvmabi", "upper", "int80")
    event = tracer.one(t["pid"])
    expect_call(event, t["calls"][0])  # the trigger tells the lower halves
    assert event["flags"] == "0x0" and event["local"]["count"] == 2 and event["ret"] == 8


def test_garbage_in_the_upper_half_of_the_number(tracer):
    t = trigger_one("pvmabi", "number")
    # 5.10 looks at the whole number, unless a hook on all system calls makes it go the long way.
    if ATTACH == "fentry" and t["calls"][0]["ret"] == -errno.ENOSYS:
        assert tracer.of(t["pid"]) == []
        return
    event = tracer.one(t["pid"])
    expect_call(event, t["calls"][0])
    assert event["ret"] == 24


@pytest.mark.needs("arm64")
@pytest.mark.parametrize("count", [1, 8, 9, 64, 1024])
def test_tagged_addresses(wide, count):
    """arm64's kernel ignores the upper byte of addresses for those who ask for it. They are told as they were passed,
    and what they point to was read."""
    t = trigger_one("pvmabi", "tagged", count)
    event = wide.one(t["pid"])
    expect_call(event, t["calls"][0], limit=1024)
    assert event["ret"] == 24 * count
    for side in (event["local"], event["remote"]):
        assert side["addr"].startswith("0x5a") and side["iov"][0]["base"].startswith("0x5a")
        assert side["captured"] == count and side["status"] == "ok" and side["changed"] is not True
    for region in event["remote"]["regions"]:
        at = int(event["remote"]["iov"][region["elements"][0]]["base"], 16) & (1 << 56) - 1
        assert region["kind"] not in (None, "none") and int(region["start"], 16) <= at < int(region["end"], 16)
    assert sum(region["elements"][1] for region in event["remote"]["regions"]) == min(count, 9)


ALIKE = {
    ("x86_64", "pvmabi"): [0, -errno.EINVAL] + [-errno.ENOSYS] * 7,
    ("x86_64", "pvmcall32"): [0, -errno.EINVAL, -errno.ENOSYS, -errno.ENOSYS],
    ("arm64", "pvmabi"): [-errno.ENOSYS] * 6,
    ("arm64", "pvmcall32"): [-errno.EBADF] + [-errno.ENOSYS] * 3,
}
BY_GATE = (0, 1, 8)  # those of pvmabi on x86 that are made by int $0x80, and left out where that is not to be had


@pytest.mark.parametrize("program", ["pvmabi", pytest.param("pvmcall32", marks=pytest.mark.needs("program32"))])
def test_look_alikes_give_no_event(tracer, program):
    t = trigger_one(program, "alike")
    left_out = BY_GATE if (NATIVE, program) == ("x86_64", "pvmabi") and not has("int80") else ()
    assert t["rets"] == [None if i in left_out else ret for i, ret in enumerate(ALIKE[NATIVE, program])]
    assert tracer.of(t["pid"]) == []


def test_start_names_the_abis(tracer):
    abis = {a["abi"]: (a["covered"], a["proven"]) for a in tracer.start["abis"]}
    notes = {a["abi"]: a["note"] for a in tracer.start["abis"]}
    assert tracer.start["attach"] == ATTACH
    assert abis.pop(NATIVE) == (True, True)
    if NATIVE == "arm64":
        # Only a 32-bit program could prove it; that it is seen, test_32_bit_program shows.
        assert abis == {"arm": (True, False)}
        return
    assert abis.pop("i386") == (True, has("int80"))
    assert notes["i386"] is None if has("int80") else "32-bit calls" in notes["i386"]
    assert [*abis] == ["x32"] and (abis["x32"][0] or ATTACH == "fentry")
