# SPDX-License-Identifier: Apache-2.0
"""What the collector needs, what it gives up, and what it says when something is missing."""

import errno
import os
import pwd
import re
import signal
import subprocess
import time
from pathlib import Path

import pytest

from pvm import EX_NOPERM, EX_UNAVAILABLE, EX_USAGE, Held, Tracer, poll, pvmtrace, trigger_one
from pvm_host import RIGHTS_LEFT, bpf_objects, kernel, status
from pvm_users import IN_PID_NS, OTHER, as_user, hidden, public_copy

EX_SOFTWARE = 70
CAP_SETS = ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")


def account(name):
    try:
        return pwd.getpwnam(name)
    except KeyError:
        return None


def test_all_rights_are_gone(tracer):
    trigger_one("pvmcall", "self")
    s = status(tracer.pid)
    for name in CAP_SETS:
        assert int(s[name], 16) == RIGHTS_LEFT.get(name, 0), name
    assert s["NoNewPrivs"] == "1"
    uids, gids = set(s["Uid"].split("\t")), set(s["Gid"].split("\t"))
    assert len(uids) == len(gids) == 1 and uids != {"0"} and gids != {"0"}
    assert s["Groups"].strip() == ""


def test_every_thread_has_lost_them(tracer):
    for task in Path(f"/proc/{tracer.pid}/task").iterdir():
        text = (task / "status").read_text()
        for name in ("CapEff", "CapPrm"):
            assert f"{name}:\t{RIGHTS_LEFT.get(name, 0):016x}" in text


def test_uid_is_nobody_elses(tracer):
    uid = int(status(tracer.pid)["Uid"].split("\t")[0])
    wanted = account("pvmtrace")
    if wanted:
        assert uid == wanted.pw_uid
        return
    assert 61184 <= uid <= 65519
    with pytest.raises(KeyError):
        pwd.getpwuid(uid)
    assert uid != account("nobody").pw_uid
    others = [p.name for p in Path("/proc").iterdir() if p.name.isdigit() and int(p.name) != tracer.pid
              and p.exists() and p.stat().st_uid == uid]
    assert others == []


@pytest.mark.needs("no:account")
def test_two_instances_do_not_share_a_uid(tracer):
    with Tracer() as other:
        mine, theirs = (status(t.pid)["Uid"].split("\t")[0] for t in (tracer, other))
        assert mine != theirs


def test_not_dumpable(tracer):
    """The files of a process that may not be dumped belong to root, whoever it runs as."""
    assert os.stat(f"/proc/{tracer.pid}/status").st_uid == 0
    assert os.stat(f"/proc/{tracer.pid}/fd").st_uid == 0


def test_others_of_its_uid_cannot_look_into_it(tracer):
    uid = status(tracer.pid)["Uid"].split("\t")[0]
    run = trigger_one("pvmcall", "--uid", uid, "pid", tracer.pid)
    assert tracer.one(run["pid"])["error"] == "EPERM"


def test_it_still_works_without_rights(tracer):
    run = trigger_one("pvmcall", "repeat", 50)
    assert len(tracer.of(run["pid"])) == 50


@pytest.mark.needs("userfaultfd")
def test_the_sweep_works_without_rights(tracer):
    """It makes an iterator after the drop."""
    with Held("pvmpark") as h:
        parked = h.line()
        tracer.wait(lambda t: [e for e in t.events(parked["pid"]) if e["phase"] == "in_flight"])


def test_named_user():
    daemon = account("daemon")
    with Tracer("--user", "daemon") as t:
        s = status(t.pid)
        assert set(s["Uid"].split("\t")) == {str(daemon.pw_uid)}
        assert set(s["Gid"].split("\t")) == {str(daemon.pw_gid)}
        assert t.start["user"] == "daemon"
    with Tracer("--user", "61234") as t:
        assert set(status(t.pid)["Uid"].split("\t")) == {t.start["user"]} == {"61234"}


@pytest.mark.parametrize("name", ["nobody", "root", "0", "65534"])
def test_users_it_refuses_to_be(name):
    run = pvmtrace("--user", name)
    assert run.status == EX_USAGE and "--user" in run.err and name in run.err and run.out == b""


def test_another_user_with_the_two_capabilities(public_dir):
    binary = public_copy(public_dir)
    with Tracer("--in-flight-after", 100, prefix=as_user(",+bpf,+perfmon", room=True), binary=binary) as t:
        s = status(t.pid)
        assert set(s["Uid"].split("\t")) == {str(OTHER)}
        for name in ("CapInh", "CapPrm", "CapEff", "CapAmb"):
            assert int(s[name], 16) == RIGHTS_LEFT.get(name, 0), name
        assert s["NoNewPrivs"] == "1" and os.stat(f"/proc/{t.pid}/status").st_uid == 0
        run = trigger_one("pvmcall", "pair")
        assert [e["ret"] for e in t.of(run["pid"])] == [64, 64]
        with Held("pvmpark") as h:
            parked = h.line()
            t.wait(lambda t: t.events(parked["pid"]), what="the parked call")
        event = t.events(run["pid"])[0]
        assert event["caller"]["exe"].endswith("/pvmcall") and event["caller"]["uid"] == 0


def test_locked_memory(public_dir):
    """A limit of it stops the start on kernels before 5.11, which say only EPERM, and on no other."""
    prefix = ["/usr/bin/prlimit", "--memlock=65536", *as_user(",+bpf,+perfmon")]
    run = pvmtrace("--duration", 1, prefix=prefix, binary=public_copy(public_dir))
    if kernel() >= (5, 11):
        assert run.status == 0, run.err
    else:
        assert run.status == EX_NOPERM and "ulimit -l" in run.err


def test_another_user_cannot_choose(public_dir):
    run = pvmtrace("--user", "daemon", prefix=as_user(",+bpf,+perfmon"), binary=public_copy(public_dir))
    assert run.status == EX_USAGE and "--user" in run.err


@pytest.mark.parametrize("caps, missing", [
    (",+perfmon", ["CAP_BPF"]), (",+bpf", ["CAP_PERFMON"]), ("", ["CAP_BPF", "CAP_PERFMON"])])
def test_missing_capabilities_are_named(public_dir, caps, missing):
    run = pvmtrace("--duration", 1, prefix=as_user(caps), binary=public_copy(public_dir))
    assert run.status == EX_NOPERM and run.out == b""
    said = re.search(r"missing: ([A-Z_, ]*[A-Z])", run.err)
    assert said and said[1].replace(",", " ").replace(" and ", " ").split() == missing, run.err


def test_root_without_the_capabilities(public_dir):
    prefix = ["/usr/bin/setpriv", "--bounding-set=-bpf,-perfmon,-sys_admin", "--inh-caps=-all"]
    run = pvmtrace("--duration", 1, prefix=prefix, binary=public_copy(public_dir))
    assert run.status == EX_NOPERM and "CAP_BPF" in run.err and "CAP_PERFMON" in run.err


def test_root_without_setpcap(public_dir):
    """Nothing is said about the bounding set then; the rest is dropped."""
    prefix = ["/usr/bin/setpriv", "--bounding-set=-setpcap"]
    with Tracer(prefix=prefix, binary=public_copy(public_dir)) as t:
        s = status(t.pid)
        for name in ("CapInh", "CapPrm", "CapEff", "CapAmb"):
            assert int(s[name], 16) == RIGHTS_LEFT.get(name, 0), name
        run = trigger_one("pvmcall", "self")
        assert t.one(run["pid"])["ret"] == 64


def test_a_drop_that_fails_ends_the_run(public_dir):
    """Without CAP_SETUID it cannot become another user: it refuses to trace as root."""
    prefix = ["/usr/bin/setpriv", "--bounding-set=-setuid,-setgid"]
    run = pvmtrace("--duration", 1, prefix=prefix, binary=public_copy(public_dir))
    assert run.status == EX_SOFTWARE and run.out == b""
    # Said by each process that has rights to give up.
    assert set(run.err.splitlines()) == {
        f"pvmtrace: error: cannot give up privileges: setgroups: {os.strerror(errno.EPERM)}"}


def inner_pid(pid):
    return int(Path(f"/proc/{pid}/task/{pid}/children").read_text().split()[0])


@pytest.mark.needs("pid_ns")
def test_inside_a_pid_namespace():
    """It sees the whole host's calls, warns about the sweep, and tells host numbers."""
    with Tracer(prefix=IN_PID_NS) as t:
        assert [note for note in t.start["notes"] if note.startswith("inside a pid namespace: ")]
        run = trigger_one("pvmcall", "pair")
        events = t.of(run["pid"])
        assert [e["target"]["pid"] for e in events] == [run["target"]] * 2
        os.kill(inner_pid(t.pid), signal.SIGTERM)
        t.finish()
        assert t.stderr().count("warning: running inside a pid namespace: ") == 1


@pytest.mark.needs("pid_ns")
@pytest.mark.parametrize("option", ["-p", "--target-pid"])
def test_no_pid_filter_inside_a_pid_namespace(option):
    run = pvmtrace(option, 1, prefix=IN_PID_NS)
    assert run.status == EX_USAGE and "pid namespace" in run.err and "--target-pid" in run.err


def test_kernel_without_btf():
    run = pvmtrace("--duration", 1, prefix=hidden("/sys/kernel/btf"))
    assert run.status == EX_UNAVAILABLE and "BTF" in run.err and run.out == b""
    assert len(run.err.strip().splitlines()) == 1


@pytest.mark.needs("securityfs")
def test_lockdown_confidentiality():
    prefix = hidden("/sys/kernel/security", ("lockdown", "none integrity [confidentiality]"))
    run = pvmtrace("--duration", 1, prefix=prefix)
    assert run.status == EX_UNAVAILABLE and "lockdown" in run.err and run.out == b""
    prefix = hidden("/sys/kernel/security", ("lockdown", "none [integrity] confidentiality"))
    assert pvmtrace("--duration", 1, prefix=prefix).status == 0


def test_nothing_stays_attached():
    with Tracer() as t:
        time.sleep(0.2)
        progs, maps = bpf_objects(t.pid)
        assert progs and maps
        names = set()
        for kind, ids in (("prog", progs), ("map", maps)):
            for i in ids:
                out = subprocess.run(["bpftool", kind, "show", "id", str(i)], stdout=subprocess.PIPE,
                                     check=True).stdout.decode()
                names.add(out.split("name ")[1].split()[0] if "name " in out else out)
        assert all(n.startswith("pvm") for n in names), names
        t.stop()

    def left():
        return [i for kind, ids in (("prog", progs), ("map", maps)) for i in ids
                if subprocess.run(["bpftool", kind, "show", "id", str(i)], stdout=subprocess.DEVNULL,
                                  stderr=subprocess.DEVNULL, check=False).returncode == 0]
    poll(lambda: not left(), 10, 0.2)


def test_nothing_stays_attached_after_sigkill():
    with Tracer() as t:
        progs, _ = bpf_objects(t.pid)
        assert progs
        t.proc.kill()
        t.proc.wait()
        poll(lambda: not any(
            subprocess.run(["bpftool", "prog", "show", "id", str(i)], stdout=subprocess.DEVNULL,
                           stderr=subprocess.DEVNULL, check=False).returncode == 0 for i in progs), 10, 0.2)
