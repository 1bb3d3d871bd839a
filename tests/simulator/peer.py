"""Clients of others, led to the simulator."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from requests.adapters import HTTPAdapter

if TYPE_CHECKING:
    import requests

    from simulator.simulator import Simulator


class ToSimulator(HTTPAdapter):  # type: ignore[misc]
    """Sends what is meant for Xiaomi's hosts to the simulator."""

    def __init__(self, simulator: Simulator) -> None:
        """Trust the simulator alone."""
        super().__init__()
        self._url = simulator.cloud.url
        self._ca_file = json.loads(simulator.endpoints.read_text(encoding="utf-8"))["ca_file"]

    def send(self, request: requests.PreparedRequest, **kwargs: Any) -> requests.Response:
        """Send, with the same path."""
        assert request.url
        request.url = self._url + "/" + request.url.split("/", 3)[3]
        kwargs |= {"verify": self._ca_file, "proxies": None}
        return super().send(request, **kwargs)
