"""`auditkit plan`: what an audit could see, before anybody collects or labels."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

import auditkit as ak
from auditkit.cli import planned_rows
from auditkit.cli.app import app
from auditkit.cli.asked import one_of
from auditkit.cli.status import answering
from auditkit.cli.terminal import while_heard

if TYPE_CHECKING:
    from auditkit.gate.policy import Policy


@app.command(
    epilog="""\b
Examples:
  auditkit plan --group sex=F:1200 --group sex=M:3000 --base-rate 0.3 --policy auditkit.toml
  auditkit plan --group sex=F:1200 --group sex=M:3000 --base-rate sex=F:0.2 --base-rate sex=M:0.3 \\
    --metric true_positive_rate --at-most 0.1
  auditkit plan --data people.csv --sensitive sex --base-rate 0.3 --policy four-fifths
  auditkit plan --data people.csv --policy auditkit.toml
"""
)
@answering
def plan(
    group: Annotated[
        list[str] | None, typer.Option("--group", help="attribute=value:rows, as in sex=F:1200; repeatable.")
    ] = None,
    data: Annotated[
        str | None,
        typer.Option("--data", help="Parquet or CSV whose rows are counted; [data] of --policy says how to read it."),
    ] = None,
    sensitive: Annotated[
        list[str] | None, typer.Option("--sensitive", help="Column of a sensitive feature; repeatable.")
    ] = None,
    one_hot: Annotated[
        list[str] | None,
        typer.Option("--one-hot", help="One sensitive feature of columns of 0 and 1: race=race_a,race_b; repeatable."),
    ] = None,
    bins: Annotated[
        list[str] | None, typer.Option("--bins", help="Edges of bins of a feature: age=0,30,45,60,120; repeatable.")
    ] = None,
    y_true: Annotated[str | None, typer.Option("--y-true", help="Column of the target: it gives base rates.")] = None,
    positive: Annotated[str | None, typer.Option("--positive", help="Label that counts as positive.")] = None,
    base_rate: Annotated[
        list[str] | None,
        typer.Option("--base-rate", help="Share that is truly positive: 0.3, or sex=F:0.2; repeatable."),
    ] = None,
    rate: Annotated[
        list[str] | None,
        typer.Option("--rate", help="Value that a fair model is taken to have: true_positive_rate=0.8; repeatable."),
    ] = None,
    policy: Annotated[Path | None, typer.Option("--policy", help="TOML file of rules, or a preset's name.")] = None,
    metric: Annotated[str | None, typer.Option("--metric", help="Without --policy: the metric of one rule.")] = None,
    comparison: Annotated[
        str | None, typer.Option("--comparison", help="Its comparison; default: difference with --at-most, else ratio.")
    ] = None,
    at_most: Annotated[float | None, typer.Option("--at-most", help="Its limit.")] = None,
    at_least: Annotated[float | None, typer.Option("--at-least", help="Its limit, from below.")] = None,
    looks: Annotated[int | None, typer.Option("--looks", help="Without --policy: audits that share one error.")] = None,
    truth: Annotated[float, typer.Option("--truth", help="True gap where a rule is to pass; default 0.")] = 0.0,
    power: Annotated[float, typer.Option("--power", help="Chance of being decided that is enough.")] = 0.8,
    format: Annotated[str, typer.Option("--format", help="text (default) or json.")] = "text",
) -> int:
    """Say what an audit could see of groups of these sizes: smallest gaps, rows needed, rules that can never be met."""
    from auditkit.planning.plan import plan as planned

    one_of("--format", format, "text", "json")
    if group is not None and data is not None:
        raise ak.PolicyError("give either --group sex=F:1200 (repeatable), or --data with --sensitive")
    if y_true is not None and base_rate:
        raise ak.PolicyError("give either --base-rate, or the column of the target (--y-true)")
    flags: Any = {"sensitive": sensitive, "one_hot": one_hot, "bins": bins, "y_true": y_true, "positive": positive}
    counted = None if group else planned_rows.rows(data, policy, **flags, assumed=bool(base_rate))
    if counted is None and not group:
        raise ak.PolicyError("give either --group sex=F:1200 (repeatable), or --data with --sensitive")
    groups: Any = _groups(group or []) if counted is None else counted.groups
    attributes = list(groups) if counted is None else list(counted.attributes)
    pairs = [_two("--rate", r, "=", "true_positive_rate=0.8") for r in rate or []]
    found = planned(
        groups,
        policy=_policy(policy, metric, comparison, at_most, at_least, looks, attributes),
        base_rate=_base_rates(base_rate or []),
        rates={name: _number("--rate", x) for name, x in pairs},
        truth=truth,
        power=power,
        sensitive_features=() if counted is None else counted.sensitive_features,
    )
    with while_heard():
        print(found.to_json() if format == "json" else found, end="" if format == "json" else "\n")
    return 0


def _groups(given: list[str]) -> dict[str, dict[str, Any]]:
    out: dict[str, dict[str, Any]] = {}
    for text in given:
        name, value, rows = _three("--group", text, "sex=F:1200")
        if value in out.setdefault(name, {}):
            raise ak.PolicyError(f"--group {text}: {name}={value} has a size already")
        number = _number("--group", rows)
        out[name][value] = int(number) if number == int(number) else number
    return out


def _base_rates(given: list[str]) -> Any:
    if not given:
        return None
    if len(given) == 1 and "=" not in given[0]:
        return _number("--base-rate", given[0])
    out: dict[str, dict[str, float]] = {}
    for text in given:
        name, value, share = _three("--base-rate", text, "sex=F:0.2")
        out.setdefault(name, {})[value] = _number("--base-rate", share)
    return out


def _three(flag: str, text: str, example: str) -> tuple[str, str, str]:
    """ "sex=F:1200" as its three parts; a value may hold colons itself."""
    name, rest = _two(flag, text, "=", example)
    value, colon, number = rest.rpartition(":")
    if not (colon and value and number):
        raise ak.PolicyError(f"{flag} {text}: expected {example}")
    return name, value, number


def _two(flag: str, text: str, sign: str, example: str) -> tuple[str, str]:
    name, found, rest = text.partition(sign)
    if not (found and name and rest):
        raise ak.PolicyError(f"{flag} {text}: expected {example}")
    return name, rest


def _number(flag: str, text: str) -> float:
    try:
        x = float(text)
    except ValueError:
        x = float("nan")
    if not abs(x) < float("inf"):
        raise ak.PolicyError(f"{flag}: '{text}' is no number")
    return x


def _policy(
    path: Path | None, metric: str | None, comparison: str | None, at_most: float | None, at_least: float | None,
    looks: int | None, attributes: list[str],
) -> Policy:  # fmt: skip
    """The policy of a file, or of one rule that flags give, over each attribute."""
    flags = {"--metric": metric, "--comparison": comparison, "--at-most": at_most, "--at-least": at_least}
    flags["--looks"] = looks
    if path is not None:
        said = [flag for flag, value in flags.items() if value is not None]
        if said:
            raise ak.PolicyError(f"{said[0]} goes without --policy, which has rules of its own")
        return ak.Policy.load(path)
    if metric is None:
        raise ak.PolicyError("give limits: --policy FILE, or --metric with --at-most or --at-least")
    from auditkit.catalogue.index import resolve

    kind = comparison or resolve(metric)[1] or ("ratio" if at_least is not None else "difference")
    rule: dict[str, Any] = {"metric": metric, "comparison": kind, "at_most": at_most, "at_least": at_least}
    rule = {k: v for k, v in rule.items() if v is not None}
    each = [{"id": metric, **rule}]
    if kind != "overall":
        each = [{"id": f"{metric}/{a}", "by": [a], **rule} for a in attributes]
    return ak.Policy.from_dict({"policy": {} if looks is None else {"looks": looks}, "rule": each})
