"""Findings of explanations, made by hand with the demo's names: gaps, layers, checks, flips, single cases."""

from __future__ import annotations

import base64
import struct
import zlib

from auditkit.records import (
    Case,
    Cases,
    Concern,
    Contribution,
    Contributions,
    Estimate,
    Exhibit,
    Finding,
    GroupEstimate,
    GroupEstimates,
    Layer,
    Layers,
    Report,
    Table,
    TrustCheck,
)

PARTS = (
    ("relationship", 0.0952, 0.0921, 0.0983, 0.51, 0.86),
    ("marital-status", 0.0351, 0.0338, 0.0364, 0.19, 0.77),
    ("hours-per-week", 0.0208, 0.0193, 0.0223, 0.11, 0.66),
    ("capital-gain", 0.0131, 0.0102, 0.0160, 0.07, 0.52),
    ("age", 0.0112, 0.0095, 0.0129, 0.06, 0.56),
    ("occupation", 0.0051, 0.0032, 0.0070, 0.03, 0.77),
    ("educational-num", 0.0049, 0.0024, 0.0074, 0.03, 0.50),
    ("capital-loss", 0.0018, 0.0006, 0.0030, 0.01, 0.51),
    ("native-country", 0.0006, -0.0003, 0.0015, 0.00, 0.51),
    ("workclass", -0.0004, -0.0014, 0.0006, 0.00, 0.57),
)
"""(column, part, low, high, share, AUC)."""

CHECKS = (
    ("T0", "preflight", None, None, "every row alone gives the same answer; the state of the model is unchanged"),
    ("T1", "completeness", 0.0000009, 0.05, "contributions add up to the score difference, p95 of 256 rows"),
    ("T2", "refinement", 0.0004, 0.05, "twice the steps change nothing, p95 of 256 rows"),
    ("T3", "baseline", 0.91, 0.7, "the ranking stays with other baselines"),
    ("T4", "model randomisation", 0.12, 0.3, "an untrained copy explains otherwise, mean of 5 seeds"),
    ("T5", "max-sensitivity", 0.08, 0.5, "small changes of a row change little, mean of 10 draws"),
    ("T6", "infidelity", 0.21, 0.93, "contributions foretell what changes do, read on the other half"),
    ("T7", "deletion and insertion", 0.34, 0.51, "columns are ranked better than by chance"),
    ("T8", "agreement", 0.75, 0.5, "three methods name the same columns"),
    ("T9", "known answers", 0.000003, 0.0001, "a planted effect is found, and nothing beside it"),
    ("T10", "uncertainty", None, None, "bootstrap of the stored contributions"),
    ("T11", "parity", 0.02, None, "the checks by group"),
)


def trust(*failed: str) -> tuple[TrustCheck, ...]:
    """The twelve checks; those named are failed."""
    return tuple(
        TrustCheck(
            id=i,
            name=name,
            value=3 * limit if i in failed and limit is not None else value,
            limit=limit,
            passed=i not in failed,
            note=note,
        )
        for i, name, value, limit, note in CHECKS
    )


def parts(n: int = 10, *, shares: bool = True, sign: int = 1, scale: float = 1.0) -> Contributions:
    """What makes the gap in scores; beyond ten columns small ones follow."""
    rows = [
        Contribution(
            label=label,
            estimate=Estimate(
                value=sign * scale * v,
                low=scale * min(sign * a, sign * b),
                high=scale * max(sign * a, sign * b),
                n=4813,
            ),
            share=share if shares else None,
            beside=auc,
        )
        for label, v, a, b, share, auc in PARTS[:n]
    ]
    for i in range(n - len(rows)):
        rows.append(
            Contribution(label=f"column-{i}", estimate=Estimate(value=0.0002, low=-0.0001, high=0.0005, n=4813))
        )
    total = sum(r.estimate.value or 0.0 for r in rows)
    spread = 0.004 if shares else 2 * abs(total)
    return Contributions(
        title="What makes the gap in mean score",
        unit="points",
        rows=tuple(rows),
        total=Estimate(value=total, low=total - spread, high=total + spread, n=4813, method="t over women's rows"),
        of_all=total + 0.0011,
        beside="tells gender (AUC)",
    )


def gap(
    x: Contributions | None = None,
    *,
    by: str = "gender",
    groups: tuple[str, ...] = ("Female", "Male"),
    metric: str = "mean_score",
    failed: tuple[str, ...] = (),
) -> Finding:
    """A gap taken apart."""
    x = x or parts()
    return Finding(
        id=f"explanation/{metric}/difference/{by}",
        concern="explanation",
        title=f"What makes the gap by {by}",
        statement="Of the 18.7-point gap in mean score, 9.5 points come through relationship.",
        metric=metric,
        comparison="difference",
        by=(by,),
        estimate=x.total.model_copy(update={"method": "permutation Shapley over 9,744 pairs, 64 orders"}),
        by_group=tuple(GroupEstimate(group={by: g}, estimate=Estimate(value=0.1, n=100)) for g in groups),
        exhibits=(x,),
        trust=trust(*failed),
        notes=("four shuffles of the pairs differ by at most 0.1 points",),
    )


NET = (
    ("input", "encoded", 84, 0.85, 0.85, 0.034, 0.187, 0.824),
    ("layers.0", "Linear", 64, 0.85, 0.84, -0.002, 0.188, 0.769),
    ("layers.1", "ReLU", 64, 0.84, 0.83, -0.006, 0.188, 0.763),
    ("layers.2", "Linear", 32, 0.78, 0.75, 0.002, 0.187, 0.763),
    ("layers.4", "Linear", 16, 0.70, 0.66, 0.008, 0.184, 0.769),
    ("layers.6", "Linear", 1, 0.67, 0.55, 0.000, None, 0.763),
)
"""(name, type, units, knows, untrained, gap after, after a random direction, accuracy after)."""


def layer(name: str, type: str, units: int, k: float, u: float, after: float, r: float | None, acc: float) -> Layer:
    """One layer, everything measured."""
    return Layer(
        name=name,
        type=type,
        units=units,
        knows=Estimate(value=k, low=k - 0.02, high=k + 0.02, n=1000),
        untrained=u,
        selectivity=k - 0.52,
        auc=min(1.0, k + 0.08),
        before=Estimate(value=0.188, low=0.181, high=0.195, n=1000),
        after=Estimate(value=after, low=after - 0.006, high=after + 0.006, n=1000),
        random=r,
        accuracy_before=0.857,
        accuracy_after=acc,
        cut=True,
        neurons=tuple(0.05 * (-1) ** (i // 3) / (1 + i) for i in range(min(units, 64))),
        named=tuple((7 * i) % units for i in range(min(units, 64))),
    )


def layers(made: tuple[Layer, ...] = (), *, attribute: str = "gender") -> Layers:
    """The demo's net."""
    return Layers(
        title="What each layer knows, and uses",
        unit="points",
        attribute=attribute,
        layers=made or tuple(layer(*row) for row in NET),
        guess=0.761,
    )


def net(x: Layers | None = None, *, statement: str = "", failed: tuple[str, ...] = ()) -> Finding:
    """A net looked into."""
    x = x or layers()
    return Finding(
        id=f"explanation/layers/overall/{x.attribute}",
        concern="explanation",
        title=f"What each layer knows of {x.attribute}, and uses",
        statement=statement or f"Every layer can tell {x.attribute}; erasing it from any closes the gap.",
        metric="layers",
        comparison="overall",
        by=(x.attribute,),
        estimate=Estimate(value=0.85, low=0.83, high=0.87, n=1000),
        exhibits=(x,),
        trust=trust(*failed) if failed else (),
    )


def png(width: int = 8, height: int = 8) -> str:
    """A small picture in grey."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    rows = b"".join(b"\0" + bytes((x * 31 + y * 17) % 256 for x in range(width)) for y in range(height))
    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    data = chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    return base64.b64encode(b"\x89PNG\r\n\x1a\n" + data).decode()


def cases(n: int = 4) -> Finding:
    """Single rows: two tables, a picture, a text, and over again."""
    facts = (("Group", "women"), ("Truth", ">50K"), ("Decision", "not selected"), ("Score", "0.31"))
    moved = (
        ("relationship", "Not-in-family", -1.21),
        ("educational-num", "13", 0.84),
        ("hours-per-week", "50", 0.33),
        ("age", "29", -0.21),
    )
    text = (("The", 0.0), ("nurse", -0.62), ("earned", 0.05), ("a", 0.0), ("large", 0.21), ("bonus", 0.58), (".", 0.0))
    kinds = (
        Case(title="The most typical error among women: overlooked", facts=facts, contributions=moved),
        Case(title="The most consequential error among women", facts=facts, contributions=moved[::-1], note="T1 kept."),
        Case(
            title="A picture",
            facts=facts[:2],
            png=png(),
            contributions=(("segment 3", "", 0.4), ("segment 9", "", -0.1)),
        ),
        Case(title="A text", facts=facts[:2], tokens=text),
    )
    shown = Cases(title="Errors of each group", unit="log-odds", cases=tuple(kinds[i % 4] for i in range(n)))
    return Finding(
        id="explanation/examples/overall",
        concern="explanation",
        title="Single cases",
        statement="",
        metric="examples",
        comparison="overall",
        estimate=Estimate(value=None, n=n),
        exhibits=(shown,),
    )


def flips() -> Finding:
    """Robustness: only the attribute is changed."""
    table = Table(
        title="What a changed gender alone would change",
        columns=("Group", "Rows", "Decisions changed", "Mean change of score"),
        rows=(("Female", 4813, 0.031, 0.012), ("Male", 9841, 0.024, -0.010)),
        units=("", "", "percent", "points"),
    )
    return Finding(
        id="robustness/flip_rate/overall/gender",
        concern="robustness",
        title="Flips by gender",
        statement="Changing gender alone changes 2.6% of decisions.",
        metric="flip_rate",
        comparison="overall",
        by=("gender",),
        estimate=Estimate(value=0.026, low=0.023, high=0.029, n=14654),
        by_group=tuple(
            GroupEstimate(group={"gender": g}, estimate=Estimate(value=v, low=v - 0.004, high=v + 0.004, n=5000))
            for g, v in (("Female", 0.031), ("Male", 0.024))
        ),
        exhibits=(table,),
    )


def burden() -> Finding:
    """An explanation that is neither a gap, nor a net, nor an attribution: recourse."""
    shares = GroupEstimates(
        title="What recourse costs",
        unit="cost",
        series=("Female", "Male"),
        rows=tuple(
            (
                what,
                (
                    Estimate(value=a, low=a - 0.1, high=a + 0.1, n=300),
                    Estimate(value=b, low=b - 0.1, high=b + 0.1, n=300),
                ),
            )
            for what, a, b in (("hours-per-week", 1.4, 0.9), ("educational-num", 2.1, 1.6))
        ),
    )
    return Finding(
        id="explanation/recourse/difference/gender",
        concern="explanation",
        title="Recourse by gender",
        statement="The smallest change that would select costs women 0.5 more than men.",
        metric="recourse",
        comparison="difference",
        by=("gender",),
        estimate=Estimate(value=0.5, low=0.3, high=0.7, n=600),
        exhibits=(shares,),
        trust=trust(),
    )


def everything(**options: int) -> list[Finding]:
    """What an audit of the demo explains: gaps of two attributes and four targets, two looks into the net, the rest."""
    made = []
    for by, groups in (("gender", ("Female", "Male")), ("race", ("Black", "Other", "White"))):
        scale = 1.0 if by == "gender" else 0.3
        for metric in ("mean_score", "selection_rate", "true_positive_rate", "false_positive_rate"):
            x = parts(options.get("columns", 10), scale=scale)
            x = x.model_copy(update={"title": f"What makes the gap in {metric.replace('_', ' ')}"})
            made.append(gap(x, by=by, groups=groups, metric=metric))
        made.append(net(layers(attribute=by)))
    return [*made, burden(), cases(options.get("cases", 4)), flips()]


def deep(n: int = 60) -> Layers:
    """A net of many layers."""
    return layers(
        tuple(
            layer(f"blocks.{i}", "Linear", 8, 0.6 + 0.3 * i / n, 0.55, 0.18 - 0.17 * i / n, 0.187, 0.85)
            for i in range(n)
        )
    )


def with_explanations(report: Report, found: list[Finding]) -> Report:
    """A report that also has these findings."""
    return report.model_copy(update={"findings": (*report.findings, *found)})


def hostile(name: str) -> list[Finding]:
    """Every text of every explanation replaced by one name."""

    def parts_of(x: Contributions) -> Contributions:
        rows = tuple(r.model_copy(update={"label": name}) for r in x.rows)
        return x.model_copy(update={"title": name, "beside": name, "rows": rows})

    def net_of(x: Layers) -> Layers:
        made = tuple(a.model_copy(update={"name": name, "type": name, "note": name, "cut": False}) for a in x.layers)
        return x.model_copy(update={"title": name, "attribute": name, "layers": made})

    def cases_of(x: Cases) -> Cases:
        made = tuple(
            Case(
                title=name,
                facts=((name, name),) * 3,
                contributions=((name, name, 0.5), (name, "", -0.5)),
                png=name if i % 2 else '"><script>alert(1)</script>',
                tokens=((name, 0.5), (name, -0.5), ("", 0.1)),
                note=name,
            )
            for i, _ in enumerate(x.cases)
        )
        return x.model_copy(update={"title": name, "unit": name, "cases": made})

    def exhibit(x: Exhibit) -> Exhibit:
        if isinstance(x, Contributions):
            return parts_of(x)
        if isinstance(x, Layers):
            return net_of(x)
        if isinstance(x, Cases):
            return cases_of(x)
        if isinstance(x, Table):
            return x.model_copy(update={"title": name, "columns": (name,) * len(x.columns)})
        assert isinstance(x, GroupEstimates)
        return x.model_copy(update={"title": name, "unit": name, "series": (name,) * len(x.series)})

    changed = {"title": name, "statement": name, "by": (name,), "notes": (name,)}
    return [
        f.model_copy(
            update={
                **changed,
                "exhibits": tuple(exhibit(x) for x in f.exhibits),
                "by_group": tuple(
                    g.model_copy(update={"group": {name: f"{name}{i}"}}) for i, g in enumerate(f.by_group)
                ),
                "estimate": f.estimate.model_copy(update={"method": name}),
                "trust": tuple(
                    t.model_copy(
                        update={"id": name, "name": name, "note": name, "passed": i % 3 > 0 or f.metric != "recourse"}
                    )
                    for i, t in enumerate(f.trust)
                ),
            }
        )
        for f in everything()
    ]


def wide() -> list[Finding]:
    """Thirty columns, sixty layers, as many cases as a page draws and more."""
    return [gap(parts(30)), net(deep()), cases(50)]


def undefined() -> list[Finding]:
    """Nothing to compare, nothing measured, no interval, one layer."""
    nothing = Contributions(
        title="t", unit="points", rows=(), total=Estimate(value=None, state="undefined", note="one group")
    )
    bare = Layer(name="only", type="Linear", units=1, note="no gradient reaches it")
    plain = parts().model_copy(update={"of_all": None, "beside": ""})
    loose = tuple(
        r.model_copy(update={"estimate": Estimate(value=r.estimate.value), "share": None, "beside": None})
        for r in plain.rows
    )
    plain = plain.model_copy(update={"rows": loose, "total": Estimate(value=0.187)})
    return [gap(nothing), gap(plain, by="race", groups=()), net(layers((bare,)).model_copy(update={"guess": None}))]


def failing() -> list[Finding]:
    """Explanations that failed a check."""
    return [gap(failed=("T1",)), net(failed=("T2",)), burden().model_copy(update={"trust": trust("T6", "T7")})]


CONCERNS: tuple[Concern, ...] = ("explanation", "robustness")
