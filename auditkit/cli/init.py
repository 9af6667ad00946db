"""`auditkit init`: from data to a first configuration, and a first report."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast

import typer

import auditkit as ak
from auditkit.cli.app import Quiet, app
from auditkit.cli.asked import known_name, one_of
from auditkit.cli.made import ends
from auditkit.cli.status import answering
from auditkit.cli.terminal import while_heard

if TYPE_CHECKING:
    from auditkit.starting.answers import Answers
    from auditkit.starting.asking import Asking
    from auditkit.starting.look import Look


@app.command(
    epilog="""\b
Examples:
  auditkit init scored.csv
  auditkit init scored.csv --yes
  auditkit init test.parquet --y-true income --positive '>50K' --sensitive gender \\
    --factory income.model:build --yes --no-run
"""
)
@answering
def init(
    data: Annotated[Path | None, typer.Argument(help="Parquet or CSV: a file, a folder, a pattern.")] = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Ask nothing: take the default of every question.")] = False,
    y_true: Annotated[
        list[str] | None, typer.Option("--y-true", help="Column of the truth; repeatable, one a label (multilabel).")
    ] = None,
    task: Annotated[str | None, typer.Option("--task", help="binary, multiclass, regression or multilabel.")] = None,
    positive: Annotated[str | None, typer.Option("--positive", help="Label that counts as positive.")] = None,
    y_pred: Annotated[
        list[str] | None, typer.Option("--y-pred", help="Column of decisions, instead of a model; repeatable likewise.")
    ] = None,
    score: Annotated[str | None, typer.Option("--score", help="Column of scores beside --y-pred.")] = None,
    threshold: Annotated[
        float | None, typer.Option("--threshold", help="The score from which a decision is positive, without --y-pred.")
    ] = None,
    score_range: Annotated[
        str | None, typer.Option("--score-range", help="Least and greatest score, as in 300,850; or ranks.")
    ] = None,
    factory: Annotated[
        str | None, typer.Option("--factory", help="package.module:function that builds the model.")
    ] = None,
    weights: Annotated[str | None, typer.Option("--weights", help="A file of its weights.")] = None,
    outputs: Annotated[
        str | None, typer.Option("--outputs", help="What the model returns: logits or probabilities; default: look.")
    ] = None,
    sensitive: Annotated[
        list[str] | None, typer.Option("--sensitive", help="Column whose groups are compared; repeatable.")
    ] = None,
    metric: Annotated[str | None, typer.Option("--metric", help="What may not differ much between groups.")] = None,
    at_most: Annotated[float | None, typer.Option("--at-most", help="By how much at most; 0.1 is ten points.")] = None,
    sep: Annotated[str | None, typer.Option("--sep", help="Separator of a CSV file, such as ';'.")] = None,
    encoding: Annotated[str | None, typer.Option("--encoding", help="Encoding of a CSV file, such as cp1252.")] = None,
    na_values: Annotated[
        list[str] | None, typer.Option("--na-value", help="Text of a CSV file that counts as missing; repeatable.")
    ] = None,
    out: Annotated[
        Path, typer.Option("--out", help="File to write; a pyproject.toml gets a table [tool.auditkit].")
    ] = Path("auditkit.toml"),
    reports: Annotated[Path, typer.Option("--reports", help="Folder of the first report.")] = Path("reports"),
    no_run: Annotated[bool, typer.Option("--no-run", help="Write the configuration alone.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Move a file that is there aside, to NAME.old.")] = False,
    quiet: Quiet = False,
) -> int:
    """Look at data, ask at most six questions, write a commented auditkit.toml, and make a first report."""
    from auditkit.records import TASK_KINDS, Task
    from auditkit.starting.answers import Answers
    from auditkit.starting.asking import Asking, ask
    from auditkit.starting.draft import asked, drafted
    from auditkit.starting.look import looked_at
    from auditkit.starting.place import looked_over, prefix_of, write

    if not yes and not sys.stdin.isatty():
        raise ak.PolicyError("nobody can be asked: this is no terminal. --yes takes the default of every question")
    if factory is not None and y_pred:
        raise ak.PolicyError("give either --factory (a model) or --y-pred (decisions made already), not both")
    if threshold is not None and (score is None or y_pred):
        raise ak.PolicyError("--threshold goes with --score, and without --y-pred: it decides in its place")
    if weights is not None and factory is None:
        raise ak.PolicyError("--weights goes with --factory, which builds the model")
    if at_most is not None and metric is None:
        raise ak.PolicyError("--at-most goes with --metric: the limit of what?")
    named = known_name("task", task, TASK_KINDS)
    if named is not None and TASK_KINDS[cast(Task, named)].reader:
        raise ak.PolicyError(f"init looks at rows as they are given, and a reader makes those of task {named}: "
                             "docs/inputs.md shows its [data]")  # fmt: skip
    looked_over(out, force=force)
    asking = Asking(None if yes else input)
    given = Answers(
        y_true=tuple(y_true or ()),
        y_pred=tuple(y_pred or ()),
        score=score,
        threshold=threshold,
        score_range=ends(score_range),
        factory=factory,
        weights=_from_folder(weights, out),
        outputs=one_of("--outputs", outputs, "logits", "probabilities"),
        sensitive=tuple(sensitive or ()),
        metric=metric or "",
        at_most=0.1 if at_most is None else at_most,
    )
    options = {"sep": sep, "encoding": encoding, "na_values": na_values or None}
    given.options = {k: v for k, v in options.items() if v is not None}
    path = data if data is not None else _data(asking)
    look = looked_at(path, **given.options)
    if not quiet:
        _tell_data(look)
    ask(look, given, asking, task=named, positive=positive)  # type: ignore[arg-type]
    name = path.name.split(".")[0] or "audit"
    folder = out.absolute().parent
    text = drafted(look, given, folder=folder, name=name, prefix=prefix_of(out))
    write(text, out, asked(look, given, folder), force=force)
    if not quiet:
        _tell_answers(look, given, out)
    if not no_run:
        _first_report(out, reports, quiet=quiet)
    if not quiet:
        _tell_next(out, reports, ran=not no_run)
    return 0


def _data(asking: Asking) -> Path:
    """The file that is looked at: asked, with the first of the folder as default."""
    from auditkit.errors import DataError, nearest
    from auditkit.starting.look import files_in

    here = files_in(Path())

    def existing(said: str) -> Path:
        if not Path(said).exists() and not any(c in said for c in "*?["):
            raise DataError(f"no file '{said}'{nearest(said, here)}")
        return Path(said)

    path, _ = asking(
        "Which file holds the rows to audit on: features, truth, and decisions if they are made already?",
        default=here[0] if here else None,
        take=lambda: Path(here[0]),
        check=existing,
        flag="DATA",
        why=f"of {len(here)} files here" if len(here) > 1 else "",
    )
    found: Path = path
    return found


def _from_folder(weights: str | None, out: Path) -> str | None:
    from auditkit.starting.draft import relative

    return None if weights is None else relative(Path(weights), out.absolute().parent)


def _tell_data(look: Look) -> None:
    from auditkit.formatting import printable

    with while_heard():
        read = f" ({look.source.read_as})" if getattr(look.source, "read_as", "") else ""
        print(printable(f"{look.source.name or look.path}: {look.rows:,} rows, {len(look.columns)} columns{read}"))


def _tell_answers(look: Look, given: Answers, out: Path) -> None:
    from auditkit.formatting import printable
    from auditkit.starting.sizes import told_groups

    with while_heard():
        print(printable(f"{out} is written."))
        for answer, why in given.guessed.items():
            value = getattr(given, answer, None)
            shown = ", ".join(map(str, value)) if isinstance(value, tuple | list) else value
            print(printable(f"  guessed: {answer}{'' if value is None else f' = {shown}'} ({why})"))
        for line in told_groups(look, given):
            print(printable(f"  {line}"))


def _first_report(out: Path, reports: Path, *, quiet: bool) -> None:
    from auditkit.cli.asked import run_audit
    from auditkit.cli.delivery import Place, deliver

    place = Place(reports, "", None, False)
    try:
        report = run_audit(ak.load_config(out), place, command=f"auditkit run {out.name}", quiet=quiet)
        deliver(report, place, quiet)
    except ak.AuditkitError as e:
        raise type(e)(f"{out} is written; the first report is not: {e}") from e


def _tell_next(out: Path, reports: Path, *, ran: bool) -> None:
    from auditkit.formatting import printable

    steps = [
        f"read {out} once: limits and guesses are yours to change",
        *([f"open the page in {reports}/"] if ran else []),
        f"auditkit run {out}     (status 0 passes, 1 fails)",
        f"pytest --auditkit {out}     (each rule is a test)",
        f"git add {out}, and commit it: the gate",
    ]
    with while_heard():
        print("\nNext:")
        for step in steps:
            print(printable(f"  {step}"))
