"""What a booking does at DynamoDB, SSM, SQS and Chapa, as plainly as boto3 and requests let it: the calls of Guzo's.

The clients are made with the module, as AWS advises; the secrets are read once. One transaction holds the booking, the
guest's slot and the month of the nights; conditions and index attributes are those of the real tables.
"""

import hashlib
import hmac
import json
import os
import secrets
from datetime import UTC, date, datetime, timedelta

import boto3
import requests

LISTINGS, BOOKINGS = os.environ["LISTINGS_TABLE"], os.environ["BOOKINGS_TABLE"]
CHAPA = os.environ["CHAPA_BASE_URL"]
dynamodb = boto3.client("dynamodb")
sqs = boto3.client("sqs")
ssm = boto3.client("ssm")
http = requests.Session()
_secrets = {}


class Refused(Exception):
    """The request cannot be done; the status says why."""

    def __init__(self, status):
        super().__init__(status)
        self.status = status


def secret(name):
    if not _secrets:
        page = ssm.get_parameters_by_path(Path=os.environ["SECRETS_PATH"], WithDecryption=True)
        _secrets.update({each["Name"].rpartition("/")[2]: each["Value"] for each in page["Parameters"]})
    return _secrets[name]


def listing(listing_id):
    key = {"listing_id": {"S": listing_id}, "part": {"S": "PEER"}}
    item = dynamodb.get_item(TableName=LISTINGS, Key=key, ConsistentRead=True).get("Item")
    if item is None:
        raise Refused(404)
    return json.loads(item["body"]["S"])


def book(guest, key, wanted):
    now = datetime.now(UTC)
    booking_id = "GZ" + hashlib.sha256(f"{guest} {key}".encode()).hexdigest()[:14].upper()
    check_in, check_out = wanted["check_in"], wanted["check_out"]
    month = f"MONTH#{check_in.isoformat()[:7]}"
    read = dynamodb.batch_get_item(
        RequestItems={
            BOOKINGS: {
                "Keys": [{"booking_id": {"S": booking_id}}, {"booking_id": {"S": f"PEER#{guest}"}}],
                "ConsistentRead": True,
            },
            LISTINGS: {
                "Keys": [
                    {"listing_id": {"S": wanted["listing_id"]}, "part": {"S": "PEER"}},
                    {"listing_id": {"S": wanted["listing_id"]}, "part": {"S": month}},
                ],
                "ConsistentRead": True,
            },
        }
    )["Responses"]
    found = {item["part"]["S"]: item for item in read[LISTINGS]}
    if any(item["booking_id"]["S"] == booking_id for item in read[BOOKINGS]):
        raise Refused(409)
    if "PEER" not in found:
        raise Refused(404)
    offer = json.loads(found["PEER"]["body"]["S"])
    nights = [check_in + timedelta(days=n) for n in range((check_out - check_in).days)]
    taken = found.get(month, {})
    if any(int(taken.get(f"t{day.day:02}", {"N": "0"})["N"]) + wanted["units"] > offer["units"] for day in nights):
        raise Refused(409)
    total = offer["nightly_price"]["amount"] * len(nights) * wanted["units"]
    booking = {
        "booking_id": booking_id, "guest_id": guest, "status": "pending_payment", **wanted,
        "check_in": check_in.isoformat(), "check_out": check_out.isoformat(), "total": total, "currency": "ETB",
        "hold_expires_at": (now + timedelta(minutes=30)).isoformat(), "created_at": now.isoformat(),
        "payments": [{"tx_ref": f"{booking_id}-1", "status": "created", "amount": total}],
    }  # fmt: skip
    names = {f"#{day.day}": f"t{day.day:02}" for day in nights}
    room = " AND ".join(f"(attribute_not_exists({name}) OR {name} <= :room)" for name in names)
    values = {":units": {"N": str(wanted["units"])}, ":room": {"N": str(offer["units"] - wanted["units"])}}
    dynamodb.transact_write_items(
        ClientRequestToken=secrets.token_hex(16),
        TransactItems=[
            {
                "Put": {
                    "TableName": BOOKINGS,
                    "Item": _item(booking, version=1),
                    "ConditionExpression": "attribute_not_exists(booking_id)",
                }
            },
            {
                "Update": {
                    "TableName": BOOKINGS,
                    "Key": {"booking_id": {"S": f"PEER#{guest}"}},
                    "UpdateExpression": "SET slot_1 = :slot",
                    "ConditionExpression": "attribute_not_exists(slot_1)",
                    "ExpressionAttributeValues": {":slot": {"S": booking_id}},
                }
            },
            {
                "Update": {
                    "TableName": LISTINGS,
                    "Key": {"listing_id": {"S": wanted["listing_id"]}, "part": {"S": month}},
                    "UpdateExpression": "ADD " + ", ".join(f"{name} :units" for name in names),
                    "ConditionExpression": room,
                    "ExpressionAttributeNames": names,
                    "ExpressionAttributeValues": values,
                }
            },
        ],
    )
    payment = booking["payments"][0]
    payment["checkout_url"] = initialize(booking, payment["tx_ref"])
    payment["status"] = "pending"
    save(booking, version=1)
    return booking


def initialize(booking, tx_ref):
    contact = booking["contact"]
    answer = http.post(
        f"{CHAPA}/transaction/initialize",
        headers={"Authorization": f"Bearer {secret('chapa_secret_key')}"},
        json={
            "amount": f"{booking['total'] / 100:.2f}", "currency": booking["currency"], "tx_ref": tx_ref,
            "email": contact["email"], "first_name": contact["first_name"], "last_name": contact["last_name"],
            "callback_url": f"https://api.guzo.example/callback/{tx_ref}",
            "return_url": f"https://api.guzo.example/pay/{tx_ref}",
        },
        timeout=30,
    )  # fmt: skip
    answer.raise_for_status()
    return answer.json()["data"]["checkout_url"]


def signed(raw, signature):
    expected = hmac.new(secret("chapa_webhook_secret").encode(), raw, hashlib.sha256).hexdigest()
    return hmac.compare_digest(expected, signature or "")


def paid(tx_ref):
    """Two writes, as Guzo makes them: the right to ask the gateway, and what it answered."""
    booking_id = tx_ref.rpartition("-")[0]
    item = dynamodb.update_item(
        TableName=BOOKINGS,
        Key={"booking_id": {"S": booking_id}},
        UpdateExpression="SET verify_lease = :lease, version = version + :one",
        ConditionExpression="attribute_exists(version) AND attribute_not_exists(verify_lease)",
        ExpressionAttributeValues={":lease": {"S": secrets.token_hex(8)}, ":one": {"N": "1"}},
        ReturnValues="ALL_NEW",
    )["Attributes"]
    booking = json.loads(item["body"]["S"])
    answer = http.get(
        f"{CHAPA}/transaction/verify/{tx_ref}",
        headers={"Authorization": f"Bearer {secret('chapa_secret_key')}"},
        timeout=30,
    ).json()["data"]
    if answer["status"] == "success" and round(answer["amount"] * 100) == booking["total"]:
        booking["status"] = "confirmed"
        booking["payments"][0] |= {"status": "completed", "reference": answer["reference"]}
    save(booking, version=int(item["version"]["N"]))
    message = json.dumps({"booking_id": booking_id})
    sqs.send_message_batch(QueueUrl=os.environ["EMAILS_QUEUE_URL"], Entries=[{"Id": "0", "MessageBody": message}])


def save(booking, *, version):
    dynamodb.put_item(
        TableName=BOOKINGS,
        Item=_item(booking, version=version + 1),
        ConditionExpression="version = :version",
        ExpressionAttributeValues={":version": {"N": str(version)}},
    )


def _item(booking, *, version):
    created = booking["created_at"]
    return {
        "booking_id": {"S": booking["booking_id"]}, "version": {"N": str(version)}, "status": {"S": booking["status"]},
        "guest_id": {"S": booking["guest_id"]}, "created": {"S": created},
        "listing_id": {"S": booking["listing_id"]}, "stay_key": {"S": booking["check_in"]},
        "day": {"S": f"{created[:10]}#0"}, "due_shard": {"S": "0"}, "due_at": {"S": booking["hold_expires_at"]},
        "body": {"S": json.dumps(booking, default=date.isoformat)},
    }  # fmt: skip
