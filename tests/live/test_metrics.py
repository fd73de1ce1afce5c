# SPDX-License-Identifier: Apache-2.0
"""The metrics file of a real run, with counts that are known, read by Prometheus's own checker."""

import contextlib
import ctypes
import os
import re
import signal
import subprocess
from pathlib import Path

import pytest

from needs import promtool_path
from pvm import AS_ME, MY_NAME, ONLY_ME, PVMTRACE, Tracer, own_call, parse_time, poll, \
    trigger, trigger_one
from pvm_arch import SYS_WRITEV
from pvm_host import status

# A crowd of processes, 40,000 pairs of them.
FLOODS = True


def read(path):
    """name or name{labels} -> value, as text"""
    return dict(line.rsplit(" ", 1) for line in path.read_text().splitlines() if not line.startswith("#"))


@pytest.fixture
def metrics(public_dir):
    """In a directory where every uid may make files."""
    public_dir.chmod(0o777)
    return public_dir / "pvmtrace.prom"


def count(m, name):
    return int(m[f"pvmtrace_{name}_total"])


def expect_counters(m, counters):
    """Every counter of the record is there, and no other; and what was told is the same by what it did."""
    have = {re.sub(r"^pvmtrace_(.*)_total$", r"\1", k): int(v) for k, v in m.items() if k.endswith("_total")}
    have.update({"lost_" + re.search('cause="(.*)"', k)[1]: int(v) for k, v in m.items() if "cause=" in k})
    assert have.pop("output_bytes") > 0
    have["lost"] = sum(v for k, v in have.items() if k.startswith("lost_"))
    assert have == counters
    assert sum(int(v) for k, v in m.items() if "events_total{" in k) == counters["emitted"] + counters["summarised"]
    assert sum(int(v) for k, v in m.items() if "errors_total{" in k) == \
        sum(int(v) for k, v in m.items() if 'outcome="failure"' in k)


def events(m, op, outcome):
    return int(m[f'pvmtrace_events_total{{op="{op}",outcome="{outcome}"}}'])


def write_in_vain(pid):
    """A call of this very process; its result."""
    byte, iov = ctypes.create_string_buffer(1), ctypes.c_ulong * 2
    local, remote = iov(ctypes.addressof(byte), 1), iov(1, 1)
    return own_call(pid, local=(ctypes.addressof(local), 1), remote=(ctypes.addressof(remote), 1), nr=SYS_WRITEV)


@contextlib.contextmanager
def named():
    """This thread has the name that calls are told by."""
    comm = Path("/proc/thread-self/comm")
    own = comm.read_bytes()[:-1]
    comm.write_text(MY_NAME)
    try:
        yield
    finally:
        comm.write_bytes(own)


def health(path):
    """(exit status, its one line)"""
    p = subprocess.run([PVMTRACE, "--health", path], stdout=subprocess.PIPE, text=True, timeout=10, check=False)
    assert p.stdout.count("\n") == 1 and p.stdout.endswith("\n")
    return p.returncode, p.stdout[:-1]


def test_known_counts(metrics):
    with Tracer("--metrics", metrics, "--stats-interval", 1, *ONLY_ME, "--ring-size", "1M") as t:
        poll(metrics.exists)
        m = read(metrics)
        assert m["pvmtrace_running"] == "1" and count(m, "emitted") == 0
        assert float(m["pvmtrace_last_call_timestamp_seconds"]) == 0
        assert m['pvmtrace_ring_size_bytes{ring="calls"}'] == str(1 << 20)
        assert float(m["pvmtrace_start_timestamp_seconds"]) == pytest.approx(parse_time(t.start["time"]) / 1e9)
        version = t.start["version"]
        assert any(k.startswith("pvmtrace_build_info{") and f'version="{version}"' in k for k in m)
        run = trigger_one("pvmcall", *AS_ME, "repeat", 25)
        poll(lambda: count(read(metrics), "emitted") == 25, 10)
        last = t.events(run["pid"])[-1]
        m = read(metrics)
        assert float(m["pvmtrace_last_call_timestamp_seconds"]) == pytest.approx(parse_time(last["time"]) / 1e9)
        t.stop()
        m = read(metrics)
        assert m["pvmtrace_running"] == "0"
        expect_counters(m, t.counters)
        assert os.listdir(metrics.parent) == [metrics.name]
        assert metrics.stat().st_mode & 0o777 == 0o644


@pytest.mark.parametrize("how", [[], ["--aggregate", 1]], ids=["single", "summaries"])
def test_what_calls_did(metrics, how):
    """By op, outcome and errno, told one by one or added up."""
    with Tracer("--metrics", metrics, "--stats-interval", 1, *ONLY_ME, *how) as t:
        trigger_one("pvmcall", *AS_ME, "repeat", 40)
        with named():
            for pid in (os.getpid(), 1 << 30):
                assert write_in_vain(pid) == write_in_vain(pid) < 0
        poll(lambda: events(read(metrics), "read", "success") == 40, 10)
        t.stop()
    m = read(metrics)
    expect_counters(m, t.counters)
    assert (t.counters["summarised"] > 0) == bool(how)
    assert events(m, "write", "failure") == 4 and events(m, "read", "failure") == events(m, "write", "success") == 0
    assert m['pvmtrace_errors_total{errno="ESRCH"}'] == "2" and m['pvmtrace_errors_total{errno="EFAULT"}'] == "2"


def test_how_the_output_is(metrics):
    """What a reader who takes nothing holds back is told, and that it came to him in the end."""
    with Tracer("--metrics", metrics, "--stats-interval", 1, *ONLY_ME) as t:
        t.paused.set()
        trigger_one("pvmcall", *AS_ME, "repeat", 2000)
        poll(lambda: int(read(metrics)["pvmtrace_output_held_bytes"]) > 0, 10)
        held = read(metrics)
        assert int(held["pvmtrace_output_held_bytes"]) <= int(held["pvmtrace_output_held_max_bytes"])
        t.paused.clear()
        poll(lambda: read(metrics)["pvmtrace_output_held_bytes"] == "0", 20)
        t.stop()
        assert int(read(metrics)["pvmtrace_output_bytes_total"]) == t.bytes


def test_bytes_of_a_recording(metrics):
    """They are in the file that is written, beside the program's own records."""
    file = metrics.parent / "calls.pvmtrace"
    own = metrics.parent / "own.ndjson"
    with Tracer("--metrics", metrics, "--record", file, "-o", own, *ONLY_ME, read=False) as t:
        poll(metrics.exists)
        trigger_one("pvmcall", *AS_ME, "repeat", 100)
        t.kick(signal.SIGTERM)
        assert t.proc.wait(10) == 0
    m = read(metrics)
    assert events(m, "read", "success") == 100
    # The recording's end comes when the run, and with it this file, is at its own.
    assert 0 <= own.stat().st_size + file.stat().st_size - int(m["pvmtrace_output_bytes_total"]) < 4096


def test_abis_and_configuration(metrics):
    """As `start` has them."""
    with Tracer("--metrics", metrics, *ONLY_ME) as t:
        poll(metrics.exists)
        m = read(metrics)
        assert {k: v for k, v in m.items() if "abi_covered" in k} == \
            {f'pvmtrace_abi_covered{{abi="{a["abi"]}"}}': str(int(a["covered"])) for a in t.start["abis"]}
        assert [k for k in m if "config_hash" in k] == [f'pvmtrace_config_info{{config_hash="{t.start["config_hash"]}"}}']


def test_health(metrics):
    """Of a run that is well, of one that is stopped, of one that has ended."""
    with Tracer("--metrics", metrics, "--stats-interval", 1, *ONLY_ME) as t:
        poll(metrics.exists)
        status, line = health(metrics)
        assert status == 0 and line.startswith("PVMTRACE OK: ")
        t.kick(signal.SIGSTOP)
        poll(lambda: health(metrics)[0] == 2, 30)
        assert "was not for" in health(metrics)[1]
        t.kick(signal.SIGCONT)
        poll(lambda: health(metrics)[0] == 0, 30)
        t.stop()
    status, line = health(metrics)
    assert status == 2 and line.startswith("PVMTRACE CRITICAL: the tracer has ended; ")
    metrics.unlink()
    assert health(metrics)[0] == 2


@pytest.mark.slow
def test_losses_are_told_by_cause(metrics):
    """More pairs of processes than there is room for, while the tracer sleeps."""
    t = subprocess.Popen([PVMTRACE, "-q", "-o", "/dev/null", "--ring-size", "64K", "--metrics", metrics,
                          "--stats-interval", "1"])
    try:
        poll(metrics.exists)
        t.send_signal(signal.SIGSTOP)
        trigger("pvmcrowd", "mesh", 200, timeout=60)
        t.send_signal(signal.SIGCONT)
        poll(lambda: count(read(metrics), "summarised") > 32_000, 30)
        t.terminate()
        assert t.wait(10) == 0
    finally:
        t.kill()
        t.wait()
    m = read(metrics)
    lost = int(m['pvmtrace_lost_total{cause="ring_full"}'])
    assert lost > 0 and count(m, "seen") == sum(count(m, n) for n in ("emitted", "summarised", "filtered")) + lost


@pytest.mark.needs("promtool")
def test_promtool_agrees(metrics):
    with Tracer("--metrics", metrics, *ONLY_ME) as t:
        trigger_one("pvmcall", *AS_ME, "pair")
        t.stop()
    for text, good in ((metrics.read_bytes(), True), (metrics.read_bytes() + b"pvmtrace_seen_total x\n", False)):
        p = subprocess.run([promtool_path(), "check", "metrics"], input=text, stdout=subprocess.PIPE,
                           stderr=subprocess.STDOUT, check=False)
        assert (p.returncode == 0 and p.stdout == b"") == good, p.stdout.decode()


def test_readers_never_see_half_of_it(metrics):
    with Tracer("--metrics", metrics, "--stats-interval", 1, *ONLY_ME) as t:
        poll(metrics.exists)
        first = metrics.stat().st_ino
        lines = len(metrics.read_text().splitlines())
        with open(metrics, encoding="ascii") as old:  # holds the inode, so that it is not used anew
            poll(lambda: metrics.stat().st_ino != first, 10, 0.001)
            assert len(old.read().splitlines()) == lines
        assert len(metrics.read_text().splitlines()) == lines
        t.stop()


def test_a_directory_that_is_not_the_collectors(public_dir):
    """Root's directory, after the rights are gone: said once, in words that help; tracing goes on; and it works
    as soon as the directory is handed over."""
    path = public_dir / "x.prom"
    with Tracer("--metrics", path, "--stats-interval", 1, *ONLY_ME) as t:
        poll(lambda: "--metrics" in t.stderr())
        uid = int(status(t.pid)["Uid"].split("\t")[0])
        assert f"uid {uid} must be allowed to create files in directory {public_dir}" in t.stderr()
        t.wait(lambda t: len(t.records("stats")) >= 2, 10)
        run = trigger_one("pvmcall", *AS_ME, "pair")
        t.wait(lambda t: len(t.events(run["pid"])) == 2)
        assert t.stderr().count("must be allowed") == 1
        os.chown(public_dir, uid, uid)
        poll(path.exists, 10)
        poll(lambda: "written again" in t.stderr())
        t.stop()
        assert count(read(path), "emitted") == 2


def test_a_path_that_only_root_can_walk(public_dir):
    """The directory is opened while the rights are there."""
    outer = public_dir / "closed"
    inner = outer / "open"
    inner.mkdir(parents=True)
    inner.chmod(0o777)
    outer.chmod(0o700)
    with Tracer("--metrics", inner / "x.prom", *ONLY_ME) as t:
        t.stop()
        assert "--metrics" not in t.stderr()
    assert read(inner / "x.prom")["pvmtrace_running"] == "0"


def test_by_the_configuration_file(metrics, tmp_path):
    conf = tmp_path / "conf"
    conf.write_text(f"metrics = {metrics}\ncaller-comm {MY_NAME}\n")
    with Tracer("--config", conf) as t:
        t.stop()
    assert read(metrics)["pvmtrace_running"] == "0"
