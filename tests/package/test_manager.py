# SPDX-License-Identifier: Apache-2.0
"""The package under a real systemd, which has booted a guest: on Debian 12's own kernel and on the newest one."""

import json
import re
import shutil
import stat

import pytest

import guest
import kernels
import root
from debian import ARCH, BOTH_CAPS, HERE, NEWER, make_newer
from needs import require

# The machine's tree as an initrd: all of it is in memory.
UNWANTED = (*root.UNWANTED, "tmp/", "var/cache/", "var/lib/apt/", "var/tmp/")
UPGRADED = "6.1"  # the kernel under which it is also upgraded: Debian 12's own
MEMORY = "2G"
SECONDS = 1200
CHECK = """\
[Unit]
After=pvmtrace.service
SuccessAction=poweroff-immediate
FailureAction=poweroff-immediate
[Service]
Type=oneshot
ExecStart=/usr/local/lib/in_guest.py
"""
# The verifier may take long on an emulated CPU of a busy machine.
PATIENT = "[Service]\nTimeoutStartSec=300s\n"
UNITS = "etc/systemd/system"
FILES = {
    "usr/local/lib/in_guest.py": (stat.S_IFREG | 0o755, (HERE / "in_guest.py").read_bytes()),
    f"{UNITS}/check.service": (stat.S_IFREG | 0o644, CHECK.encode()),
    f"{UNITS}/multi-user.target.wants/check.service": (stat.S_IFLNK | 0o777, b"../check.service"),
    f"{UNITS}/pvmtrace.service.d": (stat.S_IFDIR | 0o755, b""),
    f"{UNITS}/pvmtrace.service.d/patient.conf": (stat.S_IFREG | 0o644, PATIENT.encode()),
    "init": (stat.S_IFLNK | 0o777, b"lib/systemd/systemd"),
}


def entries(machine):
    """The machine with the package as it comes, and our own files."""
    for entry in root.entries(machine.root):
        if not entry[0].startswith(UNWANTED):
            yield entry
    for name, (mode, data) in FILES.items():
        yield name, mode, data


@pytest.fixture(scope="module")
def initrd(machine, tmp_path_factory):
    require("x86_64", f"program:{guest.MACHINES[ARCH].qemu}")
    machine.fresh()
    newer = make_newer(tmp_path_factory.mktemp("newer"))
    FILES["root/newer.deb"] = (stat.S_IFREG | 0o644, newer.read_bytes())
    shutil.rmtree(newer.parent)
    path = kernels.HOME / "run" / "manager.cpio"
    path.parent.mkdir(parents=True, exist_ok=True)
    guest.write_cpio(path, entries(machine))
    yield path
    path.unlink()


@pytest.fixture(scope="module", params=[UPGRADED, "newest"])
def told(request, initrd):
    """step -> what came of it, told by a guest."""
    try:
        kernel = kernels.get(request.param)
    except kernels.Missing as e:
        pytest.skip(f"kernel {request.param}: {e}")
    work = kernels.HOME / "run" / f"{request.param}-manager"
    work.mkdir(parents=True, exist_ok=True)
    text = guest.boot(kernel, initrd, work, SECONDS, MEMORY, "PVM_UPGRADE=1" if request.param == UPGRADED else "")
    steps = [json.loads(line) for line in text.splitlines() if line.startswith("{")]
    print(f"{kernel.release}: all is in {work}/told:", {s["step"]: round(s["seconds"], 1) for s in steps})
    return {s["step"]: s for s in steps}


def of(told, step):
    assert "error" not in told[step], told[step]["error"]
    return told[step]


def test_active_after_boot(told):
    now = of(told, "boot")["show"]
    assert now["Type"] == "notify" and (now["ActiveState"], now["SubState"]) == ("active", "running")
    assert now["StatusText"] == "tracing as pvmtrace" and now["NRestarts"] == "0"
    # Behind the last semicolon stands what the distribution would do, which is no sign of it.
    assert re.search(r"^ +Loaded: loaded \([^;]+; enabled;", of(told, "boot")["words"], re.M)


def test_no_unit_failed(told):
    assert of(told, "stop")["failed"] == ""


def test_rights_of_the_process(told):
    p = of(told, "boot")["process"]
    status = p["status"]
    assert set(status["Uid"].split()) == {str(p["uid"])} and p["uid"] != 0
    assert of(told, "boot")["start"]["user"] == "pvmtrace"
    assert {status[name] for name in ("CapInh", "CapPrm", "CapEff", "CapAmb")} == {"0" * 16}
    assert status["CapBnd"] == BOTH_CAPS
    assert status["NoNewPrivs"] == "1" and status["Seccomp"] == "2"


def test_what_the_process_sees(told):
    p = of(told, "boot")["process"]
    assert {"mnt", "net", "ipc", "uts"} <= set(p["ns"])
    assert not {"pid", "user", "cgroup", "time"} & set(p["ns"])
    assert p["root"] == ["ro"]


def test_every_abi_is_proven(told):
    """The unit's filter lets the test calls of all ABIs through."""
    boot = of(told, "boot")
    start = boot["start"]
    assert start["type"] == "start"
    assert {abi["abi"] for abi in start["abis"]} == {"x86_64", "i386", "x32"}
    assert all(abi["covered"] and abi["proven"] for abi in start["abis"]), start["abis"]
    assert [start["host"]["machine_id"], start["host"]["boot_id"]] == boot["ids"]


def test_event(told):
    event = of(told, "event")
    record = event["record"]
    assert event["cgroup"] == "0::/system.slice/check.service\n"
    for side in ("caller", "target"):
        assert record[side]["cgroup"] == "/system.slice/check.service"
        assert record[side]["pid"] == event["pid"] and record[side]["exe"].startswith("/usr/bin/python3")
    assert record["outcome"] == "success" and record["ret"] == 8
    assert of(told, "boot")["owners"] == ["pvmtrace 750", "pvmtrace 640"]


def test_logrotate(told):
    step = of(told, "rotate")
    assert (step["status"], step["said"]) == (0, "")
    assert step["first"]["type"] == "reopen" and step["owner"] == "pvmtrace 640"
    assert step["after"]["MainPID"] == step["before"]["MainPID"] and step["after"]["ActiveState"] == "active"


def test_upgrade_without_a_gap(told):
    """A call is told by the old collector, by the new one, or by that which stands in between; by two of them under two ids."""
    if "upgrade" not in told:
        pytest.skip(f"it is upgraded under {UPGRADED}")
    step = of(told, "upgrade")
    assert step["status"] == 0 and step["version"] == NEWER, step["said"]
    assert step["after"]["MainPID"] != step["before"]["MainPID"]
    assert step["untold_cnt"] == 0, f"{step['untold_cnt']} of {step['calls']} calls are not told: {step['untold']} ...; {step['runs']}"
    assert len(step["runs"]) == 3 and step["twice"] > 0, step["runs"]
    assert step["ids"] == step["events"] > step["calls"]
    assert step["units"].split()[:4] == ["pvmtrace.service", "loaded", "active", "running"] and len(step["units"].splitlines()) == 1


def test_killed(told):
    step = of(told, "kill")
    assert step["now"]["NRestarts"] == "1"
    assert step["starts"][-1] != of(told, "boot")["start"]["instance"]


def test_watchdog(told):
    step = of(told, "freeze")
    assert step["watchdog"] == "10s" and step["now"]["NRestarts"] == "2"
    assert step["starts"][-1] not in of(told, "kill")["starts"]
    assert any("Watchdog timeout" in line for line in of(told, "journal")["unit"])


def test_reload_where_nothing_may_be_refused(told):
    step = of(told, "reload")
    assert (step["status"], step["said"]) == (0, "")
    assert step["first"]["type"] == "reopen"
    assert step["after"]["MainPID"] == step["before"]["MainPID"]


def test_stop(told):
    step = of(told, "stop")
    assert (step["status"], step["said"]) == (0, "")
    assert (step["show"]["ActiveState"], step["show"]["Result"], step["show"]["ExecMainStatus"]) == ("inactive", "success", "0")
    last = step["last"]
    assert last.get("type") == "stop" and last["signal"] == "SIGTERM" and last["balanced"] is True


def test_wrong_option(told):
    step = of(told, "misconfigure")
    now = step["show"]
    assert step["status"] != 0 and now["ExecMainStatus"] == "78" and now["NRestarts"] == "0"
    assert (now["ActiveState"], now["SubState"], now["Result"]) == ("failed", "failed", "exit-code")
    assert "no-such-option" in step["words"] and "pvmtrace.conf" in step["words"]


def test_restarts(told):
    """Of all that happened, two things were a reason to start again."""
    again = [line for line in of(told, "journal")["unit"] if "Scheduled restart job" in line]
    assert len(again) == 2, again


def test_nothing_was_refused(told):
    journal = of(told, "journal")
    assert journal["unit"] and journal["kernel"]
    refused = [line for line in journal["unit"] + journal["kernel"] if re.search(r"SIGSYS|type=1326|seccomp", line)]
    assert not [line for line in refused if "pvmtrace" in line], refused
