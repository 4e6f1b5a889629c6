"""What is said of a wrong `store` in YAML."""

from __future__ import annotations

from pathlib import Path

import pytest

from ronda.framework.config.load import check

URL = "postgresql://USER@HOST:PORT/DATABASE"

WRONG = {
    "{database: 'mysql://host/hdb'}": f"store.database is 'mysql://host/hdb', must be {URL}",
    "{database: 'postgresql://me@host'}": f"store.database is 'postgresql://me@host', must be {URL}",
    "{database: 'postgresql://me@host:70000/hdb'}": f"must be {URL} (Port out of range 0-65535)",
    "{database: 'postgresql://me:swordfish@host/hdb'}": "is 'postgresql://me:…@host/hdb', must have no password: write "
    "'password: ${NAME}' beside it, and set that environment variable",
    "{database: 'postgresql://me@host/hdb?password=swordfish'}": "hdb?password=…', must have no password",
    "{database: 'postgresql://me@host/hdb', password: swordfish}": "store.password is written in the file",
    "{databse: 'postgresql://me@host/hdb'}": "unknown key 'databse' in store, allowed are database, password and space; "
    "did you mean 'database'?",
    "{database: 'postgresql://me@host/hdb'}, keep: [{readings: 3}]": "keep is for files; how long a database keeps",
}


def problems(folder: Path, store: str) -> str:
    (folder / "a.yml").write_text(
        "version: 1\nbeamline: {name: demo}\nservers:\n  archive:\n    devices:\n"
        f"      log: {{kind: data_logger, rules: [{{beamline: demo}}], store: {store}}}\n"
    )
    return "\n".join(map(str, check(folder, {"HDB": "swordfish"})))


@pytest.mark.parametrize("store", WRONG)
def test_a_wrong_store_is_said_in_a_sentence_without_its_password(store: str, tmp_path: Path) -> None:
    said = problems(tmp_path, store)
    assert WRONG[store] in said
    assert "a.yml:6:" in said
    assert "swordfish" not in said


def test_a_right_store_is_taken(tmp_path: Path) -> None:
    assert not problems(tmp_path, "{database: 'postgresql://me@host:5432/hdb?sslmode=require', password: '${HDB}'}")
    assert not problems(tmp_path, "{database: 'postgresql://me@/hdb?host=/run/postgresql', space: 2}")
