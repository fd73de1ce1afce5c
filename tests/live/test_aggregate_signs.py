# SPDX-License-Identifier: Apache-2.0
"""A sum swallows nothing that an analyst would want to see: what stands out is told one by one, and a sum says of its
calls what they had in common."""

import collections
import os

import pytest

from pvm import ATTACH, AS_ME, LIBC, MY_NAME, TRIGGERS, Held, Tracer
from pvm_host import FTRACE
from pvm_lender import Lender, needs_owner
from pvm_sums import Adding, OURS, SMALL, expect_nothing_lost, while_full

FLOODS = True
USER = 4713
PTRACE_SEIZE = 0x4206
KIND = collections.namedtuple("KIND", "op outcome")


@pytest.fixture
def caller():
    with Held("pvmsigns", MY_NAME) as h:
        h.line()
        yield h


def together(*options):
    return Tracer("--aggregate", 60, *OURS, *options)


def at_end(tracer, pid):
    """(events, summaries by outcome) of a process."""
    tracer.stop()
    sums = collections.defaultdict(list)
    for r in tracer.records("process_vm_summary"):
        if r["caller"]["pid"] == pid:
            sums[r["outcome"]].append(r)
    return tracer.events(pid), sums


def test_a_failure_does_not_use_up_the_event_of_a_success(caller):
    with together() as t:
        caller.step("bad 3")
        caller.step("plain 4")
        events, sums = at_end(t, caller.pid)
    assert [(e["outcome"], e["error"]) for e in events] == [("failure", "EFAULT"), ("success", None)]
    assert [r["calls"] for r in sums["failure"]] == [2] and [r["calls"] for r in sums["success"]] == [3]


def test_after_an_exec_it_is_another_caller(caller):
    """Not told under the name and executable of the one before."""
    with together() as t:
        caller.step("plain 3")
        caller.send(f"exec {TRIGGERS / 'pvmcall'} --comm {MY_NAME.encode().hex()} step")
        caller.line()
        for _ in range(3):
            caller.step()
        events, sums = at_end(t, caller.pid)
    assert [e["caller"]["exe"].rsplit("/", 1)[1] for e in events] == ["pvmsigns", "pvmcall"]
    assert sorted((r["caller"]["exe"].rsplit("/", 1)[1], r["calls"]) for r in sums["success"]) == [
        ("pvmcall", 2), ("pvmsigns", 2)]


def read_twice_and_thrice(target, between):
    """(events, summaries by outcome) of one who reads a target before and after what it does in between."""
    with together() as t, Held("pvmcall", *AS_ME, "step") as reader:
        reader.line()
        for _ in range(2):
            reader.step(f"target {target.pid}")
        target.step(between)
        for _ in range(3):
            reader.step(f"target {target.pid}")
        events, sums = at_end(t, reader.pid)
    return [e for e in events if e["target"]["pid"] == target.pid], sums


def test_a_target_after_its_exec_is_another(caller):
    events, _ = read_twice_and_thrice(caller, f"exec {TRIGGERS / 'pvmsigns'} other")
    assert len(events) == 2 * len({e["outcome"] for e in events})
    assert {e["target"]["comm"] for e in events} == {MY_NAME, "other"}


def test_who_becomes_another_user_is_another_caller(caller):
    """A sum does not say that root did what a user did, nor the reverse."""
    with together() as t:
        caller.step("plain 3")
        caller.step(f"user {USER}")
        caller.step("plain 5")
        events, sums = at_end(t, caller.pid)
    assert [e["caller"]["uid"] for e in events] == [0, USER]
    assert sorted((r["caller"]["uid"], r["target"]["uid"], r["calls"]) for r in sums["success"]) == [
        (0, 0, 2), (USER, USER, 4)]


def test_a_target_that_becomes_another_users_is_another(caller):
    events, sums = read_twice_and_thrice(caller, f"user {USER}")
    assert {e["target"]["uid"] for e in events} == {0, USER}
    for found in sums.values():
        assert {(r["target"]["uid"], r["calls"]) for r in found} == {(0, 1), (USER, 2)}


@pytest.mark.parametrize("way,told", [
    ("over", {"changed": True}), ("overlong", {"changed": True}),
    ("flags", {"error": "EINVAL", "flags": "0x8"}),
])
def test_what_stands_out_is_told_each_time(caller, way, told):
    with together() as t:
        caller.step("plain 5")
        caller.step("bad 2")
        caller.step(f"{way} 4")
        caller.step("plain 5")
        events, sums = at_end(t, caller.pid)
    def shown(e):
        return {"changed": e["remote"]["changed"], "error": e["error"], "flags": e["flags"]}
    assert [e for e in events[2:] if told.items() <= shown(e).items()] == events[2:] and len(events) == 6, events
    assert [r["calls"] for r in sums["success"]] == [9]


def test_a_call_of_who_is_traced_is_told_each_time(caller):
    """Whoever traces it may steer it, and no sum says who that is."""
    with together() as t:
        caller.step("plain 5")
        assert LIBC.ptrace(PTRACE_SEIZE, caller.pid, 0, 0) == 0
        caller.step("plain 3")
        events, sums = at_end(t, caller.pid)
    assert [e["caller"]["traced_by"] and e["caller"]["traced_by"]["pid"] for e in events] == [None, *[os.getpid()] * 3]
    assert [r["calls"] for r in sums["success"]] == [4]


@pytest.mark.needs("int80")
def test_a_call_of_the_other_abi_is_told_each_time(caller):
    with together() as t:
        caller.step("plain 5")
        caller.step("foreign 3")
        events, sums = at_end(t, caller.pid)
    if ATTACH == "tracepoint":
        assert [e["abi"] for e in events if e["abi"] != "x86_64"] == ["i386"] * 3
    assert sum(r["calls"] for r in sums["success"]) == 4


@pytest.mark.unseen_by_fentry("what seccomp refuses")
def test_what_seccomp_refuses_is_told_each_time(caller):
    with together() as t:
        caller.step("plain 2")
        caller.step("refuse 13")
        caller.step("plain 4")
        events, _ = at_end(t, caller.pid)
    assert [(e["phase"], e["error"]) for e in events] == [("complete", None)] + 4 * [("orphan", "EACCES")]


PATIENT = ("--aggregate", 60, "--in-flight-after", 3600000)  # what is parked does not stand out for that


def seen_late(way, *options, **popen):
    """
    (events, summaries by outcome) of a first call, and then three at once whose target is another one, executes a file or
    ends when it was found.
    """
    with Held("pvmdecoy", "late", *way) as h:
        number = h.line()["target"]
        with Tracer(*PATIENT, "--caller-pid", h.pid, *options, **popen) as t:
            h.step()
            assert [c["ret"] for c in h.step()["calls"]] == [32] * 3
            events, sums = at_end(t, h.pid)
    assert {r["target"]["pid"] for r in (*events, *(r for found in sums.values() for r in found))} == {number}
    return events, sums


WAYS = [pytest.param((), True, id="moved"), pytest.param(("exec",), None, id="exec", marks=pytest.mark.alike),
        pytest.param(("gone",), None, id="gone", marks=pytest.mark.alike)]


@pytest.mark.without_witnesses
@pytest.mark.needs("mounts")
@pytest.mark.parametrize("way,moved", WAYS)
def test_a_target_that_may_be_another_is_told_each_time(off, way, moved):
    """Where nobody sees whom the kernel found: a sum does not say that it was who had the number at entry."""
    events, sums = seen_late(way, "--attach", "tracepoint", prefix=off(FTRACE))
    assert [(e["phase"], e["outcome"], e["target"]["moved"]) for e in events[1:]] == [("complete", "success", moved)] * 3
    assert not sums


@pytest.mark.needs("mm_access_hook")
@pytest.mark.parametrize("way,_", WAYS)
def test_a_target_that_the_kernel_opened_is_summed(way, _):
    """It is certain which one that was, whatever has its number afterwards."""
    events, sums = seen_late(way)
    assert [(e["target"]["confirmed"], e["target"]["moved"], e["target"]["comm"]) for e in events] == [
        (True, False, "pvmdecoy")]
    assert [r["calls"] for r in sums["success"]] == [3]


def test_a_target_that_is_found_late_is_told_each_time():
    """Moved, executed or come to be before the kernel looked for it; the list that it waited for was not seen at entry."""
    for way in ((), ("exec",), ("nobody",)):
        with Held("pvmdecoy", *way) as h:
            h.line()
            with Tracer(*PATIENT, "--caller-pid", h.pid) as t:
                h.step()
                h.step()
                events, sums = at_end(t, h.pid)
        assert [e["phase"] for e in events] == ["complete"] and not sums, way


@needs_owner
def test_who_works_in_anothers_memory_is_told_each_time():
    with Lender("clone") as lender, Tracer(*PATIENT, "--caller-pid", lender.children[0]) as t:
        for _ in range(3):
            lender.order(0, "self")
        events, sums = at_end(t, lender.children[0])
    assert [e["target"]["memory_of"]["pid"] for e in events] == [lender.pid] * 3 and not sums


def test_what_is_usual_is_summed(caller):
    """Also of long lists, of several errors, and of calls that name nobody."""
    with together() as t:
        first = caller.step("plain 10")
        last = caller.step("many 10")
        caller.step("bad 5")
        caller.step("nobody 7")
        events, sums = at_end(t, caller.pid)
    assert len(events) == 3
    good, = sums["success"]
    assert good["calls"] == 19 and good["errors"] == {} and good["abis"] == [{"abi": events[0]["abi"], "calls": 19}]
    assert good["changed"] is False and good["relation"]["kinship"] == "self"
    assert (good["low"], good["high"]) == (first["low"], last["high"])
    by_target = {r["target"]["pid"]: r for r in sums["failure"]}
    assert by_target[caller.pid]["errors"] == {"EFAULT": 4} and by_target[None]["errors"] == {"ESRCH": 6}
    assert by_target[None]["relation"]["kinship"] is None


def test_a_sum_of_a_full_ring_says_what_its_calls_were(programs, caller):
    with Adding(*SMALL, *OURS) as (tracer, tally):
        def act():
            return [caller.step(f"{what} {n}") for what, n in
                    (("many", 3), ("plain", 2), ("bad", 4), ("over", 2))]
        (many, plain, _, over), _, _ = while_full(programs, [tracer], act)
        stop = tally.finish()
    expect_nothing_lost(stop)
    sums = {r["outcome"]: r for _, r in tally.summaries if r["caller"]["pid"] == caller.pid}
    good, bad = sums["success"], sums["failure"]
    assert good["calls"] == 7 and good["changed"] is True and good["relation"]["kinship"] == "self"
    assert good["low"] == plain["low"] == over["low"] and good["high"] >= many["high"]
    assert bad["calls"] == 4 and bad["errors"] == {"EFAULT": 4} and bad["changed"] is False
    assert (bad["low"], bad["high"]) == ("0x0000000000000001", "0x0000000000000010")


@pytest.mark.unseen_by_fentry("what seccomp refuses")
def test_an_unusual_error_has_a_sum_of_its_own(programs, caller):
    with Adding(*SMALL, *OURS) as (tracer, tally):
        def act():
            caller.step("nobody 2")
            caller.step("refuse 13")
            caller.step("nobody 3")
        while_full(programs, [tracer], act)
        tally.finish()
    sums = [(r["calls"], r["errors"]) for _, r in tally.summaries if r["caller"]["pid"] == caller.pid]
    assert sorted(sums, key=str) == [(2, {"ESRCH": 2}), (3, {"EACCES": 3})]
