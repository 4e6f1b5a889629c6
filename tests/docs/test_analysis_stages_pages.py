"""The pages of ready stages: each stage, input, output name and parameter of theirs is there; the examples are taken."""

from __future__ import annotations

import re
from pathlib import Path

from ruamel.yaml import YAML

from ronda.framework.analysis.finding import find_stage, ready_stages
from ronda.framework.analysis.pipeline import Pipeline, Step

DOCS = Path(__file__).parents[2] / "docs"
PAGE = (DOCS / "reference" / "analysis-stages.md").read_text()
HOW_TO = (DOCS / "how-to" / "analyse-while-you-measure.md").read_text()


def test_each_ready_stage_has_a_section_that_names_its_inputs_and_parameters() -> None:
    sections = dict(re.findall(r"^## (\w+)\n(.*?)(?=^## |\Z)", PAGE, re.MULTILINE | re.DOTALL))
    head = PAGE.partition("\n## ")[0]
    assert set(ready_stages()) == set(sections) - {"Orders"}
    for name in ready_stages():
        stage = find_stage(name)
        told = sections[name] + head
        for each in [*(one.name for one in stage.inputs), *stage.parameters_model.model_fields]:
            assert f"`{each}`" in told, f"{each} of {name}"


def test_the_examples_are_pipelines() -> None:
    examples = re.findall(r"^```yaml\n(.*?)^```", HOW_TO, re.MULTILINE | re.DOTALL)
    assert len(examples) == 6
    for example in examples:
        ((name, told),) = YAML(typ="safe").load(example).items()
        assert told["kind"] == "analysis_pipeline"
        pipeline = Pipeline(
            name,
            [Step(one["stage"], inputs=one["inputs"], parameters=one.get("parameters", {})) for one in told["stages"]],
        )
        for step in pipeline.steps:
            assert set(step.inputs) <= {one.name for one in find_stage(step.stage).inputs}
