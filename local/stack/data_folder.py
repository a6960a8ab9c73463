"""`DataFolder`: the files that outlive a local stack: emulated AWS, clock, e-mails and the sandboxes' transactions."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path

from local.stack.emulator.resources import template


class OtherForm(Exception):
    """The data was written with other tables than the template has now; the message says what to do."""


class DataFolder:
    """The folder `data` of a stack. `make reset` deletes it."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @property
    def aws(self) -> Path:
        """The folder of the emulated AWS's state."""
        return self.path / "aws"

    @property
    def clock(self) -> Path:
        """The file of the clock's offset."""
        return self.path / "clock"

    @property
    def emails(self) -> Path:
        """The file of the e-mails."""
        return self.path / "emails.jsonl"

    def transactions(self, gateway: str) -> Path:
        """The file of a sandbox's transactions."""
        return self.path / f"{gateway}.jsonl"

    def open(self) -> None:
        """Create the folder, or check that it fits the template's tables. Raises OtherForm."""
        self.path.mkdir(parents=True, exist_ok=True)
        form = self.path / "form"
        if not form.exists():
            form.write_text(_form_of_tables(), encoding="ascii")
        elif form.read_text(encoding="ascii") != _form_of_tables():
            raise OtherForm("The local data was written with other tables than this version has: run `make reset`.")
        # Queues are named by their address, which is another one with each start. A booking whose message is lost with
        # them is due again, and the sweep enqueues it.
        (self.aws / "sqs.json").unlink(missing_ok=True)

    def delete(self) -> None:
        """Delete everything."""
        shutil.rmtree(self.path, ignore_errors=True)


def _form_of_tables() -> str:
    """Return a fingerprint of the keys and indexes of the template's tables."""
    tables = {
        logical_id: [resource["Properties"].get(name) for name in ("KeySchema", "GlobalSecondaryIndexes")]
        for logical_id, resource in template()["Resources"].items()
        if resource.get("Type") == "AWS::DynamoDB::Table"
    }
    return hashlib.sha256(json.dumps(tables, sort_keys=True).encode()).hexdigest()
