"""An Apache Kafka with a listener for each kind of TLS and SASL, next to a plaintext one."""

from pathlib import Path
from typing import Final, NamedTuple

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import for_code
from aiokafka.protocol.admin import CreateAclsRequest

from agents.demo.embedded.loopback import HOST, free_port
from tests.servers.apache_kafka import ApacheKafka
from tests.servers.certificates import Authority

USER: Final = "shop"
WORKER: Final = "worker"
LIMITED: Final = (
    *(WORKER, "server", "importer", "publisher", "operator", "eraser", "resender", "replayer", "reader"),
    *("nearly-worker", "nearly-server", "nearly-importer", "stranger"),
)
"""Users who may do only what they are granted."""
PASSWORD: Final = "s3cr3t@wörd:/%"  # noqa: S105 - of a broker that lives for one test run

_LISTENERS: Final = {
    "TLS": "SSL",
    "MUTUAL": "SSL",
    "SASL": "SASL_SSL",
    "SASLOPEN": "SASL_PLAINTEXT",
    "MISNAMED": "SSL",
}
# As Kafka numbers them.
_KINDS: Final = {"topic": 2, "group": 3, "transactional id": 5}
_OPERATIONS: Final = {"Read": 3, "Write": 4, "Create": 5, "Delete": 6, "Describe": 8, "DescribeConfigs": 10}
_LITERAL, _PREFIXED, _ALLOW = 3, 4, 3

_MECHANISMS: Final = ("SCRAM-SHA-256", "SCRAM-SHA-512", "PLAIN")

_PROPERTIES: Final = """\
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,{protocols}
listeners=PLAINTEXT://{host}:{port},CONTROLLER://{host}:{controller_port},{listeners}
advertised.listeners=PLAINTEXT://{host}:{port},{advertised}
ssl.keystore.type=PEM
ssl.keystore.location={keystore}
ssl.truststore.type=PEM
ssl.truststore.location={truststore}
listener.name.mutual.ssl.client.auth=required
sasl.enabled.mechanisms={mechanisms}
authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer
super.users=User:ANONYMOUS;User:CN=client;User:{user}
listener.name.saslopen.sasl.enabled.mechanisms=PLAIN
"""
_LOGINS: Final = """\
listener.name.{name}.scram-sha-256.sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required;
listener.name.{name}.scram-sha-512.sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required;
listener.name.{name}.plain.sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule required \
{users};
"""


class Right(NamedTuple):
    """Operations on a topic, a group or a transactional id; a name that ends with a dot is a prefix of names."""

    kind: str
    name: str
    operations: tuple[str, ...]


class ProtectedKafka(ApacheKafka):
    """Listens in plaintext on `bootstrap`, and with each protection on a port of its own.

    Its certificate is for 127.0.0.1 and for no name. `MUTUAL` requires a client certificate; `SASL` accepts `USER` and
    `WORKER` by every mechanism and all users by PLAIN, `SASLOPEN` by PLAIN only: `USER` may do everything, the others
    what they are granted; `MISNAMED` advertises itself as localhost.
    """

    def __init__(self, directory: Path, authority: Authority) -> None:
        """Choose the ports, and issue a certificate."""
        super().__init__(directory)
        self._authority = authority
        self._certificate = authority.issue("kafka", HOST)
        taken = {self.port, self._controller_port}
        self._ports: dict[str, int] = {}
        for name in _LISTENERS:
            while (port := free_port()) in taken:
                pass
            taken.add(port)
            self._ports[name] = port

    def at(self, listener: str, host: str = HOST) -> str:
        """Return the bootstrap server of a listener, by a name of this machine."""
        return f"{host}:{self._ports[listener]}"

    async def allow(self, user: str, *rights: Right) -> None:
        """Grant a user rights, and nothing else."""
        admin = AIOKafkaAdminClient(bootstrap_servers=self.bootstrap)
        await admin.start()
        try:
            for kind, name, operations in rights:
                pattern = _PREFIXED if name.endswith(".") else _LITERAL
                for operation in operations:
                    who = (f"User:{user}", "*")
                    request = CreateAclsRequest(_KINDS[kind], name, pattern, *who, _OPERATIONS[operation], _ALLOW)
                    (answer,) = (await admin._send_request(request)).creation_responses
                    if answer[0]:
                        raise for_code(answer[0])(answer[1])
        finally:
            await admin.close()

    def _further_properties(self) -> str:
        advertised = {name: self.at(name, "localhost" if name == "MISNAMED" else HOST) for name in _LISTENERS}
        lines = _PROPERTIES.format(
            host=HOST,
            port=self.port,
            controller_port=self._controller_port,
            protocols=",".join(f"{name}:{protocol}" for name, protocol in _LISTENERS.items()),
            listeners=",".join(f"{name}://{self.at(name)}" for name in _LISTENERS),
            advertised=",".join(f"{name}://{address}" for name, address in advertised.items()),
            keystore=self._certificate.both,
            truststore=self._authority.cafile,
            mechanisms=",".join(_MECHANISMS),
            user=USER,
        )
        # Java reads these files as Latin-1
        escaped = "".join(c if c.isascii() else f"\\u{ord(c):04x}" for c in PASSWORD)
        users = " ".join(f'user_{user}="{escaped}"' for user in (USER, *LIMITED))
        logins = (_LOGINS.format(name=name, users=users) for name in ("sasl", "saslopen"))
        return lines + "".join(logins)

    def _further_formatting(self) -> list[str]:
        scram = [mechanism for mechanism in _MECHANISMS if mechanism.startswith("SCRAM")]
        known = [f'{each}=[name={user},password="{PASSWORD}"]' for each in scram for user in (USER, WORKER)]
        return [word for user in known for word in ("--add-scram", user)]
