"""Figures for the pages: plotly documents and the key figures of the overview."""

from fleet.telemetry.selectors.figures.fleet import FLEET_CHARTS, FLEET_RANGES, fleet_figure
from fleet.telemetry.selectors.figures.kpis import FRESH_S, FleetKpis, Measure, fleet_kpis
from fleet.telemetry.selectors.figures.node import NODE_CHARTS, NODE_RANGES, node_figure

__all__ = [
    "FLEET_CHARTS",
    "FLEET_RANGES",
    "FRESH_S",
    "NODE_CHARTS",
    "NODE_RANGES",
    "FleetKpis",
    "Measure",
    "fleet_figure",
    "fleet_kpis",
    "node_figure",
]
