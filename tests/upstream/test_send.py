"""What goes up and what comes back, against a real server."""

from __future__ import annotations

import asyncio
import gzip
import traceback

import aiohttp
import pytest

from tierwise.calls import Attempt, Outgoing, Retries, Send, Timeouts
from tierwise.errors import (
    CallerError,
    ConfigurationError,
    UnsafeRequest,
    UpstreamCut,
    UpstreamError,
    UpstreamGarbled,
    UpstreamRedirected,
    UpstreamUnreachable,
)
from tierwise.upstream import Upstream

CANARY = "sk-canary-1234"


def test_a_call_goes_up_as_given_and_its_reply_comes_back_untouched(run, serve, client, chat, steps):
    body = b'{ "model":"gpt-5.4",  "messages":[] ,"unknown":"\\ud800" }'
    answer = b'{"id" : "chatcmpl-1","usage":{} }\n'

    async def go():
        async with (
            serve(steps.reply(200, answer, x_request_id="req_1")) as server,
            client.open(server) as up,
        ):
            got = await up.send(chat(body=body))
            return server.seen[0], got, await got.read()

    seen, got, read = run(go())

    assert (seen.method, seen.path, seen.body) == ("POST", "/v1/chat/completions", body)
    assert seen.headers["authorization"] == f"Bearer {CANARY}"
    assert seen.headers["content-type"] == "application/json"
    assert (got.status, read, got.ended) == (200, answer, True)
    assert got.header("X-Request-Id") == "req_1"
    (attempt,) = got.attempts
    assert attempt == Attempt(number=1, status=200, seconds=attempt.seconds, request_id="req_1")


def test_headers_that_stay_here_do_not_go_up(run, serve, client, chat, steps):
    headers = (
        ("Connection", "keep-alive, X-Hop"),
        ("X-Hop", "1"),
        ("Keep-Alive", "timeout=5"),
        ("Transfer-Encoding", "chunked"),
        ("Proxy-Authorization", "Basic x"),
        ("TE", "trailers"),
        ("Host", "elsewhere.example"),
        ("Content-Length", "999"),
        ("Cookie", "a=b"),
        ("X-Tierwise-Task", "chat"),
        ("x-tierwise-route", "off"),
        ("Authorization", "Bearer caller"),
        ("API-Key", "caller"),
        ("OpenAI-Organization", "theirs"),
        ("Accept-Encoding", "br, gzip;q=0.5, zstd"),
        ("traceparent", "00-1-2-01"),
        ("x-stainless-lang", "python"),
        ("x-title", "caf\xc3\xa9"),
    )

    async def go():
        async with (
            serve(steps.reply()) as server,
            client.open(server, headers={"OpenAI-Organization": "org-1"}) as up,
        ):
            await (await up.send(chat(headers=headers))).read()
            return server.seen[0].headers, server.url

    got, url = run(go())

    assert {name.lower(): value for name, value in got.items()} == {
        "host": url.split("/")[2],
        "content-length": "33",
        "authorization": f"Bearer {CANARY}",
        "openai-organization": "org-1",
        "accept-encoding": "gzip;q=0.5",
        "traceparent": "00-1-2-01",
        "x-stainless-lang": "python",
        "x-title": "café",
        "accept": "*/*",
        "user-agent": "tierwise",
        "content-type": "application/json",
    }


def test_without_a_key_of_ours_the_callers_own_goes_up(run, serve, client, chat, steps):
    async def go():
        async with serve(steps.reply()) as server, client.open(server, key=None) as up:
            await (await up.send(chat(headers=(("authorization", "Bearer theirs"),)))).read()
            return server.seen[0].headers["authorization"]

    assert run(go()) == "Bearer theirs"


@pytest.mark.parametrize("kind", ["plain", "async"])
def test_a_key_provider_is_asked_before_each_attempt(run, serve, client, chat, steps, kind):
    keys = iter(["sk-first", "sk-second"])

    async def give():
        return next(keys)

    async def go():
        provider = give if kind == "async" else lambda: next(keys)
        async with serve(steps.error(500), steps.reply()) as server, client.open(server, key=provider) as up:
            await (await up.send(chat())).read()
            return [seen.headers["authorization"] for seen in server.seen]

    assert run(go()) == ["Bearer sk-first", "Bearer sk-second"]


def test_with_key_sends_another_key_over_the_same_connection(run, serve, client, chat, steps):
    async def go():
        async with serve(steps.reply()) as server, client.open(server) as up:
            for each in (up, up.with_key("sk-other"), up):
                await (await each.send(chat())).read()
            return server.seen

    seen = run(go())

    assert [s.headers["authorization"][7:] for s in seen] == [CANARY, "sk-other", CANARY]
    assert len({s.connection for s in seen}) == 1


@pytest.mark.parametrize(
    ("headers", "path"),
    [
        ((("x-a", "1\r\nx-evil: 2"),), "/v1/models"),
        ((("x-a", "1\n2"),), "/v1/models"),
        ((("x-a", "nul\x00"),), "/v1/models"),
        ((("x-a", "half \udc80"),), "/v1/models"),
        ((("x-a", "\xff\xfe"),), "/v1/models"),
        ((("x a", "1"),), "/v1/models"),
        ((("", "1"),), "/v1/models"),
        ((("x-a\r\n", "1"),), "/v1/models"),
        ((), "/v1/models HTTP/1.1\r\nx: y"),
        ((), "/v1/a b"),
        ((), "https://elsewhere.example/"),
        ((), "/v1/files/../../admin"),
        ((), "/v1/files/%2e%2E/admin"),
        ((), "/v1/é"),
        ((), ""),
    ],
)
def test_what_could_split_or_move_a_request_is_refused_before_anything_is_sent(
    run, serve, client, chat, steps, headers, path
):
    async def go():
        async with serve(steps.reply()) as server, client.open(server) as up:
            with pytest.raises(UnsafeRequest) as caught:
                await up.send(chat(headers=headers, path=path))
            return server.seen, str(caught.value)

    seen, text = run(go())

    assert seen == []
    assert "evil" not in text


def test_no_key_stands_in_any_error_repr_or_traceback(run, serve, client, chat, steps, caplog):
    """The same canary is sent by us and by the caller, and failures of every kind are looked at."""
    faults = [
        steps.reset,
        steps.raw(b"no http at all\r\n\r\n"),
        steps.reply(307, b"", location=f"http://user:{CANARY}@elsewhere.example/x?k={CANARY}"),
        steps.raw(b"HTTP/1.1 200 OK\r\nx: " + b"a" * 40_000 + b"\r\n\r\n"),
        steps.slow(1),
        steps.stream(b"data: 1\n\n", then="cut"),
    ]
    caplog.set_level(0)
    texts: list[str] = []

    def note(error: BaseException) -> None:
        chain: BaseException | None = error
        while chain is not None:
            texts.extend([str(chain), repr(chain), repr(vars(chain))])
            chain = chain.__cause__ or chain.__context__
        texts.append("".join(traceback.format_exception(error)))

    async def go():
        async with serve(*faults) as server, client.open(server) as up:
            texts.append(repr(up))
            for _ in faults:
                try:
                    quick = Timeouts(connect=1, first_byte=0.2, idle=1, total=3)
                    await (await up.send(chat(headers=(("x-k", CANARY),), timeouts=quick))).read()
                except UpstreamError as error:
                    note(error)
        async with client.open("http://127.0.0.1:1/v1") as up:
            with pytest.raises(UpstreamUnreachable) as caught:
                await up.send(chat())
            note(caught.value)
        for bad in (f"{CANARY}\r\nx: y", ""):
            with pytest.raises(ConfigurationError) as caught:
                Upstream("http://127.0.0.1/v1", bad)
            note(caught.value)
        with pytest.raises(ConfigurationError) as caught:
            Upstream(f"http://{CANARY}@127.0.0.1/v1")
        note(caught.value)

    run(go())

    assert len(texts) > 30
    assert [text for text in texts if CANARY in text] == []
    assert CANARY not in caplog.text


def test_a_key_provider_that_fails_or_gives_no_text_is_a_configuration_error(run, serve, client, chat, steps):
    def fails():
        raise RuntimeError(CANARY)

    async def go():
        async with serve(steps.reply()) as server:
            for provider in (fails, lambda: None, lambda: " "):
                async with client.open(server, key=provider) as up:
                    with pytest.raises(ConfigurationError) as caught:
                        await up.send(chat())
                    assert CANARY not in str(caught.value)
                    assert caught.value.__context__ is None
            return server.seen

    assert run(go()) == []


def test_redirects_are_refused_and_not_followed(run, serve, client, chat, steps):
    async def go():
        async with serve(steps.reply(308, b"", location="https://elsewhere.example/v1/x?secret=1")) as server:
            async with client.open(server) as up:
                with pytest.raises(UpstreamRedirected, match=r"https://elsewhere\.example;") as caught:
                    await up.send(chat())
            return len(server.seen), caught.value.attempts

    count, attempts = run(go())

    assert (count, [a.reason for a in attempts]) == (1, ["308 redirect"])


def test_compressed_replies_stay_compressed(run, serve, client, chat, steps):
    packed = gzip.compress(b'{"ok":true}' * 1000)

    async def go():
        async with (
            serve(steps.reply(200, packed, content_encoding="gzip")) as server,
            client.open(server) as up,
        ):
            got = await up.send(chat(headers=(("accept-encoding", "gzip"),)))
            return await got.read(), got.header("content-encoding")

    assert run(go()) == (packed, "gzip")


def test_large_headers_pass_and_huge_ones_are_an_error(run, serve, client, chat, steps):
    async def go():
        large, huge = "a" * 20_000, "a" * 40_000
        async with serve(steps.reply(200, b"{}", x_l=large), steps.reply(200, b"{}", x_l=huge)) as server:
            async with client.open(server) as up:
                got = await up.send(chat())
                await got.read()
                with pytest.raises(UpstreamGarbled):
                    await up.send(chat())
            return len(got.header("x-l")), len(server.seen)

    assert run(go()) == (20_000, 2)


def test_an_upload_of_ten_megabytes_goes_up_whole(run, serve, client, chat, steps):
    async def direct():
        got = bytearray()

        async def handle(reader, writer):
            head = await reader.readuntil(b"\r\n\r\n")
            size = int(
                next(line for line in head.split(b"\r\n") if line.lower().startswith(b"content-length"))[15:]
            )
            got.extend(await reader.readexactly(size))
            writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}")
            await writer.drain()
            writer.close()

        server = await asyncio.start_server(handle, "127.0.0.1", 0)
        async with server:
            port = server.sockets[0].getsockname()[1]
            async with client.open(f"http://127.0.0.1:{port}/v1") as up:
                reply = await up.send(chat(body=b"x" * 10_000_001))
                return await reply.read(), len(got)

    assert run(direct()) == (b"{}", 10_000_001)


def test_connections_are_used_again_and_limited(run, serve, client, chat, steps):
    async def go():
        async with serve(steps.reply()) as server, client.open(server, connections=2) as up:

            async def call():
                return await (await up.send(chat())).read()

            for _ in range(3):
                await asyncio.gather(*(call() for _ in range(8)))
            return len(server.seen), len({seen.connection for seen in server.seen})

    assert run(go()) == (24, 2)


def test_an_error_reply_is_a_reply_with_its_body_and_headers(run, serve, client, chat, steps):
    async def go():
        async with (
            serve(steps.error(400, "context_length_exceeded", x_request_id="r")) as server,
            client.open(server) as up,
        ):
            got = await up.send(chat())
            return got.status, await got.read(), got.header("x-request-id"), got.attempts[0].reason

    status, body, name, reason = run(go())

    assert (status, name, reason) == (400, "r", "400 context_length_exceeded")
    assert body == b'{"error":{"message":"no","type":null,"param":null,"code":"context_length_exceeded"}}'


def test_a_session_of_the_callers_own_is_used_and_left_open(run, serve, client, chat, steps):
    async def go():
        async with (
            serve(steps.reply(200, gzip.compress(b"{}"), content_encoding="gzip")) as server,
            aiohttp.ClientSession() as session,
        ):
            async with client.open(server, session=session) as up:
                body = await (await up.send(chat())).read()
            return body, session.closed

    body, closed = run(go())

    assert (gzip.decompress(body), closed) == (b"{}", False)


def test_sending_before_and_after_it_is_open_is_the_callers_error(run, serve, client, chat, steps):
    async def go():
        async with serve(steps.reply()) as server:
            up = client.open(server)
            with pytest.raises(CallerError):
                await up.send(chat())
            async with up:
                other = up.with_key("sk-other")
            for closed in (up, other):
                with pytest.raises(CallerError):
                    await closed.send(chat())

    run(go())


def test_get_needs_no_body_and_keeps_its_query(run, serve, client, chat, steps):
    async def go():
        async with serve(steps.reply()) as server, client.open(server) as up:
            got = await up.send(Outgoing(method="get", path="/v1/models?limit=2&after=a%2Fb"))
            await got.read()
            return server.seen[0]

    seen = run(go())

    assert (seen.method, seen.path, seen.body) == ("GET", "/v1/models?limit=2&after=a%2Fb", b"")
    assert "content-type" not in seen.headers


def test_a_reply_that_was_closed_says_so_when_read(run, serve, client, chat, steps):
    async def go():
        async with serve(steps.stream(b"data: 1\n\n", then="hang")) as server, client.open(server) as up:
            got = await up.send(chat())
            await got.aclose()
            await got.aclose()
            with pytest.raises(UpstreamCut, match="closed before"):
                await got.read()

    run(go())


def test_upstream_satisfies_the_protocol_by_shape():
    sender: Send = Upstream("http://127.0.0.1/v1")

    assert sender is not None


@pytest.mark.parametrize("method", ["", "GET /", "GET\r\nx: y", "GÉT"])
def test_a_method_that_is_none_is_refused(run, serve, client, chat, steps, method):
    async def go():
        async with serve(steps.reply()) as server, client.open(server) as up:
            with pytest.raises(UnsafeRequest):
                await up.send(chat(method=method))
            return server.seen

    assert run(go()) == []


def test_the_room_loads_without_its_extra():
    """Only entering an Upstream needs aiohttp."""
    import subprocess
    import sys

    program = (
        "import sys, tierwise.upstream; "
        "assert 'aiohttp' not in sys.modules and 'yarl' not in sys.modules, 'loaded at import'"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


def test_without_the_extra_entering_says_how_to_install_it():
    import subprocess
    import sys

    program = (
        "import asyncio, sys; sys.modules['aiohttp'] = None\n"
        "from tierwise.upstream import Upstream\n"
        "from tierwise.errors import MissingExtra\n"
        "async def go():\n"
        "    async with Upstream(): pass\n"
        "try: asyncio.run(go())\n"
        "except MissingExtra as error: print(error)"
    )
    done = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)

    assert "pip install 'tierwise[live]'" in done.stdout


@pytest.mark.parametrize(
    "base",
    [
        "",
        "api.openai.com",
        "ftp://a/v1",
        "http://",
        "http://a:x/v1",
        "http://a b/v1",
        "http://a/v1?x=1",
        "http://a/#f",
    ],
)
def test_a_base_url_that_is_none_is_refused(base):
    with pytest.raises(ConfigurationError):
        Upstream(base)


@pytest.mark.parametrize(
    "wrong", [{"connect": 0}, {"idle": -1}, {"total": float("nan")}, {"first_byte": float("inf")}]
)
def test_timeouts_that_are_none_are_refused(wrong):
    with pytest.raises(ValueError, match="seconds above 0"):
        Timeouts(**wrong)


@pytest.mark.parametrize("wrong", [{"attempts": 0}, {"within": -1}, {"most_asked": float("nan")}])
def test_retries_that_are_none_are_refused(wrong):
    with pytest.raises(ValueError, match="retries"):
        Retries(**wrong)
