"""The documents keep their word: Python blocks run, the quick start has exactly two commands."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
DOCUMENTS = ["README.md", "CONTRIBUTING.md", "docs/design.md", "docs/porting.md"]


def blocks(document, language):
    """(line number, code) for every fenced block of a language."""
    text = (ROOT / document).read_text()
    found = re.finditer(rf"^```{language}\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    return [(text.count("\n", 0, match.start()) + 2, match[1]) for match in found]


@pytest.mark.parametrize("document", DOCUMENTS)
def test_python_blocks_run_in_order(document, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # what a block saves does not land in the tree
    names = {"__name__": "document"}
    for line, code in blocks(document, "python"):
        exec(compile("\n" * (line - 1) + code, document, "exec"), names)


def test_quick_start_has_two_commands():
    text = (ROOT / "README.md").read_text()
    section = text[text.index("## Quick start") :]
    section = section[: section.index("\n## ")]
    commands = re.findall(r"^```bash\n(.*?)\n```", section, re.MULTILINE | re.DOTALL)
    assert len(commands) == 2
    assert "examples/train_digits.py" in commands[0] and "pytest" in commands[1]


@pytest.mark.parametrize("document", DOCUMENTS)
def test_links_and_named_files_exist(document):
    text = (ROOT / document).read_text()
    links = re.findall(r"\]\(([^)#:]+)\)", text)
    named = re.findall(
        r"`((?:tinygrad_edu|csrc|tests|examples|benchmarks|docs)/[\w./-]+\.\w+)`", text
    )
    missing = [link for link in links if not ((ROOT / document).parent / link).exists()]
    missing += [name for name in named if not (ROOT / name).exists()]
    assert not missing
