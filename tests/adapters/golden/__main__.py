"""``python -m tests.adapters.golden``: add the files that are missing of the present form."""

from __future__ import annotations

import os

from moto import mock_aws

from tests.adapters.golden import present_form
from tests.dynamo import DynamoBench, admin_client, bind, make_tables


def main() -> None:
    os.environ |= {
        "AWS_DEFAULT_REGION": "eu-west-1",
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
    }
    with mock_aws():
        connection, admin = bind(), admin_client()
        make_tables(admin)
        for golden in present_form(DynamoBench(connection, admin)):
            golden.write()


if __name__ == "__main__":
    main()
