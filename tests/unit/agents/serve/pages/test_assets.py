"""The scripts that the pages ship are exactly those of the locked npm packages."""

import hashlib
import json
from pathlib import Path
from typing import Final

from agents.serve.pages.static_files import FILES

VENDOR: Final = Path(__file__).parents[5] / "agents" / "serve" / "pages" / "vendor"


def test_every_vendored_file_has_the_hash_that_make_assets_listed() -> None:
    lines = (line.split() for line in (VENDOR / "SHA256SUMS").read_text().splitlines())
    listed = {name: digest for digest, name in lines}
    found = {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in VENDOR.iterdir()
        if path.suffix in {".js", ".css", ".LICENSE"}
    }
    assert found == listed


def test_versions_are_exact_and_locked_by_their_contents_without_addresses() -> None:
    wanted = json.loads((VENDOR / "package.json").read_text())
    locked = json.loads((VENDOR / "package-lock.json").read_text())["packages"]
    for name, version in {**wanted["dependencies"], **wanted["devDependencies"]}.items():
        entry = locked[f"node_modules/{name}"]
        assert entry["version"] == version
        assert entry["integrity"].startswith("sha512-")
        assert "resolved" not in entry


def test_each_script_comes_with_its_licence() -> None:
    scripts = {path.name.partition(".")[0] for path in VENDOR.glob("*.js")}
    assert scripts == {path.name.partition(".")[0] for path in VENDOR.glob("*.LICENSE")}


def test_addresses_of_static_files_change_with_their_contents() -> None:
    for name, file in FILES.items():
        tag = hashlib.sha256(file.content).hexdigest()[:12]
        assert tag in file.url, name
