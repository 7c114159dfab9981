"""Fetch one file over HTTP: resumed after a break, checked, renamed into place when whole."""

from __future__ import annotations

import hashlib
import http.client
import os
import ssl
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import BinaryIO

CHUNK = 1 << 16
# 4xx answers that may pass if asked again; every other one is final.
TEMPORARY = {408, 425, 429}
# What a network does wrong; any other OSError is the disk's, and asking again does not help.
NETWORK_ERRORS = (
    urllib.error.URLError,
    http.client.HTTPException,
    ConnectionError,
    TimeoutError,
    ssl.SSLError,
)


def download(
    url: str,
    path: str | os.PathLike[str],
    *,
    checksum: str | None = None,
    retries: int = 5,
    timeout: float = 30.0,
    backoff: float = 0.5,
    progress: bool = True,
) -> Path:
    """Fetch `url` into `path`, unless a file with that checksum is already there.

    Bytes go to `path + ".part"`, which survives an interruption: the next call asks the server for
    the rest (an HTTP range) and starts over where the server knows no ranges. The file takes its
    name only when its length and checksum are right.

    Args:
        url: an http or https address.
        path: where the file shall lie; missing folders are made.
        checksum: `"md5:<hex>"`, `"sha256:<hex>"` or any other algorithm of hashlib.
        retries: attempts in a row that may bring nothing new before giving up.
        timeout: seconds without a byte after which an attempt counts as failed.
        backoff: seconds before the second attempt; doubled for each further one, at most 10.
        progress: show a bar where stderr is a terminal.

    Returns:
        `path`, as a Path.

    Raises:
        ValueError: for another kind of address.
        ConnectionError: when the server refuses, keeps failing, or sends another file.
    """
    if not url.startswith(("http://", "https://")):
        raise ValueError(f"download: needs an http or https address, got {url!r}")
    path = Path(path)
    if path.exists() and (checksum is None or file_digest(path, checksum) == checksum):
        return path
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(path.name + ".part")
    furthest = size_of(part)
    failures = 0
    while True:
        try:
            resumed = fetch(url, part, timeout, progress)
            verify(part, checksum, url)
            break
        except urllib.error.HTTPError as error:
            error.close()
            if 400 <= error.code < 500 and error.code not in TEMPORARY:
                raise ConnectionError(
                    f"download: {url} answered {error.code} {error.reason}"
                ) from None
            reason: Exception = error
        except WrongContent as error:
            # An old part file of another version may be to blame, once; a fresh download is not.
            part.unlink()
            if not resumed:
                raise ConnectionError(str(error)) from None
            reason = error
        except (OSError, http.client.HTTPException) as error:
            if (
                isinstance(error, OSError)
                and error.errno is not None
                and error.filename is not None
            ):
                raise  # the disk, not the network
            reason = error
        grown = size_of(part) > furthest
        furthest = max(furthest, size_of(part))
        failures = 0 if grown else failures + 1
        if failures >= retries:
            raise ConnectionError(
                f"download: {url} failed {failures} times in a row ({reason}); "
                f"{size_of(part):,} bytes wait in {part}, call again to go on from there"
            ) from reason
        time.sleep(min(backoff * 2**failures, 10.0))
    os.replace(part, path)
    return path


class WrongContent(Exception):
    """The bytes that came are not the file that was asked for."""


def fetch(url: str, part: Path, timeout: float, progress: bool) -> bool:
    """Append what `part` still lacks of `url`; True where earlier bytes were kept."""
    offset = size_of(part)
    request = urllib.request.Request(url, headers={"User-Agent": "tinygrad_edu"})
    if offset:
        request.add_header("Range", f"bytes={offset}-")
    try:
        response = urllib.request.urlopen(request, timeout=timeout)
    except urllib.error.HTTPError as error:
        if error.code != 416:  # range not satisfiable: we have all of it, or another file's bytes
            raise
        error.close()
        if error.headers.get("Content-Range") == f"bytes */{offset}":
            return True
        part.unlink()
        raise ConnectionError("the partial file is longer than the file") from None
    with response:
        kept: bool = response.status == 206
        if kept and not response.headers.get("Content-Range", "").startswith(f"bytes {offset}-"):
            part.unlink()
            raise ConnectionError("the server sent another range than the one asked for")
        offset = offset if kept else 0
        length = response.headers.get("Content-Length")
        total = offset + int(length) if length is not None and length.isdigit() else None
        with part.open("ab" if kept else "wb") as file:
            copy(response, file, offset, total, part.stem, progress)
            file.flush()
            os.fsync(file.fileno())
    received = size_of(part)
    if total is not None and received != total:
        raise ConnectionError(f"the connection ended after {received:,} of {total:,} bytes")
    return kept


def copy(
    response: http.client.HTTPResponse,
    file: BinaryIO,
    offset: int,
    total: int | None,
    name: str,
    progress: bool,
) -> None:
    """Write the response to the file, chunk by chunk, under a progress bar."""
    from tqdm import tqdm  # imported where it is used: `import tinygrad_edu` stays quick

    quiet = None if progress else True  # None: tqdm shows the bar on a terminal only
    with tqdm(
        total=total, initial=offset, unit="B", unit_scale=True, desc=name, disable=quiet
    ) as bar:
        while chunk := response.read1(CHUNK):  # what has come, not a full chunk
            file.write(chunk)
            bar.update(len(chunk))


def verify(part: Path, checksum: str | None, url: str) -> None:
    """Raise WrongContent unless the file has the checksum."""
    if checksum is not None and (found := file_digest(part, checksum)) != checksum:
        raise WrongContent(
            f"download: {url} sent a file with checksum {found}, expected {checksum}; "
            "the address may serve another version, or a login page in its place"
        )


def file_digest(path: Path, checksum: str) -> str:
    """The file's digest as "algorithm:hex", by the algorithm that `checksum` names."""
    algorithm = checksum.partition(":")[0]
    digest = hashlib.new(algorithm, usedforsecurity=False)
    with path.open("rb") as file:
        while chunk := file.read(1 << 20):
            digest.update(chunk)
    return f"{algorithm}:{digest.hexdigest()}"


def size_of(path: Path) -> int:
    """The file's size in bytes, 0 where there is none."""
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0
