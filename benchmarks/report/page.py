"""A report as one HTML file that needs nothing else: its pictures are in it."""

import re
from pathlib import Path

from markdown_it import MarkdownIt

_PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>{title}</title>
<style>
body {{ font: 15px/1.5 system-ui, sans-serif; max-width: 72rem; margin: 2rem auto; padding: 0 1rem; color: #1c2430 }}
table {{ border-collapse: collapse; margin: 1rem 0; font-size: 14px }}
th, td {{ padding: .25rem .7rem; border-bottom: 1px solid #dfe3e8; text-align: left; vertical-align: top }}
td[style*="right"] {{ font-variant-numeric: tabular-nums }}
svg {{ max-width: 100%; height: auto }}
</style>
{body}
</html>
"""
_IMAGE = re.compile(r'<img src="([^"]+)" alt="([^"]*)" />')
_SVG = re.compile(r"<svg.*</svg>", re.DOTALL)


def page_of(markdown: str, folder: Path, title: str) -> str:
    """Turn a report into a page.

    Args:
        markdown: made by :func:`benchmarks.report.text.render`.
        folder: where its pictures are.
        title: of the page.
    """
    body = MarkdownIt("commonmark").enable("table").render(markdown)
    return _PAGE.format(
        title=title, body=_IMAGE.sub(lambda image: _inline(folder / image[1], image[2]), body)
    )


def _inline(file: Path, caption: str) -> str:
    picture = _SVG.search(file.read_text())
    assert picture is not None
    return f'<figure aria-label="{caption}">{picture[0]}</figure>'
