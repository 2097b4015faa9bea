"""Play random scenarios until the time is over: `python -m tests.fault.soak --minutes 5 --seed 7`."""

import argparse
import asyncio
import logging
import secrets
import shutil
import sys
import tempfile
import time
import traceback
from pathlib import Path
from typing import Final

from tests.fault.soak.rounds import draw_round
from tests.servers.apache_kafka import ApacheKafka

LONGEST_ROUND_S: Final = 1200.0


async def _run(kafka: ApacheKafka, place: Path, arguments: argparse.Namespace) -> list[int]:
    """Play rounds; return the numbers of those that failed."""
    ends_at = time.monotonic() + arguments.minutes * 60 + arguments.hours * 3600
    failed: list[int] = []
    number = arguments.round or 1
    while True:
        drawn = draw_round(arguments.seed, number)
        print(f"round {number} (--seed {arguments.seed} --round {number}): {drawn}", flush=True)
        began = time.monotonic()
        try:
            async with asyncio.timeout(LONGEST_ROUND_S):
                await drawn.play(kafka, f"s{secrets.token_hex(4)}", place / f"round-{number}")
        except Exception:  # noqa: BLE001 - the next round shows whether it was chance
            traceback.print_exc()
            failed.append(number)
        else:
            shutil.rmtree(place / f"round-{number}", ignore_errors=True)
        how = "FAILED" if number in failed else "ok"
        print(f"round {number}: {how} after {time.monotonic() - began:.0f} s\n", flush=True)
        if arguments.round or time.monotonic() >= ends_at:
            print(f"soak: {number - (arguments.round or 1) + 1} rounds, {len(failed)} failed, --seed {arguments.seed}")
            return failed
        number += 1


def main() -> int:
    """Play rounds until the time is over; return 1 if a check failed."""
    parser = argparse.ArgumentParser("soak", description="Random faults on random histories, held against the oracle.")
    parser.add_argument("--minutes", type=float, default=None, help="how long; 5 unless given")
    parser.add_argument("--hours", type=float, default=0.0, help="how long besides")
    parser.add_argument("--seed", type=int, default=secrets.randbelow(2**32), help="draws the rounds")
    parser.add_argument("--round", type=int, default=None, help="play this round alone")
    arguments = parser.parse_args()
    if arguments.minutes is None:
        arguments.minutes = 0.0 if arguments.hours else 5.0
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)  # of our own clients, while the broker is away
    place = Path(tempfile.mkdtemp(prefix="goldstream-soak-"))
    kafka = ApacheKafka(place / "kafka")
    kafka.directory.mkdir()
    kafka.start()
    try:
        failed = asyncio.run(_run(kafka, place, arguments))
    finally:
        kafka.stop()
    if failed:
        print(f"soak: logs of the rounds that failed are in {place}", file=sys.stderr)
        return 1
    shutil.rmtree(place)
    return 0


if __name__ == "__main__":
    sys.exit(main())
