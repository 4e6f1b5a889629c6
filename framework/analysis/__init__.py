"""Live analysis: stages that compute results of a scan while it runs, or of its file afterwards, by the same code.

A stage is a plain function with the decorator `stage`, or a class derived from `PointStage` or `Stage`. It says what
it takes (`Input`), gives (`Output`) and can be told (`Parameters`); a pipeline is a list of stages, in which outputs of
one are inputs of the next. Needs neither Tango nor Redis; docs/reference/analysis.md tells all.
"""

from ronda.framework.analysis.functions import stage
from ronda.framework.analysis.stage import Input, Output, Points, PointStage, Results, Setting, Stage
from ronda.framework.config.parameters import Parameters, parameter

__all__ = [
    "Input",
    "Output",
    "Parameters",
    "PointStage",
    "Points",
    "Results",
    "Setting",
    "Stage",
    "parameter",
    "stage",
]
