from fleet.telemetry.models.fleet_figure import FleetFigure
from fleet.telemetry.models.inference import Inference
from fleet.telemetry.models.sample import Sample
from fleet.telemetry.models.stream import Stream
from fleet.telemetry.models.watch import Watch

__all__ = ["FleetFigure", "Inference", "Sample", "Stream", "Watch"]
