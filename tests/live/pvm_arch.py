# SPDX-License-Identifier: Apache-2.0
"""What this architecture calls things: ABIs, system call numbers, and how 32-bit calls are made here."""

import os

if os.uname().machine == "aarch64":
    NATIVE, COMPAT = "arm64", "arm"
    SYS_READV, SYS_WRITEV, SYS_BPF, SYS_SETRESUID = 270, 271, 280, 147
    # A trigger that makes a 32-bit call (and its operation), the bytes that it moves, and what it needs.
    COMPAT_CALL, COMPAT_BYTES, COMPAT_NEED = ("pvmcall32",), 1, "program32"
else:
    NATIVE, COMPAT = "x86_64", "i386"
    SYS_READV, SYS_WRITEV, SYS_BPF, SYS_SETRESUID = 310, 311, 321, 117
    COMPAT_CALL, COMPAT_BYTES, COMPAT_NEED = ("pvmabi", "int80"), 8, "int80"

OPS = {SYS_READV: "read", SYS_WRITEV: "write"}
