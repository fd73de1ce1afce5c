# SPDX-License-Identifier: Apache-2.0
"""Real programs that call all the time, told one by one and told together (--aggregate): the counts are the same, and
those that ftrace saw; the lines are a few. With -s each test prints what it measured."""

import collections
import contextlib
import json
import shutil
import subprocess
from pathlib import Path

import pytest

from needs import which
from pvm import MY_NAME, Tracer
from pvm_arch import OPS
from pvm_ftrace import Observer
from pvm_tally import Tally

MPI = Path(__file__).resolve().parent / "mpi" / "pingpong.c"
ROUNDS, SIZE = 2000, 1 << 20
SOURCE = "#include <stdio.h>\n#include <stdlib.h>\n#include <string.h>\n" + "".join(
    f"int f{i}(const char *s) {{ return printf(\"%s %d\", s, {i}) + (int)strlen(s); }}\n" for i in range(200))

Both = collections.namedtuple("Both", "plain together ftrace stdout")


def traced(command, comm, **popen):
    """Runs it under two tracers and ftrace; what each of them says of the callers of that name."""
    options = ("--caller-comm", comm, "--ring-size", "32M")
    with contextlib.ExitStack() as stack:
        tracers = [stack.enter_context(Tracer(*options, *more, read=False)) for more in ((), ("--aggregate", 60))]
        tallies = [Tally(t) for t in tracers]
        for tally in tallies:
            tally.wait(lambda tally=tally: tally.lines, 30, "start")
        with Observer() as o:
            run = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=60, check=False,
                                 **popen)
            seen = o.result()
        for tally in tallies:
            stop = tally.finish()
            assert stop["complete"] is (stop["counters"]["skipped_runs"] == 0), stop
        assert run.returncode == 0, run.stderr.decode()[-2000:]
        return Both(*tallies, collections.Counter((tid, OPS[nr]) for tid, nr, _ in seen), run.stdout)


def expect_the_same(what, both, execs=0):
    """Who did what to whom, and how often; execs: how many each target makes meanwhile, at most."""
    plain, together = both.plain, both.together
    assert sum(plain.summed.values()) == 0 and plain.all == together.all and plain.all
    by_caller = collections.Counter()
    for key, n in plain.all.items():
        by_caller[key.caller, key.op] += n
    assert by_caller == {key: n for key, n in both.ftrace.items() if key in by_caller}
    # The first of each caller, target, operation and outcome is an event of its own, and after an exec of the target
    # once more; and each that meets borrowed memory, as a vfork child's is. No other is.
    kinds = len(plain.all)
    assert kinds <= sum(together.told.values()) <= kinds * (1 + execs) + together.borrowed
    assert {r["reason"] for _, r in together.summaries} == {"aggregate"}
    print(f"\n{what}: {sum(plain.all.values())} calls; one by one {plain.lines} lines, {plain.bytes} bytes; "
          f"together {together.lines} lines, {together.bytes} bytes")


@pytest.mark.slow
def test_mpi(tmp_path):
    """Open MPI moves large messages between processes of one host by process_vm_readv (CMA)."""
    mpicc, mpirun = which("mpicc"), which("mpirun")
    comm = f"m{MY_NAME}"
    program = tmp_path / comm
    subprocess.run([mpicc, "-O1", "-o", program, MPI], check=True, timeout=60)
    both = traced([mpirun, "--allow-run-as-root", "--oversubscribe", "-np", "2", "--mca", "pml", "ob1", "--mca", "btl",
                   "self,vader", "--mca", "btl_vader_single_copy_mechanism", "cma", program, str(ROUNDS), str(SIZE)],
                  comm)
    ranks = {r["rank"]: r["pid"] for r in map(json.loads, both.stdout.splitlines())}
    expect_the_same("MPI ping-pong", both)
    for rank in (0, 1):
        # Who receives a message reads it out of the sender: half of them each.
        assert both.plain.of(ranks[rank], "read") == ROUNDS // 2
        moved = sum(r["bytes_transferred"] for _, r in both.together.summaries if r["caller"]["pid"] == ranks[rank])
        assert moved == (ROUNDS // 2 - 1) * SIZE
    assert both.together.lines < 10 and both.plain.lines > ROUNDS


@pytest.mark.slow
def test_strace_of_a_build(tmp_path):
    comm = f"s{MY_NAME}"
    strace = shutil.copy(which("strace"), tmp_path / comm)
    source = tmp_path / "some.c"
    source.write_text(SOURCE)
    both = traced([strace, "-f", "-o", "/dev/null", which("gcc"), "-O1", "-c", "some.c"], comm, cwd=tmp_path)
    expect_the_same("strace -f of a build", both, execs=1)
    assert len({k.target for k in both.plain.all}) >= 3  # gcc, its compiler, the assembler
    assert sum(both.plain.all.values()) > 100 and both.together.lines * 4 < both.plain.lines
