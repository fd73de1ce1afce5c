# SPDX-License-Identifier: Apache-2.0
"""Boots one guest with a kernel, a few files and a script, and reads what the script told."""

import collections
import shutil
import stat
import subprocess
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
QEMU = "qemu-system-x86_64"
# Not kvm: the machine may be a guest itself, and what we count must not depend on it.
QEMU_ARGS = ["-accel", "tcg", "-cpu", "max", "-smp", "2", "-m", "1G", "-nodefaults", "-display", "none",
             "-monitor", "none", "-no-reboot"]
CMDLINE = "console=ttyS0 rdinit=/init panic=-1 quiet"


class Failed(Exception):
    """The guest did not come to its end."""


class Step:
    """A trigger's run."""

    def __init__(self):
        self.status = None
        self.facts = []
        self.said = []


class Session:
    """A tracer's run."""

    def __init__(self):
        self.status = None
        self.stderr = []
        self.records = []
        self.steps = collections.OrderedDict()


def _entry(name, mode, data, number):
    """One file in the cpio format that the kernel unpacks (its initramfs documentation: newc)."""
    path = name.encode() + b"\0"
    numbers = [number, mode, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(path), 0]
    head = b"070701" + b"".join(b"%08X" % n for n in numbers) + path
    return head + b"\0" * (-len(head) % 4) + data + b"\0" * (-len(data) % 4)


def make_initrd(path, files):
    """files: name in the guest -> path here, or the text itself."""
    folders = sorted({str(p) for name in files for p in Path(name).parents} - {".", "/"})
    with open(path, "wb") as out:
        for number, name in enumerate(folders, 1):
            out.write(_entry(name, stat.S_IFDIR | 0o755, b"", number))
        for number, (name, source) in enumerate(sorted(files.items()), len(folders) + 1):
            data = source.read_bytes() if isinstance(source, Path) else source.encode()
            out.write(_entry(name, stat.S_IFREG | 0o755, data, number))
        out.write(_entry("TRAILER!!!", 0, b"", 0))


def _text(path):
    return path.read_bytes().decode(errors="replace") if path.exists() else ""


def boot(kernel, files, script, work, seconds):
    """Runs the guest to its end; returns its sessions by name."""
    busybox = shutil.which("busybox")
    work.mkdir(parents=True, exist_ok=True)
    console, told = work / "console", work / "told"
    for path in (console, told):
        path.unlink(missing_ok=True)
    make_initrd(work / "initrd", {"bin/busybox": Path(busybox), "init": HERE / "init", "script": script, **files})
    command = [QEMU, *QEMU_ARGS, "-serial", f"file:{console}", "-serial", f"file:{told}",
               "-kernel", str(kernel.image), "-initrd", str(work / "initrd"), "-append", CMDLINE]
    begin = time.monotonic()
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE) as qemu:
        try:
            _, said = qemu.communicate(timeout=seconds)
        except BaseException as e:
            qemu.kill()
            if not isinstance(e, subprocess.TimeoutExpired):
                raise
            _, said = qemu.communicate()
    text = _text(told)
    if "\n@end\n" not in text:
        last = [line for line in _text(console).splitlines() if line.strip()][-8:]
        raise Failed(f"no end after {time.monotonic() - begin:.0f} s (status {qemu.returncode}); "
                     f"{said.decode(errors='replace').strip()} told {text[-300:]!r}; console: {last}")
    return parse(text)


def parse(text):
    sessions = collections.OrderedDict()
    session = step = lines = None
    for line in text.splitlines():
        if not line.startswith("@"):
            if lines is not None:
                lines.append(line[1:])
            continue
        word, _, rest = line[1:].partition(" ")
        lines = None
        if word == "session":
            session = sessions[rest] = Session()
        elif word == "step":
            step = session.steps[rest] = Step()
        elif word == "status":
            step.status = int(rest)
        elif word in ("facts", "said"):
            lines = getattr(step, word)
        elif word == "session-status":
            session.status = int(rest)
        elif word in ("stderr", "records"):
            lines = getattr(session, word)
    return sessions


def missing_tools():
    """What has to be installed first."""
    return [tool for tool in (QEMU, "busybox", "dpkg-deb", "apt-get") if not shutil.which(tool)]
