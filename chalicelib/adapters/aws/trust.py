"""AWS's clients trust Amazon's own roots; where those do not do, every public root, and the log says so."""

from __future__ import annotations

import os
from typing import Any

from botocore.exceptions import SSLError

from chalicelib.telemetry import observe
from chalicelib.trust import AMAZON


def trust_amazon(session: Any) -> None:
    """Have the clients that this botocore session makes from now on trust Amazon's published roots.

    ``AWS_CA_BUNDLE`` is somebody's own choice, and stays. A server whose certificate none of the roots has signed makes
    its client trust botocore's whole bundle from then on: the call is sent again, and ``trust_store_incomplete`` is
    logged.
    """
    if "AWS_CA_BUNDLE" in os.environ:
        return
    session.set_config_variable("ca_bundle", str(AMAZON))
    session.register("needs-retry", _trust_all)


def _trust_all(caught_exception: Exception | None, endpoint: Any, **_: Any) -> float | None:
    """A handler of botocore's: 0 has the call sent again at once, None leaves that to others."""
    if caught_exception is None:
        return None
    host = endpoint.host.partition("://")[2]
    return 0 if trust_every_root(endpoint.http_session, host, caught_exception) else None


def trust_every_root(http: Any, host: str, error: Exception) -> bool:
    """Where none of Amazon's roots vouches for ``host``, have this HTTP session of botocore's trust its whole bundle.

    Says whether that is new.
    """
    if not isinstance(error, SSLError) or "CERTIFICATE_VERIFY_FAILED" not in str(error) or http._verify is True:
        return False
    http._verify = True
    observe("trust_store_incomplete", level="error", reason=host)
    return True
