"""The repository's forms and workflows are what their published schemas allow."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.helpers import ROOT

pytestmark = pytest.mark.skipif(not (ROOT / ".github").exists(), reason="needs a git checkout")

FORMS = sorted(path for path in (ROOT / ".github" / "ISSUE_TEMPLATE").glob("*.yml") if path.name != "config.yml")
FILES = [
    *(("vendor.github-workflows", path) for path in sorted((ROOT / ".github" / "workflows").glob("*.yml"))),
    *(("vendor.github-issue-forms", path) for path in FORMS),
    ("vendor.github-issue-config", ROOT / ".github" / "ISSUE_TEMPLATE" / "config.yml"),
    ("vendor.citation-file-format", ROOT / "CITATION.cff"),
]


def check(schema: str, *files: object) -> subprocess.CompletedProcess[str]:
    """check-jsonschema by one of the schemas that it brings along."""
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", schema, *map(str, files)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(("schema", "path"), FILES, ids=[path.name for _, path in FILES])
def test_file_follows_its_schema(schema, path):
    answer = check(schema, path)
    assert answer.returncode == 0, answer.stdout + answer.stderr


def test_a_misspelt_key_is_found(tmp_path):
    """The check can fail: a job without a machine to run on is no workflow."""
    text = (ROOT / ".github" / "workflows" / "ci.yml").read_text(encoding="utf-8")
    broken = tmp_path / "ci.yml"
    broken.write_text(text.replace("runs-on:", "run-on:"), encoding="utf-8")
    assert check("vendor.github-workflows", broken).returncode == 1
