"""Logs: JSON lines for machines, text for people, libraries in the same form, levels kept."""

from __future__ import annotations

import logging

import orjson
import pytest
import structlog

from metis_node.node.logs import configure_logs


def test_json_lines_carry_event_level_time_and_facts(
    capfdbinary: pytest.CaptureFixture[bytes],
) -> None:
    configure_logs(level="info", form="json")
    structlog.get_logger().info("block imported", number=7)
    structlog.get_logger().debug("too quiet")
    logging.getLogger("uvicorn.error").warning("from a %s", "library")
    first, second = (orjson.loads(line) for line in capfdbinary.readouterr().err.splitlines())
    assert (first["event"], first["level"], first["number"]) == ("block imported", "info", 7)
    assert first["timestamp"].endswith("Z")
    assert (second["event"], second["logger"]) == ("from a library", "uvicorn.error")


def test_an_exception_is_one_json_line(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    configure_logs(form="json")
    try:
        raise ValueError("broken")
    except ValueError:
        structlog.get_logger().exception("it failed")
    (line,) = capfdbinary.readouterr().err.splitlines()
    assert orjson.loads(line)["exception"][0]["exc_value"] == "broken"


def test_text_is_readable_and_keeps_the_level(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    configure_logs(level="warning", form="text")
    structlog.get_logger().info("not this")
    structlog.get_logger().warning("the L1 is slow", age_s=9)
    text = capfdbinary.readouterr().err.decode()
    assert "the L1 is slow" in text
    assert "age_s=9" in text
    assert "not this" not in text
