"""The region is lost: a stack in another one takes over, from the nightly copy."""

from __future__ import annotations

import os
import shlex
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

import boto3

from local.__main__ import folder_for
from local.incidents.evening import OPERATOR, Evening, Typed, expect, the_stage
from local.incidents.platform import Items, _names, _tables
from local.scenarios.client import PromiseBroken, ScenarioClient, check
from local.stack.emulator.ministack import ROOT, free_port
from ops.operators.desk import LOCAL


def region_lost(evening: Evening) -> None:
    """The region is lost, with all that was paid since the nightly copy.

    Tables, queues, functions and users of the region do not answer any more, and will not soon. Last night's copy of
    the tables lies in a vault of another region, and beside it what no backup of AWS has: the users, the key by which
    guests are found, and the list of erasures. A stage is deployed there, and gets the copy; its address is told to the
    gateway and to the frontend. One booking was made and paid since the copy, and one guest was erased.
    """
    client = evening.client
    host, guest, gone = client.sign_in("selam", "host"), client.sign_in("hanna"), client.sign_in("dawit")
    listing = client.publish(host, units=4)
    kept = evening.confirmed(guest, listing)
    over = evening.confirmed(gone, listing, **evening.stay(first=0))
    client.advance(days=6)
    copy, at = _tables(), client.now()
    client.advance(minutes=10)
    lost = evening.confirmed(guest, listing)
    evening.ops("erase", "--yes", "--note", "Asked by letter.", typed=gone.email)
    listed, _ = _run(os.environ, "erasures", "--json")
    file = ROOT / ".local" / "erasures.jsonl"
    file.write_text(listed, encoding="utf-8")
    evening.tell(
        "Then the region is gone. The stage is deployed in another one, and AWS Backup has restored the copy beside "
        "its tables:"
    )
    try:
        with another_region(evening) as there:
            copies = there.restore(copy)
            there.ops("put-back", *copies)
            there.ops("put-back", *copies, "--yes")
            shown = there.ops("show", kept["booking_id"])
            expect("the bookings of the copy are there", shown, "confirmed")
            there.ops("show", lost["booking_id"], ends=1)
            evening.tell(
                "Secrets: `make secrets` puts the gateways' keys; the kept key for search is put before it. In the "
                "gateway's dashboard the webhook's address becomes the new one; what was sent to the old one is lost, "
                "and is not needed: each payment is asked about."
            )
            span = ("--from", f"{at - timedelta(minutes=1):%Y-%m-%dT%H:%M:%SZ}",
                    "--to", f"{there.client.now():%Y-%m-%dT%H:%M:%SZ}")  # fmt: skip
            found = there.ops("after-restore", *span, "--erasures", f"{file.relative_to(ROOT)}", "--yes")
            expect("the lost day's money is found, and the guest is gone again", found, "orphan", "erased")
            waiting = there.ops("attention", "--kind", "orphan")
            expect("it is before a person", waiting, "orphan.")
            expect("nobody finds who was erased", there.ops("find", typed=gone.email), "0 found")
            expect("whose money stays", there.ops("show", over["booking_id"]), "completed")
            newly = there.client
            person = newly.sign_in("hanna")
            booked = newly.book(person, {"listing_id": listing["listing_id"]})
            newly.pay_on_page(booked["payment"]["checkout_url"])
            newly.advance(minutes=3)
            newly.wait_for_status(person, booked["booking_id"], "confirmed")
            evening.tell("A guest books and pays there; no webhook comes yet, and the clock asks the gateway.")
    finally:
        file.unlink(missing_ok=True)


@dataclass
class There:
    """A stack in another region: its client, and its terminal."""

    evening: Evening
    client: ScenarioClient
    environment: dict[str, str]

    def ops(self, *words: str, typed: str = "", ends: int = 0) -> str:
        """Type a command there. Raises PromiseBroken for another exit code."""
        out, code = _run(self.environment, *words, typed=typed)
        asked = f"{f'echo {shlex.quote(typed)} | ' if typed else ''}ops {shlex.join(words)}"
        self.evening.told.append(Typed(asked, out))
        if code != ends:
            raise PromiseBroken(f"{asked} promises to end with {ends}, and ended with {code}: {out}")
        return out

    def restore(self, copy: Items) -> tuple[str, ...]:
        """Make tables of a copy, as AWS Backup does; the words that name them."""
        dynamodb = boto3.client("dynamodb", endpoint_url=self.environment["AWS_ENDPOINT_URL"])
        words: list[str] = []
        for kind, name in zip(("bookings", "listings", "ledger"), _names(), strict=True):
            told: dict[str, Any] = the_stage(LOCAL).client("dynamodb").describe_table(TableName=name)["Table"]
            keys = {key["AttributeName"] for key in told["KeySchema"]}
            dynamodb.create_table(
                TableName=f"copy-{kind}",
                KeySchema=told["KeySchema"],
                AttributeDefinitions=[each for each in told["AttributeDefinitions"] if each["AttributeName"] in keys],
                BillingMode="PAY_PER_REQUEST",
            )
            for item in copy[name]:
                dynamodb.put_item(TableName=f"copy-{kind}", Item=item)
            words += [f"--{kind}", f"copy-{kind}"]
        return tuple(words)


@contextmanager
def another_region(evening: Evening) -> Iterator[There]:
    """A stack of its own, with an emulated AWS of its own; the gateway is the same one."""
    ports, here = (free_port(), free_port()), urlsplit(evening.client.local)
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "GUZO_"))}
    environment = {
        **kept,
        "GUZO_PORT": f"{ports[0]}",
        "GUZO_LOCAL_PORT": f"{ports[1]}",
        "CHAPA_BASE_URL": f"{here.scheme}://{here.netloc}/chapa/v1",
        **{name.upper(): _secret(name) for name in ("chapa_secret_key", "chapa_webhook_secret")},
    }
    process = subprocess.Popen(
        [sys.executable, "-m", "local", "run"],
        cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
    client = ScenarioClient(f"http://127.0.0.1:{ports[0]}", f"http://127.0.0.1:{ports[1]}")
    client.suffix = evening.client.suffix
    try:
        if not any(line.startswith("ready") for line in process.stdout or ()):
            raise PromiseBroken("the other region's stack did not start")
        client.advance(seconds=(evening.client.now() - client.now()).total_seconds())
        lines = (folder_for(ports) / "env").read_text(encoding="utf-8").splitlines()
        told = {line.removeprefix("export ").partition("=")[0]: line.partition("=")[2].strip("'") for line in lines}
        check("it is another AWS", told["AWS_ENDPOINT_URL"] != os.environ.get("AWS_ENDPOINT_URL"), True)
        yield There(evening, client, environment | {"AWS_ENDPOINT_URL": told["AWS_ENDPOINT_URL"]})
    finally:
        client.http.close()
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=30)
        shutil.rmtree(folder_for(ports), ignore_errors=True)


def _secret(name: str) -> str:
    """What the gateway knows: in the dashboard nothing has changed."""
    stage = the_stage(LOCAL)
    told = stage.client("ssm").get_parameter(Name=f"{stage.settings.secrets_path}/{name}", WithDecryption=True)
    return str(told["Parameter"]["Value"])


def _run(environment: Any, *words: str, typed: str = "") -> tuple[str, int]:
    """Run a command in a process of its own; return what it printed, and its exit code."""
    command = [sys.executable, "-m", "ops", "--stage", "local", "--as", OPERATOR, *words]
    ran = subprocess.run(
        command, cwd=ROOT, env=dict(environment), input=f"{typed}\n" if typed else "", stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, text=True, check=False,
    )  # fmt: skip
    return ran.stdout, ran.returncode
