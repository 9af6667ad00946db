"""One report as one HTML file: a pure function of the record, with one script that it does without, and no request.

Names from the data stay text.
"""

import base64
import contextlib
import functools
import hashlib
import re
import sys
from pathlib import Path
from typing import Any, NamedTuple

import jinja2
from markupsafe import Markup

from auditkit.catalogue.sentences import not_causes
from auditkit.records import Report, Status
from auditkit.report import next_steps
from auditkit.report.html import (
    appendix,
    cases,
    context,
    crossing,
    data,
    explorer,
    faces,
    first,
    gaps,
    gate,
    identity,
    metrics,
    rates,
    remedies,
    required,
    requirements,
    script,
    sign_off,
    summary,
    unmeasured,
    why,
)
from auditkit.report.html.figures import Names, amounts
from auditkit.report.html.lookup import Lookup
from auditkit.report.html.retold import page_of_rows, retold
from auditkit.report.html.rules import ORDER
from auditkit.report.html.sections import NUMBER, SECTIONS, from_findings, home
from auditkit.report.html.trust import holds
from auditkit.report.places import ERRORS
from auditkit.report.vocabulary import STATUS, shown
from auditkit.report.writing import digest


class Shown(NamedTuple):
    """A section as the page has it."""

    number: int
    anchor: str
    title: str
    state: Status | None
    html: str
    figures: tuple[tuple[str, str], ...]
    """(anchor, name) of what it draws, open or folded."""


class Absent(NamedTuple):
    """A section that has nothing to show: what is not measured stands in a section of its own."""

    anchor: str
    title: str


def render(report: Report, *, full: bool = False, json_name: str = "") -> str:
    """The page, complete in one string: style and script inside, each allowed by its hash; no request.

    A pure function of the record: the same report gives the same bytes. Names from the data stay text,
    also in the style (see `css_text`). `full` opens every fold, and has every
    table, for paper; `json_name` is the file of the report.
    """
    of = digest(report)
    report = retold(report)
    look = Lookup(report, full=full)
    names = Names()
    answers = {s.anchor: metrics.view(look, s.concern, names) for s in SECTIONS.values() if s.concern}
    helps = remedies.view(look, answers["remedies"])
    shown_sections, absent = _sections(look, names, answers, helps, shown(json_name, empty=""))
    footer = css_text(f"{first.subject(report)} · audit report · {first.day(report)}")
    labels = [css_text(name) for name in remedies.labels(helps)]
    style = environment().get_template("style.css").render(footer=footer, labels=labels)
    style_hash = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    policy = f"default-src 'none'; style-src 'sha256-{style_hash}'; script-src {script.source_list()}"
    policy += "; img-src data:; base-uri 'none'; form-action 'none'"
    page = tight(
        environment()
        .get_template("page.html.jinja")
        .render(
            content_security_policy=policy,
            digest=of,
            footer=footer,
            labels=labels,
            sections=shown_sections,
            absent=absent,
            report=report,
            json_name=shown(json_name, empty=""),
            subject=first.subject(report),
            first=first.view(look),
            cause=why.leading_cause(look),
            script=Markup(script.PLACE),
        )
    )
    page = page_of_rows(page, report)
    page = page.replace("<details class=more>", "<details class=more open>") if full else page
    return script.put_into(page)


def _sections(
    look: Lookup, names: Names, answers: dict[str, metrics.Answers], helps: remedies.View | None, json_name: str
) -> tuple[tuple[Shown, ...], tuple[Absent, ...]]:
    """Every section with something to show, numbered as it comes; and the others."""
    states, generic = _states(look), set(from_findings(look))
    generic -= {NUMBER["remedies"]} if helps else set()
    views = {**_views(look, names), "remedies": helps, "json_name": json_name}
    found: list[Shown] = []
    absent: list[Absent] = []
    for section in SECTIONS.values():
        answer = answers.get(section.anchor)
        n = NUMBER[section.anchor]
        if _empty(section.anchor, answer if n in generic else None, views):
            absent.append(Absent(section.anchor, section.title))
            continue
        name = "findings" if n in generic else section.anchor
        face = faces.view(look, section.concern, names) if section.concern and n in generic else None
        html = (
            environment().get_template(f"section-{name}.jinja").render(views, answer=answer, absent=absent, face=face)
        )
        figures = tuple((a, Markup(t).unescape()) for a, t in _FIGURE.findall(html))
        found.append(Shown(len(found) + 1, section.anchor, section.title, states.get(n), Markup(html), figures))
    return tuple(found), tuple(absent)


def _empty(anchor: str, answer: metrics.Answers | None, views: dict[str, Any]) -> bool:
    """Whether a section has nothing to show."""
    if anchor == "cases":
        return not views["cases"][0]
    if anchor == "why":
        return bool(views["why"].empty)
    return answer is not None and not (answer.answers or answer.null_line or answer.others.statements)


_FIGURE = re.compile(r'<figure id="([^"]+)" data-n="([^"]+)"')


def _views(look: Lookup, names: Names) -> dict[str, Any]:
    """What the sections with a template of their own are given."""
    binary = look.binary
    return {
        "report": look.report,
        "caveat": not_causes(),
        "behind": metrics.behind(look, names),
        "summary": summary.view(look),
        "gate": gate.view(look, names),
        "required": required.view(look),
        "context": context.view(look),
        "data": data.view(look, names),
        "overall": rates.overall(look, names) if binary else None,
        "errors": rates.view(look, "Errors by group", [m for m in look.metrics() if m in ERRORS], names)
        if binary
        else None,
        "explorer": explorer.view(look),
        "gaps": gaps.view(look, names) if binary else None,
        "rates": rates.view(look, "Rates by group", [m for m in look.metrics() if m not in ERRORS], names)
        if binary
        else None,
        "crossings": crossing.views(look, names) if binary else (),
        "why": why.view(look, names),
        "cases": cases.views(look, names),
        "requirements": requirements.view(look),
        "sign_off": sign_off.view(look),
        "unmeasured": unmeasured.view(look),
        "appendix": appendix.view(look),
        "renamed": identity.renamed(look.report, look.identity),
    }


class _Environment(jinja2.Environment):
    """Templates as they are compiled: the style sheet without what a browser skips."""

    def preprocess(self, source: str, name: str | None = None, filename: str | None = None) -> str:
        return tight_style(source) if name and name.endswith(".css") else super().preprocess(source, name, filename)


class _Compiled(jinja2.FileSystemBytecodeCache):
    """Templates as bytecode beside that of the package's modules, as good as these; where nothing can be written, none.

    A third of the time that a page takes would go into compiling them again.
    """

    def __init__(self) -> None:
        super().__init__(str(Path(__file__).parent / "__pycache__"))

    def dump_bytecode(self, bucket: jinja2.bccache.Bucket) -> None:
        with contextlib.suppress(OSError):
            super().dump_bytecode(bucket)


@functools.cache
def environment() -> jinja2.Environment:
    found = _Environment(
        loader=jinja2.PackageLoader("auditkit.report.html", "templates"),
        bytecode_cache=None if sys.dont_write_bytecode else _Compiled(),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        finalize=lambda v: f"{v:g}" if isinstance(v, float) else v,  # geometry: "0%", not "0.0%"
        trim_blocks=True,
        lstrip_blocks=True,
    )
    found.globals |= {"STATUS": STATUS, "NEXT": next_steps.HEAD, "amounts": amounts}
    return found


_BLOCKS = "address|caption|dd|details|div|dl|dt|figcaption|figure|footer|h[1-6]|header|li|main|nav|ol|p|section"
_BLOCKS += "|summary|svg|symbol|table|tbody|td|text|th|thead|tr|ul|use|line|rect|path|circle|defs|body|head|meta|title"
_BREAK = re.compile(r">\s*\n\s*")
_BEFORE = re.compile(rf">\s*\n\s*(?=</?(?:{_BLOCKS})\b)")
_BLOCK = re.compile(rf"</?(?:{_BLOCKS})\b")
_END = re.compile(r"</t[dhr]>(?=<t[dhr]\b|</t)|</li>(?=<li\b|</[uo]l>)")
_QUOTED = re.compile(r'( (?!id=)[a-z][a-z0-9-]*=)"([\w.%#-]+)"(?=[\s>])')


def tight(html: str) -> str:
    """A page without what means nothing: line breaks between blocks, ends that HTML lets out, and quotes.

    Text never begins or ends with a line break, and holds `<`, `>` and `"` as entities. The ends of cells, rows and
    items go before the next and before the end of what holds them; quotes go around a value of letters, digits and
    `.%#_-`, but for an id. A fifth of a page of tables and marks would be these.

    >>> tight("<div>\\n<p>a</p>\\n</div>\\n<b>b</b>\\n<i>c</i>")
    '<div><p>a</p></div><b>b</b>\\n<i>c</i>'
    >>> tight("<tr><th>a</th><td>b</td></tr><tr><td>c</td></tr></tbody>")
    '<tr><th>a<td>b<tr><td>c</tbody>'
    >>> tight("<ul><li>a</li><li>b</li></ul>")
    '<ul><li>a<li>b</ul>'
    >>> tight('<p id="a" class="b" title="c d">x="y"</p>')
    '<p id="a" class=b title="c d">x="y"</p>'
    >>> tight('<use href="#a" x="5%"/>')
    '<use href=#a x=5% />'
    """
    html = _END.sub("", _BREAK.sub(_after_block, _BEFORE.sub(">", html)))
    bare = "".join(_QUOTED.split(html.replace('"/>', '" />')))  # without quotes, a value would take the / with it
    return bare.replace('" />', '"/>')


def _after_block(line_break: re.Match[str]) -> str:
    """A line break after a tag, which goes where the tag is a block's."""
    html, end = line_break.string, line_break.start()
    return ">" if _BLOCK.match(html, html.rfind("<", 0, end)) else line_break[0]


def tight_style(css: str) -> str:
    """A style sheet without what a browser skips; strings of ours hold no punctuation before a space.

    >>> tight_style("/* a */\\na { b: c; d: e; }\\n")
    'a{b:c;d:e}'
    """
    css = re.sub(r"/\*.*?\*/", "", css, flags=re.DOTALL)
    css = re.sub(r"(?<=[a-z-]): +", ":", "".join(map(str.strip, css.splitlines())))
    return "".join(re.split(r" *([{};,>]) *", css)).replace(";}", "}")


def css_text(text: str) -> str:
    """Text as the inside of a CSS string, with every character but ASCII letters and digits as an escape.

    >>> css_text('a"</style>')
    'a\\\\22 \\\\3c \\\\2f style\\\\3e '
    """
    return "".join(c if c.isascii() and c.isalnum() else f"\\{ord(c):x} " for c in text)


def _states(look: Lookup) -> dict[int, Status]:
    """The worst state of each section's rules, for the contents."""
    verdicts = look.report.verdicts
    found: dict[int, list[Status]] = {NUMBER["gate"]: [v.status for v in verdicts]}
    for v in verdicts:
        found.setdefault(home(look, v), []).append(v.status)
    if not all(holds(f) for f in look.report.findings):
        found.setdefault(NUMBER["why"], []).append("fail")
    return {n: min(s, key=ORDER.index) for n, s in found.items() if s}
