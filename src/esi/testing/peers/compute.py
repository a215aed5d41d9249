"""PYTHON compute.py --config-file …: nova-compute with the driver beside this file."""

# ruff: noqa: E402 - Nova chooses its kind of threads before anything of it is loaded
from nova import monkey_patch

monkey_patch.patch(backend="threading")

from pathlib import Path

import nova.virt

nova.virt.__path__.append(str(Path(__file__).parent))

from nova.cmd.compute import main

main()
