# SPDX-License-Identifier: Apache-2.0
"""Fixtures of the tests of the package: they need root, the package built, and a network for debootstrap."""

import os
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "live"), str(HERE.parent / "vm"), str(HERE.parent)]

import debian  # noqa: E402
import needs  # noqa: E402


def pytest_configure(config):
    needs.register(config)


def pytest_sessionstart(session):
    if session.config.option.collectonly:
        return
    if os.geteuid() != 0:
        pytest.exit("the tests of the package need root", 2)
    if not debian.DEB.exists():
        pytest.exit(f"{debian.DEB} is not built: make deb", 2)


@pytest.fixture(scope="session")
def machine():
    needs.require("mounts")
    m = debian.Machine()
    yield m
    m.close()


@pytest.fixture
def installed(machine):
    """The machine with the package as it came."""
    if machine.state() != "installed":
        machine.install(debian.DEB)
    return machine


@pytest.fixture(scope="session")
def caller():
    return debian.Caller()


@pytest.fixture
def quiet(installed, caller):
    """The same, configured to tell our own calls only: others of this machine may be many."""
    conf = installed.path(debian.CONF)
    before = conf.read_text()
    conf.write_text(before + f"caller-comm {caller.name}\n")
    log = installed.path(debian.LOG)
    for path in log.parent.iterdir():
        path.unlink()
    yield installed
    if conf.exists():
        conf.write_text(before)
