# SPDX-License-Identifier: Apache-2.0
"""Switches of the kernel that hooks depend on: off when the tracer begins, and off for a moment while it runs."""

import json

SCRIPT = r"""
FTRACE=/proc/sys/kernel/ftrace_enabled
KPROBES=/sys/kernel/debug/kprobes/enabled
switch=$FTRACE

# What a tracer says and writes are the step's words and facts.
told() {
	finish_second
	status=$?
	cat /tmp/err.second >&2
	cat /tmp/second 2>/dev/null
	return $status
}

traced() {
	second /tmp/second "$@"
	/live/pvmcall pair >/dev/null
	told
}

# off SECONDS OPTION...: the switch is off for so long.
off() {
	seconds=$1
	shift
	second /tmp/second "$@"
	sleep 1.5
	# Opened without truncating it, which would be a second change.
	echo 0 1<>$switch
	/live/pvmcall pair >/dev/null
	sleep "$seconds"
	echo 1 1<>$switch
	sleep 2.5
	told
}

mark session switches
step switch sh -c "echo 0 >$FTRACE"
if [ "$(cat $FTRACE)" = 0 ]; then
	step off-probe /pvmtrace --probe -f json
	step off-fentry traced --attach fentry
	step off-tracepoint traced
	echo 1 >$FTRACE
	step on-again traced --attach fentry
	step moment off 0 --attach fentry
	step while off 3 --attach fentry
	step confirms off 3
fi
if [ -e $KPROBES ]; then
	switch=$KPROBES
	echo 0 >$KPROBES
	step kprobes-probe /pvmtrace --probe -f json
	echo 1 >$KPROBES
	step kprobes off 3
fi
"""

FTRACE = "kernel.ftrace_enabled"
KPROBES = "/sys/kernel/debug/kprobes/enabled"


class Unchanged(Exception):
    """The kernel does not let the switch be off."""


def step(runs, name, switch, status=0):
    """(its records, what it said)"""
    steps = runs["switches"].steps
    if name not in steps:
        raise Unchanged(f"this kernel does not let {switch} become 0")
    assert steps[name].status == status, f"{name}: status {steps[name].status}: {steps[name].said[-3:]}"
    said = "\n".join(steps[name].said)
    if "write error: Device or resource busy" in said:
        raise Unchanged(f"this kernel does not let {switch} become 0 while a hook is on one of its functions")
    return [json.loads(line) for line in steps[name].facts], said


def calls(records):
    return [r for r in records if r["type"] == "process_vm_access"]


def errors(records):
    return [r for r in records if r["type"] == "error"]


def check_ftrace_is_off(_kernel, runs):
    """Nothing is claimed that cannot be, nothing is tried that would break more, and the message names the switch."""
    report, = step(runs, "off-probe", FTRACE)[0]
    assert report["works"] and report["confirms"] == {"target": False, "access": False, "pages": None}, report["confirms"]
    for hook in report["hooks"]:
        on_function = hook["hook"].startswith(("fentry/", "fexit/", "kprobe", "kretprobe", "lsm/"))
        assert hook["attaches"] is not on_function, hook
        assert not on_function or FTRACE in hook["error"], hook
    records, said = step(runs, "off-fentry", FTRACE, status=69)
    assert not records and f"{FTRACE} is 0" in said, said
    records, said = step(runs, "off-tracepoint", FTRACE)
    assert records[0]["confirms"] == {"target": False, "access": False, "pages": None} and any(FTRACE in n for n in records[0]["notes"])
    assert len(calls(records)) == 2 and records[-1]["complete"], records[-1]
    assert all(r["target"]["confirmed"] is r["remote"]["confirmed"] is None for r in calls(records))


def check_ftrace_is_on_again(_kernel, runs):
    """It was left as it was."""
    records, _ = step(runs, "on-again", FTRACE)
    assert len(calls(records)) == 2 and records[-1]["complete"], records[-1]


def check_ftrace_is_off_for_a_moment(_kernel, runs):
    """Between two looks of the tracer: it did not see the calls, and says so."""
    records, _ = step(runs, "moment", FTRACE)
    silent, = errors(records)
    assert silent["code"] == "hooks_silent" and silent["since"] < silent["until"], silent
    assert not calls(records) and records[-1]["incomplete"] == ["hooks_silent"], records[-1]


def check_ftrace_is_off_for_a_while(_kernel, runs):
    records, _ = step(runs, "while", FTRACE)
    silent, back = errors(records)
    assert (silent["code"], silent["until"], back["code"]) == ("hooks_silent", None, "hooks_back")
    assert silent["since"] == back["since"] < back["until"]
    assert not calls(records) and records[-1]["incomplete"] == ["hooks_silent"], records[-1]


def check_what_confirms_is_off_for_a_while(_kernel, runs):
    """With hooks on every call none is missed: what is not confirmed is what is missing."""
    records, _ = step(runs, "confirms", FTRACE)
    if records[0]["confirms"] == {"target": False, "access": False, "pages": None}:
        raise Unchanged("nothing is confirmed on this kernel")
    silent, back = errors(records)
    assert (silent["code"], silent["until"], back["code"]) == ("confirms_silent", None, "confirms_back")
    assert silent["since"] == back["since"] < back["until"]
    assert len(calls(records)) == 2 and records[-1]["complete"], records[-1]
    assert all(r["target"]["confirmed"] is r["remote"]["confirmed"] is None for r in calls(records))


def check_kprobes_are_off(_kernel, runs):
    report, = step(runs, "kprobes-probe", KPROBES)[0]
    assert report["works"] and report["confirms"]["pages"] != "kprobe" and report["witnesses"]["begin"] != "kprobe"
    tried = [h for h in report["hooks"] if h["hook"].startswith("kprobe/")]
    assert tried and all((h["attaches"], h["error"]) == (False, f"not tried: {KPROBES} is 0") for h in tried), tried


def check_kprobes_are_off_for_a_while(_kernel, runs):
    """It costs confirmations where pages are seen by kprobes, and no call."""
    records, _ = step(runs, "kprobes", KPROBES)
    assert len(calls(records)) == 2 and records[-1]["complete"], records[-1]
    if records[0]["confirms"]["pages"] != "kprobe":
        assert not errors(records)
        return
    silent, back = errors(records)
    assert (silent["code"], silent["until"], back["code"]) == ("confirms_silent", None, "confirms_back")
    assert KPROBES in silent["message"] and silent["since"] == back["since"] < back["until"]
    assert all(r["remote"]["confirmed"] is None for r in calls(records))
