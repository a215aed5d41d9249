"""PYTHON serve.py MODULE PORT: a WSGI application of OpenStack's on loopback, threads for its requests."""

import importlib
import sys
from collections.abc import Callable
from socketserver import ThreadingMixIn
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server


class Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True
    request_queue_size = 256


class Quiet(WSGIRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *arguments: Any) -> None:
        return None

    def address_string(self) -> str:
        return str(self.client_address[0])  # no name is looked up


def serve(application: Callable[..., Any], port: int) -> None:
    """Says on standard output that it answers, and does until it is ended."""
    server: WSGIServer = make_server("127.0.0.1", port, application, Server, Quiet)
    print("ready", flush=True)  # noqa: T201
    server.serve_forever()


if __name__ == "__main__":
    module, port = sys.argv[1], int(sys.argv[2])
    sys.argv = [module]  # what it would read as its own arguments
    serve(importlib.import_module(module).application, port)
