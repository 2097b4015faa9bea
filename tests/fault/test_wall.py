"""An open shop, at the clock's own pace: whatever happens, nobody lapses while an earlier purchase lies unread."""

from pathlib import Path

import pytest

from tests.fault import faults, lines
from tests.fault.scene import Fault
from tests.fault.wall import closed_for_a_while, hold, shop
from tests.servers.apache_kafka import ApacheKafka

SHOPS: dict[str, list[Fault]] = {
    "the service is closed": [closed_for_a_while, faults.all_killed],
    "a worker hangs": [faults.hung, lines.cut_off],
}


@pytest.mark.timeout(200)
@pytest.mark.parametrize("name", SHOPS)
async def test_nobody_lapses_while_an_earlier_purchase_lies_unread(
    kafka: ApacheKafka, prefix: str, tmp_path: Path, seed: int, name: str
) -> None:
    async with shop(kafka, prefix, tmp_path, seed, workers=2, lines=2) as opened:
        for fault in SHOPS[name]:
            opened.say((fault.__doc__ or "").splitlines()[0])
            await fault(opened, [])
        await hold(opened)
