"""Run the notebooks and store their outputs: ``python .ci/notebooks.py [NAME ...]``; part of ``make results``."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import nbformat
from nbclient import NotebookClient

ROOT = Path(__file__).resolve().parent.parent


def main(names: list[str]) -> None:
    """Run the named notebooks, or all; what they write goes to results/."""
    os.environ["TQDM_DISABLE"] = "1"  # a bar would be stored as an output
    for path in sorted((ROOT / "notebooks").glob("*.ipynb")):
        if names and path.stem not in names:
            continue
        notebook = nbformat.read(path, 4)
        # without times, which would change with every run
        NotebookClient(notebook, record_timing=False, resources={"metadata": {"path": str(ROOT)}}).execute()
        notebook.metadata["language_info"] = {"name": "python"}
        for cell in notebook.cells:
            cell.metadata.pop("execution", None)
        nbformat.write(notebook, path)


if __name__ == "__main__":
    main(sys.argv[1:])
