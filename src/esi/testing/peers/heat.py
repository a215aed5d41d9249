"""PYTHON heat.py CONF PORT: Heat's API and one engine in one process, on SQLite that waits in the place of failing."""

# ruff: noqa: E402 - the kind of threads is chosen before anything of Heat's is loaded
import sys

from oslo_service import backend

backend.init_backend(backend.BackendType.THREADING)

from heat.common import config, messaging
from heat.db import migration
from heat.engine import service, template
from heat.rpc import api
from oslo_config import cfg
from oslo_log import log
from sqlalchemy import event
from sqlalchemy.engine import Engine

from esi.testing.peers.serve import serve

PRAGMAS = ("journal_mode=WAL", "synchronous=OFF", "busy_timeout=60000")


def main(file: str, port: int) -> None:
    log.register_options(cfg.CONF)
    cfg.CONF(["--config-file", file], project="heat", prog="heat-api", version="tests")
    log.setup(cfg.CONF, "heat")
    config.set_config_defaults()
    migration.db_sync()
    event.listen(Engine, "connect", lambda db, _: [db.execute(f"PRAGMA {one}") for one in PRAGMAS])
    event.listen(Engine, "before_cursor_execute", _begin, retval=True)
    messaging.setup()
    config.startup_sanity_check()
    template._get_template_extension_manager()
    service.EngineService(cfg.CONF.host, api.ENGINE_TOPIC).start()
    serve(config.load_paste_app(), port)


def _begin(
    _connection: object, _cursor: object, statement: str, parameters: object, *_more: object
) -> tuple[str, object]:
    """A transaction that will write waits for its turn at its beginning."""
    return ("BEGIN IMMEDIATE" if statement == "BEGIN" else statement), parameters


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
