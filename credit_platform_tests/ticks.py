"""Ticks of a sensor without the daemon."""

import dagster as dg

from credit_platform.definitions import build_defs
from credit_platform.resources import resources
from credit_platform.settings import Settings


class Ticks:
    """A sensor that is ticked again and again, as the daemon does: the cursor and new partitions are kept."""

    def __init__(self, sensor: dg.SensorDefinition, settings: Settings, instance: dg.DagsterInstance) -> None:
        self.sensor, self.instance, self.cursor = sensor, instance, None
        self.settings, self.definitions = settings, build_defs(resources(settings))

    def tick(self) -> list[dg.RunRequest]:
        context = dg.build_sensor_context(
            self.instance,
            self.cursor,
            definitions=self.definitions,
            resources={"settings": self.settings},
            instance_ref=self.instance.get_ref(),
        )
        found = self.sensor.evaluate_tick(context)
        self.cursor = found.cursor
        for request in found.dynamic_partitions_requests or []:
            self.instance.add_dynamic_partitions(request.partitions_def_name, list(request.partition_keys))
        assert found.run_requests or found.skip_message
        return list(found.run_requests or [])
