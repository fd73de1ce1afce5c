# SPDX-License-Identifier: Apache-2.0
"""What decides which tests are skipped (tests/needs.py): a probe that is wrong would hide them."""

import ast
import json
import os
import re
import shlex
import subprocess
import sys
import xml.etree.ElementTree as ET

import pytest

import needs
from pvm import ROOT, SHARED, TRIGGER_NEEDS, own_call, pvmtrace

LACKING = ROOT / "tests" / "lacking"
# Those that are quick, and about the kernel.
PROBED = sorted(name for name in needs.NEEDS if name not in ("fentry", "mm_access_hook", "kprobe_pages"))
CGROUPS = {*needs.CGROUPS.values(), "cgroup", "cgroup_hybrid"}
# What goes with each of those that can be played.
GONE = {
    "int80": {"int80", "program32"}, "userfaultfd": {"userfaultfd"}, "seccomp": {"seccomp", "seccomp_notify"},
    "set_tid": {"set_tid"}, "pid_ns": {"pid_ns", "set_tid"},
    "mounts": {"mounts", "pid_ns", "fuse", "tracefs", "btrfs", "overlay"},
    "user_ns": {"user_ns", "set_tid"}, "uts_ns": {"uts_ns", "set_tid"}, "time_ns": {"time_ns"},
    "landlock": {"landlock"},
    "cgroup": {*CGROUPS, "memory_limit"},
}


def known(variable):
    return [name for name in os.environ.get(variable, "").split(",") if name]


def test_of_a_known_machine_the_probes_say_what_is_known():
    """And of any other one, they say something."""
    wrong = {name: needs.lack(name) for name in PROBED if name in known("PVM_HAS") and not needs.has(name)}
    assert wrong == {}
    assert [name for name in known("PVM_HAS_NOT") if needs.has(name)] == []
    for name in PROBED:
        assert needs.lack(name) is None or needs.lack(name).startswith((needs.NEEDS[name].what, name))


def lacking(names, *command, timeout=needs.SECONDS, **env):
    return subprocess.run([LACKING, names, *command], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True,
                          timeout=timeout, check=False, env={**os.environ, **env})


@pytest.mark.needs("seccomp", "mounts")
@pytest.mark.parametrize("name", sorted(GONE))
def test_what_is_missing_is_found_missing(name):
    p = lacking(name, sys.executable, "-B", needs.__file__, "--lacking", *PROBED)
    always = {other for other in PROBED if not needs.has(other)}
    assert p.returncode == 0 and set(p.stdout.split()) == always | GONE[name]


def outcomes(report):
    """test -> passed, failed, or why it was skipped"""
    found = {}
    for case in ET.parse(report).getroot().iter("testcase"):
        bad, skipped = case.find("failure") is not None or case.find("error") is not None, case.find("skipped")
        found[case.get("name")] = "failed" if bad else "passed" if skipped is None else skipped.get("message")
    return found


def without_32_bit_calls(where, *words):
    """test -> what came of it, in a run on a machine that has none."""
    report = where / "report.xml"
    p = lacking("int80", sys.executable, "-B", "-m", "pytest", "-p", "no:cacheprovider", "-q", f"--junitxml={report}",
                *words, timeout=3 * needs.SECONDS, PYTEST_ADDOPTS="")
    found = outcomes(report)
    assert p.returncode == 0 and "failed" not in found.values(), p.stdout[-3000:]
    return found


@pytest.mark.slow
@pytest.mark.needs("seccomp", "int80")
def test_only_what_needs_it_is_skipped(tmp_path):
    """In a run on a machine without 32-bit calls; and aloud."""
    found = without_32_bit_calls(tmp_path, str(ROOT / "tests/live/test_abi.py"), "-k", "native or int80 or alike or start")
    assert {found[f"test_native[{op}]"] for op in ("read", "write")} == {"passed"}
    assert found["test_look_alikes_give_no_event[pvmabi]"] == found["test_start_names_the_abis"] == "passed"
    for op in ("read", "write"):
        assert found[f"test_int80_from_64_bit_code[{op}]"] == \
            "needs 32-bit calls of 64-bit programs (int $0x80): it ends with SIGSYS"


@pytest.mark.slow
@pytest.mark.needs("seccomp", "int80")
def test_what_shares_a_fixture_with_it_is_not_skipped(tmp_path):
    """The calls of test_filters' table are made once for all rows, and those of test_replay for all its tests."""
    replay = ROOT / "tests/live/test_replay.py"
    found = without_32_bit_calls(tmp_path, *(f"{replay}::{test}" for test in (
        "test_the_same_as_live[pair]", "test_the_same_as_live[compat]", "test_filters_as_live[none]")))
    assert found["test_the_same_as_live[pair]"] == found["test_filters_as_live[none]"] == "passed"
    assert found["test_the_same_as_live[compat]"].startswith("needs 32-bit calls")


SHARING = """
import pytest

import needs


@pytest.fixture(scope="module", params=[pytest.param("asks"), pytest.param("asks not")])
def shared(request):
    if request.param == "asks not" or needs.has("int80"):
        needs.require("int80")


@pytest.mark.needs("int80")
def test_marked(shared):
    pass


def test_unmarked(shared):
    pass
"""


def test_a_fixture_asks_before_it_does_what_guests_make_up_for(tmp_path):
    """Else it would be skipped with all tests that share it."""
    (tmp_path / "conftest.py").write_text("import needs\n\n\ndef pytest_configure(config):\n    needs.register(config)\n")
    (tmp_path / "test_sharing.py").write_text(SHARING)
    report = tmp_path / "report.xml"
    subprocess.run([sys.executable, "-B", "-m", "pytest", "-p", "no:cacheprovider", "-q", f"--junitxml={report}", tmp_path],
                   stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, timeout=needs.SECONDS, check=False, cwd=tmp_path,
                   env={**os.environ, "PYTEST_ADDOPTS": "", "PVM_LACKS": "int80", "PYTHONPATH": str(ROOT / "tests")})
    found = outcomes(report)
    assert found.pop("test_unmarked[asks]") == "passed" and found.pop("test_unmarked[asks not]") == "failed"
    assert {why[:len("needs int80")] for why in found.values()} == {"needs int80"} and len(found) == 2


def test_a_need_that_guests_make_up_for_has_to_be_marked():
    for name in needs.IN_GUESTS:
        with pytest.raises(pytest.fail.Exception, match=name):
            needs.require(name)


def test_what_guests_make_up_for_is_not_slow(request):
    """They leave out what is."""
    items = [item for item in request.session.items if needs.marked(item) & set(needs.IN_GUESTS)]
    slow = [item.nodeid for item in items if item.get_closest_marker("slow") and item.path.name != "test_needs.py"]
    assert slow == []


def test_a_need_that_nobody_knows_is_an_error():
    with pytest.raises(KeyError, match="int81"):
        needs.lack("int81")


# What in the source of a trigger tells that it needs something, whatever its arguments are.
TRACES = {"SYS_userfaultfd": {"userfaultfd"}, ".set_tid": {"set_tid"}, "SYS_seccomp": {"seccomp"}, "/dev/fuse": {"fuse"},
          "CLONE_NEWPID": {"pid_ns"}, "CLONE_NEWUSER": {"user_ns"}, "CLONE_NEWNS": {"mounts"}, "CLONE_NEWTIME": {"time_ns"},
          "int $0x80": {"int80"}, "__SIZEOF_POINTER__ == 4": {"program32"}}


@pytest.mark.needs("sources")
def test_what_a_trigger_needs_is_known_of_it():
    listed, found = {}, {}
    for words, names in TRIGGER_NEEDS.items():
        listed.setdefault(words[0], set()).update(names)
    for path in (ROOT / "tests" / "live").glob("pvm*.c"):
        for trace, names in TRACES.items():
            if trace in path.read_text():
                found.setdefault(path.stem, set()).update(names)
    assert {name: names - listed.get(name, set()) for name, names in found.items() if names - listed.get(name, set())} == {}
    assert len(found) >= 7


# Words of those that enter other namespaces, or make some; and the needs that are about them.
ENTERS = re.compile(r"\b(?:unshare|nsenter)\b|^mount(?: |$)|--(?:uts|time)=")
ENTERING = {"mounts", "pid_ns", "user_ns", "time_ns", "uts_ns", "fuse", "btrfs", "overlay", "tracefs", "loop"}


def definitions(tree):
    """name -> its definition, at the top of a module."""
    found = {}
    for node in tree.body:
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            found[node.name] = node
        elif isinstance(node, ast.Assign):
            found.update({name.id: node for target in node.targets for name in ast.walk(target) if isinstance(name, ast.Name)})
    return found


def reached(name, known):
    """The definitions that one makes use of, itself first: by name, and fixtures by the names of arguments."""
    seen, ahead = {}, [name]
    while ahead:
        name = ahead.pop()
        if name in known and name not in seen:
            seen[name] = known[name]
            ahead += [n.id if isinstance(n, ast.Name) else n.arg for n in ast.walk(known[name])
                      if isinstance(n, (ast.Name, ast.arg))]
    return seen.values()


def words_of(nodes):
    """Strings, and the names of functions that are called by them."""
    for node in (n for top in nodes for n in ast.walk(top)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value
        elif isinstance(node, ast.Attribute):
            yield node.attr


def needs_named(nodes):
    """The arguments of needs() and require()."""
    return {arg.value for top in nodes for n in ast.walk(top) if isinstance(n, ast.Call) and
            getattr(n.func, "attr", getattr(n.func, "id", None)) in ("needs", "require")
            for arg in n.args if isinstance(arg, ast.Constant)}


def unmarked(source):
    """Its tests that enter namespaces without a word about it."""
    own, known = definitions(ast.parse(source)), {}
    for shared in (ROOT / "tests" / "live").glob("pvm*.py"):
        known.update(definitions(ast.parse(shared.read_text())))
    known.update(own)
    for name in (n for n in own if n.startswith("test_")):
        nodes = [*reached(name, known), *([known["pytestmark"]] if "pytestmark" in known else [])]
        if any(ENTERS.search(word) for word in words_of(nodes)) and not needs_named(nodes) & ENTERING:
            yield name


def test_who_enters_a_namespace_needs_one():
    """Where none can be made such a test would fail. test_needs itself plays such machines."""
    files = sorted(p for p in (ROOT / "tests" / "live").glob("test_*.py") if p.name != "test_needs.py")
    assert {f"{p.name}::{name}" for p in files for name in unmarked(p.read_text())} == set()
    text = (ROOT / "tests" / "live" / "test_outputs.py").read_text()
    assert "test_what_others_do_where_we_have_no_rights" in list(unmarked(text.replace('needs("mounts")', 'needs("acl")')))


def test_what_a_machine_has_is_asked_in_one_place():
    """By tests/needs.py: a skipif would be unknown to the guests that make up for what is missing."""
    files = [p for p in (ROOT / "tests" / "live").glob("*.py") if p.name != "test_needs.py"]
    assert len(files) > 40 and [p.name for p in files if "skipif" in p.read_text()] == []


@pytest.mark.needs("sources", "program:make", "program:gcc", "program:clang", "program:bpftool")
@pytest.mark.parametrize("folder", ["live", "vm/live"])
def test_without_a_compiler_for_32_bit_programs(tmp_path, folder):
    """They are left out, aloud; make goes on."""
    for name in ("Makefile", "bpf", "user", "packaging", "tests", "docs", "vmlinux"):
        (tmp_path / name).symlink_to(ROOT / name)
    made = subprocess.run(["make", "-C", tmp_path, "CC32=false -m32", f"build/{folder}/pvmcall32", f"build/{folder}/pvmone"],
                          stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, check=False,
                          timeout=needs.SECONDS, env={k: v for k, v in os.environ.items() if "MAKE" not in k})
    assert made.returncode == 0, made.stderr
    assert f"build/{folder}/pvmcall32 is left out" in made.stderr and "gcc-multilib" in made.stderr
    assert sorted(p.name for p in (tmp_path / "build" / folder).iterdir() if not p.suffix) == ["pvmone"]


@pytest.mark.needs("seccomp", "x86_64")
def test_probe_says_who_refuses_32_bit_calls():
    run = pvmtrace("--probe", "-f", "json", prefix=[LACKING, "int80"])
    assert run.status == 0, run.err
    abi, = [a for a in json.loads(run.out)["abis"] if a["abi"] == "i386"]
    assert (abi["covered"], abi["proven"]) == (True, False)
    kernel_refuses = "SIGSEGV" in (needs.lack("int80") or "")
    assert abi["note"] == ("this kernel does not run 32-bit calls" if kernel_refuses
                           else "this process may make no 32-bit calls (seccomp)")


def at_vm():
    """Makes the modules of tests/vm known."""
    sys.path.insert(0, str(ROOT / "tests" / "vm"))


@pytest.mark.needs("sources")
def test_what_no_guest_could_run_is_a_failure(tmp_path):
    """Where there is no QEMU, say: it would have been left out here and there."""
    counts = tmp_path / "counts"
    words = [sys.executable, "-B", ROOT / "tests/vm/run", "--short", "--counts", counts]
    for lacks, failed in (["--lacks", "int80", "--lacks", "cgroup_hybrid"], 2), ([], 0):
        p = subprocess.run([*words, *lacks, "ends"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True, check=False,
                           timeout=needs.SECONDS, env={**os.environ, "PATH": str(tmp_path)})
        assert "not installed: qemu" in p.stdout and counts.read_text() == f"0 {failed} 2\n", p.stdout
        assert ("in no guest either: int80, cgroup_hybrid" in p.stdout) == (p.returncode == 1) == bool(failed)


@pytest.mark.needs("sources")
def test_a_guest_that_was_not_to_be_had_tried_nothing():
    at_vm()
    import live
    import report
    old, new = report.Column("5.10"), report.Column("newest")
    old.checks["verifier"], old.hybrid["test_cgroups", "test"] = live.Result("ok", ""), live.Result("ok", "")
    new.live["live", "live"] = live.Result("skip", "no Debian for it")
    assert report.untried([old, new], ["int80", "cgroup_hybrid"]) == ["int80"]
    new.live["test_abi", "test"] = live.Result("FAIL", "a failure of its own")
    assert report.untried([old, new], ["int80", "cgroup_hybrid"]) == []
    assert report.untried([new], ["cgroup_hybrid"]) == ["cgroup_hybrid"]


def collected(words):
    """The tests that pytest would run by these words."""
    listed = subprocess.run([sys.executable, "-B", "-m", "pytest", "-p", "no:cacheprovider", "-q", "--collect-only"], cwd=ROOT,
                            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True, check=False, timeout=needs.SECONDS,
                            env={**os.environ, "PYTEST_ADDOPTS": shlex.join(words)}).stdout
    return [line for line in listed.splitlines() if "::" in line]


@pytest.mark.needs("sources")
@pytest.mark.parametrize("lacks, tests, absent", [
    (["int80", "program32"], ["test_abi.py::test_int80_from_64_bit_code[read]", "test_replay.py::test_the_same_as_live[compat]",
                              "test_filters.py::test_a_32_bit_call_is_judged_like_any_other",
                              "test_records.py::test_seen_counts_32_bit_calls"], "test_replay.py::test_the_same_as_live[pair]"),
    (["fentry", "mm_access_hook"], ["test_attach.py::test_both_methods_tell_the_same",
                                    "test_state.py::test_the_id_is_used_again_under_fentry",
                                    "test_retarget.py::test_filters_judge_the_process_that_was_opened[none-with]",
                                    "test_retarget.py::test_another_target_than_at_entry[with-1]",
                                    "test_retarget.py::test_the_target_executes_another_file[with-1]",
                                    "test_retarget.py::test_a_number_that_changes_hands_twice[with]"],
     "test_retarget.py::test_a_number_that_changes_hands_twice[without]"),
    (["witnesses"], ["test_probe.py::test_a_witness_that_never_fires_is_not_claimed",
                     "test_shadow_stacks.py::test_a_thread_without_a_shadow_stack_is_found[the sweep-tracepoint]"],
     "test_retarget.py::test_another_target_than_at_entry[with-20]"),
    (["perf_kprobes"], ["test_audit.py::test_a_call_that_hooks_see_when_it_ends_is_told_once"],
     "test_audit.py::test_refused_without_kprobes"),
], ids=["32-bit calls", "hooks", "witnesses", "kprobes"])
def test_a_guest_runs_what_this_machine_leaves_out(lacks, tests, absent):
    """As make check starts it: out of whatever file."""
    at_vm()
    import live
    listed = collected(live.arguments("live", short=True, lacks=lacks))
    for test in tests:
        assert f"tests/live/{test}" in listed
    assert not any(absent in test for test in listed)


@pytest.mark.needs("sources")
@pytest.mark.parametrize("part", ["hogs", "hogs full", "witness"])
def test_beside_hogs_one_of_each_runs(part):
    """None that is slow or like another, and of those that differ in their parameters alone one; but that one."""
    at_vm()
    import live
    words = live.arguments(part)
    listed = collected(words)
    every = collected([word for word in words if word != "--one-of-each"] + ["-m", "not slow and not alike"])
    functions = [test.partition("[")[0] for test in listed]
    assert len(functions) == len(set(functions)) > 100
    assert set(functions) == {test.partition("[")[0] for test in every} and len(every) > len(listed)


def test_calls_before_a_test_are_not_its_own(tracer):
    """Of a process of another test that had the same number: as if this were one, and then the next."""
    def told(t):
        return [event["flags"] for event in t.of(os.getpid()) if int(event["flags"], 16) < 0x100]
    own_call(flags=0x10)
    assert told(tracer) == ["0x10"]
    assert SHARED.get() is tracer and tracer.events() == []
    own_call(flags=0x11)
    assert told(tracer) == ["0x11"]
