# SPDX-License-Identifier: Apache-2.0
"""Threads that the kernel was making when the hooks were attached: they get no shadow stack, and what sees calls begin by a
session does not see theirs."""

import time

import pytest

from pvm import Held, SLOWNESS, Tracer

ANOTHER_WAY = "begins of calls are seen by kprobe.multi from now on"


def said(t):
    end = time.monotonic() + 10 * SLOWNESS
    while ANOTHER_WAY not in t.stderr() and time.monotonic() < end:
        time.sleep(0.1)
    return ANOTHER_WAY in t.stderr()


@pytest.mark.needs("witnesses", "userfaultfd")
@pytest.mark.parametrize("by,attach", [
    ("the sweep", "tracepoint"), pytest.param("its call", "fentry", marks=pytest.mark.needs("fentry"))])
def test_a_thread_without_a_shadow_stack_is_found(by, attach):
    with Held("pvmunborn") as h:
        h.line()
        with Tracer("--caller-comm", "pvmunborn", "--attach", attach) as t:
            assert t.start["witnesses"]["begin"] == "kprobe.multi"
            time.sleep(2)  # all others have one
            assert ANOTHER_WAY not in t.stderr()
            first = h.step("call" if by == "its call" else "live")
            assert said(t)
            second = h.step("call")
            t.stop()
            events = t.events()
    made = (first["rets"] if by == "its call" else []) + second["rets"]
    assert [e["ret"] for e in events] == made
    assert {(e["phase"], e["caller"]["pid"]) for e in events} == {("complete", first["child"])}
