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


SYMBOL = struct.Struct("<IBBHQQ")
# What hooks keep for others that see the same call, and settings that are of witnesses alone.
OF_WITNESSES = {"pvm_here", "pvm_over", "cfg_witness", "cfg_quick", "cfg_last", "cfg_around", "cfg_ends_unseen"}


class Programs:
    """The object's programs, by name, and what each refers to."""

    def __init__(self, path):
        self.data = path.read_bytes()
        offset, = struct.unpack_from("<Q", self.data, 0x28)
        size, cnt = struct.unpack_from("<HH", self.data, 0x3a)
        self.sections = [SECTION.unpack_from(self.data, offset + i * size) for i in range(cnt)]
        table = next(s for s in self.sections if s[1] == 2)
        names = self.sections[table[6]][4]
        self.symbols = []
        for at in range(table[4], table[4] + table[5], SYMBOL.size):
            name, info, _, section, value, length = SYMBOL.unpack_from(self.data, at)
            end = self.data.index(b"\0", names + name)
            self.symbols.append((self.data[names + name:end].decode(), info & 0xf, section, value, length))
        self.programs = {name: at for name, kind, *at in self.symbols if kind == 2}

    def covering(self, section, at, kind):
        """Name of what lies there, of that kind (elf.h: STT_OBJECT, STT_FUNC)."""
        return next((n for n, k, s, value, size in self.symbols if (k, s) == (kind, section) and value <= at < value + size), None)

    def refers(self, name):
        """Names of data and of functions."""
        section, begin, size = self.programs[name]
        found = set()
        for _, kind, _, _, at, length, _, of, *_ in self.sections:
            if (kind, of) != (9, section):  # SHT_REL
                continue
            for place in range(at, at + length, 16):
                where, info = struct.unpack_from("<QQ", self.data, place)
                if begin <= where < begin + size:
                    target, what, its, value, _ = self.symbols[info >> 32]
                    insn = self.sections[section][4] + where
                    imm, = struct.unpack_from("<i", self.data, insn + 4)
                    if what == 3:  # STT_SECTION: what is meant says the instruction
                        call = self.data[insn] == 0x85
                        target = self.covering(its, value + ((imm + 1) * 8 if call else imm), 2 if call else 1)
                    found.add(target)
        return found


def alone(programs):
    """Those on the calls themselves, for where there are no witnesses (bpf/hooks.h: HOOK_ALONE)."""
    return {n for n in programs if re.fullmatch(r"pvm_(enter|exit|[fx]_\w+)", n)}


def test_without_witnesses_no_instruction_is_for_them(built):
    """In the programs themselves. What the verifier knows to be off goes; what it was loaded from stays."""
    of = Programs(built)
    names = alone(of.programs)
    assert {"pvm_enter", "pvm_exit"} < names and len(names) == len(alone(n.replace("_w", "", 1) for n in of.programs))
    for name in names:
        assert of.refers(name) & OF_WITNESSES == set(), name
    # So that nobody looks for what has another name by now.
    there = {n for n in of.programs if re.fullmatch(r"pvm_(enter_w|exit_w|[fx]w_\w+|begin\w*|return)", n)}
    assert OF_WITNESSES <= set().union(*(of.refers(n) for n in there), *(of.refers(n) for n in ("over_find", "call_ended")))


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
