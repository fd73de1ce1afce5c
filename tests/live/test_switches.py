# SPDX-License-Identifier: Apache-2.0
"""Switches of the kernel that hooks depend on, as a mount namespace shows them that has a file of ours there. That they
really stop hooks, guests show (tests/vm/switches.py)."""

import json
import time
from pathlib import Path

import pytest

from pvm import AS_ME, EX_UNAVAILABLE, ONLY_ME, Tracer, pvmtrace, trigger_one
from pvm_host import FTRACE, KPROBES, with_kprobes_switch

JIT = "net.core.bpf_jit_enable"
NOTHING = {"target": False, "access": False, "pages": None}

pytestmark = pytest.mark.needs("mounts")


def test_fentry_names_the_switch(off):
    run = pvmtrace("--attach", "fentry", prefix=off(FTRACE))
    assert run.status == EX_UNAVAILABLE and f"{FTRACE} is 0" in run.err and run.out == b""


@pytest.mark.without_witnesses
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
    tried = [hook for hook in report["hooks"] if hook["hook"].startswith(("fentry/", "fexit/", "kprobe/"))]
    assert {hook["hook"].partition("/")[0] for hook in tried} == {"fentry", "fexit", "kprobe"}
    for hook in tried:
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


def plain_kprobes(report):
    """Not those of kprobe.multi, which the switch does not concern."""
    return [hook for hook in report["hooks"] if hook["hook"].startswith(("kprobe/", "kretprobe/"))]


@pytest.mark.needs("debugfs")
def test_probe_tries_no_kprobe_that_is_switched_off():
    report = json.loads(pvmtrace("--probe", "-f", "json", prefix=with_kprobes_switch(0)).out)
    assert report["works"] and report["confirms"]["pages"] != "kprobe" and report["witnesses"]["begin"] != "kprobe"
    tried = plain_kprobes(report)
    assert tried and all((h["attaches"], h["error"]) == (False, f"not tried: {KPROBES} is 0") for h in tried), tried
    others = [h for h in report["hooks"] if h not in tried]
    assert not any(KPROBES in (h["error"] or "") for h in others)


@pytest.mark.needs("debugfs")
def test_kprobes_that_are_switched_on_are_tried():
    report = json.loads(pvmtrace("--probe", "-f", "json", prefix=with_kprobes_switch(1)).out)
    found = plain_kprobes(report)
    assert found and not any("not tried" in (h["error"] or "") for h in found), found


@pytest.mark.needs("debugfs")
def test_no_pages_are_claimed_that_no_kprobe_can_see():
    with Tracer(*ONLY_ME, "--attach", "tracepoint", prefix=with_kprobes_switch(0)) as t:
        pages = t.start["confirms"]["pages"]
        assert pages != "kprobe"
        assert any(KPROBES in note for note in t.start["notes"]) == (pages is None)
        run = trigger_one("pvmcall", *AS_ME, "self")
        t.stop()
        event, = t.events(run["pid"])
        assert pages or event["remote"]["confirmed"] is None
        assert (f"{KPROBES} is 0" in t.stderr()) == (pages is None)


def codes(tracer):
    return [r["code"] for r in tracer.records("error")]


@pytest.mark.needs("debugfs", "kprobe_pages")
def test_kprobes_that_are_switched_off_meanwhile():
    """It costs confirmations, and no call."""
    with Tracer(*ONLY_ME, prefix=with_kprobes_switch(1)) as t:
        assert t.start["confirms"]["pages"] == "kprobe" and not any(KPROBES in note for note in t.start["notes"])
        switch = Path(f"/proc/{t.pid}/root{KPROBES}")
        time.sleep(1.2)
        switch.write_text("0\n")
        t.wait(lambda t: codes(t) == ["confirms_silent"], 5)
        switch.write_text("1\n")
        t.wait(lambda t: codes(t) == ["confirms_silent", "confirms_back"], 5)
        t.stop()
        silent, back = t.records("error")
        assert KPROBES in silent["message"] and silent["since"] == back["since"] < back["until"]
        assert t.end["complete"]


@pytest.mark.needs("kprobe_pages")
def test_a_switch_that_cannot_be_read_is_said():
    """As where debugfs is not mounted, or not for us."""
    hidden = ["unshare", "-m", "sh", "-c", "mount -t tmpfs none /sys/kernel/debug && exec \"$@\"", "sh"]
    with Tracer(*ONLY_ME, prefix=hidden) as t:
        assert t.start["confirms"]["pages"] == "kprobe"
        assert any(f"{KPROBES} cannot be watched" in note for note in t.start["notes"])
