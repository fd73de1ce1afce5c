# SPDX-License-Identifier: Apache-2.0
"""What the kernel says of a run: how many calls were made, which BPF objects are whose, what it wrote to its log."""

import ctypes
import errno
import fcntl
import os
import platform
import re
import struct
from pathlib import Path

LIBC = ctypes.CDLL(None, use_errno=True)
SYS_BPF, SYS_PERF_EVENT_OPEN = {"x86_64": (321, 298), "aarch64": (280, 241)}[platform.machine()]
CLONE_NEWNS, MS_REC, MS_PRIVATE, MS_NOSUID = 0x20000, 0x4000, 0x40000, 2
PERF_TYPE_TRACEPOINT = 2
PERF_ATTR_SIZE = 112
INHERIT = 1 << 1
EVENTS = [f"sys_enter_process_vm_{op}v" for op in ("read", "write")]
# Of bpf(2): a descriptor by a number, the structure's size that this takes, and the name in fdinfo.
BY_ID = {"prog_id": 13, "map_id": 14, "btf_id": 19, "link_id": 30}
# What the kernel writes of itself, and what it writes of every start where it is locked down: that debugfs was asked for.
TELLING = re.compile(r"pvmtrace|\bbpf\b|\bBPF\b|WARNING:|BUG:|Oops|soft lockup|hung task|rcu.*stall|page allocation failure")
EXPECTED = re.compile(r"^Lockdown: \S+: debugfs access is restricted")


def checked(value):
    if value < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return value


def private_mounts():
    """From here on nobody else sees what this process mounts, and nothing of it is left behind."""
    checked(LIBC.unshare(CLONE_NEWNS))
    checked(LIBC.mount(b"none", b"/", None, MS_REC | MS_PRIVATE, None))


def mount_tmpfs(where, size):
    checked(LIBC.mount(b"none", os.fsencode(where), b"tmpfs", MS_NOSUID, b"size=%d,mode=777" % size))


def unmount(where):
    checked(LIBC.umount2(os.fsencode(where), 2))


def event_numbers(folder):
    """By which numbers the kernel knows the two calls' events. tracefs is mounted in that folder for it: not everybody has it
    mounted."""
    checked(LIBC.mount(b"none", os.fsencode(folder), b"tracefs", MS_NOSUID, None))
    try:
        return [int((folder / "events/syscalls" / event / "id").read_text()) for event in EVENTS]
    finally:
        unmount(folder)


class Calls:
    """How many of the two calls this thread, and what it starts from now on, has made: the kernel's own count."""

    def __init__(self, numbers):
        """numbers: of the events."""
        self.fds = [self._open(number) for number in numbers]

    @staticmethod
    def _open(number):
        attr = bytearray(PERF_ATTR_SIZE)
        # type, size, config, sample_period, sample_type, read_format, flags
        struct.pack_into("=IIQQQQQ", attr, 0, PERF_TYPE_TRACEPOINT, PERF_ATTR_SIZE, number, 0, 0, 0, INHERIT)
        buf = (ctypes.c_char * PERF_ATTR_SIZE).from_buffer(attr)
        return checked(LIBC.syscall(SYS_PERF_EVENT_OPEN, buf, 0, -1, -1, 8))

    def count(self):
        return sum(struct.unpack("=Q", os.read(fd, 8))[0] for fd in self.fds)


def objects_of(pid):
    """The numbers of BPF objects that a process holds, by kind, and the bytes of its maps."""
    found, held = set(), 0
    for path in Path(f"/proc/{pid}/fdinfo").iterdir():
        try:
            text = path.read_text()
        except FileNotFoundError:
            continue
        for kind in BY_ID:
            found |= {(kind, int(n)) for n in re.findall(rf"^{kind}:\s*(\d+)", text, re.M)}
        held += sum(int(n) for n in re.findall(r"^memlock:\s*(\d+)", text, re.M))
    return found, held


def exists(kind, number):
    attr = bytearray(128)
    struct.pack_into("=I", attr, 0, number)
    buf = (ctypes.c_char * len(attr)).from_buffer(attr)
    fd = LIBC.syscall(SYS_BPF, BY_ID[kind], buf, 12)
    if fd >= 0:
        os.close(fd)
    elif ctypes.get_errno() != errno.ENOENT:
        raise OSError(ctypes.get_errno(), f"{kind} {number}")
    return fd >= 0


class Log:
    """The kernel's log from now on; what is in it that it should not have to say."""

    def __init__(self, program):
        self.program = program
        try:
            self.fd = os.open("/dev/kmsg", os.O_RDONLY | os.O_NONBLOCK)
            os.lseek(self.fd, 0, os.SEEK_END)
        except OSError:
            self.fd = None

    def bad(self, ours):
        """Lines that name us, but for those of processes that are not ours: others may run the program, too."""
        found = []
        while self.fd is not None:
            try:
                text = os.read(self.fd, 8192).decode(errors="replace")
            except BlockingIOError:
                break
            except BrokenPipeError:  # lines that were overwritten before they were read
                continue
            line = text.partition(";")[2].partition("\n")[0]
            pid = re.search(r"pvmtrace\[(\d+)\]", line)
            other = (line.startswith("audit:") and f'exe="{self.program}"' not in line) or (pid and int(pid[1]) not in ours)
            if TELLING.search(line) and not EXPECTED.search(line) and not other:
                found.append(line)
        return found


def memory_of(pid):
    """(KiB resident that belong to it alone, descriptors)"""
    text = Path(f"/proc/{pid}/status").read_text()
    return int(re.search(r"^RssAnon:\s*(\d+) kB", text, re.M)[1]), len(os.listdir(f"/proc/{pid}/fd"))


def set_pipe_size(fd, size):
    fcntl.fcntl(fd, fcntl.F_SETPIPE_SZ, size)
