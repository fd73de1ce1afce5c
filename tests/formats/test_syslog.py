# SPDX-License-Identifier: Apache-2.0
"""The recipe of docs/siem.md for rsyslog, through two more hops and under the longest host name there is."""

import json
import re
import socket
import subprocess
import time
from pathlib import Path

import pytest

import golden
from needs import which

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "siem.md"
HOST = "h" * 63
FORWARD = 'action(type="omfwd" Target="127.0.0.1" Port="{}" Protocol="tcp" template="RSYSLOG_ForwardFormat")'


def recipe():
    """The configuration, and the --max-line that goes with it."""
    text = DOCUMENT.read_text(encoding="utf-8")
    part = text[text.index("rsyslog (`/etc/rsyslog.d"):]
    return re.search(r"```\n(.*?)```", part, re.S)[1], int(re.search(r"max-line (\d+)", part)[1])


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def hop(where, name, text):
    conf = where / f"{name}.conf"
    conf.write_text(f'global(workDirectory="{where}" localHostname="{HOST}")\n{text}\n')
    return subprocess.Popen([which("rsyslogd"), "-n", "-iNONE", "-f", conf], stdout=subprocess.DEVNULL,
                            stderr=subprocess.DEVNULL)


def relay(port, action):
    return (f'module(load="imtcp")\ninput(type="imtcp" port="{port}" address="127.0.0.1" ruleset="r")\n'
            'template(name="msg" type="string" string="%hostname% %msg%\\n")\n'
            f'ruleset(name="r") {{ {action} }}\n')


@pytest.mark.needs("program:rsyslogd")
def test_two_more_hops(tmp_path):
    conf, max_line = recipe()
    ports = free_port(), free_port()
    log, out = tmp_path / "in.ndjson", tmp_path / "out"
    conf = conf.replace("/var/log/pvmtrace/pvmtrace.ndjson", str(log)).replace("siem.example.org", "127.0.0.1")
    conf = conf.replace('Port="514"', f'Port="{ports[0]}"')
    assert str(log) in conf and str(ports[0]) in conf
    lines = [x.decode().rstrip("\n") for x in golden.replay("json", "--max-line", str(max_line), "--iov-limit", "all")]
    lines.append(json.dumps({"fill": "x" * (max_line - 1 - len('{"fill": ""}'))}))
    assert max(len(x.encode()) for x in lines) == max_line - 1
    log.write_text("".join(f"{x}\n" for x in lines), encoding="utf-8")
    hops = []
    try:
        write = f'action(type="omfile" file="{out}" template="msg")'
        for name, text in (("last", relay(ports[1], write)), ("relay", relay(ports[0], FORWARD.format(ports[1]))),
                           ("first", conf)):
            hops.append(hop(tmp_path, name, text))
            time.sleep(0.7)
        end = time.monotonic() + 20
        while not out.exists() or out.read_bytes().count(b"\n") < len(lines):
            assert time.monotonic() < end, "not all lines came"
            time.sleep(0.1)
    finally:
        for p in hops:
            p.terminate()
            p.wait(10)
    came = [x.split(" ", 1) for x in out.read_text(encoding="utf-8").splitlines()]
    assert {host for host, _ in came} == {HOST}
    assert [json.loads(msg) for _, msg in came] == [json.loads(x) for x in lines]
