# SPDX-License-Identifier: Apache-2.0
"""Memory that is another process's: a call that names the borrower reaches the lender, and filters know it."""

import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

from needs import any_hierarchy
from pvm import EX_OK, Held, Tracer, poll, pvmtrace, trigger_one
from pvm_host import expected_cgroup
from pvm_lender import Lender, needs_owner

ME = os.getpid()
UID = 4711  # of the borrowers: nobody's here


def told(options, act, caller=ME):
    """What runs with these options tell of act: [events of the caller] for each."""
    tracers = [Tracer("--caller-pid", caller, *o, "--ring-size", "256K", "--array-ring-size", "256K", wait=False)
               for o in options]
    try:
        for t in tracers:
            t.wait_start()
        act()
        for t in tracers:
            t.stop(timeout=20)
            assert t.counters["seen"] >= 1
        return [t.events(caller) for t in tracers]
    finally:
        for t in tracers:
            t.kill()


def check_borrowed(event, lender, borrower):
    target = event["target"]
    assert target["pid"] == borrower
    assert target["memory_of"]["pid"] == lender and target["memory_of"]["comm"] == "lender"
    assert target["memory_of"]["exe"] == os.readlink(f"/proc/{lender}/exe")
    assert target["memory_of"]["entity_id"] != target["entity_id"]
    assert event["relation"]["same_memory"] is False


@needs_owner
@pytest.mark.parametrize("mode", ["vfork", "spawn", "clone"])
def test_filter_on_the_lender_knows_its_borrower(mode, tmp_path):
    """-p, name and uid of either pass the call; what neither has does not; to exclude one of them hides nothing."""
    with Lender(mode, -1 if mode == "spawn" else UID, tmp_path / "fifo") as v:
        child = v.children[0]
        yes = [["-p", v.pid], ["-p", child], ["-p", f"!{child}"], ["-p", f"!{v.pid}"], ["--target-comm", "lender"],
               ["--no-self", "-p", v.pid], ["--resolve", "walk", "-p", v.pid]]
        no = [["-p", ME], ["-p", f"!{child}", "-p", f"!{v.pid}"], ["--target-comm", "len"], ["--target-uid", UID + 1]]
        if mode != "spawn":  # whose child has its parent's name and uid
            yes += [["--target-uid", 0], ["--target-uid", UID], ["--target-uid", f"!{UID}"], ["--target-uid", "!0"],
                    ["--target-comm", "borrower"], ["--target-comm", "!lender"], ["--target-comm", "!borrower"],
                    ["-p", v.pid, "--target-uid", 0], ["-p", v.pid, "--target-uid", UID],
                    ["-p", child, "--target-uid", 0]]
            no += [["--target-uid", "!0", "--target-uid", f"!{UID}"], ["-p", v.pid, "--target-uid", UID + 1],
                   ["--target-comm", "!lender", "--target-comm", "!borrower"]]

        def act():
            assert v.read(child)
        for some in (yes[:6], yes[6:12], yes[12:]):
            if not some:
                continue
            for options, events in zip(some, told(some, act)):
                assert len(events) == 1, options
                check_borrowed(events[0], v.pid, child)
        assert told(no, act) == [[] for _ in no]


@needs_owner
def test_named_itself_is_nobodys_borrower(tracer):
    with Lender("clone", UID) as v:
        assert v.read(v.pid)
        event = [e for e in tracer.of(ME) if e["target"]["arg"] == v.pid][-1]
        assert event["target"]["pid"] == v.pid and event["target"]["memory_of"] is None


@pytest.mark.parametrize("mode", ["vfork", "clone"])
def test_memory_that_was_given_up(mode):
    """From the moment that the borrower executes a program the memory is its own."""
    with Lender(mode, UID) as v:
        child = v.children[0]
        if mode == "vfork":
            os.kill(child, signal.SIGCONT)
            assert v.held.line()["waits"] == child
        else:
            v.order(0, "exec")

        def act():
            v.read(child)
        mine, its = told([["-p", v.pid], ["-p", child]], act)
        assert mine == [] and len(its) == 1 and its[0]["target"]["memory_of"] is None


def test_filtered_process_need_not_be_the_owner():
    """-p names one of those that share the memory, the call another one."""
    with Lender("clone", UID) as v:
        a, b = v.children

        def act():
            assert v.read(b) and v.read(v.pid)
        one, = told([["-p", a]], act)
        assert [e["target"]["pid"] for e in one] == [b, v.pid]
        assert [e["target"]["memory_of"]["pid"] for e in one] == [a, a]
        assert one[0]["target"]["memory_of"]["comm"] == "borrower"


def test_filtered_process_executes_a_program():
    """While it is traced: its memory is a new one, and what it left to others is watched on."""
    with Lender("clone", UID) as v:
        a, b = v.children

        def act():
            assert v.read(b)
            v.order(0, "exec")
            assert v.read(b)
            v.read(a)
        one, = told([["-p", a]], act)
        assert [e["target"]["pid"] for e in one] == [b, b, a]
        assert [e["target"]["memory_of"]["pid"] for e in one[:2]] == [a, a]


@needs_owner
def test_memory_outlives_the_filtered_process():
    """What it knew can be read as long as anybody works in it; only then there is nothing left to tell."""
    with Lender("clone", UID) as v:
        a, b = v.children
        with Tracer("-p", v.pid, "--stats-interval", 1) as t:
            for number in (0, 1):
                v.order(number, "keep")
            v.held.send("2 quit")
            v.held.proc.wait(10)
            assert v.read(a) and v.read(b)
            t.wait(lambda t: len(t.events(ME)) >= 2, what="the calls")
            assert [e["target"]["pid"] for e in t.events(ME)] == [a, b]
            for e in t.events(ME):
                assert e["target"]["memory_of"]["pid"] == v.pid and e["target"]["memory_of"]["comm"] == "lender"
            time.sleep(2.5)
            assert t.records("error") == []
            for pid in (a, b):
                os.kill(pid, signal.SIGKILL)
            error, = t.wait(lambda t: t.stream.of("error"), what="the error")
            assert error["code"] == "target_gone"
            t.stop()


def test_who_has_no_memory_has_not_that_of_a_filtered_process():
    """A kernel's thread, and a process that has ended."""
    with Lender("clone", UID) as v, subprocess.Popen(["true"]) as ended:
        os.waitid(os.P_PID, ended.pid, os.WEXITED | os.WNOWAIT)
        kernels = next(int(p.parent.name) for p in Path("/proc").glob("[0-9]*/comm") if p.read_text() == "kthreadd\n")

        def act():
            v.read(kernels)
            v.read(ended.pid)
            assert v.read(v.pid)
        one, = told([["-p", v.pid]], act)
        assert [e["target"]["pid"] for e in one] == [v.pid]


def test_filtered_process_without_its_main_thread():
    with Lender("headless", UID) as v:
        child = v.children[0]

        def act():
            assert v.read(child)
        one, = told([["-p", v.pid]], act)
        assert len(one) == 1 and one[0]["target"]["pid"] == child


@needs_owner
def test_no_self_is_about_both():
    """A borrower that names itself reads its lender; a lender that names itself is dropped."""
    with Lender("clone", UID) as v:
        child = v.children[0]
        with Tracer("--no-self") as t:
            assert v.order(0, "self")["ret"] == 64
            assert v.order(2, "self")["ret"] == 64
            assert v.order(0, "parent")["ret"] == 64
            t.stop()
            events = t.events(child)
            assert [e["target"]["pid"] for e in events] == [child, v.pid]
            assert [e["relation"]["same_memory"] for e in events] == [True, True]
            assert [e["relation"]["kinship"] for e in events] == ["self", "parent"]
            assert events[0]["target"]["memory_of"]["pid"] == v.pid and not t.events(v.pid)


@needs_owner
def test_cgroup_of_either(cgroups):
    """The first call of a cgroup is judged in user space, the next in the kernel."""
    with Lender("clone", UID) as v:
        child = v.children[0]
        cgroups.move(child, cgroups.make(any_hierarchy(), "/pvmlend-borrower"))
        theirs, its = expected_cgroup(v.pid), expected_cgroup(child)
        assert theirs != its

        def act():
            assert v.read(child) and v.read(child)
        yes = [["--target-cgroup", its], ["--target-cgroup", f"!{its}"], ["-p", v.pid, "--target-cgroup", f"!{its}"],
               ["-p", v.pid, "--target-cgroup", its]]
        if theirs != "/":
            yes += [["--target-cgroup", theirs], ["--target-cgroup", f"!{theirs}"]]
        no = [["--target-cgroup", "/of-nobody"], ["-p", v.pid, "--target-cgroup", "/of-nobody"]]
        found = told(yes + no, act)
        assert [len(events) for events in found] == [2] * len(yes) + [0] * len(no)


@needs_owner
def test_replay_knows_the_borrower(tmp_path):
    with Lender("clone", UID) as v:
        child = v.children[0]
        with Tracer("--record", tmp_path / "r", "--caller-pid", ME, read=False) as t:
            poll(lambda: "tracing as" in t.stderr())
            assert v.read(child)
        for options, cnt in ((["-p", v.pid], 1), (["-p", child], 1), (["-p", ME], 0), (["-p", f"!{child}"], 1),
                             (["--target-comm", "lender"], 1), (["--target-uid", UID + 1], 0)):
            run = pvmtrace("--replay", tmp_path / "r", *options)
            assert run.status == EX_OK and run.out.count(b'"process_vm_access"') == cnt, options


@needs_owner
def test_text_says_whose_memory(tmp_path):
    with Lender("clone", UID) as v:
        child = v.children[0]
        out = tmp_path / "text"
        with Tracer("-f", "text", "-o", out, "--caller-pid", ME, read=False) as t:
            poll(lambda: "tracing as" in t.stderr())
            assert v.read(child)
            t.proc.send_signal(signal.SIGTERM)
            t.proc.wait(20)
        assert f"borrower({child})→memory of lender({v.pid}) read" in out.read_text()


@pytest.mark.parametrize("uids, gids, same", [
    ((UID, UID, UID), (UID, UID, UID), True), ((UID, 0, UID), (UID, UID, UID), False),
    ((UID, UID, 0), (UID, UID, UID), False), ((UID, UID, UID), (UID, 0, UID), False),
    ((UID, UID, UID), (UID, UID, 0), False), ((UID, UID, UID), (0, UID, UID), False)])
def test_same_user_is_what_the_kernel_asks(tracer, uids, gids, same):
    """One's own program with other rights, as a setuid one, is no process of the same user."""
    program = f"import os; os.setresgid(*{gids}); os.setresuid(*{uids}); print(1, flush=True); input()"
    with Held("/usr/bin/python3", "-c", program) as target:
        target.line()
        with Held("pvmcall", "--uid", UID, "step", target.pid) as caller:
            caller.line()
            caller.step()
            event = tracer.one(caller.pid)
        assert event["relation"]["same_uid"] is True and event["relation"]["same_user"] is same
        assert [event["target"][k] for k in ("uid", "euid", "suid")] == list(uids)
        assert [event["target"][k] for k in ("gid", "egid", "sgid")] == list(gids)
        assert same or event["error"] == "EPERM"


def test_namespaces_of_the_two(tracer):
    down = trigger_one("pvmns", "down")
    relation = tracer.one(down["pid"])["relation"]
    assert relation["same_pid_ns"] is False and relation["same_mnt_ns"] is True
    pair = trigger_one("pvmcall", "pair")
    relation = tracer.of(pair["pid"])[0]["relation"]
    assert relation["same_pid_ns"] is True and relation["same_mnt_ns"] is True
