# SPDX-License-Identifier: Apache-2.0
"""
Every filter: what it lets through, what it drops, and that what it drops is counted. One set of calls, and for
each line of the table a tracer of its own; they run at the same time.
"""

import contextlib
import os
import threading
import time

import pytest

from pvm import AS_ME, Held, LIBC, MY_NAME, ONLY_ME, Tracer, own_call, poll, trigger_one
from pvm_arch import COMPAT_BYTES, COMPAT_CALL, COMPAT_NEED, SYS_SETRESUID
from pvm_scene import ALL, Scene, TABLE, here

THREADS_UID = 4003

AT_ONCE = 6  # every tracer costs a second of a CPU to start, and time of every call


def run_some(rows):
    """One scene for some lines of the table: [(options, tracer that has ended, names of its calls)]"""
    scene = Scene()
    tracers = {}
    try:
        words = scene.words()
        for options, _ in rows:
            tracers[options] = Tracer(*options.format(**words).split(), "--ring-size", "256K",
                                      "--array-ring-size", "256K", wait=False)
        for t in tracers.values():
            t.wait_start()
        scene.act()
        for t in tracers.values():
            t.stop(timeout=20)
    except BaseException:
        for t in tracers.values():
            t.kill()
        raise
    finally:
        scene.close()
    return [(options, t, scene.calls) for options, t in tracers.items()]


@pytest.fixture(scope="module")
def runs():
    """{options: (tracer that saw it all and has ended, names of its calls)}"""
    done = {}
    try:
        for i in range(0, len(TABLE), AT_ONCE):
            done.update({options: (t, calls) for options, t, calls in run_some(TABLE[i:i + AT_ONCE])})
        yield done
    finally:
        for t, _ in done.values():
            t.kill()


@pytest.mark.parametrize("options, want", TABLE, ids=[o or "none" for o, _ in TABLE])
def test_filter(runs, options, want):
    t, calls = runs[options]
    have = [calls.get((e["caller"]["pid"], e["target"]["arg"], e["op"])) for e in t.events()]
    have = [name for name in have if name]
    assert set(have) == here(want) and len(have) == len(here(want))
    assert t.counters["filtered"] >= len(here(ALL - want))
    assert t.counters["seen"] >= len(here(ALL))


@pytest.mark.needs(COMPAT_NEED)
def test_a_32_bit_call_is_judged_like_any_other():
    """One call of the table by itself, which also guests make for a machine that cannot."""
    rows = [("--op read", 1), (f"--min-bytes {COMPAT_BYTES}", 1), (f"--min-bytes {COMPAT_BYTES + 1}", 0), ("--no-self", 0)]
    with contextlib.ExitStack() as stack:
        tracers = [stack.enter_context(Tracer(*options.split())) for options, _ in rows]
        pid = trigger_one(*COMPAT_CALL, "read")["pid"]
        for t in tracers:
            t.stop()
        assert [len(t.events(pid)) for t in tracers] == [want for _, want in rows]


def test_filters_stand_in_the_start_record(runs):
    def filters(options):
        return runs[options][0].start["filters"]
    none = filters("")
    assert filters("--target-uid !4001") == {**none, "target": {**none["target"], "uid": ["!4001"]}}
    assert filters("--caller-comm {mine}x") == {**none, "caller": {**none["caller"], "comm": [f"{MY_NAME}x"]}}
    assert filters("--outcome !failure") == {**none, "outcome": "success"}


def test_thread_id_and_pidfd_do_not_evade():
    """The filter is on the process that is meant, not on the number that is passed."""
    me = os.getpid()
    fd = os.pidfd_open(me)
    with Tracer("-p", me, "--caller-pid", me) as t:
        own_call(pid=fd, flags=1)
        t.stop()
        assert [(e["target"]["arg"], e["target"]["pid"]) for e in t.events(me)] == [(fd, me)]
    os.close(fd)
    with Held("pvmpark") as parked:
        pid = parked.line()["pid"]
        tids = [int(x) for x in os.listdir(f"/proc/{pid}/task") if int(x) != pid]
        with Tracer("-p", pid) as t:
            run = trigger_one("pvmcall", "pid", tids[0])
            t.stop()
            found = t.events(run["pid"])
            assert [(e["target"]["pid"], e["target"]["tid"]) for e in found] == [(pid, tids[0])]


@pytest.mark.parametrize("option", [("--outcome", "success"), ("--min-bytes", "1000")])
def test_result_filters_never_hide_an_unknown_result(option):
    with Tracer(*option, "--in-flight-after", 100) as t:
        with Held("pvmpark") as h:
            parked = h.line()
            t.wait(lambda t: t.events(parked["pid"]), what="the parked call")
            t.stop()
        assert [e["phase"] for e in t.events(parked["pid"])] == ["in_flight", "unfinished"]


@pytest.mark.unseen_by_fentry("calls that seccomp refuses")
@pytest.mark.needs("seccomp_notify")
@pytest.mark.parametrize("option", [("--outcome", "success"), ("--outcome", "failure"), ("--min-bytes", "1000")])
def test_result_filters_never_hide_what_a_supervisor_invented(option):
    """No error is that small, and bytes it is not either; nor does the number 0 say that none were moved."""
    with Tracer(*option) as t:
        made = [trigger_one("pvmseccomp", "notif", 0, value) for value in (-5000, 0)]
        t.stop()
        for run in made:
            event, = t.events(run["pid"])
            assert (event["phase"], event["outcome"], event["ret"]) == ("orphan", "unknown", None)


def test_a_call_told_in_flight_and_filtered_at_its_end_is_counted_once():
    with Tracer("--outcome", "failure", "--in-flight-after", 100) as t, Held("pvmpark") as h:
        parked = h.line()
        t.wait(lambda t: t.events(parked["pid"]), what="the parked call")
        h.step("resolve")
        t.stop()
        assert t.counters["filtered"] >= 1
        assert [e["phase"] for e in t.events(parked["pid"])] == ["in_flight"]


def test_long_arrays_of_filtered_calls_disturb_nothing():
    with Tracer("--outcome", "failure", *ONLY_ME) as t:
        for _ in range(5):
            trigger_one("pvmcall", "--comm", MY_NAME.encode().hex(), "counts", 1024, 1024)
        bad = trigger_one("pvmcall", "--comm", MY_NAME.encode().hex(), "counts", 1024, 1025)
        t.stop()
        assert [e["error"] for e in t.events(bad["pid"])] == ["EINVAL"]
        assert t.counters["filtered"] >= 5 and t.counters["emitted"] == 1
        assert t.events(bad["pid"])[0]["local"]["captured"] == 1024


def test_the_first_process_can_be_meant():
    """pid 1, which not every kernel interface shows everywhere."""
    with Tracer("-p", 1, "--caller-pid", os.getpid()) as t:
        own_call(pid=1)
        t.stop()
        assert [e["target"]["pid"] for e in t.events(os.getpid())] == [1]


def test_a_target_that_comes_while_the_call_is_parked():
    """The number names a decoy at entry; then somebody else's memory is read through it. A filter on the one that
    was read tells it, although the call was dropped for the decoy."""
    with Held("pvmdecoy") as h:
        decoy = h.line()["target"]
        with Tracer("--target-comm", "pvmvictim", "--caller-pid", h.pid) as t:
            h.step()
            assert h.step()["calls"][0]["ret"] == 32
            t.stop()
            (event,) = t.events(h.pid)
            assert event["ret"] == 32 and event["target"]["moved"] is True
            assert (event["target"]["pid"], event["target"]["comm"]) == (decoy, "pvmvictim")
            assert event["target"]["resolved_at"] == "exit"


def test_a_reused_pid_is_another_process():
    """Two processes with the same number one after the other; -p means the first."""
    with Held("pvmreuse") as h:
        target = h.line()["target"]
        with Tracer("-p", target) as t, Tracer("-p", f"!{target}", "--caller-pid", h.pid) as other:
            h.send()
            done = h.line()
            assert [c["ret"] for c in done["calls"]] == [32, 32] and done["target"] == target
            t.stop()
            other.stop()
            assert len(t.events(h.pid)) == len(other.events(h.pid)) == 1
            first, second = t.events(h.pid)[0], other.events(h.pid)[0]
            assert t.counters["filtered"] >= 1 and other.counters["filtered"] >= 1
            assert first["target"]["pid"] == second["target"]["pid"] == target
            assert first["target"]["start"] < second["target"]["start"]


def test_reused_pids_have_different_entity_ids(tracer):
    with Held("pvmreuse") as h:
        h.line()
        h.send()
        h.line()
        first, second = tracer.of(h.pid)
        assert first["target"]["pid"] == second["target"]["pid"]
        assert first["target"]["entity_id"] != second["target"]["entity_id"]
        assert first["target"]["start"] != second["target"]["start"]


@pytest.mark.parametrize("option, kind", [("-p", "target_gone"), ("--caller-pid", "caller_gone")])
def test_the_last_process_of_a_filter_has_ended(public_dir, option, kind):
    """It says so once, and goes on."""
    public_dir.chmod(0o777)
    metrics = public_dir / "pvmtrace.prom"
    side = kind.split("_", maxsplit=1)[0]
    with Held("pvmcall", "step") as first, Held("pvmcall", "step") as last:
        pids = [h.line()["pid"] for h in (first, last)]
        with Tracer(option, pids[0], option, pids[1], "-p", f"!{os.getpid()}", "--metrics", metrics, "--stats-interval", 1) as t:
            first.close()
            time.sleep(2.5)
            assert t.records("error") == []
            last.proc.kill()
            last.proc.wait()
            error, = t.wait(lambda t: t.stream.of("error"), what="the error")
            assert error["code"] == kind
            poll(lambda: f'filter_processes{{side="{side}"}} 0' in metrics.read_text())
            time.sleep(2.5)
            t.stop()
            assert len(t.records("error")) == 1
            assert t.stderr().count("has ended") == 1


def take_name():
    with open(f"/proc/self/task/{threading.get_native_id()}/comm", "w", encoding="ascii") as f:
        f.write("pvmworker")


def take_user():
    """Not by libc, which would do it for all threads."""
    assert LIBC.syscall(SYS_SETRESUID, THREADS_UID, THREADS_UID, THREADS_UID) == 0


class Threaded:
    """This process with one more thread that has done something to itself."""

    def __init__(self, act):
        self.act = act
        self.main = open("/proc/self/comm", encoding="ascii").read().strip()
        self.leave, ready = threading.Event(), threading.Event()
        self.thread = threading.Thread(target=self.stay, args=[ready])
        self.thread.start()
        ready.wait()

    def stay(self, ready):
        self.act()
        ready.set()
        self.leave.wait()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.leave.set()
        self.thread.join()


def test_names_of_all_threads_are_looked_at():
    """By whichever thread a process is named, and whichever of them has the name that is asked for."""
    with Threaded(take_name) as me:
        told = {("pvmworker",): True, (me.main,): True, ("pvmother",): False, ("!pvmworker",): True,
                (f"!{me.main}",): False, ("!pvmother",): True, ("pvmworker", f"!{me.main}"): False,
                (me.main, "!pvmworker"): True}
        tids = [os.getpid(), me.thread.native_id]
        for names, want in told.items():
            words = [word for name in names for word in ("--target-comm", name)]
            with Tracer(*words, *ONLY_ME) as t:
                runs = [trigger_one("pvmcall", *AS_ME, "pid", tid)["pid"] for tid in tids]
                t.stop()
                assert [len(t.events(pid)) for pid in runs] == [want] * 2, names


def test_a_thread_of_another_user_hides_nothing():
    """It can be named by who may not name the process's other threads; what it is read of is the process's."""
    with Threaded(take_user) as me:
        told = {("0",): [1, 1], (str(THREADS_UID),): [0, 1], ("!0",): [0, 1], (f"!{THREADS_UID}",): [1, 1],
                ("1",): [0, 0], ("!0", f"!{THREADS_UID}"): [0, 0]}
        for uids, want in told.items():
            words = [word for uid in uids for word in ("--target-uid", uid)]
            with Tracer(*words, *ONLY_ME) as t:
                runs = [trigger_one("pvmcall", *AS_ME, "pid", tid)["pid"] for tid in (os.getpid(), me.thread.native_id)]
                t.stop()
                assert [len(t.events(pid)) for pid in runs] == want, uids


def test_more_threads_than_are_looked_at():
    """What cannot be excluded is told."""
    with Held("pvmidle", 400, 1) as h:
        h.line(), h.line()
        with Tracer("--target-comm", "pvmother", *ONLY_ME) as t, Tracer("--target-comm", "!pvmidle", *ONLY_ME) as n:
            run = trigger_one("pvmcall", *AS_ME, "pid", h.pid)
            t.stop()
            n.stop()
            assert len(t.events(run["pid"])) == 1 and n.events(run["pid"]) == []
