"""The trust stores of the functions: each small enough to cost a cold start nothing.

OpenSSL parses a whole bundle for each TLS client, a fifth of a cold start each time. So AWS's clients get the five
roots that Amazon publishes for its services, in ``chalicelib/trust/amazon.pem``, and everything else gets every root
of certifi as a file of its own under the hash of its subject, which OpenSSL opens when a server needs it: no root is
lost. The directory is made with the package; the file is committed, so that a change of it is seen.

``python -m tools.trust`` writes the file again from certifi; ``--published`` asks Amazon whether its list has changed.
"""

from __future__ import annotations

import argparse
import hashlib
import re
import sys
import urllib.request
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import certifi
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.name import _ASN1Type

from chalicelib.trust import AMAZON

REPOSITORY = "https://www.amazontrust.com/repository/"
PUBLISHED = {
    "fbe3018031f9586bcbf41727e417b7d1c45c2f47f93be372a17b96b50757d5a2": "Amazon Root CA 1",
    "7f4296fc5b6a4e3b35d3c369623e364ab1af381d8fa7121533c9d6c633ea2461": "Amazon Root CA 2",
    "36abc32656acfc645c61b71613c4bf21c787f5cabbee48348d58597803d7abc9": "Amazon Root CA 3",
    "f7ecded5c66047d28ed6466b543c40e0743abe81d109254dcf845d4c2c7853c5": "Amazon Root CA 4",
    "2b071c59a0a0ae76b0eadb2bad23bad4580b69c3601b630c2eaf0613afa83f92": "Starfield Services Root CA - G2",
}
"""The SHA-256 of each root's public key, as Amazon's repository lists it; trust is in keys, not in certificates."""

_CERTIFICATE = re.compile(r"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----\n", re.DOTALL)
_TEXTS = {
    _ASN1Type.UTF8String, _ASN1Type.PrintableString, _ASN1Type.IA5String, _ASN1Type.T61String,
    _ASN1Type.BMPString, _ASN1Type.UniversalString, _ASN1Type.VisibleString,
}  # fmt: skip
_UTF8, _SEQUENCE, _SET, _OID = 0x0C, 0x30, 0x31, 0x06


def amazon_roots(bundle: str) -> str:
    """The certificates of a bundle whose keys Amazon publishes, in the order of ``PUBLISHED``. Raises KeyError."""
    found = {key_hash(pem): pem for pem in certificates(bundle)}
    return "".join(f"# {name}\n{found[key]}" for key, name in PUBLISHED.items())


def certificates(bundle: str) -> list[str]:
    """Every certificate of a bundle, as PEM."""
    return _CERTIFICATE.findall(bundle)


def key_hash(pem: str) -> str:
    """The SHA-256 of a certificate's public key, as hexadecimal digits."""
    key = x509.load_pem_x509_certificate(pem.encode()).public_key()
    return hashlib.sha256(key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).hexdigest()


def write_directory(bundle: str, folder: Path) -> None:
    """Write each certificate of a bundle where OpenSSL looks for it: ``HASH.N``, the N-th of that subject."""
    folder.mkdir(parents=True)
    seen: Counter[str] = Counter()
    for pem in certificates(bundle):
        name = subject_hash(x509.load_pem_x509_certificate(pem.encode()).subject)
        (folder / f"{name}.{seen[name]}").write_text(pem, encoding="ascii")
        seen[name] += 1


def subject_hash(subject: x509.Name) -> str:
    """What ``openssl x509 -subject_hash`` prints: the first four bytes of the SHA-1 of the name's canonical form."""
    canonical = b"".join(_der(_SET, b"".join(sorted(map(_attribute, part)))) for part in subject.rdns)
    digest = hashlib.sha1(canonical, usedforsecurity=False).digest()
    return f"{int.from_bytes(digest[:4], 'little'):08x}"


def _attribute(attribute: x509.NameAttribute[str | bytes]) -> bytes:
    """Canonical: text as UTF-8, ASCII letters small, and every run of spaces one space."""
    value = attribute.value
    if attribute._type in _TEXTS and isinstance(value, str):
        words = re.sub(r"[ \t\n\v\f\r]+", " ", value.strip(" \t\n\v\f\r"))
        encoded = _der(_UTF8, re.sub("[A-Z]", lambda letter: letter[0].lower(), words).encode())
    else:
        encoded = _der(attribute._type.value, value.encode() if isinstance(value, str) else value)
    return _der(_SEQUENCE, _der(_OID, bytes(_oid(attribute.oid.dotted_string))) + encoded)


def _oid(dotted: str) -> Iterator[int]:
    first, second, *rest = map(int, dotted.split("."))
    for arc in (40 * first + second, *rest):
        septets = [arc & 0x7F]
        while arc := arc >> 7:
            septets.insert(0, arc & 0x7F | 0x80)
        yield from septets


def _der(tag: int, content: bytes) -> bytes:
    size = len(content)
    if size < 0x80:
        return bytes([tag, size]) + content
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes([tag, 0x80 | len(length)]) + length + content


def published_keys(page: str) -> set[str]:
    """The keys that Amazon's repository lists as its roots, but for those of the European Sovereign Cloud."""
    _, _, roots = page.partition("Root CAs")
    roots, _, _ = roots.partition("Subordinate CAs")
    rows = re.findall(r"CN=([^<|\n]*?)[<|,].{0,400}?\b([0-9a-f]{64})\b", roots, re.DOTALL)
    return {key for name, key in rows if " EU " not in f" {name} "}


def main(arguments: list[str] | None = None) -> int:
    """`python -m tools.trust`."""
    parser = argparse.ArgumentParser(prog="python -m tools.trust", description="Write the roots of Amazon's services.")
    parser.add_argument("--published", action="store_true", help="ask Amazon whether the list is still the same")
    if parser.parse_args(arguments).published:
        with urllib.request.urlopen(REPOSITORY, timeout=20) as answer:
            found = published_keys(answer.read().decode())
        if found != set(PUBLISHED):
            print(f"{REPOSITORY} lists other roots than tools/trust.py:")
            print("".join(f"  new: {key}\n" for key in found - set(PUBLISHED)), end="")
            print("".join(f"  gone: {key} ({PUBLISHED[key]})\n" for key in set(PUBLISHED) - found), end="")
            return 1
        print(f"The {len(found)} roots are those that Amazon publishes.")
        return 0
    AMAZON.write_text(amazon_roots(Path(certifi.where()).read_text(encoding="utf-8")), encoding="utf-8")
    print(f"{AMAZON.name}: {len(PUBLISHED)} roots")
    return 0


if __name__ == "__main__":
    sys.exit(main())
