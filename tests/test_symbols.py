"""No kernel object has a weak symbol: of two levels' copies the linker would keep one, perhaps the
one that this machine cannot run (see csrc/kernels.h)."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

OBJECTS = sorted(Path(__file__).parents[1].glob("build/**/kernels_*.dir/**/*.o"))


@pytest.mark.skipif(not OBJECTS, reason="no build tree: the package was not built from this folder")
@pytest.mark.skipif(shutil.which("nm") is None, reason="nm is not installed")
def test_kernels_have_no_weak_symbols() -> None:
    command = ["nm", "--demangle", "--defined-only", *map(str, OBJECTS)]
    listing = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    weak = re.findall(r"^[0-9a-f]+ [WVu] .*", listing, re.MULTILINE)
    assert not weak, "\n".join(weak[:20])
