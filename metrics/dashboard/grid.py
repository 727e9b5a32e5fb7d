"""Tables that can be sorted and filtered (AG Grid); filled by the part "grid" of metrics/dashboard/web/parts.js."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import dash_ag_grid as dag


def figure(field: str, head: str, form: str, **more: Any) -> dict[str, Any]:
    """A column of numbers, written as d3's `form` says; more: options of the column."""
    shown = {"function": f"params.value == null ? '-' : d3.format('{form}')(params.value)"}
    told = {"type": "rightAligned", "valueFormatter": shown, "filter": "agNumberColumnFilter"}
    return {"field": field, "headerName": head, **told, **more}


def rows_grid(name: str, columns: Sequence[dict[str, Any]], *, height: int, selection: dict[str, Any]) -> dag.AgGrid:
    """An empty table, `height` pixels high; rows are known by their `id`. selection: AG Grid's rowSelection.

    Columns are filtered as text unless they say otherwise.
    """
    return dag.AgGrid(
        id=name,
        className="grid-here",
        columnDefs=[{"filter": "agTextColumnFilter", **column} for column in columns],
        rowData=[],
        getRowId="params.data.id",
        dashGridOptions={"rowHeight": 27, "headerHeight": 32, "animateRows": False, "rowSelection": selection},
        defaultColDef={"resizable": True, "sortable": True},
        style={"height": f"{height}px", "width": "100%"},
    )
