"""What YAML may say of a scan session and its suspenders."""

from __future__ import annotations

from pathlib import Path

import pytest

from ronda.framework.config.load import check

FILE = """
version: 1
beamline: {{name: test}}
servers:
  control:
    devices:
      sampler: {{kind: sampling}}
      session:
        kind: scan_session
        suspenders:
          beam: {{{keys}}}
"""


@pytest.mark.parametrize(
    ("keys", "sentence"),
    [
        ("device: sampler, attribute: State, equals: ON", ""),
        ("address: sys/tg_test/1, attribute: double_scalar, above: 1, below: 2", ""),
        ("device: sampel, attribute: State, equals: ON", "which does not exist"),
        ("attribute: State, equals: ON", "needs `device` or `address`, and not both"),
        ("device: sampler, attribute: State", "needs `equals`, `above` or `below`"),
        ("device: sampler, attribute: State, above: 3, below: 2", "nothing is above 3 and below 2"),
        ("device: sampler, attribute: a/b, equals: 1", "the name of a Tango attribute"),
        ("device: sampler, attribute: State, equals: 1, settel: 1", "did you mean 'settle'?"),
    ],
)
def test_suspenders_are_checked_with_the_configuration(tmp_path: Path, keys: str, sentence: str) -> None:
    (tmp_path / "beamline.yml").write_text(FILE.format(keys=keys))
    problems = [str(problem) for problem in check(tmp_path, {})]
    if sentence:
        assert len(problems) == 1
        assert sentence in problems[0]
    else:
        assert problems == []
