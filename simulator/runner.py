"""A simulator in a thread and event loop of its own, for callers that block theirs."""

from __future__ import annotations

import asyncio
import inspect
from concurrent.futures import Future
from threading import Thread
from typing import TYPE_CHECKING, Any, Self

from .simulator import Simulator

if TYPE_CHECKING:
    from collections.abc import Callable


class SimulatorThread:
    """A context manager that runs a simulator in a thread; takes Simulator's arguments."""

    simulator: Simulator

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        """Prepare."""
        self._args = args
        self._kwargs = kwargs
        self._started: Future[tuple[Simulator, asyncio.AbstractEventLoop]] = Future()
        self._thread = Thread(target=lambda: asyncio.run(self._run()), name="simulator")

    def __enter__(self) -> Self:
        """Start the simulator. Raises its error if it does not start."""
        self._thread.start()
        try:
            self.simulator, self._loop = self._started.result()
        except BaseException:
            self._thread.join()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        """Stop the simulator, and wait until its thread has ended."""
        self._loop.call_soon_threadsafe(self._end.set)
        self._thread.join()

    def call(self, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """Run a function, or a coroutine function, in the simulator's loop; return its result."""

        async def run() -> Any:
            result = function(*args, **kwargs)
            return await result if inspect.isawaitable(result) else result

        return asyncio.run_coroutine_threadsafe(run(), self._loop).result()

    async def _run(self) -> None:
        self._end = asyncio.Event()
        try:
            async with Simulator(*self._args, **self._kwargs) as simulator:
                self._started.set_result((simulator, asyncio.get_running_loop()))
                await self._end.wait()
        except BaseException as error:
            if self._started.done():
                raise
            self._started.set_exception(error)
