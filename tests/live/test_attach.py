# SPDX-License-Identifier: Apache-2.0
"""--attach: what a kernel does not allow is said, and what it allows tells the same calls."""

import pytest

from needs import has
from pvm import ATTACH, AS_ME, BUILD, ONLY_ME, Tracer, expect_call, pvmtrace, trigger_one

EX_UNAVAILABLE = 69
NATIVE = BUILD / "vm" / "pvmtrace-native"  # a build (guests.mk)


def test_fentry_works_or_is_refused_in_clear_words():
    refusal = pvmtrace("--attach", "fentry", "--duration", 1)
    if has("fentry"):
        assert refusal.status == 0, refusal.err
        return
    assert refusal.status == EX_UNAVAILABLE and refusal.out == b""
    line, = refusal.err.splitlines()
    assert "Unknown error" not in line
    for word in ("--attach fentry", "sys_process_vm_readv", "--attach tracepoint"):
        assert word in line


@pytest.mark.needs("fentry")
def test_both_methods_tell_the_same():
    with Tracer("--attach", "tracepoint", *ONLY_ME) as one, Tracer("--attach", "fentry", *ONLY_ME) as other:
        assert (one.start["attach"], other.start["attach"]) == ("tracepoint", "fentry")
        assert len(other.start["unseen"]) > len(one.start["unseen"])
        run = trigger_one("pvmcall", *AS_ME, "pair")
        for t in (one, other):
            t.stop()
            events = t.events(run["pid"])
            assert len(events) == len(run["calls"])
            for event, call in zip(events, run["calls"]):
                expect_call(event, call)


@pytest.mark.needs("witnesses", "fentry", "int80")
def test_a_witness_that_sees_no_call_of_i386_is_not_claimed():
    """With fentry they are on a function that all calls come by, as its name says."""
    with Tracer("--attach", "fentry", *ONLY_ME, binary=NATIVE) as t:
        found = t.start["witnesses"]
        assert (found["begin"], found["return"], found["end"]) == (None, None, None)
        assert "witnesses that did not see a call of our own: kprobe.multi, kretprobe.multi" in t.start["notes"]
        run = trigger_one("pvmcall", *AS_ME, "pair")
        t.stop()
        assert [e["phase"] for e in t.events(run["pid"])] == ["complete"] * len(run["calls"])


def test_tracepoint_is_the_default(tracer):
    assert tracer.start["attach"] == ATTACH
