"""Objects kept upstream, seen by the project that made them: at once, across pages, and by every id they have."""

from __future__ import annotations

import asyncio
import json
import urllib.error
import urllib.request
from typing import Any

import openai
import pytest

from tierwise.gateway import Settings
from tierwise.gateway._lists import own_list
from tierwise.gateway._objects import Objects

LINE = (
    b'{"custom_id":"a","method":"POST","url":"/v1/responses","body":{"model":"gpt-5.4-nano","input":"hi"}}\n'
)


def file_of(client: openai.OpenAI) -> str:
    return client.files.create(file=("in.jsonl", LINE), purpose="batch").id


def test_a_stored_chat_completion_is_its_projects_as_soon_as_it_is_made(start: Any, tmp_path: Any) -> None:
    bench = start(settings=Settings(spool=tmp_path / "spool", fold_every=60))
    mine, theirs = (bench.client(bench.key(name, project=name)) for name in ("mine", "theirs"))
    made = mine.chat.completions.create(
        model="gpt-5.5", messages=[{"role": "user", "content": "Hi"}], store=True
    )
    for client, requests in ((mine, 2), (theirs, 2)):
        # The simulator keeps no chat completions, so that both get 404; only the owner's is upstream's.
        with pytest.raises(openai.NotFoundError):
            client.chat.completions.retrieve(made.id)
        assert bench.simulator.requests == requests
    assert bench.simulator.received[1].path == f"/v1/chat/completions/{made.id}"


def test_a_list_goes_on_to_what_stands_behind_pages_of_others(bench: Any) -> None:
    mine, theirs = (bench.client(bench.key(name, project=name)) for name in ("mine", "theirs"))
    first = [file_of(mine) for _ in range(3)]
    for _ in range(4):
        file_of(theirs)
    last = file_of(mine)
    assert [file.id for file in mine.files.list(limit=2)] == [last, *reversed(first)]
    assert [file.id for file in mine.files.list(limit=2, order="asc")] == [*first, last]
    page = mine.files.list(limit=2)
    assert (len(page.data), page.has_more) == (2, True)


def test_a_conversation_belongs_to_the_project_that_opened_it(bench: Any) -> None:
    mine, theirs = (bench.client(bench.key(name, project=name)) for name in ("mine", "theirs"))
    talk = mine.conversations.create()
    answer = mine.responses.create(model="gpt-5.5", input="Hi", conversation=talk.id)
    assert answer.conversation is not None
    assert answer.conversation.id == talk.id
    assert mine.conversations.retrieve(talk.id).id == talk.id
    assert {"user", "assistant"} <= {
        getattr(item, "role", None) for item in mine.conversations.items.list(talk.id)
    }
    for attempt in (
        lambda: theirs.conversations.retrieve(talk.id),
        lambda: theirs.conversations.delete(talk.id),
        lambda: theirs.responses.create(model="gpt-5.5", input="And?", conversation=talk.id),
    ):
        with pytest.raises(openai.NotFoundError):
            attempt()


def test_a_page_that_cannot_be_had_ends_the_looking_and_says_that_there_is_more() -> None:
    first = b'{"object":"list","data":[{"id":"a"},{"id":"b"}],"has_more":true,"last_id":"b"}'
    asked: list[str] = []

    async def fetch(path: str) -> bytes | None:
        asked.append(path)
        return None

    found = asyncio.run(
        own_list(
            "/v1/batches?limit=2&after=x", first, fetch, lambda items: [i for i in items if i["id"] == "a"]
        )
    )
    assert found == b'{"object":"list","data":[{"id":"a"}],"has_more":true,"last_id":"a"}'
    assert asked == ["/v1/batches?limit=100&after=b"]


@pytest.mark.parametrize(
    "body", [b"", b"[]", b'{"error":{}}', b'{"data":[1]}', b'{"data":[{"id":1}]}', b"\xff"]
)
def test_what_is_no_list_goes_back_as_it_came(body: bytes) -> None:
    async def fetch(path: str) -> bytes | None:
        raise AssertionError(path)

    assert asyncio.run(own_list("/v1/files", body, fetch, lambda items: items)) == body


def foreign(file: str, response: str) -> dict[str, tuple[str, str]]:
    """Calls that name what another project owns, by path and body."""
    part = {"type": "input_file", "file_id": file}
    chat = {"role": "user", "content": [{"type": "file", "file": {"file_id": file}}]}
    code = {"type": "code_interpreter", "container": {"type": "auto", "file_ids": [file]}}
    told = {"model": "gpt-5.5", "input": "Hi"}
    escaped = json.dumps(told | {"previous_response_id": response})
    return {
        "a file to read": ("responses", json.dumps(told | {"input": [{"role": "user", "content": [part]}]})),
        "a file to read by Chat": ("chat/completions", json.dumps({"model": "gpt-5.5", "messages": [chat]})),
        "a file for code": ("responses", json.dumps(told | {"tools": [code]})),
        "a response, its name escaped": ("responses", escaped.replace("previous_", "previous\\u005f")),
        "a file, its name escaped": (
            "responses",
            json.dumps(told | {"input": [part]}).replace("le_id", "le\\u005fid"),
        ),
    }


@pytest.mark.parametrize("case", list(foreign("", "")))
def test_what_a_body_names_anywhere_must_be_the_projects(bench: Any, case: str) -> None:
    mine = bench.client(bench.key("mine", project="mine"))
    file = mine.files.create(file=("notes.txt", b"secret"), purpose="user_data").id
    response = mine.responses.create(model="gpt-5.5", input="Hi", store=True).id
    path, body = foreign(file, response)[case]
    before = bench.simulator.requests

    def status(key: str) -> int:
        headers = {"authorization": f"Bearer {key}"}
        asked = urllib.request.Request(f"{bench.base_url}/{path}", body.encode(), headers)
        try:
            with urllib.request.urlopen(asked) as found:
                return int(found.status)
        except urllib.error.HTTPError as error:
            error.close()
            return error.code

    assert status(bench.key("theirs", project="theirs")) == 404
    assert bench.simulator.requests == before
    assert status(bench.key("also", project="mine")) in {200, 400}
    assert bench.simulator.requests > before


def test_words_that_only_look_like_ids_stop_nothing(bench: Any) -> None:
    client = bench.client()
    schema = {"type": "object", "properties": {"file_id": {"type": "string"}}}
    tools: Any = [{"type": "function", "name": "read", "parameters": schema}]
    told = 'Explain {"file_id": "file-x", "previous_response_id": "resp_x"} of a conversation'
    assert client.responses.create(
        model="gpt-5.5", input=told, tools=tools, metadata={"file_id": "file-x"}
    ).id


def test_the_file_of_an_upload_is_its_projects_once_it_is_complete(bench: Any) -> None:
    objects = Objects(bench.ledger)
    body = b'{"id":"upload_1","object":"upload","file":{"id":"file-1"}}'
    objects.made("POST", "/v1/uploads/upload_1/complete", 200, body, "mine")
    assert objects.may("file-1", "mine")
    assert not objects.may("file-1", "theirs")
