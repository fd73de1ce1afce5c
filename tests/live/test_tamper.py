# SPDX-License-Identifier: Apache-2.0
"""Others, with every right, at the maps of a tracer (pvmtamper.c): they cannot write to them, or it is told and set right; and
a tracer that was stopped says so."""

import errno
import re
import signal
import time

import pytest

from pvm import AS_ME, ONLY_ME, TRIGGERS, Tracer, poll, trigger, trigger_one

RINGBUF = 27  # enum bpf_map_type
# Only who wakes whom is in it.
BELL = "pvmtrace.data"
# What pvmtamper calls them.
WORDS = {"stopping": "stopping", "self_pid": "reader", "self_pid of the self-test": "child"}


@pytest.fixture
def tracer_of_mine():
    with Tracer(*ONLY_ME) as t:
        yield t


def is_told(t):
    run = trigger_one("pvmcall", *AS_ME, "pair")
    poll(lambda: len(t.events(run["pid"])) == 2)


def told(t, code):
    return [r for r in t.records("error") if r["code"] == code]


def test_nobody_writes_to_maps(tracer_of_mine):
    """Nor do we: what hooks go by is taken from our memory."""
    t = tracer_of_mine
    tried = trigger("pvmtamper", t.start["pid"], "write")
    names = [m["map"] for m in tried]
    assert {"pvmtrace.bss", "pvmtrace.rodata", BELL, "pvm_filter_comm", "pvm_procs", "pvm_state"} <= set(names), names
    for m in tried:
        if m["type"] == RINGBUF or m["map"] == BELL:
            continue
        # An element of an array cannot be deleted in any case.
        assert m["mmap"] and m["update"] in (errno.EPERM, -1) and m["delete"] in (errno.EPERM, errno.EINVAL), m
    is_told(t)
    t.stop()
    assert t.end["complete"] and not t.records("error")


@pytest.mark.parametrize("word", ["stopping", "self_pid", "self_pid of the self-test"])
def test_a_program_of_another_writes(tracer_of_mine, word):
    """A program, unlike a system call, may write to what is frozen. It is found at the next tick, at which the hooks go on."""
    t = tracer_of_mine
    is_told(t)
    wrote, = trigger("pvmtamper", t.start["pid"], WORDS[word])
    assert wrote["wrote"] == "pvmtrace.bss"
    poll(lambda: told(t, "tampered"))
    is_told(t)
    t.stop()
    assert not t.end["complete"] and "tampered" in t.end["incomplete"], t.end
    found = told(t, "tampered")[0]["message"]
    assert re.match(rf"somebody wrote to pvmtrace.bss: {word} is \d+, and not \d+", found), found
    assert found in t.stderr()


def test_no_program_writes_to_filters():
    """Of those that no hook writes to."""
    with Tracer("--caller-uid", 0, *ONLY_ME) as t:
        for name in ("pvm_filter_uid", "pvm_filter_comm", "pvm_filter_pid"):
            tried, = trigger("pvmtamper", t.start["pid"], name)
            assert tried == {"wrote": name, "errno": errno.EACCES}
        time.sleep(1.5)
        is_told(t)
        t.stop()
        assert t.end["complete"] and not t.records("error")


@pytest.mark.parametrize("name, options", [("pvm_cgroups", ["--caller-cgroup", "!/none"]),
                                           ("pvm_filter_exe", ["--caller-exe", TRIGGERS / "pvmcall"])])
def test_a_program_of_another_writes_to_what_hooks_write_to(name, options):
    """It is found by a sum, and emptied; then the tracer fills it anew."""
    with Tracer(*options, *ONLY_ME) as t:
        is_told(t)
        time.sleep(1.5)
        assert not t.records("error")
        tried, = trigger("pvmtamper", t.start["pid"], name)
        assert tried == {"wrote": name, "errno": 0}
        poll(lambda: told(t, "tampered"))
        time.sleep(2.5)
        is_told(t)
        t.stop()
        assert "tampered" in t.end["incomplete"]
        found, = told(t, "tampered")
        assert re.match(rf"somebody wrote to {name}: it holds \d elements of the sum 0x[0-9a-f]+, "
                        r"and not \d of 0x[0-9a-f]+: calls may be missing", found["message"]), found


def test_another_program_in_a_link(tracer_of_mine):
    t = tracer_of_mine
    is_told(t)
    time.sleep(1.5)
    done, = trigger("pvmtamper", t.start["pid"], "link")
    poll(lambda: told(t, "tampered"))
    t.stop(timeout=20)
    assert "tampered" in t.end["incomplete"]
    messages = [r["message"] for r in told(t, "tampered")]
    assert f"somebody replaced what runs by link {done['link']}: program {done['prog']}, and not {done['own']}" in messages[0]


def test_a_verdict_is_deleted():
    """A cgroup's calls would be passed on with a mark then, and judged in user space: it is found all the same."""
    with Tracer("--caller-cgroup", "!/none", *ONLY_ME) as t:
        run = trigger_one("pvmcall", *AS_ME, "pair")
        poll(lambda: len(t.events(run["pid"])) == 2)
        time.sleep(2.5)
        assert not t.records("error")
        cgroup = t.events(run["pid"])[0]["caller"]["cgroup_id"]
        for hierarchy in (1, 2, 3):
            tried, = trigger("pvmtamper", t.start["pid"], "pvm_cgroups", cgroup, hierarchy)
            assert tried == {"wrote": "pvm_cgroups", "errno": 0}
            time.sleep(2)
            if told(t, "tampered"):
                break
        t.stop()
        found, = told(t, "tampered")
        assert re.match(r"somebody wrote to pvm_cgroups: it holds \d+ elements of the sum 0x[0-9a-f]+, and not \d+ of", found["message"])


def test_no_link_is_detached(tracer_of_mine):
    """The kernel refuses it for links of these kinds."""
    t = tracer_of_mine
    tried = trigger("pvmtamper", t.start["pid"], "detach")
    assert len(tried) >= 6 and {m["errno"] for m in tried} == {errno.EOPNOTSUPP}, tried
    time.sleep(1.5)
    is_told(t)
    t.stop()
    assert t.end["complete"] and not t.records("error")


def test_the_rings_are_moved(tracer_of_mine):
    t = tracer_of_mine
    is_told(t)
    assert len(trigger("pvmtamper", t.start["pid"], "ring")) >= 2
    poll(lambda: told(t, "tampered"))
    is_told(t)
    t.stop()
    assert not t.end["complete"]
    found = told(t, "tampered")[0]["message"]
    assert re.match(r"somebody moved the place at which pvm_\w+ is read from \d+ to \d+, ", found), found


def test_stopped_and_continued(tracer_of_mine):
    t = tracer_of_mine
    t.proc.send_signal(signal.SIGSTOP)
    time.sleep(5)
    run = trigger_one("pvmcall", *AS_ME, "pair")
    t.proc.send_signal(signal.SIGCONT)
    poll(lambda: told(t, "stalled"))
    poll(lambda: len(t.events(run["pid"])) == 2)
    t.stop()
    stall = told(t, "stalled")[0]
    assert "did not run for" in stall["message"] and stall["since"] < stall["until"]
    assert t.end["complete"], "what came meanwhile was in the ring"
