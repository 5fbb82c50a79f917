"""When the graph runs: partitions, jobs, schedules and sensors."""
