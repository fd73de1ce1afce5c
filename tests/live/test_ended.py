# SPDX-License-Identifier: Apache-2.0
"""
Calls of which no hook saw the end, nor that of their thread: by a build that ignores both (Makefile), as if the kernel had
passed these hooks over for every call but the tracer's own, and that has no witnesses. Each call is told all the same, once, as
ended.
"""

import os
import queue
import subprocess
import threading
import time

import pytest

from pvm import AS_ME, BUILD, Held, MY_NAME, TRIGGERS, Tracer, expect_call, own_call, parse_time, trigger

ENDED = BUILD / "vm" / "pvmtrace-ended"
NEVER = 3600000  # ms: no call is told as in flight
OUT_NS = 500 * 10**6  # bpf/sweep.h: so far are the two looks apart that find a thread outside
SLACK_NS = 2 * 10**6  # of the clocks
MANY = 1500  # threads, one after another: far more than have to wait until the kernel has freed what it kept of them
NOBODY = 2**30  # no pid is as large
ME = ("--caller-pid", os.getpid())

pytestmark = pytest.mark.without_witnesses


def methods(*marks):
    fentry = pytest.param(("--attach", "fentry"), marks=[pytest.mark.needs("fentry"), *marks], id="fentry")
    return pytest.mark.parametrize("method", [pytest.param((), id="chosen"), fentry])


METHODS = methods(pytest.mark.alike)


class Thread(threading.Thread):
    """One that calls when it is told to, and dies when it is told to."""

    def __init__(self):
        super().__init__(daemon=True)
        self.orders, self.done = queue.Queue(), queue.Queue()
        self.start()

    def run(self):
        for calls in iter(self.orders.get, None):
            self.done.put([(time.time_ns(), own_call(*call), time.time_ns()) for call in calls])

    def call(self, *calls):
        """Makes these calls, one right after the other: (before, result, after) of each."""
        self.orders.put(calls or [()])
        return self.done.get(timeout=10)

    def die(self):
        self.orders.put(None)
        self.join(10)
        return self.native_id

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        if self.is_alive():
            self.die()


def dead(*calls):
    """Id of a thread that has made these calls, and died."""
    with Thread() as thread:
        thread.call(*calls)
        return thread.die()


def of(tracer, tid):
    return tracer.events(cond=lambda r: r["caller"]["tid"] == tid)


def wait_for(tracer, tid, cnt=1):
    tracer.wait(lambda t: len(of(t, tid)) >= cnt, 10, f"{cnt} records of thread {tid}")
    return of(tracer, tid)


def expect_ended(event, between=None):
    assert event["phase"] == "ended" and event["outcome"] == "unknown"
    assert event["ret"] is None and event["error"] is None and event["duration_ns"] is None
    assert event["bytes_transferred"] is None
    if between:
        assert between[0] - SLACK_NS < parse_time(event["time"]) < between[-1] + SLACK_NS
    assert parse_time(event["told"]) >= parse_time(event["time"])


def expect_all_told(tracer, told, filtered=0):
    """The books, of a run that has ended: nothing is lost, and nobody has a doubt. Other programs' calls are filtered, too."""
    c = tracer.counters
    assert tracer.records("lost") == []
    assert (c["seen"], c["emitted"], c["lost"]) == (told + c["filtered"], told, 0)
    assert c["filtered"] >= filtered
    assert tracer.end["complete"] is (not c["skipped_runs"])


@METHODS
def test_the_next_call_tells_the_former(method):
    with Tracer(*ME, *method, binary=ENDED) as t, Thread() as thread:
        made = thread.call(*[(0, i + 2) for i in range(20)])
        # No sweep can have told those: it looks twice.
        assert made[-1][2] - made[0][0] < OUT_NS
        told = wait_for(t, thread.native_id, 20)
        assert [int(e["flags"], 16) for e in told] == [i + 2 for i in range(20)]
        for event, between in zip(told, made):
            expect_ended(event, between)
        for event, after in zip(told, told[1:]):
            assert parse_time(event["told"]) - parse_time(after["time"]) < OUT_NS
        t.stop()
        expect_all_told(t, 20)


@METHODS
def test_a_thread_that_went_on(method):
    """A look at one that runs is no proof, so there are two."""
    with Tracer(*ME, "--in-flight-after", 100, *method, binary=ENDED) as t, Thread() as thread:
        between, = thread.call()
        event, = wait_for(t, thread.native_id)
        expect_ended(event, between)
        assert parse_time(event["told"]) - parse_time(event["time"]) >= OUT_NS
        # What is told stays told: neither the next call nor the end of the run says it again.
        thread.call()
        assert len(wait_for(t, thread.native_id, 2)) == 2
        t.stop()
        expect_all_told(t, 2)


@methods()
def test_a_thread_that_died(method):
    with Tracer(*ME, "--in-flight-after", NEVER, *method, binary=ENDED) as t:
        tid = dead((os.getpid(),))
        event, = wait_for(t, tid)
        expect_ended(event)
        assert event["caller"]["pid"] == event["target"]["pid"] == os.getpid()
        t.stop()
        assert len(of(t, tid)) == 1
        expect_all_told(t, 1)


@pytest.mark.parametrize("reaped", [True, False], ids=["reaped", "zombie"])
def test_a_process_that_died(reaped):
    with Tracer("--caller-comm", MY_NAME, binary=ENDED) as t:
        with subprocess.Popen([TRIGGERS / "pvmcall", *AS_ME, "self"], stdout=subprocess.PIPE) as p:
            p.stdout.read()
            os.waitid(os.P_PID, p.pid, os.WEXITED | (0 if reaped else os.WNOWAIT))
            event, = t.wait(lambda t: t.stream.calls(p.pid), 10, "the call of a dead process")
            expect_ended(event)
            assert event["caller"]["exe"] == str(TRIGGERS / "pvmcall")
            assert event["local"]["count"] == event["remote"]["count"] == 1
        t.stop()
        expect_all_told(t, 1)


def test_threads_that_inherit_a_dead_ones_place():
    """Each of them is told once, by a sweep or by the thread that has its struct task_struct now."""
    with Tracer(*ME, "--in-flight-after", NEVER, binary=ENDED) as t:
        made = sorted((dead((0, i + 2)), i + 2) for i in range(MANY))
        t.stop()
        assert sorted((e["caller"]["tid"], int(e["flags"], 16)) for e in t.events()) == made
        for event in t.events():
            expect_ended(event)
        expect_all_told(t, MANY)


def test_the_end_of_the_run():
    """Who is inside is told apart from who is not, at the first look."""
    with Tracer("--in-flight-after", NEVER, "--caller-comm", MY_NAME, "--caller-comm", "pvmpark", binary=ENDED) as t, \
            Held("pvmpark") as parked:
        inside = parked.line()
        outside = trigger("pvmcall", *AS_ME, "self")[0]
        t.stop()
        event, = t.events(inside["pid"])
        expect_call(event, inside["calls"][0], phase="unfinished")
        event, = t.events(outside["pid"])
        expect_ended(event)
        expect_call(event, outside["calls"][0], phase="ended")
        expect_all_told(t, 2)


def test_the_end_of_the_run_of_a_thread():
    with Tracer(*ME, "--in-flight-after", NEVER, binary=ENDED) as t, Thread() as alive:
        alive.call()
        gone = dead()
        t.stop()
        assert sorted(e["caller"]["tid"] for e in t.events()) == sorted([alive.native_id, gone])
        for event in t.events():
            expect_ended(event)
        expect_all_told(t, 2)


def expect_nobody(event):
    """Whom such a call named when the kernel looked is not known, and nothing is claimed of it."""
    expect_ended(event)
    assert event["target"]["resolved"] is False and event["target"]["pid"] is None
    assert all(value is None for value in event["relation"].values())


@METHODS
def test_a_filter_on_the_target_hides_nothing(method):
    """The caller of one that was filtered at its entry died: nobody can be asked any more whom its argument named."""
    with subprocess.Popen(["sleep", "600"]) as target, \
            Tracer(*ME, "-p", target.pid, "--in-flight-after", NEVER, *method, binary=ENDED) as t:
        try:
            hit, other, nobody = (dead((pid,)) for pid in (target.pid, os.getppid(), NOBODY))
            event, = wait_for(t, hit)
            expect_ended(event)
            assert event["target"]["pid"] == target.pid
            for tid in (other, nobody):
                event, = wait_for(t, tid)
                expect_nobody(event)
                assert event["caller"]["pid"] == os.getpid() and event["caller"]["uid"] == 0
                assert event["caller"]["comm"] and event["caller"]["start"]
            # A caller that lives can be asked.
            with Thread() as alive:
                alive.call((os.getppid(),), (target.pid,))
                event, = wait_for(t, alive.native_id)
                assert event["target"]["pid"] == target.pid
            t.stop()
            expect_all_told(t, 4, filtered=1)
        finally:
            target.kill()


def test_filtered_calls_of_threads_whose_place_others_have():
    """What the new thread would find by the same number is no word on the old one's call."""
    with subprocess.Popen(["sleep", "600"]) as target, \
            Tracer(*ME, "-p", target.pid, "--in-flight-after", NEVER, binary=ENDED) as t:
        try:
            made = sorted(dead((os.getppid(),)) for _ in range(MANY))
            t.stop()
            assert sorted(e["caller"]["tid"] for e in t.events()) == made
            for event in t.events():
                expect_nobody(event)
            expect_all_told(t, MANY)
        finally:
            target.kill()
