# SPDX-License-Identifier: Apache-2.0
"""What needs hooks on the kernel's functions: the attach method fentry, and calls confirmed by the kernel's work."""

import json

# How many calls check_witness sees, and by how much fewer they are in the short form of the checks.
RACES, STILL = 100000, 20000
SHORT = 10

# Keys in which two tracers' records of one call may differ: each has a clock base of its own.
OWN = ("time", "told", "run", "seq", "id", "duration_ns")
OWN_OF_TASKS = ("start",)

SESSIONS = ("fentry", "both")
METHODS = ("tracepoint", "fentry")
ABIS = {"amd64": {"x86_64": (True, True), "i386": (True, True), "x32": (False, False)},
        "arm64": {"arm64": (True, True), "arm": (True, False)}}

FENTRY = r"""
session fentry --attach fentry --resolve walk --in-flight-after 200 --iov-limit all --max-line 1048576
step native /live/pvmabi native write
step pair /live/pvmcall pair
step int80 /live/pvmabi int80 read
step program32 /live/pvmcall32 read
step array8 /live/pvmcall counts 8 8
step array64 /live/pvmcall counts 64 64
step array1024 /live/pvmcall counts 1024 1024
step int80-1024 /live/pvmabi int80-count 1024
step array32 /live/pvmcall32 count 1024
step cross /live/pvmcall edge cross remote
step begin /live/pvmcall edge begin local
step late /live/pvmcall late remote 600 1
step late-all /live/pvmcall late local 1024 0
step fault /live/pvmcall array-fault remote
step namespaces /live/pvmns pid
step user /live/pvmcall --uid 1234 self
step parked parked 4
step moved moved
finish
"""

SECOND = r"""
# second NAME ARG...: one more tracer; when it has ended, what it wrote are the facts.
second() {
	out=$1
	shift
	: >/tmp/err.second
	rm -f "$out"
	/pvmtrace -o "$out" "$@" >/dev/null 2>/tmp/err.second &
	other=$!
	until grep -q 'tracing as' /tmp/err.second || ! kill -0 $other; do sleep 0.3; done
}

finish_second() {
	kill -TERM $other
	wait $other
}

"""

BOTH = r"""
both() {
	second /tmp/second --attach fentry --iov-limit all --max-line 1048576
	for what in "pvmcall pair" "pvmabi int80 read" "pvmcall counts 64 64" "pvmcall counts 1024 1024" \
		"pvmcall late remote 600 1" "pvmcall array-fault remote" "pvmcall --uid 1234 self" "pvmns pid"; do
		/live/$what >/dev/null
	done
	finish_second || return 1
	cat /tmp/second
}

session both --iov-limit all --max-line 1048576
step both both
finish
"""

WITNESS = r"""
# witness NAME CALLS RACE: what it is told, and what it tells, are kept.
witness() {
	echo "$2" >/tmp/asked.$1
	/live/pvmwitness "$2" "$3" >/tmp/truth.$1 &
	echo $! >/tmp/pid.$1
	wait $!
}

# One tracer for all that is asked of a method: the witness, still and racing, and what other calls cost.
witnessed() {
	second /tmp/lines --attach "$1" -f text --caller-comm pvmwitness --ring-size 128M
	witness still STILL 0 && witness race RACES 1 || return 1
	echo 1 >/proc/sys/kernel/bpf_stats_enabled
	/live/pvmcall pair >/dev/null
	/live/pvmcount $other 100000
	echo 0 >/proc/sys/kernel/bpf_stats_enabled
	finish_second
}

# judged NAME: of each of its calls, whether its line told the truth, and what it said of itself. A range names
# its call (pvmwitness.c): one that stands in no line is counted, and shifts no other.
judged() {
	awk -v pid="$(cat /tmp/pid.$1)" -v asked="$(cat /tmp/asked.$1)" '
	function counter(name) {
		return match($0, " " name " [0-9]+") ? substr($0, RSTART + length(name) + 2, RLENGTH) + 0 : 0
	}
	NR == FNR && FNR == 1 { for (i = 1; i <= NF; i++) page[$i] = i - 1; pairs = NF / 2; next }
	NR == FNR { truth = $0; next }
	/ -- stop: / { skipped = counter("skipped_runs"); summarised = counter("summarised") }
	/ calls in / || /parked/ || !/pvmwitness\(.* read / || !index($0, "pvmwitness(" pid ")") { next }
	!match($0, / 0x[0-9a-f]+\+64/) { unread++; next }
	{
		at = page[substr($0, RSTART + 1, RLENGTH - 4)]
		gap = (int(at / 2) - n % pairs + pairs) % pairs
		missing += gap
		n += gap + 1
		came = substr(truth, n, 1) == "b"
		right = at % 2 == came ? "right" : "wrong"
		said = index($0, "confirmed") ? "confirmed" : index($0, "changed") ? "changed" : "nothing"
		cnt[right "_" said]++
	}
	END {
		missing += length(truth) - n
		printf "{\"asked\":%d,\"calls\":%d,\"missing\":%d,\"unread\":%d,\"summarised\":%d,\"skipped\":%d", asked,
			length(truth), missing, unread, summarised, skipped
		for (i = split("right_confirmed right_changed right_nothing wrong_confirmed wrong_changed " \
			"wrong_nothing", key, " "); i > 0; i--)
			printf ",\"%s\":%d", key[i], cnt[key[i]]
		print "}"
	}' /tmp/truth.$1 /tmp/lines
}

mark session confirm
for method in METHODS; do
	step cost-$method witnessed $method
	step still-$method judged still
	step race-$method judged race
done
"""


def script(short):
    """The sessions of these checks. short: without that of both methods at once, the witness of one of them, and with
    fewer calls."""
    few = SHORT if short else 1
    witness = WITNESS
    asked = METHODS[:1] if short else METHODS
    for word, value in (("STILL", STILL // few), ("RACES", RACES // few), ("METHODS", " ".join(asked))):
        witness = witness.replace(word, str(value))
    return FENTRY + SECOND + ("" if short else BOTH) + witness


def has_32_bit(kernel):
    """Whether the 32-bit trigger could be built."""
    return (kernel.build / "vm" / "live" / "pvmcall32").exists()


def made(kernel, steps):
    """Those of the steps that could be."""
    return [step for step in steps if has_32_bit(kernel) or step not in ("program32", "alike32", "array32")]


def facts(runs, step):
    s = runs["confirm"].steps[step]
    assert s.status == 0, f"{step}: status {s.status}: {s.said[-3:]}"
    return json.loads(s.facts[0])


def no_fentry(runs):
    """Why this kernel has none, by what --probe found out; None: it has."""
    hooks = json.loads(runs["verifier"].steps["probe"].facts[0])["hooks"]
    return next((h["error"] for h in hooks if h["hook"] == "fentry/mm_access" and not h["attaches"]), None)


def methods(runs):
    return METHODS[:1] if runs["short"] or no_fentry(runs) else METHODS


def walks(runs):
    """The sessions of these methods."""
    return ("walk",) if no_fentry(runs) else ("walk", "fentry")


def check_fentry_start(kernel, runs):
    start = runs["fentry"].start
    assert start["attach"] == "fentry" and any("seccomp" in s for s in start["unseen"][2:])
    assert {a["abi"]: (a["covered"], a["proven"]) for a in start["abis"]} == ABIS[kernel.arch]


def check_both_methods_tell_the_same(_kernel, runs):
    """The same calls, seen by a tracer of each kind."""
    run = runs["both"]
    records = [json.loads(line) for line in run.session.steps["both"].facts]
    # Each of them also sees how the other one tests itself.
    other = [r for r in records if r["type"] == "process_vm_access" and r["caller"]["comm"] != "pvmtrace"]
    pids = {r["caller"]["pid"] for r in other}
    mine = [r for r in run.records if r["type"] == "process_vm_access" and r["caller"]["pid"] in pids]
    assert len(other) == len(mine) >= 10, (len(mine), len(other))
    key = lambda r: (r["caller"]["tid"], r["time"])  # noqa: E731
    for a, b in zip(sorted(mine, key=key), sorted(other, key=key)):
        for record in (a, b):
            for task in (record["caller"], record["target"]):
                for name in OWN_OF_TASKS:
                    task[name] = None
        for name in a:
            assert name in OWN or a[name] == b[name], f"{name}: {a[name]} is not {b[name]}"


def check_confirmed_targets(_kernel, runs):
    """Of whom the kernel was asked for memory."""
    for name in walks(runs):
        for event in runs[name].agree("pair") + runs[name].agree("array1024"):
            assert event["target"]["confirmed"] is True and event["target"]["moved"] is False
        fault, = runs[name].agree("fault")
        assert fault["target"]["confirmed"] is None


def check_confirmed_pages(kernel, runs):
    for name in walks(runs):
        for step in made(kernel, ("native", "pair", "program32", "array8", "array64", "array1024", "array32", "late")):
            for event in runs[name].agree(step):
                remote = event["remote"]
                assert remote["confirmed"] == "pages", f"{name}: {step}: {remote['pinned']}"
                assert remote["pinned"]["pages"] >= 1
                assert int(remote["pinned"]["first"], 16) == int(remote["iov"][0]["base"], 16) & ~4095


def check_witness(_kernel, runs):
    """Who keeps moving the range cannot get a wrong one confirmed; nobody else is accused. Where the kernel skipped
    hooks of ours (preemptible ones do), and counted them, as many calls may be without a word."""
    for method in methods(runs):
        still, race = both = facts(runs, f"still-{method}"), facts(runs, f"race-{method}")
        silent = sum(told[key] for told in both for key in ("missing", "unread", "right_nothing", "wrong_nothing"))
        assert silent <= race["skipped"], both
        for told in both:
            assert told["calls"] == told["asked"] > 0 and not told["summarised"] and told["wrong_confirmed"] == 0, told
    assert still["wrong_changed"] == still["right_changed"] == 0 and race["right_confirmed"] > 0, (still, race)
    # How many are wrong is up to the machine; that none is would prove nothing. In the short form there may be none.
    assert runs["short"] or sum(facts(runs, f"race-{m}")["wrong_changed"] for m in methods(runs)) > 0


def check_cost_elsewhere(_kernel, runs):
    """Other system calls run no program more under fentry, and two under tracepoint; the collector's own look at its
    hooks once a second is in the count."""
    cost = facts(runs, "cost-tracepoint")
    assert cost["runs"] >= 2 * cost["calls"], cost
    if no_fentry(runs):
        return
    cost = facts(runs, "cost-fentry")
    assert cost["before"] > 0 and cost["runs"] <= 8 * (cost["seconds"] + 2), cost


def like_tracepoint(check):
    """A check of the tracepoint method's sessions, for the session of the other one."""
    def same(kernel, runs):
        check(kernel, {**runs, "walk": runs["fentry"], "default": runs["fentry"]})
    same.__doc__ = check.__doc__
    return same
