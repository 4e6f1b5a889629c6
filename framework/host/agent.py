"""The host agent: brings up this host's part of a beamline, keeps it alive, takes it down; a process of its own."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
import time
from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING, Any

from ronda.framework.config.beamline import Beamline
from ronda.framework.errors import RondaError, ServiceFailed
from ronda.framework.host.housekeeping import Housekeeping
from ronda.framework.host.layout import Layout, make_layout
from ronda.framework.host.managed import Managed, ProcessPlan
from ronda.framework.host.names import AGENT, HEARTBEAT, KEEPER, SIMULATORS, TANGO_DATABASE, VIEW
from ronda.framework.host.process import Identity, identify, marked
from ronda.framework.host.report import Report
from ronda.framework.host.rings import sweep_rings
from ronda.framework.host.status import HostStatus, ProcessStatus, State, read_status
from ronda.framework.host.supervisor import Supervisor
from ronda.framework.services.folders import replace_folder
from ronda.framework.services.ports import require_free
from ronda.framework.services.tango_database import require_listening

if TYPE_CHECKING:
    from ronda.framework.host.registrar import Registrar

DATABASE_TRIES = 3
"""Attempts after which a Tango database that was found running, and does not answer, is started again."""

UNEXPORT_TIME = 3.0
"""Seconds that the Tango database has for taking note that the agent's device is gone."""

GUARD_PATIENCE = 2.0
"""Seconds that the guard of scans waits for a Redis that is away before it says so and tries again."""

PATIENCE = 30.0
"""Seconds that a returning agent waits for everything to run before it says that it is there."""


class Agent:
    """One host's agent. Its main thread supervises; the Tango face and the registration have threads of their own."""

    def __init__(self, layout: Layout, report: Report) -> None:
        """Nothing is started yet."""
        self.layout = layout
        self._report = report
        self._supervisor = Supervisor(self._changed, self._tick)
        self._stopping = ""
        self._ready = False
        self._registrar: Registrar | None = None
        self._face: threading.Thread | None = None
        self._face_ready = threading.Event()
        self._face_problem = ""
        self._guard_ends = threading.Event()
        self._first = True
        """Whether this is the start of the beamline, not the return of an agent to what runs."""
        self._housekeeping = Housekeeping(layout.folders, layout.host, self._tell_of_keeper)
        self._told: dict[str, tuple[str, str]] = {}
        self._adopted: set[str] = set()
        self._order: list[str] = []
        self._earlier: dict[str, ProcessStatus] = {}
        self._unwanted: set[str] = set()
        """What users had stopped, or failed for good, before this agent returned."""
        self._remember()
        self._own = self._own_status()

    @cached_property
    def log(self) -> Any:
        """The agent's log. Its library takes long to load: at the first line, when the services come up already."""
        from ronda.framework.host.agent_log import agent_log

        return agent_log()

    # -- the life of the agent

    def run(self) -> int:
        """Bring up, watch, take down; returns the exit status."""
        self._take_signals()
        os.environ.update(self.layout.environment())
        # the CORBA library listens on a Unix socket beside the TCP port, by default in a folder open to everybody
        os.environ["ORBunixTransportDirectory"] = str(self.layout.folders.run)  # noqa: SIM112 its spelling
        error = ""
        try:
            self.layout.folders.make_run()
            self._adopt()
            self._bring_up()
        except RondaError as failure:
            error = str(failure)
        if not error and not self._stopping:
            self._ready = True
            self._changed()
            self._report.done()
            self.log.info("ready")
            self._begin_view()
            self._start_guard()
            self._supervisor.run(lambda: bool(self._stopping))
        if error:
            self.log.error(error)
        if error and not self._first and not self._stopping:
            self._report.failed(error)
            return 1  # what runs goes on; the keeper tries again
        self._take_down()
        if error or not self._ready:
            self._report.failed(error or f"stopped ({self._stopping}) before it was up")
            return 1
        return 0

    def stop(self, why: str) -> None:
        """End supervision in order; may be called from a signal handler."""
        self._stopping = self._stopping or why
        self._supervisor.wake()

    def _remember(self) -> None:
        """Take up what an earlier agent told of its processes; restarts count only while the beamline stays up."""
        found = read_status(self.layout.folders.status)
        if found is None:
            return
        self._earlier = {process.name: process for process in found.processes}
        own = self._earlier.get(AGENT)
        returned = not self._report.wanted and own is not None and own.pid != 0
        if returned and own is not None and own.state == State.STOPPING:
            self._stopping = "an earlier agent was at it"
        for process in found.processes:
            if returned and found.ready and process.state in (State.STOPPED, State.FAILED):
                self._unwanted.add(process.name)
                continue
            process.state = State.STOPPED
            if not process.pid:
                process.restarts, process.note = 0, ""

    def _own_status(self) -> ProcessStatus:
        own = identify(os.getpid())
        status = self._earlier.get(AGENT) or ProcessStatus(AGENT, "agent", self.layout.host)
        if status.pid:  # it did not end in order
            status.restarts += 1
            status.tell(f"started again after: process {status.pid} was killed or hung")
        status.pid, status.started = os.getpid(), own.started if own else 0
        status.state, status.since = State.RUNNING, time.time()
        return status

    def _take_signals(self) -> None:
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, lambda received, _: self.stop(signal.Signals(received).name))
        signal.set_wakeup_fd(self._supervisor.wake_fd, warn_on_full_buffer=False)

    def _adopt(self) -> None:
        """Find the processes that an earlier agent left."""
        found = sorted(marked(self.layout.folders.state), key=lambda found: found[2].started)
        self._housekeeping.keeper = next((identity for _, name, identity in found if name == KEEPER), None)
        left = [(name, identity) for _, name, identity in found if name not in (KEEPER, AGENT)]
        leaders = {identity.pid for _, identity in left if identity.leader() == identity.pid}
        self._first = self._report.wanted and not leaders
        if self._first:
            self._own.restarts = 0
        plans = {plan.name: plan for plan in self._all_plans()}
        for name, identity in left:
            if identity.pid in leaders:
                self._adopt_one(name, identity, plans.get(name))
            elif identity.leader() not in leaders:
                identity.signal(signal.SIGKILL)  # what a process started that is gone

    def _adopt_one(self, name: str, identity: Identity, plan: ProcessPlan | None) -> None:
        if plan is None or name in self._adopted:
            self.log.warning("a process that should not be there is ended", name=name, pid=identity.pid)
            identity.signal(signal.SIGKILL if plan else signal.SIGTERM)
            return
        self._adopted.add(name)
        self._add(plan).adopt(identity)

    def _all_plans(self) -> list[ProcessPlan]:
        layout = self.layout
        simulators = layout.simulator_plan()
        plans = [
            *layout.service_plans(),
            *([simulators] if simulators else []),
            *(layout.server_plan(server) for server in layout.servers()),
            *([view] if (view := layout.view_plan()) else []),
        ]
        self._order = [plan.name for plan in plans]
        return plans

    def _add(self, plan: ProcessPlan) -> Managed:
        folders = self.layout.folders
        status = self._earlier.pop(plan.name, None) or ProcessStatus(plan.name, plan.kind, self.layout.host)
        process = Managed(plan, status, folders.state, folders.logs, self._face_ready.is_set)
        self._supervisor.processes[plan.name] = process
        return process

    def _bring_up(self) -> None:
        """Start everything.

        A first start that fails is a failure of the whole, and the caller undoes it. But an agent that comes back to
        a running beamline never takes it down: what fails then is tried again, as at any other time.
        """
        if self._first:
            self._check_services()
        for plan in self._all_plans():
            process = self._supervisor.processes.get(plan.name) or self._add(plan)
            if process.status.pid and process.identity is None:
                process.missing(counted=not self._first)
            process.held = plan.kind == "server" and plan.name not in self._adopted
            if plan.name not in self._unwanted and plan.name != VIEW:
                process.want(True)
        self._supervisor.turn()
        # the Tango library takes long to load: the services are coming up meanwhile
        from ronda.framework.host.registrar import Registrar

        patience = time.monotonic() + PATIENCE

        def enough(done: Callable[[], bool]) -> bool:
            return done() or (not self._first and time.monotonic() > patience)

        self._until(lambda: enough(self._database_runs))
        if self._stopping:
            return
        self._start_face()
        self._until(lambda: enough(self._face_ready.is_set))
        if self._stopping:
            return
        self._registrar = Registrar(self.layout, self._supervisor, insist=not self._first)
        servers = [name for name in self._server_names() if name not in self._adopted]
        self._registrar.begin(servers, after=self._face_ready)
        self._until(lambda: enough(self._complete))

    def _begin_view(self) -> None:
        """Start the live view when all else runs: nothing waits for it, and nothing fails because of it."""
        process = self.processes.get(VIEW)
        if process is not None and VIEW not in self._unwanted:
            process.want(True)

    def _complete(self) -> bool:
        registered = self._registrar is not None and self._registrar.done
        return registered and self._supervisor.all_running()

    def _check_services(self) -> None:
        services = self.layout.beamline.parameters.services
        if services.tango.host is not None or not self.layout.owns_services:
            require_listening(self.layout.tango_host)
        if services.redis.url is not None:
            self.layout.redis.check(dict(os.environ))
        require_free(self.layout.parameters.address, self.layout.agent_port, "the host agent")

    def _until(self, done: Callable[[], bool]) -> None:
        """Supervise until `done()`.

        Raises:
            ServiceFailed: a process failed at the first start.
        """

        def failed() -> list[str]:
            return self._problems() if self._first else []

        self._supervisor.run(lambda: bool(self._stopping) or done() or bool(failed()))
        if failed() and not self._stopping:
            raise ServiceFailed("; ".join(failed()))

    def _problems(self) -> list[str]:
        registrar = self._registrar.problem if self._registrar else ""
        return [problem for problem in (self._face_problem, registrar) if problem] + self._supervisor.failures()

    def _database_runs(self) -> bool:
        process = self._supervisor.processes.get(TANGO_DATABASE)
        return process is None or process.status.state == State.RUNNING

    def _server_names(self) -> list[str]:
        return [server.name for server in self.layout.servers()]

    def _start_guard(self) -> None:
        """Look after scans whose owner dies: their devices must not go on."""
        from ronda.framework.scan.guard import guard
        from ronda.framework.stream.stream import Stream

        access = self.layout.redis
        password = os.environ.get(access.password_name) if access.password_name else None

        def connect() -> Stream:
            return Stream.connect(access.url, user=access.user, password=password, patience=GUARD_PATIENCE)

        threading.Thread(
            target=guard,
            args=(connect, self.layout.tango_host, self._guard_ends, self.log.warning),
            name="guard of scans",
            daemon=True,
        ).start()

    # -- the Tango face

    def _start_face(self) -> None:
        from ronda.framework.host.tango_face import serve

        def ready() -> None:
            # the Tango library has taken the signals for itself: take them back, in the thread where Python wants it
            self._supervisor.request(self._take_signals)
            self._face_ready.set()

        failures: list[str] = []

        def failed(sentence: str, mute: bool) -> bool:
            failures.append(sentence)
            self.log.warning(sentence)
            if self._first:
                self._face_problem = sentence
                self._supervisor.wake()
                return False
            if mute and len(failures) >= DATABASE_TRIES:
                failures.clear()
                self._supervisor.request(lambda: self._database_is_mute(sentence))
            return True

        self._face = threading.Thread(
            target=serve, args=(self, self.layout, ready, failed), name="tango face", daemon=True
        )
        self._face.start()

    def _database_is_mute(self, sentence: str) -> None:
        """A database that this agent found running and that answers nothing."""
        process = self.processes.get(TANGO_DATABASE)
        if process is not None and process.status.state == State.RUNNING:
            process.fail(sentence)

    @property
    def stopping(self) -> bool:
        """Whether it takes everything down."""
        return bool(self._stopping)

    @property
    def supervisor(self) -> Supervisor:
        """For the Tango face, through `Supervisor.request` only."""
        return self._supervisor

    @property
    def processes(self) -> dict[str, Managed]:
        """The supervised processes by name."""
        return self._supervisor.processes

    def apply(self, beamline: Beamline, restart: set[str]) -> list[str]:
        """Take a changed configuration, which is in the folder of the proposed one; called in the Tango face's thread.

        Args:
            beamline: the new configuration.
            restart: processes that may restart for it; the others keep what they have until they do.

        Returns:
            A sentence for each thing that could not be done.
        """
        from ronda.framework.host.apply import apply_configuration

        folders = self.layout.folders
        layout = make_layout(beamline, self.layout.host, folders.config)
        problems = apply_configuration(layout, self.layout, self._supervisor, restart, self._take)
        replace_folder(folders.proposed, folders.applied)
        return problems

    def bring_in(self, name: str) -> None:
        """Let a server that somebody starts or restarts go by what was applied; called in the Tango face's thread."""
        from ronda.framework.host.apply import bring_in

        problem = bring_in(self.layout, name)
        if problem:
            self.log.warning(problem)

    def _take(self, layout: Layout) -> None:
        """Supervise by a new configuration from now on; in the supervisor's thread."""
        self.layout = layout
        for plan in self._all_plans():
            process = self.processes.get(plan.name)
            if process is None:
                self._add(plan).want(True)
            else:
                process.plan = plan

    # -- what happened, for people and for the keeper

    def status(self) -> HostStatus:
        """The state of everything on this host."""
        layout = self.layout
        view = layout.beamline.parameters.view
        return HostStatus(
            layout.beamline.name,
            layout.host,
            str(layout.folders.config),
            layout.tango_host,
            layout.redis.url,
            layout.redis.user or "",
            layout.redis.password_name or "",
            layout.agent_device,
            self._ready,
            [self._own, *(self.processes[name].status for name in self._order if name in self.processes)],
            {name: layout.agent_name(name) for name in layout.beamline.hosts if name != layout.host},
            layout.view_address(),
            view is not None and view.open_to_look,
        )

    def _changed(self) -> None:
        status = self.status()
        for process in status.processes:
            state, note = self._told.get(process.name, ("", ""))
            if (state, note) != (process.state, process.note):
                self._told[process.name] = (process.state, process.note)
                self.log.info(process.note if process.note != note else process.state.lower(), name=process.name)
                self._report.progress(process)
        with contextlib.suppress(OSError):
            # a full disk must not end the supervision; the next change tries again
            status.write(self.layout.folders.status)

    def _tick(self) -> None:
        self._housekeeping.tick(keep_keeper=not self._stopping)

    def _tell_of_keeper(self, sentence: str) -> None:
        self._own.tell(sentence)
        self._changed()

    # -- the end

    def _take_down(self) -> None:
        """Stop servers first, what they stand on next, the Tango database last."""
        self._guard_ends.set()
        self._own.state = State.STOPPING
        self._changed()
        services = [plan.name for plan in self.layout.service_plans() if plan.name != TANGO_DATABASE]
        processes = self._supervisor.processes
        servers = [name for name, process in processes.items() if process.plan.kind in ("server", VIEW)]
        self._supervisor.stop_all(20.0, [servers])
        sweep_rings(self.layout.redis, os.environ)
        self._supervisor.stop_all(10.0, [[SIMULATORS, *services]])
        # the Tango database goes last: each server tells it that its devices are gone
        if self._face_ready.is_set():
            from ronda.framework.host.tango_face import unexport

            # beside the supervision: it takes long when the database hangs
            telling = threading.Thread(target=unexport, name="unexport", daemon=True)
            telling.start()
            patience = time.monotonic() + UNEXPORT_TIME
            self._supervisor.run(lambda: not telling.is_alive() or time.monotonic() > patience)
        self._supervisor.stop_all(10.0, [[TANGO_DATABASE]])
        self.layout.folders.remove_run()
        self._own.state, self._own.pid, self._own.since = State.STOPPED, 0, 0.0
        self._own.tell(f"stopped ({self._stopping})" if self._stopping else "stopped: it could not start")
        self._ready = False
        self._changed()
        (self.layout.folders.state / HEARTBEAT).unlink(missing_ok=True)
