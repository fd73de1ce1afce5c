# SPDX-License-Identifier: Apache-2.0
"""How the package bounds the disk: what is built into it, its log rotation and docs/service.md say the same."""

import re
import subprocess

import pytest

from golden import PVMTRACE, ROOT

KEEP_MAX = 999  # of --keep, so the highest number that the collector gives to a file


def words_of_rules():
    rules = (ROOT / "packaging/debian/rules").read_text()
    return re.search(r"build/pvmtrace (.*) --print-config", rules)[1].split()


@pytest.fixture(scope="module")
def conf():
    """{option: value} of the configuration file that is installed."""
    run = subprocess.run([str(PVMTRACE), *words_of_rules(), "--print-config"], stdout=subprocess.PIPE, text=True,
                         check=True)
    return dict(line.split(" ", 1) for line in run.stdout.splitlines() if line and line[0] != "#")


def logrotate():
    """{directive: value} of the log's block."""
    text = (ROOT / "packaging/pvmtrace.logrotate").read_text()
    return dict(re.findall(r"^\t(\w+) (\w+)$", text[text.index("{"):text.index("postrotate")], re.M))


def mib(text):
    assert text[-1] == "M"
    return int(text[:-1])


def test_a_file_is_left_by_itself(conf):
    assert (conf["max-size"], conf["keep"]) == ("512M", "3") and conf["output"].endswith(".ndjson")


def test_the_document_names_the_bound(conf):
    text = re.sub(r"\s+", " ", (ROOT / "docs/service.md").read_text())
    said = re.search(r"more than (\d+) MB at once, so that a flood takes (\d+) GB at most", text)
    size, total = map(int, said.groups())
    assert size == mib(conf["max-size"]) and total << 10 == (int(conf["keep"]) + 1) * size
    assert f"--max-size {conf['max-size']} --keep {conf['keep']}" in text


def test_the_rotation_uses_other_names(conf):
    """The collector's own are .1 to .KEEP."""
    rotation = logrotate()
    assert int(rotation["start"]) > KEEP_MAX and mib(rotation["maxsize"]) < mib(conf["max-size"])
    text = (ROOT / "packaging/pvmtrace.logrotate").read_text()
    assert f"more than {mib(conf['max-size'])} MB" in text and f".1 to .{conf['keep']}." in text
    run = subprocess.run([str(PVMTRACE), "-o", "x", "--max-size", "1M", "--keep", str(KEEP_MAX + 1), "--check-config"],
                         stderr=subprocess.PIPE, text=True, check=False)
    assert run.returncode == 64 and "--keep" in run.stderr
