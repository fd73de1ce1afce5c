# SPDX-License-Identifier: Apache-2.0
"""Who called whom: every identity key against /proc, by both ways to look up a target."""

import os
import shutil

import pytest

from pvm import Held, TRIGGERS, Tracer, expect_call, parse_time, trigger, trigger_one
from pvm_host import expected_task, start_ns, status

PVMCALL = TRIGGERS / "pvmcall"


def last(tracer, pid):
    return tracer.of(pid)[-1]


def hold(*args, name=PVMCALL, **popen):
    h = Held(name, *args, **popen)
    assert h.line()["ready"]
    return h


def agree(task, pid):
    """The record's keys are those of /proc, for a process that is still there."""
    want = expected_task(pid)
    have = {k: task[k] for k in want}
    have["ns"] = {k: task["ns"][k] for k in want["ns"]}
    assert have == want
    assert abs(parse_time(task["start"]) - start_ns(pid)) < 30 * 10**6


def test_all_keys_of_both_sides(resolver):
    with hold("step") as target, hold("step", target.pid) as caller:
        t = caller.step()
        event = last(resolver, caller.pid)
        expect_call(event, t["calls"][0])
        agree(event["caller"], caller.pid)
        agree(event["target"], target.pid)
        assert event["caller"]["args"] == [str(PVMCALL), "step", str(target.pid)]
        assert event["target"]["args"] is None
        assert event["relation"] == {"kinship": "none", "same_uid": True, "same_user": True, "same_container": True,
                                     "same_pid_ns": True, "same_mnt_ns": True, "same_memory": False}


def test_entity_id_is_the_process(resolver):
    with hold("step") as a, hold("step") as b:
        b.step(f"target {a.pid}")
        a.step(f"target {b.pid}")
        a.step(f"target {a.pid}")
        ab, aa = resolver.of(a.pid)
        ba = last(resolver, b.pid)
        assert ab["caller"]["entity_id"] == aa["target"]["entity_id"] == ba["target"]["entity_id"]
        assert ab["target"]["entity_id"] == ba["caller"]["entity_id"]
        assert ab["caller"]["entity_id"] != ab["target"]["entity_id"]


def test_a_thread_calls(resolver):
    t = trigger_one("pvmcall", "thread")
    event = resolver.one(t["pid"])
    assert t["tid"] != t["pid"]
    assert event["caller"]["tid"] == t["tid"] and event["caller"]["pid"] == t["pid"]
    assert event["target"]["tid"] == event["target"]["pid"] == t["pid"]
    assert event["relation"]["kinship"] == "self"


@pytest.mark.parametrize("whose, kinship", [("self", "self"), ("child", "child")])
def test_a_thread_id_as_target(resolver, whose, kinship):
    t = trigger_one("pvmcall", "tid", whose)
    event = resolver.one(t["pid"])
    expect_call(event, t["calls"][0])
    assert event["target"]["arg"] == event["target"]["tid"] == t["target_tid"]
    assert event["target"]["pid"] == t["target"] != t["target_tid"]
    assert event["relation"]["kinship"] == kinship and event["ret"] == 64


def test_a_thread_that_executes_a_file_gives_its_number_up(resolver):
    """A caller that named it before does so no more."""
    t = trigger_one("pvmagain")
    before, after, main = resolver.of(t["pid"])
    assert [e["ret"] if e["ret"] >= 0 else e["error"] for e in (before, after)] == [32, "ESRCH"]
    assert (before["target"]["tid"], before["target"]["pid"]) == (t["target_tid"], t["target"])
    assert after["target"]["arg"] == t["target_tid"] and after["target"]["pid"] is None
    assert main["target"]["tid"] == main["target"]["pid"] == t["target"]
    assert before["target"]["entity_id"] == main["target"]["entity_id"]


@pytest.mark.parametrize("generations, kinship", [
    (1, "child"), (2, "child"), (32, "child"), (33, "none"), (-1, "parent"), (-32, "parent"), (-33, "none")])
def test_kinship(resolver, generations, kinship):
    t = trigger_one("pvmcall", "kin", generations)
    event = resolver.one(t["pid"])
    expect_call(event, t["calls"][0])
    assert event["target"]["pid"] == t["target"] and event["relation"]["kinship"] == kinship


def test_kinship_of_siblings(resolver):
    t = trigger_one("pvmcall", "siblings")
    event = resolver.one(t["pid"])
    assert event["target"]["pid"] == t["target"] and event["relation"]["kinship"] == "none"


def test_same_uid_looks_at_real_uids(resolver):
    with hold("step") as target, hold("step", target.pid) as caller:
        caller.step("uid 4343")  # the real one only
        event = last(resolver, caller.pid)
        assert event["caller"]["uid"] == 4343 and event["caller"]["euid"] == 0
        assert event["target"]["uid"] == 0 and event["relation"]["same_uid"] is False
        target.step("uid 4343")
        caller.step()
        assert last(resolver, caller.pid)["relation"]["same_uid"] is True
        agree(last(resolver, caller.pid)["caller"], caller.pid)


def test_pidfd_names_the_same_process(resolver):
    t = trigger_one("pvmcall", "pidfd", "child")
    event = resolver.one(t["pid"])
    assert event["target"]["pid"] == t["target"] and event["relation"]["kinship"] == "child"


@pytest.mark.needs("loginuid")
def test_loginuid_and_sessionid(resolver):
    def log_in():
        with open("/proc/self/loginuid", "w", encoding="ascii") as f:
            f.write("4711")
    with hold("step", preexec_fn=log_in) as h:
        h.step()
        caller = last(resolver, h.pid)["caller"]
        assert caller["loginuid"] == 4711 and caller["sessionid"] is not None
        agree(caller, h.pid)


def test_capabilities_of_the_caller(resolver):
    t = trigger_one("pvmcall", "--uid", 4242, "self")
    assert resolver.one(t["pid"])["caller"]["caps_effective"] == "0x0"
    with hold("step") as h:
        h.step()
        assert int(last(resolver, h.pid)["caller"]["caps_effective"], 16) == int(status(h.pid)["CapEff"], 16)


def test_short_lives_show_who_they_were(resolver, public_dir):
    """exec, one call, exit: about half a millisecond each."""
    path = public_dir / "short one"
    shutil.copy(TRIGGERS / "pvmone", path)
    t = trigger_one("pvmspawn", 40, path)
    resolver.fence()
    for i, (pid, _, result) in enumerate(t["runs"]):
        events = resolver.events(pid)
        assert result == 0 and len(events) == 1
        caller = events[0]["caller"]
        assert caller["exe"] == str(path) and caller["comm"] == "short one"
        assert caller["args"] == ["short", "--run", str(i), "", "last"]
        assert caller["ppid"] == t["pid"] and caller["pcomm"] == "pvmspawn"
        assert events[0]["ret"] == 7 and events[0]["target"]["exe"] == str(path)
    assert len({resolver.events(p)[0]["caller"]["entity_id"] for p, _, _ in t["runs"]}) == 40


def test_exec_in_between(resolver, public_dir):
    other = public_dir / "other"
    shutil.copy(PVMCALL, other)
    with hold("step") as h:
        h.step()
        h.send(f"exec {other} renamed step")
        assert h.line()["pid"] == h.pid
        h.step()
        before, after = resolver.of(h.pid)
        assert before["caller"]["exe"] == str(PVMCALL) and after["caller"]["exe"] == str(other)
        assert before["caller"]["args"] == [str(PVMCALL), "step"]
        assert after["caller"]["args"] == ["renamed", "step"]
        assert (before["caller"]["comm"], after["caller"]["comm"]) == ("pvmcall", "other")
        assert before["caller"]["exe_ino"] != after["caller"]["exe_ino"] == os.stat(other).st_ino
        assert before["caller"]["entity_id"] == after["caller"]["entity_id"]


def test_exec_of_the_same_file_with_other_arguments(resolver):
    with hold("step") as h:
        h.step()
        h.send(f"exec {PVMCALL} second step")
        h.line()
        h.step()
        assert [e["caller"]["args"][0] for e in resolver.of(h.pid)] == [str(PVMCALL), "second"]


def test_memfd_executable(resolver):
    fd = os.memfd_create("hidden tool", 0)
    os.write(fd, PVMCALL.read_bytes())
    with hold("step", name=f"/proc/self/fd/{fd}", argv0="innocent", pass_fds=[fd]) as h:
        h.step()
        caller = last(resolver, h.pid)["caller"]
        agree(caller, h.pid)
        assert caller["exe"] == "/memfd:hidden tool" and caller["exe_deleted"] is True
        assert caller["args"] == ["innocent", "step"]
    os.close(fd)


def test_deleted_executable(resolver, public_dir):
    path = public_dir / "gone soon"
    shutil.copy(PVMCALL, path)
    with hold("step", name=path) as h:
        path.unlink()
        h.step()
        caller = last(resolver, h.pid)["caller"]
        agree(caller, h.pid)
        assert caller["exe"] == str(path) and caller["exe_deleted"] is True


@pytest.mark.parametrize("gone", [False, True])
def test_executable_whose_name_says_that_it_is_deleted(resolver, public_dir, gone):
    """The path alone is told, so that one name never stands for two things."""
    path = public_dir / "tool (deleted)"
    shutil.copy(PVMCALL, path)
    with hold("step", name=path) as h:
        if gone:
            path.unlink()
        h.step()
        caller = last(resolver, h.pid)["caller"]
        agree(caller, h.pid)
        assert (caller["exe"], caller["exe_deleted"]) == (str(path), gone)


def test_executable_replaced_by_a_newer_one(resolver, public_dir):
    """A package upgrade: another file has the name now, and who asks for it by its end still finds it."""
    path, new = public_dir / "sshd", public_dir / "sshd.new"
    shutil.copy(PVMCALL, path)
    with hold("step", name=path) as target, hold("step", target.pid) as caller:
        shutil.copy(PVMCALL, new)
        new.rename(path)
        caller.step()
        found = last(resolver, caller.pid)["target"]
        agree(found, target.pid)
        assert found["exe"].endswith("/sshd") and found["exe_deleted"] is True
        assert found["exe_ino"] != path.stat().st_ino


def test_executable_deleted_between_calls(resolver, public_dir):
    path = public_dir / "gone later"
    shutil.copy(PVMCALL, path)
    with hold("step", name=path) as h:
        h.step()
        path.unlink()
        h.step()
        before, after = [e["caller"] for e in resolver.of(h.pid)]
        assert (before["exe"], before["exe_deleted"]) == (str(path), False)
        assert (after["exe"], after["exe_deleted"]) == (str(path), True)


def test_executable_seen_from_the_root_of_its_mount_namespace(resolver, public_dir):
    t = trigger_one("pvmcall", "--chroot", public_dir, "self")
    assert resolver.one(t["pid"])["caller"]["exe"] == str(PVMCALL)


@pytest.mark.needs("mounts")
def test_executable_on_another_mount(resolver, public_dir):
    where = public_dir / "mnt" / "deeper"
    where.mkdir(parents=True)
    script = (f"mount -t tmpfs none '{public_dir}/mnt' && mkdir '{where}' && "
              f"cp '{PVMCALL}' '{where}/tool' && exec '{where}/tool' self")
    t = trigger("/usr/bin/unshare", "-m", "sh", "-c", script)[0]
    event = resolver.one(t["pid"])
    assert event["caller"]["exe"] == f"{where}/tool"
    assert event["caller"]["ns"]["mnt"] != os.stat("/proc/self/ns/mnt").st_ino


@pytest.mark.needs("mounts")
def test_executable_under_many_mounts(resolver, public_dir):
    """More of them than are followed: its name is known all the same."""
    path = public_dir / "tool"
    shutil.copy(PVMCALL, path)
    script = (f"for i in $(seq 100); do mount --bind '{path}' '{path}' || exit 77; done; exec '{path}' self")
    t = trigger("/usr/bin/unshare", "-m", "sh", "-c", script)[0]
    assert resolver.one(t["pid"])["caller"]["exe"] == "[...]/tool"


def test_long_path(public_dir):
    """Longer than a page allows: 30 directories of 100 bytes."""
    where = public_dir
    for i in range(30):
        where = where / f"{i:02d}{'x' * 98}"
    where.mkdir(parents=True)
    path = where / "tool"
    shutil.copy(PVMCALL, path)
    with Tracer() as t:
        run = trigger_one(str(path), "self")
        assert t.one(run["pid"])["caller"]["exe"] == str(path)


def test_a_path_that_pushes_the_target_out(public_dir):
    """Of thousands of bytes, and arguments beside: with --max-line 5000 the target stands where common readers look, all of who it is,
    and of the path its end."""
    where = public_dir
    for i in range(36):
        where = where / f"{i:02d}{chr(1) * 98}"
    where.mkdir(parents=True)
    shutil.copy(PVMCALL, where / "tool")
    with Tracer("--max-line", 5000, max_line=5000) as t:
        event = t.one(trigger_one(str(where / "tool"), "pid", os.getpid(), *["\x01" * 250] * 4)["pid"])
        assert event["caller"]["exe"].endswith("/tool") and {"caller.exe", "caller.args"} <= set(event["truncated"])
        agree(event["target"], os.getpid())
