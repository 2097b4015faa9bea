"""Fetch Apache Kafka before the tests need it: `python -m tests.servers`."""

import sys

from tests.servers import Missing
from tests.servers.apache_kafka import jars


def main() -> int:
    """Fetch it; print where it is, or why it is not."""
    try:
        print(f"servers: Apache Kafka is in {jars()}")
    except Missing as missing:
        print(f"servers: no Apache Kafka: {missing}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
