"""A real Slurm with accounting and several nodes on this host: throw-away, on loopback, without systemd."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import psutil

NEEDED = ("munged", "mariadbd", "mariadb-install-db", "slurmdbd", "slurmctld", "slurmd", "sbatch")
"""Debian: munge mariadb-server-core mariadb-client-core slurmdbd slurmctld slurmd slurm-client."""
os.environ["PATH"] += ":/usr/sbin:/sbin"

_DBD = """AuthType=auth/munge
AuthInfo=socket={lab}/munge.sock
DbdHost={host}
DbdAddr=127.0.0.1
DbdPort={dbd}
SlurmUser={me}
LogFile={lab}/log/slurmdbd.log
PidFile={lab}/slurmdbd.pid
StorageType=accounting_storage/mysql
StorageHost=127.0.0.1
StoragePort={sql}
StorageUser=slurm
StoragePass=slurm
StorageLoc=slurm_acct_db
"""
_SLURM = """ClusterName=lab
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={ctl}
SlurmUser={me}
SlurmdUser={me}
AuthType=auth/munge
CredType=cred/munge
AuthInfo=socket={lab}/munge.sock,cred_expire=5
StateSaveLocation={lab}/state
SlurmdSpoolDir={lab}/spool/%n
SlurmctldPidFile={lab}/slurmctld.pid
SlurmdPidFile={lab}/slurmd-%n.pid
SlurmctldLogFile={lab}/log/slurmctld.log
SlurmdLogFile={lab}/log/slurmd-%n.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherParams=OverMemoryKill
JobAcctGatherType=jobacct_gather/linux
JobAcctGatherFrequency=1
SwitchType=switch/none
MpiDefault=none
MailProg=/bin/true
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
DefMemPerCPU=100
SlurmdParameters=config_overrides
ReturnToService=2
JobRequeue=1
KillWait=2
MaxArraySize={max_array}
MaxJobCount=20000
SlurmctldTimeout=10
SlurmdTimeout=10
InactiveLimit=0
SchedulerType=sched/backfill
SchedulerParameters=batch_sched_delay=0,sched_interval=2,sched_min_interval=0,bf_interval=2,default_queue_depth=1000
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
SlurmctldParameters=preempt_send_user_signal
AccountingStorageType=accounting_storage/slurmdbd
AccountingStorageHost=127.0.0.1
AccountingStoragePort={dbd}
AccountingStoragePass={lab}/munge.sock
NodeName=n[1-{nodes}] NodeHostname={host} NodeAddr=127.0.0.1 Port=[{first}-{last}] CPUs=2 RealMemory=4000
PartitionName=main Nodes=ALL Default=YES PriorityTier=1 GraceTime=20 MaxTime=INFINITE State=UP
PartitionName=high Nodes=ALL PriorityTier=10 MaxTime=INFINITE State=UP
"""


class Cluster:
    """The cluster; everything it has lies in `lab`, whose path is short because of its sockets."""

    def __init__(self, nodes: int = 2, max_array: int = 1001) -> None:
        self.lab = Path(tempfile.mkdtemp(prefix="slurm-", dir="/tmp"))
        self.lab.chmod(0o755)  # munge: the way to its socket must be open to all
        self.nodes, self.max_array = nodes, max_array
        self._daemons: dict[str, subprocess.Popen[bytes]] = {}

    @property
    def conf(self) -> str:
        return str(self.lab / "slurm.conf")

    def start(self) -> None:
        """Start the daemons, one after another, each when the one before answers."""
        os.environ["SLURM_CONF"] = self.conf
        self._configure()
        self._munge()
        self._accounting()
        self._daemon("slurmctld", "slurmctld", "-D")
        self._until("scontrol", "ping")
        for node in range(1, self.nodes + 1):
            self.node_up(f"n{node}")
        self._until_true(lambda: self.out("sinfo", "-hNp", "main", "-t", "idle").count("\n") == self.nodes)

    def stop(self) -> None:
        """End every job, step and daemon, and remove the folder."""
        subprocess.run(["scancel", "-u", self._me()], capture_output=True, timeout=20, check=False)
        for process in self._steps():
            _kill(process)
        for name in reversed(list(self._daemons)):
            self._daemons[name].send_signal(signal.SIGKILL if name.startswith("slurmd-") else signal.SIGTERM)
        for daemon in self._daemons.values():
            try:
                daemon.wait(timeout=10)
            except subprocess.TimeoutExpired:
                daemon.kill()
        os.environ.pop("SLURM_CONF", None)
        shutil.rmtree(self.lab, ignore_errors=True)

    def out(self, *command: str) -> str:
        """What a Slurm command prints."""
        return subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout

    def node_up(self, node: str) -> None:
        """Start the daemon of a node."""
        self._daemon(f"slurmd-{node}", "slurmd", "-D", "-N", node)

    def node_down(self, node: str) -> None:
        """As a power cut: the daemon, its steps and its jobs; the controller is told at once."""
        _kill(psutil.Process(self._daemons[f"slurmd-{node}"].pid))
        self._daemons.pop(f"slurmd-{node}").wait()
        for process in self._steps(node):
            _kill(process)
        self.out("scontrol", "update", f"nodename={node}", "state=down", "reason=test")

    def _steps(self, node: str | None = None) -> list[psutil.Process]:
        """slurmstepd's of this cluster, or of one node, with everything below them."""
        found = []
        for process in psutil.process_iter():
            try:
                ours = process.name() == "slurmstepd" and process.environ().get("SLURM_CONF") == self.conf
                name = " ".join(process.cmdline()) if ours else ""
            except psutil.Error:
                continue
            step = name.partition("[")[2].partition(".")[0]
            if ours and (node is None or list((self.lab / "spool" / node).glob(f"{node}_{step}.*"))):
                found += [*process.children(recursive=True), process]
        return found

    def _configure(self) -> None:
        for folder in ("log", "state", "db", *(f"spool/n{n}" for n in range(1, self.nodes + 1))):
            (self.lab / folder).mkdir(parents=True)
        self._sql, dbd, ctl, *nodes = _free_ports(3 + self.nodes)
        facts = {"lab": self.lab, "me": self._me(), "host": socket.gethostname().split(".")[0]}
        facts |= {"nodes": self.nodes, "max_array": self.max_array, "first": nodes[0], "last": nodes[-1]}
        facts |= {"sql": self._sql, "dbd": dbd, "ctl": ctl}
        for name, text in (("slurmdbd.conf", _DBD), ("slurm.conf", _SLURM)):
            (self.lab / name).touch(mode=0o600)
            (self.lab / name).write_text(text.format(**facts))
        (self.lab / "slurm.conf").chmod(0o644)
        (self.lab / "munge.key").touch(mode=0o600)
        (self.lab / "munge.key").write_bytes(os.urandom(1024))

    def _munge(self) -> None:
        lab, socket_ = self.lab, self.lab / "munge.sock"
        files = {"socket": socket_, "key-file": lab / "munge.key", "log-file": lab / "log/munge.log"}
        files |= {"pid-file": lab / "munge.pid", "seed-file": lab / "munge.seed"}
        self._daemon("munged", "munged", "-F", *(f"--{name}={file}" for name, file in files.items()))
        self._until("munge", "-n", "-S", str(socket_))

    def _accounting(self) -> None:
        data, where = self.lab / "db", ("--no-defaults", "-S", str(self.lab / "sql.sock"))
        make = ["mariadb-install-db", "--no-defaults", f"--datadir={data}", f"--user={self._me()}"]
        self.out(*make, "--skip-test-db", "--auth-root-authentication-method=normal")
        options = ["--performance-schema=OFF", "--innodb-flush-log-at-trx-commit=0", "--skip-name-resolve"]
        options += ["--innodb-log-file-size=16M", "--innodb-lock-wait-timeout=900", "--innodb-doublewrite=0"]
        options += [f"--datadir={data}", f"--user={self._me()}", f"--socket={self.lab}/sql.sock"]
        options += [f"--pid-file={self.lab}/sql.pid", "--bind-address=127.0.0.1", f"--port={self._sql}"]
        self._daemon("mariadbd", "mariadbd", "--no-defaults", *options)
        self._until("mariadb", *where, "-u", "root", "-e", "select 1")
        grant = "create user slurm@'127.0.0.1' identified by 'slurm'; "
        grant += "grant all on slurm_acct_db.* to slurm@'127.0.0.1'"
        self.out("mariadb", *where, "-u", "root", "-e", grant)
        self._daemon("slurmdbd", "slurmdbd", "-D")
        self._until("sacctmgr", "-n", "show", "cluster")

    def _daemon(self, name: str, *command: str) -> None:
        with open(self.lab / "log" / f"{name}.out", "ab") as log:
            self._daemons[name] = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
            )

    def _until(self, *command: str) -> None:
        self._until_true(lambda: subprocess.run(command, capture_output=True, check=False).returncode == 0)

    def _until_true(self, true: Callable[[], bool]) -> None:
        end = time.monotonic() + 30
        while not true():
            if time.monotonic() > end:
                logs = "\n".join(log.read_text()[-500:] for log in (self.lab / "log").iterdir())
                raise RuntimeError(f"the test cluster did not start:\n{logs}")
            time.sleep(0.1)

    def _me(self) -> str:
        return psutil.Process().username()


def missing() -> list[str]:
    """Programs that are not installed."""
    return [name for name in NEEDED if shutil.which(name) is None]


def _kill(process: psutil.Process) -> None:
    try:
        process.kill()
    except psutil.NoSuchProcess:
        return


def _free_ports(count: int) -> list[int]:
    """Ports that follow one another, below those that the system hands out."""
    for base in range(20_000 + os.getpid() % 5_000, 32_000, count):
        try:
            for port in range(base, base + count):
                with socket.socket() as one:
                    one.bind(("127.0.0.1", port))
        except OSError:
            continue
        return list(range(base, base + count))
    raise RuntimeError("no free ports")
