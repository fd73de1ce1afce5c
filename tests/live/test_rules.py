# SPDX-License-Identifier: Apache-2.0
"""Rules of a configuration file: the first that holds for a call decides, and what is not known is never dropped."""

import collections
import contextlib
import ctypes
import json
import os
import signal

import pytest

from pvm import AS_ME, MY_NAME, Held, Tracer, own_call, pvmtrace, trigger_one
from pvm_host import mounted
from pvm_scene import ALL, Scene, UNKNOWN, here

SMALL = ("--ring-size", "256K", "--array-ring-size", "256K")
AT_ONCE = 6
NOBODY = {"g>none"}
# Filters as the command line has them -> the calls of the scene that they hold for, and those of them of which something that
# they ask is not known: a rule that drops leaves these.
ROWS = [
    ("--caller-comm {mine}", {"g>a", "g>b", "g>g", "g>none"}, set()),
    ("--caller-uid 4002", {"b>a"}, set()),
    ("--caller-pid {g} -p {a}", {"g>a"}, set()),
    ("-p !{a}", ALL - {"g>a", "a>a", "b>a"}, NOBODY | UNKNOWN),
    ("--target-comm {alpha}", {"g>a", "a>a", "b>a"}, set()),
    ("--target-uid 4001 --caller-uid !4001", {"g>a", "b>a"}, set()),
    ("--op write", {"d>child write"}, set()),
    ("--outcome success", ALL - {"g>a", "g>b", "g>none", "b>a", "d>d refused"}, UNKNOWN),
    ("--outcome failure", {"g>a", "g>b", "g>none", "b>a", "d>d refused"} | UNKNOWN, UNKNOWN),
    ("--min-bytes 65", {"d>d 65"} | UNKNOWN, UNKNOWN),
    ("--no-self", {"g>a", "g>b", "g>none", "b>a", "d>child read", "d>child write"}, NOBODY),
    ("--relation child", {"d>child read", "d>child write"}, set()),
    ("--relation other-user --op read", {"g>a", "g>b", "b>a"}, set()),
]
CASES = [(action, *row) for action in ("tell", "drop") for row in ROWS]


def lines(options):
    """The same in a file."""
    words = options.replace("-p ", "--target-pid ").split()
    return "".join(f"{name.removeprefix('--')} {value}\n" for name, value in pairs(words))


def pairs(words):
    while words:
        takes = len(words) > 1 and not words[1].startswith("--")
        yield words[0], words[1] if takes else ""
        words = words[1 + takes:]


def rules(path, *texts):
    """A file of rules, each "NAME ACTION, filter, filter"."""
    path.write_text("".join("rule " + "\n".join(part.strip() for part in text.split(",")) + "\n" for text in texts))
    return "--config", path


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """{(action, filters): (tracer that has ended, names of its calls)}, of files with that rule and one behind it that tells all."""
    path, done = tmp_path_factory.mktemp("rules"), {}
    try:
        for i in range(0, len(CASES), AT_ONCE):
            scene, some = Scene(), {}
            for n, (action, options, *_) in enumerate(CASES[i:i + AT_ONCE]):
                file = path / f"{i + n}.conf"
                file.write_text(f"rule first {action}\n{lines(options.format(**scene.words()))}rule rest tell\n")
                some[action, options] = done[action, options] = Tracer("--config", file, *SMALL, wait=False), scene.calls
            for t, _ in some.values():
                t.wait_start()
            scene.act()
            for t, _ in some.values():
                t.stop(timeout=20)
            scene.close()
        yield done
    finally:
        for t, _ in done.values():
            t.kill()


@pytest.mark.parametrize("action, options, holds, unsure", CASES, ids=[f"{c[0]} {c[1]}" for c in CASES])
def test_first_rule(runs, action, options, holds, unsure):
    t, calls = runs[action, options]
    told = collections.defaultdict(list)
    for e in t.events():
        told[e["rule"]].append(calls.get((e["caller"]["pid"], e["target"]["arg"], e["op"])))
    told = {rule: sorted(filter(None, names)) for rule, names in told.items()}
    by_first = holds if action == "tell" else set()
    gone = set() if action == "tell" else holds - unsure
    assert told.get("first", []) == sorted(here(by_first))
    assert told.get("rest", []) == sorted(here(ALL - by_first - gone))
    first, rest = t.end["rules"]
    assert (first["name"], first["action"], rest["name"]) == ("first", action, "rest")
    assert first["dropped"] >= len(here(gone)) and rest["dropped"] == 0
    assert first["dropped"] <= t.counters["filtered"] and t.end["balanced"]
    assert first["told"] + rest["told"] == t.counters["emitted"]


def test_order_and_what_no_rule_holds_for(tmp_path):
    """A rule that tells, ahead of one that drops; and nothing is told that neither holds for."""
    with Tracer(*rules(tmp_path / "a", f"mine tell, caller-comm {MY_NAME}, op write", f"none drop, caller-comm {MY_NAME}")) as t:
        run = trigger_one("pvmcall", *AS_ME, "pair")
        other = trigger_one("pvmcall", "pair")
        t.stop()
        assert [(e["op"], e["rule"]) for e in t.events(run["pid"])] == [("write", "mine")]
        assert t.events(other["pid"]) == [] and t.end["rules"][1]["dropped"] == 1


def test_a_file_that_only_silences(tmp_path):
    with Tracer(*rules(tmp_path / "a", f"mine drop, caller-comm {MY_NAME}, op write")) as t:
        run, other = trigger_one("pvmcall", *AS_ME, "pair"), trigger_one("pvmcall", "pair")
        t.stop()
        assert [(e["op"], e["rule"]) for e in t.events(run["pid"])] == [("read", None)]
        assert [(e["op"], e["rule"]) for e in t.events(other["pid"])] == [("read", None), ("write", None)]


def test_one_rule_adds_up_and_another_tells(tmp_path):
    """Of the calls that are added up, the first of its kind is told; all of the others are in sums of that rule."""
    calls = 50
    with Tracer(*rules(tmp_path / "a", f"writes tell, caller-comm {MY_NAME}, op write", f"reads aggregate, caller-comm {MY_NAME}")) as t:
        pids = [trigger_one("pvmcall", *AS_ME, "repeat", calls)["pid"]]
        pair = trigger_one("pvmcall", *AS_ME, "pair")["pid"]
        t.stop()
        assert [(e["op"], e["rule"]) for e in t.events(pair)] == [("read", "reads"), ("write", "writes")]
        sums = [r for r in t.records("process_vm_summary") if r["caller"]["pid"] in pids]
        assert {(s["rule"], s["reason"]) for s in sums} == {("reads", "aggregate")}
        assert len(t.events(pids[0])) + sum(s["calls"] for s in sums) == calls
        assert t.end["rules"][1]["summarised"] == sum(s["calls"] for s in sums)


def read_myself(*addresses):
    """A call on bytes of our own at these addresses."""
    iov = ctypes.c_ulong * (2 * len(addresses))
    to = ctypes.create_string_buffer(len(addresses))
    local, remote = iov(), iov()
    for i, address in enumerate(addresses):
        local[2 * i:2 * i + 2] = ctypes.addressof(to) + i, 1
        remote[2 * i:2 * i + 2] = address, 1
    own_call(os.getpid(), local=(ctypes.addressof(local), len(addresses)), remote=(ctypes.addressof(remote), len(addresses)))


def test_what_lies_there_can_drop_only_as_a_whole(tmp_path):
    """One element where the rule has it and one elsewhere: the call is told. User space judges that."""
    me, nowhere, there = os.getpid(), 1 << 20, ctypes.create_string_buffer(8)
    with Tracer(*rules(tmp_path / "a", f"quiet drop, caller-pid {me}, region none", f"rest tell, caller-pid {me}")) as t:
        read_myself(nowhere)
        read_myself(nowhere, ctypes.addressof(there))
        read_myself(ctypes.addressof(there), nowhere)
        t.stop()
        assert [(e["rule"], e["remote"]["count"]) for e in t.events(me)] == [("rest", 2), ("rest", 2)]
        assert t.end["rules"][0]["dropped"] == 1 and t.end["balanced"]


@pytest.mark.parametrize("action", ["tell", "drop"])
def test_who_is_nobody_is_told(tmp_path, action):
    """Nobody is in no list, and is not what is excluded; but a rule that drops asks for somebody."""
    with Tracer(*rules(tmp_path / "a", f"but {action}, caller-comm {MY_NAME}, target-comm !nobody", f"rest tell, caller-comm {MY_NAME}")) as t:
        pid = trigger_one("pvmcall", *AS_ME, "pid", 2**31 - 1)["pid"]
        t.stop()
        assert [e["rule"] for e in t.events(pid)] == ["but" if action == "tell" else "rest"]


def test_recorded_by_rules_and_replayed_by_others(tmp_path):
    file = tmp_path / "calls"
    with Tracer("--record", file, *rules(tmp_path / "a", f"writes drop, caller-comm {MY_NAME}, op write", f"rest tell, caller-comm {MY_NAME}")) as t:
        pid = trigger_one("pvmcall", *AS_ME, "pair")["pid"]
        t.kick(signal.SIGTERM)
        assert t.proc.wait(20) == 0, t.stderr()
    told = {}
    for name, words in (("none", ()), ("again", rules(tmp_path / "b", "one drop, op write", "two tell")), ("dropped", rules(tmp_path / "c", "one drop, op read", "two tell"))):
        run = pvmtrace("--replay", file, *words)
        assert run.status == 0, run.err
        records = [json.loads(line) for line in run.out.splitlines()]
        told[name] = [(r["op"], r["rule"]) for r in records if r["type"] == "process_vm_access" and r["caller"]["pid"] == pid]
        if words:
            assert records[-1]["rules"][0]["dropped"] == (name == "dropped")
    assert told == {"none": [("read", None)], "again": [("read", "two")], "dropped": []}


@pytest.mark.needs("mounts")
def test_what_a_full_disk_does_not_take_was_told_by_no_rule(tmp_path):
    """The calls of a recording whose end cannot be written are lost, and come off their rules."""
    with mounted(tmp_path / "disk", "-t", "tmpfs", "-o", "size=64k", "none") as disk:
        with Tracer("--record", disk / "calls", *rules(tmp_path / "a", f"writes drop, caller-comm {MY_NAME}, op write",
                                                       f"rest tell, caller-comm {MY_NAME}")) as t:
            trigger_one("pvmcall", *AS_ME, "self")
            t.wait(lambda _: (disk / "calls").stat().st_size > 1000 or None, what="what was recorded")
            (disk / "filler").open("wb").close()
            with contextlib.suppress(OSError), open(disk / "filler", "wb", buffering=0) as f:
                while f.write(bytes(4096)):
                    pass
            for _ in range(8):
                trigger_one("pvmcall", *AS_ME, "pair")
            t.kick(signal.SIGTERM)
            assert t.proc.wait(20) != 0
            t.wait(lambda t: t.end, what="stop")
        books, (writes, rest) = t.end["counters"], t.end["rules"]
        assert books["lost_output"] >= 8 and t.end["balanced"] and writes["dropped"] == 8
        assert rest["told"] == books["emitted"] and writes["told"] == 0


def test_a_call_that_is_parked_is_no_drop_by_its_result(tmp_path):
    """While it is inside nobody knows its result: it is told as in flight. At its end the rule drops it, and says so."""
    with Tracer(*rules(tmp_path / "a", "good drop, outcome success", "rest tell"), "--in-flight-after", 200) as t:
        with Held("pvmpark") as parked:
            pid = parked.line()["pid"]
            t.wait(lambda t: t.events(pid, lambda e: e["phase"] == "in_flight"), 10, "in_flight")
            parked.step("resolve")
        t.stop()
        assert [(e["phase"], e["rule"]) for e in t.events(pid)] == [("in_flight", "rest")]
        assert t.end["rules"][0]["dropped"] >= 1


def test_own_call_with_two_rules_of_one_pid(tmp_path):
    """A pid that one rule wants and another one excludes."""
    me = os.getpid()
    with Tracer(*rules(tmp_path / "a", f"but tell, caller-pid !{me}, target-pid {me}", f"me tell, caller-pid {me}")) as t:
        own_call()
        t.stop()
        assert [e["rule"] for e in t.events(me)] == ["me"]
