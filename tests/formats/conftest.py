# SPDX-License-Identifier: Apache-2.0
"""What the tests of formats need of a machine, they say as all others do."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import needs  # noqa: E402


def pytest_configure(config):
    needs.register(config)
