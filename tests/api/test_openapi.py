"""The OpenAPI document: valid, fresh, complete, its examples true; and every status in it is reached by some test."""

from __future__ import annotations

import hashlib
import html
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import msgspec
import pytest
from openapi_spec_validator import validate

from chalicelib.api.answers.bookings import BookingOut
from chalicelib.api.answers.payments import PaymentOut, RefundOut
from chalicelib.api.core import routing
from chalicelib.api.core.fields import FORMATS
from chalicelib.api.core.gateway_responses import RESPONSES
from chalicelib.api.core.paging import Paged
from chalicelib.api.core.problems import PROBLEM_TYPES
from chalicelib.api.core.validation import read_body
from chalicelib.api.local_examples import GUEST, HOST
from chalicelib.api.routes import documents
from chalicelib.api.routes.bookings import BookingsQuery
from chalicelib.api.routes.listings import Range
from chalicelib.domain.ids import derive_booking_id, derive_listing_id
from chalicelib.domain.listings.calendar import Stay
from chalicelib.domain.money import EXPONENTS
from chalicelib.services.access import STAFF
from chalicelib.services.ports.outcomes import Page
from tests.api.conformance import complaints, described
from tests.api.harness import World
from tests.replacing import replace
from tools.openapi import answers as openapi_answers
from tools.openapi import document as openapi
from tools.openapi import examples, sentences
from tools.openapi.__main__ import generated, main

ROOT = Path(__file__).resolve().parents[2]
DOCUMENT = openapi.document()
OPERATIONS = {(method, path): made for path, methods in DOCUMENT["paths"].items() for method, made in methods.items()}


def inside(part: Any) -> Iterator[dict[str, Any]]:
    """Every object in the document."""
    if isinstance(part, dict):
        yield part
        part = list(part.values())
    if isinstance(part, list):
        for each in part:
            yield from inside(each)


def test_it_is_valid() -> None:
    validate(DOCUMENT)


def test_the_committed_one_is_fresh() -> None:
    assert main(["--check"]) == 0


def test_a_stale_one_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture) -> None:
    file = tmp_path / "openapi.json"
    monkeypatch.setattr("tools.openapi.__main__.FILE", file)
    monkeypatch.setattr("tools.openapi.__main__.document", lambda: DOCUMENT)
    assert main(["--check"]) == 1
    assert "make openapi" in capsys.readouterr().out
    assert not file.exists()
    assert main([]) == 0
    assert file.read_text(encoding="utf-8") == generated()
    assert main(["--check"]) == 0


def test_it_does_not_hang_on_the_order_of_imports() -> None:
    alone = "from tools.openapi.document import document; import json; print(json.dumps(document()))"
    done = subprocess.run([sys.executable, "-c", alone], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == json.dumps(DOCUMENT)


def test_every_route_is_in_it_and_nothing_else() -> None:
    assert OPERATIONS.keys() == {(route.method.lower(), route.path) for route in routing.ROUTES}
    for route in routing.ROUTES:
        made = OPERATIONS[route.method.lower(), route.path]
        assert made["operationId"] == route.name
        assert bool(made["security"]) == route.signed_in
        staff = [group for group, rights in STAFF.items() if route.right in rights]
        assert made.get("x-groups", []) == {"host": ["host"], "operator": staff, None: []}[route.role]
        assert made["tags"][0] in openapi.TAGS
    names = [made["operationId"] for made in OPERATIONS.values()]
    assert len(set(names)) == len(names)


def test_every_reference_leads_somewhere_and_nothing_is_left_over() -> None:
    led = {each["$ref"] for each in inside(DOCUMENT) if "$ref" in each}
    there = {f"#/components/{kind}/{name}" for kind, made in DOCUMENT["components"].items() for name in made}
    unused = {f"#/components/securitySchemes/{name}" for name in DOCUMENT["components"]["securitySchemes"]}
    assert led == there - unused


def test_every_format_is_a_common_one_or_told_of() -> None:
    formats = {each["format"] for each in inside(DOCUMENT) if isinstance(each.get("format"), str)}
    common = {"date", "date-time", "email", "uri", "uri-reference"}
    assert formats == common | FORMATS.keys()
    assert all(f"`{name}`" in DOCUMENT["info"]["description"] for name in FORMATS)


def properties(where: str, part: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every property below a part of the document, by the way that leads to it."""
    if isinstance(part, dict):
        for name, each in part.items():
            if name == "properties":
                yield from ((f"{where}.{field}", schema) for field, schema in each.items())
            if name != "example":
                yield from properties(where if name == "properties" else f"{where}.{name}", each)
    elif isinstance(part, list):
        for each in part:
            yield from properties(where, each)


DESCRIBED = [
    *properties("", DOCUMENT["components"]["schemas"]),
    *properties("", DOCUMENT["components"]["responses"]),
    *properties("", DOCUMENT["paths"]),
    *(
        (f"{made['operationId']}({parameter['name']})", parameter)
        for made in OPERATIONS.values()
        for parameter in made.get("parameters", ())
    ),
    *((f"header {name}", header) for name, header in DOCUMENT["components"]["headers"].items()),
    *((made["operationId"], made) for made in OPERATIONS.values()),
]


def test_every_property_and_every_parameter_is_described() -> None:
    missing = [name for name, part in DESCRIBED if not part.get("description", "").strip()]
    assert missing == [], "write a string below these fields, or below their type (CONTRIBUTING, Adding a field)"
    assert len(DESCRIBED) > 400


def test_a_sentence_is_the_fields_own_else_its_types() -> None:
    of_type = sentences.of_fields(BookingOut)["status"]
    assert "`pending_payment`" in of_type
    query = sentences.of_fields(BookingsQuery)
    assert query["status"] == f"Only bookings in this status.\n\n{of_type}"
    assert query["cursor"] == sentences.of_fields(Paged)["cursor"]
    assert sentences.of_fields(Range).keys() == {"from", "to"}


def test_a_field_without_a_sentence_has_none() -> None:
    assert sentences.of_fields(Stay) == {}


def test_the_structs_inside_a_type_are_found() -> None:
    inside_a_page = list(sentences.structs_in(Page[BookingOut]))
    assert inside_a_page[0] == Page[BookingOut]
    assert {BookingOut, PaymentOut, RefundOut} <= set(inside_a_page[1:])


def words_of(part: dict[str, Any]) -> set[str]:
    """The words of every enumeration in a part, but not of what it refers to."""
    return {word for each in inside(part) for word in each.get("enum", ())}


def test_every_word_of_an_enumeration_is_explained() -> None:
    listed = [*DESCRIBED, *DOCUMENT["components"]["schemas"].items()]
    unexplained = {
        name: missing
        for name, part in listed
        if "operationId" not in part and "properties" not in part
        if (missing := {word for word in words_of(part) - EXPONENTS.keys() if f"`{word}`" not in part["description"]})
    }
    assert unexplained == {}, "say below the type what each of its words means"


def test_every_code_that_is_documented_exists_and_the_other_way_round() -> None:
    enums = [
        each["code"]["enum"]
        for each in inside(DOCUMENT)
        if isinstance(each.get("code"), dict) and "enum" in each["code"]
    ]
    documented = {code for enum in enums for code in enum}
    # A more exact one is always answered instead; and API Gateway never lets a method through that no path has.
    nowhere = {"not_found", "method_not_allowed"}
    assert documented == PROBLEM_TYPES.keys() - nowhere


def test_every_answer_of_api_gateway_is_thought_of() -> None:
    for kind, answer in RESPONSES.items():
        alike = {RESPONSES[other].status for other in (*openapi_answers.AT_THE_GATEWAY, *openapi_answers.FOR_A_TOKEN)}
        if kind in {"INVALID_API_KEY", "WAF_FILTERED", "QUOTA_EXCEEDED", "UNSUPPORTED_MEDIA_TYPE"}:
            continue  # this API has no keys, no firewall, no usage plan, and takes every media type in
        if answer.code != "route_not_found":
            assert answer.status in alike, kind


@pytest.mark.parametrize("kind", examples.BODIES, ids=lambda kind: kind.__name__)
def test_the_bodies_of_examples_are_taken(kind: type[msgspec.Struct]) -> None:
    made = read_body(json.dumps(examples.BODIES[kind]).encode(), kind)
    assert type(made) is kind


def test_every_body_and_every_answer_has_an_example() -> None:
    for route in routing.ROUTES:
        for kind in (route.body, *(outcome.body for outcome in route.outcomes)):
            assert kind in (None, dict) or examples.of(kind) is not None, route.name


def test_the_examples_fit_their_schemas() -> None:
    held = 0
    for each in inside(described()):
        if "schema" in each and "example" in each:
            assert complaints(each["schema"], each["example"]) == []
            held += 1
    assert held > 60


@pytest.fixture
def deployed(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A stage of AWS, where nothing is done for a developer's convenience."""
    stage = replace(world.container.settings, stage="prod", oidc_issuer="https://issuer.example/<b>")
    monkeypatch.setattr(world.container, "settings", stage)


@pytest.mark.parametrize(
    "path", ["/", "/openapi.json", "/docs", "/health", "/v1/config", *(f"/docs/{name}" for name in documents.FILES)]
)
@pytest.mark.usefixtures("deployed")
def test_the_documents_ask_nothing_of_aws(world: World, path: str) -> None:
    world.touched.clear()
    assert world.call("GET", path).status == 200
    assert world.touched == []


@pytest.mark.usefixtures("deployed")
def test_it_is_served_as_it_is_committed(world: World) -> None:
    reply = world.call("GET", "/openapi.json")
    assert reply.headers["Content-Type"] == "application/json"
    assert reply.body == json.loads((ROOT / "docs" / "openapi.json").read_text(encoding="utf-8"))


def test_it_is_not_built_before_it_is_asked_for() -> None:
    loaded = "import app, sys; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", loaded], cwd=ROOT, capture_output=True, text=True, check=True)
    late = {f"chalicelib.api.{name}" for name in ("openapi", "openapi_answers", "schemas", "examples")}
    assert late.isdisjoint(done.stdout.split())


# The page


def test_the_page_names_only_relative_addresses_that_are_there(world: World) -> None:
    page = world.call("GET", "/docs")
    assert page.headers["Content-Type"] == "text/html; charset=utf-8"
    found = re.findall(r'(?:src|href)="([^"]+)"', page.text)
    for address in set(found) - {"data:,"}:
        assert not address.startswith(("/", "http"))
        reply = world.call("GET", "/" + address.partition("?")[0])
        assert reply.status == 200
    named_files = {address.partition("?")[0].removeprefix("docs/") for address in found}
    assert documents.FILES.keys() <= named_files
    assert f"?v={documents.SWAGGER_UI}" in page.text


def test_the_first_page_links_to_what_is_there(world: World) -> None:
    page = world.call("GET", "/")
    assert page.headers["Content-Type"] == "text/html; charset=utf-8"
    assert "backend for travel bookings" in page.text
    links = {html.unescape(link) for link in re.findall(r'href="([^"]+)"', page.text)} - {"data:,"}
    assert {"/docs", "/openapi.json", "/v1/config", "/health"} < links
    for link in links:
        path, _, query = link.partition("?")
        assert world.call("GET", path, query=dict(parse_qsl(query))).status == 200


def test_the_page_runs_only_its_own_scripts(world: World) -> None:
    page = world.call("GET", "/docs")
    policy = page.headers["Content-Security-Policy"]
    assert "unsafe" not in policy
    assert "default-src 'none'; script-src 'self'; style-src 'self'" in policy
    assert re.findall(r"<script(?! src)|<style|style=|\son\w+=", page.text) == []
    assert "persistAuthorization: false" in world.call("GET", "/docs/docs.js").text


def test_a_local_page_signs_in_at_the_local_issuer(world: World) -> None:
    page = world.call("GET", "/docs")
    assert 'data-tokens="https://issuer.example/token"' in page.text
    assert re.findall(r'data-sub="([^"]+)" data-groups="([^"]*)"', page.text) == [
        ("guest-1", ""),
        ("host-1", "host"),
        ("operator-1", "operator"),
    ]
    assert "connect-src 'self' https://issuer.example;" in page.headers["Content-Security-Policy"]
    assert re.findall(r"<script(?! src)|<style|style=|\son\w+=", page.text) == []


@pytest.mark.usefixtures("deployed")
def test_a_deployed_page_says_where_a_token_comes_from(world: World) -> None:
    page = world.call("GET", "/docs")
    assert "<code>https://issuer.example/&lt;b&gt;</code>" in page.text
    assert "data-tokens" not in page.text
    assert "connect-src 'self';" in page.headers["Content-Security-Policy"]


def test_the_examples_of_a_local_stack_name_what_is_there_today(world: World) -> None:
    world.clock.at = datetime(2027, 3, 30, 12, 0, tzinfo=UTC)
    made = json.loads(world.call("GET", "/openapi.json").text)
    salt = world.container.bookings.salt()
    paths = made["paths"]
    asked = paths["/v1/bookings"]["post"]["requestBody"]["content"]["application/json"]["example"]
    assert (asked["check_in"], asked["check_out"]) == ("2027-04-11", "2027-04-14")
    assert asked["listing_id"] == derive_listing_id(salt, HOST, "seed-Bahir-Dar-Lake-house")
    (key,) = (each["example"] for each in paths["/v1/bookings"]["post"]["parameters"])
    assert key == "a-key-for-2027-03-30"
    booking_id = paths["/v1/bookings/{booking_id}"]["get"]["parameters"][0]["example"]
    assert booking_id == derive_booking_id(salt, GUEST, key)
    assert paths["/v1/payments/{tx_ref}"]["get"]["parameters"][0]["example"] == f"{booking_id}-1"


@pytest.mark.parametrize("name", ["README.md", "LICENSE", "docs.html", "..", "..%2fsettings.py", "docs.js.map", "x"])
def test_no_other_file_is_given_out(world: World, name: str) -> None:
    reply = world.call("GET", f"/docs/{name}")
    assert (reply.status, reply.code) == (404, "route_not_found")


def test_swagger_ui_is_as_it_was_published() -> None:
    folder = ROOT / "chalicelib" / "static" / "swagger-ui"
    told = (folder / "README.md").read_text(encoding="utf-8")
    assert f"`swagger-ui-dist` {documents.SWAGGER_UI}:" in told
    for name, digest in re.findall(r"`(swagger-ui[\w.-]+)` \| sha256 `(\w{64})`", told):
        assert hashlib.sha256((folder / name).read_bytes()).hexdigest() == digest
    assert {"LICENSE", "NOTICE", "swagger-ui-bundle.js.LICENSE.txt"} <= {path.name for path in folder.iterdir()}
