"""Which protocol a host speaks is found out by asking, and keys go where they belong only."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from ollama_tui import errors
from ollama_tui.answer import Answer
from ollama_tui.connection import Connections
from ollama_tui.events import Finished
from ollama_tui.servers import Server, open_server
from ollama_tui.servers.ollama import Ollama
from ollama_tui.servers.openai import OpenAICompatible
from ollama_tui.settings import Host, configured_host, parse_host
from tests.answering import answered, nothing_left_open, request, server_at
from tests.scripted import Scenario, ScriptedServer, refused_url

HTML = b"<html><body>It works!</body></html>"
NOT_FOUND = b'{"error":{"code":404,"message":"File Not Found","type":"not_found_error"}}'
V1_MODELS = b'{"object":"list","data":[{"id":"smollm2"},{"id":"qwen"}]}'


@asynccontextmanager
async def web_server(pages: dict[str, tuple[int, bytes]]) -> AsyncIterator[str]:
    """A web server that knows these pages; everything else is the page "*"."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        status, body = pages.get(head.split(" ")[1], pages["*"])
        fields = f"Content-Length: {len(body)}\r\nConnection: close\r\n"
        writer.write(f"HTTP/1.1 {status} Status\r\n{fields}\r\n".encode() + body)
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"


async def opened(url: str) -> Server:
    """Open it, and assert that asking left nothing open."""
    connections = Connections()
    try:
        return await open_server(parse_host(url), connections)
    finally:
        assert not connections.live


async def test_an_ollama() -> None:
    async with ScriptedServer() as scripted:
        server = await opened(scripted.url)
        async with nothing_left_open(server):
            assert isinstance(server, Ollama)
            models = await server.models()
            await scripted.assert_all_closed()
    assert models[0].name == "smollm2-think:135m"
    assert models[0].capabilities == ("completion", "thinking")
    assert models[0].size_bytes == 98362862
    assert models[0].parameters == "134.52M"
    assert models[0].quantization == "Q4_1"
    assert models[0].family == "llama"
    assert models[0].context_length == 8192


@pytest.mark.parametrize("other", [(404, NOT_FOUND), (404, b"404 page not found"), (200, HTML)])
async def test_an_openai_compatible_server(other: tuple[int, bytes]) -> None:
    async with web_server({"/v1/models": (200, V1_MODELS), "*": other}) as url:
        server = await opened(url)
        assert isinstance(server, OpenAICompatible)
        assert [model.name for model in await server.models()] == ["smollm2", "qwen"]
    async with web_server({"/v1/models": (200, V1_MODELS), "*": other}) as url:
        assert isinstance(await opened(f"{url}/v1"), OpenAICompatible)


@pytest.mark.parametrize(
    "page", [(200, HTML), (404, HTML), (200, b"{}"), (200, b"[1]"), (200, b"null"), (200, b"")]
)
async def test_neither(page: tuple[int, bytes]) -> None:
    async with web_server({"*": page}) as url:
        with pytest.raises(errors.NotThisProtocol, match="neither") as refusal:
            await opened(url)
    assert url.removeprefix("http://") in str(refusal.value)
    assert "--host" in str(refusal.value)
    assert "<html" not in str(refusal.value)


async def test_a_server_that_wants_a_key() -> None:
    async with web_server({"*": (401, b'{"error":"unauthorized"}')}) as url:
        with pytest.raises(errors.NotAllowed, match="unauthorized"):
            await opened(url)


async def test_a_busy_server() -> None:
    async with web_server({"*": (503, b"")}) as url:
        with pytest.raises(errors.Busy):
            await opened(url)


async def test_nobody() -> None:
    with refused_url() as url, pytest.raises(errors.Unreachable):
        await opened(url)


async def test_what_the_settings_say_is_not_asked() -> None:
    async with ScriptedServer() as scripted:
        connections = Connections()
        ollama = await open_server(parse_host(scripted.url, "ollama"), connections)
        openai = await open_server(parse_host(scripted.url, "openai"), connections)
        assert isinstance(ollama, Ollama)
        assert isinstance(openai, OpenAICompatible)
        assert not scripted.requests
        answer, _ = await answered(openai)
        assert isinstance(answer.end, Finished)


@pytest.mark.parametrize(
    "body", [b'{"models":null}', b'{"models":[]}', b'{"models":[{"name":"nameless"}]}']
)
async def test_an_ollama_without_models(body: bytes) -> None:
    async with web_server({"*": (200, body)}) as url:
        assert await server_at(url).models() == []


@pytest.mark.parametrize("api", ["ollama", "openai"])
@pytest.mark.parametrize("body", [b'{"models":[1],"data":[1]}', b'{"models":3,"data":3}', HTML])
async def test_a_list_of_models_that_is_none(api: str, body: bytes) -> None:
    async with web_server({"*": (200, body)}) as url:
        with pytest.raises(errors.NotThisProtocol):
            await server_at(url, api).models()


# keys


async def sent_authorization(host: Host, scripted: ScriptedServer) -> set[str | None]:
    """Ask everything there is to ask; return the Authorization headers that came."""
    before = len(scripted.requests)
    server = await open_server(host, Connections())
    await server.models()
    answer = Answer(server, request())
    answer.start()
    await answer.wait()
    assert isinstance(answer.end, Finished)
    assert len(scripted.requests) - before >= 2
    return {exchange.headers.get("authorization") for exchange in scripted.requests[before:]}


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("OLLAMA_TUI_CONFIG", str(tmp_path))
    monkeypatch.setenv("OLLAMA_API_KEY", "sesame")
    return tmp_path / "settings.toml"


@pytest.mark.parametrize("api", ["auto", "ollama", "openai"])
async def test_the_environments_key_is_sent_to_nobody_unasked(settings: Path, api: str) -> None:
    async with ScriptedServer(default="steady:count=2") as scripted:
        host = parse_host(scripted.url, api)  # type: ignore[arg-type]
        assert await sent_authorization(host, scripted) == {None}
        for exchange in scripted.requests:
            assert b"sesame" not in exchange.raw
            assert "sesame" not in str(exchange.headers)


@pytest.mark.parametrize("api", ["ollama", "openai"])
async def test_a_key_is_sent_to_the_host_that_it_was_named_for(settings: Path, api: str) -> None:
    async with (
        ScriptedServer(default="steady:count=2") as named,
        ScriptedServer(default="steady:count=2") as other,
    ):
        entry = f'url = "{named.url}"\napi = "{api}"\napi_key_env = "OLLAMA_API_KEY"\n'
        settings.write_text(f"[hosts.mine]\n{entry}", encoding="utf-8")  # noqa: ASYNC240
        host = configured_host(named.url)
        assert await sent_authorization(host, named) == {"Bearer sesame"}
        assert await sent_authorization(configured_host(other.url), other) == {None}
        assert "sesame" not in repr(host)


@pytest.mark.parametrize("api", ["ollama", "openai"])
async def test_user_info_is_sent_as_basic_and_shown_nowhere(settings: Path, api: str) -> None:
    basic = "Basic " + base64.b64encode(b"me:open sesame").decode()
    async with ScriptedServer(default="steady:count=2") as scripted:
        url = scripted.url.replace("//", "//me:open%20sesame@")
        host = parse_host(url, api)  # type: ignore[arg-type]
        assert await sent_authorization(host, scripted) == {basic}
        scripted.add("401", "reset-before-headers", Scenario("broken", ()))
        for _ in range(3):
            answer, _ = await answered(server_at(url, api))
            shown = repr(answer.receipt) + str(getattr(answer.end, "error", ""))
            assert "sesame" not in shown
            assert "b3Blb" not in shown
            assert not isinstance(answer.end, Finished)


@pytest.mark.parametrize("api", ["ollama", "openai"])
async def test_loopback_asks_no_proxy(api: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with refused_url() as proxy:
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
            monkeypatch.setenv(name, proxy)
        for name in ("NO_PROXY", "no_proxy"):
            monkeypatch.delenv(name, raising=False)
        async with ScriptedServer(default="steady:count=2") as scripted:
            server = server_at(scripted.url, api)
            await server.models()
            answer, _ = await answered(server)
        assert isinstance(answer.end, Finished)


async def test_other_hosts_use_the_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    async with ScriptedServer() as proxy:
        monkeypatch.setenv("http_proxy", proxy.url)
        monkeypatch.delenv("no_proxy", raising=False)
        monkeypatch.delenv("NO_PROXY", raising=False)
        with pytest.raises(errors.ServerError):
            await server_at("http://gpu-box.invalid:1").models()
        (exchange,) = proxy.requests
    assert exchange.path == "http://gpu-box.invalid:1/api/tags"
