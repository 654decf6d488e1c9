from django.apps import AppConfig


class AggregationConfig(AppConfig):
    name = "aggregation"

    def ready(self) -> None:
        """Hang the reconciler into the fleet's pulse, jobs into the live topics, and both into the fleet's pages."""
        from aggregation.selectors import jobs
        from aggregation.services.beat import Progress
        from aggregation.views import shell
        from fleet.pages import extensions
        from fleet.telemetry.core.topics import Kind
        from fleet.telemetry.selectors import watching
        from fleet.telemetry.services import pulse

        pulse.parts["learning"] = Progress
        watching.kinds[Kind.JOB] = jobs.watchable
        extensions.changes["learning"] = shell.change
        extensions.groups["learning"] = shell.group
        extensions.actions["learning"] = shell.actions
