# SPDX-License-Identifier: Apache-2.0
"""Hooks that do not see the tracer's own call any more, if only for a moment: told, with its begin and its end, and the
run is not complete. What makes them blind is pvmblind.c."""

import contextlib
import time

from pvm import ONLY_ME, Held, Tracer, parse_time, poll


@contextlib.contextmanager
def blinded(tracer):
    """It says again what it reads once they are blind."""
    with contextlib.closing(Held("pvmblind", tracer.start["pid"], "/bin/cat")) as blind:
        blind.send("0")
        blind.line(timeout=30)
        yield


def errors(tracer, code):
    return [r for r in tracer.records("error") if r["code"] == code]


def test_one_silent_look_is_told_and_counts():
    """The looks are a second apart: a silence that only one of them met is no less of one."""
    with Tracer(*ONLY_ME) as t:
        tests = t.start["time"]
        time.sleep(1.2)
        with blinded(t):
            before = time.time_ns()
            poll(lambda: errors(t, "hooks_silent"), timeout=4)
        poll(lambda: errors(t, "hooks_back"), timeout=4)
        t.stop()
        silent, = errors(t, "hooks_silent")
        back, = errors(t, "hooks_back")
        assert silent["until"] is None and silent["since"] == back["since"] > tests
        assert before - 2 * 10**9 < parse_time(silent["since"]) <= before
        assert before < parse_time(back["until"])
        assert t.end["complete"] is False and "hooks_silent" in t.end["incomplete"]
        assert "calls may be missing: hooks_silent" in t.stderr()


def test_silence_at_the_end():
    """A silence that lasts to the end is told once."""
    with Tracer(*ONLY_ME) as t:
        poll(lambda: t.stream.of("start"))
        with blinded(t):
            t.stop()
        assert t.end["complete"] is False and t.end["incomplete"] == ["hooks_silent"], t.end
        assert len(errors(t, "hooks_silent")) == 1 and not errors(t, "hooks_back")


def test_nothing_to_tell():
    with Tracer(*ONLY_ME, "--duration", 2) as t:
        t.finish(timeout=10)
        assert t.end["complete"] is (not t.end["incomplete"])
        assert set(t.end["incomplete"]) <= {"hooks_skipped"} and not t.records("error")
