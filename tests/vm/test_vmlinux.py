# SPDX-License-Identifier: Apache-2.0
"""vmlinux.h against this machine's kernel; and whether what is wrong in it would be noticed, by holding it against
itself with one line changed."""

import sys
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent)]

import btf  # noqa: E402
from needs import require  # noqa: E402


@pytest.fixture(scope="module")
def own():
    return btf.own_types()


def changed(tmp_path, pairs):
    text = btf.HEADER.read_text()
    for old, new in pairs:
        assert old in text, f"vmlinux.h has no {old!r} any more"
        text = text.replace(old, new)
    path = tmp_path / "vmlinux.h"
    path.write_text(text)
    return btf.compile_header(path)


def test_this_kernel():
    require("btf")
    assert btf.complaints(btf.Types(btf.HOST)) == []


def test_tables_fit_the_header():
    assert btf.stale() == []


def test_agrees_with_itself(own):
    assert btf.complaints(own[1]) == []


# What the kernel would have instead of our line, and how the complaint begins.
OTHER_KERNELS = [
    ("name", [("int tgid;", "int thread_group;")], "task_struct.tgid: there is no such field"),
    ("size", [("u64 start_boottime;", "u32 start_boottime;")], "task_struct.start_boottime: we take it for 64-bit"),
    ("sign", [("unsigned int level;", "int level;")], "pid.level: we take it for 32-bit unsigned"),
    ("pointer", [("struct mount *mnt_parent;", "struct dentry *mnt_parent;")], "mount.mnt_parent: we take it for a p"),
    ("kind", [("struct mm_struct *mm;", "unsigned long mm;")], "task_struct.mm: we take it for ptr"),
    ("elements", [("char comm[16];", "char comm[32];")], "task_struct.comm: we take it for 16 elements"),
    ("element", [("void *slots[64];", "u32 slots[64];")], "xa_node.slots: we take it for ptr"),
    ("type", [("struct css_set", "struct css_sets")], "css_set.subsys: there is no such type"),
    ("value", [("PIDTYPE_PID,", "PIDTYPE_NONE,\nPIDTYPE_PID,")], "pid_type.PIDTYPE_PID: we take it for 0, it is 1"),
    ("order", [("int nr;\n\tstruct pid_namespace *ns;", "struct pid_namespace *ns;\n\tint nr;")],
     "upid.nr: we take it at bit 0, it is at 64"),
    ("unnamed", [("int pid;", "struct { int pid; };")], None),
    ("optional", [("\tkuid_t loginuid;", ""), ("\tunsigned int sessionid;", "")], None),
    ("optional, other", [("unsigned int sessionid;", "u64 sessionid;")], "task_struct.sessionid: we take it for 32"),
    ("any count", [("*subsys[12]", "*subsys[9]"), ("numbers[1]", "numbers[0]")], None),
    # with the flavour gone as well, which a kernel cannot have
    ("one of two", [("struct kernfs_node *__parent;", "struct kernfs_node *parent;"),
                    ("struct kernfs_node___parent", "struct unrelated")], None),
    ("none of two", [("struct kernfs_node *__parent;", ""), ("struct kernfs_node___parent", "struct unrelated")],
     "kernfs_node.__parent: there is no such field / kernfs_node___parent.parent: there is no such field"),
    ("old words", [("u64 val;\n} kernel_cap_t", "u32 cap[2];\n} kernel_cap_t"),
                   ("\tkernel_cap_t cap_permitted;", "\tstruct kernel_cap_struct cap_permitted;"),
                   ("\tkernel_cap_t cap_effective;", "\tstruct kernel_cap_struct cap_effective;"),
                   ("struct cred___words", "struct unrelated")], None),
    ("one of three", [("\tmm_flags_t flags;", "\tunsigned long flags;"), ("struct mm_struct___word", "struct unrelated"),
                      ("\tstruct task_exec_state *exec_state;", "")], None),
    ("none of three", [("\tmm_flags_t flags;", "\tu32 flags;"), ("struct mm_struct___word", "struct unrelated"),
                       ("\tstruct task_exec_state *exec_state;", "")], "task_struct.exec_state: there is no such field"),
    ("neither words nor value", [("\tkernel_cap_t cap_effective;", "\tu64 cap_effective;"),
                                 ("struct cred___words", "struct unrelated")],
     "cred.cap_effective: we take it for struct"),
]


@pytest.mark.parametrize("lines, begins", [k[1:] for k in OTHER_KERNELS], ids=[k[0] for k in OTHER_KERNELS])
def test_other_kernel(own, tmp_path, lines, begins):
    _, kernel = changed(tmp_path, lines)
    bad = btf.complaints(kernel, own)
    if begins is None:
        assert bad == []
    else:
        assert any(line.startswith(begins) for line in bad), bad
        assert all(begins.split(".")[0] in line for line in bad), bad


def test_a_flavour_that_no_table_names(tmp_path):
    own = changed(tmp_path, [("#pragma clang attribute pop", "struct file___new { int f_new; };\n"
                                                             "#pragma clang attribute pop")])
    assert btf.stale(own) == ["file___new.f_new"]


def test_extracted_from_an_image(tmp_path):
    """A kernel image of either kind, with the BTF somewhere in the packed part."""
    require("btf", "program:zstd")
    raw = btf.HOST.read_bytes()
    packed = btf.subprocess.run(["zstd", "-q", "-c"], input=b"\x7fELF" + bytes(1000) + raw + bytes(999),
                                stdout=btf.subprocess.PIPE, check=True).stdout
    x86 = bytearray(1024)
    x86[0x1F1], x86[0x202:0x206] = 1, b"HdrS"
    x86[0x248:0x250] = btf.struct.pack("<II", 0, len(packed))
    zboot = b"MZ\0\0zimg" + btf.struct.pack("<II", 64, len(packed)) + bytes(48)
    for name, data in (("x86", bytes(x86) + packed + b"tail"), ("zboot", zboot + packed), ("plain", raw + b"tail")):
        path = tmp_path / name
        path.write_bytes(data)
        assert btf.extract(path) == raw, name
