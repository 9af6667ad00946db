"""`auditkit run`: an audit from a configuration file, from flags, or from both."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

import auditkit as ak
from auditkit import timings as timed
from auditkit.cli import made
from auditkit.cli.against import compared
from auditkit.cli.app import Force, Formats, Name, Out, Quiet, app
from auditkit.cli.asked import from_here, known_name, one_of, one_or_more, overridden, run_audit
from auditkit.cli.command import told_command
from auditkit.cli.delivery import Place, deliver
from auditkit.cli.status import answering, exit_status
from auditkit.cli.terminal import complain
from auditkit.cli.variables import used
from auditkit.formatting import utf8


@app.command(
    epilog="""\b
Examples:
  auditkit run auditkit.toml
  auditkit run --data test.parquet --y-true income --positive '>50K' \\
    --sensitive gender --sensitive race \\
    --factory income.model:build --weights income.safetensors
  auditkit run --data scored.csv --y-true repaid --score fico --threshold 620 \\
    --score-range 300,850 --join people.csv --on id --sensitive sex --bins age=0,30,60,120
  auditkit run --data scored.csv --y-true hired --y-pred decision \\
    --sensitive sex --policy auditkit.toml --check group_fairness --check subgroups
  auditkit run --data requests.csv --sensitive language --measured seconds --measured ndcg
"""
)
@answering
def run(
    config: Annotated[Path | None, typer.Argument(help="auditkit.toml, or a pyproject.toml.")] = None,
    data: Annotated[str | None, typer.Option("--data", help="Parquet or CSV: a file, a folder, a pattern.")] = None,
    y_true: Annotated[
        list[str] | None, typer.Option("--y-true", help="Column of the target; repeatable, one a label (multilabel).")
    ] = None,
    task: Annotated[
        str | None,
        typer.Option(
            "--task",
            help="binary (default), multiclass, regression, multilabel, or that of a reader (verification, …).",
        ),
    ] = None,
    classes: Annotated[
        list[str] | None, typer.Option("--class", help="Class, in the order of the outputs; repeatable (multiclass).")
    ] = None,
    positive: Annotated[str | None, typer.Option("--positive", help="Label that counts as positive.")] = None,
    sensitive: Annotated[
        list[str] | None, typer.Option("--sensitive", help="Column of a sensitive feature; repeatable.")
    ] = None,
    sample_weight: Annotated[str | None, typer.Option("--sample-weight", help="Column of weights of the rows.")] = None,
    weights_kind: Annotated[
        str | None, typer.Option("--weights-kind", help="sampling (default) or frequency: how often a row occurs.")
    ] = None,
    one_hot: Annotated[
        list[str] | None,
        typer.Option("--one-hot", help="One sensitive feature of columns of 0 and 1: race=race_a,race_b; repeatable."),
    ] = None,
    bins: Annotated[
        list[str] | None, typer.Option("--bins", help="Edges of bins of a feature: age=0,30,45,60,120; repeatable.")
    ] = None,
    join: Annotated[
        str | None, typer.Option("--join", help="Another file, with columns that come to the rows by a key.")
    ] = None,
    on: Annotated[
        str | None, typer.Option("--on", help="The key of --join in both files; id=person where it has two names.")
    ] = None,
    pictures: Annotated[
        list[str] | None,
        typer.Option("--picture", help="Column of paths of pictures, relative to the data; repeatable."),
    ] = None,
    leave_out: Annotated[
        list[str] | None,
        typer.Option("--leave-out", help="Column that is no feature, such as another model's score; repeatable."),
    ] = None,
    cluster: Annotated[
        str | None, typer.Option("--cluster", help="Column of what rows have in common, e.g. a person's id.")
    ] = None,
    row_id: Annotated[
        str | None,
        typer.Option("--row-id", help="Column that names each row, e.g. a case number; no two rows share one."),
    ] = None,
    strata: Annotated[
        str | None, typer.Option("--strata", help="Column of the stratum within which a row was drawn.")
    ] = None,
    population: Annotated[
        str | None, typer.Option("--population", help="Column of the rows that a row's stratum has in the population.")
    ] = None,
    sep: Annotated[str | None, typer.Option("--sep", help="Separator of a CSV file, such as ';'.")] = None,
    encoding: Annotated[str | None, typer.Option("--encoding", help="Encoding of a CSV file, such as cp1252.")] = None,
    na_values: Annotated[
        list[str] | None, typer.Option("--na-value", help="Text of a CSV file that counts as missing; repeatable.")
    ] = None,
    factory: Annotated[
        str | None, typer.Option("--factory", help="package.module:function that builds the model.")
    ] = None,
    weights: Annotated[
        str | None,
        typer.Option("--weights", help="Its weights: safetensors, a state dict, a checkpoint, a Hugging Face folder."),
    ] = None,
    weights_key: Annotated[
        str | None,
        typer.Option("--weights-key", help="Where in a checkpoint its state dict is: model_state_dict."),
    ] = None,
    trust: Annotated[
        str | None, typer.Option("--trust", help="sha256:… of a TorchScript or .pt2 file in --weights: it runs code.")
    ] = None,
    outputs: Annotated[
        str | None, typer.Option("--outputs", help="What it returns: logits or probabilities; default: look.")
    ] = None,
    y_pred: Annotated[
        list[str] | None, typer.Option("--y-pred", help="Column of decisions, instead of a model; repeatable likewise.")
    ] = None,
    score: Annotated[
        str | None, typer.Option("--score", help="Column of scores, beside --y-pred or with --threshold.")
    ] = None,
    threshold: Annotated[
        float | None,
        typer.Option("--threshold", help="Decide by --score: positive where score >= this, in the score's units."),
    ] = None,
    score_range: Annotated[
        str | None, typer.Option("--score-range", help="Least and greatest score, as in 300,850; or ranks.")
    ] = None,
    against: Annotated[
        list[str] | None,
        typer.Option(
            "--against",
            help="An older model: column of its decisions, its weights, or what a reader reads; repeatable.",
        ),
    ] = None,
    policy: Annotated[Path | None, typer.Option("--policy", help="TOML file of rules, or a preset's name.")] = None,
    check: Annotated[
        list[str] | None, typer.Option("--check", help="Check to run, in place of the usual ones; repeatable.")
    ] = None,
    measured: Annotated[
        list[str] | None,
        typer.Option("--measured", help="Column of numbers to compare by group (seconds, NDCG, a loss); repeatable."),
    ] = None,
    out: Out = Path("reports"),
    name: Name = "",
    format: Formats = None,
    seed: Annotated[int | None, typer.Option("--seed", help="Seed of the sample; default 0.")] = None,
    sample: Annotated[
        int | None, typer.Option("--sample", min=1, help="Rows for the explanations; default 2000.")
    ] = None,
    include_examples: Annotated[
        int, typer.Option("--include-examples", min=0, max=20, help="Wrong decisions a group and kind to show by row.")
    ] = 0,
    on_error: Annotated[
        str | None, typer.Option("--on-error", help="Where a check breaks: not_measured (default), or raise.")
    ] = None,
    fitted: Annotated[
        str | None, typer.Option("--fitted", help="A file of `auditkit fit`: bins of its checks, for merging parts.")
    ] = None,
    profile: Annotated[
        str | None, typer.Option("--profile", help="internal (default), public or regulator: what the report holds.")
    ] = None,
    keep_rows: Annotated[bool, typer.Option("--keep-rows", help="Keep evidence of single rows in the report.")] = False,
    timings: Annotated[
        bool, typer.Option("--timings", help="Say on stderr where the time went, stage by stage.")
    ] = False,
    quiet: Quiet = False,
    force: Force = False,
) -> int:
    """Audit a model, or decisions that are made already, and judge them by a policy."""
    from auditkit.disclosure import PROFILES
    from auditkit.gate.audited import Asked
    from auditkit.gate.config import as_written, refuse_undeclared
    from auditkit.gate.extending import under
    from auditkit.records import TASK_KINDS

    chosen = as_written(config) if config is not None else ak.Config()
    named = known_name("task", task, TASK_KINDS) or (chosen.data.task if chosen.data is not None else None)
    several = any(kind.by_label for known, kind in TASK_KINDS.items() if known == named)
    named_checks = [Asked(name=c, where="--check") for c in check or ()]
    named_checks += [Asked(name="measured", options={"number": n}, where="--measured") for n in measured or ()]
    changed = overridden(
        chosen,
        checks=bool(named_checks or chosen.checks),
        data={
            "path": from_here(data),
            "y_true": one_or_more(y_true, several),
            "task": task,
            "classes": None if classes is None else [int(c) if c.isdecimal() else c for c in classes],
            "positive": positive,
            "sensitive_features": made.features(sensitive, one_hot),
            "bins": made.bins(bins),
            "join": made.join(join, on),
            "sample_weight": sample_weight,
            "pictures": pictures,
            "leave_out": leave_out,
            "weights_kind": one_of("--weights-kind", weights_kind, "sampling", "frequency"),
            "cluster": cluster,
            "strata": strata,
            "population": population,
            "row_id": row_id,
            "sep": sep,
            "encoding": encoding,
            "na_values": na_values,
        },
        model={
            "factory": factory,
            "weights": from_here(weights),
            "weights_key": weights_key,
            "trust": trust,
            "outputs": one_of("--outputs", outputs, "logits", "probabilities"),
        },
        predictions={
            "y_pred": one_or_more(y_pred, several),
            "score": score,
            "threshold": threshold,
            "score_range": made.ends(score_range),
        },
        audit={
            "seed": seed,
            "sample": sample,
            "fitted": from_here(fitted),
            "on_error": one_of("--on-error", on_error, "not_measured", "raise"),
        },
        report={"profile": known_name("profile", profile, PROFILES), "keep_rows": keep_rows or None},
    )
    changed = compared(changed, against)
    if policy is not None:
        rules = under(ak.Policy.load(policy), chosen.policy.floors)
        kept = {k: getattr(chosen.policy, k) for k in ("words", "context", "sign_off")}
        own = {k: said for k in kept if (said := getattr(rules, k)) != getattr(ak.Policy(), k)}
        changed = changed.model_copy(update={"policy": rules.model_copy(update=kept | own)})
    if changed.data is not None:
        refuse_undeclared(changed.policy, changed.data.features)
    if named_checks:
        changed = changed.model_copy(update={"checks": tuple(named_checks)})
    command = utf8(told_command([*used("run"), "auditkit", *sys.argv[1:]]))
    place = Place(out, name, format, force)
    with timed.kept() as stages:
        timed.began(stages)
        report = run_audit(changed, place, command=command, quiet=quiet, include_examples=include_examples)
        with timed.spent("write"):
            deliver(report, place, quiet, policy=policy or config)
    if timings:
        complain(timed.told(stages))
    return exit_status(report)
