"""One report as one HTML file: a pure function of the record, without a script, without a request."""

from __future__ import annotations

import base64
import functools
import hashlib

import jinja2

from auditkit.records import Report, Status
from auditkit.report.html import answers, appendix, crossing, data, first, gaps, gate, rates, summary, unmeasured, why
from auditkit.report.html.lookup import Lookup
from auditkit.report.html.rules import ORDER
from auditkit.report.html.sections import NOT_BUILT, TITLES, answered, from_findings, home
from auditkit.report.words import shown

ERRORS = ("accuracy", "precision")
"""Metrics of section 5; all others stand in section 6."""


def render(report: Report) -> str:
    """The page, complete in one string: the style inside, allowed by its hash; no script, no request.

    A pure function of the record: the same report gives the same bytes. Names from the data stay text,
    also in the style (see `css_text`).
    """
    look = Lookup(report)
    drawn = from_findings(look)
    *told, more_data, more_fairness = answers.views(look, [*drawn.values(), "data", "fairness"])
    footer = css_text(f"{first.subject(report)} · audit report · {first.day(report)}")
    style = _environment().get_template("style.css").render(footer=footer)
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    policy = f"default-src 'none'; style-src 'sha256-{digest}'; img-src data:; base-uri 'none'; form-action 'none'"
    return (
        _environment()
        .get_template("page.html.jinja")
        .render(
            content_security_policy=policy,
            footer=footer,
            sections=sorted((n, *TITLES[n]) for n in TITLES),
            states=_states(look),
            answers=dict(zip(drawn, told, strict=True)),
            more_data=more_data,
            more_fairness=more_fairness,
            rankings=answers.rankings(look),
            unbuilt=NOT_BUILT,
            report=report,
            json_name=f"{shown(report.name)}.json",
            subject=first.subject(report),
            first=first.view(look),
            top=why.top_columns(look),
            summary=summary.view(look),
            gate=gate.view(look),
            data=data.view(look),
            overall=rates.overall(look) if look.binary else None,
            errors=rates.view(look, [m for m in look.metrics() if m in ERRORS]) if look.binary else None,
            gaps=gaps.view(look) if look.binary else None,
            rates=rates.view(look, [m for m in look.metrics() if m not in ERRORS]) if look.binary else None,
            crossings=crossing.views(look) if look.binary else (),
            why=why.views(look),
            unmeasured=unmeasured.view(look),
            appendix=appendix.view(look),
        )
    )


@functools.cache
def _environment() -> jinja2.Environment:
    return jinja2.Environment(
        loader=jinja2.PackageLoader("auditkit.report.html", "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def css_text(text: str) -> str:
    """Text as the inside of a CSS string, with every character but ASCII letters and digits as an escape.

    >>> css_text('a"</style>')
    'a\\\\22 \\\\3c \\\\2f style\\\\3e '
    """
    return "".join(c if c.isascii() and c.isalnum() else f"\\{ord(c):x} " for c in text)


def _states(look: Lookup) -> dict[int, Status]:
    """The worst state of each section's rules, for the contents; sections not in this version count as unmeasured."""
    verdicts = look.report.verdicts
    found: dict[int, list[Status]] = {2: [v.status for v in verdicts]}
    for v in verdicts:
        found.setdefault(home(look, v), []).append(v.status)
    if any(f.concern == "explanation" and not all(t.passed for t in f.trust) for f in look.report.findings):
        found.setdefault(9, []).append("fail")
    states = {n: min(s, key=ORDER.index) for n, s in found.items() if s}
    absent = [n for n, concern in (from_findings(look) | {9: "explanation"}).items() if concern not in answered(look)]
    return states | dict.fromkeys([*absent, *NOT_BUILT], "not_measured")
