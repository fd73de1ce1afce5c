# SPDX-License-Identifier: Apache-2.0
"""A part of tests/faults/run (`make faults` is all of it): allocations, writes and other calls on files fail in a replay."""

import subprocess

import pytest

from golden import ROOT

PRELOAD = ROOT / "build" / "live" / "pvmfault.so"


@pytest.mark.parametrize("kind", ["alloc", "write", "file"])
def test_what_fails_is_told(kind):
    """With `alloc` and `write` also in the child that makes the filter of system calls."""
    if not PRELOAD.exists():
        pytest.skip(f"{PRELOAD} is not built: make build-live")
    p = subprocess.run([ROOT / "tests/faults/run", "--only", "replay json", "--kind", kind, "--most", "30"], stdout=subprocess.PIPE,
                       stderr=subprocess.STDOUT, text=True, timeout=500, check=False)
    assert p.returncode == 0, p.stdout[-6000:]
