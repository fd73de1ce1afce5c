# SPDX-License-Identifier: Apache-2.0
"""
What the kernel's own work shows of a call, when its thread is held up amid it, moved to another CPU, or shares one with
others' calls; and of a target that changes just then. It is kept aside for each CPU until the call's end.
"""

import pytest

from pvm import TRIGGERS, Held, Tracer, expect_call
from pvm_host import expected_task

pytestmark = pytest.mark.needs("mm_access_hook", "two_cpus")

# What happens while the call on CPU 1 is held up.
MEANWHILE = {
    "nothing": [],
    "others call there": ["beside 1"],
    "it is moved": ["move 0"],
    "it is moved, others call": ["beside 1", "move 0", "beside 1", "beside 0"],
    "it is moved back": ["beside 0", "move 0", "beside 0", "move 1", "beside 1"],
}
TRIES = 5
CLOSED = 300000  # descriptors: the kernel takes some hundredths of a second to close them, or more


@pytest.fixture(scope="module")
def tracer():
    """Others' calls would stand in the same places."""
    with Tracer("--caller-comm", "pvmbeside") as t:
        yield t


def expect_kept(tracer, events, report):
    """Each of the calls was confirmed by all hooks, as is."""
    confirms = tracer.start["confirms"]
    assert len(events) == len(report["calls"])
    for event, call in zip(events, report["calls"]):
        expect_call(event, call)
        assert event["target"]["confirmed"] is True and event["target"]["moved"] is False
        assert event["access"]["by"] is not None and event["access"]["inferred"] is not confirms["access"]
        if confirms["pages"]:
            assert event["remote"]["confirmed"] == "pages"
            assert event["remote"]["pinned"]["pages"] == len(call["remote"]["iov"])


@pytest.mark.needs("userfaultfd")
@pytest.mark.parametrize("where", ["remote", pytest.param("local", marks=pytest.mark.alike)])
@pytest.mark.parametrize("meanwhile", MEANWHILE)
def test_what_was_kept_of_a_call_is_its_own(tracer, where, meanwhile):
    with Held("pvmbeside", where) as h:
        h.step("hold")
        reports = [h.step(order) for order in MEANWHILE[meanwhile]]
        reports.append(h.step("provide"))
        # Nothing is left over for the calls behind it.
        reports += [h.step("beside 1"), h.step("beside 0")]
    reports = [r for r in reports if "calls" in r]
    events = tracer.wait(lambda t: len(t.events(h.pid)) >= sum(len(r["calls"]) for r in reports) and t.events(h.pid))
    for report in reports:
        expect_kept(tracer, [e for e in events if e["caller"]["tid"] == report["tid"]], report)


def held_up(tracer, what):
    """A run of the trigger in which its target changed in time, the call's events by thread, and what /proc then says of the
    target, if it lives."""
    runs = []
    for _ in range(TRIES):
        with Held("pvmstall", what) as h:
            target = h.line()["target"]
            run = h.step()
            now = expected_task(target) if what == "exec" else None
        events = tracer.wait(lambda t, h=h, run=run: len(t.events(h.pid)) >= len(run["calls"]) and t.events(h.pid))
        by_thread = {e["caller"]["tid"]: e for e in events}
        if run["held"]:
            return run, [by_thread[tid] for tid in run["tids"] if tid], now
        runs.append(run)
    pytest.fail(f"the target was too late each time: {runs}")


@pytest.mark.exact_moment
@pytest.mark.parametrize("what, key, after", [
    pytest.param("uid", "uid", 4002, marks=pytest.mark.alike), ("open", "dumpable", True)])
def test_a_target_that_changes_while_its_caller_is_held_up(what, key, after):
    """Without having waited for anything, so that no clock has to be asked."""
    with Tracer("--caller-comm", "pvmstall", "--attach", "tracepoint") as t:
        run, (event,), _ = held_up(t, what)
    expect_call(event, run["calls"][0])
    assert event["target"]["confirmed"] is True and event["target"]["resolved_at"] == "entry"
    assert event["target"][key] == after, run["waits"]


@pytest.mark.needs("perf_kprobes")
def test_a_target_that_executes_a_file_while_it_is_waited_for():
    """The kernel gives out a memory only when the exec is done; what came before it has the old one."""
    with Tracer("--caller-comm", "pvmstall") as t:
        _, (before, after), now = held_up(t, "exec")
    assert before["target"]["confirmed"] is after["target"]["confirmed"] is True
    assert (before["target"]["comm"], after["target"]["comm"]) == ("pvmstalled", "sleep")
    assert before["target"]["pid"] == after["target"]["pid"] and after["access"]["inferred"] is False
    assert {key: after["target"][key] for key in now} == now


@pytest.mark.exact_moment
@pytest.mark.parametrize("when, ret", [("die", -3), pytest.param("late", 32, marks=pytest.mark.needs("perf_kprobes"))])
def test_a_target_that_ends_while_its_caller_is_held_up(when, ret):
    """What it executed, and what lay there, was known before, and is no less so: to end is no way out of a filter. late: when the
    kernel has taken hold of its memory, so that the call reads it."""
    program = str(TRIGGERS / "pvmstall")
    with Tracer("--target-exe", program, "--attach", "tracepoint") as t:
        run, (event,), _ = held_up(t, when)
    expect_call(event, run["calls"][0])
    assert event["ret"] == ret and event["target"]["exe"] == program and event["target"]["comm"] == "pvmstalled"
    assert event["target"]["confirmed"] is True and event["target"]["resolved_at"] == "entry"
    assert [r["file"] for r in event["remote"]["regions"]] == [program]
