# SPDX-License-Identifier: Apache-2.0
"""Fixtures of the live tests: they need root, a built tracer and built triggers."""

import functools
import os
import shutil
import sys
import tempfile
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent)]

import needs  # noqa: E402
import pvm  # noqa: E402
from pvm_host import Cgroups, switched_off  # noqa: E402
from pvm_sums import Programs  # noqa: E402


def pytest_addoption(parser):
    parser.addoption("--needing", metavar="NEED,...", help="run only the tests that need one of these (tests/needs.py)")
    parser.addoption("--one-of-each", action="store_true", help="of tests that differ in their parameters alone, run the first")


def pytest_configure(config):
    needs.register(config)
    config.addinivalue_line("markers", "slow: takes more than a few seconds")
    config.addinivalue_line("markers", "floods: of a module that FLOODS")
    config.addinivalue_line("markers", "alike: in a guest of make check another one of the kind is enough (tests/vm/live.py)")
    config.addinivalue_line("markers", "unseen_by_fentry(what): only the attach method tracepoint sees it")
    config.addinivalue_line("markers", "without_witnesses: by a tracer that has none, as a switch is off: beside hogs it is passed over")
    config.addinivalue_line("markers", "exact_moment: a hook has to look just when something else happens, which hogs put off")


def pytest_sessionstart(session):
    if session.config.option.collectonly:
        return
    if os.geteuid() != 0:
        pytest.exit("the live tests need root", 2)
    for path in (pvm.PVMTRACE, pvm.TRIGGERS / "pvmcall"):
        if not path.exists():
            pytest.exit(f"{path} is not built", 2)


def first_of_each(items):
    """Of the tests of each function, the first that is neither slow nor marked as like another."""
    found = {}
    for item in items:
        if not (item.get_closest_marker("slow") or item.get_closest_marker("alike")):
            found.setdefault((item.module, item.originalname), item)
    return list(found.values())


def leave_out(config, items, kept):
    config.hook.pytest_deselected(items=[item for item in items if item not in kept])
    items[:] = kept


# Before pytest's own, which looks at -m.
@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config, items):
    for item in items:
        if getattr(item.module, "FLOODS", False):
            item.add_marker("floods")
    if config.option.needing:
        needing = set(config.option.needing.split(","))
        leave_out(config, items, [item for item in items if needs.marked(item) & needing])
    if config.option.one_of_each:
        leave_out(config, items, first_of_each(items))
    for item in items:
        hogs = pvm.BESIDE_HOGS and needs.has("witnesses")
        if hogs and item.get_closest_marker("without_witnesses"):
            item.add_marker(pytest.mark.skip(reason="its tracer has only hooks that can be passed over"))
        if pvm.BESIDE_HOGS and item.get_closest_marker("exact_moment"):
            item.add_marker(pytest.mark.skip(reason="beside hogs a hook may look later than this test asks for"))
        mark = item.get_closest_marker("unseen_by_fentry")
        if mark and pvm.ATTACH == "fentry":
            item.add_marker(pytest.mark.skip(reason=f"fentry does not see {mark.args[0]}"))
        if mark and pvm.WITNESSES_ALONE:
            item.add_marker(pytest.mark.skip(reason=f"witnesses do not see {mark.args[0]}"))
        if mark and hogs:
            item.add_marker(pytest.mark.skip(reason=f"only hooks that can be passed over see {mark.args[0]}"))


@pytest.fixture(scope="session", autouse=True)
def shared_end():
    yield
    pvm.SHARED.close()


@pytest.fixture(scope="module", autouse=True)
def few_at_once():
    """Each of them reads all that happens, which a slow machine feels more than one more start."""
    yield
    if pvm.SLOWNESS > 1:
        pvm.SHARED.close()


@pytest.fixture(scope="module", autouse=True)
def alone(request):
    """Where a module says that it FLOODS, no other tracer of these tests may slow its calls down, or drown: what they
    read of a flood takes them minutes."""
    floods = getattr(request.module, "FLOODS", False)
    if floods:
        pvm.SHARED.close()
    yield
    if floods:
        pvm.SHARED.close()


@pytest.fixture
def tracer():
    """A tracer without options, for all tests that need none."""
    return pvm.SHARED.get()


@pytest.fixture
def wide():
    """A tracer that shows lists whole."""
    return pvm.SHARED.get("--iov-limit", "all", "--max-line", 1 << 20, max_line=1 << 20)


@pytest.fixture
def watcher():
    """A tracer that soon tells what is still inside."""
    return pvm.SHARED.get("--in-flight-after", 200)


@pytest.fixture(params=[pytest.param("kfunc", marks=pytest.mark.needs("kfunc")), "walk"])
def resolver(request):
    """Both ways to look up a target must tell the same."""
    t = pvm.SHARED.get("--resolve", request.param)
    assert t.start["resolve"] == request.param
    return t


@pytest.fixture
def public_dir():
    """A directory that every user can reach."""
    path = Path(tempfile.mkdtemp(prefix="pvmtrace-test-"))
    path.chmod(0o755)
    yield path
    shutil.rmtree(path, ignore_errors=True)


@pytest.fixture
def cgroups():
    c = Cgroups()
    yield c
    c.close()


@pytest.fixture
def programs(tmp_path):
    """Floods and crowds, ended with the test."""
    p = Programs(tmp_path)
    yield p
    p.close()


@pytest.fixture
def off(public_dir):
    """A prefix for a tracer that sees this switch of the kernel off."""
    if pvm.WITNESSES_ALONE:
        pytest.skip("then hardly a witness stands")
    return functools.partial(switched_off, public_dir)
