"""What one script needs in order to run as a job, in plain data.

The codemods fill a ``JobPlan``; ``submission.py`` turns it into ``submit_job.py`` and the reports show it.
Nothing here knows of syntax trees. Paths are relative to the working directory, with ``/`` between
their parts, unless a field says otherwise.
"""

from __future__ import annotations

from dataclasses import field

from mljob_codemod.lazy_dataclass import dataclass


@dataclass(frozen=True)
class Evidence:
    """A place in the source that a choice rests on; ``what`` is the code seen there."""

    path: str
    line: int
    what: str


@dataclass(frozen=True)
class Entry:
    """How the script starts its work (the forms are those of the JSON contract)."""

    form: str
    line: int
    callee: str | None = None
    returns_value: bool | None = None


@dataclass(frozen=True)
class OutputArgument:
    """An option, or positional, whose value is a path that the run writes results to.

    ``passed`` is the argument that the submission passes for it, ``$MLRS_STAGE_RESULT_PATH`` included,
    where the source declares no default that could be moved (empty otherwise). For a positional
    ``position`` is its index among the positionals.
    """

    option: str
    dest: str
    path: str
    line: int
    kind: str
    default: str | None = None
    required: bool = False
    passed: tuple[str, ...] = ()
    position: int | None = None


@dataclass(frozen=True)
class PathUse:
    """A call that writes or reads a path the source fixes (``hardcoded_outputs``, ``local_inputs``)."""

    path: str
    line: int
    call: str
    target: str


@dataclass(frozen=True)
class Package:
    """A third-party import in the script's reach and the distribution that provides it."""

    import_name: str
    distribution: str | None
    status: str
    path: str
    line: int
    optional: bool = False
    image_version: str | None = None
    """Its version in the image, or its versions where the job may get one of several images."""
    guessed: bool = False
    """Nothing but the import's name speaks for the distribution: it is not installed."""


@dataclass(frozen=True)
class Install:
    """A line of ``pip_requirements`` and why it is there. ``pinned_by`` is the place its version comes from."""

    requirement: str
    distribution: str
    reason: Evidence
    pinned_by: str | None = None


@dataclass(frozen=True)
class SentFile:
    """A file of the payload, relative to its root."""

    path: str
    bytes: int


@dataclass(frozen=True)
class Payload:
    """What travels to the job; ``left_out`` is what of the folder does not, relative to the root."""

    files: int = 0
    bytes: int = 0
    largest: tuple[SentFile, ...] = ()
    left_out: tuple[str, ...] = ()


@dataclass(frozen=True)
class Image:
    """The runtime image that packages were compared with; None: of every kind, for every Python."""

    runtime: str
    kind: str | None = None
    python: str | None = None


@dataclass(frozen=True)
class Service:
    """An outside service that the run contacts with its default options.

    ``certain`` is False where that depends on a value that the source does not fix; ``integration`` is what the
    settings name for the service.
    """

    service: str
    hosts: tuple[str, ...]
    path: str
    line: int
    what: str = ""
    certain: bool = True
    integration: str | None = None


def suggested_integration(service: str) -> str:
    """The name of an integration for a service that has none."""
    return f"{service}_access"


@dataclass(frozen=True)
class ModelSize:
    """A model that the source names, and the GPU memory it takes, with the ``arithmetic``."""

    model: str
    parameters: float
    gib: float
    arithmetic: str
    path: str
    line: int


@dataclass(frozen=True)
class Family:
    """An instance family that would do on ``cloud``; ``credits`` an hour are None where not known."""

    cloud: str
    name: str
    gpus: int
    gpu_memory: int
    credits: float | None = None
    on_request: bool = False


@dataclass(frozen=True)
class Distribution:
    """What the way a script distributes its work means for a job.

    ``launcher`` usually starts such a script; ``launches`` are the commands found beside the code. With
    ``own_nodes`` the script's code on the first node uses the others too; with ``every_node`` it is
    written to run on each of them at once.
    """

    one_node: str
    more_nodes: str
    own_nodes: bool = False
    every_node: bool = False
    launcher: str | None = None
    reasons: tuple[Evidence, ...] = ()
    launches: tuple[Evidence, ...] = ()


@dataclass(frozen=True)
class Compute:
    """What the job should run on, and why. ``gpu`` is None while nothing has looked.

    ``gpu_use`` is required, optional (one is used where there is one), off (named, but not used by default)
    or none.
    """

    gpu: bool | None = None
    instance_family: str | None = None
    compute_pool: str | None = None
    nodes: int = 1
    reasons: tuple[Evidence, ...] = ()
    gpu_use: str = "none"
    model: ModelSize | None = None
    families: tuple[Family, ...] = ()
    """The smallest family that would do on each cloud; ``instance_family`` is that of AWS."""


@dataclass(frozen=True)
class EnvVar:
    """An environment variable that the settings give the job; ``read`` is where the source reads it."""

    name: str
    value: str
    read: Evidence | None = None


@dataclass(frozen=True)
class Import:
    """A local module or package outside the payload that is sent along.

    ``path`` is relative to the working directory, ``name`` what it is imported as.
    """

    path: str
    name: str


@dataclass(frozen=True)
class Net:
    """Whether the job is started through the job entry, and the places whose files need that."""

    used: bool = False
    reasons: tuple[Evidence, ...] = ()


@dataclass(frozen=True)
class RemoteFunction:
    """A function that the job calls, instead of running the script.

    ``module`` is where the job finds it; ``imports`` are the files and folders that are sent, each with its name for
    imports. ``parameters`` are told with whether they must be given; ``session`` is the one that takes a session.
    """

    name: str
    line: int
    module: str
    imports: tuple[tuple[str, str], ...]
    parameters: tuple[tuple[str, bool], ...] = ()
    session: str | None = None


@dataclass
class JobPlan:
    """All that is known of one job. ``script`` names it; ``root`` is the folder that becomes the payload.

    ``entrypoint`` is the script relative to ``root``; ``method`` is ``submit_file``, ``submit_directory``,
    ``submit_from_stage`` where the code lies on a stage, in ``source``, or ``remote`` for a single function.
    """

    script: str
    root: str
    entrypoint: str
    method: str = "submit_file"
    cli: str = "none"
    entry: Entry = field(default_factory=lambda: Entry("toplevel", 1))
    compute: Compute = field(default_factory=Compute)
    packages: list[Package] = field(default_factory=list)
    pip_requirements: list[str] = field(default_factory=list)
    installs: list[Install] = field(default_factory=list)
    """The same lines with their reasons, in the same order."""
    requirements_file: str | None = None
    """The payload's own ``requirements.txt``, which the job installs before the script starts."""
    file_needs_index: bool = False
    """Whether installing that file asks a package index: something is not in the image as it is wanted."""
    payload: Payload = field(default_factory=Payload)
    image: Image = field(default_factory=lambda: Image("unknown"))
    services: list[Service] = field(default_factory=list)
    external_access_integrations: list[str] = field(default_factory=list)
    """Those that the settings name for the services, and for the installation of packages."""
    output_arguments: list[OutputArgument] = field(default_factory=list)
    hardcoded_outputs: list[PathUse] = field(default_factory=list)
    local_inputs: list[PathUse] = field(default_factory=list)
    present: list[str] = field(default_factory=list)
    """Other paths of the project that a run uses where they are there: downloads, what it could do without, arguments of
    the settings."""
    local_modules: list[str] = field(default_factory=list)
    local_imports: list[Evidence] = field(default_factory=list)
    """Where each local module is first imported; ``what`` is the module's path."""
    distributed: str = "none"
    distribution: Distribution | None = None
    query_warehouse: str | None = None
    min_instances: int | None = None
    env_vars: list[EnvVar] = field(default_factory=list)
    imports: list[Import] = field(default_factory=list)
    net: Net = field(default_factory=Net)
    source: str | None = None
    remote: RemoteFunction | None = None
    sessions: list[Evidence] = field(default_factory=list)
    cloud_env: list[Evidence] = field(default_factory=list)
    script_options: list[str] = field(default_factory=list)
    """Every option string the script declares (``--seed``, ``-o``): the launcher's parser must not take them."""
    returns: bool = False
    """Whether ``job.result()`` will have a value once the fixes are applied."""

    @property
    def parallel(self) -> bool:
        """Whether the script is started on every node of the job at once; a function never is."""
        several = self.compute.nodes > 1 and self.remote is None
        return several and self.distribution is not None and self.distribution.every_node

    @property
    def needs_index(self) -> bool:
        """Whether the job's start asks a package index."""
        return self.file_needs_index or bool(self.pip_requirements)
