# SPDX-License-Identifier: Apache-2.0
"""logrotate itself, with a program that writes and a shipper that follows."""

import gzip
import subprocess
import threading

from debian import ENV, LOG, Service, records, whole_lines
from pvm import poll

STUB = """#!/bin/sh
# Stands in for systemd, which does not run here: does what the unit's ExecReload= says.
[ "$*" = "try-reload-or-restart pvmtrace.service" ] || exit 64
exec kill -HUP $(cat /run/service.pid)
"""
RSYSLOG = f"""
global(workDirectory="/tmp")
module(load="imfile" mode="inotify")
template(name="line" type="string" string="%msg%\\n")
input(type="imfile" File="{LOG}" Tag="pvmtrace:" ruleset="pvmtrace")
ruleset(name="pvmtrace") {{ action(type="omfile" file="/tmp/followed" template="line") }}
"""


class Calls:
    """Calls in a thread, which inherits our name, until it is closed."""

    def __init__(self, caller):
        self.caller = caller
        self.end = threading.Event()

    def loop(self):
        while not self.end.wait(0.002):
            self.caller.call()

    def __enter__(self):
        self.thread = threading.Thread(target=self.loop)
        self.thread.start()
        return self

    def __exit__(self, *exc):
        self.end.set()
        self.thread.join()


def test_rotated_and_followed(quiet, caller):
    """Nothing is lost or twice: not in the files, and not in what rsyslog has read of them."""
    stub = quiet.path("/usr/local/bin/systemctl")
    stub.write_text(STUB)
    stub.chmod(0o755)
    quiet.path("/run/systemd/system").mkdir(parents=True)
    quiet.path("/tmp/rsyslog.conf").write_text(RSYSLOG)
    log, followed = quiet.path(LOG), quiet.path("/tmp/followed")
    followed.unlink(missing_ok=True)
    shipper = subprocess.Popen(quiet.command("rsyslogd", "-n", "-iNONE", "-f", "/tmp/rsyslog.conf"), env=ENV)
    try:
        with Service(quiet) as s:
            quiet.path("/run/service.pid").write_text(str(s.pid))
            s.wait_said("READY=1")
            first = caller.calls
            with Calls(caller):
                poll(lambda: len(whole_lines(log)) > 20)
                for _ in range(2):
                    quiet.run("logrotate", "--force", "/etc/logrotate.d/pvmtrace")
                    poll(lambda: len(whole_lines(log)) > 20)
            made = caller.calls - first
            assert quiet.owner(LOG) == "pvmtrace:pvmtrace 640"
            assert quiet.owner(f"{LOG}.1000") == "pvmtrace:pvmtrace 640"
            s.stop()
        parts = [gzip.decompress(quiet.path(f"{LOG}.1001.gz").read_bytes()), quiet.path(f"{LOG}.1000").read_bytes(),
                 log.read_bytes()]
        check(parts, made, caller)
        lines = b"".join(parts).splitlines()
        poll(lambda: followed.exists() and len(followed.read_bytes().splitlines()) >= len(lines), 15)
        assert sorted(followed.read_bytes().splitlines()) == sorted(lines)
    finally:
        shipper.terminate()
        shipper.wait(20)
        stub.unlink()
        quiet.path("/run/systemd/system").rmdir()


def check(parts, made, caller):
    for part, kind in zip(parts, ("start", "reopen", "reopen")):
        assert records(part)[0]["type"] == kind and part.index(b"\n") >= 1023
    told = [r for part in parts for r in records(part)]
    assert sorted(r["seq"] for r in told) == list(range(1, len(told) + 1))
    assert len([r for r in told if caller.is_mine(r)]) == made
    assert told[-1]["type"] == "stop" and told[-1]["balanced"] and told[-1]["counters"]["lost"] == 0
