"""What an organisation requires and what of it was assessed, in words: for terminal, tests, files and page."""

from __future__ import annotations

from auditkit.floors import ASSESSED
from auditkit.formatting import lower_first, printable
from auditkit.records import Report, Required
from auditkit.report.vocabulary import listed, number, shown, upper_first

NEEDS = {
    "attribute": "groups of",
    "crossing": "crossed groups of",
    "check": "the check",
    "metric": "a rule on",
    "rule": "the rule",
    "policy": "the policy",
}
"""What is required, before its name."""


def what(r: Required) -> str:
    """ "crossed groups of sex & race"."""
    return f"{NEEDS[r.need]} {shown(r.name, longest=200)}"


def sentence(report: Report) -> str:
    """How much of what is required was assessed, and whether the rest stands in the way; empty without requirements."""
    all_of, lost = report.required, [r for r in report.required if not r.met]
    if not all_of:
        return ""
    files = list(dict.fromkeys(shown(r.source.rpartition(":")[0] or r.source) for r in all_of))
    by = f"{listed(files)} {'requires' if len(files) == 1 else 'require'}"
    if not lost:
        some = "The one thing" if len(all_of) == 1 else f"All {number(len(all_of))} things"
        return f"{some} that {by} {'was' if len(all_of) == 1 else 'were'} assessed."
    blocking = sum(r.blocks for r in lost)
    stand = "none of these stands in the way of passing" if not blocking else (
        f"{'it stands' if blocking == len(lost) == 1 else f'{number(blocking)} of these stand'} in the way of passing"
    )  # fmt: skip
    of = f"{number(len(lost))} of {number(len(all_of))} things that {by}"
    return f"{upper_first(of)} {'was' if len(lost) == 1 else 'were'} not assessed; {stand}."


def line(r: Required) -> str:
    """One requirement that was not met, in a line."""
    return printable(f"{upper_first(what(r))}: {lower_first(ASSESSED[r.state])}. {r.reason} (required: {r.source})")


def told(r: Required, *, page: str = "") -> str:
    """The message of a requirement that is not met, each line with one thing."""
    lines = [
        f"{what(r)}: {lower_first(ASSESSED[r.state])}",
        f"  required by {r.source}",
        f"  why     {r.reason}",
        f"  next    {what_next(r)}",
        *([f"  page    {page}#gate"] if page else []),
    ]
    return "\n".join(printable(text) for text in lines)


def what_next(r: Required) -> str:
    """What would have it assessed, as an imperative."""
    if r.state == "not_in_data":
        return "audit data that have this column, or ask who requires it"
    if r.state == "too_few":
        return "more rows of the small groups; `auditkit plan` says how many"
    if r.state == "not_measured":
        return "mend what the reason names, and audit again"
    names = ", ".join(f'"{a}"' for a in r.what)
    return {
        "attribute": f"add {names} to sensitive_features in [data]",
        "crossing": f"declare these attributes in [data], and ask a [[rule]] with by = [{names}]",
        "check": f"add a [[check]] with name = {names}",
        "metric": f'ask a [[rule]] with metric = "{r.what[0]}"',
        "rule": "declare its attributes in [data]",
        "policy": "judge by a policy that extends the file that requires it",
    }[r.need]
