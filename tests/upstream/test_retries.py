"""What is asked for again, after how long, and what never is."""

from __future__ import annotations

import gzip
import shutil
import ssl
import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tierwise.calls import Retries, Timeouts
from tierwise.errors import (
    OutcomeUnknown,
    UpstreamCut,
    UpstreamSilent,
    UpstreamTimeout,
    UpstreamUnreachable,
)
from tierwise.upstream import Verdict, verdict
from tierwise.upstream._retries import wait_before

SPENT = [
    "credit_balance_exhausted",
    "organization_spend_limit_exceeded",
    "project_spend_limit_exceeded",
    "organization_usage_limit_exceeded",
]


def judged(status, code=None, type=None, **headers):
    import msgspec

    named = {name.replace("_", "-"): value for name, value in headers.items()}
    body = msgspec.json.encode({"error": {"message": "m", "type": type, "param": None, "code": code}})
    return verdict(status, named.get, body, now=lambda: 1_780_000_000.0)


@pytest.mark.parametrize(
    ("status", "code", "kind", "headers", "again"),
    [
        *((429, code, "insufficient_quota", {}, False) for code in SPENT),
        *((429, code, "rate_limit_error", {}, False) for code in SPENT),
        *((429, code, None, {"x_should_retry": "true", "retry_after": "1"}, False) for code in SPENT),
        (429, "insufficient_quota", "insufficient_quota", {}, False),
        (429, None, "insufficient_quota", {}, False),
        (429, "rate_limit_exceeded", "requests", {}, True),
        (429, "rate_limit_exceeded", "tokens", {"x_should_retry": "false"}, False),
        (429, "slow_down", None, {}, True),
        (429, None, "Resource Unavailable", {}, True),
        (429, None, None, {}, True),
        (503, "server_is_overloaded", None, {}, True),
        (500, None, "server_error", {}, True),
        (502, None, None, {}, True),
        (504, None, None, {}, True),
        (504, None, None, {"x_should_retry": "false"}, False),
        (408, None, None, {}, True),
        (409, None, None, {}, True),
        (400, "context_length_exceeded", "invalid_request_error", {}, False),
        (400, "unsupported_parameter", "invalid_request_error", {}, False),
        (400, "unsupported_value", "invalid_request_error", {}, False),
        (400, None, None, {"x_should_retry": "true"}, True),
        (404, "model_not_found", "invalid_request_error", {}, False),
        (401, "invalid_api_key", None, {}, False),
        (403, None, None, {}, False),
        (422, None, None, {}, False),
        (501, None, None, {}, False),
    ],
)
def test_the_table_of_replies(status, code, kind, headers, again):
    assert judged(status, code, kind, **headers).again is again


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>",
        b"[]",
        b'{"error":"text"}',
        b'{"error":null}',
        b'{"error":{"code":429}}',
        b"\xff",
        b"[" * 9999,
    ],
)
def test_a_429_in_another_form_than_openais_counts_as_a_rate_limit(body):
    assert verdict(429, {}.get, body, now=lambda: 0.0).again


def test_a_reason_holds_a_code_and_never_text():
    assert judged(429, "rate_limit_exceeded").reason == "429 rate_limit_exceeded"
    assert judged(500, "your key sk-1 is bad", "also text\n").reason == "500"


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"retry_after": "2"}, 2.0),
        ({"retry_after": "1.5"}, 1.5),
        ({"retry_after": "9", "retry_after_ms": "250"}, 0.25),
        ({"retry_after": "Thu, 28 May 2026 20:26:45 GMT"}, 5.0),
        ({"retry_after": "Wed, 25 Nov 2026 10:00:07 GMT", "date": "Wed, 25 Nov 2026 10:00:00 GMT"}, 7.0),
        ({"retry_after": "Thu, 28 May 2020 20:26:45 GMT"}, None),
        ({"retry_after": "0"}, None),
        ({"retry_after": "-3"}, None),
        ({"retry_after": "nan"}, None),
        ({"retry_after": "inf"}, None),
        ({"retry_after": "soon"}, None),
        ({"retry_after": "Xxx, 99 Foo 2026 99:99:99 GMT"}, None),
        ({"retry_after_ms": "x", "retry_after": "3"}, 3.0),
    ],
)
def test_how_long_upstream_asks_to_wait(headers, seconds):
    assert judged(429, "rate_limit_exceeded", **headers).asked == seconds


def outcome(run, serve, client, outgoing, *steps, **options):
    """The status (or the error), the attempts, the waits and the requests that arrived."""

    async def go():
        async with serve(*steps) as server, client.open(server, **options) as up:
            try:
                got = await up.send(outgoing)
                await got.read()
            except Exception as error:  # noqa: BLE001  # handed back to be looked at
                return error, error.attempts, client.slept, len(server.seen)
            return got.status, got.attempts, client.slept, len(server.seen)

    return run(go())


def test_attempts_are_recorded_and_add_up(run, serve, client, chat, steps):
    first = steps.error(429, "rate_limit_exceeded", x_request_id="req_1")
    status, attempts, slept, arrived = outcome(
        run, serve, client, chat(), first, steps.error(503, "server_is_overloaded"), steps.reply()
    )

    assert (status, arrived, slept) == (200, 3, [0.5, 1.0])
    assert [(a.number, a.status, a.reason, a.waited, a.request_id) for a in attempts] == [
        (1, 429, "429 rate_limit_exceeded", 0.0, "req_1"),
        (2, 503, "503 server_is_overloaded", 0.5, None),
        (3, 200, None, 1.0, None),
    ]
    assert all(a.seconds > 0 for a in attempts)


def test_the_last_error_reply_comes_back_when_attempts_are_used_up(run, serve, client, chat, steps):
    status, attempts, slept, arrived = outcome(run, serve, client, chat(), steps.error(500))

    assert (status, len(attempts), len(slept), arrived) == (500, 3, 2, 3)


@pytest.mark.parametrize("code", SPENT)
def test_money_that_is_gone_makes_exactly_one_request(run, serve, client, chat, steps, code):
    step = steps.error(429, code, "insufficient_quota", retry_after="1")

    assert outcome(run, serve, client, chat(), step)[::3] == (429, 1)


def test_a_spend_code_is_found_in_a_compressed_error(run, serve, client, chat, steps):
    body = gzip.compress(b'{"error":{"code":"project_spend_limit_exceeded"}}')
    step = steps.reply(429, body, content_encoding="gzip")

    assert outcome(run, serve, client, chat(headers=(("accept-encoding", "gzip"),)), step)[::3] == (429, 1)


def test_retry_after_is_honoured_and_one_that_is_too_long_ends_it(run, serve, client, chat, steps):
    short = steps.error(429, "rate_limit_exceeded", retry_after="20")
    long = steps.error(429, "rate_limit_exceeded", retry_after="3600")
    roomy = chat(timeouts=Timeouts(total=600))

    status, _, slept, arrived = outcome(run, serve, client, roomy, short, long)

    assert (status, arrived) == (429, 2)
    assert slept == [pytest.approx(22.0)]


def test_slow_down_waits_longer_than_any_other_backoff(run, serve, client, chat, steps):
    _, _, slept, _ = outcome(run, serve, client, chat(), steps.error(429, "slow_down"), steps.reply())

    assert slept == [0.5 * 4 * 2]


def test_no_attempt_starts_after_the_budget_of_time(run, serve, client, chat, steps):
    outgoing = chat(retries=Retries(attempts=9, within=2.0))

    _, attempts, slept, _ = outcome(run, serve, client, outgoing, steps.error(500))

    assert slept == [0.5, 1.0]
    assert len(attempts) == 3


def test_no_wait_goes_beyond_the_total(run, serve, client, chat, steps):
    outgoing = chat(timeouts=Timeouts(total=0.4))

    assert outcome(run, serve, client, outgoing, steps.error(500))[::3] == (500, 1)


def test_a_post_that_broke_before_a_status_is_unknown_and_sent_once(run, serve, client, chat, steps):
    error, attempts, _, arrived = outcome(run, serve, client, chat(), steps.reset, steps.reply())

    assert type(error) is OutcomeUnknown
    assert "billed" in str(error)
    assert (error.sent, arrived, [a.reason for a in attempts]) == (True, 1, ["broke before status"])


def test_a_post_that_broke_is_sent_again_where_the_caller_says_so(run, serve, client, chat, steps):
    outgoing = chat(retries=Retries(unknown=True))

    status, attempts, _, arrived = outcome(run, serve, client, outgoing, steps.reset, steps.reply())

    assert (status, arrived, len(attempts)) == (200, 2, 2)


def test_a_get_that_broke_is_sent_again_and_every_try_is_counted(run, serve, client, chat, steps):
    """Left alone, aiohttp repeats idempotent requests on used connections by itself."""
    outgoing = chat(method="GET", path="/v1/models", body=b"")

    async def go():
        async with serve(steps.reply(), steps.reset) as server, client.open(server) as up:
            await (await up.send(outgoing)).read()
            with pytest.raises(UpstreamCut) as caught:
                await up.send(outgoing)
            return caught.value.attempts, len(server.seen)

    attempts, arrived = run(go())

    assert (len(attempts), arrived) == (3, 4)


def test_a_delete_that_broke_is_not_sent_again(run, serve, client, chat, steps):
    outgoing = chat(method="DELETE", path="/v1/files/file-1", body=b"")

    error, _, _, arrived = outcome(run, serve, client, outgoing, steps.reset)

    assert (type(error), arrived) == (OutcomeUnknown, 1)


def test_silence_after_a_post_is_unknown_and_a_timeout(run, serve, client, chat, steps):
    outgoing = chat(timeouts=Timeouts(first_byte=0.2, total=5))

    error, attempts, _, arrived = outcome(run, serve, client, outgoing, steps.slow(3))

    assert isinstance(error, UpstreamSilent)
    assert isinstance(error, TimeoutError)
    assert (arrived, attempts[0].reason) == (1, "first byte timeout")
    assert 0.15 < attempts[0].seconds < 2


def test_the_total_covers_waiting_for_the_status(run, serve, client, chat, steps):
    outgoing = chat(timeouts=Timeouts(total=0.2), retries=Retries(unknown=True))

    error, attempts, _, arrived = outcome(run, serve, client, outgoing, steps.slow(3))

    assert isinstance(error, UpstreamSilent)
    assert (arrived, attempts[0].reason) == (1, "total timeout")


def test_nobody_there_is_tried_again_and_then_unreachable(run, serve, client, chat, steps):
    async def go():
        async with client.open("http://127.0.0.1:1/v1") as up:
            with pytest.raises(UpstreamUnreachable) as caught:
                await up.send(chat())
            return caught.value

    error = run(go())

    assert (error.sent, client.slept) == (False, [0.5, 1.0])
    assert [(a.status, a.reason) for a in error.attempts] == [(None, "connection refused")] * 3


def test_a_full_pool_is_a_connect_timeout(run, serve, client, chat, steps):
    quick = chat(timeouts=Timeouts(connect=0.2, total=5), retries=Retries(attempts=1))

    async def go():
        step = steps.stream(b"data: 1\n\n", then="hang")
        async with serve(step) as server, client.open(server, connections=1) as up:
            held = await up.send(chat())
            with pytest.raises(UpstreamTimeout, match="all 1 connections are in use") as caught:
                await up.send(quick)
            await held.aclose()
            return caught.value

    error = run(go())

    assert (type(error), error.sent, error.attempts[0].reason) == (UpstreamTimeout, False, "connect timeout")


def test_an_upload_that_breaks_midway_was_not_sent(run, client, chat):
    """The server cannot act on a body that it did not get whole, so it is safe to send again."""
    import asyncio

    arrived = []

    async def handle(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        arrived.append(await reader.read(1000))
        writer.transport.abort()

    async def go():
        server = await asyncio.start_server(handle, "127.0.0.1", 0)
        async with server:
            url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
            async with client.open(url) as up:
                with pytest.raises(UpstreamUnreachable, match="sent whole") as caught:
                    await up.send(chat(body=b"x" * 50_000_000, timeouts=Timeouts(total=15)))
                return caught.value

    error = run(go())

    assert (error.sent, len(error.attempts), len(arrived)) == (False, 3, 3)


def test_flex_waits_fifteen_minutes_by_default(run, serve, client, chat, steps):
    """With flex's own times made short, only a flex call runs into them."""
    short = Timeouts(first_byte=0.2, total=5)

    async def go():
        async with serve(steps.slow(0.5)) as server, client.open(server, flex_timeouts=short) as up:
            await (await up.send(chat(timeouts=None))).read()
            with pytest.raises(UpstreamSilent):
                await up.send(chat(timeouts=None, lane="flex"))

    run(go())

    from tierwise.upstream import FLEX

    assert (FLEX.first_byte, FLEX.idle) == (900, 900)


def test_an_error_body_that_never_comes_does_not_hold_the_verdict(run, serve, client, chat, steps):
    hanging = steps.stream(b'{"err', then="hang", status=500)
    outgoing = chat(timeouts=Timeouts(idle=0.2, total=30))

    assert outcome(run, serve, client, outgoing, hanging, steps.reply())[::3] == (200, 2)


@given(
    st.integers(2, 60),
    st.floats(0, 1),
    st.floats(0, 1000),
    st.floats(0, 1000),
    st.floats(0, 1000),
    st.one_of(st.none(), st.floats(0.001, 1e8)),
    st.booleans(),
)
def test_a_wait_is_within_its_bounds(number, drawn, first, most, most_asked, asked, slower):
    retries = Retries(first_wait=first, most_wait=most, most_asked=most_asked)
    found = Verdict(again=True, reason="", asked=asked, slower=slower)

    wait = wait_before(number, retries, lambda: drawn, found)

    if asked is None:
        assert wait is not None
        assert 0 <= wait <= min(most, first * 2.0 ** (number - 2)) * (8 if slower else 1)
    elif asked > most_asked:
        assert wait is None
    else:
        assert wait is not None
        assert asked <= wait <= asked * 1.1 + 1e-9


def test_what_is_tried_again_leaves_no_reply_unread(run, serve, client, chat, steps):
    """The error was read to its end, so its connection carries the next attempt."""

    async def go():
        async with (
            serve(steps.error(500), steps.error(429), steps.reply()) as server,
            client.open(server) as up,
        ):
            await (await up.send(chat())).read()
            return {seen.connection for seen in server.seen}

    assert len(run(go())) == 1


def test_a_kept_connection_that_the_server_closed_is_not_used(run, serve, client, chat, steps):
    import asyncio

    closing = steps.raw(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}", wait=0.01)

    async def go():
        async with serve(closing, steps.reply()) as server, client.open(server) as up:
            await (await up.send(chat())).read()
            await asyncio.sleep(0.1)
            got = await up.send(chat())
            await got.read()
            return got.attempts

    assert len(run(go())) == 1


@pytest.mark.skipif(shutil.which("openssl") is None, reason="no openssl to make a certificate with")
def test_a_certificate_nobody_vouches_for_is_refused_once_and_taken_with_a_context(
    run, client, chat, tmp_path
):
    import asyncio

    make = "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost -addext subjectAltName=IP:127.0.0.1"
    subprocess.run(
        [*make.split(), "-keyout", tmp_path / "key.pem", "-out", tmp_path / "cert.pem"],
        check=True,
        capture_output=True,
    )
    served = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    served.load_cert_chain(tmp_path / "cert.pem", tmp_path / "key.pem")

    async def handle(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}")
        await writer.drain()
        await reader.read()
        writer.close()

    async def go():
        server = await asyncio.start_server(handle, "127.0.0.1", 0, ssl=served)
        url = f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
        trusting = ssl.create_default_context(cafile=str(tmp_path / "cert.pem"))
        async with server, client.open(url) as up, client.open(url, ssl=trusting) as ours:
            with pytest.raises(UpstreamUnreachable, match="certificate") as caught:
                await up.send(chat())
            return caught.value.attempts, await (await ours.send(chat())).read()

    attempts, body = run(go())

    assert ([a.reason for a in attempts], body) == (["bad certificate"], b"{}")
