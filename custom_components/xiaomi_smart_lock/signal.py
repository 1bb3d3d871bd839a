"""Tells listeners what they wait for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from homeassistant.core import CALLBACK_TYPE, callback

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable


class Signal[Topic, *Arguments]:
    """Calls listeners by topic, each once however many of its topics are sent together."""

    def __init__(self) -> None:
        """Begin without listeners."""
        self._listeners: dict[Topic, list[Callable[[*Arguments], object]]] = {}

    @callback
    def async_listen(self, topic: Topic, listener: Callable[[*Arguments], object]) -> CALLBACK_TYPE:
        """Have a listener called from now on; returns how to stop that."""
        listeners = self._listeners.setdefault(topic, [])
        listeners.append(listener)

        @callback
        def stop() -> None:
            listeners.remove(listener)

        return stop

    @callback
    def async_send(self, topics: Iterable[Topic], *arguments: *Arguments) -> None:
        """Call who listens to any of some topics, in the order in which they began."""
        concerned = [one for topic in topics for one in self._listeners.get(topic, ())]
        for listener in dict.fromkeys(concerned):
            listener(*arguments)
