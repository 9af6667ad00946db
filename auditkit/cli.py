"""The command line. Exit status: 0 passed, 1 failed, 3 undecided, 2 anything that kept the audit from its work."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

import auditkit as ak
from auditkit.cli_command import known_profile, told_command
from auditkit.cli_terminal import console, told_progress

if TYPE_CHECKING:
    from auditkit.records import Report

EXIT = {"passed": 0, "failed": 1, "undecided": 3}
TROUBLE = 2
WRITTEN = ("html", "json")
"""Formats that an audit writes unless --format says otherwise."""

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
Formats = Annotated[list[str] | None, typer.Option("--format", help="html, json or junit; repeatable.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Print nothing but errors.")]
Seed = Annotated[int, typer.Option("--seed", help="Seed of the sample.")]
SampleSize = Annotated[int, typer.Option("--sample", min=1, help="Rows for the explanations, at most.")]


def _version(wanted: bool) -> None:
    if wanted:
        print(f"auditkit {ak.__version__}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show a traceback on errors.")] = False,
) -> None:
    """Options before the command."""


@app.command(epilog="Example: auditkit demo --out reports")
def demo(
    out: Out = Path("reports"),
    name: Name = "demo",
    format: Formats = None,
    quiet: Quiet = False,
) -> None:
    """Audit the embedded income model on real census data, and show its gate; exits with 0."""
    config = ak.load_config(ak.demo.config_path())
    _check_place(out, name)
    report = _run(config, command="auditkit demo", quiet=quiet)
    _deliver(report, out, format, quiet, file_name=name)
    if not quiet:
        status = EXIT[report.outcome]
        print(f"\nIn CI, `auditkit run` would exit with {status} here. A demo exits with 0.")


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
def run(
    config: Annotated[Path | None, typer.Argument(help="auditkit.toml, or a pyproject.toml.")] = None,
    data: Annotated[str | None, typer.Option("--data", help="Parquet or CSV file.")] = None,
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
    factory: Annotated[
        str | None, typer.Option("--factory", help="package.module:function that builds the model.")
    ] = None,
    weights: Annotated[str | None, typer.Option("--weights", help="Its weights: safetensors, or a state dict.")] = None,
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
    profile: Annotated[
        str | None, typer.Option("--profile", help="internal (default), public or regulator: what the report holds.")
    ] = None,
    keep_rows: Annotated[bool, typer.Option("--keep-rows", help="Keep evidence of single rows in the report.")] = False,
    quiet: Quiet = False,
) -> None:
    """Audit a model, or decisions that are made already, and judge them by a policy."""
    from auditkit.gate.config import Asked

    chosen = ak.load_config(config) if config is not None else ak.Config()
    several = (task or (chosen.data.task if chosen.data is not None else None)) == "multilabel"
    changed = _overridden(
        chosen,
        data={
            **{"path": _here(data, chosen), "y_true": y_true, "positive": positive, "sensitive_features": sensitive},
            **{"sample_weight": sample_weight, "weights_kind": _kind(weights_kind), "cluster": cluster},
            "path": _here(data, chosen),
            "y_true": _one_or_more(y_true, several),
            "task": _task(task),
            "classes": None if classes is None else [int(c) if c.isdecimal() else c for c in classes],
            "positive": positive,
            "sensitive_features": sensitive,
        },
        model={"factory": factory, "weights": _here(weights, chosen)},
        predictions={"y_pred": _one_or_more(y_pred, several), "score": score},
        audit={"seed": seed, "sample": sample},
        report={"profile": known_profile(profile), "keep_rows": keep_rows or None},
    )
    if policy is not None:
        rules = ak.Policy.load(policy)
        words = rules.words if rules.words != ak.Policy().words else chosen.policy.words
        changed = changed.model_copy(update={"policy": rules.model_copy(update={"words": words})})
    if check:
        changed = changed.model_copy(update={"checks": tuple(Asked(name=c, where="--check") for c in check)})
    _check_place(out, name or "audit")
    command = told_command(["auditkit", *sys.argv[1:]])
    report = _run(changed, command=command, quiet=quiet, include_examples=include_examples)
    _deliver(report, out, format, quiet, file_name=name or _slug(report.name))
    raise typer.Exit(EXIT[report.outcome])


@app.command(epilog="Example: auditkit gate reports/income.json --policy auditkit.toml")
def gate(
    report: Annotated[Path, typer.Argument(help="A report.json.")],
    policy: Annotated[Path, typer.Option("--policy", help="TOML file of rules, or a preset's name.")],
    expect: Annotated[
        str | None, typer.Option("--expect", help="sha256:… that `run` printed: any other file is refused.")
    ] = None,
    quiet: Quiet = False,
) -> None:
    """Judge a stored report by a policy, from its evidence: no model, no data, no torch."""
    from auditkit import stored

    text = stored.read(report)
    stored.expected(text, expect, source=str(report))
    judged = ak.judge(ak.Report.from_json(text, source=str(report)), policy)
    if not quiet:
        _show(judged)
        print(f"\n{stored.basis(text, expect)}")
    raise typer.Exit(EXIT[judged.outcome])


@app.command("report", epilog="Example: auditkit report reports/income.json --format html --out site")
def render(
    report: Annotated[Path, typer.Argument(help="A report.json.")],
    out: Out = Path("reports"),
    name: Name = "",
    format: Formats = None,
    quiet: Quiet = False,
) -> None:
    """Write a stored report in other formats."""
    stored = ak.Report.load(report)
    _write(stored, out, format or ["html"], quiet, file_name=name or report.stem)


@app.command(epilog="Example: auditkit explain equal_opportunity_difference")
def explain(
    name: Annotated[str, typer.Argument(help="A metric, a check, or one of fairlearn's names; 'all' lists them.")],
) -> None:
    """Say what a metric or check is: definition, formula, interval, reference."""
    from auditkit.catalogue.index import METRICS, explain
    from auditkit.checks import described

    if name == "all":
        width = max(map(len, METRICS)) + 2
        for metric in METRICS.values():
            print(f"{metric.name:{width}}{metric.title}")
        return
    known = name in METRICS
    print((None if known else described(name)) or explain(name))


def main() -> None:
    """Run the command line; errors are one line with what to do, a traceback only with --debug."""
    try:
        app()
    except Exception as e:
        if "--debug" in sys.argv:
            raise
        from auditkit.wording import printable

        known = isinstance(e, ak.AuditkitError)
        text = str(e) if known else f"unexpected {type(e).__name__}: {' '.join(str(e).split())} (--debug shows where)"
        print(f"auditkit: {printable(text)}", file=sys.stderr)
        sys.exit(TROUBLE)


# ---- details


def _overridden(config: Any, **parts: dict[str, Any]) -> Any:
    """The configuration with what the flags say; flags for predictions replace a model, and the other way round."""
    given = {part: {k: v for k, v in flags.items() if v is not None and v != []} for part, flags in parts.items()}
    if given["model"] and given["predictions"]:
        raise ak.PolicyError("give either --factory (a model) or --y-pred (decisions made already), not both")
    raw = config.model_dump(exclude_none=True, exclude={"policy", "folder", "checks"})
    for part, flags in given.items():
        if flags:
            raw[part] = {**raw.get(part, {}), **flags}
    if "sample_weight" in given["data"]:
        raw["data"].pop("weights", None)
    for part, other in (("model", "predictions"), ("predictions", "model")):
        if given[part]:
            raw.pop(other, None)
    missing = [
        flag
        for part, needed in (
            ("data", {"path": "--data", "y_true": "--y-true", "sensitive_features": "--sensitive"}),
            ("model", {"factory": "--factory"}),
            ("predictions", {"y_pred": "--y-pred"}),
        )
        if part in raw or part == "data"
        for key, flag in needed.items()
        if key not in raw.get(part, {})
    ]
    if missing or not ({"model", "predictions"} & set(raw)):
        missing += [] if {"model", "predictions"} & set(raw) else ["--factory or --y-pred"]
        raise ak.PolicyError(f"still needed: {', '.join(missing)} (or a config file that says it; see auditkit run -h)")
    built = type(config)(**raw)
    return built.model_copy(update={k: getattr(config, k) for k in ("folder", "policy", "checks")})


def _kind(kind: str | None) -> str | None:
    if kind not in (None, "sampling", "frequency"):
        raise ak.PolicyError(f"--weights-kind must be sampling or frequency, got '{kind}'")
    return kind


def _one_or_more(names: list[str] | None, several: bool) -> str | list[str] | None:
    """All columns for several labels; else the last, as of any flag that is given twice."""
    return names if several or not names else names[-1]


def _task(name: str | None) -> str | None:
    from auditkit.errors import listing, nearest
    from auditkit.records import TASKS

    if name is not None and name not in TASKS:
        raise ak.PolicyError(f"unknown task '{name}'; known are {listing(TASKS)}.{nearest(name, TASKS)}")
    return name


def _here(path: str | None, config: Any) -> str | None:
    """A path of the command line is relative to where one stands, not to the config file."""
    return None if path is None else str(Path(path).resolve())


def _run(config: Any, *, command: str, quiet: bool, include_examples: int = 0) -> Report:
    from auditkit.checks import check_of

    with told_progress(quiet) as progress:
        model, data = _subject(config), _dataset(config)
        return ak.audit(
            model,
            data,
            checks=[check_of(c.name, c.options, where=c.where, folder=config.folder) for c in config.checks] or None,
            policy=config.policy if config.policy.rules or config.policy.presets else None,
            words=config.policy.words,
            sample=config.audit.sample,
            seed=config.audit.seed,
            name=config.audit.name,
            command=command,
            include_examples=include_examples,
            disclosure=config.report,
            progress=progress,
        )


def _subject(config: Any) -> Any:
    if config.predictions is not None:
        return ak.Predictions(config.predictions.y_pred, config.predictions.score)
    m = config.model
    options = {k: getattr(m, k) for k in ("task", "outputs", "threshold", "device") if getattr(m, k) is not None}
    if config.data.task is not None:
        options.setdefault("task", config.data.task)
    weights = None if m.weights is None else Path(config.folder) / m.weights
    return ak.load_model(m.factory, weights, folder=config.folder, **options)


def _dataset(config: Any) -> Any:
    d = config.data
    return ak.Dataset(
        Path(config.folder) / d.path,
        y_true=d.y_true,
        positive=d.positive,
        sensitive_features=d.sensitive_features,
        control_features=d.control_features,
        weights=d.weights,
        sample_weight=d.sample_weight,
        weights_kind=d.weights_kind,
        cluster=d.cluster,
        task=d.task or (config.model.task if config.model is not None else None) or "binary",
        classes=d.classes,
    )


def _deliver(report: Report, out: Path, formats: list[str] | None, quiet: bool, *, file_name: str) -> None:
    written = _write(report, out, formats or WRITTEN, True, file_name=file_name)
    if not quiet:
        _show(report)
        print()
        _tell(written)


def _write(report: Report, out: Path, formats: Sequence[str], quiet: bool, *, file_name: str) -> list[Path]:
    from auditkit.report.formats import FORMATS, render, write

    _check_place(out, file_name)
    texts = {f: render(report, f) for f in dict.fromkeys(formats)}
    paths = {out / f"{file_name}{FORMATS[f].suffix}": text for f, text in texts.items()}
    write(paths)
    if not quiet:
        _tell(list(paths))
    return list(paths)


def _check_place(out: Path, file_name: str) -> None:
    """Before the work, not after it: a file name that is one, in a folder that can be written."""
    if _slug(file_name) != file_name or file_name.startswith("."):
        raise ak.ReportError(f"'{file_name}' is no file name: letters, digits, '.', '_' and '-' only")
    there = next(p for p in (out, *out.absolute().parents) if p.exists())
    if not there.is_dir() or not os.access(there, os.W_OK):
        raise ak.ReportError(f"cannot write to {out}: {there} is {'not writable' if there.is_dir() else 'no folder'}")


def _tell(paths: list[Path]) -> None:
    from auditkit.stored import digest
    from auditkit.wording import printable

    for path in paths:
        kept = f"  {digest(path.read_bytes())}" if path.suffix == ".json" else ""
        print(f"{printable(str(path))}  ({path.stat().st_size / 1000:.0f} kB){kept}")


def _slug(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9._-]+", "-", name).strip("-") or "audit"


def _show(report: Report) -> None:
    from auditkit.report.terminal import print_summary

    print_summary(report, console())
