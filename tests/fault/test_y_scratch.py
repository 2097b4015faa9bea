import pytest

from tests.conftest import *
from tests.fault import lines
from tests.fault.checks import hold
from tests.fault.conftest import *
from tests.fault.scene import live_through, scene
from tests.integration.retail_rules import STEPPE
from tests.integration.retail_year import draw_year


@pytest.mark.timeout(400)
async def test_y(kafka, prefix, tmp_path, seed):
    async with scene(kafka, prefix, tmp_path, draw_year(seed, STEPPE, 600), workers=2, lines=2) as lived:
        try:
            await live_through(
                lived,
                [
                    lines.fails(t, "admit")
                    for t in (
                        "rejected",
                        "source-times",
                        "rejected",
                        "source-times",
                        "journal",
                        "source-times",
                        "journal",
                        "source-times",
                        "source-times",
                        "rejected",
                        "source-times",
                    )
                ],
            )
        finally:
            for w in lived.site.workers:
                print(w.log)
        await hold(lived)
