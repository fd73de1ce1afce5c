# SPDX-License-Identifier: Apache-2.0
"""A file system of one file, served from here (include/uapi/linux/fuse.h): its inode number can be given to another inode."""

import contextlib
import errno
import os
import stat
import struct
import subprocess
import threading

LOOKUP, FORGET, GETATTR, OPEN, READ, INIT, BATCH_FORGET = 1, 2, 3, 14, 15, 26, 42
FILE = 7


class Fuse:
    """name: the file's; it can be run."""
    def __init__(self, path, name, content):
        self.path, self.name, self.content, self.generation = path, name.encode(), content, 1
        self.fd = os.open("/dev/fuse", os.O_RDWR)
        options = f"fd={self.fd},rootmode=40000,user_id=0,group_id=0,allow_other"
        subprocess.run(["mount", "-i", "-t", "fuse", "-o", options, "none", path], check=True, pass_fds=[self.fd], timeout=20)
        threading.Thread(target=self.serve, daemon=True).start()

    def attributes(self, node):
        mode, size = (stat.S_IFDIR | 0o755, 0) if node == 1 else (stat.S_IFREG | 0o755, len(self.content))
        return struct.pack("<QQQQQQIIIIIIIIII", node, size, 1, 0, 0, 0, 0, 0, 0, mode, 1, 0, 0, 0, 4096, 0)

    def answer(self, op, node, body):
        """What the request is answered by, or an errno. What is known of a file is asked for each time."""
        if op == INIT:
            return struct.pack("<IIIIHHIIHHI", 7, 31, 0, 0, 0, 0, 4096, 0, 0, 0, 0) + bytes(28)
        if op == LOOKUP:
            if body.rstrip(b"\0") != self.name:
                return errno.ENOENT
            return struct.pack("<QQQQII", FILE, self.generation, 0, 0, 0, 0) + self.attributes(FILE)
        if op == GETATTR:
            return struct.pack("<QII", 0, 0, 0) + self.attributes(node)
        if op == OPEN:
            return bytes(16)
        if op == READ:
            offset, size = struct.unpack_from("<QI", body, 8)
            return self.content[offset:offset + size]
        return errno.ENOSYS

    def serve(self):
        with contextlib.suppress(OSError):  # it is no longer mounted
            while True:
                request = os.read(self.fd, 1 << 17)
                _, op, unique, node = struct.unpack_from("<IIQQ", request)
                if op in (FORGET, BATCH_FORGET):
                    continue
                said = self.answer(op, node, request[40:])
                error, data = (-said, b"") if isinstance(said, int) else (0, said)
                os.write(self.fd, struct.pack("<IiQ", 16 + len(data), error, unique) + data)

    def close(self):
        subprocess.run(["umount", "-l", self.path], check=True, timeout=20)
        os.close(self.fd)
