#!/usr/bin/env python3
"""check_dashboards.py: whether dashboards/*.json are what Grafana imports. Prints a line for each problem; ends with 1 if there is one.

Grafana takes nearly any JSON and shows what it does not understand as an empty panel, so this is strict about the shape: known panel types and
units, ids that are unique, places that do not overlap, a description and a query for each panel, variables that exist, links that lead somewhere.
"""

import json
import os
import re
import sys

FOLDER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "dashboards")
DATASOURCE = {"type": "prometheus", "uid": "${datasource}"}
PANELS = {"timeseries", "stat", "gauge", "bargauge", "table", "heatmap"}
UNITS = {"none", "short", "bytes", "Bps", "s", "ops", "reqps", "percentunit"}
# Variables that Grafana itself knows.
BUILT_IN = {"__rate_interval", "__range", "__interval"}
TOP = {"uid": str, "title": str, "description": str, "tags": list, "schemaVersion": int, "time": dict, "refresh": str, "links": list,
       "templating": dict, "annotations": dict, "panels": list}
PANEL = {"id": int, "type": str, "title": str, "description": str, "datasource": dict, "gridPos": dict, "targets": list, "fieldConfig": dict,
         "options": dict}


def lacks(what, shape, name):
    return [f"{name}: {key} is missing or no {kind.__name__}" for key, kind in shape.items() if not isinstance(what.get(key), kind)]


def cells(place):
    return {(x, y) for x in range(place["x"], place["x"] + place["w"]) for y in range(place["y"], place["y"] + place["h"])}


def check_target(target, known, name):
    problems = []
    if target.get("datasource") != DATASOURCE:
        problems.append(f"{name}: the data source is not the variable")
    if not target.get("expr"):
        problems.append(f"{name}: has no query")
    for variable in re.findall(r"\$\{?(\w+)", target.get("expr", "")):
        if variable not in known | BUILT_IN:
            problems.append(f"{name}: there is no variable {variable}")
    return problems


def check_thresholds(defaults, name):
    steps = defaults.get("thresholds", {}).get("steps", [])
    values = [step.get("value") for step in steps]
    if not steps or values[0] is not None or values[1:] != sorted(values[1:]) or None in values[1:]:
        return [f"{name}: thresholds must begin with null and rise"]
    return []


def check_panel(panel, known, boards, name):
    if panel.get("type") == "row":
        return []
    problems = lacks(panel, PANEL, name)
    if problems:
        return problems
    defaults = panel["fieldConfig"].get("defaults", {})
    if panel["type"] not in PANELS:
        problems.append(f"{name}: unknown panel type {panel['type']}")
    if defaults.get("unit") not in UNITS:
        problems.append(f"{name}: unknown unit {defaults.get('unit')}")
    if len(panel["description"]) < 10 or not panel["targets"]:
        problems.append(f"{name}: needs a description and a query")
    references = [target.get("refId") for target in panel["targets"]]
    if len(set(references)) != len(references) or None in references:
        problems.append(f"{name}: each query needs a refId of its own")
    for target in panel["targets"]:
        problems += check_target(target, known, name)
    for link in panel.get("links", []):
        if link["url"].removeprefix("/d/") not in boards:
            problems.append(f"{name}: links to {link['url']}, which is not there")
    return problems + check_thresholds(defaults, name)


def check_board(board, boards, name):
    problems = lacks(board, TOP, name)
    if problems:
        return problems
    variables = board["templating"]["list"]
    known = {variable["name"] for variable in variables}
    if not variables or variables[0].get("type") != "datasource":
        problems.append(f"{name}: the first variable must be the data source")
    if "dray" not in board["tags"]:
        problems.append(f"{name}: lacks the tag by which the dashboards link each other")
    taken, ids = set(), set()
    for panel in board["panels"]:
        title = f"{name}: {panel.get('title')}"
        problems += check_panel(panel, known, boards, title)
        place = panel.get("gridPos", {})
        if not {"x", "y", "w", "h"} <= place.keys() or place["x"] + place["w"] > 24:
            problems.append(f"{title}: does not lie within 24 columns")
            continue
        if taken & cells(place):
            problems.append(f"{title}: overlaps another panel")
        taken |= cells(place)
        if panel["id"] in ids:
            problems.append(f"{title}: its id is another's")
        ids.add(panel["id"])
    return problems


def main():
    boards = {}
    problems = []
    for name in sorted(os.listdir(FOLDER)):
        try:
            with open(os.path.join(FOLDER, name), encoding="utf-8") as file:
                boards[name] = json.load(file)
        except ValueError as error:
            problems.append(f"{name}: {error}")
    uids = [board.get("uid") for board in boards.values()]
    if len(set(uids)) != len(uids):
        problems.append("two dashboards have the same uid")
    for name, board in boards.items():
        problems += check_board(board, set(uids), name)
    print("\n".join(problems) if problems else f"{len(boards)} dashboards")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
