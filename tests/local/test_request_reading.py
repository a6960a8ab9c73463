"""Reading bodies and addresses off the wire."""

from email.message import Message
from io import BytesIO

import pytest

from local.stack.request_reading import MOST_BYTES, Malformed, TooLarge, clean_target, read_body


def headers(*pairs: tuple[str, str]) -> Message:
    message = Message()
    for name, value in pairs:
        message[name] = value
    return message


CHUNKED = headers(("Transfer-Encoding", "chunked"))


def test_no_length_is_no_body() -> None:
    assert read_body(headers(), BytesIO(b"GET / HTTP/1.1")) is None


def test_a_body_ends_where_its_length_says() -> None:
    stream = BytesIO(b"bodyGET /")
    assert read_body(headers(("Content-Length", "4")), stream) == b"body"
    assert stream.read() == b"GET /"


def test_the_same_length_twice_is_one_length() -> None:
    assert read_body(headers(("Content-Length", "4"), ("Content-Length", "4")), BytesIO(b"body")) == b"body"


@pytest.mark.parametrize("length", ["-1", "+4", "4 4", "0x4", "٤", "", "4.0"])
def test_a_length_that_is_no_number(length: str) -> None:
    with pytest.raises(Malformed):
        read_body(headers(("Content-Length", length)), BytesIO(b"body"))


def test_two_lengths() -> None:
    with pytest.raises(Malformed):
        read_body(headers(("Content-Length", "4"), ("Content-Length", "5")), BytesIO(b"body!"))


@pytest.mark.parametrize("length", [str(MOST_BYTES + 1), "9" * 400])
def test_too_large_is_told_before_reading(length: str) -> None:
    stream = BytesIO(b"body")
    with pytest.raises(TooLarge):
        read_body(headers(("Content-Length", length)), stream)
    assert stream.tell() == 0


def test_a_client_that_leaves_in_the_middle() -> None:
    with pytest.raises(ConnectionError):
        read_body(headers(("Content-Length", "10")), BytesIO(b"body"))


def test_chunks_are_joined_and_trailers_skipped() -> None:
    stream = BytesIO(b"4;name=value\r\nWiki\r\n5\r\npedia\r\n0\r\nTrailer: x\r\n\r\nGET /")
    assert read_body(CHUNKED, stream) == b"Wikipedia"
    assert stream.read() == b"GET /"


@pytest.mark.parametrize("wire", [b"x\r\n", b"-4\r\nWiki\r\n", b"4\r\nWikipedia\r\n0\r\n\r\n", b"\r\n", b"1" * 2000])
def test_broken_chunks(wire: bytes) -> None:
    with pytest.raises(Malformed):
        read_body(CHUNKED, BytesIO(wire))


def test_chunks_that_are_too_much_together() -> None:
    with pytest.raises(TooLarge):
        read_body(CHUNKED, BytesIO(f"{MOST_BYTES + 1:x}\r\n".encode()))


@pytest.mark.parametrize(
    "ambiguous",
    [
        headers(("Transfer-Encoding", "chunked"), ("Content-Length", "4")),
        headers(("Transfer-Encoding", "gzip, chunked")),
        headers(("Transfer-Encoding", "identity")),
    ],
)
def test_a_body_whose_end_is_a_matter_of_opinion(ambiguous: Message) -> None:
    with pytest.raises(Malformed):
        read_body(ambiguous, BytesIO(b"4\r\nbody\r\n0\r\n\r\n"))


@pytest.mark.parametrize(
    ("target", "clean"),
    [
        ("/v1/listings?city=a&city=b", "/v1/listings?city=a&city=b"),
        ("/v1/listings/%zz", "/v1/listings/%zz"),
        ("http://example.com/health?a=1", "/health?a=1"),
        ("http://example.com", "/"),
        ("/page#part", "/page"),
        ("/" + "ጉዞ".encode().decode("latin-1"), "/%E1%8C%89%E1%8B%9E"),
    ],
)
def test_addresses(target: str, clean: str) -> None:
    assert clean_target(target) == clean


@pytest.mark.parametrize("target", ["*", "example.com:443", "ftp://example.com/", "http://[/"])
def test_addresses_that_make_no_sense(target: str) -> None:
    with pytest.raises(Malformed):
        clean_target(target)
