# SPDX-License-Identifier: Apache-2.0
"""Whether a build can be trusted: it can be made again elsewhere, resists, and says what it is made of."""

import hashlib
import json
import os
import re
import subprocess
from pathlib import Path

import pytest
from debian import BUILD, DEB, ROOT, VERSION

PROGRAM = BUILD / "pvmtrace"
SOURCES = ["Makefile", "README.md", "LICENSES", "bpf", "docs", "packaging", "user", "vmlinux"]
BUILD_SECONDS = 900


def output(*command, **more):
    return subprocess.run([str(c) for c in command], stdout=subprocess.PIPE, check=True, text=True, **more).stdout


@pytest.fixture(scope="module")
def shipped(tmp_path_factory):
    """What the package holds."""
    top = tmp_path_factory.mktemp("shipped")
    output("dpkg-deb", "-x", DEB, top)
    return top


@pytest.fixture(scope="module")
def elsewhere(tmp_path_factory):
    """A tree of the same sources, built in another folder by a user of other habits."""
    top = tmp_path_factory.mktemp("a-much-longer-path-than-the-one-here") / "pvmtrace"
    top.mkdir()
    with subprocess.Popen(["tar", "-C", ROOT, "-cf", "-", *SOURCES], stdout=subprocess.PIPE) as sources:
        output("tar", "-C", top, "-xf", "-", stdin=sources.stdout)
    epoch = output("dpkg-parsechangelog", "-S", "Timestamp", "-l",
                   BUILD / "deb" / f"pvmtrace-{VERSION}" / "debian" / "changelog").strip()
    unlike = {"TZ": "Asia/Kathmandu", "LC_ALL": "C.UTF-8", "HOME": str(top), "USER": "somebody", "SOURCE_DATE_EPOCH": epoch}
    env = {name: value for name, value in os.environ.items() if name not in ("MAKEFLAGS", "MFLAGS", "MAKELEVEL")} | unlike
    for command in (["make", "-j2", "all"], ["packaging/build-deb", VERSION]):
        p = subprocess.run(command, cwd=top, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                           timeout=BUILD_SECONDS, umask=0o027, check=False)
        assert p.returncode == 0, p.stdout[-4000:]
    return top


def expect_same(ours, theirs):
    p = subprocess.run(["diffoscope", ours, theirs], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    assert p.returncode == 0, p.stdout[:8000]
    assert ours.read_bytes() == theirs.read_bytes()


def test_two_builds_are_the_same(elsewhere):
    expect_same(PROGRAM, elsewhere / "build" / "pvmtrace")


def test_two_packages_are_the_same(elsewhere):
    expect_same(DEB, elsewhere / "build" / "deb" / DEB.name)


def resists(program):
    """Fails where the ELF of a program lacks what makes a fault in it harder to use."""
    header, segments, dynamic, symbols = (output("readelf", "-W", what, program) for what in ("-h", "-l", "-d", "--dyn-syms"))
    assert re.search(r"Type:\s+DYN", header)
    assert re.search(r"FLAGS_1.*\bPIE\b", dynamic), "no position-independent executable"
    assert "GNU_RELRO" in segments and re.search(r"\(FLAGS\).*BIND_NOW|FLAGS_1.*\bNOW\b", dynamic), "no full RELRO"
    stack = re.search(r"GNU_STACK\s+(?:0x\w+\s+){5}(\S.*?)\s+0x", segments)
    assert stack and "E" not in stack[1], "an executable stack"
    loads = re.findall(r"LOAD\s+(?:0x\w+\s+){5}(\S.*?)\s+0x", segments)
    assert loads and not [flags for flags in loads if "W" in flags and "E" in flags], "memory to be written and executed"
    assert "__stack_chk_fail" in symbols, "no stack protector"
    assert re.search(r"__\w+_chk\b(?<!__stack_chk)", symbols.replace("__stack_chk_fail", "")), "no fortified functions"
    assert not re.search(r"\((TEXTREL|RPATH|RUNPATH)\)", dynamic)


def test_the_program_resists():
    resists(PROGRAM)


def test_the_shipped_program_resists(shipped):
    resists(shipped / "usr/sbin/pvmtrace")


def test_a_program_that_does_not_is_found(tmp_path):
    """The check itself can fail, of each of its kinds."""
    source = tmp_path / "weak.c"
    source.write_text("#include <stdio.h>\nint main(int c, char **v) { char b[64]; sprintf(b, \"%s\", v[c - 1]); return b[0]; }\n")
    strong = ["-O2", "-fPIE", "-fstack-protector-strong", "-D_FORTIFY_SOURCE=2", "-pie", "-Wl,-z,relro,-z,now,-z,noexecstack"]
    for off in ([], ["-no-pie"], ["-Wl,-z,lazy"], ["-Wl,-z,norelro"], ["-Wl,-z,execstack"], ["-fno-stack-protector"],
                ["-U_FORTIFY_SOURCE"], ["-Wl,-rpath,/tmp"]):
        output("gcc", *strong, *off, source, "-o", tmp_path / "weak")
        if off:
            with pytest.raises(AssertionError):
                resists(tmp_path / "weak")
        else:
            resists(tmp_path / "weak")


def test_no_word_of_where_it_was_built(shipped):
    for program in (PROGRAM, shipped / "usr/sbin/pvmtrace"):
        assert str(ROOT).encode() + b"/" not in program.read_bytes()


def test_what_it_is_made_of(shipped):
    bill = json.loads((shipped / "usr/share/pvmtrace/pvmtrace.spdx.json").read_text())
    program = shipped / "usr/sbin/pvmtrace"
    parts = {part["SPDXID"]: part for part in bill["packages"]}
    assert bill["spdxVersion"] == "SPDX-2.3" and bill["dataLicense"] == "CC0-1.0"
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", bill["creationInfo"]["created"])
    assert parts["SPDXRef-pvmtrace"]["versionInfo"] == VERSION
    assert parts["SPDXRef-pvmtrace"]["checksums"] == [
        {"algorithm": "SHA256", "checksumValue": hashlib.sha256(program.read_bytes()).hexdigest()}]
    relations = {(r["spdxElementId"], r["relationshipType"], r["relatedSpdxElement"]) for r in bill["relationships"]}
    assert {end for r in relations for end in (r[0], r[2])} == {"SPDXRef-DOCUMENT", *parts}
    # What the dynamic linker really gives it.
    linked = dict(re.findall(r"^\s*(\S+) => (/\S+)", output("ldd", program), re.M))
    told = {parts[to]["comment"]: parts[to] for of, kind, to in relations if kind == "DYNAMIC_LINK" and of == "SPDXRef-pvmtrace"}
    assert set(told) == set(linked)
    for library, path in linked.items():
        # Debian's /lib is /usr/lib, and packages know their files by either name.
        of = output("dpkg-query", "-S", f"*{str(Path(path).resolve()).removeprefix('/usr')}")
        package = of.split(":")[0]
        assert told[library]["name"] == package
        assert told[library]["versionInfo"] == output("dpkg-query", "-W", "-f", "${Version}", package)
    assert {"gcc", "clang", "bpftool"} <= {parts[of]["comment"] for of, kind, _ in relations if kind == "BUILD_TOOL_OF"}
