"""`esi`, with the benchmarks' own service beside those of the catalogue."""

from __future__ import annotations

from pathlib import Path

import esi.services
from esi.bootstrap import services
from esi.cli import main

OWN = Path(__file__).resolve().parent / "services"


def with_own_service() -> None:
    """From here on the catalogue has `flat_network`, too."""
    if "flat" not in services.SERVICES:
        esi.services.__path__.append(str(OWN))
        services.SERVICES.append("flat")


if __name__ == "__main__":
    with_own_service()
    main()
