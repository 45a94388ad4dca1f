"""The thread in which trio runs, started again when libp2p falls over. Knows of both sides."""

from __future__ import annotations

import gc
import logging
import sys
import threading
import time
import warnings
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import structlog

from metis_node.network.errors import NetworkDown, NetworkFailed
from metis_node.network.limits import (
    MAX_RESTARTS,
    RESTART_PAUSE_S,
    RESTART_WINDOW_S,
    STOP_S,
    SWITCH_S,
)
from metis_node.network.state import NetworkState

if TYPE_CHECKING:
    from metis_node.network.swarm.run import SwarmRun

log = structlog.get_logger(__name__)


class NetworkThread:
    """Supervises one `SwarmRun` after the other."""

    def __init__(
        self,
        state: NetworkState,
        *,
        came_up: Callable[[], None],
        went_down: Callable[[], None],
        failed: Callable[[NetworkFailed], None],
    ) -> None:
        self._state = state
        self._came_up = came_up
        self._went_down = went_down
        self._failed = failed
        self._run: SwarmRun | None = None
        self._stopping = threading.Event()
        self._crashes: deque[float] = deque(maxlen=MAX_RESTARTS + 1)
        # A daemon: a libp2p that does not end must not keep the process.
        self._thread = threading.Thread(target=self._supervise, name="network", daemon=True)

    def start(self) -> None:
        sys.setswitchinterval(min(SWITCH_S, sys.getswitchinterval()))
        self._thread.start()

    def stop(self) -> bool:
        """End within STOP_S; False if it did not. Blocks: call it off the event loop."""
        self._stopping.set()
        if run := self._run:
            self.try_post(run.stop)
        self._thread.join(STOP_S)
        return not self._thread.is_alive()

    @property
    def run(self) -> SwarmRun:
        """The run of now. NetworkDown between two of them."""
        if self._run is None:
            raise NetworkDown("the network is starting")
        return self._run

    def post(self, call: Callable[..., Any], *arguments: Any) -> None:
        """Run a call on the trio side soon. NetworkDown if there is none."""
        try:
            self.run.post(call, *arguments)
        except RuntimeError as error:  # trio.RunFinishedError
            raise NetworkDown("the network is starting again") from error

    def try_post(self, call: Callable[..., Any], *arguments: Any) -> bool:
        """The same, False instead of NetworkDown."""
        try:
            self.post(call, *arguments)
        except NetworkDown:
            return False
        return True

    def _supervise(self) -> None:
        while not self._stopping.is_set():
            error = self._live_once()
            self._run = None
            self._went_down()
            _close_left_sockets()
            if self._stopping.is_set():
                return
            self._state.counters.restarts += 1
            log.error("network fell over, starting again", why=repr(error)[:500])
            if failure := self._given_up(error):
                self._failed(failure)
                return
            self._stopping.wait(RESTART_PAUSE_S)

    def _live_once(self) -> BaseException | None:
        try:
            import trio

            from metis_node.network.swarm.run import SwarmRun

            for name in ("libp2p", "libp2p.network.auto_connector"):
                logging.getLogger(name).setLevel(logging.CRITICAL)  # it warns for each lost message
            run = self._run = SwarmRun(self._state)
            trio.run(run.main, self._came_up)
        except BaseException as error:
            return error
        return None

    def _given_up(self, error: BaseException | None) -> NetworkFailed | None:
        if isinstance(error, NetworkFailed):
            return error
        now = time.monotonic()
        self._crashes.append(now)
        if len(self._crashes) > MAX_RESTARTS and now - self._crashes[0] < RESTART_WINDOW_S:
            return NetworkFailed(
                f"the network fell over {len(self._crashes)} times within {RESTART_WINDOW_S:g} s, "
                f"last by {_innermost(error)!r}: look for what stands before it in the log, check "
                "that its port is free, and start the node again"
            )
        return None


def _close_left_sockets() -> None:
    """libp2p's own end, above all by a crash, leaves sockets open, and peers go on using them."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)  # the collection is the remedy
        gc.collect()


def _innermost(error: BaseException | None) -> BaseException | None:
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error
