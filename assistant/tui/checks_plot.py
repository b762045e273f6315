"""The checks of all versions as a plot: held-out loss before and after, version by version."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from textual_plotext import PlotextPlot

from assistant.store.records import Version


class ChecksPlot(PlotextPlot):
    """Bars in pairs, the older versions at the left."""

    MOST = 8

    def show(self, versions: Sequence[Version]) -> bool:
        """Draw the newest versions whose report has both losses; returns whether there was any."""
        checked = [
            version
            for version in versions
            if version.report.get("held_out_before") is not None
            and version.report.get("held_out_after") is not None
        ][-self.MOST :]
        self.plt.clear_figure()
        self.plt.title("loss on held-out wordings, nats per token: before and after")
        if checked:
            # The library's own types call the argument "label", the library calls it "labels".
            plot: Any = self.plt
            plot.multiple_bar(
                [version.id for version in checked],
                [
                    [float(version.report["held_out_before"]) for version in checked],
                    [float(version.report["held_out_after"]) for version in checked],
                ],
                labels=["before", "after"],
            )
        self.refresh()
        return bool(checked)
