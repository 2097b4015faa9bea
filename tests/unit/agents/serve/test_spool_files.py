"""The files of the spool: what is stored is read again, and damage is noticed."""

import os
from pathlib import Path

import pytest

from agents.serve.intake.publishing import spool_files
from agents.serve.intake.publishing.outgoing_record import OutgoingRecord
from agents.serve.intake.publishing.spool_files import Position, SpoolFiles, encode_frames
from streams.errors import FatalError

NOW_MS = 1_780_000_000_000


def record(number: int) -> OutgoingRecord:
    headers = (("goldstream-reason", b"\xff\x00"),) if number % 2 else ()
    return OutgoingRecord("g.events.v1", f"c-{number}".encode() if number % 3 else None, b"x" * number, headers)


def append(files: SpoolFiles, *numbers: int) -> None:
    files.append(encode_frames([record(number) for number in numbers], NOW_MS))


def numbers(files: SpoolFiles) -> list[int]:
    """Return the stored records that are not delivered."""
    found = list(files.read(files.delivered))
    assert all(stored.record == record(len(stored.record.value or b"")) for stored in found)
    assert all(stored.stored_at_ms == NOW_MS for stored in found)
    return [len(stored.record.value or b"") for stored in found]


def test_what_is_stored_is_read_again_in_order(tmp_path: Path) -> None:
    files = SpoolFiles(tmp_path / "spool")
    append(files, 1, 2, 3)
    append(files, 4)
    assert numbers(files) == [1, 2, 3, 4]
    files.close()
    again = SpoolFiles(tmp_path / "spool")
    append(again, 5)
    assert numbers(again) == [1, 2, 3, 4, 5]
    again.close()


def test_what_is_delivered_is_not_read_again_and_leaves_the_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spool_files, "FILE_BYTES", 100)
    files = SpoolFiles(tmp_path)
    for number in range(10, 20):
        append(files, number)
    stored = list(files.read(files.delivered))
    count = len(list(tmp_path.glob("*.spool")))
    assert count > 3
    files.mark(stored[4].end)
    assert numbers(files) == [15, 16, 17, 18, 19]
    assert len(list(tmp_path.glob("*.spool"))) < count
    files.close()
    again = SpoolFiles(tmp_path)
    assert numbers(again) == [15, 16, 17, 18, 19]
    append(again, 20)
    again.mark(list(again.read(again.delivered))[-1].end)
    assert numbers(again) == []
    assert not list(tmp_path.glob("*.spool"))
    append(again, 21)
    assert numbers(again) == [21]
    again.close()
    last = SpoolFiles(tmp_path)
    assert numbers(last) == [21]
    last.close()


@pytest.mark.parametrize("lost", [1, 5, 16, 20, 40])
def test_an_incomplete_record_at_the_end_is_cut_off(
    tmp_path: Path, lost: int, caplog: pytest.LogCaptureFixture
) -> None:
    files = SpoolFiles(tmp_path)
    append(files, 1, 2)
    append(files, 30)
    files.close()
    (path,) = tmp_path.glob("*.spool")
    os.truncate(path, path.stat().st_size - lost)
    again = SpoolFiles(tmp_path)
    assert "cut off an incomplete record" in caplog.text
    assert numbers(again) == [1, 2]
    append(again, 3)
    assert numbers(again) == [1, 2, 3]
    again.close()


def test_a_changed_byte_at_the_end_is_noticed(tmp_path: Path) -> None:
    files = SpoolFiles(tmp_path)
    append(files, 1, 30)
    files.close()
    (path,) = tmp_path.glob("*.spool")
    content = bytearray(path.read_bytes())
    content[-3] ^= 1
    path.write_bytes(content)
    again = SpoolFiles(tmp_path)
    assert numbers(again) == [1]
    again.close()


def test_damage_in_an_earlier_file_is_reported_and_later_files_are_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(spool_files, "FILE_BYTES", 10)
    files = SpoolFiles(tmp_path)
    for number in (1, 2, 3):
        append(files, number)
    files.close()
    second = sorted(tmp_path.glob("*.spool"))[1]
    second.write_bytes(b"\0" * 5 + second.read_bytes()[5:])
    again = SpoolFiles(tmp_path)
    assert "cannot be delivered" in caplog.text
    assert numbers(again) == [1, 3]
    again.close()


def test_a_failed_write_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = SpoolFiles(tmp_path)
    append(files, 1)

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(os, "fdatasync", full)
        with pytest.raises(OSError, match="No space left"):
            append(files, 2, 3)
    assert numbers(files) == [1]
    append(files, 4)
    assert numbers(files) == [1, 4]
    files.close()


def test_a_folder_belongs_to_one_process(tmp_path: Path) -> None:
    files = SpoolFiles(tmp_path)
    with pytest.raises(FatalError, match="must be a folder that no other process uses"):
        SpoolFiles(tmp_path)
    files.close()
    SpoolFiles(tmp_path).close()
    (tmp_path / "file").touch()
    with pytest.raises(FatalError, match="must be a folder that can be written"):
        SpoolFiles(tmp_path / "file")


@pytest.mark.parametrize("mark", ["", "nonsense", "1", "7 0", "1 999999"])
def test_a_mark_that_fits_nothing_loses_no_later_record(tmp_path: Path, mark: str) -> None:
    files = SpoolFiles(tmp_path)
    append(files, 1)
    files.close()
    (tmp_path / "delivered").write_text(mark)
    again = SpoolFiles(tmp_path)
    append(again, 2)
    assert numbers(again)[-1:] == [2]
    assert again.delivered >= Position(1, 0)
    again.close()
