"""Clients of others, redirected to the simulator."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from requests.adapters import HTTPAdapter

if TYPE_CHECKING:
    import requests

    from simulator.simulator import Simulator


class ToSimulator(HTTPAdapter):  # type: ignore[misc]
    """An adapter that sends requests for Xiaomi's hosts to the simulator."""

    def __init__(self, simulator: Simulator) -> None:
        """Trust only the simulator."""
        super().__init__()
        self._url = simulator.cloud.url
        self._ca_file = json.loads(simulator.endpoints.read_text(encoding="utf-8"))["ca_file"]

    def send(self, request: requests.PreparedRequest, **kwargs: Any) -> requests.Response:
        """Send a request with the same path."""
        assert request.url
        request.url = self._url + "/" + request.url.split("/", 3)[3]
        kwargs |= {"verify": self._ca_file, "proxies": None}
        return super().send(request, **kwargs)
