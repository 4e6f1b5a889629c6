"""The keys of a pipeline: where a Dask cluster may be, and what does not go together."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from ronda.devices.analysis_pipeline.parameters import AnalysisPipelineParameters
from ronda.framework.analysis.live.options import DaskPlace

STAGES = [{"stage": "beam"}]


def made(**keys: Any) -> AnalysisPipelineParameters:
    return AnalysisPipelineParameters.model_validate({"kind": "analysis_pipeline", "stages": STAGES, **keys})


@pytest.mark.parametrize("address", ["tcp://127.0.0.1:8786", "tcp://localhost:1", "tcp://[::1]:8786", "tls://far:8786"])
def test_one_line_names_a_scheduler(address: str) -> None:
    parameters = made(dask=address)
    assert parameters.dask_place(Path("/yaml")) == DaskPlace(address)
    again = AnalysisPipelineParameters.model_validate(parameters.model_dump(mode="json"))  # as the database keeps it
    assert again.dask_place(Path("/yaml")) == DaskPlace(address)


def test_files_for_tls_are_in_the_folder_of_the_yaml_files() -> None:
    told = {"address": "tls://far:8786", "ca": "ca.pem", "certificate": "/etc/me.pem", "key": "me.key"}
    place = made(dask=told).dask_place(Path("/yaml"))
    assert place == DaskPlace("tls://far:8786", "/yaml/ca.pem", "/etc/me.pem", "/yaml/me.key")


@pytest.mark.parametrize(
    ("keys", "sentence"),
    [
        ({"dask": "tcp://10.0.0.3:8786"}, "tcp:// is for this host alone"),
        ({"dask": "10.0.0.3:8786"}, "a Dask scheduler is at tls://HOST:PORT or tcp://127.0.0.1:PORT"),
        ({"dask": "tls://far"}, "a Dask scheduler is at tls://HOST:PORT or tcp://127.0.0.1:PORT"),
        ({"dask": "tls://far:8786", "workers": 2}, "give one of the two"),
        ({"dask": {"address": "tls://far:8786", "key": "me.key"}}, "certificate and key go together"),
        ({"dask": {"address": "tcp://127.0.0.1:8786", "ca": "ca.pem"}}, "takes no certificates"),
    ],
)
def test_what_cannot_be_is_refused(keys: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ValidationError, match=sentence):
        made(**keys)
