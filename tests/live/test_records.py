# SPDX-License-Identifier: Apache-2.0
"""start, stats, stop: what stands in them, what asks for them."""

import os
import re
import signal
import time
from pathlib import Path

import pytest

from pvm import ATTACH, AS_ME, Held, ONLY_ME, STOP_TIMEOUT, Tracer, parse_time, pvmtrace, trigger_one
from pvm_arch import COMPAT, COMPAT_CALL, COMPAT_NEED, SYS_BPF
from pvm_ftrace import Observer

NAMES = ["seen", "emitted", "summarised", "filtered", "lost", "lost_ring_full", "lost_state_full",
         "lost_state_stale", "lost_output", "lost_decode", "self_tests", "skipped_runs"]


def test_start(tracer):
    s = tracer.start
    uname = os.uname()
    boot_id = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    assert s["seq"] == 1 and s["type"] == "start"
    assert s["host"]["name"] == uname.nodename and s["host"]["boot_id"] == boot_id
    assert (s["kernel"], s["kernel_version"], s["arch"], s["attach"]) == (uname.release, uname.version, uname.machine, ATTACH)
    assert [n for n in NAMES if n not in s["counter_names"]] == []
    assert abs(parse_time(s["time"]) - time.time_ns()) < 600 * 10**9


def test_start_says_what_cannot_be_seen(tracer):
    said = [sentence for sentence in tracer.start["unseen"] if sentence.startswith("other ways to another process's memory: ")]
    assert len(said) == 1 and "/proc/PID/mem" in said[0]


def test_self_test_is_in_no_record():
    with Tracer("--duration", 1) as t:
        t.finish(timeout=10)
        assert t.events(t.pid) == []
        assert t.counters["self_tests"] >= 1


def test_host_on_every_event(tracer):
    run = trigger_one("pvmcall", "self")
    event = tracer.one(run["pid"])
    assert event["host"] == tracer.start["host"]
    machine = Path("/etc/machine-id")
    want = machine.read_text().strip() if machine.exists() else ""
    assert event["host"]["machine_id"] == (want or None)


def asked_for(tracer):
    """The stats record that comes on a signal."""
    have = len(tracer.records("stats"))
    tracer.kick(signal.SIGUSR1)
    return tracer.wait(lambda t: t.stream.of("stats")[have:], what="stats")[0]


def test_stats_on_signal(tracer):
    have = len(tracer.records("stats"))
    run = trigger_one("pvmcall", "repeat", 5)
    tracer.of(run["pid"])
    stats = asked_for(tracer)
    assert len(tracer.records("stats")) == have + 1
    assert list(stats["counters"]) == tracer.start["counter_names"]
    assert stats["counters"]["seen"] >= 5 and stats["counters"]["lost"] == 0


def test_stats_count_what_is_inside():
    with Tracer("--caller-comm", "pvmpark") as t:
        assert asked_for(t)["in_flight"] == 0
        with Held("pvmpark") as h:
            h.line()
            assert asked_for(t)["in_flight"] == 1
            h.step("resolve")
            assert asked_for(t)["in_flight"] == 0


def test_every_record_says_when_and_by_whom_it_was_told():
    """`told` never goes back, and each record has an id that no other has."""
    began = time.time_ns()
    with Tracer("--stats-interval", 1, "--duration", 2) as t:
        trigger_one("pvmcall", "repeat", 3)
        t.finish(timeout=10)
        records = [t.stream.look(i) for i in range(len(t.stream.lines))]
    told = [parse_time(r["told"]) for r in records]
    assert told == sorted(told) and began <= told[0] and told[-1] <= time.time_ns()
    assert {r["run"] for r in records} == {t.start["instance"]}
    assert len({r["id"] for r in records}) == len(records) > 5
    assert {"start", "process_vm_access", "stats", "stop"} <= {r["type"] for r in records}


@pytest.mark.slow
def test_stats_at_intervals():
    with Tracer("--stats-interval", 1, "--duration", 4) as t:
        t.finish(timeout=10)
        stats = t.records("stats")
        assert 3 <= len(stats) <= 5
        times = [parse_time(s["time"]) for s in stats]
        assert all(0.7 * 10**9 < b - a < 1.6 * 10**9 for a, b in zip(times, times[1:]))


@pytest.mark.slow
def test_no_stats_uncalled():
    with Tracer("--duration", 2) as t:
        t.finish(timeout=10)
        assert t.records("stats") == []


@pytest.mark.parametrize("sig", [signal.SIGTERM, signal.SIGINT])
def test_stop_on_signal(sig):
    with Tracer() as t:
        run = trigger_one("pvmcall", "repeat", 100)
        stop = t.stop(sig)
        assert t.stopped_in < STOP_TIMEOUT
        assert (stop["reason"], stop["signal"]) == ("signal", sig.name)
        assert len(t.events(run["pid"])) == 100  # no waiting before: the end drains the rings
        assert stop["counters"]["seen"] >= 100 and stop["complete"] is (stop["counters"]["skipped_runs"] == 0)


def test_two_signals_are_one_end():
    with Tracer() as t:
        t.kick(signal.SIGTERM)
        t.kick(signal.SIGINT)
        t.finish()
        assert t.end["reason"] == "signal"


def test_started_with_signals_ignored():
    """As from a script's background: SIGTERM still ends it."""
    with Tracer(preexec_fn=lambda: signal.signal(signal.SIGTERM, signal.SIG_IGN)) as t:
        t.stop()


def test_seen_counts_every_call():
    with Tracer(*ONLY_ME) as t:
        trigger_one("pvmcall", *AS_ME, "repeat", 500)
        trigger_one("pvmcall", "self")
        t.stop()
        assert t.counters["emitted"] == 500 and t.counters["filtered"] >= 1
        assert t.counters["seen"] >= 501


@pytest.mark.needs(COMPAT_NEED)
def test_seen_counts_32_bit_calls():
    with Tracer("--caller-comm", COMPAT_CALL[0]) as t:
        pid = trigger_one(*COMPAT_CALL, "read")["pid"]
        t.stop()
        assert [(e["caller"]["pid"], e["abi"]) for e in t.events()] == [(pid, COMPAT)]
        assert t.counters["emitted"] == t.counters["seen"] - t.counters["filtered"] == 1


def test_events_come_soon():
    """A reader need not wait for a full buffer."""
    with Tracer() as t:
        for _ in range(5):
            time.sleep(0.3)
            run = trigger_one("pvmcall", "self")
            begin = time.monotonic()
            t.wait(lambda t, pid=run["pid"]: t.events(pid))
            assert time.monotonic() - begin < 1


def test_several_instances_at_once():
    with Tracer() as a, Tracer() as b, Tracer("--op", "write") as c:
        run = trigger_one("pvmcall", "pair")
        for t, want in ((a, ["read", "write"]), (b, ["read", "write"])):
            assert [e["op"] for e in t.of(run["pid"])] == want
        c.stop()
        assert [e["op"] for e in c.events(run["pid"])] == ["write"]
        ids = {t.events(run["pid"])[-1]["id"] for t in (a, b, c)}
        assert len(ids) == 3
        instances = {t.start["instance"] for t in (a, b, c)}
        assert len(instances) == 3


def test_version_and_help():
    run = pvmtrace("-V")
    assert run.status == 0 and run.out.strip() and run.err == ""
    version = run.out.split()[1].decode()
    assert run.out.startswith(b"pvmtrace ")
    run = pvmtrace("--help")
    assert run.status == 0 and run.err == ""
    options = re.findall(rb"^  (?:-\w, |    )(--[a-z-]+)", run.out, re.M)
    assert {b"--target-pid", b"--caller-container", b"--fail-on-loss", b"--in-flight-after"} < set(options)
    with Tracer() as t:
        assert t.start["version"] == version


def test_stdout_is_records_only(tracer):
    """Talk goes to stderr, whatever -v says; the stream is checked line by line."""
    with Tracer("-vv") as t:
        trigger_one("pvmcall", "self")
        t.stop()
        said = t.stderr().splitlines()
        for begin in ("libbpf: ", "pvmtrace: tracing as "):
            assert [line for line in said if line.startswith(begin)], begin
    with Tracer("-q") as t:
        t.stop()
        assert t.stderr() == ""


BPF_ITER_CREATE = 33


@pytest.mark.slow
def test_the_sweep_rests_while_nothing_is_inside():
    """Without calls in flight the collector makes no iterator but the one, once a second, that looks at what filters hold."""
    with Tracer("--in-flight-after", 100, *ONLY_ME) as t:
        time.sleep(0.3)
        with Observer(f"id == {SYS_BPF} && common_pid == {t.pid}") as o:
            time.sleep(2.5)
            idle = [call for call in o.result() if call[2] == BPF_ITER_CREATE]
        assert len(idle) <= 4, "sweeps with nothing in flight"
    with Tracer("--in-flight-after", 100) as t:
        with Observer(f"id == {SYS_BPF} && common_pid == {t.pid}") as o, Held("pvmpark") as h:
            h.line()
            time.sleep(2.5)
            busy = [call for call in o.result() if call[2] == BPF_ITER_CREATE]
        assert len(busy) > 2 * len(idle) + 4, "no sweep although a call was inside"
