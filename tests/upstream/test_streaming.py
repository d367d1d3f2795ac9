"""Replies that come piece by piece: as they come, to their end, or with an error that says why not."""

from __future__ import annotations

import asyncio
from contextlib import suppress

import pytest

from tierwise.calls import Retries, Timeouts
from tierwise.errors import UpstreamCut, UpstreamError, UpstreamTimeout
from tierwise.upstream import EventSplitter, StreamWatch


async def until_error(reply):
    """The bytes that came, and the error after them."""
    got = b""
    try:
        async for piece in reply:
            got += piece
    except Exception as error:  # noqa: BLE001  # handed back to be looked at
        return got, error
    return got, None


def test_pieces_come_when_they_come_and_the_connection_is_used_again(run, serve, client, chat, steps):
    pieces = [b"data: %d\n\n" % n for n in range(5)]

    async def go():
        async with serve(steps.stream(*pieces, pause=0.02)) as server, client.open(server) as up:
            first = [piece async for piece in await up.send(chat())]
            again = [piece async for piece in await up.send(chat())]
            return first, again, {seen.connection for seen in server.seen}

    first, again, connections = run(go())

    assert first == again == pieces
    assert len(connections) == 1


def test_a_cut_stream_gives_what_came_and_then_the_error_without_a_second_request(
    run, serve, client, chat, steps
):
    async def go():
        async with serve(steps.stream(b"data: 1\n\n", b"data: 2\n\n", then="cut")) as server:
            async with client.open(server) as up:
                got = await until_error(await up.send(chat()))
            return *got, len(server.seen)

    got, error, arrived = run(go())

    assert (got, type(error), arrived) == (b"data: 1\n\ndata: 2\n\n", UpstreamCut, 1)
    assert error.sent


def test_bytes_that_came_before_a_cut_are_given_even_to_a_slow_reader(run, serve, client, chat, steps):
    async def go():
        step = steps.stream(b"data: 1\n\n", b"data: 2\n\n", then="cut")
        async with serve(step) as server, client.open(server) as up:
            reply = await up.send(chat())
            await asyncio.sleep(0.1)
            return await until_error(reply)

    got, error = run(go())

    assert (got, type(error)) == (b"data: 1\n\ndata: 2\n\n", UpstreamCut)


def test_a_body_shorter_than_its_length_is_cut(run, serve, client, chat, steps):
    step = steps.raw(b'HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{"a":')

    async def go():
        async with serve(step) as server, client.open(server) as up:
            return await until_error(await up.send(chat()))

    got, error = run(go())

    assert (got, type(error)) == (b'{"a":', UpstreamCut)


def test_a_clean_close_before_the_end_of_the_stream_is_cut_not_stopped(run, serve, client, chat, steps):
    """HTTP is in order here; only the stream's own words tell."""
    step = steps.raw(b'HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\ndata: {"choices":[]}\n\n')

    async def go():
        async with serve(step) as server, client.open(server) as up:
            splitter, watch = EventSplitter(), StreamWatch("chat")
            async for piece in await up.send(chat()):
                for event in splitter.feed(piece):
                    watch.feed(event)
            with pytest.raises(UpstreamCut, match=r"after 1 events without \[DONE\]"):
                watch.check_end()

    run(go())


def test_idle_counts_between_pieces_only(run, serve, client, chat, steps):
    pieces = [b"data: %d\n\n" % n for n in range(6)]
    outgoing = chat(timeouts=Timeouts(idle=0.25, total=10))

    async def go():
        step = steps.stream(*pieces, pause=0.1, then="hang")
        async with serve(step) as server, client.open(server) as up:
            got = await until_error(await up.send(outgoing))
            await asyncio.wait_for(server.left.wait(), 2)
            return got

    got, error = run(go())

    assert (got, type(error)) == (b"".join(pieces), UpstreamTimeout)
    assert "timeouts.idle" in str(error)


def test_a_slow_reader_is_not_idle(run, serve, client, chat, steps):
    outgoing = chat(timeouts=Timeouts(idle=0.1, total=10))

    async def go():
        step = steps.stream(*[b"x" * 300_000] * 3)
        async with serve(step) as server, client.open(server) as up:
            total = 0
            async for piece in await up.send(outgoing):
                if not total:
                    await asyncio.sleep(0.4)
                total += len(piece)
            return total

    assert run(go()) == 900_000


def test_a_short_first_byte_time_does_not_bound_the_stream(run, serve, client, chat, steps):
    outgoing = chat(timeouts=Timeouts(first_byte=0.15, idle=2, total=10))

    async def go():
        step = steps.stream(b"data: 1\n\n", b"data: 2\n\n", pause=0.5)
        async with serve(step) as server, client.open(server) as up:
            return await (await up.send(outgoing)).read()

    assert run(go()) == b"data: 1\n\ndata: 2\n\n"


def test_the_total_ends_a_stream_that_never_rests(run, serve, client, chat, steps):
    outgoing = chat(timeouts=Timeouts(total=0.4))

    async def go():
        step = steps.stream(*[b"data: x\n\n"] * 100, pause=0.05)
        async with serve(step) as server, client.open(server) as up:
            got = await until_error(await up.send(outgoing))
            await asyncio.wait_for(server.left.wait(), 2)
            return got

    got, error = run(go())

    assert got.startswith(b"data: x")
    assert isinstance(error, UpstreamTimeout)
    assert "timeouts.total" in str(error)


def test_closing_a_reply_closes_the_connection_upstream_at_once(run, serve, client, chat, steps):
    async def go():
        async with serve(steps.stream(b"data: 1\n\n", then="hang")) as server, client.open(server) as up:
            reply = await up.send(chat())
            assert await anext(reply) == b"data: 1\n\n"
            await reply.aclose()
            await asyncio.wait_for(server.left.wait(), 1)

    run(go())


@pytest.mark.parametrize("phase", ["status", "body", "error body"])
def test_a_caller_who_is_cancelled_takes_the_connection_along(run, serve, client, chat, steps, phase):
    script = {
        "status": steps.slow(30),
        "body": steps.stream(b"data: 1\n\n", then="hang"),
        "error body": steps.stream(b'{"error"', then="hang", status=500),
    }[phase]

    async def go():
        async with serve(script) as server, client.open(server) as up:

            async def call():
                async with await up.send(chat()) as reply:
                    return await reply.read()

            task = asyncio.create_task(call())
            await asyncio.sleep(0.2)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            await asyncio.wait_for(server.left.wait(), 1)
            assert len(server.seen) == 1

    run(go())


def test_a_caller_who_is_cancelled_while_uploading_does_not_leave_the_upload_running(run, client, chat):
    async def go():
        lost = asyncio.Event()

        async def handle(reader, writer):
            writer.transport.pause_reading()
            await asyncio.sleep(0.4)
            writer.transport.resume_reading()
            try:
                while await reader.read(1 << 20):
                    pass
            except ConnectionError:
                pass
            lost.set()
            writer.transport.abort()

        server = await asyncio.start_server(handle, "127.0.0.1", 0)
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
        async with server, client.open(url) as up:
            task = asyncio.create_task(up.send(chat(body=b"x" * 80_000_000)))
            await asyncio.sleep(0.2)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            await asyncio.wait_for(lost.wait(), 2)

    run(go())


def test_a_reader_who_gives_up_one_wait_may_go_on_later(run, serve, client, chat, steps):
    """A cancelled wait counts no idle time and loses no bytes."""
    outgoing = chat(timeouts=Timeouts(idle=0.3, total=10))

    async def go():
        step = steps.stream(b"data: 1\n\n", b"data: 2\n\n", pause=0.15)
        async with serve(step) as server, client.open(server) as up:
            reply = await up.send(outgoing)
            first = await anext(reply)
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(anext(reply), 0.02)
            await asyncio.sleep(0.6)
            return first + await reply.read()

    assert run(go()) == b"data: 1\n\ndata: 2\n\n"


def test_no_way_to_fail_keeps_its_place_in_the_pool(run, serve, client, chat, steps):
    """With one connection allowed, a good call goes through after every kind of failure."""
    quick = chat(timeouts=Timeouts(connect=2, first_byte=0.1, idle=0.1, total=3), retries=Retries(attempts=1))
    hang = steps.stream(b"data: 1\n\n", then="hang")
    faults = [
        steps.reset,
        steps.slow(1),
        hang,
        steps.stream(b"data: 1\n\n", then="cut"),
        steps.raw(b"junk\r\n\r\n"),
        steps.reply(302, b"", location="/x"),
        steps.error(500),
        steps.error(429, "project_spend_limit_exceeded"),
        steps.raw(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n{}"),
    ]
    script = [step for fault in faults for step in (fault, steps.reply())]

    async def go():
        async with serve(*script, hang, steps.reply()) as server, client.open(server, connections=1) as up:
            for _ in faults:
                with suppress(UpstreamError):
                    await (await up.send(quick)).read()
                assert await (await up.send(chat())).read() == b'{"ok":true}'
            await (await up.send(chat())).aclose()
            assert await (await up.send(chat())).read() == b'{"ok":true}'
            return len(server.seen)

    assert run(go()) == 2 * len(faults) + 2
