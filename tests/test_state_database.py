"""The state file: what was said to be done is done, whatever happens to the writer, the file or the disk."""

from __future__ import annotations

import errno
import json
import os
import random
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from status_lab import eventually

from firmware_py.service import memory
from firmware_py.state import database as database_module
from firmware_py.state import last_good, migrations
from firmware_py.state.database import Database
from firmware_py.status.board import Board
from firmware_py.status.hub import Hub

KILLS = Path(__file__).parent / "state_kills.py"
SHM = Path("/dev/shm")


def kill(folder: Path, kills: int, seed: int) -> dict[str, object]:
    command = [sys.executable, str(KILLS), str(folder / "state.db"), str(kills), str(seed)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    found: dict[str, object] = json.loads(done.stdout)
    return found


def test_a_thousand_kills_lose_nothing_and_tear_nothing(tmp_path_factory: pytest.TempPathFactory) -> None:
    """In memory, where a change takes microseconds and a kill falls anywhere in it."""
    if not SHM.is_dir():
        pytest.skip("no /dev/shm here; on a disk a thousand kills take minutes: tests/state_kills.py FILE 1000 1")
    import tempfile

    with tempfile.TemporaryDirectory(dir=SHM) as folder:
        found = kill(Path(folder), 1000, seed=1)
    assert (found["kills"], found["lost"], found["torn"], found["strays"]) == (1000, 0, 0, [])
    assert int(str(found["changes"])) > 1000


def test_kills_on_the_disk(tmp_path: Path) -> None:
    found = kill(tmp_path, 30, seed=2)
    assert (found["lost"], found["torn"], found["strays"]) == (0, 0, [])


def test_the_kill_test_sees_a_loss(tmp_path: Path) -> None:
    """A store that does not wait for the disk, or changes one counter at a time, must not pass."""
    torn = KILLS.read_text().replace(
        '{"taken": 1, "given": -1})', '{"taken": 1}) or not database.change(add={"given": -1})'
    )
    assert torn != KILLS.read_text()
    script = tmp_path / "torn.py"
    script.write_text(torn.replace("Path(__file__).resolve().parent.parent", f"Path({str(KILLS.parent.parent)!r})"))
    folder = tmp_path / "state"
    folder.mkdir()
    command = [sys.executable, str(script), str(folder / "state.db"), "60", "3"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["torn"] > 0


def test_kept_over_a_restart(tmp_path: Path) -> None:
    database = Database(tmp_path / "deep" / "state.db")
    assert database.change({"volume": 40, "name": "Küche"}, {"turns": 2})
    assert database.change(add={"turns": 3})
    database.close()
    database.close()
    again = Database(tmp_path / "deep" / "state.db")
    assert (again.get("volume"), again.get("name"), again.get("none", 7)) == (40, "Küche", 7)
    assert again.counters() == {"turns": 5} and again.settings() == {"volume": 40, "name": "Küche"}
    again.close()


def test_all_or_nothing(tmp_path: Path) -> None:
    database = Database(tmp_path / "state.db")
    assert not database.change({"volume": 1}, {"turns": "many"})  # type: ignore[dict-item]
    assert "cannot be written" in database.problem
    assert database.get("volume") is None and database.counters() == {}
    assert database.change({"volume": 2}) and database.problem == ""
    database.close()


@pytest.mark.parametrize(
    "content", [b"", b"not a database at all, but long enough to be one" * 50, b"SQLite format 3\0"]
)
def test_a_file_that_is_no_database_is_kept_aside(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "state.db"
    path.write_bytes(content)
    database = Database(path)
    assert database.change({"volume": 3}) and database.problem == ""
    database.close()
    aside = [p.read_bytes() for p in tmp_path.glob("state.db.bad-*")]
    assert aside == ([content] if content else [])


@pytest.mark.parametrize("is_copied", [True, False])
def test_a_damaged_page_is_noticed_and_the_last_good_copy_taken(tmp_path: Path, is_copied: bool) -> None:
    path = tmp_path / "state.db"
    database = Database(path)
    database.change({f"name {n}": "x" * 400 for n in range(200)})
    database.close()
    if not is_copied:
        last_good.copy_of(path).unlink()
    raw = bytearray(path.read_bytes())
    raw[8192:12288] = bytes(4096)
    path.write_bytes(raw)
    again = Database(path)
    assert len(again.settings()) == 200 * is_copied and again.change({"volume": 1})
    assert ("last good copy" if is_copied else "begun anew") in again.replaced
    assert len(list(tmp_path.glob("state.db.bad-*"))) == 1
    again.close()


@pytest.mark.parametrize("left", [None, b""], ids=["gone", "empty"])
def test_a_file_that_a_power_cut_took_or_emptied_is_brought_back(tmp_path: Path, left: bytes | None) -> None:
    path = tmp_path / "state.db"
    database = Database(path)
    database.change({"volume": 7, "more": "x" * 9000})
    assert database.replaced == ""
    database.close()
    later = sqlite3.connect(path)
    later.execute("REPLACE INTO settings VALUES ('volume', '8')")
    later.commit()
    log = Path(f"{path}-wal").read_bytes()
    later.close()
    path.unlink()
    if left is not None:
        path.write_bytes(left)
    Path(f"{path}-wal").write_bytes(log)  # of a file that is not there any more
    again = Database(path)
    assert again.get("volume") == 7 and not again.problem and "last good copy" in again.replaced
    again.close()
    assert Database(path).get("volume") == 7, "nor was the copy lost"


@pytest.mark.parametrize("seed", range(8))
def test_whatever_the_card_made_of_it_nothing_is_raised(tmp_path: Path, seed: int) -> None:
    rng = random.Random(seed)
    for number in range(20):
        path = tmp_path / f"{number}" / "state.db"
        database = Database(path)
        database.change({"volume": number}, {"turns": number})
        database.close()
        with path.open("r+b") as file:
            file.seek(rng.randrange(path.stat().st_size))
            file.write(rng.randbytes(rng.choice([1, 4, 100, 6000])))
        database = Database(path)
        assert database.settings().keys() <= {"volume"} and database.get("nothing", 7) == 7
        database.change({"volume": 3}, {"turns": 1})
        database.close()


def test_words_that_sqlite_cannot_say_are_a_spoilt_file(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    database = Database(path)
    database.change({"volume": 9})
    database.close()
    whole = path.read_bytes()
    assert whole.count(b"CREATE TABLE settings") == 1
    path.write_bytes(whole.replace(b"CREATE TABLE settings", b"CREATE TABLE \x8f\x8f\x8f(\x8f\x8f\x8f\x8f"))
    database = Database(path)
    assert database.get("volume") == 9 and not database.problem, "the copy"
    database.close()


def test_a_copy_that_is_spoilt_too_is_not_taken(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    for file in (path, last_good.copy_of(path)):
        file.write_bytes(b"not a database at all" * 200)
    database = Database(path)
    assert database.settings() == {} and database.change({"volume": 1}) and database.problem == ""
    database.close()


def test_the_copy_is_renewed_at_the_end_and_not_without_a_change(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    database = Database(path)
    database.change({"volume": 40})
    database.close()
    first = last_good.copy_of(path).stat()
    with sqlite3.connect(last_good.copy_of(path)) as db:
        assert db.execute("SELECT value FROM settings").fetchone() == ("40",)
    Database(path).close()
    assert last_good.copy_of(path).stat().st_mtime_ns == first.st_mtime_ns


def test_a_file_spoilt_while_it_is_open_raises_nothing(tmp_path: Path) -> None:
    database = Database(tmp_path / "state.db")
    database._db.execute("DROP TABLE settings")
    assert database.get("volume", 7) == 7 and database.settings() == {} and "cannot be read" in database.problem
    database.close()


def test_two_never_write_to_one_file(tmp_path: Path) -> None:
    first = Database(tmp_path / "state.db")
    second = Database(tmp_path / "state.db")
    assert "another rtva" in second.problem and not second.change({"volume": 1})
    assert first.change({"volume": 2}) and first.get("volume") == 2
    second.close()
    first.close()
    third = Database(tmp_path / "state.db")
    assert third.get("volume") == 2 and not third.problem
    third.close()


def test_a_newer_file_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    Database(path).close()
    with sqlite3.connect(path) as db:
        db.execute(f"PRAGMA user_version = {migrations.VERSION + 1}")
    database = Database(path)
    assert database.change({"volume": 1})
    database.close()
    aside = tmp_path / f"state.db.v{migrations.VERSION + 1}"
    with sqlite3.connect(aside) as db:
        assert db.execute("PRAGMA user_version").fetchone() == (migrations.VERSION + 1,)
    again = Database(path)
    assert again.get("volume") == 1 and again.problem == ""
    again.close()
    assert not list(tmp_path.glob("state.db.bad-*"))


NEXT = ("CREATE TABLE more (id INTEGER PRIMARY KEY)", "DELETE FROM counters")


@pytest.mark.parametrize("is_killed", [False, True])
@pytest.mark.parametrize("is_read_only", [False, True])
def test_the_release_before_has_its_state_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_killed: bool, is_read_only: bool
) -> None:
    """A newer release has changed the schema, perhaps only for the minute of its trial; twice, with starts between."""
    path = tmp_path / "state.db"
    for volume in (40, 60):
        database = Database(path)
        database.change({"volume": volume}, {"turns": 1})
        database.write([("REPLACE INTO list_items VALUES (1, 'shopping', 'milk')", ())])
        database.close()
        with monkeypatch.context() as newer:
            newer.setattr(migrations, "STEPS", (*migrations.STEPS, NEXT))
            newer.setattr(migrations, "VERSION", migrations.VERSION + 1)
            database = Database(path)
            assert database.get("volume") == volume and database.counters() == {}
            database.change({"volume": 99})
            killed = {each: each.read_bytes() for each in (path, Path(f"{path}-wal"))}
            database.close()
        if is_killed:
            for each, content in killed.items():
                each.write_bytes(content)
        if is_read_only:
            with monkeypatch.context() as broken:
                broken.setattr("os.open", read_only(os.open))
                memory = Database(path)
                assert memory.get("volume") == volume and "nothing is kept" in memory.problem
                memory.close()
        for _ in range(2):
            back = Database(path)
            assert (back.problem, back.get("volume"), back.counters()["turns"]) == ("", volume, 1 + (volume == 60))
            assert back.rows("SELECT item FROM list_items") == [("milk",)]
            assert back.change({"volume": volume})
            back.close()
    assert not list(tmp_path.glob("state.db.bad-*"))
    assert all(p.stat().st_mode & 0o077 == 0 for p in tmp_path.glob("state.db*"))


def read_only(real: Callable[..., int]) -> Callable[..., int]:
    def opened(path: Any, flags: int, *more: Any, **named: Any) -> int:
        if str(path).endswith("state.db") and flags & os.O_RDWR:
            raise OSError(errno.EROFS, "Read-only file system", str(path))
        return real(path, flags, *more, **named)

    return opened


def test_a_full_disk_costs_durability_not_the_service(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    database = Database(tmp_path / "state.db")
    database.change({"volume": 1})
    database._db.execute("PRAGMA max_page_count = 4")
    assert not database.change({"text": "x" * 100_000})
    assert "full" in database.problem and database.get("volume") == 1
    database._db.execute("PRAGMA max_page_count = 1000")
    assert database.change({"volume": 2}) and database.problem == ""
    database.close()


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    database = Database(tmp_path / "file" / "state.db")
    assert "nothing is kept" in database.problem
    assert not database.change({"volume": 2}) and database.get("volume") == 2, "it works on, in memory"
    database.close()


def test_where_the_disk_is_well_again_what_was_changed_meanwhile_is_brought_to_it(tmp_path: Path) -> None:
    path, told = tmp_path / "file" / "state.db", []  # type: Path, list[str]
    (tmp_path / "file").write_text("in the way")
    database = Database(path)
    database.on_problem = told.append
    assert not database.change({"volume": 2}) and not database.try_again()
    (tmp_path / "file").unlink()
    assert database.try_again() and told == [""]
    assert database.change({"muted": True})
    database.close()
    again = Database(path)
    assert again.settings() == {"volume": 2, "muted": True}
    again.close()


def test_a_full_disk_is_tried_again_without_a_change(tmp_path: Path) -> None:
    database, told = Database(tmp_path / "state.db"), []  # type: Database, list[str]
    database.on_problem = told.append
    database.change({"volume": 1})
    database._db.execute("PRAGMA max_page_count = 4")
    assert not database.change({"text": "x" * 100_000})
    database._db.execute("PRAGMA max_page_count = 1000")
    assert database.try_again() and database.settings() == {"volume": 1, "text": "x" * 100_000}
    assert len(told) == 2 and "full" in told[0] and told[1] == ""
    database.close()


def test_what_a_full_disk_refused_is_made_up_for_in_its_order(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    database = Database(path)
    database.change({"volume": 1}, {"turns": 1})
    database._db.execute("PRAGMA max_page_count = 4")
    assert not database.change({"text": "x" * 100_000, "volume": 2}, {"turns": 1})
    assert not database.change({"volume": 3}, {"turns": 1}), "it has to wait behind the one before"
    database._db.execute("PRAGMA max_page_count = 1000")
    assert database.change({"volume": 4}, {"turns": 1})
    database.close()
    again = Database(path)
    assert again.get("volume") == 4 and len(again.get("text")) == 100_000 and again.counters() == {"turns": 4}
    again.close()


def test_a_debt_that_can_never_be_paid_holds_up_nothing(tmp_path: Path) -> None:
    database = Database(tmp_path / "state.db")
    database._owed.append(("INSERT INTO nothing VALUES (1)", ()))
    assert database.change({"volume": 4}) and database.settings() == {"volume": 4} and not database._owed
    database.close()


def test_the_alert_is_on_while_nothing_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "RETRY_S", 0.05)
    (tmp_path / "file").write_text("in the way")
    database, board = Database(tmp_path / "file" / "state.db"), Board(Hub())
    kept = memory.Memory(database, board.hub, board.set_alert)
    assert board.alerts == {"state_file": 1.0}
    (tmp_path / "file").unlink()
    eventually(lambda: not board.alerts)
    kept.close()


def test_an_older_file_is_brought_up_step_by_step(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "state.db"
    old = Database(path)
    old.change({"volume": 40}, {"turns": 1})
    old.close()
    steps = (*migrations.STEPS, ("CREATE TABLE timers (id INTEGER PRIMARY KEY)",))
    monkeypatch.setattr(migrations, "STEPS", steps)
    monkeypatch.setattr(migrations, "VERSION", len(steps))
    new = Database(path)
    assert new.get("volume") == 40 and new._db.execute("SELECT count(*) FROM timers").fetchone() == (0,)
    new.close()


def test_a_step_that_fails_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    db = sqlite3.connect(tmp_path / "state.db", isolation_level=None)
    monkeypatch.setattr(migrations, "STEPS", (("CREATE TABLE a (x)", "CREATE TABEL b (x)"),))
    with pytest.raises(sqlite3.OperationalError):
        migrations.migrate(db)
    assert db.execute("SELECT count(*) FROM sqlite_master").fetchone() == (0,)
    db.close()


def test_durability_is_on(tmp_path: Path) -> None:
    database = Database(tmp_path / "state.db")
    assert database._db.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    assert database._db.execute("PRAGMA synchronous").fetchone() == (2,), "FULL: the log is synced at each commit"
    assert database._db.execute("PRAGMA wal_autocheckpoint").fetchone()[0] == database_module.CHECKPOINT_PAGES
    database.close()


def test_a_new_state_file_is_its_owners_alone(tmp_path: Path) -> None:
    Database(tmp_path / "state.db").change({"volume": 1})
    assert {file.stat().st_mode & 0o777 for file in tmp_path.iterdir()} == {0o600}


def spoilt(folder: Path) -> Path:
    """A state file that was muted, spoilt; its good copy lies beside it."""
    path = folder / "state.db"
    before = Database(path)
    assert before.change({"muted": True})
    before.close()
    path.write_bytes(b"x" * 5000)
    return path


def test_a_spoilt_file_on_a_full_disk_costs_neither_the_good_copy_nor_what_it_holds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = spoilt(tmp_path)

    def full(path: Path) -> bool:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(last_good, "bring_back", full)
        database = Database(path)
    assert database.problem and database.get("muted") is True
    assert database.try_again() and database.get("muted") is True
    database.close()
    path.unlink()
    assert last_good.bring_back(path), "the copy is there, and was not made anew of nothing"
    again = Database(path)
    assert again.get("muted") is True
    again.close()


def test_a_spoilt_file_on_a_read_only_disk_is_replaced_once_that_is_well(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = spoilt(tmp_path)

    def read_only(self: Database, path: Path) -> None:
        raise OSError(30, "Read-only file system")

    with monkeypatch.context() as patched:
        patched.setattr(Database, "_open_file", read_only)
        database = Database(path)
        assert database.problem and database.get("muted") is True and not database.try_again()
    assert database.try_again() or database.try_again()
    database.close()
    again = Database(path)
    assert again.get("muted") is True
    again.close()
