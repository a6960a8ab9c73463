"""Django with the REST framework and SQLite, behind apig-wsgi: no AWS at all, and Chapa by requests.

The database is a file, made and filled by the first process that finds it empty. Its secret stands here.
"""

import hashlib
import hmac
import json
import os
from datetime import timedelta
from pathlib import Path

import django
import requests
from apig_wsgi import make_lambda_handler
from django.conf import settings

settings.configure(
    ALLOWED_HOSTS=["*"],
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": os.environ["PEER_DATABASE"]}},
    INSTALLED_APPS=["django.contrib.contenttypes", "django.contrib.auth", "rest_framework"],
    MIDDLEWARE=["django.middleware.common.CommonMiddleware"],
    ROOT_URLCONF=__name__,
    REST_FRAMEWORK={
        "DEFAULT_AUTHENTICATION_CLASSES": [],
        "DEFAULT_PERMISSION_CLASSES": [],
        "UNAUTHENTICATED_USER": None,
    },
    USE_TZ=True,
)
django.setup()

from django.core.wsgi import get_wsgi_application
from django.db import connection, models, transaction
from django.urls import path
from django.utils import timezone
from rest_framework import serializers
from rest_framework.decorators import api_view
from rest_framework.response import Response

http = requests.Session()
CHAPA = os.environ["CHAPA_BASE_URL"]


class Listing(models.Model):
    listing_id = models.CharField(max_length=40, primary_key=True)
    title = models.CharField(max_length=100)
    description = models.TextField()
    city = models.CharField(max_length=60)
    nightly_price = models.IntegerField()
    units = models.IntegerField()

    class Meta:
        app_label = "peer"


class Booking(models.Model):
    booking_id = models.CharField(max_length=20, primary_key=True)
    listing = models.ForeignKey(Listing, on_delete=models.CASCADE)
    guest_id = models.CharField(max_length=60)
    key = models.CharField(max_length=255)
    status = models.CharField(max_length=20)
    check_in = models.DateField()
    check_out = models.DateField()
    units = models.IntegerField()
    guests = models.IntegerField()
    first_name = models.CharField(max_length=50)
    last_name = models.CharField(max_length=50)
    email = models.EmailField()
    phone = models.CharField(max_length=20)
    total = models.IntegerField()
    hold_expires_at = models.DateTimeField()
    checkout_url = models.URLField(default="")

    class Meta:
        app_label = "peer"
        unique_together = [("guest_id", "key")]


class ContactForm(serializers.Serializer):
    first_name = serializers.CharField(max_length=50)
    last_name = serializers.CharField(max_length=50, required=False)
    email = serializers.EmailField()
    phone = serializers.CharField(max_length=20)


class BookingForm(serializers.Serializer):
    listing_id = serializers.CharField()
    check_in = serializers.DateField()
    check_out = serializers.DateField()
    units = serializers.IntegerField(min_value=1)
    guests = serializers.IntegerField(min_value=1)
    contact = ContactForm()
    language = serializers.ChoiceField(choices=["en", "am"])


class BookingAnswer(serializers.ModelSerializer):
    class Meta:
        model = Booking
        fields = "__all__"


class ListingAnswer(serializers.ModelSerializer):
    class Meta:
        model = Listing
        fields = "__all__"


@api_view(["GET"])
def listing(request, listing_id):
    return Response(ListingAnswer(Listing.objects.get(pk=listing_id)).data)


@api_view(["POST"])
def book(request):
    form = BookingForm(data=request.data)
    form.is_valid(raise_exception=True)
    wanted = form.validated_data
    guest = request.META["apig_wsgi.request_context"]["authorizer"]["sub"]
    key = request.META["HTTP_IDEMPOTENCY_KEY"]
    nights = (wanted["check_out"] - wanted["check_in"]).days
    with transaction.atomic():
        offer = Listing.objects.get(pk=wanted["listing_id"])
        overlapping = Booking.objects.filter(
            listing=offer, status__in=["pending_payment", "confirmed"],
            check_in__lt=wanted["check_out"], check_out__gt=wanted["check_in"],
        )  # fmt: skip
        if sum(overlapping.values_list("units", flat=True)) + wanted["units"] > offer.units:
            return Response(status=409)
        booking = Booking.objects.create(
            booking_id="GZ" + hashlib.sha256(f"{guest} {key}".encode()).hexdigest()[:14].upper(),
            listing=offer, guest_id=guest, key=key, status="pending_payment",
            check_in=wanted["check_in"], check_out=wanted["check_out"], units=wanted["units"], guests=wanted["guests"],
            total=offer.nightly_price * nights * wanted["units"],
            hold_expires_at=timezone.now() + timedelta(minutes=30), **wanted["contact"],
        )  # fmt: skip
    answer = http.post(
        f"{CHAPA}/transaction/initialize",
        headers={"Authorization": "Bearer CHASECK_TEST-benchmark"},
        json={
            "amount": f"{booking.total / 100:.2f}", "currency": "ETB", "tx_ref": f"{booking.booking_id}-1",
            "email": booking.email, "first_name": booking.first_name, "last_name": booking.last_name,
        },
        timeout=30,
    )  # fmt: skip
    booking.checkout_url = answer.json()["data"]["checkout_url"]
    booking.save(update_fields=["checkout_url"])
    return Response(BookingAnswer(booking).data, status=201)


@api_view(["POST"])
def webhook(request):
    expected = hmac.new(b"benchmark", request._request.body, hashlib.sha256).hexdigest()
    if not hmac.compare_digest(expected, request.META.get("HTTP_X_CHAPA_SIGNATURE", "")):
        return Response(status=401)
    tx_ref = json.loads(request._request.body)["tx_ref"]
    with transaction.atomic():
        booking = Booking.objects.select_for_update().get(pk=tx_ref.rpartition("-")[0])
        answer = http.get(
            f"{CHAPA}/transaction/verify/{tx_ref}",
            headers={"Authorization": "Bearer CHASECK_TEST-benchmark"},
            timeout=30,
        ).json()["data"]
        if answer["status"] == "success" and round(answer["amount"] * 100) == booking.total:
            booking.status = "confirmed"
            booking.save(update_fields=["status"])
    return Response({"received": True})


urlpatterns = [
    path("v1/listings/<str:listing_id>", listing),
    path("v1/bookings", book),
    path("v1/webhooks/chapa", webhook),
]
if not Path(os.environ["PEER_DATABASE"]).stat().st_size:
    with connection.schema_editor() as editor:
        for model in (Listing, Booking):
            editor.create_model(model)
    Listing.objects.create(**json.loads(os.environ["PEER_LISTING"]))
_handler = make_lambda_handler(get_wsgi_application())


def app(event, context):
    return _handler(event, context)
