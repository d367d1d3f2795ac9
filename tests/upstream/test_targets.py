"""Addresses, keys and models of OpenAI-like servers and of Azure; and compressed bodies read."""

from __future__ import annotations

import gzip
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tierwise.calls import Outgoing
from tierwise.errors import ConfigurationError, UnsafeRequest, UpstreamGarbled
from tierwise.upstream import Azure, Inflater, Upstream

RESOURCE = "https://acme.openai.azure.com"
DEPLOYMENTS = {"prod-54": "gpt-5.4", "spare 54": "gpt-5.4", "gpt-5.5": "gpt-5.5"}


def address(base, path, model=None, azure=None):
    return Upstream(base, azure=azure)._target.url(path, model)


@pytest.mark.parametrize(
    ("base", "path", "expected"),
    [
        ("https://api.openai.com/v1", "/v1/chat/completions", "https://api.openai.com/v1/chat/completions"),
        ("https://api.openai.com/v1/", "/v1/models?limit=2", "https://api.openai.com/v1/models?limit=2"),
        (
            "https://eu.api.openai.com/v1",
            "/responses/resp_1",
            "https://eu.api.openai.com/v1/responses/resp_1",
        ),
        ("http://127.0.0.1:4000", "/v1/chat/completions", "http://127.0.0.1:4000/chat/completions"),
        ("http://[::1]:4000/proxy/v1", "/v1/models/a%2Fb", "http://[::1]:4000/proxy/v1/models/a%2Fb"),
    ],
)
def test_the_base_url_is_what_an_sdk_takes(base, path, expected):
    assert address(base, path) == expected


@pytest.mark.parametrize(
    ("version", "path", "expected"),
    [
        ("v1", "/v1/chat/completions", "/openai/v1/chat/completions"),
        ("v1", "/v1/anything/else?x=1", "/openai/v1/anything/else?x=1"),
        ("preview", "/v1/responses?x=1", "/openai/v1/responses?x=1&api-version=preview"),
        (
            "2024-10-21",
            "/v1/chat/completions",
            "/openai/deployments/prod-54/chat/completions?api-version=2024-10-21",
        ),
        (
            "2024-10-21",
            "/v1/embeddings?a=b",
            "/openai/deployments/prod-54/embeddings?a=b&api-version=2024-10-21",
        ),
        ("2025-03-01-preview", "/v1/responses/r1", "/openai/responses/r1?api-version=2025-03-01-preview"),
        ("2024-10-21", "/v1/files/f1/content", "/openai/files/f1/content?api-version=2024-10-21"),
    ],
)
@pytest.mark.parametrize("base", [RESOURCE, RESOURCE + "/", RESOURCE + "/openai/v1", RESOURCE + "/openai"])
def test_azure_addresses(base, version, path, expected):
    azure = Azure(deployments=DEPLOYMENTS, api_version=version)

    assert address(base, path, "gpt-5.4", azure) == RESOURCE + expected


def test_a_deployment_name_is_escaped_in_the_path():
    azure = Azure(deployments={"a b/c": "gpt-5.4"}, api_version="2024-10-21")

    assert "/deployments/a%20b%2Fc/chat" in address(RESOURCE, "/v1/chat/completions", "gpt-5.4", azure)


@pytest.mark.parametrize(
    ("path", "model", "said"),
    [
        ("/v1/chat/completions", None, "needs a model"),
        ("/v1/decisions", "gpt-6-luna", "no address for /decisions"),
    ],
)
def test_what_azure_lacks_is_an_error_by_name(path, model, said):
    with pytest.raises(ConfigurationError, match=said):
        address(RESOURCE, path, model, Azure(api_version="2024-10-21"))


@pytest.mark.parametrize("version", ["", "latest", "2024-10-21&x=1", "2024"])
def test_an_api_version_that_is_none_is_refused(version):
    with pytest.raises(ConfigurationError, match="api_version"):
        Azure(api_version=version)


def test_the_map_goes_both_ways():
    azure = Azure(deployments=DEPLOYMENTS)

    assert (azure.deployment_of("gpt-5.4"), azure.deployment_of("gpt-9")) == ("prod-54", "gpt-9")
    assert (azure.model_of("spare 54"), azure.model_of("unknown")) == ("gpt-5.4", "unknown")


def test_azure_over_the_wire(run, serve, client, steps):
    body = b'{"input": "caf\\u00e9",  "model":"gpt-5.4","x":1.10}'

    async def go():
        async with serve(steps.reply()) as server:
            base = server.url.removesuffix("/v1")
            for azure in (
                Azure(deployments=DEPLOYMENTS),
                Azure(deployments=DEPLOYMENTS, auth="token"),
                Azure(deployments=DEPLOYMENTS, api_version="2024-10-21"),
            ):
                async with client.open(base, azure=azure) as up:
                    for path, model in (("/v1/responses", "gpt-5.4"), ("/v1/chat/completions", "gpt-5.5")):
                        reply = await up.send(Outgoing(path=path, body=body, model=model))
                        await reply.read()
            return server.seen

    seen = run(go())

    renamed = b'{"input":"caf\\u00e9","model":"prod-54","x":1.10}'
    assert [s.body for s in seen] == [renamed, body] * 3
    assert [s.path for s in seen[::2]] == ["/openai/v1/responses"] * 2 + [
        "/openai/responses?api-version=2024-10-21"
    ]
    assert seen[0].headers["api-key"] == "sk-canary-1234"
    assert "authorization" not in seen[0].headers
    assert seen[2].headers["authorization"] == "Bearer sk-canary-1234"


@pytest.mark.parametrize("body", [b"[]", b"{", b"\xff", b"[" * 5000])
def test_a_body_whose_model_cannot_be_set_is_refused(body):
    up = Upstream(RESOURCE, azure=Azure(deployments=DEPLOYMENTS))

    with pytest.raises(UnsafeRequest):
        up._target.body("/v1/responses", body, "gpt-5.4")


def bare(data: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-15)
    return packer.compress(data) + packer.flush()


@pytest.mark.parametrize(
    ("coding", "pack"),
    [
        ("gzip", gzip.compress),
        ("deflate", zlib.compress),
        ("deflate", bare),
        ("identity", bytes),
        (None, bytes),
    ],
)
@given(data=st.binary(max_size=300), size=st.integers(1, 40))
def test_a_compressed_body_is_read_in_any_pieces(coding, pack, data, size):
    packed, inflater = pack(data), Inflater(coding)

    assert b"".join(inflater.feed(packed[at : at + size]) for at in range(0, len(packed), size)) == data


def test_a_body_that_grows_too_large_or_is_in_another_coding_is_an_error():
    with pytest.raises(UpstreamGarbled, match="larger than 1000"):
        Inflater("gzip", most=1000).feed(gzip.compress(b"x" * 1_000_000))
    with pytest.raises(UpstreamGarbled, match="br"):
        Inflater("br")
    for coding in ("gzip", "deflate"):
        with pytest.raises(UpstreamGarbled, match="not in the coding"):
            Inflater(coding).feed(b"\xff" * 100)
