# SPDX-License-Identifier: Apache-2.0
"""--audit: in the steady state it tells nothing of its own; what hooks that were made blind (pvmblind.c) miss, it tells;
and that root switches kprobes off."""

import json

CALLS = 2000

SESSIONS = ("audited", "audited-less", "missed", "missed-less")

# Where something is made that a run is not complete for.
DOUBTFUL = ("missed",)

# As in checks.py: what the short form leaves out.
LONG = {"audited-less": [], "missed-less": ["audit filters"], "audit": ["audit start", "audit recorded"],
        "missed, switched off": ["audit is switched off", "audit lacks a cpu"]}

BEGIN = r"""
mount -t debugfs none /sys/kernel/debug
SWITCH=/sys/kernel/debug/kprobes/enabled

session audited --audit --in-flight-after 200 --iov-limit all --max-line 1048576
step native /live/pvmabi native write
step pair /live/pvmcall pair
step program32 /live/pvmcall32 read
@doors@
step array64 /live/pvmcall counts 64 64
step namespaces /live/pvmns pid
step refused /live/pvmseccomp errno 13
step repeat /live/pvmcall repeat CALLS
step parked parked 4
finish

# missed WHAT...: the hooks do not see it; the audit takes two seconds to be sure.
missed() {
	/live/pvmblind "$tracer" "$@" && sleep 4
}

session missed --audit
step pair missed /live/pvmcall pair
step user missed /live/pvmcall --uid 1234 self
step program32 missed /live/pvmcall32 read
@blind doors@
step seen /live/pvmcall pair
@switched off@
finish
"""

SWITCHED_OFF = """\
step off sh -c "echo 0 >$SWITCH; sleep 2.5; echo 1 >$SWITCH; sleep 2.5"
step moment sh -c "sleep 1.2; echo 0 >$SWITCH; echo 1 >$SWITCH; sleep 2.5"
CPU=/sys/devices/system/cpu/cpu1/online
step cpu sh -c "echo 0 >$CPU && sleep 2.5; echo 1 >$CPU; sleep 1.5"
"""

MORE = r"""
session audited-less --audit --op write --aggregate 60
step repeat /live/pvmcall repeat CALLS
step pair /live/pvmcall pair
sleep 3
finish

session missed-less --audit --caller-uid 1234 --op read
step pair missed /live/pvmcall pair
step user missed /live/pvmcall --uid 1234 self
finish

# What is told live and what a recording of the same tells.
recorded() {
	second /tmp/second --audit --record /tmp/recording
	/live/pvmcall pair >/dev/null
	/live/pvmblind $other /live/pvmcall pair >/dev/null
	finish_second && /pvmtrace --replay /tmp/recording
}

refused() {
	echo 0 >$SWITCH
	/pvmtrace --audit
	status=$?
	echo 1 >$SWITCH
	return $status
}

mark session audit
step recorded recorded
step refused refused
step probe /pvmtrace --probe --audit -f json
"""

X86_DOORS = """\
step int80 /live/pvmabi int80 read
step x32 /live/pvmabi x32 read
"""
BLIND_DOORS = "step int80 missed /live/pvmabi int80 read\n"


def script(kernel, short=False):
    x86 = kernel.arch == "amd64"
    text = BEGIN.replace("@switched off@\n", "" if short else SWITCHED_OFF) + ("" if short else MORE)
    text = text.replace("@doors@\n", X86_DOORS if x86 else "").replace("@blind doors@\n", BLIND_DOORS if x86 else "")
    return text.replace("CALLS", str(CALLS))


def orphans(run, pid=None):
    """What only the audit saw."""
    return [r for r in run.records if r["type"] == "process_vm_access" and r["audit"]
            and pid in (None, r["caller"]["pid"])]


def errors(run, code):
    return [r for r in run.records if r["type"] == "error" and r["code"] == code]


def as_registers_say(event, call):
    assert event["audit"] and (event["phase"], event["outcome"]) == ("orphan", "unknown")
    assert (event["op"], event["abi"], event["flags"]) == (call["op"], call["abi"], call["flags"])
    assert event["target"]["arg"] == call["arg"] and event["target"]["resolved"] is False
    for side in ("local", "remote"):
        assert (event[side]["addr"], event[side]["count"]) == (call[side]["addr"], call[side]["count"])
        assert event[side]["captured"] == 0 and event[side]["status"] in ("lost", "none", "invalid")
    assert event["caller"]["exe"] is event["caller"]["entity_id"] is None


def check_audit_is_quiet(_kernel, runs):
    """Each call has one record, and that is a hook's."""
    for name, filtered in (("audited", 0), ("audited-less", CALLS)):
        if runs["short"] and name in LONG:
            continue
        run = runs[name]
        assert run.start["audit"] is True and not orphans(run), orphans(run)[:2]
        assert run.stop["counters"]["audited"] == run.stop["counters"]["audit_lost"] == 0, run.stop
        assert run.stop["counters"]["filtered"] >= filtered and run.stop["balanced"]
        assert not [r for r in run.records if r["type"] == "error" and r["code"].startswith("audit_")]
    facts, = runs["audited"].facts("repeat")
    assert len(runs["audited"].events(facts["pid"])) == CALLS


def check_audit_tells_what_hooks_miss(kernel, runs):
    run = runs["missed"]
    for step in ("pair", "user", "program32", "int80"):
        if step not in run.session.steps or (step == "program32" and run.session.steps[step].status):
            continue
        for facts in run.facts(step):
            events = run.events(facts["pid"])
            assert len(events) == len(facts["calls"]), f"{step}: {len(events)} events"
            for event, call in zip(events, facts["calls"]):
                as_registers_say(event, call)
    for event, call in zip(run.events(run.facts("seen")[0]["pid"]), run.facts("seen")[0]["calls"]):
        assert event["audit"] is False and event["ret"] == call["ret"]
    counters = run.stop["counters"]
    assert counters["audited"] == len(orphans(run)) and run.stop["balanced"] and not counters["audit_lost"]


def check_audit_filters(_kernel, runs):
    """By what is known of the caller; who has ended by then is told."""
    run = runs["missed-less"]
    told = orphans(run, run.facts("user")[0]["pid"])
    assert told and all(r["op"] == "read" and r["caller"]["uid"] in (1234, None) for r in told)
    assert all(r["caller"]["uid"] is None and r["op"] == "read" for r in orphans(run, run.facts("pair")[0]["pid"]))
    assert run.stop["counters"]["filtered"] >= 1 and run.stop["balanced"]


def check_audit_is_switched_off(_kernel, runs):
    """For a while, and for a moment between two looks."""
    run = runs["missed"]
    off, moment = errors(run, "audit_silent")[:2]
    back, = errors(run, "audit_back")
    assert off["until"] is None and off["since"] == back["since"] < back["until"]
    assert back["until"] <= moment["since"] < moment["until"]
    assert run.stop["complete"] is False and "audit_silent" in run.stop["incomplete"], run.stop


def check_audit_lacks_a_cpu(_kernel, runs):
    run = runs["missed"]
    assert run.session.steps["cpu"].status == 0, run.session.steps["cpu"].said
    lacking, = errors(run, "audit_silent")[2:]
    assert lacking["until"] is None and "CPU" in lacking["message"]


def check_audit_start(_kernel, runs):
    steps = runs["audit"].steps
    assert steps["refused"].status == 69 and "kprobes/enabled" in "\n".join(steps["refused"].said)
    report = json.loads(steps["probe"].facts[0])
    assert steps["probe"].status == 0 and report["audit"] is True and report["audit_error"] is None


def check_audit_recorded(_kernel, runs):
    step = runs["audit"].steps["recorded"]
    assert step.status == 0, step.said[-3:]
    records = [json.loads(line) for line in step.facts]
    calls = [r for r in records if r["type"] == "process_vm_access" and r["caller"]["comm"] != "pvmtrace"]
    assert records[0]["audit"] is True and [r["audit"] for r in calls] == [False, False, True, True], calls
    assert records[-1]["counters"]["audited"] == 2 and records[-1]["balanced"]
