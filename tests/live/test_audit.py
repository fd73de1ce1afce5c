# SPDX-License-Identifier: Apache-2.0
"""--audit: refused in clear words where the kernel has no kprobes; where it has, what hooks that were made blind
(pvmblind.c) do not see is told, and nothing else. More of it: tests/vm/audit.py, which each guest of make check runs, so that
what is alike here need not be run there."""

import json
import os
import re
import time

import pytest

from needs import has
from pvm import AS_ME, EX_UNAVAILABLE, Held, ONLY_ME, SHARED, TRIGGERS, Tracer, expect_call, poll, pvmtrace, trigger_one

needs_kprobes = pytest.mark.needs("perf_kprobes")


@pytest.fixture
def alone():
    """No other tracer is there: its calls to itself would be missed by blind hooks as well, and counted as audited."""
    SHARED.close()


def probed(*args):
    run = pvmtrace("--probe", "-f", "json", *args)
    return run.status, json.loads(run.out)


@pytest.mark.needs("no:perf_kprobes")
def test_refused_without_kprobes():
    run = pvmtrace("--audit", "--duration", 1)
    assert run.status == EX_UNAVAILABLE and run.out == b""
    line, = run.err.splitlines()
    assert "--audit: this kernel has no kprobes for perf" in line
    status, report = probed("--audit")
    assert status == EX_UNAVAILABLE and report["works"] is False and report["reason"] == line.partition("error: ")[2]


def test_probe_says_whether_it_can_be_had():
    _, report = probed()
    there = has("perf_kprobes")
    assert report["audit"] is there and (report["audit_error"] is None) is there


def test_not_in_force_by_default(tracer):
    assert tracer.start["audit"] is False
    run = trigger_one("pvmcall", *AS_ME, "pair")
    tracer.fence()
    events = tracer.events(run["pid"])
    assert len(events) == 2 and not any(e["audit"] for e in events)


@pytest.mark.alike
@needs_kprobes
def test_quiet_while_hooks_see_all():
    with Tracer("--audit", *ONLY_ME) as t:
        assert t.start["audit"] is True
        run = trigger_one("pvmcall", *AS_ME, "repeat", 500)
        t.stop()
        events = t.events(run["pid"])
        assert len(events) == 500 and not any(e["audit"] for e in events)
        assert t.counters["audited"] == t.counters["audit_lost"] == 0 and t.end["balanced"]


@pytest.mark.alike
@needs_kprobes
def test_what_blind_hooks_miss_is_told(alone):
    with Tracer("--audit", *ONLY_ME) as t:
        seen = trigger_one("pvmcall", *AS_ME, "self")
        missed = trigger_one("pvmblind", t.start["pid"], TRIGGERS / "pvmcall", *AS_ME, "pair")
        poll(lambda: len(t.events(missed["pid"])) == 2, 60)
        t.stop()
        for event, call in zip(t.events(missed["pid"]), missed["calls"]):
            assert (event["audit"], event["phase"], event["op"]) == (True, "orphan", call["op"])
            assert event["target"]["arg"] == call["arg"]
            for side in ("local", "remote"):
                assert (event[side]["addr"], event[side]["count"]) == (call[side]["addr"], call[side]["count"])
        expect_call(t.events(seen["pid"])[0], seen["calls"][0])
        assert t.counters["audited"] == 2 and t.end["balanced"]


@needs_kprobes
@pytest.mark.needs("userfaultfd")
def test_a_call_that_hooks_see_when_it_ends_is_told_once(alone):
    """No hook saw it begin, and it goes on for longer than the audit waits for word of a hook."""
    if tuple(map(int, re.findall(r"\d+", os.uname().release)[:2])) < (5, 15):
        pytest.skip("this kernel tells no program the registers of other threads (Linux 5.15)")
    with Tracer("--audit", "--caller-comm", "pvmpark") as t:
        with Held("pvmblind", t.start["pid"], "/bin/cat") as blind:
            assert blind.step("{}") == {}
            parked = Held("pvmpark")
            parked.line()
        with parked:
            time.sleep(8)
            assert t.events(parked.pid) == []
            parked.step("resolve")
            poll(lambda: t.events(parked.pid), 60)
        time.sleep(4)
        t.stop()
        told, = t.events(parked.pid)
        assert (told["audit"], told["phase"]) == (False, "orphan"), told
        assert t.counters["audited"] == 0 and t.end["balanced"]
