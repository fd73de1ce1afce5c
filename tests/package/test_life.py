# SPDX-License-Identifier: Apache-2.0
"""The package on a machine: installed, upgraded, removed, purged, installed again."""

import shutil

import pytest

from debian import CONF, DEB, LOG, NEWER, VERSION, Service, make_newer, wait_event


@pytest.fixture(scope="module")
def newer(tmp_path_factory):
    top = tmp_path_factory.mktemp("newer")
    yield make_newer(top)
    shutil.rmtree(top)


def version(machine):
    return machine.run("dpkg-query", "-W", "-f", "${Version}", "pvmtrace")


def test_install(machine):
    machine.fresh()
    assert machine.run("getent", "passwd", "pvmtrace").rstrip().split(":")[4:] == \
        ["process_vm tracer", "/nonexistent", "/usr/sbin/nologin"]
    assert machine.owner("/var/log/pvmtrace") == "pvmtrace:pvmtrace 750"
    assert machine.owner(CONF) == "root:root 644"
    assert machine.run("pvmtrace", "--version").startswith(f"pvmtrace {VERSION} ")
    machine.run("pvmtrace", "--config", CONF, "--check-config")
    assert "PVMTRACE(8)" in machine.run("man", "-P", "cat", "8", "pvmtrace")
    assert "PVMTRACE-EVENTS(5)" in machine.run("man", "-P", "cat", "pvmtrace-events")


def test_upgrade_keeps_what_was_changed(machine, newer, caller):
    machine.fresh()
    conf = machine.path(CONF)
    conf.write_text(conf.read_text() + f"caller-comm {caller.name}\n")
    changed = conf.read_text()
    with Service(machine) as s:
        s.wait_said("READY=1")
        wait_event(machine.path(LOG), caller)
        s.stop()
    log = machine.path(LOG).read_bytes()
    machine.install(newer, "-o", "Dpkg::Options::=--force-confold")
    assert version(machine) == NEWER
    assert conf.read_text() == changed
    assert machine.path(f"{CONF}.dpkg-dist").exists()
    assert machine.path(LOG).read_bytes() == log
    with Service(machine) as s:
        s.wait_said("READY=1")
        s.stop()
    assert machine.path(LOG).read_bytes().startswith(log)


def test_upgrade_renews_what_was_not_changed(machine, newer):
    machine.fresh()
    machine.install(newer)
    assert machine.path(CONF).read_text().endswith("# a word of the next release\n")
    assert not machine.path(f"{CONF}.dpkg-dist").exists()


def test_remove_purge_and_back(machine):
    machine.fresh()
    uid = machine.run("id", "-u", "pvmtrace")
    machine.path(LOG).write_text("{}\n")
    machine.apt("remove", "pvmtrace")
    assert machine.state() == "config-files"
    assert machine.path(LOG).exists() and machine.path(CONF).exists()
    assert not machine.path("/usr/sbin/pvmtrace").exists()
    # What stays may not trouble the daily rotation.
    machine.run("logrotate", "--debug", "/etc/logrotate.d/pvmtrace")
    machine.apt("purge", "pvmtrace")
    assert machine.state() == ""
    for path in ("/var/log/pvmtrace", "/var/lib/pvmtrace", "/etc/pvmtrace", "/etc/logrotate.d/pvmtrace",
                 "/etc/systemd/system/multi-user.target.wants/pvmtrace.service"):
        assert not machine.path(path).is_symlink() and not machine.path(path).exists(), path
    # The account stays: its uid must not become somebody else's.
    assert machine.run("id", "-u", "pvmtrace") == uid
    machine.install(DEB)
    assert machine.run("id", "-u", "pvmtrace") == uid
    with Service(machine) as s:
        s.wait_said("READY=1")
        s.stop()
