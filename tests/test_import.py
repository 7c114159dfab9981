"""What `import tinygrad_edu` brings in: little, and nothing heavy before it is used."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

# Each is needed by some part of the package, and by most programs not at all.
HEAVY = {
    *("torch", "cupy", "matplotlib", "sklearn", "scipy", "pandas", "PIL"),
    *("safetensors", "ml_dtypes", "tqdm", "urllib.request", "http.client", "ssl"),
    *("multiprocessing", "unittest", "asyncio", "sqlite3"),
}


def _modules_after(statement):
    code = f"import json, sys\n{statement}\nprint(json.dumps(sorted(sys.modules)))"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(json.loads(out.stdout))


def test_import_brings_nothing_heavy():
    ours = _modules_after("import tinygrad_edu") - _modules_after("import numpy")
    assert not ours & HEAVY
    # Whatever is loaded beyond NumPy is the package itself or the standard library.
    foreign = {name.partition(".")[0] for name in ours} - set(sys.stdlib_module_names)
    assert foreign <= {"tinygrad_edu", "numpy"}, foreign


def test_version():
    from importlib.metadata import PackageNotFoundError, version

    import tinygrad_edu

    try:
        assert tinygrad_edu.__version__ == version("tinygrad_edu")
    except PackageNotFoundError:  # run from a source tree that is not installed
        assert tinygrad_edu.__version__


def test_source_folder_without_kernels_says_so(tmp_path):
    """What happens to whoever starts Python in a clone after a plain `pip install .`."""
    import tinygrad_edu

    package = tmp_path / "tinygrad_edu"
    sources = Path(tinygrad_edu.__file__).parent
    shutil.copytree(sources, package, ignore=shutil.ignore_patterns("_C.*", "__pycache__"))
    out = subprocess.run(
        [
            sys.executable,
            "-c",
            f"import sys; sys.path.insert(0, {str(tmp_path)!r}); import tinygrad_edu",
        ],
        capture_output=True,
        text=True,
    )
    assert out.returncode == 1 and "the kernels are not built in" in out.stderr
