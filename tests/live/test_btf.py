# SPDX-License-Identifier: Apache-2.0
"""--btf: the kernel's types from a file, where the kernel does not show them."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from needs import require
from pvm import EX_NOPERM, EX_UNAVAILABLE, EX_USAGE, PVMTRACE, Tracer, expect_call, pvmtrace, trigger_one

HOST = Path("/sys/kernel/btf/vmlinux")
HIDE_FILE = f"mount --bind /dev/null {HOST} && exec \"$@\""
HIDE_ALL = f"mount -t tmpfs none {HOST.parent} && exec \"$@\""
WITHOUT = pytest.mark.parametrize("hide", [HIDE_FILE, HIDE_ALL], ids=["empty", "gone"])


def hidden(how):
    require("mounts")
    return ["/usr/bin/unshare", "-m", "sh", "-c", how, "sh"]


@pytest.fixture(scope="module")
def copy(tmp_path_factory):
    require("btf")
    path = tmp_path_factory.mktemp("btf") / "copy"
    path.write_bytes(HOST.read_bytes())
    return path


def sees_calls(t):
    run = trigger_one("pvmcall", "pair")
    events = t.of(run["pid"])
    assert len(events) == 2
    for event, call in zip(events, run["calls"]):
        expect_call(event, call)
        assert event["caller"]["exe"].endswith("/pvmcall") and event["relation"]["kinship"] == "child"


def test_a_copy_where_the_kernel_shows_its_own(copy):
    with Tracer("--btf", copy) as t:
        sees_calls(t)


@WITHOUT
def test_a_copy_where_it_shows_none(copy, hide):
    mounts = Path("/proc/self/mounts").read_text()
    with Tracer("--btf", copy, prefix=hidden(hide)) as t:
        sees_calls(t)
        notes = [n for n in t.start["notes"] if "--btf" in n]
        # From 5.11 on a kernel tells its own types to those that may see everything.
        old = tuple(map(int, os.uname().release.split(".")[:2])) < (5, 11)
        assert bool(notes) is old
        assert "pvmtrace" not in Path(f"/proc/{t.pid}/mounts").read_text()
    assert Path("/proc/self/mounts").read_text() == mounts


@WITHOUT
def test_nothing_at_all(hide):
    run = pvmtrace(prefix=hidden(hide))
    assert run.status == EX_UNAVAILABLE and run.out == b""
    assert str(HOST) in run.err and "--btf" in run.err


def test_relative_path_and_output(copy, public_dir):
    """The working directory stays what it is, also for what is opened later."""
    out = public_dir / "out.json"
    run = pvmtrace("--btf", os.path.relpath(copy, copy.parent), "-o", "out.json", "-c", 1, "--duration", 1,
                   prefix=[*hidden(HIDE_ALL), "env", f"--chdir={copy.parent}"])
    assert run.status == 0, run.err
    assert b'"type":"stop"' in (copy.parent / "out.json").read_bytes() and not out.exists()


def other_kernel(copy, tmp_path):
    """Good BTF of a kernel, only not of this one: one byte of a name differs."""
    data = bytearray(copy.read_bytes())
    at = data.index(b"\0start_boottime\0") + 1
    data[at:at + 1] = b"x"
    path = tmp_path / "other"
    path.write_bytes(data)
    return path


def test_of_another_kernel(copy, tmp_path):
    path = other_kernel(copy, tmp_path)
    run = pvmtrace("--btf", path)
    assert run.status == EX_USAGE and run.out == b""
    assert str(path) in run.err and "another kernel" in run.err


@pytest.mark.parametrize("what", ["/nonexistent", "/etc/passwd", "/", str(PVMTRACE)])
def test_no_types_of_a_kernel(what):
    run = pvmtrace("--btf", what)
    assert run.status == EX_USAGE and run.out == b""
    assert what in run.err and "--btf" in run.err and len(run.err.splitlines()) == 1


def test_without_the_right_to_mount(copy, public_dir):
    copy = Path(shutil.copy(copy, public_dir))
    copy.chmod(0o644)
    binary = shutil.copy(PVMTRACE, public_dir)
    sets = [f"--{s}=-all,+bpf,+perfmon" for s in ("inh-caps", "bounding-set", "ambient-caps")]
    run = pvmtrace("--btf", copy, binary=binary,
                   prefix=[*hidden(HIDE_ALL), "/usr/bin/setpriv", "--reuid=61002", "--regid=61002",
                           "--clear-groups", *sets])
    assert run.status == EX_NOPERM and "CAP_SYS_ADMIN" in run.err and str(copy) in run.err


def test_the_program_says_how():
    text = subprocess.run([PVMTRACE, "--help"], stdout=subprocess.PIPE, check=True).stdout.decode()
    assert re.search(rf"^      --btf FILE +the running kernel's BTF, where {HOST} ", text, re.M)
