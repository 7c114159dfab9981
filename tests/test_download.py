"""download() against a local HTTP server that misbehaves in every way a real one does."""

import hashlib
import http.server
import threading
import time

import pytest

from tinygrad_edu.data.download import download

CONTENT = bytes(range(256)) * 2000  # 512,000 bytes: several chunks
CHECKSUM = "sha256:" + hashlib.sha256(CONTENT).hexdigest()


class Server(http.server.ThreadingHTTPServer):
    """Serves CONTENT under any path; `script` holds what goes wrong with the coming requests."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.script, self.ranges, self.released = [], [], threading.Event()
        self.url = f"http://127.0.0.1:{self.server_port}/file.bin"


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        fault = self.server.script.pop(0) if self.server.script else ""
        asked = self.headers.get("Range")
        self.server.ranges.append(asked)
        if fault.isdigit():
            return self.send_error(int(fault))
        start = int(asked[len("bytes=") : -1]) if asked and "no ranges" not in fault else 0
        if start >= len(CONTENT):
            self.send_response(416)
            self.send_header("Content-Range", f"bytes */{len(CONTENT)}")
            self.send_header("Content-Length", "0")
            return self.end_headers()
        body = CONTENT[start:] if "foreign" not in fault else b"<html>log in</html>"
        self.send_response(206 if start else 200)
        if start:
            shift = 7 if "wrong range" in fault else 0
            last = len(CONTENT) - 1
            self.send_header("Content-Range", f"bytes {start + shift}-{last}/{len(CONTENT)}")
        if "no length" not in fault:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if "truncate" in fault or "stall" in fault:
            self.wfile.write(body[:100_000])
            self.wfile.flush()
            if "stall" in fault:
                self.server.released.wait(10)
        else:
            self.wfile.write(body)

    def log_message(self, *arguments):
        pass


@pytest.fixture
def server(monkeypatch):
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with Server() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield server
        server.released.set()
        server.shutdown()
        thread.join()


def fetch(server, path, **options):
    options = {"checksum": CHECKSUM, "backoff": 0.0, "progress": False, **options}
    return download(server.url, path, **options)


def files(folder):
    return sorted(path.name for path in folder.iterdir())


def test_plain(server, tmp_path):
    path = fetch(server, tmp_path / "new" / "folder" / "file.bin")
    assert path.read_bytes() == CONTENT
    assert files(path.parent) == ["file.bin"]


def test_a_file_that_is_there_is_not_fetched_again(server, tmp_path):
    fetch(server, tmp_path / "file.bin")
    fetch(server, tmp_path / "file.bin")
    assert len(server.ranges) == 1


def test_a_damaged_file_is_replaced(server, tmp_path):
    (tmp_path / "file.bin").write_bytes(b"something else")
    assert fetch(server, tmp_path / "file.bin").read_bytes() == CONTENT


def test_truncated_answers_are_resumed(server, tmp_path):
    server.script = ["truncate"] * 3
    assert fetch(server, tmp_path / "file.bin", retries=1).read_bytes() == CONTENT
    assert server.ranges == [None, "bytes=100000-", "bytes=200000-", "bytes=300000-"]


def test_a_stalled_answer_is_resumed(server, tmp_path):
    server.script = ["stall"]
    started = time.monotonic()
    assert fetch(server, tmp_path / "file.bin", timeout=0.3).read_bytes() == CONTENT
    assert time.monotonic() - started < 5
    assert server.ranges == [None, "bytes=100000-"]


def test_a_server_that_ignores_ranges_is_asked_from_the_start(server, tmp_path):
    server.script = ["truncate", "no ranges"]
    assert fetch(server, tmp_path / "file.bin").read_bytes() == CONTENT


def test_a_server_that_always_truncates_and_ignores_ranges_ends_in_an_error(server, tmp_path):
    server.script = ["truncate no ranges"] * 20
    with pytest.raises(ConnectionError, match=r"failed 3 times.*100,000 of 512,000 bytes.*\.part"):
        fetch(server, tmp_path / "file.bin", retries=3)
    assert files(tmp_path) == ["file.bin.part"]


def test_another_range_than_asked_for_is_not_believed(server, tmp_path):
    server.script = ["truncate", "wrong range"]
    assert fetch(server, tmp_path / "file.bin").read_bytes() == CONTENT
    assert server.ranges == [None, "bytes=100000-", None]


def test_not_found_fails_at_once(server, tmp_path):
    server.script = ["404"]
    with pytest.raises(ConnectionError, match="answered 404"):
        fetch(server, tmp_path / "file.bin")
    assert len(server.ranges) == 1 and files(tmp_path) == []


@pytest.mark.parametrize("code", ["500", "503", "429"])
def test_a_busy_server_is_asked_again(server, tmp_path, code):
    server.script = [code, code]
    assert fetch(server, tmp_path / "file.bin").read_bytes() == CONTENT


def test_no_length_given(server, tmp_path):
    server.script = ["no length"]
    assert fetch(server, tmp_path / "file.bin").read_bytes() == CONTENT


def test_a_foreign_file_fails_and_leaves_nothing(server, tmp_path):
    server.script = ["foreign"] * 5
    with pytest.raises(ConnectionError, match="checksum"):
        fetch(server, tmp_path / "file.bin")
    assert files(tmp_path) == [] and len(server.ranges) == 1


def test_a_stale_part_file_is_dropped_once(server, tmp_path):
    (tmp_path / "file.bin.part").write_bytes(b"x" * 1000)
    assert fetch(server, tmp_path / "file.bin").read_bytes() == CONTENT
    assert server.ranges == ["bytes=1000-", None]


@pytest.mark.parametrize("extra", [b"", b"more than the file"])
def test_a_part_file_that_is_whole_or_too_long(server, tmp_path, extra):
    (tmp_path / "file.bin.part").write_bytes(CONTENT + extra)
    assert fetch(server, tmp_path / "file.bin").read_bytes() == CONTENT


def test_interrupted_by_the_user_the_part_file_stays(server, tmp_path, monkeypatch):
    import tinygrad_edu.data.download as module

    def interrupted(part, checksum, url):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(module, "verify", interrupted)
        fetch(server, tmp_path / "file.bin")
    assert files(tmp_path) == ["file.bin.part"]
    assert fetch(server, tmp_path / "file.bin").read_bytes() == CONTENT
    assert files(tmp_path) == ["file.bin"]


def test_nobody_listens(tmp_path, monkeypatch):
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with pytest.raises(ConnectionError, match="failed 2 times"):
        download("http://127.0.0.1:9/x", tmp_path / "x", retries=2, backoff=0.0, timeout=2.0)


def test_an_unwritable_folder_is_the_disks_error(server, tmp_path):
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(OSError) as error:
        fetch(server, tmp_path / "file" / "file.bin")
    assert not isinstance(error.value, ConnectionError)


@pytest.mark.parametrize("url", ["file:///etc/passwd", "ftp://host/x", "nonsense"])
def test_other_addresses_are_refused(url, tmp_path):
    with pytest.raises(ValueError, match="http"):
        download(url, tmp_path / "x")
