# SPDX-License-Identifier: Apache-2.0
"""Callers inside pid and user namespaces: the numbers told are the host's."""

import os
import time

import pytest

from pvm import SLOWNESS, Tracer, expect_call, parse_time, trigger, trigger_one


def test_nested_pid_namespaces(resolver):
    runs = {t["what"]: t for t in trigger("pvmns", "pid")}
    resolver.fence()
    events = {}
    for what, t in runs.items():
        found = [e for e in resolver.events(t["pid"]) if e["target"]["arg"] == t["calls"][0]["arg"]]
        assert len(found) == 1, what
        events[what] = found[0]
        expect_call(found[0], t["calls"][0])
        caller = found[0]["caller"]
        assert caller["pid"] == t["pid"] and caller["pid_ns"] == t["pid_ns"] == 1
        assert caller["ns"]["pid"] != os.stat("/proc/self/ns/pid").st_ino
    for what in ("first level", "second level", "thread id"):
        target, t = events[what]["target"], runs[what]
        assert target["resolved"] is True and events[what]["ret"] == 32
        assert target["pid"] == t["target"] and target["tid"] == t["target_tid"]
        assert target["pid_ns"] == t["target_ns"] and target["arg"] != target["tid"]
        assert target["ns"]["pid"] == events[what]["caller"]["ns"]["pid"]
    assert events["thread id"]["target"]["tid"] != events["thread id"]["target"]["pid"]
    assert events["first level"]["caller"]["ns"]["pid"] != events["second level"]["caller"]["ns"]["pid"]


def test_a_host_number_means_nothing_inside(resolver):
    """The host has such a process, the caller's namespace has not."""
    runs = {t["what"]: t for t in trigger("pvmns", "pid")}
    t = runs["host number"]
    resolver.fence()
    event = [e for e in resolver.events(t["pid"]) if e["target"]["arg"] == t["target"]][-1]
    assert event["error"] == "ESRCH" and event["target"]["resolved"] is False
    assert event["target"]["pid"] is None and event["relation"]["kinship"] is None


def test_a_target_below(resolver):
    t = trigger_one("pvmns", "down")
    event = resolver.one(t["pid"])
    expect_call(event, t["calls"][0])
    assert event["target"]["pid"] == t["target"] and event["target"]["pid_ns"] == 1
    assert event["caller"]["ns"]["pid"] == os.stat("/proc/self/ns/pid").st_ino
    assert event["target"]["ns"]["pid"] != event["caller"]["ns"]["pid"]


def test_user_namespace(resolver):
    t = trigger_one("pvmns", "user")
    event = resolver.one(t["pid"])
    expect_call(event, t["calls"][0])
    caller = event["caller"]
    assert (caller["uid"], caller["euid"], caller["gid"]) == (100003, 100005, 100004)
    assert f"user:[{caller['ns']['user']}]" == t["ns_user"]
    assert caller["ns"]["user"] != os.stat("/proc/self/ns/user").st_ino
    assert event["relation"]["kinship"] == "self"


@pytest.mark.needs("time_ns")
@pytest.mark.parametrize("fork", [("--fork",), ()], ids=["child", "exec"])
@pytest.mark.parametrize("offsets", [("--boottime", 100000), ("--boottime", -30, "--monotonic", 7777777)], ids=str)
def test_tracer_in_a_time_namespace(offsets, fork):
    """Its offsets are not the kernel's: calls and starts of processes are dated as outside."""
    enter = ("unshare", "--time", *map(str, offsets), *fork)
    with Tracer("--duration", 3, prefix=enter) as t:
        before = time.time_ns()
        run = trigger_one("pvmcall", "self")
        after = time.time_ns()
        t.finish(timeout=15 * SLOWNESS)
        event, = t.events(run["pid"])
    slack = 10**7 * SLOWNESS  # of the kernel's ticks, and of offsets
    assert before - slack <= parse_time(event["time"]) <= after + slack
    assert before - slack <= parse_time(event["caller"]["start"]) <= parse_time(event["time"])
