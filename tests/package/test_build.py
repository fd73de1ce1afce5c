# SPDX-License-Identifier: Apache-2.0
"""What is in the package."""

import io
import subprocess
import tarfile

from debian import ARCH, BUILD, DEB, VERSION

EXPECTED = {
    "etc/logrotate.d/pvmtrace", "etc/pvmtrace/pvmtrace.conf", "lib/systemd/system/pvmtrace.service",
    "usr/lib/sysusers.d/pvmtrace.conf", "usr/lib/tmpfiles.d/pvmtrace.conf", "usr/sbin/pvmtrace",
    "usr/share/bash-completion/completions/pvmtrace", "usr/share/zsh/vendor-completions/_pvmtrace",
    "usr/share/man/man5/pvmtrace-events.5.gz", "usr/share/man/man8/pvmtrace.8.gz",
    "usr/share/pvmtrace/pvmtrace-event.schema.json", "usr/share/pvmtrace/elasticsearch-index-template.json",
    "usr/share/pvmtrace/pvmtrace.spdx.json",
    "usr/share/doc/pvmtrace/README.md.gz", "usr/share/doc/pvmtrace/changelog.gz", "usr/share/doc/pvmtrace/copyright",
    "usr/share/lintian/overrides/pvmtrace", "usr/lib/pvmtrace/hand-over",
}
PROGRAMS = {"usr/sbin/pvmtrace", "usr/lib/pvmtrace/hand-over"}


def output(*command):
    return subprocess.run([str(c) for c in command], stdout=subprocess.PIPE, check=True).stdout


def members():
    return tarfile.open(fileobj=io.BytesIO(output("dpkg-deb", "--fsys-tarfile", DEB)))


def test_lintian_has_nothing_to_say():
    changes = BUILD / "deb" / f"pvmtrace_{VERSION}_{ARCH}.changes"
    p = subprocess.run(["lintian", "--allow-root", "--display-info", "--fail-on", "error,warning,info", changes],
                       stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    assert p.returncode == 0, p.stdout
    assert not [line for line in p.stdout.splitlines() if line[:2] in ("E:", "W:", "I:")], p.stdout


def test_version_has_one_source():
    assert output("dpkg-deb", "-f", DEB, "Version").decode().strip() == VERSION
    with members() as tar:
        program = tar.extractfile("./usr/sbin/pvmtrace").read()
    assert f"{VERSION}\0".encode() in program


def test_files_and_owners():
    with members() as tar:
        files = {m.name[2:]: m for m in tar if not m.isdir()}
    assert not EXPECTED - set(files)
    docs = {name for name in set(files) - EXPECTED if name.startswith("usr/share/doc/pvmtrace/")}
    assert set(files) == EXPECTED | docs
    for name, m in files.items():
        assert m.isreg() and (m.uname, m.gname) == ("root", "root"), name
        assert m.mode == (0o755 if name in PROGRAMS else 0o644), name


def test_conffiles():
    control = tarfile.open(fileobj=io.BytesIO(output("dpkg-deb", "--ctrl-tarfile", DEB)))
    names = control.extractfile("./conffiles").read().decode().split()
    assert names == ["/etc/logrotate.d/pvmtrace", "/etc/pvmtrace/pvmtrace.conf"]


def test_the_log_is_bounded():
    with members() as tar:
        conf = tar.extractfile("./etc/pvmtrace/pvmtrace.conf").read().decode().splitlines()
        rotation = tar.extractfile("./etc/logrotate.d/pvmtrace").read().decode().splitlines()
    assert {"output /var/log/pvmtrace/pvmtrace.ndjson", "max-size 512M", "keep 3"} < set(conf)
    assert "\tstart 1000" in rotation
