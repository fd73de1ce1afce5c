# SPDX-License-Identifier: Apache-2.0
"""What keeps the collector in, held against what /proc says of it; and what comes of tries to get out, by a build that makes
them (Makefile)."""

import errno
import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from needs import has
from pvm import AS_ME, BUILD, EX_UNAVAILABLE, ONLY_ME, PVMTRACE, ROOT, Tracer, poll, pvmtrace, trigger_one
from pvm_host import status

ESCAPE = BUILD / "vm" / "pvmtrace-escape"
LACKING = ROOT / "tests" / "lacking"
RECORDING = ROOT / "tests" / "golden" / "calls.pvmtrace"
LAYERS = ["no_new_privs", "not_dumpable", "closed_descriptors", "rlimit_core", "rlimit_nproc", "landlock", "seccomp"]
KILLED = -signal.SIGSYS
# What ends the process that tries it, and what only fails: a file cannot be opened.
DEADLY = ["execve", "socket", "ptrace", "kill", "tgkill", "fork", "exec-memory", "bpf", "memory", "setuid"]
FILES = ["passwd", "list", "write"]


def layers(*without):
    there = [name for name in LAYERS if name not in ("landlock", "seccomp") or has(name)]
    return [name for name in there if name not in without]


def limits(pid):
    text = Path(f"/proc/{pid}/limits").read_text(encoding="ascii")
    return {name: re.search(rf"^{name} +(\S+) +(\S+)", text, re.M).groups() for name in ("Max processes", "Max core file size")}


def trying(how):
    return {**os.environ, "PVM_ESCAPE": how, "PVM_VICTIM": str(os.getpid())}


def test_what_is_in_force(tracer):
    assert tracer.start["sandbox"] == layers()
    s = status(tracer.pid)
    assert s["NoNewPrivs"] == "1" and s["Seccomp"] == ("2" if has("seccomp") else "0")
    assert os.stat(f"/proc/{tracer.pid}/status").st_uid == 0
    assert limits(tracer.pid) == {"Max processes": ("0", "0"), "Max core file size": ("0", "0")}


def test_without():
    with Tracer("--no-sandbox", *ONLY_ME) as t:
        assert t.start["sandbox"] == ["no_new_privs", "not_dumpable"]
        assert status(t.pid)["Seccomp"] == "0"
        trigger_one("pvmcall", *AS_ME, "self")
        t.stop()


@pytest.fixture
def inner(public_dir):
    """Outputs may be made in the folder above theirs, too: that is not to be one of everybody's."""
    where = public_dir / "inner"
    where.mkdir()
    where.chmod(0o777)
    return where


@pytest.mark.needs("seccomp")
@pytest.mark.parametrize("where", ["stdout", "file", "replay"])
@pytest.mark.parametrize("how", DEADLY)
def test_what_ends_it(inner, how, where):
    """Nothing is told by then: it is tried before the first record."""
    args = {"stdout": [], "file": ["-o", inner / "out"], "replay": ["--replay", RECORDING]}[where]
    run = pvmtrace(*args, binary=ESCAPE, env=trying(how))
    assert run.status == KILLED and run.out == b"", run.err
    assert run.err.splitlines()[-1] == f"pvmtrace: warning: escape {how}: trying"


@pytest.mark.parametrize("how", ["shadow", *(pytest.param(how, marks=pytest.mark.needs("landlock")) for how in FILES)])
def test_what_fails(inner, how):
    """Where files are opened at all."""
    run = pvmtrace("-o", inner / "out", "--duration", 1, binary=ESCAPE, env=trying(how))
    assert run.status == 0, run.err
    assert f"escape {how}: {os.strerror(errno.EACCES)}\n" in run.err
    assert not Path("/tmp/pvmtrace-escaped").exists()


@pytest.mark.needs("seccomp")
@pytest.mark.parametrize("how", ["shadow", "passwd", "list", "write"])
def test_a_replay_to_a_pipe_opens_no_file(how):
    """Even as root, whom no permission stops."""
    run = pvmtrace("--replay", RECORDING, binary=ESCAPE, env=trying(how))
    assert run.status == KILLED and run.out == b""


@pytest.mark.needs("landlock")
@pytest.mark.parametrize("how", ["shadow", "passwd", "list", "write"])
def test_a_replay_to_a_file_opens_no_other(inner, how):
    run = pvmtrace("--replay", RECORDING, "-o", inner / "out", binary=ESCAPE, env=trying(how))
    assert run.status == 0 and f"escape {how}: {os.strerror(errno.EACCES)}\n" in run.err
    start = json.loads((inner / "out").read_bytes().split(b"\n")[0])
    assert start["sandbox"] == layers()


def test_the_tries_work_where_nothing_keeps_them():
    """Otherwise what fails above might fail for another reason."""
    for how in ("shadow", "passwd", "list", "execve", "socket", "fork", "exec-memory"):
        run = pvmtrace("--replay", RECORDING, "--no-sandbox", binary=ESCAPE, env=trying(how))
        assert run.status == 0
        assert f"escape {how}: it is done\n" in run.err or (how == "execve" and not run.out), how


@pytest.mark.needs("seccomp")
def test_descriptors_of_others_are_closed(public_dir):
    """Each may be one to a place that is none of the collector's. What options name by them is opened first."""
    secret = public_dir / "secret"
    secret.touch(0o600)
    with open(secret, "r+b") as stray, open(public_dir / "out", "wb") as out:
        fds = stray.fileno(), out.fileno()
        t = Tracer("-o", f"/proc/self/fd/{fds[1]}", *ONLY_ME, pass_fds=fds, stdout=subprocess.DEVNULL)
        try:
            poll(lambda: b'"start"' in (public_dir / "out").read_bytes(), 30)
            links = [os.readlink(f) for f in Path(f"/proc/{t.pid}/fd").iterdir()]
            assert str(secret) not in links and links.count(str(public_dir / "out")) == 1
            t.proc.send_signal(signal.SIGTERM)
            assert t.proc.wait(10) == 0, t.stderr()
        finally:
            t.kill()
    assert json.loads((public_dir / "out").read_bytes().splitlines()[-1])["type"] == "stop"


@pytest.mark.needs("seccomp")
def test_what_the_kernel_does_not_have_is_done_without():
    with Tracer(*ONLY_ME, prefix=[LACKING, "landlock"]) as t:
        assert t.start["sandbox"] == layers("landlock")
    with Tracer(*ONLY_ME, prefix=[LACKING, "seccomp"]) as t:
        assert t.start["sandbox"] == layers("seccomp")


@pytest.mark.needs("seccomp", "landlock")
@pytest.mark.parametrize("what, says", [("seccomp_allowed", "seccomp"), ("landlock_allowed", "Landlock"),
                                        ("landlock_rules", "Landlock"), ("landlock_force", "Landlock"),
                                        ("no_limits", "RLIMIT_CORE")])
def test_what_it_has_and_refuses_ends_the_start(inner, what, says):
    prefix, args = [LACKING, what], ["-o", inner / "out", "--duration", 1]
    run = pvmtrace(*args, prefix=prefix)
    assert run.status == EX_UNAVAILABLE
    assert run.err == (f"pvmtrace: error: {says}, which this kernel has, cannot be put in force: "
                       f"{os.strerror(errno.EPERM)}; --no-sandbox does without the sandbox\n")
    assert pvmtrace("-o", inner / "other", "--duration", 1, "--no-sandbox", prefix=prefix).status == 0
    probed = pvmtrace("--probe", "-f", "json", prefix=prefix)
    report = json.loads(probed.out)
    assert probed.status == report["exit_status"] == EX_UNAVAILABLE and report["works"] is False
    assert report["reason"] == report["sandbox"]["error"] and report["reason"].startswith(f"{says}, which this kernel has")


def landlock_version():
    """By another way than ours."""
    code = "import ctypes; print(ctypes.CDLL(None).syscall(444, 0, 0, 1))"
    version = int(subprocess.run([sys.executable, "-c", code], stdout=subprocess.PIPE, check=True).stdout)
    return version if version > 0 else None


def test_what_probe_says():
    report = json.loads(pvmtrace("--probe", "-f", "json").out)
    version = landlock_version()
    assert report["sandbox"] == {"seccomp": has("seccomp"), "landlock": version is not None, "landlock_abi": version, "error": None}
    text = pvmtrace("--probe").out.decode()
    said = re.search(r"^sandbox +(.*)$", text, re.M)[1]
    assert said == f"{'' if has('seccomp') else 'no '}seccomp, " + (f"Landlock (version {version})" if version else "no Landlock")


def test_a_sleep_goes_on_after_a_stop():
    """The kernel has it begun anew by a system call of its own (restart_syscall)."""
    with Tracer(*ONLY_ME) as t:
        for _ in range(5):
            time.sleep(0.3)
            t.kick(signal.SIGSTOP)
            time.sleep(0.1)
            t.kick(signal.SIGCONT)
        run = trigger_one("pvmcall", *AS_ME, "self")
        t.wait(lambda t: t.events(run["pid"]))
        t.stop()


def test_times_of_day_are_the_zones(tmp_path):
    """Its file can be opened no more when the first line is written."""
    zone = tmp_path / "zone"
    zone.write_bytes(b"TZif" + bytes(16) + (0).to_bytes(4, "big") * 2 + (0).to_bytes(4, "big") * 2
                     + (1).to_bytes(4, "big") + (4).to_bytes(4, "big") + (19800).to_bytes(4, "big") + b"\0\0PVM\0")
    run = subprocess.run([PVMTRACE, "--replay", RECORDING, "-f", "text"], stdout=subprocess.PIPE, check=True,
                         env={**os.environ, "TZ": f":{zone}"})
    assert b"UTC+0530" in run.stdout.splitlines()[0]


@pytest.mark.needs("no:account")
def test_whose_a_file_was_is_known_inside(public_dir):
    """Another run's uid, made up as ours was; its accounts can be asked for no more when the file is written."""
    path = public_dir / "x.prom"
    path.write_text("old\n")
    os.chown(path, 61999, 61999)
    public_dir.chmod(0o777)
    with Tracer("--metrics", path, *ONLY_ME) as t:
        t.stop()
        assert "--metrics" not in t.stderr()
    assert "pvmtrace_running 0" in path.read_text()


@pytest.mark.parametrize("source", ["-", "/dev/null"])
def test_a_replay_of_a_device(source):
    """Of which the C library asks whether it is a terminal."""
    run = pvmtrace("--replay", source)
    assert (run.status, run.out) == (os.EX_DATAERR, b""), run.err
