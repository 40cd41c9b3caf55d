"""Workers of other machines: dask.distributed's, by the address of their scheduler.

One process asks them, in a loop of its own that runs while it waits for something (`Cluster.run`).
"""

from __future__ import annotations

import asyncio
import logging
import warnings
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any, TypeVar

from wafersim.errors import WafersimError
from wafersim.planning import remote
from wafersim.planning.remote import installed

LOCAL = "local"
SCHEMES = ("tcp://", "tls://", "ws://", "wss://")
CONNECT_S = 10.0
ANSWER_S = 30.0  # in which a scheduler says who its workers are
KEPT = "finished points are kept; the same command goes on from there"
Say = Callable[[str], None]
T = TypeVar("T")


class Cluster:
    """The workers of a scheduler; "local" starts one for itself, with so many workers, and takes both along when it ends.

    `after` is what a line says of what is done when it cannot go on. Raises WafersimError, one line, where dask.distributed is
    not installed or the scheduler cannot be reached.
    """

    def __init__(self, address: str, processes: int, say: Say, after: str) -> None:
        if address != LOCAL and not (address.startswith(SCHEMES) and address.isprintable()):
            address = address if address.isprintable() else repr(address)
            allowed = f"{LOCAL}, or a scheduler's address such as tcp://10.0.0.1:8786"
            raise WafersimError(f"--cluster {address}: is none of {allowed}")
        try:
            import distributed
        except ModuleNotFoundError:
            needed = "needs dask.distributed: pip install -e '.[cluster]'"
            raise WafersimError(f"--cluster {address}: {needed}") from None
        self.name, self.say, self.after = f"--cluster {address}", say, after
        self.dask: Any = distributed
        self._count = processes
        self._client: Any = None
        self._local: Any = None
        self._runner = asyncio.Runner()
        logging.getLogger("distributed").setLevel(logging.CRITICAL)  # whose lines are told here, in fewer words
        if address != LOCAL:  # whose workers would take the time of what is computed here before them
            self._connected(address)

    @property
    def client(self) -> Any:
        """Dask's, of a connection that is made when something is run."""
        return self._client

    @property
    def workers(self) -> int:
        """How many there are when it is connected; they may become more."""
        return self._count

    def run(self, wanted: Coroutine[Any, Any, T]) -> T:
        """Run what waits for workers to its end; those of "local" are started by the first."""
        try:
            if self._client is None:
                self._connected(self._started())
        except BaseException:
            wanted.close()
            raise
        return self._runner.run(wanted)

    async def members(self) -> dict[str, int]:
        """{address of a worker: its threads}."""
        try:
            members: dict[str, int] = await asyncio.wait_for(self._client.nthreads(), ANSWER_S)
        except Exception:  # whatever dask makes of a scheduler that is gone
            raise WafersimError(f"{self.name}: the scheduler does not answer any more; {self.after}") from None
        return members

    def close(self) -> None:
        """Workers that were started here end; others go on to serve whom they like."""
        with suppress(Exception, KeyboardInterrupt):
            if self._client is not None:
                self._runner.run(asyncio.wait_for(self._client.close(), CONNECT_S))
        with suppress(Exception, KeyboardInterrupt):
            if self._local is not None:
                self._local.close(timeout=CONNECT_S)
        with suppress(Exception, KeyboardInterrupt):
            self._runner.close()

    def _connected(self, address: str) -> None:
        try:
            self._runner.run(self._connect(address))
        except BaseException:
            self.close()
            raise

    def _started(self) -> str:
        try:
            self._local = self.dask.LocalCluster(
                n_workers=self._count, threads_per_worker=1, dashboard_address=None, memory_limit=None,
                silence_logs=logging.CRITICAL, preload=[remote.__name__],
            )  # fmt: skip
        except (OSError, RuntimeError) as error:
            raise WafersimError(f"{self.name}: cannot be started ({error})") from None
        return str(self._local.scheduler_address)

    async def _connect(self, address: str) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of versions that differ; those that matter are compared by the workers
            client: Any = None
            try:
                client = self.dask.Client(address, asynchronous=True, timeout=CONNECT_S, set_as_default=False)
                self._client = await asyncio.wait_for(client, CONNECT_S + 1.0)  # who listens may never speak
            except (OSError, ValueError, TypeError) as error:
                with suppress(Exception):
                    await asyncio.wait_for(client.close(), 1.0)
                said = str(error).partition("\n")[0] or type(error).__name__
                raise WafersimError(f"{self.name}: no scheduler answers there ({said})") from None
            try:
                await asyncio.wait_for(self._client.run_on_scheduler(installed), ANSWER_S)
            except Exception as error:
                said = f"{type(error).__name__}: {error}"
                raise WafersimError(
                    f"{self.name}: its scheduler cannot load wafersim {said!r}; install it there"
                ) from None
            self._count = len(await self.members())
