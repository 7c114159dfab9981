"""Checks the archives: the wheel holds only the package, the sdist all that building needs.

Usage: python check_archives.py WHEEL SDIST
"""

import sys
import tarfile
import zipfile

wheel, sdist = sys.argv[1:]

wheel_names = zipfile.ZipFile(wheel).namelist()
foreign = [n for n in wheel_names if not n.startswith(("tinygrad_edu/", "tinygrad_edu-"))]
sources = [n for n in wheel_names if n.endswith((".cpp", ".h", ".cu", ".def", ".cmake"))]
extensions = [n for n in wheel_names if n.startswith("tinygrad_edu/_C.") and n.endswith(".so")]
assert not foreign, f"wheel: only tinygrad_edu/ may be inside, got {foreign}"
assert not sources, f"wheel: no sources may be inside, got {sources}"
assert len(extensions) == 1, f"wheel: exactly one extension must be inside, got {extensions}"
typing_files = {"tinygrad_edu/py.typed", "tinygrad_edu/_C.pyi"}
assert typing_files <= set(wheel_names), "wheel: the typing files are missing"
assert any(n.endswith("licenses/LICENSE") for n in wheel_names), "wheel: no licence"

with tarfile.open(sdist) as archive:
    sdist_names = {n.partition("/")[2] for n in archive.getnames()}
for needed in ("CMakeLists.txt", "csrc/dispatch.cpp", "tests", "examples", "README.md", "LICENSE"):
    inside = any(n == needed or n.startswith(needed + "/") for n in sdist_names)
    assert inside, f"sdist: {needed} is missing"
binaries = [n for n in sdist_names if n.endswith((".so", ".o", ".pyc"))]
assert not binaries, f"sdist: no built files may be inside, got {binaries}"

print(f"wheel: {len(wheel_names)} files; sdist: {len(sdist_names)} files")
