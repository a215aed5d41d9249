"""Asks everything at the same time; what does not answer within its time is a finding, too."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping

from esi.doctor import doors, machine, paper, rooms, stores
from esi.doctor.finding import Finding, Findings, Level, wrong
from esi.doctor.ward import Ward
from esi.errors import ConfigError

SLACK = 4
"""A question asks a few things one after the other: it has so many times the patience of one."""

QUESTIONS: Mapping[str, Callable[[Ward], Awaitable[Findings]]] = {
    "settings": paper.ask,
    "machine": machine.ask,
    "etcd": stores.ask_etcd,
    "database": stores.ask_database,
    "rooms": rooms.ask,
    "processes": doors.ask_processes,
    "API": doors.ask_api,
    "agent": doors.ask_agent,
    "kafka": doors.ask_kafka,
    "clouds": doors.ask_clouds,
}

ORDER = (Level.WRONG, Level.WARN, Level.OK)


async def examine(ward: Ward) -> list[Finding]:
    """All findings, the worst first."""
    answers = await asyncio.gather(*(_answer(ward, name, ask) for name, ask in QUESTIONS.items()))
    found = [finding for answer in answers for finding in answer]
    return sorted(found, key=lambda finding: ORDER.index(finding.level))


async def _answer(ward: Ward, name: str, ask: Callable[[Ward], Awaitable[Findings]]) -> Findings:
    try:
        async with asyncio.timeout(ward.patience * SLACK):
            return await ask(ward)
    except TimeoutError:
        words = f"what there is to say of {name} could not be found out within {ward.patience * SLACK:g} s"
        return [wrong(name, name, words, "see whether what it asks can be reached from here")]
    except ConfigError as error:
        return [
            wrong(name, name, fault, "correct it in the settings, or in the file that is named")
            for fault in error.faults
        ]
