# SPDX-License-Identifier: Apache-2.0
"""
A call whose number names one process, or nobody, at its entry, and another process when the kernel looks it up. Where
mm_access can be hooked, the target is the one that the kernel opened, and filters judge that one; elsewhere more is
told rather than less. Where it can be hooked, a tracer that finds ftrace switched off does without all the same.
"""

import collections
from pathlib import Path

import pytest

from pvm import AS_ME, Held, ONLY_ME, SHARED, Tracer, expect_call, trigger_one
from pvm_host import FTRACE, expected_task, switched_off

NAMED, UNNAMED = (), ("nobody",)
LONG = 20  # elements: more than travel inside a record

ALIKE = pytest.mark.alike


def row(args, options, *told, marks=()):
    return pytest.param(args, options, *told, id=" ".join((*args, options)) or "none", marks=marks)


# (trigger, options, where {target} is the number; told with the hook; told without it)
FILTERS = [
    row(NAMED, "", True, True),
    row(NAMED, "-p {target}", False, True),
    row(NAMED, "-p !{target}", True, True, marks=ALIKE),
    row(NAMED, "--target-comm pvmvictim", True, True, marks=ALIKE),
    row(NAMED, "--target-uid !4002", False, True, marks=ALIKE),
    row(NAMED, "--target-uid 4002", True, True, marks=ALIKE),
    row(NAMED, "--target-uid 4002 --outcome failure", False, False, marks=ALIKE),
    row(UNNAMED, "", True, True, marks=ALIKE),
    row(UNNAMED, "--target-comm pvmvictim", True, True),
    row(UNNAMED, "--target-comm !pvmvictim", False, True, marks=ALIKE),
    row(UNNAMED, "--target-uid 0", False, True, marks=ALIKE),
]


WITH = pytest.param("with", marks=pytest.mark.needs("mm_access_hook"))
WITHOUT = pytest.param("without", marks=[pytest.mark.needs("mounts"), pytest.mark.without_witnesses])
with_hook = pytest.mark.parametrize("hook", [WITH], indirect=True)
without_hook = pytest.mark.parametrize("hook", [WITHOUT], indirect=True)


def expect_no_access(event):
    """Of a process that the kernel may not have asked about, nothing is said."""
    assert event["access"]["by"] is event["access"]["denied_by"] is event["access"]["inferred"] is None


class Hook:
    """Tracers that see, or do not see, whose memory the kernel opens."""

    def __init__(self, there, where):
        self.there, self.options, self.prefix = there, (), ()
        if not there:
            self.options = ("--attach", "tracepoint")
            # Where there is no such switch, there is no such hook.
            if Path("/proc/sys", *FTRACE.split(".")).exists():
                self.prefix = switched_off(where, FTRACE)

    def tracer(self, *args, **kw):
        return Tracer(*args, *self.options, prefix=self.prefix, **kw)

    def watcher(self):
        """A shared one that soon tells what is still inside."""
        return SHARED.get("--in-flight-after", 200, *self.options, prefix=self.prefix)


@pytest.fixture(scope="module", params=[WITH, WITHOUT])
def hook(request, tmp_path_factory):
    h = Hook(request.param == "with", tmp_path_factory.mktemp("hook"))
    with h.tracer(*ONLY_ME) as t:
        run = trigger_one("pvmcall", *AS_ME, "self")
        t.stop()
        event, = t.events(run["pid"])
        assert event["target"]["confirmed"] is (True if h.there else None)
    return h


class Scene:
    """One call of a trigger, seen by tracers with these filters."""

    def __init__(self, args, filters, hook):
        self.tracers = {}
        with Held("pvmdecoy", *args, LONG) as h:
            try:
                self.pid, target = h.pid, h.line()["target"]
                for options in filters:
                    self.tracers[options] = hook.tracer(
                        *options.format(target=target).split(), "--caller-pid", h.pid, "--ring-size", "256K",
                        "--array-ring-size", "256K", wait=False)
                for t in self.tracers.values():
                    t.wait_start()
                h.step()
                self.caller, self.target = expected_task(h.pid), expected_task(target)
                self.call, = h.step()["calls"]
                for t in self.tracers.values():
                    t.stop(timeout=20)
            except BaseException:
                self.close()
                raise

    def close(self):
        for t in self.tracers.values():
            t.kill()


@pytest.fixture(scope="module")
def scenes(hook, request):
    """Only of the rows that are to run: a start takes long in a guest."""
    params = [item.callspec.params for item in request.session.items if item.path == request.path and hasattr(item, "callspec")]
    chosen = {(p["args"], p["options"]) for p in params if "options" in p}
    made = {}
    try:
        for args in (NAMED, UNNAMED):
            filters = [options for a, options, *_ in (r.values for r in FILTERS) if a == args and (a, options) in chosen]
            made[args] = Scene(args, filters, hook)
        yield made
    finally:
        for scene in made.values():
            scene.close()


def judge(scene, options, told):
    """The call's record, if there is to be one; the run's books were held against the contract at its end."""
    t = scene.tracers[options]
    events = t.events(scene.pid)
    assert len(events) == t.counters["emitted"] == told
    if not told:
        assert t.counters["filtered"] >= 1
        return None
    expect_call(events[0], scene.call)
    assert {key: events[0]["caller"][key] for key in scene.caller} == scene.caller
    return events[0]


@with_hook
@pytest.mark.parametrize("args, options, told, _", FILTERS)
def test_filters_judge_the_process_that_was_opened(scenes, args, options, told, _):
    scene = scenes[args]
    event = judge(scene, options, told)
    if event:
        target = event["target"]
        assert target["confirmed"] is True and target["resolved_at"] == "exit"
        assert target["moved"] is (True if args == NAMED else None)
        assert {key: target[key] for key in scene.target} == scene.target
        # What a filter dropped at entry is read when the kernel has read it.
        assert {event[side]["captured"] for side in ("local", "remote")} == {LONG}
        assert event["local"]["changed"] in (False, None) and event["remote"]["changed"] is False


@without_hook
@pytest.mark.parametrize("args, options, _, told", FILTERS)
def test_without_the_hook_what_may_fit_is_told(scenes, args, options, _, told):
    event = judge(scenes[args], options, told)
    if event:
        assert event["target"]["confirmed"] is None
        assert event["target"]["moved"] is (True if args == NAMED else None)
        assert event["relation"]["kinship"] == "child"
        expect_no_access(event)


@pytest.mark.parametrize("count", [1, pytest.param(LONG, marks=pytest.mark.alike)])
def test_another_target_than_at_entry(hook, count):
    """Told twice: while the call is parked with the one, at its end with the other."""
    watcher = hook.watcher()
    with Held("pvmdecoy", count) as h:
        number = h.line()["target"]
        h.step()
        second = expected_task(number)
        before, = watcher.wait(lambda t: t.events(h.pid), what="the parked call")
        assert (before["phase"], before["target"]["comm"], before["target"]["uid"]) == ("in_flight", "pvmdecoy", 4001)
        done, = h.step()["calls"]
        _, event = watcher.of(h.pid)
        expect_call(event, done)
        assert event["id"] == before["id"] and event["local"]["status"] == "late"
        first, target = before["target"], event["target"]
        assert (first["pid"], target["pid"], target["moved"]) == (number, number, True)
        if not hook.there:
            assert target["confirmed"] is None and target["resolved_at"] == "entry"
            assert (target["comm"], target["entity_id"]) == ("pvmdecoy", first["entity_id"])
            expect_no_access(event)
            return
        assert event["access"]["by"] == "cap_sys_ptrace"
        assert target["confirmed"] is True and target["resolved_at"] == "exit"
        assert {key: target[key] for key in second} == second
        assert first["start"] < target["start"] and first["entity_id"] != target["entity_id"]
        # The second one, asked for by its own number, is the same.
        with Held("pvmcall", "step") as other:
            other.line()
            other.step(f"target {number}")
            again = watcher.of(other.pid)[-1]["target"]
        assert (again["entity_id"], again["start"]) == (target["entity_id"], target["start"])


@pytest.mark.parametrize("count", [1, pytest.param(LONG, marks=pytest.mark.alike)])
def test_the_target_executes_another_file(hook, count):
    """The same process all along; what the kernel opened is the memory of the second file."""
    watcher = hook.watcher()
    with Held("pvmdecoy", "exec", count) as h:
        number = h.line()["target"]
        with hook.tracer("--target-comm", "sleep", "--caller-pid", h.pid) as late:
            h.step()
            second = expected_task(number)
            before, = watcher.wait(lambda t: t.events(h.pid), what="the parked call")
            assert (before["phase"], before["target"]["comm"]) == ("in_flight", "pvmdecoy")
            done, = h.step()["calls"]
            late.stop()
            _, event = watcher.of(h.pid)
            expect_call(event, done)
            target = event["target"]
            assert (target["pid"], target["resolved_at"]) == (number, "entry")
            assert target["moved"] is (False if hook.there else None)
            assert target["entity_id"] == before["target"]["entity_id"]
            if hook.there:
                assert target["confirmed"] is True and target["comm"] == "sleep"
                assert {key: target[key] for key in second} == second
            else:
                assert target["confirmed"] is None and target["comm"] == "pvmdecoy"
                expect_no_access(event)
            # Not told for a call that moved nothing.
            assert [e["target"]["comm"] for e in late.events(h.pid)] == (["sleep"] if hook.there else [])


@pytest.mark.parametrize("words, known, unseen", [((), "cap_sys_ptrace", "cap_sys_ptrace"), (("user",), "same_user", "other")])
def test_the_target_becomes_dumpable(hook, words, known, unseen):
    """The same process and program all along: what it was judged by is read when the kernel asks. Where that is not seen, a
    user without capabilities seems to have been let pass against the rule."""
    watcher = hook.watcher()
    with Held("pvmdecoy", *words, "open") as h:
        number = h.line()["target"]
        h.step()
        before, = watcher.wait(lambda t: t.events(h.pid), what="the parked call")
        assert before["target"]["dumpable"] is False
        h.step()
        event = watcher.of(h.pid)[-1]
        target = event["target"]
        assert (target["pid"], target["resolved_at"], target["moved"]) == (number, "entry", False)
        assert target["dumpable"] is hook.there and target["comm"] == ("pvmopen" if hook.there else "pvmdecoy")
        assert event["access"]["by"] == (known if hook.there else unseen) and event["ret"] == 32
        assert before["access"]["denied_by"] == ("dumpable" if words else None)


def test_a_number_that_changes_hands_twice(hook):
    """A thread of the caller's own before and afterwards, the victim's when the kernel looks it up."""
    with Held("pvmswap") as h:
        said = h.line()
        pid, victim = said["pid"], said["victim"]
        filters = {"-p": ("-p", victim), "name": ("--target-comm", "pvmvictim"), "self": ("--no-self",)}
        tracers = {name: hook.tracer(*args, "--caller-pid", pid, "--in-flight-after", 200, "--iov-limit", "all", wait=False)
                   for name, args in filters.items()}
        ending = hook.tracer("-p", victim, "--caller-pid", pid, "--in-flight-after", 3600000, wait=False)
        try:
            for t in (*tracers.values(), ending):
                t.wait_start()
            h.step()
            if not hook.there:  # what was dropped at entry names another process by now
                before, = tracers["-p"].wait(lambda t: t.events(pid), what="the parked call")
                assert before["phase"] == "in_flight" and before["target"]["pid"] == victim
                assert before["target"]["moved"] is True and before["local"]["status"] == "lost"
            h.step()
            ending.stop()
            done = h.step()
            assert done["secret"] is True and done["calls"][0]["ret"] == 64
            for t in tracers.values():
                t.stop()
            for name, t in tracers.items():
                event = t.events(pid)[-1]
                assert (event["phase"], event["ret"]) == ("complete", 64), name
                assert event["target"]["moved"] is True, name
                assert event["target"]["pid"] == (victim if hook.there else pid), name
                if not hook.there:
                    expect_no_access(event)
                assert event["caller"]["comm"] == "pvmswap" and event["remote"]["captured"] == 1
            event, = ending.events(pid)
            assert event["phase"] == "unfinished" and event["target"]["moved"] is True
        finally:
            for t in (*tracers.values(), ending):
                t.kill()


@without_hook
@pytest.mark.parametrize("option", ["-p", "--target-uid"])
def test_parked_on_another_target_when_the_tracer_ends(hook, option):
    """Whom it names now is not whom the filter means; whom it will name, nobody knows."""
    with Held("pvmdecoy") as h:
        decoy = h.line()["target"]
        with Held("pvmcall", "step") as other:
            value = other.line()["pid"] if option == "-p" else 4999
            with hook.tracer(option, value, "--caller-pid", h.pid, "--in-flight-after", 3600000) as t:
                h.step()
                t.stop()
                event, = t.events(h.pid)
                assert (event["phase"], event["outcome"]) == ("unfinished", "unknown")
                assert event["target"]["pid"] == decoy and event["caller"]["comm"] == "pvmdecoy"
                assert event["local"]["status"] == "lost"


def test_a_long_call_on_another_target_is_not_told():
    """The same thread at both ends: it had the number all the time."""
    with Held("pvmcall", "step") as other:
        with Tracer("-p", other.line()["pid"], "--caller-comm", "pvmcall") as t:
            run = trigger_one("pvmcall", "counts", 1024, 1024)
            t.stop()
            assert t.events(run["pid"]) == [] and t.counters["filtered"] >= 1


BRIEF_NS = 20000  # a call that is told in any case is not looked at once more before


@without_hook
@pytest.mark.needs("two_cpus")
def test_a_short_call_on_a_thread_that_ends(hook):
    """What filters dropped at entry is told if anything may have changed since, however short the call was."""
    made = collections.Counter()
    with Held("pvmcall", "step") as other, Held("pvmbrief", 200) as h:
        h.line()
        with hook.tracer("-p", other.line()["pid"], "--caller-pid", h.pid) as t:
            def short():
                # Where a kernel preempts hooks, and there is no witness, not each end is seen.
                return t.events(h.pid, lambda e: e["phase"] == "complete" and e["duration_ns"] < BRIEF_NS)
            for _ in range(40):
                if not short():
                    made.update(h.step())
            t.stop()
            # Where few are, as in a guest that is emulated, none may be so at the right moment.
            if not short() and 10 * made["brief"] < made["moved"]:
                pytest.skip(f"of {made['moved']} calls only {made['brief']} took less than {BRIEF_NS} ns here")
            assert short(), [e["duration_ns"] for e in t.events(h.pid)]
            assert {(e["outcome"], e["target"]["moved"]) for e in short()} == {("success", None)}
