# SPDX-License-Identifier: Apache-2.0
"""--caller-exe and --target-exe: a file, not a name. Who copies it, calls himself like it, or has it somewhere else is not it."""

import contextlib
import os
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

import pytest

from pvm import TRIGGERS, Held, Tracer, pvmtrace, trigger, trigger_one
from pvm_fuse import Fuse
from pvm_host import mounted, overlay

PVMCALL = TRIGGERS / "pvmcall"


@pytest.fixture(name="place")
def directory_for_all():
    """Where the collector may look after it has given up its rights."""
    path = Path(tempfile.mkdtemp(prefix="pvmexe-"))
    path.chmod(0o755)
    yield path
    shutil.rmtree(path)


def tool(place, name="tool"):
    return Path(shutil.copy(PVMCALL, place / name))


def told(t, path, *args, **popen):
    """Whether a call of the program is told, which is followed by one that surely is."""
    run = trigger_one(path, *args or ("self",), **popen)
    return run["pid"], [e["caller"]["exe"] for e in t.of(run["pid"])]



@pytest.fixture(name="t")
def tracer_without(place):
    """A tracer that leaves one program out: all others are told, so there is a fence."""
    with Tracer("--caller-exe", f"!{tool(place)}") as t:
        yield t


def test_the_file_is_left_out_and_nothing_else(t, place):
    path = place / "tool"
    filters = t.start["filters"]
    assert filters["caller"]["exe"] == [f"!{path}"] and filters["target"]["exe"] == []
    st = path.stat()
    assert filters["files"] == [{"side": "caller", "path": str(path), "ino": st.st_ino,
                                 "dev": f"{os.major(st.st_dev):02x}:{os.minor(st.st_dev):02x}"}]
    assert told(t, path)[1] == []
    assert told(t, PVMCALL)[1] == [str(PVMCALL)]


def test_a_copy_elsewhere(t, place):
    (place / "other").mkdir()
    copy = tool(place / "other")
    assert told(t, copy)[1] == [str(copy)]


def test_a_name_is_not_enough(t):
    """Neither the first argument nor the name of the thread."""
    run = trigger_one(PVMCALL, "--comm", b"tool".hex(), "self")
    assert t.one(run["pid"])["caller"]["comm"] == "tool"


def test_another_name_of_the_file(t, place):
    """It is the same file."""
    os.link(place / "tool", place / "link")
    assert told(t, place / "link")[1] == []
    (place / "symbolic").symlink_to(place / "tool")
    assert told(t, place / "symbolic")[1] == []


@pytest.mark.needs("mounts")
def test_a_mount_over_the_path_in_another_namespace(t, place):
    """What stands at the path there is another file, whatever it is called."""
    evil, path = tool(place, "evil"), place / "tool"
    script = f"mount --bind '{evil}' '{path}' && exec '{path}' self"
    run = trigger_one("/usr/bin/unshare", "-m", "sh", "-c", script)
    event = t.one(run["pid"])
    assert event["caller"]["exe"] == str(path)
    # And the file itself is the same in any of them.
    run = trigger_one("/usr/bin/unshare", "-m", "sh", "-c", f"exec '{path}' self")
    assert t.of(run["pid"]) == []


@pytest.mark.needs("mounts")
def test_a_file_of_that_path_in_another_root(t, place):
    """As a container has it."""
    root = place / "root"
    inside = root / str(place / "tool")[1:]
    inside.parent.mkdir(parents=True)
    shutil.copy(PVMCALL, inside)
    script = (f"mount --rbind / '{root}' 2>/dev/null; mount -t tmpfs none '{root}/tmp' && mkdir -p '{root}{place}' && "
              f"cp '{PVMCALL}' '{root}{place}/tool' && exec chroot '{root}' '{place}/tool' self")
    run = trigger_one("/usr/bin/unshare", "-m", "sh", "-c", script)
    assert t.one(run["pid"])["caller"]["exe"].endswith(f"{place}/tool")


def replaced(t, code):
    return t.wait(lambda t: [r for r in t.records("error") if r["code"] == code], timeout=10, what="a record of the change")


def test_a_replaced_file(t, place):
    """As a package's upgrade does it: what runs from the earlier file goes on counting, and the new one counts."""
    path = place / "tool"
    with Held(path, "step") as running:
        tool(place, "new").rename(path)
        assert str(path) in replaced(t, "excluded_replaced")[0]["message"]
        assert told(t, path)[1] == []
        running.step()
        assert t.of(running.pid) == []
    assert told(t, PVMCALL)[1] == [str(PVMCALL)]
    t.stop()
    assert t.end["complete"] is True


def test_a_changed_file_and_one_that_goes(t, place):
    with open(place / "tool", "ab") as f:
        f.write(b"\0")
    assert "was changed" in replaced(t, "excluded_replaced")[0]["message"]
    assert told(t, place / "tool")[1] == []
    (place / "tool").unlink()
    t.wait(lambda t: len(t.records("error")) == 2, timeout=10, what="a second record")
    assert "not there" in t.records("error")[1]["message"]


def test_a_changed_file_with_its_old_time(t, place):
    path = place / "tool"
    was = path.stat()
    with open(path, "r+b") as f:
        f.seek(was.st_size - 1)
        f.write(b"\1")
    os.utime(path, ns=(was.st_atime_ns, was.st_mtime_ns))
    assert (path.stat().st_size, path.stat().st_mtime_ns) == (was.st_size, was.st_mtime_ns)
    assert "was changed" in replaced(t, "excluded_replaced")[0]["message"]


@pytest.mark.needs("fuse", "mounts")
def test_an_inode_that_is_made_anew_under_its_number(place):
    """As NFS and FUSE do it: to stat(2) it is the same file, for the kernel it is another one."""
    with contextlib.closing(Fuse(place, "tool", PVMCALL.read_bytes())) as served, Tracer("--caller-exe", place / "tool") as t:
        was = (place / "tool").stat()
        run = trigger_one("/bin/sh", "-c", f"exec {place}/tool self")
        t.wait(lambda t: t.events(run["pid"]), what="the call")
        served.generation += 1
        assert (place / "tool").stat() == was
        assert "is another file now" in replaced(t, "wanted_replaced")[0]["message"]
        run = trigger_one("/bin/sh", "-c", f"exec {place}/tool self")
        t.wait(lambda t: t.events(run["pid"]), what="a call of the new file")


@pytest.mark.parametrize("change", ["mode", "content"])
def test_a_wanted_file_that_is_changed_where_it_is(place, change):
    """It is the same file, of which every call is told: nothing is missing."""
    path = tool(place)
    with Tracer("--caller-exe", path) as t:
        if change == "mode":
            path.chmod(0o700)
            path.chmod(0o755)
        else:
            with open(path, "ab") as f:
                f.write(b"\0")
        assert "was changed" in replaced(t, "wanted_changed")[0]["message"]
        run = trigger_one(path, "self")
        t.wait(lambda t: t.events(run["pid"]), what="a call of it")
        path.unlink()
        t.wait(lambda t: len(t.records("error")) == 2, timeout=10, what="a second record")
        t.stop()
        assert {e["code"] for e in t.records("error")} == {"wanted_changed"} and t.end["complete"] is True


RULES_OF_FILES = """\
rule mine {}
caller-exe {}
"""


@pytest.mark.parametrize("action, value, code", [("drop", "", "excluded_replaced"), ("drop", "!", "wanted_replaced"),
                                                 ("tell", "", "wanted_replaced"), ("tell", "!", "excluded_replaced")])
def test_what_a_rule_does_with_a_replaced_file(place, action, value, code):
    """Of one that drops, calls are missing where it drops what runs from no other file."""
    path, conf = tool(place), place / "rules.conf"
    conf.write_text(RULES_OF_FILES.format(action, f"{value}{path}"))
    with Tracer("--config", conf) as t:
        tool(place, "new").rename(path)
        replaced(t, code)
        t.stop()
        assert t.end["complete"] is (code == "excluded_replaced")


@pytest.mark.needs("overlay", "mounts")
def test_an_overlay(place):
    """The file is the one that the overlay shows: also once it is copied up; not the one below, nor the copy."""
    with mounted(place / "fs", "-t", "tmpfs", "none") as top:
        top.chmod(0o755)
        (top / "lower").mkdir()
        below = tool(top / "lower")
        with overlay(top, top / "lower") as where, Tracer("--caller-exe", f"!{where}/tool") as t:
            path = where / "tool"
            with Held(path, "step") as running:
                assert told(t, path)[1] == []
                assert len(told(t, below)[1]) == 1
                os.chown(path, 12, 12)
                assert (top / "upper" / "tool").exists()
                assert "was changed" in replaced(t, "excluded_replaced")[0]["message"]
                assert told(t, path)[1] == []
                assert len(told(t, below)[1]) == len(told(t, top / "upper" / "tool")[1]) == 1
                running.step()
                assert t.of(running.pid) == []
            tool(where, "new").rename(path)
            t.wait(lambda t: len(t.records("error")) == 2, timeout=10, what="the new file")
            assert "is another file now" in t.records("error")[1]["message"]
            assert told(t, path)[1] == []


@pytest.mark.needs("overlay", "mounts")
def test_an_overlay_of_two_file_systems(place):
    """There a file gets another number when it is copied up, and is the same one."""
    with mounted(place / "fs", "-t", "tmpfs", "none") as top, mounted(place / "below", "-t", "tmpfs", "none") as lower:
        top.chmod(0o755)
        tool(lower)
        with overlay(top, lower) as where, Tracer("--caller-exe", where / "tool") as t:
            os.chown(where / "tool", 12, 12)
            assert "was changed" in replaced(t, "wanted_changed")[0]["message"]
            run = trigger_one(where / "tool", "self")
            t.wait(lambda t: t.events(run["pid"]), what="a call of it")
            t.stop()
            assert t.end["complete"] is True


def test_a_program_that_is_in_no_directory(t, place):
    """It has the excluded one's content and name, and is another file."""
    fd = os.memfd_create("tool")
    os.write(fd, (place / "tool").read_bytes())
    run = trigger_one(f"/proc/self/fd/{fd}", "self", pass_fds=[fd])
    assert t.one(run["pid"])["caller"]["exe"] == "/memfd:tool"
    os.close(fd)


@pytest.mark.needs("user_ns")
@pytest.mark.parametrize("value", ["", "!"])
@pytest.mark.parametrize("option", ["caller", "target", "caller-ancestor"])
def test_a_program_that_counts_as_another(place, option, value):
    """By prctl(2), as anybody can who makes a user namespace. It is told, whether its own file is wanted, or the other excluded."""
    own, other = Path(shutil.copy(TRIGGERS / "pvmworn", place / "own")), tool(place)
    then = [PVMCALL, "self"] if option == "caller-ancestor" else []
    with Tracer(f"--{option}-exe", f"{value}{other if value else own}") as t:
        run = trigger_one("/usr/bin/unshare", "-Ur", own, other, *then)
        (event,) = t.wait(lambda t: t.events(run["pid"]), what="the call")
        if not then:
            assert event["caller"]["exe"] == str(other)


def test_only_what_is_wanted(place):
    path, other = tool(place), tool(place, "other")
    with Tracer("--caller-exe", path) as t:
        for program in (other, PVMCALL, path):
            run = trigger_one(program, "self")
        events = t.wait(lambda t: t.events(), what="the call")
        time.sleep(0.3)
        assert {e["caller"]["pid"] for e in t.events()} == {run["pid"]} and events[0]["caller"]["exe"] == str(path)
        tool(place, "new").rename(path)
        assert replaced(t, "wanted_replaced")
        run = trigger_one(path, "self")
        t.wait(lambda t: t.events(run["pid"]), what="a call of the new file")
        t.stop()
        assert t.end["complete"] is False and "wanted_replaced" in t.end["incomplete"]


def test_targets_and_patterns(place):
    wanted, other = tool(place, "victim-1"), tool(place, "bystander")
    with Tracer("--target-exe", f"{place}/victim-*") as t:
        for program in (other, wanted):
            run = trigger(program, "pair")[0]  # two calls on a child of its own
        t.wait(lambda t: len(t.events()) == 2, what="two calls")
        time.sleep(0.3)
        assert {e["caller"]["pid"] for e in t.events()} == {run["pid"]}
        assert [f["path"] for f in t.start["filters"]["files"]] == [str(wanted)]
        # One that comes later is bound within some seconds.
        later = tool(place, "victim-2")
        t.wait(lambda t: t.records("error"), timeout=20, what="the new file")
        run = trigger(later, "pair")[0]
        t.wait(lambda t: len(t.events(run["pid"])) == 2, what="two more")


AGENT = "agent"


def started(agent, *between):
    """pid of a caller that the agent has started, by these."""
    script = f"{PVMCALL} self; true"
    for shell in between:
        script = f"{shell} -c '{script}'; true" if "'" not in script else f'{shell} -c "{script}"; true'
    return trigger_one(agent, "-c", script)["pid"]


def shell(place, name=AGENT):
    return Path(shutil.copy(os.path.realpath("/bin/sh"), place / name))


def test_all_that_a_program_has_started(place):
    agent, other = shell(place), shell(place, "other")
    with Tracer("--caller-ancestor-exe", f"!{agent}") as t:
        assert t.start["filters"]["caller"]["ancestor_exe"] == [f"!{agent}"]
        assert [(f["side"], f["path"]) for f in t.start["filters"]["files"]] == [("caller_ancestor", str(agent))]
        assert t.of(started(agent)) == t.of(started(agent, "/bin/sh")) == t.of(started(agent, "/bin/sh", other)) == []
        assert len(t.of(started(other))) == 1
        # It is not its own ancestor.
        assert len(t.of(trigger_one(PVMCALL, "self")["pid"])) == 1
        shell(place, "new").rename(agent)
        replaced(t, "excluded_replaced")
        assert t.of(started(agent)) == []


@pytest.mark.parametrize("resolve", ["auto", "walk"])
def test_only_what_a_program_has_started(place, resolve):
    """Of the caller, and of the target: here they are the same."""
    agent, other = shell(place), shell(place, "other")
    with Tracer("--caller-ancestor-exe", agent, "--target-ancestor-exe", f"{place}/ag*", "--resolve", resolve) as t:
        pids = [started(other), started(agent, other), started(agent)]
        t.wait(lambda t: len(t.events()) == 2, what="two calls")
        assert [e["caller"]["pid"] for e in t.events()] == pids[1:]


def test_the_targets_ancestors(place):
    agent = shell(place)
    with Held(agent, "-c", f"{PVMCALL} step; true") as h:
        target = h.line()["pid"]
        with Tracer("--target-ancestor-exe", f"!{agent}") as t:
            assert t.of(trigger_one(PVMCALL, "pid", target)["pid"]) == []
            assert len(t.of(trigger_one(PVMCALL, "pid", os.getpid())["pid"])) == 1


def deep(agent, generations):
    """pid of a caller of which the agent is the ancestor of this number."""
    script = f'if [ $1 -gt 1 ]; then /bin/sh -c "$0" "$0" $(($1 - 1)); else {PVMCALL} self; fi; true'
    return trigger_one(agent, "-c", script, script, generations)["pid"]


def test_more_generations_than_are_looked_at(place):
    """Sixteen: who has an ancestor behind these may descend from any program, and is told, with or without the program."""
    agent, other = shell(place), shell(place, "other")
    for value, told_ones in ((agent, [0, 1, 3]), (f"!{agent}", [1, 2, 3])):
        with Tracer("--caller-ancestor-exe", value) as t:
            pids = [deep(agent, 15), deep(agent, 17), started(other), deep(other, 17)]
            t.wait(lambda t: t.events(pids[3]), what="the last call")
            assert [n for n, pid in enumerate(pids) if t.events(pid)] == told_ones, value


# Its main thread ends while another one has a program started; which goes on for as long.
HEADLESS = """
import ctypes, subprocess, sys, threading, time
def run():
    while open("/proc/self/stat").read().rpartition(")")[2].split()[0] != "Z":
        time.sleep(0.01)
    subprocess.run(sys.argv[1:], check=True)
threading.Thread(target=run).start()
ctypes.CDLL(None).syscall({"x86_64": 60, "aarch64": 93}[__import__("os").uname().machine], 0)
"""


def test_the_main_thread_of_an_ancestor_has_ended(place):
    """Which program it runs is not known from there."""
    python = Path(shutil.copy(os.path.realpath("/usr/bin/python3"), place / "headless"))
    other = shell(place)
    with Tracer("--caller-ancestor-exe", python) as t:
        for program in (other, python):
            words = ("-c", f"{PVMCALL} self; true") if program is other else ("-c", HEADLESS, PVMCALL, "self")
            run = trigger_one(program, *words, env={**os.environ, "PYTHONHOME": "/usr"})
        (event,) = t.wait(lambda t: t.events())
        assert event["caller"]["pid"] == run["pid"]


def test_who_has_lost_the_parent_is_no_descendant(place):
    """It may have had any."""
    agent = shell(place)
    with Tracer("--caller-ancestor-exe", f"!{agent}") as t:
        run = trigger_one(agent, "-c", f"( ( sleep 0.5; {PVMCALL} self ) & ) ; exit 0")
        assert len(t.of(run["pid"])) == 1


def test_what_is_no_file(place):
    for value, said in (("tool", "is not valid"), (f"{place}/", "is not valid"), (str(place), "is not a regular file")):
        p = pvmtrace("--caller-exe", value)
        assert p.status == 64 and f"--caller-exe: '{value}' {said}" in p.err, p.err
    script, option = place / "job.sh", "--target-ancestor-exe"
    script.write_text("#! /bin/sh -e\ntrue\n")
    for path in (script, tool(place)):
        link = place / f"link to {path.name}"
        link.symlink_to(path)
        p = pvmtrace(option, f"!{link}", "--check-config")
        assert p.status == 0
        p = pvmtrace(option, f"!{link}", "--duration", 1)
        assert p.status == (64 if path is script else 0), p.err
        assert (f"{option}: '{link}' is a script: the program that runs is its interpreter, '/bin/sh -e'" in p.err) == (path is script)
    # A pattern may mean others, or ones that are still to come.
    for pattern, means_none in ((f"{place}/*", False), (f"{place}/later-*", True)):
        p = pvmtrace(option, pattern, "--duration", 1)
        assert p.status == 0 and (f"{option}: '{pattern}' means no file yet" in p.err) == means_none
    with Tracer("--caller-exe", f"!{place}/later") as t:
        assert t.start["filters"]["files"] == []
        path = tool(place, "later")
        replaced(t, "excluded_replaced")
        assert told(t, path)[1] == []


def test_it_holds_for_the_owner_of_the_memory(place):
    """A child that still works in its parent's memory, and the parent's program is what is asked for."""
    path = tool(place)
    with Held(path, "step") as p, Tracer("--target-exe", path, "-p", p.pid) as t:
        assert t.start["filters"]["files"][0]["path"] == str(path)
        subprocess.run([PVMCALL, "pid", str(p.pid)], stdout=subprocess.DEVNULL, check=True, timeout=20)
        t.wait(lambda t: t.events(), what="the call on it")


ELSEWHERE = "programs in filters are looked up in a mount namespace other than the host's"


def test_more_files_than_start_has_room_for(place):
    """It says how many."""
    many = place / "many"
    many.mkdir()
    for i in range(40):
        (many / f"{i:02}").touch()
    with Tracer("--caller-exe", f"!{many}/*") as t:
        filters = t.start["filters"]
        assert len(filters["files"]) == 32 and filters["files_more"] == 8
        assert ELSEWHERE not in t.start["notes"]


@pytest.mark.needs("mounts")
def test_a_tracer_whose_paths_are_not_the_hosts(place):
    """What is said of it, if it goes by paths at all."""
    with Tracer("--caller-exe", f"!{place}/tool", prefix=["/usr/bin/unshare", "-m"]) as t:
        assert ELSEWHERE in t.start["notes"] and t.start["filters"]["files_more"] == 0
    with Tracer("--no-self", prefix=["/usr/bin/unshare", "-m"]) as t:
        assert ELSEWHERE not in t.start["notes"]
