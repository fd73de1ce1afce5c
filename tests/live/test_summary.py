# SPDX-License-Identifier: Apache-2.0
"""Calls that are told together, because the ring is full or because the user wants it so: whatever happens, who, whom,
how often and how much is told, and the books balance."""

import collections
import json
import random
import re
import signal
import time

import pytest

from needs import any_hierarchy
from pvm import AS_ME, EX_TEMPFAIL, EX_USAGE, Held, MY_NAME, SEES_REFUSED, Tracer, parse_time, poll, \
    pvmtrace, trigger, trigger_one
from pvm_host import cgroup_name
from pvm_stream import Stream
from pvm_sums import Adding, OURS, SMALL, expect_crowd, expect_nothing_lost, made, while_full
from pvm_tally import Key, freeze

FLOODS = True
PAIRS = 32768  # of processes that one window has room for

# ---- the ring is full -------------------------------------------------------------------------


@pytest.mark.slow
def test_single_reads_in_a_flood(programs):
    """One read of somebody else's memory among millions of other calls, fifty times: every one of them is told."""
    with Adding(*SMALL, *OURS) as (_, tally):
        flood, runs, begin = programs.floods(1)[0], [], time.monotonic()
        for i in range(50):
            time.sleep(max(0.0, begin + (i + random.random()) / 5 - time.monotonic()))
            runs.append(programs.crowd("line", 1, 1, 1))
        pid, n = made(flood)
        tally.wait(tally.settled, 60, "the end of what was made")  # a tracer that ends does not wait for long
        stop = tally.finish()
    expect_nothing_lost(stop)
    assert stop["counters"]["summarised"] > 1000, "the ring was never full"
    for run in runs:
        assert tally.of(run["pids"][0]) == 1
        assert tally.all[Key(run["pids"][0], run["pid"], "read", "success")] == 1
    assert tally.all[Key(pid, pid, "read", "success")] == n == tally.of(pid)


@pytest.mark.slow
def test_two_floods_and_a_collector_that_rests(programs):
    with Adding(*SMALL, *OURS) as (tracer, tally):
        floods = programs.floods()
        time.sleep(1)
        freeze(tracer)
        time.sleep(5)
        tracer.kick(signal.SIGCONT)
        time.sleep(1)
        runs = [made(p) for p in floods]
        tally.wait(tally.settled, 60, "the end of what was made")  # a tracer that ends does not wait for long
        stop = tally.finish()
    expect_nothing_lost(stop)
    for pid, n in runs:
        assert tally.all[Key(pid, pid, "read", "success")] == n == tally.of(pid)
        assert tally.summed[Key(pid, pid, "read", "success")] > 1000
    long = [r for _, r in tally.summaries if parse_time(r["last"]) - parse_time(r["first"]) > 4 * 10**9]
    assert {r["caller"]["pid"] for r in long} == {pid for pid, _ in runs}


@pytest.mark.slow
def test_twenty_thousand_callers_in_a_flood(programs):
    """Short-lived ones, and thousands at the same time."""
    with Adding(*SMALL, *OURS) as (_, tally):
        flood = programs.floods(1)[0]
        many = programs.crowd("line", 50, 400, 1)
        alive = programs.crowd("line", 3000, 1, 5)
        pid, n = made(flood)
        tally.wait(tally.settled, 60, "the end of what was made")  # a tracer that ends does not wait for long
        stop = tally.finish()
    expect_nothing_lost(stop)
    assert len(many["pids"]) == 20_000
    expect_crowd(tally, many, 1)
    expect_crowd(tally, alive, 5)
    assert tally.of(pid) == n
    callers = {r["caller"]["pid"] for _, r in tally.summaries}
    assert len(callers & set(many["pids"])) > 500, "they were not told together"


@pytest.mark.slow
def test_twenty_thousand_callers_unseen_for_a_while(programs):
    """None of them finds room: all are in summaries, which come bit by bit."""
    with Adding(*SMALL, *OURS) as (tracer, tally):
        freeze(tracer)
        programs.fill()
        run = programs.crowd("line", 100, 200, 2)
        tracer.kick(signal.SIGCONT)
        tally.wait(lambda: len(tally.summaries) >= 20_000, 60, "the summaries")
        stop = tally.finish()
    expect_nothing_lost(stop)
    expect_crowd(tally, run, 2)
    assert not any(k.target == run["pid"] for k in tally.told)


@pytest.mark.slow
def test_more_pairs_than_there_is_room_for(programs):
    """Only then a call is lost; that is counted, told, and the exit status."""
    with Adding(*SMALL, *OURS, "--fail-on-loss") as (tracer, tally):
        freeze(tracer)
        programs.fill()
        run = programs.crowd("mesh", 200)
        tracer.kick(signal.SIGCONT)
        tally.wait(lambda: tally.lost and len(tally.summaries) > PAIRS - 10, 30, "the summaries")
        stop = tally.finish(status=EX_TEMPFAIL)
        said = tracer.stderr()
    counters = stop["counters"]
    told = sum(n for k, n in tally.all.items() if k.target in run["pids"])
    assert run["failed"] == 0 and told + counters["lost"] == 200 * 200
    assert PAIRS - 10 < told <= PAIRS and counters["lost_ring_full"] == counters["lost"]
    assert stop["complete"] is False and stop["incomplete"] == ["lost"]
    assert re.search(rf"{counters['lost']} calls were lost \(\d+ seen\): \w*ring_full {counters['lost']}; "
                     "see the `lost` records", said)
    for r in tally.lost:
        assert r["count"] == sum(r["by"].values()) > 0
        assert r["since"] <= r["until"] <= r["time"]


def of(tally, pid):
    """{what was told of a caller: calls}, all of it in summaries."""
    assert not any(k.caller == pid for k in tally.told)
    return {(k.target, k.op, k.outcome): n for k, n in tally.summed.items() if k.caller == pid}


def test_every_kind_apart(programs):
    """Operation, target and outcome are told apart; also what seccomp refused, and who is not there."""
    def act():
        return {
            "pair": trigger_one("pvmcall", *AS_ME, "pair"),
            "nobody": trigger_one("pvmcall", *AS_ME, "pid", 1999999999),
            "refused": trigger("pvmseccomp", "errno", 13)[0],
            "killed": trigger("pvmseccomp", "trap")[0],
            "fault": trigger_one("pvmcall", *AS_ME, "array-fault", "local"),
        }
    with Adding(*SMALL, *OURS) as (tracer, tally):
        runs, begin, end = while_full(programs, [tracer], act)
        stop = tally.finish()
    expect_nothing_lost(stop)
    pid = {what: run["pid"] for what, run in runs.items()}
    target = runs["pair"]["target"]
    assert of(tally, pid["pair"]) == {(target, "read", "success"): 1, (target, "write", "success"): 1}
    assert of(tally, pid["nobody"]) == {(None, "read", "failure"): 1}
    assert list(of(tally, pid["fault"]).values()) == [1]
    records = {r["caller"]["pid"]: r for _, r in tally.summaries}
    unseen = set() if SEES_REFUSED else {"refused", "killed"}
    for what in runs.keys() - unseen:
        r = records[pid[what]]
        assert (r["reason"], r["calls"]) == ("overflow", 1)
        assert begin - 10**9 <= parse_time(r["first"]) == parse_time(r["last"]) <= end + 10**9
        assert r["caller"]["comm"] in OURS and r["target"]["kind"] == "pid"
    assert records[pid["pair"]]["bytes_transferred"] == 64
    assert records[pid["nobody"]]["target"]["resolved"] is False
    assert records[pid["nobody"]]["target"]["arg"] == 1999999999
    if unseen:
        assert not any(of(tally, pid[what]) for what in unseen)
        return
    assert [(k[1:], n) for k, n in of(tally, pid["refused"]).items()] == [(("read", "failure"), 1)]
    assert [(k[1:], n) for k, n in of(tally, pid["killed"]).items()] == [(("read", "unknown"), 1)]
    assert records[pid["refused"]]["bytes_transferred"] == 0
    assert (records[pid["killed"]]["bytes_transferred"], records[pid["killed"]]["duration_ns"]) == (None, None)


def test_sums_and_times(programs):
    with Adding(*SMALL, *OURS) as (tracer, tally):
        run, begin, end = while_full(programs, [tracer],
                                     lambda: trigger_one("pvmcall", *AS_ME, "repeat", 3000))
        poll(lambda: any(r["caller"]["pid"] == run["pid"] for _, r in tally.summaries), 5)
        stop = tally.finish()
    expect_nothing_lost(stop)
    (_, r), = [s for s in tally.summaries if s[1]["caller"]["pid"] == run["pid"]]
    assert (r["calls"], r["op"], r["outcome"], r["reason"]) == (3000, "read", "success", "overflow")
    assert r["bytes_transferred"] == sum(c["ret"] for c in run["calls"]) * 3000 // len(run["calls"])
    first, last = parse_time(r["first"]), parse_time(r["last"])
    assert begin - 10**9 < first < last < end + 10**9 and r["time"] == r["last"]
    assert 0 < r["duration_ns"] <= last - first + 10**9
    assert r["caller"]["tid"] == run["tid"] and r["target"]["pid"] == run["pid"]


@pytest.mark.slow
def test_they_come_soon(programs):
    """Within two seconds, in a flood too; here with more for a busy machine."""
    with Adding(*SMALL, *OURS) as (_, tally):
        flood = programs.floods(1)[0]
        time.sleep(6)
        made(flood)
        tally.finish()
    late = [came - parse_time(r["first"]) for came, r in tally.summaries]
    assert len(late) >= 4 and sorted(late)[len(late) // 2] < 3 * 10**9 and max(late) < 10 * 10**9, late


def test_filters_hold(programs, cgroups):
    """What a filter drops is in no summary. The flood itself passes all of these."""
    inside = cgroups.make(any_hierarchy(), f"/{cgroup_name()}")
    options = {"--op": "read", "--outcome": "success", "--min-bytes": "1", "--target-uid": "0",
               "--caller-cgroup": f"!*/{inside.name}"}
    held = Held("pvmcall", *AS_ME, "step", preexec_fn=cgroups.join(inside))
    runs = {key: Adding(*SMALL, *OURS, key, value, wait=False) for key, value in options.items()}
    try:
        for a in runs.values():
            a.ready()
        held.line()
        held.step()  # so that its cgroup is known, and judged
        poll(runs["--caller-cgroup"].tally.settled, step=0.2)

        def act():
            held.step()
            return {"pair": trigger_one("pvmcall", *AS_ME, "pair")["pid"],
                    "nobody": trigger_one("pvmcall", *AS_ME, "pid", 1999999999)["pid"],
                    "other": trigger_one("pvmcall", *AS_ME, "--uid", 4001, "self")["pid"],
                    "inside": held.pid}
        pids, _, _ = while_full(programs, [a.tracer for a in runs.values()], act)
        have = {}
        for key, a in runs.items():
            expect_nothing_lost(a.tally.finish())
            have[key] = {what: a.tally.of(pid) for what, pid in pids.items()}
            told = {what: sum(n for k, n in a.tally.told.items() if k.caller == pid) for what, pid in pids.items()}
            told.pop("inside")
            assert not any(told.values()), f"{key}: {told} found room"
        everything = {"pair": 2, "nobody": 1, "other": 1, "inside": 2}
        assert have["--op"] == {**everything, "pair": 1}
        assert have["--outcome"] == have["--min-bytes"] == {**everything, "nobody": 0}
        assert have["--target-uid"] == {**everything, "nobody": 0, "other": 0}
        assert have["--caller-cgroup"] == {**everything, "inside": 0}
    finally:
        held.close()
        for a in runs.values():
            a.tracer.kill()


def test_formats(programs, tmp_path):
    """The same summary in every format."""
    tracers = {form: Tracer("-f", form, *SMALL, *OURS, stdout=open(tmp_path / form, "wb")) for form in
               ("json", "ecs", "ocsf", "text")}
    try:
        for form in tracers:
            poll(lambda form=form: (tmp_path / form).stat().st_size, 20)
        run, _, _ = while_full(programs, tracers.values(),
                               lambda: trigger_one("pvmcall", *AS_ME, "repeat", 700))
        for t in tracers.values():
            t.kick(signal.SIGTERM)
            assert t.proc.wait(10) == 0
        lines = {form: (tmp_path / form).read_text().splitlines() for form in tracers}
        mine = [json.loads(line) for line in lines["ecs"]]
        mine = [r for r in mine if r.get("process", {}).get("pid") == run["pid"]]
        assert [r["pvmtrace"]["calls"] for r in mine] == [700] and mine[0]["event"]["outcome"] == "success"
        mine = [json.loads(line) for line in lines["ocsf"]]
        mine = [r for r in mine if r.get("actor", {}).get("process", {}).get("pid") == run["pid"]]
        assert [(r["count"], r["class_uid"]) for r in mine] == [(700, 1004)]
        mine = [line for line in lines["text"] if f"{MY_NAME}({run['pid']}) " in line]
        assert len(mine) == 1 and " read " in mine[0] and "(700 calls in " in mine[0]
        s = Stream()
        s.feed((tmp_path / "json").read_bytes())
        s.finish()
        assert [r["calls"] for r in s.of("process_vm_summary") if r["caller"]["pid"] == run["pid"]] == [700]
    finally:
        for t in tracers.values():
            t.kill()


def test_recorded_and_replayed(programs, tmp_path):
    path = tmp_path / "calls"
    rec = Tracer("--record", path, *SMALL, *OURS)
    try:
        run, _, _ = while_full(programs, [rec], lambda: trigger_one("pvmcall", *AS_ME, "repeat", 900))
        rec.kick(signal.SIGTERM)
        assert rec.proc.wait(10) == 0, rec.stderr()
        rec.thread.join(10)
        want = rec.stream.lines[-1]
        assert want["type"] == "stop" and want["counters"]["summarised"] >= 900
        for options, filtered in (((), 0), (("--op", "write"), None)):
            s = Stream()
            s.feed(pvmtrace("--replay", path, *options).out)
            s.finish()
            have = s.lines[-1]["counters"]
            if filtered is None:
                assert have["filtered"] == have["seen"] and not s.of("process_vm_summary")
                continue
            assert have == want["counters"]
            assert [r["calls"] for r in s.of("process_vm_summary") if r["caller"]["pid"] == run["pid"]] == [900]
        # Cut before its end: what is there adds up all the same.
        path.write_bytes(path.read_bytes()[:-10])
        s = Stream()
        s.feed(pvmtrace("--replay", path).out)
        s.finish()
        assert s.lines[-1]["counters"]["summarised"] == want["counters"]["summarised"]
    finally:
        rec.kill()


def test_arrays_of_calls_that_are_told_together_are_let_go(programs):
    """Long arrays go ahead of their calls: 64 KiB each. The collector holds 8 MiB of those that it waits for."""
    with Adding("--ring-size", "64K", *OURS) as (tracer, tally):
        runs = []
        for _ in range(5):
            runs.append(while_full(programs, [tracer], lambda: made(programs.flood(60, -1, 1024, 50)))[0])
            tally.wait(lambda: tally.of(runs[-1][0]) == 50)
        stop = tally.finish()
    expect_nothing_lost(stop)
    for pid, n in runs:
        assert of(tally, pid) == {(pid, "read", "success"): 50} and n == 50
    assert stop["counters"]["array_evicted"] == 0


# ---- by choice --------------------------------------------------------------------------------


def test_aggregate():
    """The first call of its kind comes at once, the others at the end of the window."""
    with Tracer("--aggregate", 3, *OURS) as t, Held("pvmcall", *AS_ME, "step") as h:
        assert t.start["limits"]["aggregate_s"] == 3
        h.line()
        h.step()
        begin = time.monotonic()
        t.wait(lambda t: t.events(h.pid), 3, "the first call")
        run = trigger_one("pvmcall", *AS_ME, "repeat", 500)
        pair = trigger_one("pvmcall", *AS_ME, "pair")
        for _ in range(20):
            h.step()
        t.wait(lambda t: [r for r in t.stream.of("process_vm_summary") if r["caller"]["pid"] == h.pid], 8)
        assert time.monotonic() - begin < 6
        h.step()  # in another window: known
        stop = t.stop()
        summaries = collections.defaultdict(list)
        for r in t.records("process_vm_summary"):
            assert (r["reason"], r["outcome"]) == ("aggregate", "success")
            summaries[r["caller"]["pid"]].append(r["calls"])
        assert len(t.events(run["pid"])) == 1 and summaries[run["pid"]] == [499]
        assert {e["op"] for e in t.events(pair["pid"])} == {"read", "write"} and not summaries[pair["pid"]]
        assert len(t.events(h.pid)) == 1 and sum(summaries[h.pid]) == 21 and summaries[h.pid][-1] == 1
        assert stop["counters"]["summarised"] == 499 + 21 and stop["complete"] is (stop["counters"]["skipped_runs"] == 0)


def test_aggregate_with_filters():
    with Tracer("--aggregate", 1, *OURS, "--outcome", "failure", "--op", "read") as t:
        good = trigger_one("pvmcall", *AS_ME, "repeat", 100)["pid"]
        bad = [trigger_one("pvmcall", *AS_ME, "pid", 1999999999)["pid"] for _ in range(3)]
        stop = t.stop()
        assert not t.events(good) and [len(t.events(p)) for p in bad] == [1, 1, 1]
        assert t.records("process_vm_summary") == [] and stop["counters"]["filtered"] >= 100


def test_aggregate_tells_a_parked_call():
    """It does not wait for the end of the window, which may never come for it."""
    with Tracer("--aggregate", 60, "--in-flight-after", 200) as t, Held("pvmpark") as h:
        pid = h.line()["pid"]
        t.wait(lambda t: t.events(pid), 5, "the parked call")
        h.step("resolve")
        t.wait(lambda t: len(t.events(pid)) == 2, 5, "its end")
        assert [e["phase"] for e in t.events(pid)] == ["in_flight", "complete"]


def test_aggregate_with_long_arrays(programs):
    """Their snapshots are let go with the calls."""
    with Tracer("--aggregate", 60, *OURS) as t:
        pid, n = made(programs.flood(60, -1, 1024, 600))
        stop = t.stop()
        assert n == 600 and len(t.events(pid)) == 1 and stop["counters"]["summarised"] == 599
        event, = t.events(pid)
        assert event["remote"]["status"] == event["local"]["status"] == "ok" and event["local"]["captured"] == 1024
        assert stop["counters"]["array_evicted"] == 0


def test_aggregate_and_replay(tmp_path):
    run = pvmtrace("--aggregate", 60, "--replay", tmp_path / "calls")
    assert run.status == EX_USAGE and "--aggregate 60" in run.err and "--replay" in run.err
    for value in ("0", "3601", "1m", ""):
        run = pvmtrace("--aggregate", value)
        assert run.status == EX_USAGE and "--aggregate" in run.err and "1 to 3600" in run.err and run.out == b""
