"""The kind `writer`: saves scans from the stream into NeXus files."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar

from pydantic import AfterValidator, model_validator

from ronda.devices.driver import marked_keys
from ronda.framework.config.kinds import DeviceParameters, TangoDevice
from ronda.framework.config.parameters import Parameters, parameter
from ronda.framework.errors import ConfigurationError
from ronda.framework.nexus.paths import (
    DATASET_TEMPLATE,
    FIELDS,
    IN_PROPOSALS,
    PROPOSAL_TEMPLATE,
    SCAN_TEMPLATE,
    Templates,
    check_template,
    require_own_folders,
)


def _check_template(template: str) -> str:
    try:
        check_template(template)
    except ConfigurationError as error:
        raise ValueError(str(error)) from error
    return template


Template = Annotated[str, AfterValidator(_check_template)]


def _check_attribute(name: str) -> str:
    device, _, attribute = name.rpartition("/")
    if not device or not attribute or set(name) & set("*? "):
        raise ValueError("must be DEVICE/ATTRIBUTE, such as oven/Input")
    return name


Attribute = Annotated[str, AfterValidator(_check_attribute)]


class ProposalPaths(Parameters):
    """Where the files of scans go that belong to a proposal; the folders are those of ESRF."""

    scan_path: Template = parameter(
        "Path of a scan's file below the data root; a folder names {proposal}, {proposal_session}, {collection} and "
        "{dataset}",
        IN_PROPOSALS[0],
    )
    dataset_path: Template = parameter(
        "Path of the file that links to all scans of a dataset; empty for none", IN_PROPOSALS[1]
    )
    proposal_path: Template = parameter(
        "Path of the file that links to all datasets of a proposal; empty for none", IN_PROPOSALS[2]
    )

    @model_validator(mode="after")
    def _own_folders(self) -> ProposalPaths:
        try:
            require_own_folders(self.templates())
        except ConfigurationError as error:
            raise ValueError(str(error)) from error
        return self

    def templates(self) -> Templates:
        """The same for the writer."""
        return Templates(self.scan_path, self.dataset_path, self.proposal_path)


class WriterParameters(DeviceParameters):
    """A writer. Several of them, with the same data root and paths, share the scans."""

    data_root: str = parameter(
        "Folder below which all files go; relative to the folder of the YAML files, `~` is the home", "data"
    )
    detector_roots: list[str] = parameter(
        "Further folders below which detectors write files of their own, to which scans' files link; relative to the "
        "folder of the YAML files. The data root is always one",
        default_factory=list,
    )
    scan_path: Template = parameter(
        f"Path of a scan's file below the data root; fields in braces are {', '.join(FIELDS)}; "
        "a part that becomes empty is left out",
        SCAN_TEMPLATE,
    )
    dataset_path: Template = parameter(
        "Path of the file that links to all scans of a dataset; empty for none", DATASET_TEMPLATE
    )
    proposal_path: Template = parameter(
        "Path of the file that links to all datasets of a proposal; empty for none", PROPOSAL_TEMPLATE
    )
    in_proposals: ProposalPaths = parameter(
        "The same for scans that belong to a proposal, see `newproposal`", default_factory=ProposalPaths
    )
    minimum_free: float = parameter(
        "Space that stays free on the disk: when writing would need it, the data waits in memory",
        100.0,
        unit="MB",
        ge=0,
    )
    slow_control: list[Attribute] = parameter(
        "Attributes DEVICE/ATTRIBUTE whose archived values over the time of each scan are added to it, in a file of "
        "their own to which the scan's file leads; the data logger must keep them",
        default_factory=list,
    )
    logger: str = parameter(
        "Name of the data logger that is asked for them", "", form="a name in YAML, or a Tango name"
    )
    file_mode: str = parameter(
        "Permissions of the files in octal, such as `0640`; who may read them may enter the folders. Empty leaves the "
        "system's",
        "",
        pattern="^(0?[0-7]{3})?$",
        form="three octal digits, such as 0640, or nothing",
    )
    group: str = parameter(
        "Group of files and folders; `{session}` and `{proposal}` stand for the scan's. Empty leaves the system's",
        "",
    )
    owner: str = parameter(
        "User to whom files and folders are given; `{session}` and `{proposal}` stand for the scan's. Only a writer "
        "that runs as root, or with the capabilities for it, can do this. Empty leaves them with the writer",
        "",
    )

    @model_validator(mode="after")
    def _somebody_to_ask(self) -> WriterParameters:
        if self.slow_control and not self.logger:
            raise ValueError("slow_control needs logger, the name of the data logger that keeps these attributes")
        return self


class WriterKind:
    """How a writer declares itself to the configuration."""

    summary: ClassVar[str] = "A writer, which saves scans from the stream into NeXus files"
    contract: ClassVar[type[Any] | None] = None

    def parameters(self, driver: type[Any] | None) -> type[DeviceParameters]:
        """Its keys.

        Raises:
            ConfigurationError: a driver is given.
        """
        if driver is not None:
            raise ConfigurationError("a writer takes no driver")
        return WriterParameters

    def devices(self, name: str, entry: DeviceParameters) -> list[TangoDevice]:
        """The writer."""
        return [
            TangoDevice(
                name,
                "writer",
                "NexusWriter",
                "ronda.devices.writer.writer:WriterDevice",
                {"name": name, **entry.model_dump(mode="json")},
                live=marked_keys(type(entry), "live"),
            )
        ]


KIND = WriterKind()
