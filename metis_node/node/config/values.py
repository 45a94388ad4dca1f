"""Value types of the configuration: addresses and URLs, with the words that refuse a wrong one.

Section models are in `model.py`.
"""

from __future__ import annotations

import re
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field
from pydantic_settings import NoDecode

ADDRESS_PATTERN = re.compile(r"0x[0-9a-fA-F]{40}")


def _address(text: str) -> str:
    if not ADDRESS_PATTERN.fullmatch(text):
        raise ValueError("must be 0x followed by 40 hexadecimal digits")
    digits = text[2:]
    if digits in (digits.lower(), digits.upper()):
        return text
    from eth_utils.address import to_checksum_address

    if to_checksum_address(text) != text:
        raise ValueError(
            "its EIP-55 checksum is wrong: check the digits, or write it in lower case"
        )
    return text


def _url(text: str, schemes: tuple[str, ...]) -> str:
    parts = urlsplit(text)
    if parts.scheme not in schemes or not parts.hostname:
        raise ValueError(
            f"must be a URL that starts with {' or '.join(s + '://' for s in schemes)}"
        )
    return text.rstrip("/")


def _http_url(text: str) -> str:
    return _url(text, ("http", "https"))


def _split_commas(value: object) -> object:
    """Lists may be written `a,b` in the environment and in flags; `[...]` is TOML's own form."""
    if not isinstance(value, str):
        return value
    text = value.strip().removeprefix("[").removesuffix("]")
    return [item.strip().strip("\"'") for item in text.split(",") if item.strip()]


def masked_url(url: str) -> str:
    """The URL without what may be a credential: user, password, path and query."""
    parts = urlsplit(url)
    port = f":{parts.port}" if parts.port else ""
    secret = bool(parts.username or parts.path.strip("/") or parts.query)
    return f"{parts.scheme}://{parts.hostname}{port}{'/***' if secret else ''}"


AddressHex = Annotated[str, AfterValidator(_address)]
HttpUrl = Annotated[str, AfterValidator(_http_url)]
HttpUrls = Annotated[
    tuple[HttpUrl, ...], NoDecode, BeforeValidator(_split_commas), Field(max_length=16)
]
Names = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_split_commas), Field(max_length=64)]
Port = Annotated[int, Field(ge=0, le=65535)]
