"""The coordinator: SuperLink, SuperExec and ServerApp as processes of their own, and the front before them.

    devices ── TLS ─► front (this process) ─► SuperLink (loopback) ◄─ ServerApp: the rounds
                                                    ▲
                                        SuperExec ──┘ starts the ServerApp, with a secret

Whatever of it dies is started again. What must not be lost, the log of rounds, is the ServerApp's own: Flower
takes no run up again, so a new run goes on where the log ends. Children end with this process (`part`).
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from threading import Event

import psutil

from federation.flower.certificates import Certificates, ensure_certificates, write_private
from federation.flower.errors import CarrierError, Unreachable
from federation.flower.flower_api import ControlApi, require_release
from federation.flower.front import Front, FrontServer
from federation.flower.invite import Invite, new_pass

_START_S = 60.0
_LOOK_S = 0.3
# A ServerApp that has not shown up after this long is taken for dead.
_APP_START_S = 60.0
_LONGEST_PAUSE_S = 30.0
_LOG_LIMIT = 5 << 20
_KILL_S = 5.0
ALIVE = "serverapp.json"
_SOURCE = Path(__file__).resolve().parents[2]


@dataclass(frozen=True, slots=True)
class HostFiles:
    """Everything a coordinator keeps, in one folder of mode 0700."""

    folder: Path

    def __post_init__(self) -> None:
        for folder in (self.folder, self.flower):
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            folder.chmod(0o700)

    @property
    def flower(self) -> Path:
        return self.folder / "flower"

    @property
    def secret(self) -> Path:
        return self.folder / "superexec.secret"

    @property
    def passes(self) -> Path:
        return self.folder / "invite.pass"

    @property
    def alive(self) -> Path:
        return self.folder / ALIVE

    def certificates(self, hosts: tuple[str, ...]) -> Certificates:
        return ensure_certificates(self.folder / "tls", hosts)

    def invite_pass(self) -> bytes:
        """The pass that is in every invite to this task; made once."""
        if not self.passes.exists():
            write_private(self.passes, new_pass())
        return self.passes.read_bytes()


class Host:
    """Runs a coordinator until told to stop. Raises WrongRelease, and Unreachable when it cannot start."""

    def __init__(
        self,
        files: HostFiles,
        app: Mapping[str, bytes],
        task: bytes,
        task_digest: bytes,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        names: tuple[str, ...] = (),
        register: Callable[[bytes], bytes | None] = lambda body: body,
        on_event: Callable[[str], None] = lambda what: None,
    ) -> None:
        """`app` is the ServerApp's files; `task` the manifest that devices read, `task_digest` its hash (32).

        host, port: where devices come in; port 0 is any free one. names: further names and addresses that
        devices may use for this machine. register: reads the body of an enrolment, keeps what the rounds need
        of it and returns the node's public key (PEM), or None to refuse.
        """
        require_release()
        self._files = files
        self._app = app
        self._register = register
        self._tell = on_event
        given = tuple(name for name in (host, *names) if name not in ("0.0.0.0", "::"))
        self._certificates = files.certificates(given)
        self._digest = task_digest
        if not files.secret.exists():
            write_private(files.secret, secrets.token_hex(32).encode("ascii"))
        # One port for the life of this process, so that the front always knows where to look.
        self._inner = f"127.0.0.1:{_free_port()}"
        self._control: ControlApi | None = None
        self._front = FrontServer(
            Front(self._inner, self._certificates, files.invite_pass(), task, self._enrol),
            self._certificates,
            host,
            port,
        )
        self._address = (given or ("127.0.0.1",))[-1 if names else 0]
        self._parts: dict[str, subprocess.Popen[bytes]] = {}
        self._run_id: int | None = None
        self._run_started = 0.0

    @property
    def invite(self) -> Invite:
        """How to get in; right once `run` has called `on_event("open")`."""
        address = f"[{self._address}]" if ":" in self._address else self._address
        return Invite(
            f"{address}:{self._front.port}",
            self._certificates.fingerprint(),
            self._digest,
            self._files.invite_pass(),
        )

    def run(self, stop: Event) -> None:
        """Start everything, and again whatever dies, until `stop` is set."""
        pause = _LOOK_S
        try:
            self._front.start()
            self._tell("open")
            while not stop.is_set():
                try:
                    self._look()
                    pause = _LOOK_S
                except CarrierError:
                    self._end_parts()
                    pause = min(2 * pause, _LONGEST_PAUSE_S)
                stop.wait(pause)
        finally:
            self._front.stop()
            self._end_parts()

    def _look(self) -> None:
        """Start what is missing. One part's end takes the parts that depend on it along."""
        for log in self._files.flower.glob("*.log"):
            # Flower logs every request.
            if log.stat().st_size > _LOG_LIMIT:
                os.truncate(log, 0)
        if not self._lives("superlink"):
            self._end_parts()
            self._start_superlink()
        if not self._lives("superexec"):
            self._end_app()
            self._start_superexec()
        if self._run_id is None or not self._app_lives():
            self._end_app()
            assert self._control is not None
            self._files.alive.unlink(missing_ok=True)
            self._run_id = self._control.start(self._app)
            self._run_started = time.monotonic()
            self._tell("rounds")

    def _start_superlink(self) -> None:
        tls = self._certificates
        host, _, port = self._inner.rpartition(":")
        self._start(
            "superlink", "flower-superlink", "--host", host, "--port", port,
            "--ssl-ca-certfile", str(tls.authority), "--ssl-certfile", str(tls.server),
            "--ssl-keyfile", str(tls.server_key), "--enable-supernode-auth",
            "--database", str(self._files.flower / "superlink.db"),
            "--isolation", "process", "--superexec-auth-secret-file", str(self._files.secret),
            "--disable-runtime-dependency-installation",
        )  # fmt: skip
        end = time.monotonic() + _START_S
        while not _answers(host, int(port)):
            if not self._lives("superlink") or time.monotonic() > end:
                raise Unreachable("the SuperLink did not start")
            time.sleep(0.1)
        self._control = ControlApi(self._inner, tls.authority.read_bytes())
        (self._files.flower / "superlink.db").chmod(0o600)
        self._tell("superlink")

    def _start_superexec(self) -> None:
        self._start(
            "superexec", "flower-superexec", "--root-certificates", str(self._certificates.authority),
            "--runtime-api-address", self._inner,
            "--superexec-auth-secret-file", str(self._files.secret),
        )  # fmt: skip
        self._tell("superexec")

    def _start(self, name: str, command: str, *arguments: str) -> None:
        log = self._files.flower / f"{name}.log"
        environment = {
            **os.environ,
            "FLWR_HOME": str(self._files.flower),
            # SuperExec starts the ServerApp by its bare name.
            "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")]),
            # The ServerApp has to be the code that runs here, also from a checkout.
            "PYTHONPATH": os.pathsep.join([str(_SOURCE), os.environ.get("PYTHONPATH", "")]).rstrip(
                os.pathsep
            ),
        }
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND
        with os.fdopen(os.open(log, flags, 0o600), "wb") as output:
            self._parts[name] = subprocess.Popen(
                [sys.executable, "-m", "federation.flower.part", str(os.getpid()), command, *arguments],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=environment,
                start_new_session=True,
            )

    def _lives(self, name: str) -> bool:
        part = self._parts.get(name)
        return part is not None and part.poll() is None

    def _app_lives(self) -> bool:
        process = self._app_process()
        return process is not None or (
            not self._files.alive.exists() and time.monotonic() - self._run_started < _APP_START_S
        )

    def _app_process(self) -> psutil.Process | None:
        """The ServerApp, which says who it is in a file; its birth tells it from a later process."""
        try:
            said = json.loads(self._files.alive.read_text(encoding="ascii"))
            process = psutil.Process(said["pid"])
            born = process.create_time()
        except (OSError, ValueError, KeyError, TypeError, psutil.Error):
            return None
        is_it = abs(born - said["born"]) < 1.0 and process.status() != psutil.STATUS_ZOMBIE
        return process if is_it else None

    def _end_app(self) -> None:
        self._run_id = None
        process = self._app_process()
        if process is None:
            return
        with contextlib.suppress(psutil.Error):
            process.kill()
        end = time.monotonic() + _KILL_S
        while self._app_process() is not None and time.monotonic() < end:
            time.sleep(0.05)

    def _end_parts(self) -> None:
        self._end_app()
        for name, part in list(self._parts.items()):
            if part.poll() is None:
                part.terminate()
                try:
                    part.wait(3.0)
                except subprocess.TimeoutExpired:
                    part.kill()
                    part.wait(10.0)
            del self._parts[name]
        if self._control is not None:
            self._control.close()
            self._control = None

    def _enrol(self, body: bytes) -> None:
        control = self._control
        if control is None:
            raise Unreachable("the SuperLink is not up")
        key = self._register(body)
        if key is None:
            raise CarrierError("the enrolment was refused")
        control.register(key)


def say_alive(folder: Path) -> None:
    """For the ServerApp: leave word who this process is."""
    process = psutil.Process()
    write_private(
        folder / ALIVE, json.dumps({"pid": process.pid, "born": process.create_time()}).encode("ascii")
    )


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _answers(host: str, port: int) -> bool:
    try:
        with socket.create_connection((host, port), timeout=1.0):
            return True
    except OSError:
        return False
