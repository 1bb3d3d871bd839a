"""Signals that call listeners by topic."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from homeassistant.core import CALLBACK_TYPE, callback

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable


class Signal[Topic, *Arguments]:
    """A signal with topics; a listener to several topics that are sent together is called once."""

    def __init__(self) -> None:
        """Start without listeners."""
        self._listeners: dict[Topic, list[Callable[[*Arguments], object]]] = {}

    @callback
    def async_listen(self, topic: Topic, listener: Callable[[*Arguments], object]) -> CALLBACK_TYPE:
        """Call a listener at a topic from now on; return a function that stops this."""
        listeners = self._listeners.setdefault(topic, [])
        listeners.append(listener)
        return partial(listeners.remove, listener)

    @callback
    def async_send(self, topics: Iterable[Topic], *arguments: *Arguments) -> None:
        """Call the listeners of topics, topic by topic, in the order in which they were added."""
        concerned = [one for topic in topics for one in self._listeners.get(topic, ())]
        for listener in dict.fromkeys(concerned):
            listener(*arguments)
