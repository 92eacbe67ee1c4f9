"""Hypothesis: enough examples to find faults, few enough to keep the default suite short."""

from hypothesis import HealthCheck, settings

settings.register_profile("default", max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("default")
