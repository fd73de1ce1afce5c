# SPDX-License-Identifier: Apache-2.0
"""Switches of the kernel that hooks depend on, as a mount namespace shows them that has a file of ours there. That they
really stop hooks, guests show (tests/vm/switches.py)."""

import functools
import json

import pytest

from pvm import EX_UNAVAILABLE, ONLY_ME, Tracer, pvmtrace, trigger_one
from pvm_host import FTRACE, switched_off

JIT = "net.core.bpf_jit_enable"
NOTHING = {"target": False, "pages": None}

pytestmark = pytest.mark.needs("mounts")


@pytest.fixture
def off(public_dir):
    return functools.partial(switched_off, public_dir)


def test_fentry_names_the_switch(off):
    run = pvmtrace("--attach", "fentry", prefix=off(FTRACE))
    assert run.status == EX_UNAVAILABLE and f"{FTRACE} is 0" in run.err and run.out == b""


def test_nothing_is_claimed_that_cannot_fire(off):
    with Tracer("--attach", "tracepoint", prefix=off(FTRACE)) as t:
        assert t.start["confirms"] == NOTHING and any(FTRACE in note for note in t.start["notes"])
        event = t.one(trigger_one("pvmcall", "self")["pid"])
        assert event["target"]["confirmed"] is event["remote"]["confirmed"] is None
        t.stop()
        assert f"{FTRACE} is 0" in t.stderr()


def test_probe_tries_no_hook_on_a_function(off):
    report = json.loads(pvmtrace("--probe", "-f", "json", prefix=off(FTRACE)).out)
    assert report["works"] and report["confirms"] == NOTHING
    for hook in report["hooks"]:
        if hook["hook"].startswith(("fentry/", "fexit/", "kprobe/")):
            assert not hook["attaches"] and f"not tried: {FTRACE} is 0" in hook["error"], hook


def test_kernel_functions_are_done_without(off):
    """Programs that are interpreted can call none."""
    with Tracer(*ONLY_ME, "--attach", "tracepoint", prefix=off(JIT)) as t:
        assert t.start["resolve"] == "walk"
        t.stop()
    run = pvmtrace("--resolve", "kfunc", prefix=off(JIT))
    assert run.status == EX_UNAVAILABLE and f"{JIT} is 0" in run.err


@pytest.mark.needs("no:fentry")
def test_a_refusal_names_the_compiler(off):
    run = pvmtrace("--attach", "fentry", prefix=off(JIT))
    assert run.status == EX_UNAVAILABLE and f"{JIT} is 0" in run.err
