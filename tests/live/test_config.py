# SPDX-License-Identifier: Apache-2.0
"""The configuration file under a real run, and what is refused of it."""

import os
import subprocess

import pytest

from pvm import AS_ME, EX_OK, MY_NAME, PVMTRACE, Tracer, pvmtrace, trigger_one

EX_CONFIG = 78


@pytest.fixture
def conf(tmp_path):
    path = tmp_path / "pvmtrace.conf"

    def write(text):
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path
    return write


def test_a_run_by_its_file(conf):
    path = conf(f"# the house's\n\ncaller-comm {MY_NAME}\nmax-line = 4096\nstats-interval=1\nno-self\n")
    with Tracer("--config", path, max_line=4096) as t:
        limits, filters = t.start["limits"], t.start["filters"]
        assert limits["max_line"] == 4096 and limits["stats_interval_s"] == 1
        assert filters["caller"]["comm"] == [MY_NAME] and filters["no_self"] is True
        run = trigger_one("pvmcall", *AS_ME, "pair")
        t.wait(lambda t: len(t.events(run["pid"])) == 2)
        t.wait(lambda t: t.records("stats"))


def test_the_command_line_wins(conf):
    path = conf("caller-comm nobody-has-it\nmax-line 1024\niov-limit 1\n")
    with Tracer("--caller-comm", MY_NAME, "--config", path, "--max-line", 8000) as t:
        assert t.start["limits"]["max_line"] == 8000 and t.start["limits"]["iov_limit"] == 1
        assert t.start["filters"]["caller"]["comm"] == [MY_NAME]
        run = trigger_one("pvmcall", *AS_ME, "pair")
        t.wait(lambda t: len(t.events(run["pid"])) == 2)


def test_check_says_nothing_if_all_is_well(conf):
    run = pvmtrace("--check-config", "--config", conf("max-line 9000\r\ncaller-uid root"))
    assert (run.status, run.out, run.err) == (EX_OK, b"", "")


@pytest.mark.parametrize("text, said", [
    ("\nmax-line 12x\n", [":2: --max-line: '12x'", "1024 to 16777216"]),
    ("replay x\n", [":1: 'replay' is for the command line only"]),
    ("max-line 8000\nbogus\n", [":2: 'bogus' is not an option"]),
    (b"quiet\0\n", [":1: the line holds a NUL byte"]),
    ("caller-comm " + "x" * 9000, [":1: the line is longer than"])])
@pytest.mark.parametrize("check", [["--check-config"], []])
def test_errors_name_file_line_and_option(conf, text, said, check):
    path = conf(text)
    run = pvmtrace("--config", path, *check)
    assert run.status == EX_CONFIG and run.out == b""
    assert len(run.err.splitlines()) == 1
    for words in (str(path), *said):
        assert words in run.err


def test_no_such_file_directory_fifo(tmp_path):
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    for path, why in ((tmp_path / "none", "No such file"), (tmp_path, "not a regular file"),
                      (fifo, "not a regular file")):
        run = pvmtrace("--config", path, "--check-config")
        assert run.status == EX_CONFIG and str(path) in run.err and why in run.err
        assert run.seconds < 5


def test_a_file_that_may_not_be_read(public_dir):
    binary, path = public_dir / "pvmtrace", public_dir / "conf"
    binary.write_bytes(PVMTRACE.read_bytes())
    binary.chmod(0o755)
    path.write_text("quiet\n")
    path.chmod(0o600)
    run = pvmtrace("--config", path, "--check-config", binary=binary,
                   prefix=["/usr/bin/setpriv", "--reuid=61001", "--regid=61001", "--clear-groups"])
    assert run.status == EX_CONFIG and str(path) in run.err and "Permission denied" in run.err


def test_what_is_printed_is_a_file_for_the_same(conf, tmp_path):
    path = conf("caller-comm a b\ntarget-uid !0\n")
    args = ["--config", path, "--max-line", 9000, "--op", "read", "-v"]
    once = pvmtrace(*args, "--print-config")
    assert once.status == EX_OK and once.err == ""
    lines = once.out.decode().splitlines()
    assert [line for line in lines if line and not line.startswith("#")] == [
        "caller-comm a b", "target-uid !0", "op read", "max-line 9000", "verbose"]
    copy = tmp_path / "copy"
    copy.write_bytes(once.out)
    assert pvmtrace("--config", copy, "--print-config").out == once.out


def test_print_to_a_full_disk():
    with open("/dev/full", "wb") as full:
        p = subprocess.run([str(PVMTRACE), "--print-config"], stdout=full, stderr=subprocess.PIPE, check=False)
    assert p.returncode == 74 and b"stdout" in p.stderr
