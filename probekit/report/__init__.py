"""The report of a run: figures as PNG, SVG and live charts, and one page that works offline.

    write_figures(folder, result.figures, result.tables)
    write_page(folder)
    redraw(folder)                    # both again, from the stored tables alone

A run folder holds everything that the page shows.
"""

from probekit.report.figures import MAX_ROWS, write_figures
from probekit.report.page import SHOWN_ROWS, redraw, write_page

__all__ = ["MAX_ROWS", "SHOWN_ROWS", "redraw", "write_figures", "write_page"]
