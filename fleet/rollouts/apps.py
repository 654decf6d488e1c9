from django.apps import AppConfig


class RolloutsConfig(AppConfig):
    name = "fleet.rollouts"

    def ready(self) -> None:
        """Hang the reconciler into the fleet's pulse and the progress of rollouts into the live topics."""
        from fleet.rollouts.selectors import rollouts
        from fleet.rollouts.services.beat import Progress
        from fleet.telemetry.core.topics import Kind
        from fleet.telemetry.selectors import watching
        from fleet.telemetry.services import pulse_parts

        pulse_parts.parts["rollouts"] = Progress
        watching.kinds[Kind.ROLLOUT] = rollouts.watchable
