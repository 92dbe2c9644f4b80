"""The site of the documentation: pages of the whole tree that people read, so that links between them hold.

Nothing is fetched when the site is built or read.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sphinx.application import Sphinx

_ROOT = Path(__file__).resolve().parents[2]
_VERSION = re.search(r'__version__ = "(.+)"', (_ROOT / "src/duplicati_client/__init__.py").read_text(encoding="utf-8"))

project = "duplicati-client"
author = "The duplicati-client developers"
project_copyright = author
release = _VERSION[1] if _VERSION else ""
language = "en-GB"

extensions = ["myst_parser"]
root_doc = "docs/README"
include_patterns = [
    "docs/*.md",
    "docs/*/*.md",
    "tests/acceptance/README.md",
    "tests/conformance/README.md",
    "tests/recordings/README.md",
    "tests/recordings/2.0.8.1/README.md",
    "changes/README.md",
    "CONTRIBUTING.md",
    "CHANGELOG.md",
]
exclude_patterns = ["docs/sphinx/contents.md"]
source_suffix = {".md": "markdown"}

myst_heading_anchors = 4
myst_enable_extensions = ["colon_fence"]
suppress_warnings = ["myst.header"]  # a changelog may skip a level
nitpicky = True
smartquotes = False  # it makes a dash of the two before an option

html_theme = "furo"
html_title = "duplicati-client"
html_static_path = ["static"]
html_css_files = ["site.css"]
templates_path = ["templates"]
html_additional_pages = {"index": "start.html"}
html_copy_source = False
html_show_sphinx = False
html_show_sourcelink = False
html_theme_options = {
    "navigation_with_keys": False,
    "light_css_variables": {"color-brand-primary": "#0b5c9c", "color-brand-content": "#0b5c9c"},
    "dark_css_variables": {"color-brand-primary": "#6cb6f0", "color-brand-content": "#6cb6f0"},
}
pygments_style = "friendly"
pygments_dark_style = "github-dark"

linkcheck_ignore = [r"https?://(127\.0\.0\.1|localhost|nas\.lan|.*example\.org)"]
linkcheck_timeout = 20


def setup(app: Sphinx) -> None:
    """Let the first page have the contents of the side bar, which nobody needs who reads it as text."""
    contents = (Path(__file__).parent / "contents.md").read_text(encoding="utf-8")
    app.connect(
        "source-read", lambda _, name, text: text.append(f"{text.pop()}\n{contents}") if name == root_doc else None
    )
