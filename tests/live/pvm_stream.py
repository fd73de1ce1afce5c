# SPDX-License-Identifier: Apache-2.0
"""What holds for every line and every record, whatever the test is about."""

import collections
import errno
import json
import os
import re

import pvm_schema

JSON_MAX = 2**53 - 1
TYPES = {"start", "process_vm_access", "process_vm_summary", "stats", "lost", "reopen", "error", "tamper", "stop"}
PHASES = {"complete", "in_flight", "unfinished", "ended", "orphan"}
ABIS = {"x86_64", "i386", "x32", "arm64", "arm"}
STATUSES = {"ok", "none", "invalid", "partial", "late", "fault", "lost"}

HEAD = ["time", "schema", "type", "seq", "told", "run", "id"]
TOP = HEAD + ["phase", "op", "syscall", "abi", "outcome", "ret", "error",
       "duration_ns", "bytes_requested", "bytes_transferred", "partial", "flags", "flag_names", "target",
       "caller", "relation", "access", "rule", "local", "remote", "truncated", "host"]
WHO = ["pid", "tid", "ppid", "pid_ns", "comm", "pcomm",
       "uid", "gid", "euid", "egid", "suid", "sgid", "loginuid", "sessionid", "caps_effective", "start",
       "entity_id", "exe", "exe_dev", "exe_ino", "exe_deleted", "exe_subvol", "exe_gen", "exe_size", "exe_ctime",
       "cgroup", "cgroup_id", "container_id", "containers", "ns"]
TASK = WHO + ["args"]
TARGET = ["arg", "kind", "resolved", "dumpable", "user_ns_owner"] + WHO + ["memory_of", "parent", "args"]
CALLER = WHO + ["session_leader", "tty", "ancestors", "ancestors_cut", "traced_by", "args"]
RELATIVE = ["pid", "comm", "exe", "start", "entity_id"]
ARRAY = ["addr", "count", "captured", "status", "origin", "toctou", "changed", "total_len", "iov", "iov_exit"]
REGION = ["elements", "kind", "perms", "start", "end", "runs_on", "offset", "file", "dev", "ino", "deleted", "name"]
RELATION = ["kinship", "same_uid", "same_user", "same_container", "same_pid_ns", "same_mnt_ns", "same_memory"]
ACCESS = ["by", "denied_by", "inferred", "cap_sys_ptrace", "caps_covered", "traces_target", "yama_scope"]
NUMBERS = ["pid", "tid", "ppid", "pid_ns", "exe_ino", "uid", "gid", "euid", "egid", "suid", "sgid", "loginuid",
           "sessionid", "cgroup_id"]
TEXTS = ["comm", "pcomm", "exe", "exe_dev", "caps_effective", "start", "entity_id", "cgroup", "container_id"]

RE_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z")
RE_HEX = re.compile(r"0x(0|[1-9a-f][0-9a-f]*)")
RE_CALL = re.compile(rb'{"time":"[^"]{30}","schema":"pvmtrace/1","type":"process_vm_access","seq":(\d+),'
                     rb'"told":"[^"]{30}","run":"[0-9a-f]{16}","id":"([^"]+)","phase":"(\w+)",.*?"caller":{"pid":(\d+),')
# Where all takes longer, as in an emulated machine, everybody waits so many times as long.
SLOWNESS = float(os.environ.get("PVM_SLOWNESS", "1"))
LOOK_AT_MOST = 20_000  # lines of one run, at its end, beside those that a test has looked at
LIKE_OTHERS = 5  # of so many calls' lines that are alike but for their digits, one is held against the schema
DIGITS = bytes.maketrans(b"123456789abcdef", b"0" * 15)
RE_STRING = re.compile(r'"(?:[^"\\]|\\.)*"')


class Bad(AssertionError):
    """A line or a record that breaks the contract."""


def need(cond, what, record=None):
    if not cond:
        raise Bad(f"{what}: {json.dumps(record)[:600]}" if record is not None else what)


def _pairs(pairs):
    out = dict(pairs)
    need(len(out) == len(pairs), f"duplicate key among {[k for k, _ in pairs]}")
    return out


def _refuse(word):
    raise Bad(f"not JSON: {word}")


def _integer(text):
    value = int(text)
    need(abs(value) <= JSON_MAX, f"number above 2^53-1: {text}")
    return value


def parse_line(line):
    """bytes of one line, LF included -> record"""
    need(line.endswith(b"\n"), f"a line without its end: {line[-200:]!r}")
    text = line[:-1].decode("utf-8", errors="strict")
    try:
        record = json.loads(text, object_pairs_hook=_pairs, parse_constant=_refuse, parse_float=_refuse,
                            parse_int=_integer)
    except json.JSONDecodeError as e:
        raise Bad(f"not JSON: {e}: {text[:2000]}") from None
    bare = RE_STRING.sub("", text)
    need(not re.search(r"\s", bare), f"white space between tokens: {text[:500]}")
    need("\\u0000" not in text or "\0" not in json.dumps(record, ensure_ascii=False), "a NUL", record)
    return record


def in_order(have, wanted, what, record):
    """The known keys are there and in order; others may stand between them."""
    known = [k for k in have if k in wanted]
    need(known == wanted, f"keys of {what}: missing {set(wanted) - set(known)}, or out of order", record)
    for key in have:
        if key.endswith("_hex") and key[:-4] in wanted:
            need(have[key] is not None, f"{what}.{key} is null", record)


def is_int(v):
    return isinstance(v, int) and not isinstance(v, bool)


def check_task(task, keys, what, r):
    in_order(task, keys, what, r)
    for key in NUMBERS:
        need(task[key] is None or (is_int(task[key]) and task[key] >= 0), f"{what}.{key}", r)
    for key in TEXTS:
        known = isinstance(task[key], str) and (task[key] != "" or key in ("comm", "pcomm"))
        need(task[key] is None or known, f"{what}.{key}", r)
    need(task["exe_deleted"] in (None, True, False), f"{what}.exe_deleted", r)
    need(task["start"] is None or RE_TIME.fullmatch(task["start"]), f"{what}.start", r)
    need(task["caps_effective"] is None or RE_HEX.fullmatch(task["caps_effective"]), f"{what}.caps", r)
    need(task["exe_dev"] is None or re.fullmatch("[0-9a-f]{2,}:[0-9a-f]{2,}", task["exe_dev"]),
         f"{what}.exe_dev", r)
    need(task["args"] is None or all(isinstance(a, str) for a in task["args"]), f"{what}.args", r)
    if task["ns"] is not None:
        need(list(task["ns"])[:3] == ["pid", "mnt", "user"], f"{what}.ns", r)


def check_target(target, relation, r):
    need(target["kind"] in ("pid", "pidfd"), "target.kind", r)
    need(is_int(target["arg"]) and -2**31 <= target["arg"] < 2**31, "target.arg", r)
    need(target["resolved"] in (True, False), "target.resolved", r)
    if target["resolved"]:
        need(is_int(target["pid"]) and is_int(target["tid"]), "resolved, but no pid", r)
        need(relation["kinship"] in ("self", "child", "parent", "none"), "relation.kinship", r)
        need((relation["kinship"] == "self") == (target["pid"] == r["caller"]["pid"]), "self", r)
        return
    for key in TASK:
        value = target[key]
        empty = value is None or (key == "ns" and set(value.values()) == {None})
        need(empty, f"unresolved, but target.{key}", r)
    need(all(v is None for v in relation.values()), "unresolved, but a relation", r)


def check_array(a, what, r):
    in_order(a, ARRAY, what, r)
    need(RE_HEX.fullmatch(a["addr"]), f"{what}.addr", r)
    need(a["status"] in STATUSES, f"{what}.status", r)
    need(is_int(a["count"]) and is_int(a["captured"]) and 0 <= a["captured"] <= 1024, f"{what} counts", r)
    need(is_int(a["total_len"]), f"{what}.total_len", r)
    if a["captured"]:
        need(a["origin"] == "user" and a["toctou"] is True, f"{what}: origin and toctou", r)
    else:
        need(a["origin"] in (None, "user") and a["total_len"] == 0, f"{what}: nothing captured", r)
    if a["origin"] is None:
        need(a["toctou"] in (None, False), f"{what}: toctou without origin", r)
    for name in ("iov", "iov_exit"):
        for e in a[name] or []:
            need(list(e) == ["base", "len"] and RE_HEX.fullmatch(e["base"]) and is_int(e["len"]),
                 f"{what}.{name}", r)
    need(isinstance(a["iov"], list) and len(a["iov"]) <= a["captured"], f"{what}.iov", r)
    cut = any(t.startswith(what) for t in r["truncated"])
    if not cut:
        need(len(a["iov"]) == a["captured"], f"{what}.iov is cut, but not in truncated", r)
        total = min(sum(e["len"] for e in a["iov"]), JSON_MAX)
        need(a["total_len"] == total, f"{what}.total_len", r)
    for region in [*(a.get("regions") or []), *(a.get("regions_exit") or [])]:
        in_order(region, REGION, f"{what}.regions", r)
    need(a["changed"] in (None, True, False), f"{what}.changed", r)
    if a["changed"] is not True:
        need(a["iov_exit"] is None, f"{what}.iov_exit without a change", r)


def check_outcome(r):
    if r["outcome"] == "success":
        need(is_int(r["ret"]) and r["ret"] >= 0 and r["error"] is None, "success", r)
        need(r["bytes_transferred"] == r["ret"], "bytes_transferred", r)
    elif r["outcome"] == "failure":
        need(is_int(r["ret"]) and r["ret"] < 0, "failure", r)
        need(r["error"] == errno.errorcode[-r["ret"]], "error name", r)
        need(r["bytes_transferred"] == 0, "bytes_transferred of a failure", r)
    else:
        need(r["outcome"] == "unknown" and r["ret"] is None and r["error"] is None, "unknown", r)
        need(r["bytes_transferred"] is None and r["partial"] is None, "bytes of an unknown result", r)
    if r["phase"] == "complete":
        need(r["outcome"] != "unknown", "complete without a result", r)
    if r["phase"] in ("in_flight", "unfinished", "ended"):
        need(r["outcome"] == "unknown", "a result before the end", r)
    need((r["duration_ns"] is None) == (r["phase"] in ("ended", "orphan")), "duration_ns", r)
    asked, moved = r["bytes_requested"], r["bytes_transferred"]
    if asked is not None and moved is not None:
        need(r["partial"] == (0 < moved < asked), "partial", r)


def check_small(r):
    """A line limit that leaves no room for all keys: what is missing is named, who and what stays."""
    for name in ("local", "remote", "host"):
        need(r[name] is not None or name in r["truncated"], f"{name} is gone, but not in truncated", r)
    for name in ("caller", "target"):
        need(set(TASK) <= set(r[name]) or f"{name}.*" in r["truncated"], f"keys of {name}", r)
        if name == "caller" or r["target"]["resolved"]:
            need("pid" in r[name] and "tid" in r[name], f"{name}.pid", r)
    for gone, other in (("local", "remote"), ("remote", "local")):
        if r[gone] is None and r[other]:
            # Which range was meant is worth more: the first remote element stays.
            need(len(r[other]["iov"]) <= (other == "remote"),
                 f"{other}.iov is shown although {gone} has not even its counts", r)
    check_outcome(r)


def check_call(r, small=False):
    """A process_vm_access record, on its own."""
    in_order(r, TOP, "the record", r)
    if small:
        check_small(r)
        return
    need(r["phase"] in PHASES and r["abi"] in ABIS and r["op"] in ("read", "write"), "names", r)
    need(r["syscall"] == f"process_vm_{r['op']}v", "syscall", r)
    need(RE_HEX.fullmatch(r["flags"]), "flags", r)
    need(isinstance(r["id"], str) and r["id"], "id", r)
    need(isinstance(r["truncated"], list), "truncated", r)
    need(list(r["host"])[:3] == ["name", "machine_id", "boot_id"], "host", r)
    in_order(r["relation"], RELATION, "relation", r)
    in_order(r["access"], ACCESS, "access", r)
    check_outcome(r)
    check_task(r["caller"], CALLER, "caller", r)
    for relative in [*(r["caller"]["ancestors"] or []), *filter(None, (r["caller"]["traced_by"], r["target"]["parent"]))]:
        in_order(relative, RELATIVE, "a relative", r)
    check_task(r["target"], TARGET, "target", r)
    need(is_int(r["caller"]["pid"]) and is_int(r["caller"]["tid"]), "caller", r)
    check_target(r["target"], r["relation"], r)
    check_array(r["local"], "local", r)
    check_array(r["remote"], "remote", r)


def check_books(stop, final_calls=None, lost_told=None, summed=None):
    """The books of a stop record, against themselves and against what came out."""
    c = stop["counters"]
    need(stop["balanced"] is True, "not balanced", stop)
    total = c["emitted"] + c["summarised"] + c["filtered"] + c["lost"]
    need(c["seen"] == total, f"seen {c['seen']} is not {total}", stop)
    causes = {k: v for k, v in c.items() if k.startswith("lost_")}
    need(sum(causes.values()) == c["lost"], f"lost {c['lost']} is not the sum of {causes}", stop)
    need(stop["complete"] is (not stop["incomplete"]), "complete, but for reasons, or the reverse", stop)
    if c["lost"] or c.get("skipped_runs"):
        need(stop["complete"] is False, "complete in spite of losses", stop)
    if final_calls is not None:
        need(c["emitted"] == final_calls, f"{c['emitted']} emitted, {final_calls} came out", stop)
    if summed is not None:
        need(c["summarised"] == summed, f"{c['summarised']} summarised, {summed} in summaries", stop)
    if lost_told is not None:
        need(c["lost"] == lost_told, f"{c['lost']} lost, {lost_told} told in lost records", stop)


class Order:
    """Numbers of one stream's records: none is missing or twice."""

    def __init__(self):
        self.seq = 0
        self.ahead = set()  # of `reopen` records: they go before lines that were held back

    def number(self, seq, kind):
        if kind == "reopen" and seq > self.seq + 1:
            self.ahead.add(seq)
            return
        self.seq += 1
        while self.seq in self.ahead:
            self.ahead.remove(self.seq)
            self.seq += 1
        need(seq == self.seq, f"seq {seq} where {self.seq} belongs")


class Stream:
    """
    Takes bytes as they come, gives records. Length, head and order are checked for each line at once; the
    whole line when somebody looks at it, and at the end: a reader that is slower than the tracer would make it
    lose calls, for example when other programs of this machine call a lot.
    """

    def __init__(self, max_line=8000, first_seq=1, first_type="start"):
        self.max_line = max_line
        self.next_seq = first_seq
        self.first_type = first_type
        self.rest = b""
        self.lines = []  # records, or lines of calls that nobody has looked at yet
        self.last_type = None
        self.callers = collections.defaultdict(list)  # pid -> places in lines, from the begin on
        self.first = 0  # the place of the begin
        self.ids = set()
        self.runs = set()
        self.twice = 0
        self.final = 0  # last records of a call
        self.forms = collections.Counter()
        self.bad = []  # single records that break the contract, for the test that caused them

    def begin(self):
        """Calls that were told before are no longer found."""
        self.callers.clear()
        self.first = len(self.lines)

    def feed(self, data):
        *lines, self.rest = (self.rest + data).split(b"\n")
        for line in lines:
            self.line(line + b"\n")

    def line(self, line):
        need(len(line) <= self.max_line, f"a line of {len(line)} bytes")
        head = RE_CALL.match(line)
        if head:
            seq, kind, item = int(head[1]), "process_vm_access", line
        else:
            item = parse_line(line)
            need(list(item)[:7] == HEAD, "first keys", item)
            need(RE_TIME.fullmatch(item["time"]) and RE_TIME.fullmatch(item["told"]), "time and told", item)
            need(item["id"] == f"{item['run']}-s{item['seq']}", "id", item)
            self.runs.add(item["run"])
            need(item["schema"] == "pvmtrace/1" and item["type"] in TYPES, "schema or type", item)
            seq, kind = item["seq"], item["type"]
            need(kind != "process_vm_access", "first keys of a call", item)
            self.by_schema(item, line)
            if kind == "process_vm_summary":
                need(item["first"] <= item["last"] == item["time"], "times of a summary", item)
        need(seq == self.next_seq, f"seq is {seq}, not {self.next_seq}")
        need(self.last_type or self.first_type in (None, kind), f"the first record is {kind}")
        need(self.last_type != "stop", f"{kind} after stop")
        need(kind != "start" or not self.last_type, "a second start")
        if kind in ("start", "reopen"):
            need(len(line) >= 1024, f"{kind} has only {len(line)} bytes")
        if head:
            self.callers[int(head[4])].append(len(self.lines))
            if head[3] != b"in_flight":
                self.final += 1
                self.twice += head[2] in self.ids
                self.ids.add(head[2])
        self.last_type = kind
        self.next_seq += 1
        self.lines.append(item)

    def by_schema(self, record, line):
        found = pvm_schema.complaint(record)
        if found:
            self.bad.append(Bad(f"{found}: {line.decode()[:600]}"))

    def like_others(self, line):
        """Whether lines like it, but for their digits, were looked at, and it is not the next one's turn."""
        form = hash(line.translate(DIGITS))
        self.forms[form] += 1
        return self.forms[form] % LIKE_OTHERS != 1

    def look(self, place):
        """The record at that place, checked. The schema takes most of the time."""
        line = self.lines[place]
        if isinstance(line, bytes):
            record = self.lines[place] = parse_line(line)
            try:
                need(RE_TIME.fullmatch(record["time"]) and RE_TIME.fullmatch(record["told"]), "time and told", record)
                need(record["id"].startswith(record["run"] + "-") and record["run"] in self.runs, "id", record)
                check_call(record, self.max_line < 3000)
                if not self.like_others(line):
                    self.by_schema(record, line)
            except (Bad, KeyError, TypeError, AttributeError) as e:
                self.bad.append(Bad(f"{type(e).__name__} {e}: {line.decode()[:600]}"))
        return self.lines[place]

    def calls(self, pid=None):
        places = range(self.first, len(self.lines)) if pid is None else self.callers.get(pid, ())
        found = [self.look(i) for i in places]
        return [r for r in found if r["type"] == "process_vm_access"]

    def of(self, kind):
        if kind == "process_vm_access":
            return self.calls()
        return [r for r in self.lines if isinstance(r, dict) and r["type"] == kind]

    def complain(self):
        """Raises what was wrong with single records, once."""
        bad, self.bad = self.bad, []
        if bad:
            raise bad[0]

    def finish(self):
        """After the end of the output."""
        need(self.rest == b"", f"a line was cut: {self.rest[-200:]!r}")
        need(self.last_type == "stop", "no stop record")
        step = int(len(self.lines) * SLOWNESS) // LOOK_AT_MOST + 1
        for place in range(0, len(self.lines), step):
            self.look(place)
        self.complain()
        check_books(self.lines[-1], self.final, sum(r["count"] for r in self.of("lost")),
                    sum(r["calls"] for r in self.of("process_vm_summary")))
        need(self.twice == 0, "an id twice")
        need(len(self.runs) == 1, f"one run has several ids: {self.runs}")
