# SPDX-License-Identifier: Apache-2.0
"""The lists: edges of pages, pages not there yet, threads that rewrite them, long ones."""

import pytest

from pvm import SLOWNESS, Tracer, expect_call, trigger_one

SIDES = ["local", "remote"]


def case(tracer, *args, limit=32):
    t = trigger_one("pvmcall", *args)
    event = tracer.one(t["pid"])
    expect_call(event, t["calls"][0], limit=limit)
    return event


@pytest.mark.parametrize("side", SIDES)
def test_ends_at_the_end_of_a_page(tracer, side):
    event = case(tracer, "edge", "end", side)
    assert event[side]["status"] == "ok" and event[side]["captured"] == 4
    assert int(event[side]["addr"], 16) % 4096 == 4096 - 64
    assert event["ret"] == 46 and event[side]["changed"] is False


@pytest.mark.parametrize("side", SIDES)
def test_crosses_into_nothing(tracer, side):
    """The kernel refuses it all; what was readable is told."""
    event = case(tracer, "edge", "cross", side)
    assert event["error"] == "EFAULT"
    assert event[side]["status"] == "partial" and event[side]["captured"] == 2
    assert event[side]["count"] == 4 and event["bytes_requested"] is None


@pytest.mark.parametrize("side", SIDES)
def test_an_element_is_cut_by_the_end_of_a_page(tracer, side):
    event = case(tracer, "edge", "split", side)
    assert event["error"] == "EFAULT"
    assert event[side]["status"] in ("partial", "fault") and event[side]["captured"] == 0


@pytest.mark.parametrize("side", SIDES)
def test_begins_on_an_unreadable_page(tracer, side):
    """What follows on a readable page is told all the same."""
    event = case(tracer, "edge", "begin", side)
    assert event["error"] == "EFAULT"
    assert event[side]["status"] == "partial" and event[side]["captured"] == 2
    assert [e["len"] for e in event[side]["iov"]] == [12, 13]


def test_leading_elements_of_no_length(tracer):
    event = case(tracer, "zerofirst")
    assert [e["len"] for e in event["local"]["iov"]] == [0, 0, 48]
    assert [e["base"] for e in event["remote"]["iov"]][0] == "0x10"
    assert event["ret"] == event["bytes_requested"] == 48 and event["partial"] is False


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("count, first", [(1, 0), (8, 0), (9, 0), (1024, 0), (1024, 2), (300, 1)])
def test_untouched_pages(wide, side, count, first):
    """Pages that the kernel faults in during the call are read at exit: whole, and called late."""
    event = case(wide, "late", side, count, first, limit=1024)
    assert event["ret"] == min(count, 64) and event["outcome"] == "success"
    assert event[side]["status"] == "late" and event[side]["captured"] == count
    assert event[side]["changed"] is None and event[side]["iov_exit"] is None


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("count", [8, 1024])
def test_touched_pages_of_a_file(wide, side, count):
    event = case(wide, "late", side, count, 99, limit=1024)
    assert event[side]["status"] == "ok" and event[side]["changed"] is False


@pytest.mark.parametrize("count", [33, 1024])
def test_only_the_first_elements_are_shown(tracer, count):
    event = case(tracer, "counts", count, count)
    for side in SIDES:
        assert event[side]["captured"] == count == event[side]["total_len"]
        assert len(event[side]["iov"]) == 32
    assert {"local.iov", "remote.iov"} <= set(event["truncated"])


def test_32_elements_are_shown_whole(tracer):
    assert case(tracer, "counts", 32, 32)["truncated"] == []


def test_iov_limit():
    with Tracer("--iov-limit", 2) as t:
        event = case(t, "counts", 3, 2, limit=2)
        assert event["truncated"] == ["local.iov"]
        assert event["local"]["captured"] == event["local"]["total_len"] == 3
    with Tracer("--iov-limit", 0) as t:
        event = case(t, "counts", 1, 1, limit=0)
        assert event["truncated"] == ["local.iov", "remote.iov"]


def test_iov_limit_all_is_still_cut_by_the_line():
    with Tracer("--iov-limit", "all") as t:
        run = trigger_one("pvmcall", "counts", 1024, 20)
        event = t.one(run["pid"])
        assert event["truncated"] == ["local.iov"]
        assert event["local"]["captured"] == event["local"]["total_len"] == 1024
        assert len(event["remote"]["iov"]) == 20
        shown = [{"base": b, "len": n} for b, n in run["calls"][0]["local"]["iov"]]
        assert event["local"]["iov"] == shown[:len(event["local"]["iov"])]


def race(tracer, n, count, really=True):
    """(what the trigger told, the whole calls of it) of n calls whose list a second thread rewrites, or does not"""
    run = trigger_one("pvmrace", n, count, int(really))
    told = [e for e in tracer.of(run["pid"]) if e["phase"] != "in_flight"]
    events = [e for e in told if e["phase"] == "complete"]
    if tracer.misses_calls():
        # One whose exit alone was seen is an orphan.
        assert n - len(events) <= tracer.skipped_runs()
    else:
        assert len(told) == n and {e["phase"] for e in told} <= {"complete", *(["ended"] if tracer.misses_ends() else [])}
    return run, events


@pytest.mark.parametrize("count", [1, 8, 64])
def test_a_thread_rewrites_the_array(wide, count):
    n = 3000 if count < 64 else 1500
    # In a slow guest a few calls may do, and may not.
    for _ in range(10):
        run, events = race(wide, n if SLOWNESS == 1 else n // 5, count)
        changed = [e for e in events if e["remote"]["changed"]]
        if changed:
            break
    assert changed, "a racing thread never showed"
    both = {run["one"], run["other"]}
    for e in events:
        assert e["remote"]["iov"][0]["base"] in both
        assert e["local"]["changed"] is False and e["ret"] == count
    for e in changed:
        first, last = e["remote"]["iov"], e["remote"]["iov_exit"]
        if last is None:  # both looks saw the same, but the kernel worked on the other page
            page = int(first[0]["base"], 16) & ~4095
            assert e["remote"]["confirmed"] is None and int(e["remote"]["pinned"]["first"], 16) != page
            continue
        assert len(first) == len(last) == count
        assert {first[0]["base"], last[0]["base"]} == both and first[1:] == last[1:]


@pytest.mark.parametrize("count", [1, 64])
def test_nothing_changes_without_a_race(wide, count):
    _, events = race(wide, 1000, count, False)
    assert events
    for e in events:
        for side in SIDES:
            assert e[side]["changed"] is False and e[side]["iov_exit"] is None
            assert e[side]["status"] == "ok" and e[side]["captured"] == count


@pytest.mark.parametrize("count", [1, 8, 9, 64, 1000])
@pytest.mark.parametrize("over", ["local", "remote", "write"])
def test_a_call_that_writes_over_its_own_list(wide, over, count):
    """What stands there afterwards is no list: it was moved by the call, and is in no event."""
    run = trigger_one("pvmover", over, count)
    (event,) = wide.of(run["pid"])
    expect_call(event, run["calls"][0], limit=1024)
    assert event["ret"] == 16 * count
    hit, other = ("remote", "local") if over == "remote" else ("local", "remote")
    assert (event[hit]["changed"], event[hit]["iov_exit"]) == (True, None)
    assert (event[other]["changed"], event[other]["iov_exit"]) == (False, None)


PAIRS = [("local", 1, 1), ("remote", 1, 1), ("local", 3, 2), ("remote", 3, 2), ("local", 8, 8), ("apart", 1, 1), ("apart", 3, 2)]
pairs = pytest.mark.parametrize("order, local, remote", PAIRS)


@pairs
@pytest.mark.parametrize("where", ["middle", "edge"])
@pytest.mark.parametrize("changes", ["none", "local", "remote", "both"])
def test_lists_side_by_side(tracer, order, local, remote, changes, where):
    """What is read at once is what each of them holds, at both looks."""
    run = trigger_one("pvmpair", order, local, remote, changes, where)
    event = tracer.one(run["pid"])
    expect_call(event, run["calls"][0])
    for side in SIDES:
        changed = changes in (side, "both")
        assert event[side]["changed"] is changed and event[side]["status"] == "ok"
        assert event[side]["iov_exit"] == (run[f"fresh_{side}"] if changed else None)


@pairs
@pytest.mark.parametrize("where", ["hole", "tail"])
def test_of_lists_side_by_side_one_is_unreadable(tracer, order, local, remote, where):
    run = trigger_one("pvmpair", order, local, remote, "none", where)
    event = tracer.one(run["pid"])
    expect_call(event, run["calls"][0])
    first, second = ("remote", "local") if order == "remote" else ("local", "remote")
    there, lacks = (first, second) if where == "hole" else (second, first)
    assert event["error"] == "EFAULT"
    assert event[there]["status"] == "ok" and event[there]["changed"] is False
    assert event[lacks]["status"] == "fault" and event[lacks]["captured"] == 0
