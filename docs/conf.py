"""Sphinx: the documentation site (``make docs``)."""

from __future__ import annotations

import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE / "_ext"), str(HERE.parent)]

from splitgym.version import __version__  # noqa: E402

project = "splitgym"
author = "The splitgym developers"
project_copyright = f"2026, {author}"
version = release = __version__

extensions = [
    "myst_nb",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx_copybutton",
    "sphinx_design",
    "generated",
    "mathml",
]
exclude_patterns = ["_build", "_ext"]
highlight_language = "none"

# Markdown
myst_enable_extensions = ["attrs_inline", "colon_fence", "deflist", "dollarmath"]
myst_heading_anchors = 4
nb_execution_mode = "off"  # the notebooks are shown with the outputs they hold; the tests run them
nb_render_markdown_format = "gfm"  # tables
nb_ipywidgets_js: dict[str, dict[str, str]] = {}

# docstrings
autodoc_member_order = "bysource"
autodoc_typehints = "description"
autodoc_typehints_description_target = "documented"
napoleon_numpy_docstring = False
#: Names of other libraries, and private ones of ours, have no page here.
nitpick_ignore_regex = [("py:.*", r"(?!splitgym\.).*"), ("py:.*", r"splitgym\.(?!testing).*")]

# pages
html_theme = "furo"
html_title = f"splitgym {version}"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_show_sourcelink = False
html_copy_source = False
html_show_search_summary = False  # a browser lets no page from a file read another one
copybutton_prompt_text = "$ "
copybutton_exclude = ".linenos, .gp, .go"
pygments_style = "friendly"
pygments_dark_style = "monokai"
