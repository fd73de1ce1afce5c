#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Runs as a unit in a guest that systemd has booted: brings upon the service what its life may bring, and tells what
became of it, one line of JSON a step, on the second serial line. It judges nothing; test_manager.py does."""

import collections
import ctypes
import json
import os
import pwd
import signal
import subprocess
import sys
import time
import traceback
import tty
from pathlib import Path

UNIT = "pvmtrace.service"
CONF = Path("/etc/pvmtrace/pvmtrace.conf")
LOG = Path("/var/log/pvmtrace/pvmtrace.ndjson")
DROP_IN = Path(f"/run/systemd/system/{UNIT}.d/impatient.conf")
# Quicker than as it comes, and stricter: a refused system call ends the program. One is tried all the same where the
# kernel confirms pages by kprobes only, and does without if refused; here it may.
IMPATIENT = """\
[Service]
RestartSec=1s
WatchdogSec=10s
SystemCallErrorNumber=kill
SystemCallFilter=perf_event_open
"""
SHOWN = ("ActiveState", "SubState", "Result", "Type", "StatusText", "MainPID", "NRestarts", "ExecMainCode", "ExecMainStatus",
         "WatchdogUSec")
PATIENCE = 90
NEWER = Path("/root/newer.deb")
UPGRADE_SECONDS = 600  # three starts of the tracer
PAUSE = 0.005  # of the program that calls all the time


def run(*words, seconds=PATIENCE):
    """[exit status, all output]"""
    p = subprocess.run(words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                       timeout=seconds, check=False)
    return [p.returncode, p.stdout]


def show():
    """What the manager thinks of the unit."""
    _, out = run("systemctl", "show", f"--property={','.join(SHOWN)}", UNIT)
    return dict(line.split("=", 1) for line in out.splitlines())


def running():
    """The same, for a step that is in vain without a service."""
    now = show()
    assert now["ActiveState"] == "active" and now["MainPID"] != "0", now
    return now


def starts():
    """Who began to write to the file."""
    return [r["instance"] for r in records() if r["type"] == "start"]


def until(true, what):
    """The first answer that is not nothing."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        found = true()
        if found:
            return found
        time.sleep(0.3)
    raise TimeoutError(f"{what}: not within {PATIENCE} s; {show()}")


def records(path=LOG):
    """Of the whole lines."""
    data = path.read_text() if path.exists() else ""
    return [json.loads(line) for line in data[:data.rfind("\n") + 1].splitlines()]


def owner(path):
    st = path.stat()
    return f"{pwd.getpwuid(st.st_uid).pw_name} {st.st_mode & 0o7777:o}"


def own_call():
    """Reads eight bytes of our own."""
    class Vec(ctypes.Structure):
        _fields_ = [("base", ctypes.c_void_p), ("len", ctypes.c_size_t)]
    bufs = [ctypes.create_string_buffer(8) for _ in range(2)]
    local, remote = (Vec(ctypes.addressof(b), 8) for b in bufs)
    ctypes.CDLL(None).process_vm_readv(os.getpid(), ctypes.byref(local), 1, ctypes.byref(remote), 1, 0)


def wait_event():
    """Calls until one of the calls stands in the file: in a guest the kernel may skip a hook now and then."""
    def seen():
        own_call()
        return [r for r in records() if r["type"] == "process_vm_access" and r["caller"]["pid"] == os.getpid()]
    return until(seen, "an event")[0]


def wait_restart(old):
    """Until another process than this one is ready."""
    def ready():
        now = show()
        return now if now["ActiveState"] == "active" and now["MainPID"] != old["MainPID"] else None
    return until(ready, "a restart")


def process(pid):
    """What the manager has made of it."""
    status = dict(line.split(":\t", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines())
    mounts = [line.split() for line in Path(f"/proc/{pid}/mountinfo").read_text().splitlines()]
    return {
        "uid": pwd.getpwnam("pvmtrace").pw_uid, "status": status,
        "root": [words[5].split(",")[0] for words in mounts if words[4] == "/"],
        "ns": [name for name in sorted(os.listdir("/proc/1/ns"))
               if os.readlink(f"/proc/1/ns/{name}") != os.readlink(f"/proc/{pid}/ns/{name}")],
    }


# ---- steps, in the order of their names below -------------------------------------------------


def boot():
    now = running()
    return {"show": now, "words": run("systemctl", "status", "--full", "--no-pager", UNIT)[1],
            "process": process(now["MainPID"]), "start": records()[0], "owners": [owner(LOG.parent), owner(LOG)],
            "ids": [Path(p).read_text().strip() for p in ("/etc/machine-id", "/proc/sys/kernel/random/boot_id")]}


def event():
    running()
    return {"record": wait_event(), "pid": os.getpid(), "cgroup": Path("/proc/self/cgroup").read_text()}


def rotate():
    before = running()
    status, said = run("logrotate", "--force", "/etc/logrotate.d/pvmtrace")
    return {"status": status, "said": said, "before": before, "first": until(records, "a new file")[0],
            "after": show(), "owner": owner(LOG)}


def kill():
    DROP_IN.parent.mkdir(parents=True)
    DROP_IN.write_text(IMPATIENT)
    run("systemctl", "daemon-reload")
    old = running()
    os.kill(int(old["MainPID"]), 9)
    return {"now": wait_restart(old), "starts": starts()}


def freeze():
    old = running()
    os.kill(int(old["MainPID"]), 19)
    return {"now": wait_restart(old), "starts": starts(), "watchdog": old["WatchdogUSec"]}


def reload():
    """By hand, and where whatever is refused would end program and reload."""
    before = running()
    LOG.rename(f"{LOG}.old")
    status, said = run("systemctl", "reload", UNIT)
    first = until(records, "a new file")[0]
    wait_event()
    return {"status": status, "said": said, "first": first, "before": before, "after": show()}


def numbered():
    """Calls all the time until SIGTERM, each by the number of its flags, for which the kernel refuses it; then how many."""
    call, ended = ctypes.CDLL(None).process_vm_readv, []
    signal.signal(signal.SIGTERM, lambda *_: ended.append(True))
    count = 0
    while not ended:
        count += 1
        call(os.getpid(), None, 0, None, 0, count)
        time.sleep(PAUSE)
    print(count)


def told_of(pid):
    """All events of its calls, in whichever file."""
    return [r for path in LOG.parent.glob("*.ndjson*") for r in records(path)
            if r["type"] == "process_vm_access" and r["caller"]["pid"] == pid]


def upgrade():
    """A newer package while calls are made all the time."""
    before = running()
    caller = subprocess.Popen([sys.executable, __file__, "numbered"], stdout=subprocess.PIPE, text=True)
    until(lambda: told_of(caller.pid), "a numbered call")
    status, said = run("dpkg", "--no-triggers", "-i", str(NEWER), seconds=UPGRADE_SECONDS)
    after = running()
    time.sleep(1)
    caller.terminate()
    count = int(caller.communicate(timeout=PATIENCE)[0])
    until(lambda: [r for r in records() if r.get("flags") == hex(count)], "the last numbered call")
    found = told_of(caller.pid)
    told = collections.Counter(int(r["flags"], 16) for r in found)
    untold = [n for n in range(1, count + 1) if not told[n]]
    return {"before": before, "after": after, "status": status, "said": said, "calls": count, "untold": untold[:20],
            "untold_cnt": len(untold), "twice": sum(n > 1 for n in told.values()), "events": len(found), "ids": len({r["id"] for r in found}),
            "runs": collections.Counter(r["run"] for r in found), "files": sorted(path.name for path in LOG.parent.iterdir()),
            "units": run("systemctl", "list-units", "--all", "--plain", "--no-legend", "pvmtrace*")[1],
            "version": run("dpkg-query", "-W", "-f", "${Version}", "pvmtrace")[1]}


def stop():
    failed = run("systemctl", "--failed", "--plain", "--no-legend")[1]
    status, said = run("systemctl", "stop", UNIT)
    return {"status": status, "said": said, "show": show(), "last": (records() or [{}])[-1], "failed": failed}


def misconfigure():
    with CONF.open("a") as f:
        f.write("no-such-option 1\n")
    status, _ = run("systemctl", "start", UNIT)
    return {"status": status, "show": show(), "words": run("systemctl", "status", "--full", "--no-pager", UNIT)[1]}


def journal():
    return {"unit": run("journalctl", "--boot", "--no-pager", f"--unit={UNIT}")[1].splitlines(),
            "kernel": run("dmesg")[1].splitlines()}


def main():
    words = dict(word.partition("=")[::2] for word in Path("/proc/cmdline").read_text().split())
    more = [upgrade] if "PVM_UPGRADE" in words else []
    with open(f"/dev/{words['PVM_TOLD']}", "w", encoding="ascii") as out:
        tty.setraw(out)
        for step in (boot, event, rotate, *more, kill, freeze, reload, stop, misconfigure, journal):
            begin = time.monotonic()
            try:
                value = step()
            except Exception:
                value = {"error": traceback.format_exc()}
            print(json.dumps({"step": step.__name__, "seconds": time.monotonic() - begin, **value}), file=out, flush=True)
        print("@end", file=out)


if __name__ == "__main__":
    numbered() if sys.argv[1:] == ["numbered"] else main()
