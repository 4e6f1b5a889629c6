"""The kind `measurement_group` in YAML."""

from __future__ import annotations

from pathlib import Path

import pytest
from ruamel.yaml import YAML

from ronda.devices.measurement_group.kind import KIND
from ronda.framework.config.load import check
from ronda.framework.errors import ConfigurationError

FILE = """
version: 1
beamline: {name: demo}
simulators: {instruments: {cards: {type: counter_card, channels: {1: i0, 2: diode}}, eye: {type: camera}}}
servers:
  groups:
    devices:
      MG1:
        kind: measurement_group
        counters: [ct1, i0, temperature, COUNTERS]
        disabled: [DISABLED]
  counters:
    devices:
      ct1:
        kind: counter
        driver: simulated
        address: simulator:cards
        channels: {i0: {channel: 1}, diode: {channel: 2}}
      cam:
        kind: camera
        driver: simulated
        address: simulator:eye
      sampler:
        kind: sampling
        counters: {temperature: {attribute: a/b/c/d}}
"""


def problems(folder: Path, counters: str, disabled: str = "i0") -> list[str]:
    text = FILE.replace("COUNTERS", counters).replace("DISABLED", disabled).lstrip()
    (folder / "a.yml").write_text(text)
    return [str(problem).removeprefix(f"{folder}/") for problem in check(folder, {})]


@pytest.mark.parametrize("name", ["diode", "sampler", "ct1_diode", "cam", "cam_roi1_sum"])
def test_it_names_counters_and_devices(tmp_path, name):
    assert problems(tmp_path, name) == []


@pytest.mark.parametrize(
    ("counters", "disabled", "told"),
    [
        (
            "temperture",
            "i0",
            "a.yml:9:42: MG1: item 4 of counters is 'temperture', which does not exist, must name a counter or a "
            "device; did you mean 'temperature'?",
        ),
        (
            "counters",
            "i0",
            "a.yml:9:42: MG1: item 4 of counters is 'counters', which is a server, must name a counter or a device",
        ),
        (
            "i0",
            "diod",
            "a.yml:10:20: MG1: item 1 of disabled is 'diod', which does not exist, must name a counter; did you mean "
            "'diode'?",
        ),
    ],
)
def test_what_it_names_must_be_there(tmp_path, counters, disabled, told):
    assert problems(tmp_path, counters, disabled) == [told]


def test_the_chain_names_counters_and_devices_that_are_there(tmp_path):
    chain = "i0]\n        chain: {cam: {trigger: ct1, every: 10}, diode: {every: 2}}\n        baseline: {} #"
    assert problems(tmp_path, "i0", chain) == []
    chain = "i0]\n        chain: {cma: {every: 2}, cam: {trigger: ct2}}\n        baseline: {} #"
    allowed = "which does not exist, must name a counter or a device; did you mean"
    assert problems(tmp_path, "i0", chain) == [
        f"a.yml:11:22: MG1: a name in chain is 'cma', {allowed} 'cam'?",
        f"a.yml:11:49: cam: trigger is 'ct2', {allowed} 'ct1'?",
    ]


def test_it_takes_no_driver():
    with pytest.raises(ConfigurationError, match="a measurement group takes no driver; it names counters"):
        KIND.parameters(object)


def test_what_is_disabled_is_a_run_time_setting_and_members_change_while_it_runs():
    (device,) = KIND.devices(
        "MG1", KIND.parameters(None).model_validate({"kind": "measurement_group", "counters": ["i0"]})
    )
    assert (device.settings, device.live) == ({"disabled", "chain"}, {"counters", "disabled", "chain", "baseline"})


def test_the_groups_of_the_how_to_page_are_groups():
    page = (Path(__file__).parents[3] / "docs" / "how-to" / "choose-what-is-measured.md").read_text()
    text = page.partition("```yaml\n")[2].partition("```")[0]
    devices = YAML(typ="safe").load(text)["servers"]["groups"]["devices"]
    entries = {name: KIND.parameters(None).model_validate(entry) for name, entry in devices.items()}
    assert list(entries) == ["MG1", "MG2"]
    replaced = next(block for block in page.split("```yaml\n") if block.lstrip().startswith("MG3:")).partition("```")[0]
    entry = KIND.parameters(None).model_validate(YAML(typ="safe").load(replaced)["MG3"])
    assert (entry.chain["mca"].every, entry.chain["mca"].settings) == (10, {"preset": "live"})
