# SPDX-License-Identifier: Apache-2.0
"""What the host is called: its name may change while the tracer runs, and in a container it is another one."""

import os
import signal
import subprocess
import time

import pytest

from pvm import Tracer, pvmtrace, trigger_one
from pvm_host import ShiftedClock

OWN_NAME = ("unshare", "--uts", "sh", "-c", 'echo before >/proc/sys/kernel/hostname && exec "$@"', "sh")
MACHINE_ID = "00112233445566778899aabbccddeeff"


def rename(pid, name):
    subprocess.run(["nsenter", f"--uts=/proc/{pid}/ns/uts", "sh", "-c", f"echo {name} >/proc/sys/kernel/hostname"],
                   check=True)


def name_of(tracer):
    return tracer.one(trigger_one("pvmcall", "self")["pid"])["host"]["name"]


@pytest.mark.needs("uts_ns")
def test_read_again_on_sighup():
    here = os.uname().nodename
    with Tracer(prefix=OWN_NAME) as t:
        assert t.start["host"]["name"] == name_of(t) == "before"
        rename(t.pid, "after")
        t.kick(signal.SIGHUP)
        t.wait(lambda t: "another name" in t.stderr(), what="the new name")
        assert name_of(t) == "after"
        assert t.stop()["host"]["name"] == "after"
    assert os.uname().nodename == here


@pytest.mark.needs("uts_ns")
def test_read_again_every_minute(tmp_path):
    """By the collector's clock, which does not take a minute for it here."""
    clock = ShiftedClock(tmp_path, time.CLOCK_MONOTONIC)
    with Tracer(prefix=OWN_NAME, env=clock.env) as t:
        rename(t.pid, "after")
        clock.shift(50 * 10**9)
        time.sleep(2)
        assert "another name" not in t.stderr()
        clock.shift(60 * 10**9)
        t.wait(lambda t: "another name" in t.stderr(), what="the new name")
        assert name_of(t) == "after"


@pytest.mark.needs("uts_ns")
def test_recorded(tmp_path):
    path = tmp_path / "calls"
    with Tracer("--record", path, prefix=OWN_NAME) as t:
        pids = [trigger_one("pvmcall", "self")["pid"]]
        rename(t.pid, "after")
        t.kick(signal.SIGHUP)
        t.wait(lambda t: "another name" in t.stderr(), what="the new name")
        pids.append(trigger_one("pvmcall", "self")["pid"])
        t.kick(signal.SIGTERM)
        assert t.proc.wait(10) == 0, t.stderr()
    out = pvmtrace("--replay", path).out
    names = {pid: name for pid in pids for name in (b"before", b"after")
             if any(b'"caller":{"pid":%d,' % pid in line and b'"name":"%s"' % name in line for line in out.splitlines())}
    assert names == {pids[0]: b"before", pids[1]: b"after"}


@pytest.mark.needs("uts_ns")
def test_given(tmp_path):
    file = tmp_path / "machine-id"
    file.write_text(MACHINE_ID + "\n")
    with Tracer("--host-name", "web-1.example.org", "--machine-id", file, prefix=OWN_NAME) as t:
        rename(t.pid, "after")
        t.kick(signal.SIGHUP)
        host = t.one(trigger_one("pvmcall", "self")["pid"])["host"]
        assert host == t.start["host"] and host["name"] == "web-1.example.org" and host["machine_id"] == MACHINE_ID


@pytest.mark.parametrize("option, value", [
    ("--host-name", "-web"), ("--host-name", "a" * 65), ("--host-name", 'we"b'), ("--host-name", "we b"),
    ("--machine-id", "/nowhere/machine-id"), ("--machine-id", "/dev/null"),
])
def test_refused(option, value):
    run = pvmtrace(option, value, "--duration", "1")
    assert run.status == 64 and run.out == b""
    assert option in run.err and value in run.err
