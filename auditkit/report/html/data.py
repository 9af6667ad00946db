"""The data: what was tested, on whom, and how often the outcome is true for each group."""

from typing import NamedTuple

from auditkit.formatting import NOTHING, percent
from auditkit.records import DataProvenance
from auditkit.report.cautions import SENTENCE
from auditkit.report.html.figures import Names, TableView, cells
from auditkit.report.html.lookup import Lookup
from auditkit.report.html.rates import Rates
from auditkit.report.html.rates import view as rates_view
from auditkit.report.html.sections import in_cases
from auditkit.report.places import SHARES, TRUTH
from auditkit.report.surest import groups_compared
from auditkit.report.vocabulary import by_words, listed, shown, upper_first

WEIGHTS = {
    "factory": "no file was named: as its factory gave them",
    "initialised": "none: no file was named, and the net is as it was drawn at random. It was never trained, and what "
    "this report says holds of chance",
}
"""Where the weights come from, if not from a file or a net handed over."""


class Data(NamedTuple):
    """The section."""

    facts: tuple[tuple[str, str], ...]
    truth: Rates | None
    groups: tuple[TableView, ...]
    declared: bool
    """False where there is no sensitive feature."""
    compared: bool
    cautions: tuple[str, ...] = ()
    """What may be wrong with the input."""
    notes: tuple[str, ...] = ()
    """How it became rows and decisions."""


def view(look: Lookup, names: Names) -> Data:
    """The section of a report."""
    declared = bool(look.report.provenance.data.sensitive_features)
    truth = rates_view(look, "The truth by group", [TRUTH], names)
    cautions, notes = (
        tuple(shown(c, longest=SENTENCE) for c in told)
        for told in (look.report.provenance.cautions, look.report.provenance.notes)
    )
    return Data(_facts(look), truth, tuple(_groups(look)), declared, groups_compared(look.report), cautions, notes)


def _facts(look: Lookup) -> tuple[tuple[str, str], ...]:
    d, p = look.report.provenance.data, look.report.provenance
    facts = [
        ("Data", shown(d.name, empty="not named")),
        ("Rows", _rows(look)),
        _not_everywhere(d),
        ("Outcome", _outcome(look)),
        ("Sensitive features", listed([shown(a) for a in d.sensitive_features]) or "none declared"),
    ]
    if d.weighting is not None and d.weighting.weights:
        zero = f"; {d.weighting.zero_weights:,} rows of weight 0 count nowhere" if d.weighting.zero_weights else ""
        facts.append(("Weights", f"{shown(d.weighting.weights)}, {d.weighting.kind} weights{zero}"))
    if d.weighting is not None and d.weighting.cluster:
        facts.append(("Dependent rows", f"those that share a value of “{shown(d.weighting.cluster)}”"))
    if d.weighting is not None and d.weighting.strata:
        facts.append(("Strata", f"drawn within each {shown(d.weighting.strata)}"))
    if d.row_id:
        facts.append(("Row ids", shown(d.row_id)))
    if p.sample:
        facts.append(("Rows that explanations use", f"{p.sample:,}"))
    if p.model.kind == "torch" and p.model.parameters:
        facts.append(("Model", f"{shown(p.model.name, empty='a net')}, {p.model.parameters:,} parameters"))
    if p.model.kind == "none":
        facts.append(
            ("Model", d.kind.undecided or "none: nothing is predicted, and numbers that rows have are compared")
        )
    if p.model.weights != "given":
        facts.append(("Weights of the model", WEIGHTS[p.model.weights]))
    if p.model.scale:
        facts.append(("Scores", f"{p.model.scale}: no probabilities"))
    if p.model.threshold is not None:
        from_ = " and above: positive" if p.model.kind == "predictions" else ""
        facts.append(("Threshold", f"{p.model.threshold:.{3 if from_ == '' else 6}g}{from_}"))
    return (*facts, ("What this report holds", _holds(look)))


def _rows(look: Lookup) -> str:
    """How many rows there are, and how many of them are of another kind, which no rate counts."""
    rows, kind = look.report.provenance.data.rows, look.report.provenance.data.kind
    beside = rows - look.tested if kind.beside else 0
    return f"{rows:,}: {look.tested:,} {kind.unit}, and {beside:,} {kind.beside}" if beside > 0 else f"{rows:,}"


def _not_everywhere(d: DataProvenance) -> tuple[str, str]:
    """Rows that some rates cannot count."""
    if d.no_truths:
        return "Truth", d.kind.untold or "not given: nothing that needs one is measured"
    if not d.missing_target and not d.missing_prediction:
        return "Left out of every rate", "none"
    lost = ((d.missing_target, "target", "truth"), (d.missing_prediction, "prediction", "decision"))
    told = (f"{n:,} without a {what}, in no rate that needs the {which}" for n, what, which in lost if n)
    return "Rows not in every rate", "; ".join(told)


def _holds(look: Lookup) -> str:
    """What a stored report gives away of the people in the data."""
    d = look.report.disclosure
    if d is None or d.profile == "internal":
        what = "internal: sums over groups, by which rules can be judged again"
    elif d.profile == "public":
        what = "public: the findings alone, without the sums to judge them again"
    else:
        what = "regulator: sums over groups, by which rules can be judged again"
    if d is not None and d.suppress_below:
        few = f"fewer than {d.suppress_below}"
        what += (
            f"; groups of {few} people, or with {few} of one truth or of one decision, are joined with others as "
            "“(small groups)”"
        )
    rows = d is not None and d.keep_rows
    shown_rows = any(map(in_cases, look.report.findings))
    kept = ["something of single rows (--keep-rows)"] if rows else []
    kept += ["rows shown as examples, because they were asked for"] if shown_rows else []
    small = "" if d is not None and d.suppress_below else "; small groups are listed with their counts and rates"
    return f"{what}; {' and '.join(kept) or 'no row, and no value of a feature that fewer than ten rows hold'}{small}"


def _outcome(look: Lookup) -> str:
    d = look.report.provenance.data
    if not d.y_true:
        return NOTHING
    classes = [shown(c) for c in d.classes]
    return d.kind.outcome.format(
        y_true=shown(d.y_true),
        positive=shown(d.positive),
        n=len(classes),
        classes=listed(classes[:12]) + (", …" if len(classes) > 12 else ""),
        labels=listed(classes),
    )


def _groups(look: Lookup) -> list[TableView]:
    if any(f.metric == SHARES for f in look.report.findings):
        return []  # a profile of the data says it with intervals
    tables = []
    total = look.tested
    for by in look.bys():
        rows = look.rows_by_group(by)
        truth = look.by_group(TRUTH, by)
        body = []
        for key, n in rows.items():
            share = percent(n / total) if total else NOTHING
            value, interval = cells(truth.get(key))
            told = (value, interval or NOTHING) if look.binary else ()
            body.append((look.say.label(dict(zip(by, key, strict=True))), f"{n:,}", share, *told))
        of_truth = (upper_first(look.say.yes()), "Interval") if look.binary else ()
        columns = (upper_first(by_words(by)), "Rows", "Share of rows", *of_truth)
        tables.append(TableView(f"Groups of {by_words(by)}", columns, tuple(body)))
    return tables
