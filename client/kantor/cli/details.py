"""Shows what an inspection found, of whatever family: figures, tables and histograms; nothing that is zero or empty."""

from __future__ import annotations

from typing import Any

from rich.text import Text

from kantor.cli import output

_EMPTY: tuple[Any, ...] = (None, 0, "", [], {})
BAR = 24


def show(details: dict[str, Any]) -> None:
    """To stdout."""
    figures = {key: value for key, value in details.items() if not isinstance(value, (dict, list)) or _is_words(value)}
    if figures:
        output.show(_figures(figures))
    findings: dict[str, Any] = {}
    for key, part in details.items():
        if key in figures or part in _EMPTY:
            continue
        if isinstance(part, dict) and set(part) == {"count", "names"}:
            if part["count"]:
                findings[key] = f"{part['count']:,}: {_listed(part['names'], part['count'])}"
        elif isinstance(part, dict):
            _part(key, part)
        elif _is_records(part):
            _title(key)
            output.show(_records(part))
    if findings:
        _title("findings")
        output.show(_figures(findings))


def _part(title: str, part: dict[str, Any]) -> None:
    """Figures of one subject: single ones, then ranges as a table, then histograms."""
    ranges = {key: value for key, value in part.items() if isinstance(value, dict) and "smallest" in value}
    single = {key: value for key, value in part.items() if key not in ranges and _shown(value)}
    filled = [{"": words(key), **_without(value, "histogram")} for key, value in ranges.items() if _any(value)]
    if not single and not filled:
        return
    _title(title)
    if single:
        output.show(_figures(single))
    if filled:
        output.show(_records(filled))
    for key, value in ranges.items():
        if value.get("histogram"):
            output.show(Text(f"  {words(key)}", "dim"))
            output.show(_histogram(value["histogram"]))


def _title(title: str) -> None:
    output.show(Text(f"\n{words(title).capitalize()}", "bold"))


def _figures(figures: dict[str, Any]) -> Any:
    table = output.table("", "")
    table.show_header = False
    for key, value in figures.items():
        if value not in _EMPTY or isinstance(value, bool):
            table.add_row(Text(f"  {words(key)}", "dim"), Text(cell(value)))
    return table


def _records(records: list[dict[str, Any]]) -> Any:
    columns = list(dict.fromkeys(key for record in records for key in record))
    numbers = (int, float, type(None))
    numeric = {key for key in columns if all(isinstance(record.get(key), numbers) for record in records)}
    table = output.table(*(f"{words(key)}>" if key in numeric else words(key) for key in columns))
    table.columns[0].header = f"  {table.columns[0].header}"
    for record in records:
        cells = [cell(record.get(key)) for key in columns]
        table.add_row(Text(f"  {cells[0]}"), *map(Text, cells[1:]))
    return table


def _histogram(bins: list[list[float]]) -> Any:
    """Bins of (from, to, count) as bars."""
    table = output.table("", "", "")
    table.show_header = False
    most = max(count for _, _, count in bins)
    for low, high, count in bins:
        span = cell(low) if low == high else f"{cell(low)} to {cell(high)}"
        table.add_row(
            Text(f"    {span}"),
            Text(f"{count:,}"),
            Text("█" * max(1 if count else 0, round(BAR * count / most)), "cyan"),
        )
    table.columns[1].justify = "right"
    return table


def words(key: str) -> str:
    return key.replace("_", " ").replace("-", " ")


def cell(value: Any) -> str:
    """One value in words."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return f"{value:,.6g}"
    if isinstance(value, dict):
        return ", ".join(f"{cell(item)} {words(str(key))}" for key, item in value.items())
    if isinstance(value, (list, tuple)):
        return _listed([cell(item) for item in value], len(value))
    return str(value)


def _listed(items: list[str], count: int, most: int = 8) -> str:
    separator = "; " if any("," in item for item in items) else ", "
    return separator.join(items[:most]) + (f" and {count - most} more" if count > most else "")


def _shown(value: Any) -> bool:
    if isinstance(value, bool) or _is_words(value) or _is_records(value):
        return value not in ([],)
    return not isinstance(value, (dict, list)) and value not in _EMPTY


def _is_words(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(item, str) for item in value)


def _is_records(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(item, dict) for item in value)


def _any(figures: dict[str, Any]) -> bool:
    return any(value not in _EMPTY for value in figures.values())


def _without(figures: dict[str, Any], name: str) -> dict[str, Any]:
    return {key: value for key, value in figures.items() if key != name}
