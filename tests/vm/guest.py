# SPDX-License-Identifier: Apache-2.0
"""Boots one guest with a kernel, a few files and a script, and reads what the script told."""

import collections
import shutil
import stat
import subprocess
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
# Not kvm: the machine may be a guest itself, and what we count must not depend on it.
QEMU_ARGS = ["-smp", "2", "-nodefaults", "-display", "none", "-monitor", "none",
             "-no-reboot"]
CMDLINE = "rdinit=/init panic=-1 quiet"

# smap=off: this QEMU takes what a far call pushes for an access by the kernel. erms=off: else the kernel copies and clears by
# rep movsb and stosb, which QEMU plays byte by byte; the verifier of a tracer's start takes half as long again with it.
# no_timer_check: a kernel takes a timer that a busy host lets come late for one that does not work, and panics.
# told: how a guest gets its second serial line; its name there is in the environment of the first process.
Machine = collections.namedtuple("Machine", "qemu args told cmdline")
MACHINES = {
    "amd64": Machine("qemu-system-x86_64", ["-cpu", "max,smap=off,erms=off"], ["-serial", "file:{told}"],
                     "console=ttyS0 PVM_TOLD=ttyS1 no_timer_check"),
    "arm64": Machine("qemu-system-aarch64", ["-M", "virt", "-cpu", "cortex-a72"],
                     ["-chardev", "file,id=told,path={told}", "-device", "pci-serial,chardev=told"], "console=ttyAMA0 PVM_TOLD=ttyS0"),
}


# A tracer that comes or goes changes code of the kernel, by breakpoints that other CPUs may meet. Of QEMU's threads one
# can go on meeting one that is gone, and then both CPUs are stuck for good: a QEMU of one thread never does.
ACCEL = {"amd64": "tcg,thread=single", "arm64": "tcg"}


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


def write_cpio(path, entries):
    """entries: (name, mode, content), folders before what is in them."""
    with open(path, "wb") as out:
        for number, (name, mode, data) in enumerate(entries, 1):
            out.write(_entry(name, mode, data, number))
        out.write(_entry("TRAILER!!!", 0, b"", 0))


def make_initrd(path, files, base=None):
    """files: name in the guest -> path here, or the text itself. base: an archive that goes before them."""
    folders = sorted({str(p) for name in files for p in Path(name).parents} - {".", "/"})
    entries = [(name, stat.S_IFDIR | 0o755, b"") for name in folders]
    for name, source in sorted(files.items()):
        data = source.read_bytes() if isinstance(source, Path) else source.encode()
        entries.append((name, stat.S_IFREG | 0o755, data))
    write_cpio(path, entries)
    if base:
        own = path.read_bytes()
        with open(base, "rb") as first, open(path, "wb") as out:
            shutil.copyfileobj(first, out)
            out.write(own)


def _text(path):
    return path.read_bytes().decode(errors="replace") if path.exists() else ""


def boot(kernel, initrd, work, seconds, memory="1G", words="", qemu=()):
    """Runs a guest to its end; what it told. words: more of the kernel's command line; qemu: of QEMU's own."""
    machine = MACHINES[kernel.arch]
    console, told = work / "console", work / "told"
    for path in (console, told):
        path.unlink(missing_ok=True)
    command = [machine.qemu, "-accel", ACCEL[kernel.arch], *QEMU_ARGS, *machine.args, *qemu, "-m", memory,
               "-serial", f"file:{console}",
               *[word.format(told=told) for word in machine.told],
               "-kernel", str(kernel.image), "-initrd", str(initrd), "-append", f"{machine.cmdline} {CMDLINE} {words}"]
    begin = time.monotonic()
    status, said = _run(command, seconds)
    text = _text(told)
    if "\n@end\n" in text:
        return text
    last = [line for line in _text(console).splitlines() if line.strip()][-8:]
    raise Failed(f"no end after {time.monotonic() - begin:.0f} s (status {status}); "
                 f"{said.decode(errors='replace').strip()} told {text[-300:]!r}; console: {last}")


_running = set()


def kill_all():
    """Ends every guest; whoever waits for one is not expected to go on."""
    for qemu in list(_running):
        qemu.kill()


def _run(command, seconds):
    """(exit status, what QEMU itself said)"""
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE) as qemu:
        _running.add(qemu)
        try:
            _, said = qemu.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            qemu.kill()
            _, said = qemu.communicate()
        finally:
            _running.discard(qemu)
    return qemu.returncode, said


def run_script(kernel, files, script, work, seconds):
    """A guest that has nothing but busybox and these files runs the script; its sessions by name."""
    work.mkdir(parents=True, exist_ok=True)
    make_initrd(work / "initrd", {"init": HERE / "init", "script": script, **files})
    return parse(boot(kernel, work / "initrd", work, seconds))


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


def missing_tools(archs):
    """What has to be installed first."""
    tools = [*(MACHINES[arch].qemu for arch in archs), "busybox", "dpkg-deb", "apt-get"]
    return [tool for tool in tools if not shutil.which(tool)]
