"""Requests of web applications as events, with the frameworks as their makers publish them."""

import asyncio
from collections.abc import Iterable
from typing import Any

import flask
import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from smolhog_client import Client, SyncClient
from smolhog_client.asgi import SmolHogMiddleware as ASGIMiddleware
from smolhog_client.request_tracking import RequestProperty
from smolhog_client.wsgi import SmolHogMiddleware as WSGIMiddleware
from tests.ingest_gateway.running import KEY
from tests.sdk.python.gateway_thread import GatewayThread, properties_of
from tests.sdk.python.scripted_gateway import scripted_gateway, store_everything

EVERYTHING: tuple[RequestProperty, ...] = (
    "method",
    "path",
    "route",
    "status",
    "duration_ms",
    "host",
    "referrer",
    "user_agent",
    "ip",
)
SECRET = "hunter2"


def browser_of(app: ASGIMiddleware) -> httpx.AsyncClient:
    """Make a browser that sees a failed request as its answer."""
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    return httpx.AsyncClient(transport=transport, base_url="http://shop", headers={"User-Agent": "browser"})


def told(gateway: GatewayThread) -> list[tuple[str, dict[str, Any]]]:
    """Whose events arrived and what they say, durations aside, by status."""
    found = []
    for event in gateway.stored():
        properties = properties_of(event)
        assert event.event == "http_request"
        assert SECRET not in str(properties)
        assert properties.pop("duration_ms") >= 0
        found.append((event.distinct_id, properties))
    return sorted(found, key=lambda pair: pair[1]["status"])


async def order(request: Request) -> Response:
    """Answer, or fail."""
    if request.path_params["number"] == "13":
        raise LookupError
    await request.body()
    return PlainTextResponse("done", 201)


async def test_starlette(gateway: GatewayThread) -> None:
    """By default nothing tells of a person; what was opted in to does; a failure counts as 500."""
    app = Starlette(routes=[Route("/orders/{number}", order, methods=["POST"])])
    client = SyncClient(gateway.url, write_key=KEY)
    async with browser_of(ASGIMiddleware(app, client)) as browser:
        await browser.post("/orders/7", content=SECRET)
        assert (await browser.post("/orders/13")).status_code == 500
    full = ASGIMiddleware(app, client, include=EVERYTHING, distinct_id=lambda _scope: "ada")
    async with browser_of(full) as browser:
        await browser.post("/nowhere", content=SECRET, headers={"Referer": "https://a.example/"})
    await asyncio.to_thread(client.close)
    created, lost, failed = await asyncio.to_thread(told, gateway)
    assert created == ("$server", {"method": "POST", "route": "/orders/{number}", "status": 201})
    assert lost == (
        "ada",
        {
            "method": "POST",
            "path": "/nowhere",
            "status": 404,
            "host": "shop",
            "$referrer": "https://a.example/",
            "$user_agent": "browser",
            "$ip": "127.0.0.1",
        },
    )
    assert failed == ("$server", {"method": "POST", "route": "/orders/{number}", "status": 500})


async def test_starlette_with_the_client_of_its_loop() -> None:
    """The asyncio client does as well, and a client that is closed costs no request."""
    app = Starlette(routes=[Route("/orders/{number}", order)])
    async with scripted_gateway(store_everything) as gateway:
        client = Client(gateway.url, write_key="key")
        async with client, browser_of(ASGIMiddleware(app, client)) as browser:
            assert (await browser.get("/orders/1")).status_code == 201
            await client.close()
            assert (await browser.get("/orders/1")).status_code == 201
    (sent,) = [event for batch in gateway.batches for event in batch["events"]]
    assert sent["properties"]["status"] == 201


def test_flask(gateway: GatewayThread) -> None:
    """The rule that matched is told, whose request it is, and never what it says."""
    app = flask.Flask("shop")

    @app.post("/orders/<number>")
    def order(number: str) -> tuple[flask.Response, int]:
        assert flask.request.data
        return flask.Response(iter([number, "!"])), 201

    def rule(_environ: object) -> str | None:
        return None if flask.request.url_rule is None else flask.request.url_rule.rule

    with SyncClient(gateway.url, write_key=KEY) as client:
        app.wsgi_app = WSGIMiddleware(  # type: ignore[method-assign]
            app.wsgi_app,
            client,
            route=rule,
            distinct_id=lambda environ: environ.get("HTTP_X_USER"),
            include=EVERYTHING,
        )
        browser = app.test_client()
        assert browser.post("/orders/7", data=SECRET, headers={"X-User": "ada"}, buffered=True).text == "7!"
        browser.post("/nowhere", data=SECRET, buffered=True)
    (who, created), (nobody, lost) = told(gateway)
    assert (who, nobody) == ("ada", "$server")
    assert (created["route"], created["path"], created["$ip"]) == (
        "/orders/<number>",
        "/orders/7",
        "127.0.0.1",
    )
    assert "route" not in lost


def test_wsgi_that_fails(gateway: GatewayThread) -> None:
    """An application that raises before it answers is a 500, and its error goes on its way."""

    def app(_environ: object, _start: object) -> Iterable[bytes]:
        raise LookupError

    with SyncClient(gateway.url, write_key=KEY) as client, pytest.raises(LookupError):
        WSGIMiddleware(app, client)({"REQUEST_METHOD": "GET"}, lambda *_: None)
    assert told(gateway) == [("$server", {"method": "GET", "status": 500})]


DJANGO = """
import sys
import django
from django.conf import settings
from django.http import HttpResponse
from django.urls import path

url, key = sys.argv[1:3]
settings.configure(
    ALLOWED_HOSTS=["*"],
    ROOT_URLCONF=__name__,
    SECRET_KEY="x",
    MIDDLEWARE=["smolhog_client.django.SmolHogMiddleware"],
    SMOLHOG={"url": url, "write_key": key, "include": ["method", "route", "status", "duration_ms"]},
)
django.setup()

class User:
    pk = 17
    is_authenticated = True

def order(request, number):
    if number == 13:
        raise LookupError
    request.user = User()
    assert request.body
    return HttpResponse("done", status=201)

urlpatterns = [path("orders/<int:number>", order)]

from django.test import Client
browser = Client(raise_request_exception=False)
assert browser.post("/orders/7", "hunter2", content_type="text/plain").status_code == 201
assert browser.get("/nowhere").status_code == 404
assert browser.get("/orders/13").status_code == 500
"""


def test_django(gateway: GatewayThread) -> None:
    """A user's request is the user's; the events are on their way when the process ends."""
    gateway.run(DJANGO)
    assert told(gateway) == [
        ("17", {"method": "POST", "route": "/orders/<int:number>", "status": 201}),
        ("$server", {"method": "GET", "status": 404}),
        ("$server", {"method": "GET", "route": "/orders/<int:number>", "status": 500}),
    ]
