"""Findings of further checks, made by hand: calibration, subgroups, remedies, the law's table, representation."""

from __future__ import annotations

from collections.abc import Mapping

from auditkit.records import (
    Comparison,
    Concern,
    Curve,
    Estimate,
    Exhibit,
    Finding,
    GroupEstimate,
    GroupEstimates,
    NotMeasured,
    Report,
    Series,
    Table,
)

Limits = tuple[float, float, float]


def estimate(x: Limits | None, n: int = 1000, note: str = "") -> Estimate:
    """A value with its interval; None is undefined, for the reason of `note`."""
    if x is None:
        return Estimate(value=None, n=n, state="undefined", note=note)
    return Estimate(value=x[0], low=x[1], high=x[2], n=n, method="by hand")


def finding(
    concern: Concern,
    metric: str,
    comparison: Comparison,
    by: tuple[str, ...],
    e: Limits | None,
    statement: str,
    groups: Mapping[str, Limits | None] | None = None,
    exhibits: tuple[Exhibit, ...] = (),
    notes: tuple[str, ...] = (),
    note: str = "fewer than two groups can be compared",
) -> Finding:
    """One finding of one attribute."""
    return Finding(
        id=f"{concern}/{metric}/{comparison}/{'+'.join(by)}",
        concern=concern,
        title=f"{metric.replace('_', ' ')} by {' and '.join(by)}",
        statement=statement,
        metric=metric,
        comparison=comparison,
        by=by,
        estimate=estimate(e, note=note),
        by_group=tuple(
            GroupEstimate(group={by[0]: g}, estimate=estimate(x, 500, "nobody is scored"))
            for g, x in (groups or {}).items()
        ),
        exhibits=exhibits,
        notes=notes,
    )


def calibration() -> list[Finding]:
    """Everybody, two genders of which one is surely worse, races of which one is undefined."""
    steps = tuple((i + 0.5) / 10 for i in range(10))
    series = tuple(
        Series(
            name=name,
            x=steps,
            y=tuple(None if i == 9 and shift else min(1.0, x + shift) for i, x in enumerate(steps)),
            low=tuple(None if i == 9 and shift else max(0.0, x + shift - 0.05) for i, x in enumerate(steps)),
            high=tuple(None if i == 9 and shift else min(1.0, x + shift + 0.05) for i, x in enumerate(steps)),
            n=tuple(100 * (10 - i) for i in range(10)),
        )
        for name, shift in (("Female", 0.06), ("Male", 0.0))
    )
    curve = Curve(
        title="Scores and what happens, by gender",
        unit_x="mean score",
        unit_y="share truly positive",
        series=series,
        diagonal=True,
    )
    roc = Curve(
        title="ROC curves by gender",
        unit_x="false positive rate",
        unit_y="true positive rate",
        series=(
            Series(name="Female", x=tuple(i / 99 for i in range(100)), y=tuple((i / 99) ** 0.3 for i in range(100))),
        ),
    )
    large = {"Female": (-0.051, -0.062, -0.040), "Male": (0.004, -0.003, 0.011)}
    return [
        finding("calibration", "calibration_error", "overall", (), (0.021, 0.012, 0.034), "Scores miss by 2.1 points."),
        finding(
            "calibration",
            "calibration_error",
            "difference",
            ("gender",),
            (0.058, 0.041, 0.075),
            "Scores of women are too low by more than those of men. A second sentence.",
            large,
            (curve, roc),
            ("ten equal steps of the score",),
        ),
        finding(
            "calibration",
            "calibration_error",
            "difference",
            ("race",),
            (0.03, 0.0, 0.09),
            "Race Black is scored worse than race White.",
            {"Black": (0.03, 0.0, 0.09), "White": (0.01, 0.005, 0.02), "Other": None},
        ),
    ]


def subgroups(rows: int = 20) -> list[Finding]:
    """A search with its table."""
    table = Table(
        title="Every subgroup that was tested on the other half, confirmed ones first",
        columns=("Subgroup", "Confirmed", "Counted rows", "Error rate", "Difference", "Lower limit", "Adjusted p"),
        rows=tuple(
            (f"age {20 + i}–{25 + i} & workclass Private", "yes" if i < 4 else "no", 400 + 17 * i, 0.31 - 0.01 * i)
            + ((0.1 - 0.005 * i, 0.05 - 0.005 * i, 1e-9 * 10**i) if i < 9 else (None, None, None))
            for i in range(rows)
        ),
        units=("", "", "", "percent", "points", "points"),
    )
    text = "Four subgroups have surely more errors than everybody else."
    return [finding("subgroups", "error_rate", "difference_to_overall", (), (0.1, 0.05, 0.15), text, exhibits=(table,))]


def mitigation() -> list[Finding]:
    """Five remedies and their price, and what two rules would say."""
    names = ("As it is", "Common threshold", "Demographic parity", "Equal opportunity", "Equalized odds")
    table = Table(
        title="Remedies by gender, and their price",
        columns=("Remedy", "Four fifths", "Gap in selection", "Accuracy", "Women gained"),
        rows=tuple(
            (
                name,
                ("fail", "inconclusive", "pass", "pass", "not_measured")[i],
                0.18 - 0.04 * i,
                0.857 - 0.006 * i,
                40 * i,
            )
            for i, name in enumerate(names)
        ),
        units=("", "verdict", "points", "percent", ""),
    )
    frontier = Curve(
        title="Accuracy against the gap",
        unit_x="gap that remains",
        unit_y="accuracy",
        series=(Series(name="frontier", x=(0.0, 0.05, 0.1, 0.18), y=(0.83, 0.845, 0.853, 0.857)),),
    )
    caution = "A threshold a group may be unlawful."
    found = finding(
        "mitigation",
        "selection_rate",
        "difference",
        ("gender",),
        (0.02, 0.012, 0.028),
        "Selecting both alike costs 2.0 points of accuracy.",
        {"Female": (0.2, 0.19, 0.21), "Male": (0.2, 0.19, 0.21)},
        (table, frontier),
        (caution,),
    )
    return [found]


def data() -> list[Finding]:
    """The table of New York's local law 144, and shares against a population."""
    law = Table(
        title="Impact ratios, as NYC Local Law 144 asks",
        columns=("Category", "Applicants", "Selected", "Selection rate", "Impact ratio", "Excluded because"),
        rows=(
            ("Female", 4813, 429, 0.0891, 0.34, None),
            ("Male", 9841, 2584, 0.2626, 1.0, None),
            ("(missing)", 12, None, None, None, "under 2% of applicants"),
        ),
        units=("", "", "", "percent", "ratio"),
    )
    shares = GroupEstimates(
        title="Share of rows against the population",
        unit="percent",
        series=("rows", "population"),
        rows=(
            ("Female", (estimate((0.33, 0.32, 0.34)), estimate((0.51, 0.51, 0.51)))),
            ("Male", (estimate((0.67, 0.66, 0.68)), estimate((0.49, 0.49, 0.49)))),
        ),
    )
    text = "Women are 33 of every 100 rows and 51 of every 100 people."
    return [finding("data", "representation", "difference", ("gender",), (0.18, 0.17, 0.19), text, None, (shares, law))]


def everything() -> list[Finding]:
    """All of them."""
    return [*calibration(), *subgroups(), *mitigation(), *data()]


def with_answers(report: Report, found: list[Finding], *not_measured: NotMeasured) -> Report:
    """A report that also has these findings and absences."""
    return report.model_copy(
        update={"findings": (*report.findings, *found), "not_measured": (*report.not_measured, *not_measured)}
    )


def hostile(name: str) -> list[Finding]:
    """Every text of every exhibit replaced by one name."""

    def table(x: Table) -> Table:
        rows = tuple(tuple(name if isinstance(c, str) else c for c in row) for row in x.rows)
        return x.model_copy(update={"title": name, "columns": (name,) * len(x.columns), "rows": rows})

    def curve(x: Curve) -> Curve:
        series = tuple(s.model_copy(update={"name": name}) for s in x.series)
        return x.model_copy(update={"title": name, "unit_x": name, "unit_y": name, "series": series})

    def group(x: GroupEstimates) -> GroupEstimates:
        rows = tuple((name, es) for _, es in x.rows)
        return x.model_copy(update={"title": name, "series": (name,) * len(x.series), "rows": rows})

    def exhibit(x: Exhibit) -> Exhibit:
        return table(x) if isinstance(x, Table) else curve(x) if isinstance(x, Curve) else group(x)

    changed = {"title": name, "statement": name, "by": (name,), "notes": (name,)}
    return [
        f.model_copy(
            update={
                **changed,
                "exhibits": tuple(exhibit(x) for x in f.exhibits),
                "by_group": tuple(
                    g.model_copy(update={"group": {name: f"{name}{i}"}}) for i, g in enumerate(f.by_group)
                ),
            }
        )
        for f in everything()
    ]


def many(groups: int = 50, findings: int = 10) -> list[Finding]:
    """Ten findings of 50 groups each, with exhibits of every kind."""
    values = {f"region {i:02d}": (0.01 * (i % 9), 0.008 * (i % 9), 0.012 * (i % 9) + 0.001) for i in range(groups)}
    rows = tuple((name, 400 + i, *values[name]) for i, name in enumerate(values))
    curve = calibration()[1].exhibits[0]
    assert isinstance(curve, Curve)
    lines = curve.model_copy(update={"series": curve.series[:1] * 30})
    made = []
    for i in range(findings):
        concern: Concern = ("calibration", "subgroups", "mitigation", "data")[i % 4]  # type: ignore[assignment]
        table = Table(title=f"table {i}", columns=("Region", "Rows", "Value", "From", "To"), rows=rows)
        exhibits: tuple[Exhibit, ...] = (table, lines.model_copy(update={"title": f"curve {i}"}))
        text = f"Finding {i} states something."
        made.append(
            finding(
                concern, f"metric_{i}", "difference", ("region",), (0.1, 0.05, 0.15), text, values, exhibits, (text,)
            )
        )
    return made
