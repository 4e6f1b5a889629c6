"""How Sphinx builds these pages: `pip install -e '.[docs]' && sphinx-build -W docs docs/_build`."""

project = "Ronda"
copyright = "2026, the Ronda developers"  # noqa: A001 the name that Sphinx wants
extensions = ["myst_parser"]
myst_enable_extensions = ["dollarmath", "deflist"]
source_suffix = {".md": "markdown"}
exclude_patterns = ["_build"]
html_theme = "furo"
myst_heading_anchors = 3
