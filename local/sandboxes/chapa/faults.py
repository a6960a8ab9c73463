"""The faults of both versions of Chapa's API, in the envelope of each."""

from local.sandboxes.core.faults import FaultBodies, build_faults

FAULTS = build_faults(
    FaultBodies(
        too_many='{"message":"Too many requests","status":"failed","data":null}',
        bad_key='{"message":"Invalid API Key or User doesn\'t exist","status":"failed","data":null}',
    )
)

FAULTS_OF_V2 = build_faults(
    FaultBodies(
        too_many='{"status":"error","message":"Too many requests","error":{"code":"RATE_LIMITED","details":null}}',
        bad_key='{"status":"error","message":"Invalid API key or User does not exist","error":null}',
        server_error='{"status":"error","message":"Failed","error":{"code":"PROCESSING_FAILED","details":null}}',
    )
)
