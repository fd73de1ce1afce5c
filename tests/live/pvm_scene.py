# SPDX-License-Identifier: Apache-2.0
"""A set of calls, and for each line of a table of filters which of them get through."""

from needs import has
from pvm import Held, MY_NAME, SEES_REFUSED, trigger, trigger_one
from pvm_arch import COMPAT_BYTES, COMPAT_CALL, COMPAT_NEED
from pvm_host import KILLED_CALLS_RETURN

ALPHA, BETA = f"a{MY_NAME}", f"b{MY_NAME}"
ALL = {"g>a", "g>b", "g>g", "g>none", "a>a", "b>a", "d>child read", "d>child write", "d>d 65", "d>d 64",
       "d>d refused", "t>t thread", "i>i compat"}
SELF = {"g>g", "a>a", "d>d 65", "d>d 64", "d>d refused", "t>t thread", "i>i compat"}
FAILED = {"g>a", "g>b", "g>none", "b>a", "d>d refused"}
MOVED_65 = {"d>d 65"}
KILLED = {"k>k killed"}
# Refused by seccomp: some kernels do not tell of it, and fentry does not see it.
UNKNOWN = KILLED if KILLED_CALLS_RETURN and SEES_REFUSED else set()
ALL |= UNKNOWN
SELF |= UNKNOWN
BY_GAMMA = {"g>a", "g>b", "g>g", "g>none"}
ON_A = {"g>a", "a>a", "b>a"}
ON_B = {"g>b"}
CHILD = {"d>child read", "d>child write"}
STRANGERS = {"g>a", "g>b", "b>a"}  # of other users, too

# (options, where {a}, {b}, {g} are pids, {alpha}, {beta}, {mine} names) -> the calls that get through
TABLE = [
    ("", ALL),
    ("-p {a}", ON_A),
    ("-p {a} --target-pid {b}", ON_A | ON_B),
    ("-p !{a}", ALL - ON_A),
    ("-p {a} -p !{b}", ON_A),
    ("--caller-pid {a}", {"a>a"}),
    ("--caller-pid {a} --caller-pid {g}", {"a>a"} | BY_GAMMA),
    ("--caller-pid !{g}", ALL - BY_GAMMA),
    ("--caller-pid {g} -p {a}", {"g>a"}),
    ("--caller-pid {g} -p !{a}", BY_GAMMA - {"g>a"}),
    ("--target-comm {alpha}", ON_A),
    ("--target-comm !{alpha}", ALL - ON_A),
    ("--target-comm {alpha} --target-comm {beta}", ON_A | ON_B),
    ("--target-comm {alpha} --target-comm !{beta}", ON_A),
    ("--caller-comm {mine}", BY_GAMMA),
    ("--caller-comm !{mine}", ALL - BY_GAMMA),
    ("--caller-comm {mine}x", set()),
    ("--caller-comm {mine} --target-comm {beta}", {"g>b"}),
    ("--target-uid 4001", ON_A),
    ("--target-uid !4001", ALL - ON_A),
    ("--caller-uid 4002", {"b>a"}),
    ("--caller-uid root --target-uid 4001", {"g>a"}),
    ("--caller-uid !0 --target-uid 4001", {"a>a", "b>a"}),
    ("--op read", ALL - {"d>child write"}),
    ("--op write", {"d>child write"}),
    ("--op !read", {"d>child write"}),
    ("--outcome success", ALL - FAILED),
    ("--outcome failure", FAILED | UNKNOWN),
    ("--outcome !failure", ALL - FAILED),
    ("--min-bytes 65", MOVED_65 | UNKNOWN),
    ("--min-bytes 64 --outcome success", ALL - FAILED - {"i>i compat"}),
    ("--no-self", ALL - SELF),
    ("--relation self", SELF),
    ("--relation !self", ALL - SELF),
    ("--relation child", CHILD),
    ("--relation none", STRANGERS),
    ("--relation other-user", STRANGERS),
    ("--relation !other-user --relation !child", ALL - STRANGERS - CHILD),
    ("--relation child --relation self --op read", SELF | {"d>child read"}),
    ("--relation parent", set()),
    ("--no-self --caller-uid 0 --outcome success --op read --min-bytes 1", {"d>child read"}),
]


def here(names):
    """Without the calls that this machine cannot make."""
    return names - (set() if has(COMPAT_NEED) else {"i>i compat"}) - (set() if has("seccomp") else KILLED)


class Scene:
    """The calls of the table, made once."""

    def __init__(self):
        self.a = Held("pvmcall", "--uid", 4001, "--comm", ALPHA.encode().hex(), "step")
        self.b = Held("pvmcall", "--uid", 4002, "--comm", BETA.encode().hex(), "step")
        self.g = Held("pvmcall", "--comm", MY_NAME.encode().hex(), "step")
        for h in (self.a, self.b, self.g):
            h.line()
        self.calls = {}  # (caller pid, target argument, op) -> name

    def words(self):
        return {"a": self.a.pid, "b": self.b.pid, "g": self.g.pid, "alpha": ALPHA, "beta": BETA,
                "mine": MY_NAME}

    def note(self, name, run, result, n=0):
        call = run["calls"][n]
        assert call["ret"] == result, (name, run)
        self.calls[(run["pid"], call["arg"], call["op"])] = name

    def act(self):
        none = 2**31 - 1
        for name, caller, target, result in (
                ("g>a", self.g, self.a.pid, -14), ("g>b", self.g, self.b.pid, -14),
                ("g>g", self.g, self.g.pid, 64), ("g>none", self.g, none, -3),
                ("a>a", self.a, self.a.pid, 64), ("b>a", self.b, self.a.pid, -1)):
            self.note(name, caller.step(f"target {target}"), result)
        pair = trigger_one("pvmcall", "pair")
        self.note("d>child read", pair, 64)
        self.note("d>child write", pair, 64, 1)
        self.note("d>d 65", trigger_one("pvmcall", "counts", 65, 65), 65)
        self.note("d>d 64", trigger_one("pvmcall", "counts", 64, 64), 64)
        self.note("d>d refused", trigger_one("pvmcall", "counts", 1024, 1025), -22)
        self.note("t>t thread", trigger_one("pvmcall", "tid", "self"), 64)
        if has("seccomp"):
            self.note("k>k killed", trigger("pvmseccomp", "kill-process")[0], 0)
        if has(COMPAT_NEED):
            self.note("i>i compat", trigger_one(*COMPAT_CALL, "read"), COMPAT_BYTES)
        assert set(self.calls.values()) == here(ALL | KILLED)

    def close(self):
        for h in (self.g, self.a, self.b):
            h.close()
