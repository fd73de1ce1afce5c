#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Holds vmlinux/vmlinux.h against the BTF of kernels: every type and field of it has to be there, of the same kind,
size and signedness. What some kernels do not have is named below, with what stands in for it.

As a program: its arguments are kernels of the matrix, files with BTF, or "host" for this machine's; complaints go to
stdout, a line each; 1 if there are any, and 2 if there was nothing to compare."""

import functools
import json
import os
import re
import shutil
import struct
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
HEADER = ROOT / "vmlinux" / "vmlinux.h"
HOST = Path("/sys/kernel/btf/vmlinux")

# One of each group has to be there whole; the programs ask which.
ALTERNATIVES = [
    # 6.15 and some stable kernels, or before
    [["kernfs_node.__parent"], ["kernfs_node___parent.parent"]],
    # 6.3, or before
    [["cred.cap_permitted", "cred.cap_effective", "kernel_cap_t.val"],
     ["cred___words.cap_permitted", "cred___words.cap_effective", "kernel_cap_struct.cap"]],
    # 7.3, 6.18, or before
    [["task_struct.exec_state", "task_exec_state.dumpable", "task_exec_state.user_ns", "task_dumpable.TASK_DUMPABLE_OWNER"],
     ["mm_struct.user_ns", "mm_struct.flags", "mm_flags_t.__mm_flags"],
     ["mm_struct.user_ns", "mm_struct___word.flags"]],
    # 6.11, 6.6, or before
    [["inode.i_ctime_sec", "inode.i_ctime_nsec"], ["inode___hidden.__i_ctime"], ["inode___ctime.i_ctime"]],
    # 6.1, or before
    [["mm_struct.mm_mt", "maple_tree.ma_root", "maple_type.maple_leaf_64", "maple_type.maple_range_64", "maple_type.maple_arange_64",
      "maple_node.parent", "maple_node.mr64", "maple_node.ma64", "maple_range_64.pivot", "maple_range_64.slot",
      "maple_arange_64.pivot", "maple_arange_64.slot"],
     ["mm_struct___listed.mmap", "mm_struct___listed.mm_rb", "vm_area_struct___listed.vm_next", "vm_area_struct___listed.vm_rb"]],
    # 6.14, with CONFIG_PER_VMA_LOCK; without it, a mapping is looked for at each call
    [["mm_struct.mm_lock_seq"], ["mm_struct.mmap_lock"]],
    # 6.7; before it, a file of an overlay is shown by the path of the one below
    [["backing_file.user_path"], ["file.f_path"]],
    # 5.17, with CONFIG_ANON_VMA_NAME; without it, no anonymous mapping has a name
    [["vm_area_struct.anon_name", "anon_vma_name.name"], ["vm_area_struct.vm_file"]],
]
# May be missing; the programs do without.
OPTIONAL = {
    "rw_semaphore.count": "without CONFIG_PREEMPT_RT; with it, whether somebody changes a map is not known",
    "task_struct.loginuid": "CONFIG_AUDIT",
    "task_struct.sessionid": "CONFIG_AUDIT",
    "task_struct.migration_disabled": "5.11, with CONFIG_SMP or 6.17; without it, tracepoints are not taken to be preemptible, fentry is",
    "task_struct.ret_stack": "CONFIG_FUNCTION_GRAPH_TRACER; without it no returns are seen, and no sessions taken",
    "bpf_func_id.BPF_FUNC_get_current_task_btf": "5.11; before it, the untyped helper",
    "bpf_func_id.BPF_FUNC_task_pt_regs": "5.15; before it, nobody knows which threads are still inside of calls that no hook saw",
    "cgroup.ancestors": "6.1; before it, the chain of parents",
    "cgroup_subsys_id.pids_cgrp_id": "CONFIG_CGROUP_PIDS",
    "cgroup_subsys_id.memory_cgrp_id": "CONFIG_MEMCG",
}
# Values that the loader takes from the kernel.
ANY_VALUE = {"cgroup_subsys_id"}
# How many elements there are differs from kernel to kernel: indices come from the kernel itself.
ANY_COUNT = {"cgroup.ancestors", "css_set.subsys", "pid.numbers"}
# Read as a whole, so that offsets matter too.
WHOLE = {"upid"}

QUALIFIERS = {"CONST", "VOLATILE", "RESTRICT", "TYPE_TAG", "TYPEDEF"}
RECORDS = {"STRUCT", "UNION"}
ENUMS = {"ENUM", "ENUM64"}
VOID = {"id": 0, "kind": "VOID", "name": "(anon)"}


def tool(variable, *names):
    """The program that make was told to take, or the first of these that is there."""
    path = os.environ["PATH"] + ":/usr/local/sbin:/usr/sbin:/sbin"
    wanted = [os.environ[variable]] if variable in os.environ else names
    return next(filter(None, (shutil.which(n, path=path) for n in wanted)), wanted[0])


class Types:
    """The types of one BTF."""

    def __init__(self, path):
        text = subprocess.run([tool("BPFTOOL", "bpftool"), "btf", "dump", "-j", "file", str(path)], check=True,
                              stdout=subprocess.PIPE).stdout
        types = json.loads(text)["types"]
        self.by_id = {0: VOID, **{t["id"]: t for t in types}}
        self.by_name = {}
        for t in types:
            self.by_name.setdefault(t["name"], []).append(t)

    def named(self, name, kinds):
        return [t for t in self.by_name.get(name, ()) if t["kind"] in kinds]

    def bare(self, type_id):
        t = self.by_id[type_id]
        while t["kind"] in QUALIFIERS:
            t = self.by_id[t["type_id"]]
        return t

    def members(self, t, offset=0):
        """name -> (type id, offset in bits, bits of a bit field), those of unnamed members too"""
        out = {}
        for m in t["members"]:
            at = offset + m["bits_offset"]
            if m["name"] == "(anon)":
                out.update(self.members(self.bare(m["type_id"]), at))
            else:
                out[m["name"]] = m["type_id"], at, m.get("bitfield_size", 0)
        return out


def plain(name):
    """Without the flavour, as the loader looks for it."""
    return name.split("___")[0]


def shown(t):
    if t["kind"] == "INT":
        return f"{t['nr_bits']}-bit {'signed' if t['encoding'] == 'SIGNED' else 'unsigned'} {t['name']}"
    return f"{t['kind'].lower()} {t['name']}"


def is_signed(t):
    # Of plain characters only bytes are read, and the tool that made 5.10's BTF took all characters for unsigned.
    named = {"char": False, "signed char": True}
    return named.get(t["name"], t["encoding"] == "SIGNED")


class Comparison:
    """Complaints by the name of what they are about."""

    def __init__(self, ours, kernel):
        self.ours, self.kernel = ours, kernel
        self.bad = {}

    def complain(self, name, why):
        self.bad.setdefault(name, []).append(why)

    def type(self, name, ours_id, kernel_id):
        ours, kernel = self.ours.bare(ours_id), self.kernel.bare(kernel_id)
        kind = ours["kind"]
        if kind == "FWD" and kernel["kind"] in RECORDS:
            return
        if kernel["kind"] != kind and not {kind, kernel["kind"]} <= ENUMS:
            self.complain(name, f"we take it for {shown(ours)}, it is {shown(kernel)}")
        elif kind == "INT":
            if ours["nr_bits"] != kernel["nr_bits"] or is_signed(ours) != is_signed(kernel):
                self.complain(name, f"we take it for {shown(ours)}, it is {shown(kernel)}")
        elif kind == "PTR":
            self.pointer(name, ours, kernel)
        elif kind == "ARRAY":
            if ours["nr_elems"] != kernel["nr_elems"] and name not in ANY_COUNT:
                self.complain(name, f"we take it for {ours['nr_elems']} elements, there are {kernel['nr_elems']}")
            self.type(name, ours["type_id"], kernel["type_id"])
        elif kind in RECORDS:
            self.nested(name, ours, kernel)

    def pointer(self, name, ours, kernel):
        to, kernel_to = self.ours.bare(ours["type_id"]), self.kernel.bare(kernel["type_id"])
        if to["kind"] == "VOID" or kernel_to["kind"] == "VOID":
            return
        if to["kind"] in RECORDS | {"FWD"}:
            if plain(to["name"]) != kernel_to["name"]:
                self.complain(name, f"we take it for a pointer to {shown(to)}, it is one to {shown(kernel_to)}")
        else:
            self.type(name, ours["type_id"], kernel["type_id"])

    def nested(self, name, ours, kernel):
        """A record inside of a record: the same one, or both without a name."""
        if ours["name"] == kernel["name"] == "(anon)":
            self.record(name, ours, kernel)
        elif plain(ours["name"]) != kernel["name"]:
            self.complain(name, f"we take it for {shown(ours)}, it is {shown(kernel)}")

    def record(self, name, ours, kernel):
        there = self.kernel.members(kernel)
        for field, (type_id, offset, _) in self.ours.members(ours).items():
            path = f"{name}.{field}"
            if field not in there:
                self.complain(path, "there is no such field")
                continue
            kernel_id, kernel_offset, bits = there[field]
            if bits:
                self.complain(path, f"it is a bit field of {bits}")
            elif name in WHOLE and kernel_offset != offset:
                self.complain(path, f"we take it at bit {offset}, it is at {kernel_offset}")
            else:
                self.type(path, type_id, kernel_id)
        if name in WHOLE and ours["size"] != kernel["size"]:
            self.complain(name, f"we take it for {ours['size']} bytes, it has {kernel['size']}")

    def enum(self, name, ours, kernel):
        values = {v["name"]: v["val"] for v in kernel["values"]}
        for v in ours["values"]:
            path = f"{name}.{v['name']}"
            if v["name"] not in values:
                self.complain(path, "there is no such value")
            elif name not in ANY_VALUE and values[v["name"]] != v["val"]:
                self.complain(path, f"we take it for {v['val']}, it is {values[v['name']]}")


def all_fields(ours, t):
    return list(ours.members(t)) if t["kind"] in RECORDS else [v["name"] for v in t.get("values", ())]


def compare_one(ours, kernel, name):
    """Complaints about one of our types against the best of the kernel's of its name."""
    t, = ours.named(name, RECORDS | ENUMS | {"TYPEDEF"})
    bare = ours.bare(t["id"])
    kinds = {"TYPEDEF"} if t["kind"] == "TYPEDEF" else ENUMS if t["kind"] in ENUMS else {t["kind"]}
    found = kernel.named(plain(name), kinds)
    results = []
    for candidate in found:
        c = Comparison(ours, kernel)
        there = kernel.bare(candidate["id"])
        if bare["kind"] in ENUMS:
            c.enum(name, bare, there)
        elif bare["kind"] in RECORDS and there["kind"] in RECORDS:
            c.record(name, bare, there)
        else:
            c.type(name, t["id"], candidate["id"])
        results.append(c.bad)
    if not found:
        fields = all_fields(ours, bare) if bare["kind"] in RECORDS | ENUMS else []
        return {n: ["there is no such type"] for n in [name] + [f"{name}.{f}" for f in fields]}
    return min(results, key=len)


def own_arch():
    """As bpf/ calls it, of this machine."""
    return {"x86_64": "x86", "aarch64": "arm64"}.get(os.uname().machine, "x86")


def compile_header(header=HEADER, arch=None):
    """(names, Types) of a header like vmlinux.h"""
    clang = [tool("CLANG", "clang", "clang-14"), "-target", "bpf", f"-D__TARGET_ARCH_{arch or own_arch()}", "-g"]
    source = Path(header).read_text()
    text = subprocess.run([*clang, "-E", "-P", "-x", "c", "-"], input=source.encode(), check=True,
                          stdout=subprocess.PIPE).stdout.decode()
    tagged = re.findall(r"^(struct|enum) (\w+) \{", text, re.M)
    names = [n for _, n in tagged] + re.findall(r"^\}? ?(?:typedef [^;{]*\b)?(\w+);$", text, re.M)
    lines = [f"{kind} {n} v_{n};" for kind, n in tagged] + [f"{n} v_{n};" for n in names[len(tagged):]]
    with tempfile.TemporaryDirectory() as tmp:
        out = Path(tmp) / "types.o"
        subprocess.run([*clang, "-c", "-x", "c", "-", "-o", str(out)], check=True,
                       input=(source + "\n" + "\n".join(lines) + "\n").encode())
        return names, Types(out)


@functools.lru_cache(maxsize=None)
def own_types(arch=None):
    return compile_header(HEADER, arch)


def complaints(kernel, own=None):
    """What of vmlinux.h (or of own) is not so in this kernel: lines, each beginning with the field's name."""
    names, ours = own or own_types()
    bad = {}
    for name in names:
        bad.update(compare_one(ours, kernel, name))
    out = []
    for ways in ALTERNATIVES:
        fields = [f for way in ways for f in way]
        if all(any(f in bad for f in way) for way in ways):
            out.append(" / ".join(f"{f}: {'; '.join(bad[f])}" for f in fields if f in bad))
        # A type that is there for one way only goes with its field.
        for field in fields:
            bad.pop(field, None)
            bad.pop(field.split(".")[0], None)
    for name, why in bad.items():
        if name not in OPTIONAL or any(not w.startswith("there is no such") for w in why):
            out += [f"{name}: {w}" for w in why]
    return out


def stale(own=None):
    """What the tables above name, and vmlinux.h does not have; and flavours that no table names."""
    names, ours = own or own_types()
    known = set()
    for name in names:
        bare = ours.bare(ours.named(name, RECORDS | ENUMS | {"TYPEDEF"})[0]["id"])
        if bare["kind"] in RECORDS | ENUMS:
            known |= {f"{name}.{f}" for f in all_fields(ours, bare)}
    told = {f for ways in ALTERNATIVES for way in ways for f in way} | set(OPTIONAL)
    flavours = {f for f in known if "___" in f.split(".")[0]}
    wrong = (told | ANY_COUNT) - known | (flavours - told) | ((ANY_VALUE | WHOLE) - set(names))
    return sorted(wrong)


def extract(image):
    """The BTF inside of a kernel image: found by its header, whatever surrounds it."""
    data = unpacked(Path(image).read_bytes())
    best = b""
    for found in re.finditer(re.escape(struct.pack("<HBB", 0xEB9F, 1, 0)), data):
        at = found.start()
        if at + 24 > len(data):
            continue
        head, types_at, types_len, strings_at, strings_len = struct.unpack_from("<5I", data, at + 4)
        size = head + strings_at + strings_len
        if 24 <= head <= 64 and types_at == 0 and strings_at >= types_len and size <= len(data) - at:
            best = max(best, data[at:at + size], key=len)
    if not best:
        raise ValueError(f"{image}: no BTF in it")
    return best


PACKERS = {b"\x1f\x8b\x08": ["gzip", "-dc"], b"\xfd7z": ["xz", "-dc"], b"\x28\xb5\x2f": ["zstd", "-dc"]}


def payload(data):
    """Where the packed kernel stands in an image (x86's boot protocol, EFI's zboot, or all of it)."""
    if data[0x202:0x206] == b"HdrS":
        pass
    elif data[4:8] == b"zimg":
        at, size = struct.unpack_from("<II", data, 8)
        return data[at:at + size]
    else:
        return data
    at, size = struct.unpack_from("<II", data, 0x248)
    begin = (data[0x1F1] + 1) * 512 + at
    return data[begin:begin + size]


def unpacked(data):
    packed = payload(data)
    command = PACKERS.get(packed[:3])
    if not command:
        return packed
    # What follows the packed data (its size) makes the tools complain after they are done.
    p = subprocess.run(command, input=packed, stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False)
    if not p.stdout:
        raise ValueError(f"{command[0]}: {p.stderr.decode(errors='replace').strip()}")
    return p.stdout


def btf_file(name):
    """(architecture, file with the BTF) that an argument means; no file, after saying why, if none is to be had."""
    import kernels
    arch, path = own_arch(), HOST if name == "host" else Path(name)
    if name in kernels.KERNELS:
        try:
            kernel = kernels.get(name)
            return kernel.bpf_arch, kernel.btf()
        except kernels.Missing as e:
            print(f"SKIP {name}: no such kernel to be had: {e}")
            return arch, None
    if not path.exists():
        print(f"SKIP {name}: there is no {path}")
        return arch, None
    return arch, path


def main():
    failed = compared = 0
    wrong = stale()
    if wrong:
        print(f"tests/vm/btf.py: its tables do not fit vmlinux.h: {', '.join(wrong)}")
    for arg in sys.argv[1:] or ["host"]:
        arch, path = btf_file(arg)
        if not path:
            continue
        bad = complaints(Types(path), own_types(arch))
        for line in bad:
            print(f"{arg}: {line}")
        print(f"{arg}: {len(bad) or 'nothing'} to complain of in {len(own_types(arch)[0])} types", flush=True)
        compared += 1
        failed += bool(bad)
    return 1 if failed or wrong else 0 if compared else 2


if __name__ == "__main__":
    sys.dont_write_bytecode = True
    sys.exit(main())
