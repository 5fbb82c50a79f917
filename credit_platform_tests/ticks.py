"""Ticks of a sensor without the daemon."""

from functools import cache

import dagster as dg
from dagster._core.definitions.run_request import InstigatorType
from dagster._core.remote_origin import (
    InProcessCodeLocationOrigin,
    RemoteInstigatorOrigin,
    RemoteRepositoryOrigin,
)
from dagster._core.scheduler.instigation import InstigatorState, InstigatorStatus
from dagster._core.types.loadable_target_origin import LoadableTargetOrigin

from credit_platform.definitions import build_defs
from credit_platform.settings import Settings


@cache
def _definitions() -> dg.Definitions:
    return build_defs()


class Ticks:
    """A sensor that is ticked again and again, as the daemon does: the cursor and new partitions are kept."""

    def __init__(self, sensor: dg.SensorDefinition, settings: Settings, instance: dg.DagsterInstance) -> None:
        self.sensor, self.instance, self.cursor = sensor, instance, None
        self.settings = settings

    def tick(self) -> list[dg.RunRequest]:
        context = dg.build_sensor_context(
            self.instance,
            self.cursor,
            definitions=_definitions(),
            resources={"settings": self.settings},
            instance_ref=self.instance.get_ref(),
        )
        found = self.sensor.evaluate_tick(context)
        self.cursor = found.cursor
        for request in found.dynamic_partitions_requests or []:
            self.instance.add_dynamic_partitions(request.partitions_def_name, list(request.partition_keys))
        assert found.run_requests or found.skip_message
        return list(found.run_requests or [])

    def stop(self, sensor: dg.SensorDefinition) -> None:
        """Stops another sensor of the code location, as a person does in the UI."""
        self._set(sensor, InstigatorStatus.STOPPED)

    def start(self, sensor: dg.SensorDefinition) -> None:
        self._set(sensor, InstigatorStatus.RUNNING)

    def _set(self, sensor: dg.SensorDefinition, status: InstigatorStatus) -> None:
        origin = RemoteInstigatorOrigin(
            RemoteRepositoryOrigin(InProcessCodeLocationOrigin(LoadableTargetOrigin(), "here"), "__repository__"),
            sensor.name,
        )
        state = InstigatorState(origin, InstigatorType.SENSOR, status)
        known = self.instance.get_instigator_state(origin.get_id(), state.selector_id)
        (self.instance.update_instigator_state if known else self.instance.add_instigator_state)(state)
