# SPDX-License-Identifier: Apache-2.0
"""The golden lines: what every format makes of one recording. Run as a program, it writes them anew."""

import re
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
PVMTRACE = ROOT / "build" / "pvmtrace"
GOLDEN = ROOT / "tests" / "golden"
RECORDING = GOLDEN / "calls.pvmtrace"
FORMATS = {"json": "json.ndjson", "ecs": "ecs.ndjson", "ocsf": "ocsf.ndjson", "text": "text.txt"}
# What no line has unless it is asked for: what moved, and the rules by which calls are told.
ASKED_FOR = ("--config", "tests/golden/rules.conf", "--data", "12")
# How a set of files is named, of which options it is, and how many of the lines it has.
SETS = {"": ((), None), "rules.": (ASKED_FOR, 6)}


def replay(form, *args):
    """The lines of the recording in a format, as bytes with their LFs."""
    command = [str(PVMTRACE), "--replay", str(RECORDING), "-f", form, *args]
    run = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=60, check=False, cwd=ROOT)
    assert run.returncode == 0, f"{command}: {run.returncode}: {run.stderr.decode(errors='replace')}"
    return run.stdout.splitlines(keepends=True)


def neutral(line):
    """A line without what is not the recording's: the versions of this program and of its library, and what keeps it in."""
    version = re.search(r'PVMTRACE_VERSION "(.*)"', (ROOT / "user" / "version.h").read_text())[1].encode()
    line = line.replace(b'"version":"' + version + b'"', b'"version":"-"')
    line = line.replace(b"start: pvmtrace " + version + b" ", b"start: pvmtrace - ")
    line = re.sub(rb'"sandbox":\[[^]]*\]', b'"sandbox":["-"]', line)
    return re.sub(rb'"libbpf":"[0-9.]+"', b'"libbpf":"-"', line)


def lines_of(form, prefix):
    """The lines of a set."""
    args, count = SETS[prefix]
    return [neutral(line) for line in replay(form, *args)[:count]]


def main():
    for prefix in SETS:
        for form, name in FORMATS.items():
            (GOLDEN / f"{prefix}{name}").write_bytes(b"".join(lines_of(form, prefix)))


if __name__ == "__main__":
    main()
