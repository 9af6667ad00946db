"""One report as one HTML file: a pure function of the record, with one script that it does without, and no request.

Names from the data stay text.
"""

from __future__ import annotations

import base64
import functools
import hashlib
import re
from collections.abc import Callable

import jinja2
from markupsafe import Markup

from auditkit.catalogue.sentences import not_causes
from auditkit.records import Report, Status
from auditkit.report.html import (
    appendix,
    cases,
    context,
    crossing,
    data,
    explorer,
    first,
    gaps,
    gate,
    metrics,
    rates,
    requirements,
    script,
    sign_off,
    summary,
    unmeasured,
    why,
)
from auditkit.report.html.figures import Names
from auditkit.report.html.lookup import Lookup
from auditkit.report.html.retold import retold
from auditkit.report.html.rules import ORDER
from auditkit.report.html.sections import CONCERNS, NUMBER, SECTIONS, answered, from_findings, home, in_cases
from auditkit.report.html.trust import holds
from auditkit.report.places import ERRORS
from auditkit.report.vocabulary import STATUS, shown
from auditkit.report.writing import digest


def render(report: Report) -> str:
    """The page, complete in one string: style and script inside, each allowed by its hash; no request.

    A pure function of the record: the same report gives the same bytes. Names from the data stay text,
    also in the style (see `css_text`).
    """
    of = digest(report)
    report = retold(report)
    look = Lookup(report)
    drawn = from_findings(look)
    names = Names()
    answers = {n: metrics.view(look, concern, names) for n, concern in CONCERNS.items()}
    said = {n: a.answers or a.null_line for n, a in answers.items()}
    absent = {n: answers[n].missing or ("not asked for.",) for n in drawn if not said[n]}
    absent |= {} if any(map(in_cases, report.findings)) else {NUMBER["cases"]: ("not asked for.",)}
    footer = css_text(f"{first.subject(report)} · audit report · {first.day(report)}")
    style = _environment().get_template("style.css").render(footer=footer)
    style_hash = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    policy = f"default-src 'none'; style-src 'sha256-{style_hash}'; script-src {script.source_list()}"
    policy += "; img-src data:; base-uri 'none'; form-action 'none'"
    html = tight(
        _environment()
        .get_template("page.html.jinja")
        .render(
            content_security_policy=policy,
            digest=of,
            footer=footer,
            sections=SECTIONS,
            numbers=NUMBER,
            states=_states(look),
            answers=answers,
            generic=drawn,
            absent=absent,
            behind=metrics.behind(look, names),
            report=report,
            json_name=f"{shown(report.name)}.json",
            subject=first.subject(report),
            first=first.view(look),
            caveat=not_causes(),
            cause=why.leading_cause(look),
            summary=summary.view(look),
            gate=gate.view(look),
            context=context.view(look),
            data=data.view(look),
            overall=rates.overall(look) if look.binary else None,
            errors=rates.view(look, [m for m in look.metrics() if m in ERRORS]) if look.binary else None,
            gaps=gaps.view(look) if look.binary else None,
            rates=rates.view(look, [m for m in look.metrics() if m not in ERRORS]) if look.binary else None,
            crossings=crossing.views(look) if look.binary else (),
            why=why.view(look, names),
            cases=cases.views(look, names),
            requirements=requirements.view(look),
            sign_off=sign_off.view(look),
            unmeasured=unmeasured.view(look),
            appendix=appendix.view(look),
            explorer=explorer.view(look),
            script=Markup(script.PLACE),
        )
    )
    return script.put_into(html)


class _Templates(jinja2.PackageLoader):
    """The folder's templates; the style sheet without what a browser skips."""

    def get_source(self, environment: jinja2.Environment, template: str) -> tuple[str, str, Callable[[], bool] | None]:
        source, name, fresh = super().get_source(environment, template)
        return tight_style(source) if template.endswith(".css") else source, name, fresh


@functools.cache
def _environment() -> jinja2.Environment:
    found = jinja2.Environment(
        loader=_Templates("auditkit.report.html", "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        finalize=lambda v: f"{v:g}" if isinstance(v, float) else v,  # geometry: "0%", not "0.0%"
        trim_blocks=True,
        lstrip_blocks=True,
    )
    found.globals["STATUS"] = STATUS
    return found


_BLOCKS = "address|caption|dd|details|div|dl|dt|figcaption|figure|footer|h[1-6]|header|li|main|nav|ol|p|section"
_BLOCKS += "|summary|svg|symbol|table|tbody|td|text|th|thead|tr|ul|use|line|rect|path|circle|defs|body|head|meta|title"
_GAP = re.compile(rf"(?<=>)\s*\n\s*(?=</?(?:{_BLOCKS})\b)|(</?(?:{_BLOCKS})\b[^<>]*>)\s*\n\s*")


_END = re.compile(r"</t[dhr]>(?=<t[dhr]\b|</t)|</li>(?=<li\b|</[uo]l>)")
_TAG = re.compile(r"<[a-z][^<>]*>")
_QUOTED = re.compile(r'( (?!id=)[a-z][a-z0-9-]*=)"([\w.%#-]+)"(?:(?=[\s>])|(/>))')


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
    return _TAG.sub(_bare, _END.sub("", _GAP.sub(r"\1", html)))


def _bare(tag: re.Match[str]) -> str:
    return _QUOTED.sub(lambda m: f"{m[1]}{m[2]}{' />' if m[3] else ''}", tag[0])


def tight_style(css: str) -> str:
    """A style sheet without what a browser skips; strings of ours hold no punctuation before a space.

    >>> tight_style("/* a */\\na { b: c; d: e; }\\n")
    'a{b:c;d:e}'
    """
    css = re.sub(r"/\*.*?\*/", "", css, flags=re.DOTALL)
    css = re.sub(r"(?<=[a-z-]):\s+", ":", css)
    return re.sub(r"\s*([{};,>])\s*|\s*\n\s*", lambda m: m[1] or "", css).replace(";}", "}")


def css_text(text: str) -> str:
    """Text as the inside of a CSS string, with every character but ASCII letters and digits as an escape.

    >>> css_text('a"</style>')
    'a\\\\22 \\\\3c \\\\2f style\\\\3e '
    """
    return "".join(c if c.isascii() and c.isalnum() else f"\\{ord(c):x} " for c in text)


def _states(look: Lookup) -> dict[int, Status]:
    """The worst state of each section's rules, for the contents; sections without an answer count as unmeasured."""
    verdicts = look.report.verdicts
    found: dict[int, list[Status]] = {NUMBER["gate"]: [v.status for v in verdicts]}
    for v in verdicts:
        found.setdefault(home(look, v), []).append(v.status)
    if not all(holds(f) for f in look.report.findings):
        found.setdefault(NUMBER["why"], []).append("fail")
    states = {n: min(s, key=ORDER.index) for n, s in found.items() if s}
    concerns = from_findings(look) | {NUMBER["why"]: "explanation"}
    absent = [n for n, concern in concerns.items() if concern not in answered(look)]
    absent += [] if any(map(in_cases, look.report.findings)) else [NUMBER["cases"]]
    return states | dict.fromkeys(absent, "not_measured")
