# SPDX-License-Identifier: Apache-2.0
"""What the compiler made of the kernel half: nothing that only newer kernels know; and that the sources leave it no choice."""

import re
import struct
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
# What make, and make check-vm, have built: the compiler that a build is named after is another one than the usual.
OBJECTS = {name: ROOT / "build" / name / "pvmtrace.bpf.o" for name in ("", "clang-19/build", "newest-clang/build")}
SOURCES = sorted((ROOT / "bpf").glob("*.[ch]"))
# Each compiler makes of these what it likes, and newer ones an instruction that 5.10 does not know; and what that one is in
# assembly. The one that all kernels have is in atomic.h.
BUILTINS = re.compile(r"\b(?:__sync_|__atomic_|__c11_atomic_|__opencl_atomic_|_Atomic\b|atomic_fetch_|xchg|cmpxchg)\w*")
COMMENTS = re.compile(r"/\*.*?\*/|//[^\n]*", re.S)

# linux/bpf.h: BPF_STX | BPF_ATOMIC of four and of eight bytes; imm says what is done.
ATOMIC = (0xc3, 0xdb)
ADD = 0x00
# linux/bpf_common.h: what the verifier of 5.10 has of each class (kernel/bpf/core.c: bpf_opcode_in_insntable).
LOADS = (0x18, 0x61, 0x69, 0x71, 0x79)
STORES = (0x62, 0x6a, 0x72, 0x7a, 0x63, 0x6b, 0x73, 0x7b, *ATOMIC)
EXECUTABLE = 0x4
SECTION = struct.Struct("<IIQQQQIIQQ")


def code(path):
    """(opcode, imm) of all programs."""
    data = path.read_bytes()
    assert data[:6] == b"\x7fELF\x02\x01", "64 bits, little-endian"
    offset, = struct.unpack_from("<Q", data, 0x28)
    size, cnt = struct.unpack_from("<HH", data, 0x3a)
    for i in range(cnt):
        _, _, flags, _, at, length, *_ = SECTION.unpack_from(data, offset + i * size)
        if flags & EXECUTABLE:
            for insn in range(at, at + length, 8):
                yield data[insn], struct.unpack_from("<i", data, insn + 4)[0]


@pytest.fixture(params=[name for name, path in OBJECTS.items() if not name or path.exists()], ids=lambda name: name or "usual")
def built(request):
    """One that is not of these sources tells nothing of them."""
    path = OBJECTS[request.param]
    if request.param and path.stat().st_mtime < max(source.stat().st_mtime for source in SOURCES):
        pytest.skip(f"{path} is older than the sources: make check-vm builds it")
    return path


def test_no_atomic_that_5_10_does_not_know(built):
    """Of atomic operations it has the addition whose result nobody sees: others are of 5.12."""
    done = {imm for opcode, imm in code(built) if opcode in ATOMIC}
    assert done == {ADD}, [hex(imm) for imm in done]


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: path.name)
def test_no_source_leaves_an_atomic_operation_to_the_compiler(source):
    """clang 14 makes the plain addition of __sync_fetch_and_add, clang 21 another instruction: the object that is built here
    shows only what one of them does."""
    assert BUILTINS.findall(COMMENTS.sub(" ", source.read_text())) == []


@pytest.mark.parametrize("text", [
    "__sync_fetch_and_add(&n, 1);", "__atomic_fetch_add(&n, 1, 5);", "/* a */ __sync_lock_test_and_set(&n, 1);",
    'asm volatile("%0 = atomic_fetch_add((u64 *)(%1 + 0), %0)");', "_Atomic u64 n;"])
def test_such_a_source_is_found(text):
    assert BUILTINS.findall(COMMENTS.sub(" ", text)) != []


def test_no_instruction_that_5_10_does_not_know(built):
    """-mcpu=v4 has loads that extend the sign, swaps, and far jumps."""
    previous = 0
    for opcode, _ in code(built):
        if previous == 0x18:  # the second half of a load of 64 bits
            assert opcode == 0
        elif opcode & 7 in (0, 1):
            assert opcode in LOADS, hex(opcode)
        elif opcode & 7 in (2, 3):
            assert opcode in STORES, hex(opcode)
        elif opcode & 7 == 6:
            assert opcode & 0xf0 not in (0x00, 0x80, 0x90), hex(opcode)
        elif opcode & 7 == 7:
            assert opcode & 0xf0 != 0xd0, hex(opcode)
        previous = opcode if previous != 0x18 else 0


@pytest.mark.parametrize("version, tried", [("14.0.6", True), ("23.1.4", True), ("99.1.0", False), ("", False)])
def test_make_says_that_a_compiler_was_never_tried(tmp_path, version, tried):
    """It goes on all the same."""
    fake = tmp_path / "clang-fake"
    fake.write_text(f"#!/bin/sh\necho {version}\n")
    fake.chmod(0o755)
    for name in ("Makefile", "user", "packaging"):
        (tmp_path / name).symlink_to(ROOT / name)
    made = subprocess.run(["make", "-C", str(tmp_path), "build/clang", f"CLANG={fake}"], capture_output=True, text=True,
                          check=True, timeout=60)
    assert ("never tried" in made.stderr) is not tried, made.stderr
