# SPDX-License-Identifier: Apache-2.0
"""What came of each kernel's run, kept below build/vm/results as long as the sources are the same: a run of all kernels
takes hours where guests are emulated, and goes on where it was interrupted."""

import datetime
import functools
import hashlib
import pickle
import subprocess

import kernels

SOURCES = ("bpf", "user", "vmlinux", "tests/live", "tests/needs.py", "tests/exit32.py", "tests/lacking",
           *(f"tests/vm/{name}" for name in ("audit.py", "checks.py", "confirm.py", "btf.py", "modules.py", "switches.py",
                                             "volumes.py", "init", "init-live", "live.py", "load.py", "test_load.py", "verify.c")))
WHERE = kernels.HOME / "results"


@functools.lru_cache(maxsize=None)
def sources():
    """Changes with every file that what runs in guests is made of."""
    out = hashlib.sha256()
    for name in SOURCES:
        top = kernels.ROOT / name
        for path in [top] if top.is_file() else sorted(p for p in top.rglob("*") if p.is_file() and p.suffix != ".pyc"):
            out.update(str(path.relative_to(kernels.ROOT)).encode() + b"\0" + hashlib.sha256(path.read_bytes()).digest())
    return out.hexdigest()


def commit():
    """Of the sources, as far as git knows one."""
    found = subprocess.run(["git", "-C", kernels.ROOT, "rev-parse", "--short=7", "HEAD"], stdout=subprocess.PIPE, text=True,
                           check=False).stdout.strip()
    return f"commit {found or '(unknown)'}"


def keep(name, part, result):
    """The result of a kernel's pass."""
    WHERE.mkdir(parents=True, exist_ok=True)
    when = f"{commit()} on {datetime.date.today()}"
    (WHERE / f"{name}-{part}").write_bytes(pickle.dumps((sources(), result, when)))


def look(name, part, failed=False):
    """The result of such a run of these sources, or None. failed: also one in which something failed."""
    try:
        of, result, _ = pickle.loads((WHERE / f"{name}-{part}").read_bytes())
    except (OSError, ValueError, AttributeError, EOFError, pickle.UnpicklingError):
        return None
    return result if of == sources() and (failed or not any(r.verdict == "FAIL" for r in result.values())) else None


def when(name, part):
    """Of which commit, and on which day, that was."""
    return pickle.loads((WHERE / f"{name}-{part}").read_bytes())[2]
