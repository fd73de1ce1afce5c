# SPDX-License-Identifier: Apache-2.0
"""Calls that are not just an entry and an exit: parked, killed, refused, running before or after us."""

import errno
import signal
import time

import pytest

from pvm import Held, SLOWNESS, STOP_TIMEOUT, TRIGGERS, Tracer, expect_call, parse_time, poll, trigger
from pvm_host import KILLED_CALLS_RETURN, ShiftedClock
from pvm_stream import Bad


def told(tracer, pid, phase, timeout=6):
    return tracer.wait(lambda t: [r for r in t.stream.calls(pid) if r["phase"] == phase],
                       timeout, f"a record {phase}")[0]


def in_flight_now(tracer):
    """The gauge of a stats record that is asked for now."""
    have = len(tracer.records("stats"))
    tracer.kick(signal.SIGUSR1)
    return tracer.wait(lambda t: t.stream.of("stats")[have:], what="stats")[0]["in_flight"]


def test_parked_call(watcher):
    """The first element already holds the secret; the record does not wait for the call's end."""
    with Held("pvmpark") as h:
        t = h.line()
        assert t["secret"] is True
        event = told(watcher, t["pid"], "in_flight")
        expect_call(event, t["calls"][0], phase="in_flight")
        assert event["outcome"] == "unknown" and event["ret"] is None
        assert event["duration_ns"] >= 200 * 10**6
        assert event["caller"]["tid"] == t["tid"] != t["pid"] and event["bytes_requested"] == 128
        assert event["target"]["pid"] == t["pid"] and event["relation"]["kinship"] == "self"
        assert event["caller"]["exe"] == str(TRIGGERS / "pvmpark")
        assert in_flight_now(watcher) >= 1
        time.sleep(2.2)  # two more sweeps
        h.send("resolve")
        done = h.line()
        end = told(watcher, t["pid"], "complete")
        expect_call(end, done["calls"][0])
        assert end["id"] == event["id"] and end["ret"] == 128
        assert end["time"] == event["time"] and end["duration_ns"] > event["duration_ns"]
        # Who looks back by `told` finds what was inside for long.
        assert parse_time(end["told"]) - parse_time(end["time"]) >= end["duration_ns"] > 2 * 10**9
        assert parse_time(event["told"]) - parse_time(event["time"]) >= event["duration_ns"]
        assert [e["phase"] for e in watcher.of(t["pid"])] == ["in_flight", "complete"]


def test_short_calls_are_never_in_flight(watcher):
    t = trigger("pvmcall", "repeat", 200)[0]
    assert {e["phase"] for e in watcher.of(t["pid"])} == {"complete"}


def test_killed_in_mid_call(watcher):
    """A killed call does return, with what it had moved; nothing stays in flight."""
    with Held("pvmpark") as h:
        t = h.line()
        event = told(watcher, t["pid"], "in_flight")
        h.proc.send_signal(signal.SIGKILL)
        end = told(watcher, t["pid"], "complete")
        assert end["id"] == event["id"] and end["ret"] in (64, -errno.EFAULT)
        if end["ret"] == 64:
            assert end["partial"] is True
    poll(lambda: in_flight_now(watcher) == 0)


def test_killed_before_it_was_told():
    with Tracer("--in-flight-after", 3600000) as tracer, Held("pvmpark") as h:
        t = h.line()
        h.proc.send_signal(signal.SIGKILL)
        told(tracer, t["pid"], "complete")
        assert [e["phase"] for e in tracer.of(t["pid"])] == ["complete"]
        poll(lambda: in_flight_now(tracer) == 0)


def test_exec_of_another_thread_ends_the_call(watcher):
    """The thread inside the call dies, the process becomes another program: both are told apart."""
    with Held("pvmpark") as h:
        t = h.line()
        told(watcher, t["pid"], "in_flight")
        h.send(f"exec {TRIGGERS / 'pvmcall'} again self")
        h.line()
        told(watcher, t["pid"], "complete")
        watcher.fence()
        events = watcher.events(t["pid"])
        assert [e["phase"] for e in events] == ["in_flight", "complete", "complete"]
        assert events[0]["id"] == events[1]["id"] != events[2]["id"]
        assert events[2]["caller"]["exe"] == str(TRIGGERS / "pvmcall")
        assert events[2]["caller"]["args"] == ["again", "self"] and events[2]["ret"] == 64
    poll(lambda: in_flight_now(watcher) == 0)


def test_unfinished_at_the_end():
    with Tracer() as tracer, Held("pvmpark") as h:
        t = h.line()
        stop = tracer.stop()
        assert tracer.stopped_in < STOP_TIMEOUT
        events = tracer.events(t["pid"])
        assert [e["phase"] for e in events] == ["unfinished"]
        expect_call(events[0], t["calls"][0], phase="unfinished")
        assert events[0]["outcome"] == "unknown" and events[0]["duration_ns"] > 0
        assert stop["reason"] == "signal" and stop["balanced"] is True


def test_in_flight_and_then_unfinished():
    with Tracer("--in-flight-after", 100) as tracer, Held("pvmpark") as h:
        t = h.line()
        told(tracer, t["pid"], "in_flight")
        tracer.stop()
        first, second = tracer.events(t["pid"])
        assert (first["phase"], second["phase"]) == ("in_flight", "unfinished")
        assert first["id"] == second["id"]


@pytest.mark.unseen_by_fentry("calls that were running when it was attached")
def test_running_when_we_came():
    """An exit without an entry: read then, a result of 0 or more is not believed."""
    with Held("pvmpark") as h:
        t = h.line()
        with Tracer() as tracer:
            h.send("resolve")
            done = h.line()
            assert done["calls"][0]["ret"] == 128
            event = tracer.one(t["pid"])
            expect_call(event, t["calls"][0], phase="orphan")
            assert event["outcome"] == "unknown" and event["ret"] is None and event["error"] is None
            assert event["duration_ns"] is None and event["bytes_transferred"] is None
            assert event["target"]["pid"] == t["pid"] and event["relation"]["kinship"] == "self"
            assert parse_time(event["time"]) >= parse_time(tracer.start["time"]) - 10**9
            assert tracer.stop()["counters"]["seen"] >= 1


REFUSED = [
    (("errno", errno.EACCES), "failure", -errno.EACCES),
    (("errno", errno.ENOSYS), "failure", -errno.ENOSYS),
    (("errno", 0), "unknown", None),
    (("trap",), "unknown", None),
    (("kill-process",), "unknown", None),
    (("notif", -errno.EPERM, 0), "failure", -errno.EPERM),
    (("notif", 0, 4096), "unknown", None),
    (("notif", 0, 0), "unknown", None),
]


@pytest.mark.unseen_by_fentry("calls that seccomp refuses")
@pytest.mark.parametrize("how, outcome, ret", REFUSED, 
                         ids=lambda v: "-".join(map(str, v)) if isinstance(v, tuple) else None)
def test_refused_by_seccomp(watcher, how, outcome, ret):
    t = trigger("pvmseccomp", *how)[0]
    if how == ("kill-process",) and not KILLED_CALLS_RETURN:
        assert watcher.of(t["pid"]) == []
        return
    event = watcher.one(t["pid"])
    expect_call(event, t["calls"][0], phase="orphan")
    assert event["outcome"] == outcome and event["ret"] == ret
    assert event["error"] == (errno.errorcode[-ret] if ret else None)
    assert event["duration_ns"] is None
    assert event["local"]["status"] == event["remote"]["status"] == "ok"
    assert event["target"]["pid"] == t["pid"] and event["relation"]["kinship"] == "self"


def test_let_through_by_a_seccomp_supervisor(watcher):
    t = trigger("pvmseccomp", "continue")[0]
    event = watcher.one(t["pid"])
    expect_call(event, t["calls"][0])
    assert event["ret"] == 32


def test_ids_are_unique_over_runs():
    ids = []
    for _ in range(2):
        with Tracer() as tracer:
            t = trigger("pvmcall", "self")[0]
            ids.append(tracer.one(t["pid"])["id"])
    assert ids[0] != ids[1]


def test_time_is_the_entry(watcher):
    """Between two looks at the clock; a parked call's time is its beginning, not its end."""
    before = time.time_ns()
    t = trigger("pvmcall", "self")[0]
    after = time.time_ns()
    event = watcher.one(t["pid"])
    assert before - 2 * 10**6 < parse_time(event["time"]) < after + 2 * 10**6
    with Held("pvmpark") as h:
        t = h.line()
        parked = time.time_ns()
        time.sleep(0.5)
        h.send("resolve")
        h.line()
        event = told(watcher, t["pid"], "complete")
        assert parse_time(event["time"]) < parked + 2 * 10**6
        assert event["duration_ns"] >= 5 * 10**8


def test_many_parked_at_once():
    with Tracer("--in-flight-after", 100) as tracer:
        parked = [Held("pvmpark") for _ in range(20)]
        try:
            pids = {h.line()["pid"] for h in parked}

            def missing():
                return {pid for pid in pids if not any(r["phase"] == "in_flight" for r in tracer.stream.calls(pid))}
            try:
                tracer.wait(lambda _: not missing(), 6)
            except Bad:
                assert tracer.misses_calls() and 0 < len(missing()) <= tracer.skipped_runs()
            pids -= missing()
            assert in_flight_now(tracer) >= len(pids) > 10
        finally:
            for h in parked:
                h.proc.kill()
                h.close()
        for pid in pids:
            end = told(tracer, pid, "complete")
            assert [(e["phase"], e["id"]) for e in tracer.events(pid)] == [("in_flight", end["id"]), ("complete", end["id"])]
        poll(lambda: in_flight_now(tracer) == 0)


DAY = 86400 * 10**9


@pytest.mark.parametrize("step", [-DAY, DAY], ids=["back", "forward"])
def test_clock_set_while_inside(tmp_path, step):
    """Both records of a call have one time, by the old clock; what comes later has the new one."""
    clock = ShiftedClock(tmp_path, time.CLOCK_REALTIME)
    with Tracer("--in-flight-after", 200, env=clock.env) as tracer, Held("pvmpark") as h:
        before = time.time_ns()
        t = h.line()
        first = told(tracer, t["pid"], "in_flight")
        clock.shift(step)
        now = time.time_ns()
        later = tracer.one(trigger("pvmcall", "self")[0]["pid"])
        h.send("resolve")
        last = told(tracer, t["pid"], "complete")
        tracer.stop()
    assert first["id"] == last["id"] and first["time"] == last["time"]
    assert before - 10**9 <= parse_time(first["time"]) <= now
    assert now + step <= parse_time(later["time"]) <= parse_time(later["told"]) <= time.time_ns() + step
    assert now + step <= parse_time(last["told"]) <= time.time_ns() + step
    assert 0 < last["duration_ns"] < 60 * 10**9 * SLOWNESS
