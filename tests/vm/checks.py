# SPDX-License-Identifier: Apache-2.0
"""What is done in a guest, and what is expected of it. The triggers tell facts, the tracer tells records, and the
rules for records are those of the live tests."""

import errno
import json
import re
import sys
from pathlib import Path

TESTS = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(TESTS / "live"), str(TESTS)]

import audit  # noqa: E402
import btf  # noqa: E402
import confirm  # noqa: E402
import switches  # noqa: E402
import volumes  # noqa: E402
from pvm import expect_call  # noqa: E402
from pvm_stream import Stream  # noqa: E402

MAX_LINE = 1 << 20

SESSIONS = ("walk", "default", "filters", "together", "overflow", "lent", "restricted", *confirm.SESSIONS, *audit.SESSIONS)
VERIFIER_LIMIT = 1000000

# The steps name what they prove; `default` is what a user gets who gives no options.
TOLD = r"""
mark session verifier
step verify /verify /pvmtrace.bpf.o
step verify-data /verify /pvmtrace.bpf.o cfg_data_bytes
step probe /pvmtrace --probe -f json

session walk --data 64 --resolve walk --in-flight-after 200 --iov-limit all --max-line 1048576
step native /live/pvmabi native write
step pair /live/pvmcall pair
step program32 /live/pvmcall32 read
@doors@
step alike /live/pvmabi alike
step alike32 /live/pvmcall32 alike
step array8 /live/pvmcall counts 8 8
step array64 /live/pvmcall counts 64 64
step array1024 /live/pvmcall counts 1024 1024
step array32 /live/pvmcall32 count 1024
step cross /live/pvmcall edge cross remote
step begin /live/pvmcall edge begin local
step late /live/pvmcall late remote 600 1
step late-all /live/pvmcall late local 1024 0
step fault /live/pvmcall array-fault remote
step namespaces /live/pvmns pid
step user /live/pvmcall --uid 1234 self
step refused /live/pvmseccomp errno 13
step parked parked 4
step moved moved
finish

session default
step pair /live/pvmcall pair
step namespaces /live/pvmns pid
step cgroup2 in_cgroup /sys/fs/cgroup/vm.slice/one.scope /live/pvmcall self
mkdir /tmp/pids
mount -t cgroup -o pids pids /tmp/pids
step cgroup1 in_cgroup /tmp/pids/first/second /live/pvmcall self
finish

session filters --caller-pid '!1' --target-pid '!1' --caller-uid 0 --target-uid 0 --target-uid '!7' \
	--caller-exe /live/pvmcall --target-exe '/live/pvm*' --target-exe '!/bin/busybox' --caller-unit '!a' --target-unit '!a' \
	--caller-ancestor-exe /bin/busybox --target-ancestor-exe '/bin/*' --relation '!self' --relation '!other-container' \
	--caller-comm pvmcall --target-comm pvmcall --caller-cgroup '!/vm.slice/*' --target-cgroup '!/vm.slice/*' \
	--op read --outcome success --min-bytes 1 --no-self
step pair /live/pvmcall pair
step self /live/pvmcall self
step cgroup1 in_cgroup /tmp/pids/vm.slice/two /live/pvmcall pair
finish
"""

MORE = r"""
session together --aggregate 60
step repeat /live/pvmcall repeat 50
finish

session overflow --ring-size 64K
kill -STOP "$tracer"
step flood /live/pvmflood 60 -1 1 2000
kill -CONT "$tracer"
finish

mount -t tmpfs none /sys/kernel/btf
session lent --btf /kernel.btf
step pair /live/pvmcall pair
finish

umount /sys/kernel/btf
echo 3 >/proc/sys/kernel/yama/ptrace_scope
session restricted
step pair /live/pvmcall pair
step self /live/pvmcall self
finish
"""


# What only x86 has.
X86_DOORS = """\
step int80 /live/pvmabi int80 read
step int80-1024 /live/pvmabi int80-count 1024
step x32 /live/pvmabi x32 read
"""


# What the short form, that of `make check`, leaves out: each start of the tracer takes an emulated kernel long. Here by
# session, which checks read it.
LONG = {"together": ["aggregate"], "overflow": ["overflow"], "lent": ["lent btf"], "restricted": ["yama lets nobody attach"],
        "both": ["both methods tell the same"], **audit.LONG, "confirm, of the other method": ["cost elsewhere"]}


def left_out(short):
    """(sessions, checks) that the short form does without."""
    if not short:
        return set(), set()
    return set(LONG), {name for names in LONG.values() for name in names}


def script(kernel, short=False):
    told = TOLD.replace("@doors@\n", X86_DOORS if kernel.arch == "amd64" else "")
    first = confirm.script(short) + audit.script(kernel, short)
    return first + switches.SCRIPT + volumes.SCRIPT + told + ("" if short else MORE)


class Skip(Exception):
    """Why a check says nothing on this kernel."""


class Run:
    """One session, read by the rules."""

    def __init__(self, session):
        assert session.records, f"no records; status {session.status}: {session.stderr[-4:]}"
        self.session = session
        self.stream = Stream(MAX_LINE)
        for line in session.records:
            self.stream.line(line.encode() + b"\n")
        self.records = [self.stream.look(i) for i in range(len(session.records))]
        self.stream.complain()
        self.start, self.stop = self.records[0], self.records[-1]

    def facts(self, step):
        s = self.session.steps[step]
        assert s.status == 0, f"{step}: status {s.status}: {s.said[-3:]}"
        assert s.facts, f"{step}: it told nothing"
        return [json.loads(line) for line in s.facts]

    def events(self, pid):
        return [r for r in self.records if r["type"] == "process_vm_access" and r["caller"]["pid"] == pid]

    def agree(self, step):
        """Each call of a step came out once, as its trigger tells it; the records of it."""
        found = []
        for facts in self.facts(step):
            # A slow guest may also tell of a call while it is inside.
            events = [e for e in self.events(facts["pid"]) if e["phase"] != "in_flight"]
            assert len(events) == len(facts["calls"]), f"{step}: {len(events)} events"
            for event, call in zip(events, facts["calls"]):
                expect_call(event, call, limit=1024)
                found.append(event)
        return found


def only_with_32_bit(kernel):
    if not confirm.has_32_bit(kernel):
        raise Skip("no 32-bit program could be built here (gcc-multilib)")


def only_x86(kernel):
    if kernel.arch != "amd64":
        raise Skip("only x86 has it")


def verified(sessions, step="verify"):
    """program -> instructions that the verifier looked at; of refused ones, what it said"""
    good, bad, refused = {}, {}, None
    for line in sessions["verifier"].steps[step].facts:
        name, _, said = line.partition(" 0 processed ")
        if said:
            good[name] = int(said.split()[0])
            continue
        if re.match(r"pvm_\w+ -\d+ ", line):
            refused = line.split()[0]
        bad.setdefault(refused, []).append(line)
    return good, bad


# Programs that are never loaded before these versions (user/kernel/witness.c, hooks.c, iterators.c): they take what older
# kernels do not have.
SINCE = {**dict.fromkeys(["pvm_begin", "pvm_begin_session", "pvm_return", "pvm_begin_kprobe", "pvm_end", "pvm_permit"], (6, 1)),
         "pvm_pin": (6, 5),
         **dict.fromkeys(["pvm_apply_all", "pvm_take_all", "pvm_sweep_dead_all", "pvm_check"], (5, 13))}


def check_verifier(kernel, runs):
    """It takes every program, also with what is off by default, and has not used up half of its patience."""
    for step in ("verify", "verify-data"):
        good, bad = verified(runs, step)
        bad = [line for name, lines in bad.items() for line in lines if kernel.version >= SINCE.get(name, (0, 0))]
        assert not bad, "\n" + "\n".join(line[:200] for line in bad)
        assert good and max(good.values()) < VERIFIER_LIMIT / 2, good


def check_btf(kernel, _runs):
    """It has every type and field that we read, as we take them."""
    bad = btf.complaints(btf.Types(kernel.btf()), btf.own_types(kernel.bpf_arch))
    assert not bad, "\n" + "\n".join(bad)


ABIS = {"amd64": {"x86_64": True, "i386": True, "x32": True}, "arm64": {"arm64": True, "arm": False}}


def check_start(kernel, runs):
    """Loads, attaches, proves every ABI by a call, but for AArch32, which no 64-bit program can call."""
    start = runs["walk"].start
    assert start["kernel"] == kernel.release
    assert {a["abi"]: a["proven"] for a in start["abis"]} == ABIS[kernel.arch]


def check_probe(kernel, runs):
    """Says beforehand what the start then says; and these kernels also have the hooks that are not in use."""
    step = runs["verifier"].steps["probe"]
    assert step.status == 0, step.said[-3:]
    report = json.loads(step.facts[0])
    # On arm64 there is no fentry before 6.4 (and Debian's 6.12 has it).
    may_lack = ("fentry/", "fexit/", "lsm/") if report["machine"] == "aarch64" and kernel.version < (6, 4) else ()
    # Before 5.18 there is none, and Debian's 6.1 was built without.
    may_lack += ("kprobe.multi/", "kretprobe.multi/") if kernel.version < (6, 12) else ()
    refused = {h["hook"]: h["error"] for h in report["hooks"] if not h["attaches"] and not h["hook"].startswith(may_lack)}
    assert report["works"] and not refused, refused
    assert [h["hook"].split("/")[0] for h in report["hooks"]].count("fentry") >= 3
    assert report["kernel"] == kernel.release and report["cgroup"] == "v2"
    assert report["abis"] == runs["walk"].start["abis"]
    assert report["keeps_cap_bpf"] == (kernel.version < (5, 19))


def wanted(runs):
    """The tracer's sessions that there have to be."""
    none = {*left_out(runs["short"])[0], *(confirm.SESSIONS if confirm.no_fentry(runs) else ())}
    return [name for name in SESSIONS if name not in none]


def check_silent_load(_kernel, runs):
    """libbpf has nothing to complain of."""
    for run in (runs[name] for name in wanted(runs)):
        bad = [line for line in run.session.stderr if "libbpf" in line and
               ("rror" in line or "failed" in line or "Invalid" in line)]
        assert not bad, bad[:3]


def check_native(kernel, runs):
    event, = runs["walk"].agree("native")
    assert (event["ret"], event["abi"]) == (24, {"amd64": "x86_64"}.get(kernel.arch, kernel.arch))


def check_pair(_kernel, runs):
    for run in (runs["walk"], runs["default"]):
        read, write = run.agree("pair")
        for e in (read, write):
            assert e["target"]["resolved"] and e["target"]["pid"] == e["target"]["arg"]
            assert e["relation"] == {**e["relation"], "kinship": "child", "same_uid": True}
            assert e["caller"]["exe"] == e["target"]["exe"] == "/live/pvmcall"
            assert e["caller"]["args"] == ["/live/pvmcall", "pair"]
        assert (read["op"], write["op"]) == ("read", "write")


def check_data(_kernel, runs):
    """What a read and a write moved first, where it was asked for."""
    for event in runs["walk"].agree("pair"):
        assert event["data"] == {"hex": "73" * 64, "len": 64, "origin": "user", "toctou": True, "cut": False}
    assert all("data" not in event for event in runs["default"].agree("pair"))


def check_32_bit(kernel, runs):
    """A 32-bit program: i386, or AArch32."""
    only_with_32_bit(kernel)
    event, = runs["walk"].agree("program32")
    assert event["abi"] == {"amd64": "i386", "arm64": "arm"}[kernel.arch] and event["ret"] == 1


def check_int80(kernel, runs):
    """32-bit calls of a 64-bit program."""
    only_x86(kernel)
    assert [e["abi"] for e in runs["walk"].agree("int80")] == ["i386"]
    event, = runs["walk"].agree("int80-1024")
    assert event["local"]["captured"] == event["remote"]["captured"] == 1024


def check_x32(kernel, runs):
    """Debian's kernels have x32 built in and switched off: an attempt, refused."""
    only_x86(kernel)
    event, = runs["walk"].agree("x32")
    assert (event["abi"], event["error"]) == ("x32", "ENOSYS")


def check_look_alikes(kernel, runs):
    for step in confirm.made(kernel, ("alike", "alike32")):
        assert not runs["walk"].events(runs["walk"].facts(step)[0]["pid"])


def check_arrays(kernel, runs):
    counts = {"array8": 8, "array64": 64, "array1024": 1024, "array32": 1024}
    for step in confirm.made(kernel, counts):
        cnt = counts[step]
        event, = runs["walk"].agree(step)
        for side in (event["local"], event["remote"]):
            assert side["captured"] == cnt and side["status"] in ("ok", "late"), f"{step}: {side['status']}"


def check_pages(_kernel, runs):
    """Arrays of which one page can be read, of which pages come in only with the call, and of which none can."""
    for step, side in (("cross", "remote"), ("begin", "local")):
        event, = runs["walk"].agree(step)
        assert (event[side]["captured"], event[side]["status"]) == (2, "partial"), f"{step}: {event[side]}"
    for step, side, cnt in (("late", "remote", 600), ("late-all", "local", 1024)):
        event, = runs["walk"].agree(step)
        assert (event[side]["captured"], event[side]["status"]) == (cnt, "late"), f"{step}: {event[side]}"
    fault, = runs["walk"].agree("fault")
    assert (fault["error"], fault["remote"]["status"]) == ("EFAULT", "fault")


def check_namespaces(_kernel, runs):
    for run in (runs["walk"], runs["default"]):
        for t in run.facts("namespaces"):
            event, = [e for e in run.events(t["pid"]) if e["target"]["arg"] == t["calls"][0]["arg"]]
            expect_call(event, t["calls"][0])
            assert event["caller"]["pid_ns"] == t["pid_ns"] == 1
            if t["what"] == "host number":
                assert event["error"] == "ESRCH" and event["target"]["resolved"] is False
                continue
            target = event["target"]
            assert (target["pid"], target["tid"]) == (t["target"], t["target_tid"])
            assert target["pid_ns"] == t["target_ns"]
            assert target["ns"]["pid"] == event["caller"]["ns"]["pid"]


def check_identity(_kernel, runs):
    event, = runs["walk"].agree("user")
    assert (event["caller"]["uid"], event["caller"]["caps_effective"]) == (1234, "0x0")
    root, = runs["walk"].agree("native")
    assert root["caller"]["uid"] == 0 and int(root["caller"]["caps_effective"], 16) >> 39
    assert root["caller"]["loginuid"] is None and root["caller"]["ns"]["user"] == 0xEFFFFFFD


def check_refused(_kernel, runs):
    """Seccomp's answer: an exit without an entry."""
    facts, = runs["walk"].facts("refused")
    event, = runs["walk"].events(facts["pid"])
    expect_call(event, facts["calls"][0], phase="orphan")
    assert (event["ret"], event["error"]) == (-errno.EACCES, "EACCES")


def check_parked(_kernel, runs):
    """Told while it is inside, by the task iterator, which runs after the rights are gone."""
    before, after = runs["walk"].facts("parked")
    first, last = runs["walk"].events(before["pid"])
    expect_call(first, before["calls"][0], phase="in_flight")
    expect_call(last, after["calls"][0])
    assert before["secret"] is True and first["id"] == last["id"] and last["ret"] == 128


def check_moved_targets(_kernel, runs):
    """The number names another process when the kernel looks it up than at the call's entry. Where it can be seen whose
    memory the kernel opened, that one is told."""
    for name in confirm.walks(runs):
        decoy, _, done = runs[name].facts("moved")
        before, event = runs[name].events(decoy["pid"])
        expect_call(event, done["calls"][0])
        first, target = before["target"], event["target"]
        assert (before["phase"], first["comm"], first["uid"]) == ("in_flight", "pvmdecoy", 4001), f"{name}: {first}"
        assert first["pid"] == target["pid"] == decoy["target"] and target["moved"] is True, f"{name}: {target}"
        seen = tuple(target[key] for key in ("confirmed", "resolved_at", "comm", "uid"))
        assert seen == ((None, "entry", "pvmdecoy", 4001) if confirm.no_fentry(runs) else
                        (True, "exit", "pvmvictim", 4002)), f"{name}: {target}"


def check_rights(kernel, runs):
    """All are given up; before 5.19 one has to stay."""
    kept = [n for n in runs["default"].start["notes"] if "CAP_BPF is kept" in n]
    assert bool(kept) == (kernel.version < (5, 19)), runs["default"].start["notes"]


def check_resolver(kernel, runs):
    """The kfunc where the kernel has it (6.13), the walk elsewhere or where it is asked for."""
    wanted = "kfunc" if kernel.version >= (6, 13) else "walk"
    assert runs["default"].start["resolve"] == wanted and runs["walk"].start["resolve"] == "walk"


def check_cgroup2(_kernel, runs):
    event, = runs["default"].agree("cgroup2")
    assert event["caller"]["cgroup"] == event["target"]["cgroup"] == "/vm.slice/one.scope"


def check_cgroup1(_kernel, runs):
    """A hybrid hierarchy: the process is in the root of v2 and below the root of v1's pids."""
    run = runs["default"]
    if any("No such device" in s or "Invalid argument" in s for s in run.session.steps["cgroup1"].said):
        raise Skip("this kernel cannot mount v1's pids")
    event, = run.agree("cgroup1")
    assert event["caller"]["cgroup"] == event["target"]["cgroup"] == "/first/second"


def check_filters(_kernel, runs):
    """All of them at once: the verifier has seen every branch, and only what fits comes out."""
    run = runs["filters"]
    facts, = run.facts("pair")
    event, = run.events(facts["pid"])
    expect_call(event, facts["calls"][0])
    assert event["op"] == "read"
    assert not run.events(run.facts("self")[0]["pid"])
    assert not run.events(run.facts("cgroup1")[0]["pid"])
    assert run.stop["counters"]["filtered"] >= 4


def calls_of(run, pid):
    """(told one by one, told together, why) of a process's calls."""
    found = [r for r in run.records if r["type"] == "process_vm_summary" and r["caller"]["pid"] == pid]
    return len(run.events(pid)), sum(r["calls"] for r in found), {r["reason"] for r in found}


def check_aggregate(_kernel, runs):
    facts, = runs["together"].facts("repeat")
    assert calls_of(runs["together"], facts["pid"]) == (1, 49, {"aggregate"})


def check_overflow(_kernel, runs):
    """A full ring: what finds no room is told together."""
    facts, = runs["overflow"].facts("flood")
    one_by_one, together, why = calls_of(runs["overflow"], facts["pid"])
    assert one_by_one + together == facts["n"] == 2000 and together > 1000 and why == {"overflow"}


def check_lent_btf(kernel, runs):
    """The kernel does not show its types: a copy of them will do. From 5.11 on it tells whether it is one."""
    read, write = runs["lent"].agree("pair")
    assert read["caller"]["exe"] == write["target"]["exe"] == "/live/pvmcall"
    notes = [n for n in runs["lent"].start["notes"] if "--btf" in n]
    assert bool(notes) == (kernel.version < (5, 11)), notes


def check_yama_lets_nobody_attach(_kernel, runs):
    """With scope 3, which stays until the machine ends, root is denied too, and only a process's own memory is left."""
    run = runs["restricted"]
    for event in run.agree("pair"):
        assert event["error"] == "EPERM"
        assert event["access"] == {"by": None, "denied_by": "lsm", "inferred": not run.start["confirms"]["access"], "cap_sys_ptrace": True,
                                   "caps_covered": True, "traces_target": False, "yama_scope": 3}, event["access"]
    for event in run.agree("self"):
        assert (event["access"]["by"], event["access"]["yama_scope"]) == ("self", 3), event["access"]


def check_books(_kernel, runs):
    """Every run ends well, loses nothing, and its books balance. A preemptible kernel may run another task amid one
    of our hooks, and skips its hook then: slow guests see it, and it is told."""
    for name in wanted(runs):
        run = runs[name]
        assert run.session.status == 0, f"{name}: status {run.session.status}"
        run.stream.finish()
        assert run.stop["counters"]["lost"] == 0 and run.stop["reason"] == "signal"
        assert name in audit.DOUBTFUL or run.stop["complete"] is (run.stop["counters"]["skipped_runs"] == 0)


CHECKS = {name[len("check_"):].replace("_", " "): f for name, f in list(globals().items())
          if name.startswith("check_")}

CONFIRM = {name[len("check_"):].replace("_", " "): f for name, f in vars(confirm).items() if name.startswith("check_")}
CONFIRM.update({f"fentry {name}": confirm.like_tracepoint(CHECKS[name])
                for name in ("native", "pair", "32 bit", "int80", "arrays", "pages", "namespaces", "identity", "parked")})
CHECKS.update(CONFIRM)
SWITCHES = {name[len("check_"):].replace("_", " "): f for name, f in vars(switches).items() if name.startswith("check_")}
CHECKS.update(SWITCHES)
VOLUMES = {name[len("check_"):].replace("_", " "): f for name, f in vars(volumes).items() if name.startswith("check_")}
CHECKS.update(VOLUMES)
CHECKS.update({name[len("check_"):].replace("_", " "): f for name, f in vars(audit).items() if name.startswith("check_")})
NEEDS_FENTRY = {name for name in CONFIRM if "fentry" in name} | {name for name in SWITCHES if "ftrace is o" in name} | \
    {"both methods tell the same", "confirmed targets"}


def judge(kernel, sessions, short=False):
    """check -> (verdict, why)"""
    runs = {name: sessions[name] for name in ("verifier", "confirm", "switches", "audit") if name in sessions}
    broken, out = {}, {}
    runs["short"] = short
    for name in wanted(runs) + [name for name in ("volumes",) if name in sessions]:
        try:
            runs[name] = Run(sessions[name])
        except (AssertionError, ValueError, KeyError, IndexError, AttributeError) as e:
            broken[name] = e
    for name, check in CHECKS.items():
        if name in left_out(short)[1]:
            continue
        try:
            if name in NEEDS_FENTRY and confirm.no_fentry(sessions):
                raise Skip(f"this kernel has no fentry: {confirm.no_fentry(sessions)}")
            if name in VOLUMES and "volumes" not in sessions:
                raise Skip("no modules of its file systems, or no mkfs.btrfs (btrfs-progs)")
            check(kernel, runs)
            out[name] = "ok", ""
        except (Skip, switches.Unchanged) as e:
            out[name] = "skip", str(e)
        except KeyError as e:
            out[name] = "FAIL", str(broken.get(e.args[0], f"no {e}"))
        except (AssertionError, ValueError, TypeError, IndexError, AttributeError) as e:
            out[name] = "FAIL", f"{type(e).__name__} {e}"
    return out
