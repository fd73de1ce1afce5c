# SPDX-License-Identifier: Apache-2.0
"""What failed is run again only where this module is called, with the reason beside it; the last line of `make check` counts
how often that was (tests/check)."""

import os

# Names the file of this run of the checks, whichever of its processes runs something again.
VARIABLE = "PVM_RERUNS"


def note(what, why):
    """To be called before it is run again."""
    print(f"RUN AGAIN {what}: {why}", flush=True)
    if VARIABLE in os.environ:
        with open(os.environ[VARIABLE], "a", encoding="utf-8") as file:
            file.write(f"{what}: {why}\n")
