# SPDX-License-Identifier: Apache-2.0
"""Programs of one page that do nothing but end, by a 32-bit call: whether a kernel carries such calls out (needs.py)."""

import struct

CARRIED_OUT = 7  # the exit status of the programs below
# mov $1 (exit), %eax; mov $7, %ebx; int $0x80; hlt, which ends a program with a signal
CODE_X86 = b"\xb8\x01\0\0\0\xbb\x07\0\0\0\xcd\x80\xf4"
# mov r0, #7; mov r7, #1; svc #0; udf #0
CODE_ARM = struct.pack("<4I", 0xE3A00007, 0xE3A07001, 0xEF000000, 0xE7F000F0)
EM_386, EM_ARM, EM_X86_64 = 3, 40, 62
EF_ARM_EABI5 = 0x05000000


def elf(machine, code):
    """A program of one page that is nothing but this code."""
    wide, base = machine == EM_X86_64, 0x400000
    head, phead = (64, 56) if wide else (52, 32)
    entry = base + head + phead
    ident = b"\x7fELF" + bytes([2 if wide else 1, 1, 1]) + bytes(9)
    size = head + phead + len(code)
    flags = EF_ARM_EABI5 if machine == EM_ARM else 0
    header = ident + struct.pack("<HHIQQQIHHHHHH" if wide else "<HHIIIIIHHHHHH", 2, machine, 1, entry, head, 0, flags,
                                 head, phead, 1, 0, 0, 0)
    if wide:
        segment = struct.pack("<IIQQQQQQ", 1, 5, 0, base, base, size, size, 4096)
    else:
        segment = struct.pack("<IIIIIIII", 1, 0, base, base, size, size, 5, 4096)
    return header + segment + code
