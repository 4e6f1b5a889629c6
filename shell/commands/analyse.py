"""`ronda analyse`: a pipeline of live analysis on files of scans."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from ronda.framework.config.load import load_beamline
from ronda.framework.errors import NotFound
from ronda.framework.host import control

KIND = "analysis_pipeline"


def analyse(
    pipeline: Annotated[str, typer.Argument(help="Name of the pipeline in the YAML files")],
    files: Annotated[list[Path], typer.Argument(help="Files of scans")],
    beamline: Annotated[
        str | None,
        typer.Option("--beamline", "-b", help="Folder of the YAML files, or name of a beamline that is running"),
    ] = None,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="File for the results of one scan")] = None,
) -> None:
    """Compute the results of a pipeline again from the files of scans, into files beside them."""
    from ronda.framework.analysis.files import analyse as run
    from ronda.framework.analysis.live.options import Options
    from ronda.framework.analysis.pipeline import Pipeline, Step

    folder = Path(beamline) if beamline and Path(beamline).is_dir() else Path(control.select(beamline).status.config)
    os.environ["RONDA_CONFIG_FOLDER"] = str(folder.resolve())  # files that YAML names lie there
    loaded = load_beamline(folder, os.environ)
    entries = {one.name: one.entry for server in loaded.servers.values() for one in server.devices}
    known = [name for name, entry in entries.items() if entry.kind == KIND]
    if pipeline not in known:
        raise NotFound(f"{pipeline}: {loaded.name} has no such pipeline; it has {', '.join(known) or 'none'}")
    if output is not None and len(files) > 1:
        raise NotFound("--output is for one file; without it the results lie beside each")
    told = entries[pipeline].model_dump()
    made = Pipeline(pipeline, [Step(**one) for one in told["stages"]], folder)
    for file in files:
        found = run(made, file, Options(told["mode"], told["every"]), output)
        typer.echo(f"{found.file}: {found.points} points")
        for problem in found.problems[:10]:
            typer.echo(f"  {problem}")
        if len(found.problems) > 10:
            typer.echo(f"  and {len(found.problems) - 10} more")
