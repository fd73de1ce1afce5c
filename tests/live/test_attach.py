# SPDX-License-Identifier: Apache-2.0
"""--attach: what a kernel does not allow is said, and what it allows tells the same calls."""

import pytest

from pvm import ATTACH, AS_ME, ONLY_ME, Tracer, expect_call, pvmtrace, trigger_one

EX_UNAVAILABLE = 69


@pytest.fixture(scope="module")
def refusal():
    """What --attach fentry says here; None: it works."""
    run = pvmtrace("--attach", "fentry", "--duration", 1)
    return None if run.status == 0 else run


def test_fentry_is_refused_in_clear_words(refusal):
    if not refusal:
        pytest.skip("this kernel allows --attach fentry")
    assert refusal.status == EX_UNAVAILABLE and refusal.out == b""
    line, = refusal.err.splitlines()
    assert "Unknown error" not in line
    for word in ("--attach fentry", "sys_process_vm_readv", "--attach tracepoint"):
        assert word in line


def test_both_methods_tell_the_same(refusal):
    if refusal:
        pytest.skip("this kernel refuses --attach fentry: " + refusal.err.strip())
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


def test_tracepoint_is_the_default(tracer):
    assert tracer.start["attach"] == ATTACH
