"""Extract the schemas that deploy/kubernetes needs from the wheel of kubernetes-validate.

python -m tests.generated.kubernetes_schemas kubernetes_validate-1.37.0-py3-none-any.whl v1.31.0 v1.37.0
"""

import json
import re
import sys
import zipfile
from pathlib import Path
from typing import Any, Final

INTO: Final = Path(__file__).parents[1] / "data/kubernetes"
KINDS: Final = (
    "configmap-v1",
    "poddisruptionbudget-policy-v1",
    "secret-v1",
    "service-v1",
    "serviceaccount-v1",
    "statefulset-apps-v1",
)
_POINTER: Final = "/api/_definitions.json#/$defs/"
_HERE: Final = "#/$defs/"


def take(wheel: Path, version: str) -> dict[str, Any]:
    """Return the schemas of the kinds and every definition that they refer to, without descriptions."""
    with zipfile.ZipFile(wheel) as package:
        folder = f"kubernetes_validate/kubernetes-json-schema/{version}-local-strict/"
        known: dict[str, Any] = json.loads(package.read(f"{folder}_definitions.json"))["$defs"]
        kinds = {kind: json.loads(package.read(f"{folder}{kind}.json")) for kind in KINDS}
    reached: dict[str, Any] = {}
    waiting = set(re.findall(re.escape(_POINTER) + r'([^"]+)', json.dumps(kinds)))
    while waiting:
        name = waiting.pop()
        reached[name] = known[name]
        waiting |= set(re.findall(re.escape(_HERE) + r'([^"]+)', json.dumps(known[name]))) - reached.keys()
    reached |= kinds
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$defs": {name: _plain(reached[name]) for name in sorted(reached)},
    }


def _plain(schema: Any) -> Any:
    if isinstance(schema, list):
        return [_plain(each) for each in schema]
    if not isinstance(schema, dict):
        return schema.replace(_POINTER, _HERE) if isinstance(schema, str) else schema
    # a property may be called description too, and then it is no text
    return {
        key: _plain(value)
        for key, value in schema.items()
        if key not in ("$id", "$schema") and not (key == "description" and isinstance(value, str))
    }


if __name__ == "__main__":
    for version in sys.argv[2:]:
        bundle = json.dumps(take(Path(sys.argv[1]), version), indent=1, sort_keys=True)
        (INTO / f"{version}.json").write_text(bundle + "\n", encoding="utf-8")
