"""The site on the local port: a Flask app of blueprints and its threaded server."""

from __future__ import annotations

import logging
import socket
import threading
from collections.abc import Iterable
from typing import Any

from flask import Blueprint, Flask, Response, render_template
from werkzeug.serving import WSGIRequestHandler, make_server

LARGEST_REQUEST = 16 * 1024 * 1024

log = logging.getLogger("local.stack.site")


def create_site(blueprints: Iterable[Blueprint]) -> Flask:
    """Return a Flask app of these blueprints, with CORS and without caching."""
    site = Flask(__name__, template_folder="templates", static_folder="static", static_url_path="/static")
    site.config["MAX_CONTENT_LENGTH"] = LARGEST_REQUEST
    site.json.sort_keys = False  # type: ignore[attr-defined]
    site.json.ensure_ascii = False  # type: ignore[attr-defined]
    # Flask's own logger would write tracebacks to the terminal.
    site.logger = log
    for blueprint in blueprints:
        site.register_blueprint(blueprint)

    @site.after_request
    def for_any_page(response: Response) -> Response:
        response.headers.setdefault("Access-Control-Allow-Origin", "*")
        response.headers.setdefault("Access-Control-Allow-Headers", "Content-Type")
        response.headers.setdefault("Cache-Control", "no-store")
        return response

    @site.errorhandler(404)
    def nothing_here(_: Exception) -> tuple[str, int]:
        return render_template("local/missing.html"), 404

    return site


class _QuietHandler(WSGIRequestHandler):
    """HTTP/1.1 without Nagle's algorithm; requests are logged, not printed."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    timeout = 60

    def log(self, type: str, message: str, *args: Any) -> None:  # noqa: A002, the name is werkzeug's
        """Write to the log."""
        log.log(logging.ERROR if type == "error" else logging.INFO, message, *args)


class SiteServer:
    """Serves the site on a socket that is listening already."""

    def __init__(self, site: Flask, listener: socket.socket) -> None:
        host, port = listener.getsockname()[:2]
        self._server = make_server(host, port, site, threaded=True, request_handler=_QuietHandler, fd=listener.fileno())
        self._listener = listener
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True, name="site")

    def start(self) -> None:
        """Start serving."""
        self._thread.start()

    def stop(self) -> None:
        """Stop serving."""
        if self._thread.is_alive():
            self._server.shutdown()
        self._server.server_close()
        self._listener.close()
