"""Whether this machine runs on mains power."""

from __future__ import annotations


def on_mains() -> bool | None:
    """True or False where there is a battery; None where there is none, or nobody can tell."""
    import psutil

    # Not offered on every system; some raise when their files are not there.
    try:
        battery = psutil.sensors_battery()
    except (AttributeError, OSError):
        return None
    return None if battery is None else battery.power_plugged
