"""The command line. Exit status: 0 passed, 1 failed, 3 undecided, 2 anything that kept the audit from its work."""

from __future__ import annotations

import functools
import gc
import logging
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import typer

import auditkit as ak
from auditkit.cli_asked import from_here, known_name, one_of, one_or_more, overridden, run_audit
from auditkit.cli_command import told_command
from auditkit.cli_delivery import Place, deliver, show, show_checked
from auditkit.cli_terminal import complain, usable_streams, while_heard
from auditkit.errors import foreign
from auditkit.formatting import utf8

if TYPE_CHECKING:
    from auditkit.records import Report

_USAGE = typer.BadParameter.__mro__[2]  # ClickException, which typer does not name
TROUBLE = 2


class Answered(NamedTuple):
    """A command came to its own end: what it promises is written, and this is its status. Nothing else gives 0."""

    status: int


def answering(command: Callable[..., int]) -> Callable[..., Answered]:
    """A command whose status can only be what it returns: code that it calls cannot end it by an exit of its own."""

    @functools.wraps(command)
    def answered(*args: Any, **kwargs: Any) -> Answered:
        with foreign("code that was called"):
            try:
                return Answered(command(*args, **kwargs))
            except (typer.Exit, typer.Abort, BrokenPipeError) as e:  # each would end it with a status of its own
                raise ak.ModelError(f"code that was called ended with {type(e).__name__}; it must return") from e

    return answered


app = typer.Typer(
    name="auditkit",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Audit a trained PyTorch model: is it biased, why does it decide so, can the answers be trusted?\n\n"
    "Start with: auditkit demo",
    epilog="Exit status: 0 passed (or no policy), 1 a rule failed, 3 undecided or not measured where the policy says "
    "that this fails, 2 trouble with usage, configuration, data or model.",
)

Out = Annotated[Path, typer.Option("--out", help="Folder to write to.")]
Name = Annotated[str, typer.Option("--name", help="Name of the report's files; default: the model's name.")]
Formats = Annotated[
    list[str] | None, typer.Option("--format", help="html, json, junit, another package's; repeatable.")
]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Print nothing but errors.")]
Force = Annotated[bool, typer.Option("--force", help="Overwrite files that are no reports of auditkit.")]


def _version(wanted: bool) -> None:
    if wanted:
        print(f"auditkit {ak.__version__}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show tracebacks, also of checks that broke.")] = False,
) -> None:
    """Options before the command."""
    if debug:  # what is known of accidents and refusals, with where they happened
        logging.basicConfig(format="auditkit: %(message)s")
        logging.getLogger("auditkit").setLevel(logging.DEBUG)


@app.command(epilog="Example: auditkit demo --out reports")
@answering
def demo(
    out: Out = Path("reports"),
    name: Name = "demo",
    format: Formats = None,
    quiet: Quiet = False,
    force: Force = False,
) -> int:
    """Audit the embedded income model on real census data, and show its gate; exits with 0."""
    config = ak.load_config(ak.demo.config_path())
    place = Place(out, name, format, force)
    report = run_audit(config, place, command="auditkit demo", quiet=quiet)
    deliver(report, place, quiet)
    if not quiet:
        with while_heard():
            print(f"\nIn CI, `auditkit run` would exit with {exit_status(report)} here. A demo exits with 0.")
    return 0


@app.command(
    epilog="""\b
Examples:
  auditkit run auditkit.toml
  auditkit run --data test.parquet --y-true income --positive '>50K' \\
    --sensitive gender --sensitive race \\
    --factory income.model:build --weights income.safetensors
  auditkit run --data scored.csv --y-true hired --y-pred decision \\
    --sensitive sex --policy auditkit.toml --check group_fairness --check subgroups
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
        str | None, typer.Option("--task", help="binary (default), multiclass, regression or multilabel.")
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
    score: Annotated[str | None, typer.Option("--score", help="Column of scores beside --y-pred.")] = None,
    policy: Annotated[Path | None, typer.Option("--policy", help="TOML file of rules, or a preset's name.")] = None,
    check: Annotated[
        list[str] | None, typer.Option("--check", help="Check to run, in place of the usual ones; repeatable.")
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
    profile: Annotated[
        str | None, typer.Option("--profile", help="internal (default), public or regulator: what the report holds.")
    ] = None,
    keep_rows: Annotated[bool, typer.Option("--keep-rows", help="Keep evidence of single rows in the report.")] = False,
    quiet: Quiet = False,
    force: Force = False,
) -> int:
    """Audit a model, or decisions that are made already, and judge them by a policy."""
    from auditkit.disclosure import PROFILES
    from auditkit.gate.audited import Asked
    from auditkit.records import TASK_KINDS

    chosen = ak.load_config(config) if config is not None else ak.Config()
    named = known_name("task", task, TASK_KINDS) or (chosen.data.task if chosen.data is not None else None)
    several = any(kind.by_label for known, kind in TASK_KINDS.items() if known == named)
    changed = overridden(
        chosen,
        data={
            "path": from_here(data),
            "y_true": one_or_more(y_true, several),
            "task": task,
            "classes": None if classes is None else [int(c) if c.isdecimal() else c for c in classes],
            "positive": positive,
            "sensitive_features": sensitive,
            "sample_weight": sample_weight,
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
        predictions={"y_pred": one_or_more(y_pred, several), "score": score},
        audit={
            "seed": seed,
            "sample": sample,
            "on_error": one_of("--on-error", on_error, "not_measured", "raise"),
        },
        report={"profile": known_name("profile", profile, PROFILES), "keep_rows": keep_rows or None},
    )
    if policy is not None:
        rules = ak.Policy.load(policy)
        kept = {k: getattr(chosen.policy, k) for k in ("words", "context", "sign_off")}
        own = {k: said for k in kept if (said := getattr(rules, k)) != getattr(ak.Policy(), k)}
        changed = changed.model_copy(update={"policy": rules.model_copy(update=kept | own)})
    if check:
        changed = changed.model_copy(update={"checks": tuple(Asked(name=c, where="--check") for c in check)})
    command = utf8(told_command(["auditkit", *sys.argv[1:]]))
    place = Place(out, name, format, force)
    report = run_audit(changed, place, command=command, quiet=quiet, include_examples=include_examples)
    deliver(report, place, quiet)
    return exit_status(report)


@app.command(epilog="Example: auditkit gate reports/income.json --policy auditkit.toml")
@answering
def gate(
    report: Annotated[Path, typer.Argument(help="A report.json.")],
    policy: Annotated[Path, typer.Option("--policy", help="TOML file of rules, or a preset's name.")],
    expect: Annotated[
        str | None, typer.Option("--expect", help="sha256:… that `run` printed: any other file is refused.")
    ] = None,
    quiet: Quiet = False,
) -> int:
    """Judge a stored report by a policy, from its evidence: no model, no data, no torch."""
    from auditkit import stored

    text = stored.read(report)
    stored.expected(text, expect, source=str(report))
    judged = ak.judge(ak.Report.from_json(text, source=str(report)), policy, exhibits=False)
    if not quiet:
        with while_heard():
            show(judged)
            print(f"\n{stored.basis(text, expect)}")
    return exit_status(judged)


@app.command(epilog="Example: auditkit verify reports/income.json --expect sha256:… --again auditkit.toml")
@answering
def verify(
    report: Annotated[Path, typer.Argument(help="A report.json.")],
    expect: Annotated[
        str | None, typer.Option("--expect", help="sha256:… that `run` printed: any other file differs.")
    ] = None,
    policy: Annotated[Path | None, typer.Option("--policy", help="The policy that it should be judged by.")] = None,
    again: Annotated[
        Path | None, typer.Option("--again", help="auditkit.toml: gather the evidence again from its model and data.")
    ] = None,
    quiet: Quiet = False,
) -> int:
    """Say whether a report says what its evidence says: every finding and verdict is derived again."""
    from auditkit import stored
    from auditkit.verifying import Checked, verify

    text = stored.read(report)
    file = Checked("file", "not checked", f"no digest was expected; this one has {stored.digest(text)}")
    if expect is not None:
        try:
            stored.expected(text, expect, source=str(report))
            file = Checked("file", "same", stored.digest(text))
        except ak.ReportError as e:
            file = Checked("file", "differs", str(e))
    told = ak.Report.from_json(text, source=str(report))
    made = None
    if again is not None:
        from auditkit.configured import audited, inputs

        config = ak.load_config(again)
        made = audited(config, *inputs(config))
    found = verify(told, policy=str(policy) if policy else None, again=made)
    checked = (file, *found.checked)
    if not quiet:
        with while_heard():
            show_checked(checked)
    return 1 if any(c.state == "differs" for c in checked) else 0


@app.command("report", epilog="Example: auditkit report reports/income.json --format html --out site")
@answering
def render(
    report: Annotated[Path, typer.Argument(help="A report.json.")],
    out: Out = Path("reports"),
    name: Name = "",
    format: Formats = None,
    full: Annotated[bool, typer.Option("--full", help="A page with every fold open: for paper.")] = False,
    quiet: Quiet = False,
    force: Force = False,
) -> int:
    """Write a stored report in other formats."""
    from auditkit.judging import explored_if_it_can

    place = Place(out, name or report.stem, format or ["html"], force)
    told = explored_if_it_can(ak.Report.load(report))
    deliver(told, place, quiet, verdict=False, full=full, source=report)
    return 0


@app.command(epilog="Example: auditkit explain equal_opportunity_difference")
@answering
def explain(
    name: Annotated[str, typer.Argument(help="A metric, a check, or one of fairlearn's names; 'all' lists them.")],
) -> int:
    """Say what a metric or check is: definition, formula, interval, reference."""
    from auditkit.catalogue.index import METRICS, explain
    from auditkit.checks import described
    from auditkit.cli_listing import explained_all

    known = None if name in METRICS or name == "all" else described(name)
    text = explained_all() if name == "all" else known or explain(name)
    with while_heard():
        print(text)
    return 0


def main() -> None:
    """Run the command line and exit; errors are one line with what to do, a traceback only with --debug.

    The status is what a command returned (see `Answered`). An exit without a command is that of help or the version,
    or of the keyboard; everything else is trouble.
    """
    gc.set_threshold(200_000)  # records hold no cycles: looking for them every 700 objects is a tenth of a gate's time
    usable_streams()
    try:
        came = app(standalone_mode=False)
        status = came.status if isinstance(came, Answered) else came if isinstance(came, int) else TROUBLE
    except typer.Abort:
        status = TROUBLE
    except Exception as e:
        if "--debug" in sys.argv:
            raise
        status = TROUBLE
        from auditkit.formatting import printable

        known = isinstance(e, ak.AuditkitError)
        if isinstance(e, _USAGE):
            text = f"{e.format_message()} `auditkit -h`, and `auditkit COMMAND -h`, say what there is"  # type: ignore[attr-defined]
        else:
            text = (
                str(e) if known else f"unexpected {type(e).__name__}: {' '.join(str(e).split())} (--debug shows where)"
            )
        complain("\n".join(map(printable, f"auditkit: {text}".split("\n"))))  # an error of ours can have lines
    with while_heard():  # what is buffered is written now, where an error of it is seen
        pass
    sys.exit(status)


# ---- details


def exit_status(report: Report) -> int:
    """0 where no rule stands in the way, 1 where a failed one does, 3 where only undecided ones do."""
    blocking = {v.status for v in report.verdicts if v.blocks}
    return 1 if "fail" in blocking else 3 if blocking else 0
