"""What Prometheus and Grafana are told to show exists: every metric that they name is ours."""

from __future__ import annotations

import re
from pathlib import Path

import orjson
import pytest

ROOT = Path(__file__).parents[3]
DASHBOARD = ROOT / "deploy" / "grafana" / "dashboards" / "metis-node.json"
ALERTS = ROOT / "deploy" / "prometheus" / "alerts.yml"
LITERAL = re.compile(r'"(metis_[a-z0-9_]+)"')
METRIC = re.compile(r"\bmetis_[a-z0-9_]+")
SUFFIX = re.compile(r"_(bucket|total|sum|count)$")


@pytest.fixture(scope="module")
def exported() -> set[str]:
    """Names that the node's code gives to its metrics."""
    code = (file.read_text() for file in (ROOT / "metis_node").rglob("*.py"))
    return {name for text in code for name in LITERAL.findall(text)}


def expressions() -> list[str]:
    panels = orjson.loads(DASHBOARD.read_bytes())["panels"]
    return [target["expr"] for panel in panels for target in panel.get("targets", [])]


def test_every_metric_of_the_dashboard_and_the_alerts_exists(exported: set[str]) -> None:
    texts = (*expressions(), ALERTS.read_text())
    named = {name for text in texts for name in METRIC.findall(text)}
    assert len(named) > 25
    assert not {name for name in named if not {name, SUFFIX.sub("", name)} & exported}


def test_panels_do_not_lie_over_each_other() -> None:
    panels = orjson.loads(DASHBOARD.read_bytes())["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    covered: set[tuple[int, int]] = set()
    for panel in panels:
        at = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(at["x"], at["x"] + at["w"])
            for y in range(at["y"], at["y"] + at["h"])
        }
        assert not cells & covered, panel["title"]
        covered |= cells
