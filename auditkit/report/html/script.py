"""The page's one script: read from its file, made tight, and allowed by its hash."""

from __future__ import annotations

import base64
import functools
import hashlib
import re
from pathlib import Path

PLACE = "<script></script>"
"""Where it stands in a page until markup is made tight; text of a report cannot hold it."""


@functools.cache
def text() -> str:
    """The script as the page has it."""
    return tight_script((Path(__file__).parent / "templates" / "script.js").read_text(encoding="utf-8"))


def source_list() -> str:
    """What a Content-Security-Policy allows of scripts: this one."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(text().encode()).digest()).decode()}'"


def put_into(html: str) -> str:
    """The page with the script in its place, after which nothing of it may change."""
    return html.replace(PLACE, f"<script>{text()}</script>")


def tight_script(js: str) -> str:
    """A script without lines that are comments, without indents, and without spaces around signs outside of texts.

    No line of ours ends without a sign that ends or goes on, so that lines may stay where they are.

    >>> tight_script('// a\\nfunction f() {\\n  return "a  = b" + 1;\\n}\\n')
    'function f(){\\nreturn "a  = b"+1;\\n}'
    """
    lines = (line.strip() for line in js.splitlines())
    kept = "\n".join(line for line in lines if line and not line.startswith("//"))
    return "".join(x if i % 2 else "".join(_SPACE.split(x)) for i, x in enumerate(_TEXT.split(kept)))


_PATTERN = r"/(?:[^/\\\n]|\\.)+/"
_TEXT = re.compile(rf"""(\"(?:[^"\\\n]|\\.)*\"|'(?:[^'\\\n]|\\.)*'|`[^`]*`|(?<=[(,=:] ){_PATTERN}|(?<=\(){_PATTERN})""")
"""Texts and patterns, which stay as they are."""
_SPACE = re.compile(r" *([=+\-*/%<>?:&|,;{}()\[\]!]) *")
