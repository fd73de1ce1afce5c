# SPDX-License-Identifier: Apache-2.0
"""What --probe says of this host, held against what is known of it otherwise."""

import functools
import json
import os
import platform
import subprocess
from pathlib import Path

import pytest

from pvm import AS_ME, ATTACH, EX_NOPERM, EX_OK, EX_UNAVAILABLE, EX_USAGE, ONLY_ME, PVMTRACE, Tracer, poll, pvmtrace, trigger_one
from pvm_arch import NATIVE
from pvm_users import IN_PID_NS, as_user, hidden, public_copy

USED = ["tp_btf/sys_enter", "tp_btf/sys_exit", "tp_btf/sched_process_exit", "tp_btf/sched_process_exec", "iter/task"]
LSM = "lsm/ptrace_access_check"
OF_WITNESSES = ("kprobe.multi/", "kretprobe.multi/", LSM)


def probe(*args, status=EX_OK, attach="tracepoint", **kw):
    run = pvmtrace("--probe", "-f", "json", "--attach", attach, *args, **kw)
    assert run.status == status, run.err
    assert run.out.count(b"\n") == 1 and run.err == ""
    report = json.loads(run.out)
    assert report["exit_status"] == status and report["works"] == (status == EX_OK)
    return report


def first_hooks(report):
    """What a run needs; where hooks are preempted there are more (test_witnesses)."""
    return [h for h in report["hooks"] if h["used"] and not h["hook"].startswith(OF_WITNESSES)]


def bpf_ids():
    """Programs that only a probe loads, and that are loaded now."""
    out = subprocess.run(["bpftool", "-j", "prog", "show"], stdout=subprocess.PIPE, check=True).stdout
    return {p["id"] for p in json.loads(out) if p.get("name", "").startswith("pvm_try_")}


def test_as_root():
    before = bpf_ids()
    r = probe()
    poll(lambda: bpf_ids() <= before, 20, 0.2)  # nothing stays; the kernel takes a moment to free it
    assert r["schema"] == "pvmtrace-probe/1"
    assert r["kernel"] == platform.release() and r["machine"] == platform.machine()
    assert r["btf"] is True and r["ring_buffer"] is True
    assert r["capabilities"]["missing"] == [] and int(r["capabilities"]["effective"], 16) > 0
    assert r["initial_user_ns"] is True and r["initial_pid_ns"] is True
    cgroups = Path("/proc/self/cgroup").read_text().splitlines()
    v2, v1 = any(c.startswith("0::") for c in cgroups), any(not c.startswith("0::") for c in cgroups)
    assert r["cgroup"] == ("hybrid" if v1 and v2 else "v1" if v1 else "v2")
    assert r["unprivileged_bpf_disabled"] == int(Path("/proc/sys/kernel/unprivileged_bpf_disabled").read_text())
    hooks = {h["hook"]: h for h in r["hooks"]}
    assert [h["hook"] for h in first_hooks(r)] == USED + (["fentry/mm_access"] if r["confirms"]["target"] else [])
    assert all(hooks[h]["attaches"] for h in USED)
    assert all((h["error"] is None) == h["attaches"] for h in r["hooks"])
    assert any(h.startswith("fentry/") for h in hooks) and any(h.startswith("kprobe/") for h in hooks)
    assert r["reason"] is None and r["sees"] and r["does_not_see"]


def test_it_says_what_a_run_says(tracer):
    """Beside a tracer that runs."""
    r = probe(attach=ATTACH)
    assert r["abis"] == tracer.start["abis"] and r["resolve"] == tracer.start["resolve"]
    assert r["confirms"] == tracer.start["confirms"] and r["witnesses"] == tracer.start["witnesses"]
    assert r["does_not_see"][-len(tracer.start["unseen"]):] == tracer.start["unseen"]


def test_witnesses(tracer):
    """None where the hooks cannot be preempted, as those of tracepoints up to 6.x."""
    found = tracer.start["witnesses"]
    if ATTACH == "tracepoint" and int(platform.release().split(".")[0]) < 7:
        assert found["needed"] is False
    if found["needed"]:
        report = probe(attach=ATTACH)
        assert found["remains"] and report["does_not_see"].count(found["remains"]) == 1
        names = [found[kind] for kind in ("begin", "return", "end") if found[kind]] + [LSM] * found["permission"]
        assert report["sees"].count(f"{found['sees']}, by {', '.join(names)}") == (found["sees"] is not None) == bool(names)
    else:
        assert found == {"needed": False, "begin": None, "return": None, "end": None, "permission": False, "sees": None,
                         "remains": None}


SECURITY = Path("/sys/kernel/security")


@pytest.mark.needs("witnesses", "securityfs", "mounts")
def test_a_witness_that_never_fires_is_not_claimed():
    """A program is let onto the kernel's permission check also where nobody asks it."""
    lsms = (SECURITY / "lsm").read_text().strip().split(",")
    if "bpf" in lsms:
        pytest.skip("the kernel asks BPF programs for permission (another boot of the guest does not)")
    prefix = hidden(SECURITY, ("lsm", ",".join([*lsms, "bpf"])))
    note = f"witnesses that did not see a call of our own: {LSM}"
    report = probe(prefix=prefix)
    assert report["witnesses"]["permission"] is False and note in report["does_not_see"]
    assert LSM not in [h["hook"] for h in report["hooks"] if h["used"]]
    with Tracer(*ONLY_ME, "--attach", "tracepoint", prefix=prefix) as t:
        assert t.start["witnesses"] == report["witnesses"] and note in t.start["notes"]
        t.stop()
        assert note in t.stderr()


OPTIONS = (*ONLY_ME, "--attach", "tracepoint")
# raw_syscalls is found in tracefs. Without the permission check there is no session (bpf/witness.h).
WITH_TRACEFS = ["unshare", "-m", "sh", "-c", f"mount -t tracefs none /sys/kernel/tracing && mount -t tmpfs none {SECURITY} && "
                "exec \"$@\"", "sh"]


@functools.lru_cache(maxsize=None)
def tries_of_multi():
    """Which of a start's calls of bpf(2) attach a kprobe.multi: of a try and in earnest, entries before returns."""
    log = Path(f"/tmp/pvm-bpf-{os.getpid()}")
    subprocess.run([*WITH_TRACEFS, "strace", "-o", log, "-e", "trace=bpf", PVMTRACE, *OPTIONS, "--duration", "1"],
                   stdout=subprocess.DEVNULL, check=True)
    calls = [line for line in log.read_text().splitlines() if line.startswith("bpf(")]
    log.unlink()
    tries = [n for n, line in enumerate(calls, 1) if "BPF_LINK_CREATE" in line and "KPROBE_MULTI" in line]
    assert len(tries) == 4, [line for line in calls if "LINK_CREATE" in line]
    return tries


@pytest.mark.needs("witnesses", "securityfs", "mounts")
@pytest.mark.parametrize("which, begin, ret, end, name", [
    # Tried before anything is loaded: the next best is loaded instead.
    (0, "kprobe", None, "raw_syscalls/sys_exit", "kprobe.multi"),
    pytest.param(1, "kprobe.multi", None, "raw_syscalls/sys_exit", "kretprobe.multi", marks=pytest.mark.alike),
    # And then not attached after all: done without.
    (2, None, "kretprobe.multi", None, "kprobe.multi"),
    pytest.param(3, "kprobe.multi", None, None, "kretprobe.multi", marks=pytest.mark.alike),
])
def test_a_witness_that_is_refused_is_not_claimed(which, begin, ret, end, name):
    note = f"witnesses that could not be attached: {name}"
    fault = f"inject=bpf:error=ENOMEM:when={tries_of_multi()[which]}"
    with Tracer(*OPTIONS, prefix=[*WITH_TRACEFS, "strace", "-D", "-o", "/dev/null", "-e", "trace=bpf", "-e", fault]) as t:
        found = t.start["witnesses"]
        assert (found["begin"], found["return"], found["end"]) == (begin, ret, end) and note in t.start["notes"]
        pid = trigger_one("pvmcall", *AS_ME, "self")["pid"]
        t.stop()
        assert [e["phase"] for e in t.events(pid)] == ["complete"] and note in t.stderr()


def test_with_fentry():
    """Whether it works or not: the hooks that it needs are marked, and not those of the other method."""
    works = pvmtrace("--attach", "fentry", "--duration", 1).status == EX_OK
    r = probe(attach="fentry", status=EX_OK if works else EX_UNAVAILABLE)
    used = [h["hook"] for h in first_hooks(r) if h["hook"] != "fentry/mm_access"]
    assert used[:3] == [h for h in USED if "/sys_" not in h]
    assert len(used) > 3 and all("_sys_process_vm_" in h for h in used[3:])
    assert works == all(h["attaches"] for h in first_hooks(r))


def test_for_people():
    run = pvmtrace("--probe")
    assert run.status == EX_OK and run.err == ""
    text = run.out.decode()
    assert text.isascii() and "Tracing would work here." in text
    for words in (platform.release(), "It would see:", "It would not see:", "* tp_btf/sys_enter", f"{NATIVE} calls"):
        assert words in text
    assert pvmtrace("--probe", "-f", "text").status == EX_OK
    run = pvmtrace("--probe", "-f", "ecs")
    assert run.status == EX_USAGE and "--probe" in run.err and "'ecs'" in run.err


def test_without_rights(public_dir):
    binary, prefix = public_copy(public_dir), as_user("", uid=65534)
    r = probe(status=EX_NOPERM, binary=binary, prefix=prefix)
    assert r["capabilities"] == {"effective": "0x0", "missing": ["CAP_BPF", "CAP_PERFMON"]}
    assert r["hooks"] == [] and "CAP_BPF" in r["hooks_untried"]
    assert r["btf"] is True and r["ring_buffer"] is None and r["abis"] == []
    assert "CAP_PERFMON" in r["reason"] and r["sees"] == []
    run = pvmtrace("--probe", binary=binary, prefix=prefix)
    assert run.status == EX_NOPERM and run.err == ""
    assert b"would not work here (exit status 77)" in run.out and b"not tried: CAP_BPF" in run.out


def test_with_the_two_capabilities(public_dir):
    r = probe(binary=public_copy(public_dir), prefix=as_user(",+bpf,+perfmon", room=True))
    assert r["capabilities"]["missing"] == [] and all(h["attaches"] for h in first_hooks(r))


def test_one_capability_is_missing(public_dir):
    r = probe(status=EX_NOPERM, binary=public_copy(public_dir), prefix=as_user(",+bpf"))
    assert r["capabilities"]["missing"] == ["CAP_PERFMON"]


@pytest.mark.needs("pid_ns")
def test_in_a_pid_namespace():
    r = probe(prefix=IN_PID_NS)
    assert r["initial_pid_ns"] is False and any("pid namespace" in s for s in r["does_not_see"])


def test_without_btf():
    r = probe(status=EX_UNAVAILABLE, prefix=hidden("/sys/kernel/btf"))
    assert r["btf"] is False and "BTF" in r["reason"] and "BTF" in r["hooks_untried"]


@pytest.mark.needs("securityfs")
def test_lockdown():
    prefix = hidden("/sys/kernel/security", ("lockdown", "none integrity [confidentiality]"))
    r = probe(status=EX_UNAVAILABLE, prefix=prefix)
    assert r["lockdown"] == "confidentiality" and "lockdown" in r["reason"]
    r = probe(prefix=hidden("/sys/kernel/security", ("lockdown", "none [integrity] confidentiality")))
    assert r["lockdown"] == "integrity"


def test_the_status_is_that_of_a_real_start(public_dir):
    """What is impossible to start with these options is found out as well."""
    for args in (["--user", "nobody"], ["--user", "4294967295"], ["-p", "4000000"]):
        run = pvmtrace(*args, "--duration", 1)
        r = probe(*args, status=run.status)
        assert f"error: {r['reason']}\n" in run.err


def test_a_full_disk():
    with open("/dev/full", "wb") as full:
        p = subprocess.run([str(PVMTRACE), "--probe"], stdout=full, stderr=subprocess.PIPE, check=False)
    assert p.returncode == 74 and b"stdout" in p.stderr


@pytest.mark.slow
def test_several_at_once():
    """And while a tracer runs: what one attaches does not disturb the other."""
    with Tracer(*ONLY_ME) as t:
        procs = [subprocess.Popen([str(PVMTRACE), "--probe"], stdout=subprocess.DEVNULL) for _ in range(2)]
        assert [p.wait(30) for p in procs] == [0, 0]
        os.kill(t.pid, 0)
        t.stop()
