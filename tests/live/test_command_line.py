# SPDX-License-Identifier: Apache-2.0
"""What the command line refuses, and how a run is bounded."""

import os
import subprocess
import sys
import threading
import time

import pytest

from pvm import AS_ME, EX_USAGE, ONLY_ME, Tracer, pvmtrace, trigger_one


def unused_pid():
    pid = 4_000_000
    while os.path.exists(f"/proc/{pid}"):
        pid -= 1
    return pid


@pytest.mark.parametrize("option", ["-p", "--target-pid", "--caller-pid"])
def test_pid_that_does_not_exist(option):
    pid = unused_pid()
    run = pvmtrace(option, pid)
    assert run.status == EX_USAGE and run.out == b""
    name = "--target-pid" if option == "-p" else option
    assert run.err == f"pvmtrace: error: {name} {pid}: there is no process with this pid\n"


def test_pid_of_a_thread():
    stop, tids = threading.Event(), []
    thread = threading.Thread(target=lambda: (tids.append(threading.get_native_id()), stop.wait()))
    thread.start()
    try:
        while not tids:
            time.sleep(0.01)
        run = pvmtrace("-p", tids[0])
        assert run.status == EX_USAGE and "thread" in run.err
        assert str(tids[0]) in run.err and str(os.getpid()) in run.err
    finally:
        stop.set()
        thread.join()


@pytest.mark.parametrize("args", [
    ("--bogus",), ("-p", "0"), ("-p", "12x"), ("-p", "-5"), ("--op", "peek"), ("--min-bytes", "-1"),
    ("-c", "0"), ("--duration", "0"), ("--max-line", "1023"), ("--max-line", "16777217"),
    ("--iov-limit", "some"), ("-f", "xml"), ("--caller-comm", "longer than a name can be"),
    ("--caller-uid", "no-such-account-here"), ("--in-flight-after", "0"), ("--stats-interval", "1.5"),
    ("--ancestors", "17"), ("--data", "257"), ("--data", "-1"), ("--data", "x"), ("--region", "text"), ("--region", "file:"), ("--regions", "65"), ("--regions", "8x"),
    ("--user", "no-such-account-here"), ("stray",)])
def test_usage_errors_name_the_option_and_the_value(args):
    run = pvmtrace(*args)
    assert run.status == EX_USAGE and run.out == b""
    names = {"-p": "--target-pid", "-c": "--count", "-f": "--format"}
    *option, value = args
    said = "".join(f"{names.get(name, name)}: " for name in option) + f"'{value}' "
    assert run.err.startswith(f"pvmtrace: error: {said}") and run.err.count("\n") == 1
    assert run.seconds < 5


def test_count():
    with Tracer("-c", 3, *ONLY_ME) as t:
        run = trigger_one("pvmcall", *AS_ME, "repeat", 10)
        t.finish()
        assert len(t.records("process_vm_access")) == 3 and len(t.events(run["pid"])) == 3
        assert t.end["reason"] == "count" and t.end["signal"] is None


def test_duration():
    with Tracer("--duration", 1) as t:
        begin = time.monotonic()
        t.finish(timeout=10)
        assert 0.5 < time.monotonic() - begin < 4
        assert t.end["reason"] == "duration" and t.end["signal"] is None


def test_a_program_of_another_language(tracer):
    """Nothing is special about the triggers."""
    code = ("import ctypes, os; b = ctypes.create_string_buffer(64)\n"
            "class V(ctypes.Structure): _fields_ = [('b', ctypes.c_void_p), ('n', ctypes.c_size_t)]\n"
            "v = V(ctypes.addressof(b), 8); w = V(ctypes.addressof(b) + 8, 8)\n"
            "print(ctypes.CDLL(None).process_vm_readv(os.getpid(), ctypes.byref(v), 1, ctypes.byref(w), 1, 0))")
    p = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE)
    out, _ = p.communicate(timeout=20)
    assert out == b"8\n"
    event = tracer.one(p.pid)
    assert event["ret"] == 8 and event["caller"]["args"] == [sys.executable, "-c", code]
