# SPDX-License-Identifier: Apache-2.0
"""--relation, beside what the table of test_filters.py has of it: ancestors, ids that differ in part, containers, and what
must not be hidden."""

import contextlib
import os

import pytest

from needs import any_hierarchy
from pvm import TRIGGERS, Held, Tracer, own_call, trigger_one
from pvm_host import cgroup_name
from pvm_lender import Lender

PVMCALL = TRIGGERS / "pvmcall"
ID = "0123456789abcdef" * 4
OTHER = "fedcba9876543210" * 4


def told(t, pid):
    """Of a process whose calls have been made; a call of ours that surely passes is behind them."""
    t.wait(lambda t: t.events(os.getpid()), what="the call behind it")
    return t.events(pid)


def test_the_start_record_has_them():
    with Tracer("--relation", "!self", "--relation", "other-user") as t:
        assert t.start["filters"]["relation"] == ["!self", "other-user"]


@pytest.mark.parametrize("option, want", [("parent", 1), ("!parent", 0), ("none", 0), ("child", 0)])
def test_an_ancestor(option, want):
    """A shell's grandchild calls on it. What is behind it passes in any case: it is unrelated, or ourselves."""
    with Tracer("--relation", option, "--relation", "self" if option[0] != "!" else "!child") as t:
        run = trigger_one("/bin/sh", "-c", f'( {PVMCALL} pid $$; true ); true')
        own_call(os.getpid())
        found = told(t, run["pid"])
        assert [e["relation"]["kinship"] for e in found] == ["parent"] * want


def test_ids_that_differ_in_part():
    """The target's effective user is the caller's, its real one is not: the kernel takes it for another one's."""
    with Held("pvmcall", "step", preexec_fn=lambda: os.setresuid(4001, 0, 0)) as target, \
            Tracer("--relation", "other-user", "--relation", "self") as t:
        target.line()
        run = trigger_one(PVMCALL, "pid", target.pid)
        own_call(os.getpid())
        event, = told(t, run["pid"])
        assert event["relation"]["same_user"] is False


@pytest.mark.parametrize("option, other", [("other-container", True), ("!other-container", False)])
def test_containers(cgroups, option, other):
    """User space decides, by the cgroups' names."""
    top, name = cgroup_name(), any_hierarchy()
    one, two = (cgroups.make(name, f"/{top}/docker/{i}") for i in (ID, OTHER))
    with contextlib.ExitStack() as stack:
        target = stack.enter_context(Held("pvmcall", "step", preexec_fn=cgroups.join(one)))
        target.line()
        t = stack.enter_context(Tracer("--relation", option, *(["--relation", "self"] if other else [])))
        pids = {where: trigger_one(PVMCALL, "pid", target.pid, preexec_fn=cgroups.join(where))["pid"]
                for where in (one, two) for _ in range(2)}
        own_call(os.getpid())
        assert {where: bool(told(t, pid)) for where, pid in pids.items()} == {one: not other, two: other}


@pytest.mark.needs("memcg")
def test_borrowed_memory_hides_nothing():
    """Who works in another's memory is related to that one, too."""
    with Lender("clone", 4711) as v, Tracer("--relation", "child", "--relation", "self") as t:
        run = trigger_one(PVMCALL, "pid", v.children[0])
        own_call(os.getpid())
        assert len(told(t, run["pid"])) == 1


def test_a_call_without_a_target():
    with Tracer("--relation", "self") as only, Tracer("--relation", "!self", "--relation", "!child") as but:
        none = trigger_one(PVMCALL, "pid", 2**31 - 1)["pid"]
        own_call(os.getpid())
        assert told(only, none) == []
        but.wait(lambda t: t.events(none), what="the call")
