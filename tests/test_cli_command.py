"""The command in a report: secrets are hidden, and paths outside the working folder are names."""

from __future__ import annotations

from pathlib import Path

import pytest

from auditkit.cli.command import told_command

HERE = Path("/srv/work")


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (["--token", "abc"], "--token '***'"),
        (["--password=abc"], "'--password=***'"),
        (["--api-key", "abc", "--seed", "3"], "--api-key '***' --seed 3"),
        (["HF_TOKEN=abc"], "'HF_TOKEN=***'"),
        (["AWS_SECRET_ACCESS_KEY=abc"], "'AWS_SECRET_ACCESS_KEY=***'"),
        (["--token", "--quiet"], "--token --quiet"),
        (["--weights-key", "model"], "--weights-key model"),
        (["--data", "/home/jo/rows.csv"], "--data rows.csv"),
        (["--data=/home/jo/rows.csv"], "--data=rows.csv"),
        (["--data", "/srv/work/in/rows.csv"], "--data in/rows.csv"),
        (["--data", "../jo/rows.csv"], "--data rows.csv"),
        (["--data", "in/../../jo/rows.csv"], "--data rows.csv"),
        (["--data", "in/../rows.csv"], "--data rows.csv"),
        (["--data", "~/jo/rows.csv"], "--data rows.csv"),
        (["--data", "C:\\Users\\jo\\rows.csv"], "--data rows.csv"),
        (["--data", "file:///home/jo/rows.csv"], "--data rows.csv"),
        (["--data", "s3://jo:abc@bucket/rows.csv"], "--data s3://bucket/rows.csv"),
        (["--factory", "income.model:build", "--sensitive", "sex"], "--factory income.model:build --sensitive sex"),
        (["--factory", "/home/jo/net.py:build"], "--factory net.py:build"),
        (["--positive", ">50K"], "--positive '>50K'"),
    ],
)
def test_the_command_tells_no_secret_and_no_foreign_path(given: list[str], expected: str) -> None:
    assert told_command(given, folder=HERE) == expected
