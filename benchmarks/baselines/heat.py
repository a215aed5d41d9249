"""A real Heat: API and engine in one process on SQLite, with one resource type that does nothing; no Keystone.

PYTHON-OF-HEAT -P heat.py FOLDER"""
import json, pathlib, sys
from socketserver import ThreadingMixIn
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server
from oslo_service import backend
backend.init_backend(backend.BackendType.THREADING)
from heat.common import config, messaging
from heat.db import migration
from heat.engine import service, template
from heat.rpc import api
from oslo_config import cfg; from oslo_log import log
from sqlalchemy import event
from sqlalchemy.engine import Engine

FOLDER = pathlib.Path(sys.argv[1])
PLUGIN = """from heat.engine import attributes, properties, resource
class Nothing(resource.Resource):
    properties_schema = {"value": properties.Schema(properties.Schema.STRING)}
    def handle_create(self): self.resource_id_set(self.physical_resource_name())
    attributes_schema = {"value": attributes.Schema("as given")}
    def _resolve_attribute(self, name): return self.properties["value"]
def resource_mapping(): return {"ESI::None": Nothing}
"""
CONF = f"""[DEFAULT]
transport_url = fake://
host = heat
plugin_dirs = {FOLDER}/plugins
keystone_backend = heat.engine.clients.os.keystone.fake_keystoneclient.FakeKeystoneClient
deferred_auth_method = password
convergence_engine = false
auth_encryption_key = 0123456789abcdef0123456789abcdef
num_engine_workers = 1
max_stacks_per_tenant = 100000
[oslo_policy]
enforce_scope = false
enforce_new_defaults = false
[database]
connection = sqlite:///{FOLDER}/heat.sqlite
[paste_deploy]
flavor = noauth
api_paste_config = {sys.prefix}/etc/heat/api-paste.ini
"""
(FOLDER / "plugins").mkdir(); (FOLDER / "plugins" / "nothing.py").write_text(PLUGIN)
(FOLDER / "heat.conf").write_text(CONF)
log.register_options(cfg.CONF)
cfg.CONF(["--config-file", str(FOLDER / "heat.conf")], project="heat", prog="heat-api", version="x")
log.setup(cfg.CONF, "heat"), config.set_config_defaults(), migration.db_sync()
pragmas = ("journal_mode=WAL", "synchronous=OFF", "busy_timeout=60000")  # else it fails under load
event.listen(Engine, "connect", lambda db, _: [db.execute(f"PRAGMA {one}") for one in pragmas])
at_once = lambda c, u, s, p, x, m: ({"BEGIN": "BEGIN IMMEDIATE"}.get(s, s), p)  # noqa: E731
event.listen(Engine, "before_cursor_execute", at_once, retval=True)
messaging.setup(), config.startup_sanity_check(), template._get_template_extension_manager()
service.EngineService(cfg.CONF.host, api.ENGINE_TOPIC).start()
Server = type("Server", (ThreadingMixIn, WSGIServer), {"daemon_threads": True, "request_queue_size": 256})
Quiet = type("Quiet", (WSGIRequestHandler,), {"protocol_version": "HTTP/1.1", "log_message": lambda *_: None})
server: WSGIServer = make_server("127.0.0.1", 0, config.load_paste_app(), Server, Quiet)
print(json.dumps({"heat": f"http://127.0.0.1:{server.server_port}/v1/admin"}), flush=True)
server.serve_forever()
