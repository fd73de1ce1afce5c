# SPDX-License-Identifier: Apache-2.0
"""The metrics file of a real run, with counts that are known, read by Prometheus's own checker."""

import os
import re
import signal
import subprocess

import pytest

from needs import promtool_path
from pvm import AS_ME, MY_NAME, ONLY_ME, PVMTRACE, Tracer, parse_time, poll, \
    trigger, trigger_one
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
    """Every counter of the record is there, and no other."""
    have = {re.sub(r"^pvmtrace_(.*)_total$", r"\1", k): int(v) for k, v in m.items() if k.endswith("_total")}
    have.update({"lost_" + re.search('cause="(.*)"', k)[1]: int(v) for k, v in m.items() if "cause=" in k})
    have["lost"] = sum(v for k, v in have.items() if k.startswith("lost_"))
    assert have == counters


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
