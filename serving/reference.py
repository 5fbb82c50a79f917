"""The REST reference as Markdown, from the API's own OpenAPI document. Not here: how to use it (`docs/api.md`)."""

from collections.abc import Iterator, Mapping
from typing import Any


def reference_markdown(document: Mapping[str, Any]) -> str:
    """Every operation with its parameters, body and answers, grouped by the first part of its path."""
    return "\n".join(_lines(document)) + "\n"


def _lines(document: Mapping[str, Any]) -> Iterator[str]:
    yield "# REST reference\n"
    yield f"Version {document['info']['version']}. Made from the OpenAPI document that a running API serves under"
    yield "`/openapi.json`, where the features of the model in force are named as well. [How to use it](api.md)."
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            yield f"\n## {method.upper()} {path}\n"
            yield str(operation.get("description") or operation.get("summary", "")).strip()
            if parameters := operation.get("parameters"):
                yield "\n| parameter | in | type | meaning |\n|---|---|---|---|"
                for each in parameters:
                    needed = " (required)" if each.get("required") else ""
                    meaning = _cell(each.get("description", ""))
                    yield f"| `{each['name']}`{needed} | {each['in']} | {_kind(each.get('schema', {}))} | {meaning} |"
            for kind, body in operation.get("requestBody", {}).get("content", {}).items():
                yield f"\nBody, `{kind}`: {_kind(body.get('schema', {}))}"
            yield "\n| status | answer |\n|---|---|"
            for status, answer in operation["responses"].items():
                told = ", ".join(_kind(c.get("schema", {})) for c in answer.get("content", {}).values())
                yield f"| {status} | {_cell(answer.get('description', ''))}{f' ({told})' if told else ''} |"
    yield "\n## Schemas"
    for name, schema in sorted(document.get("components", {}).get("schemas", {}).items()):
        yield f"\n### {name}\n"
        if text := schema.get("description"):
            yield f"{text.strip()}\n"
        if properties := schema.get("properties"):
            yield "| field | type | meaning |\n|---|---|---|"
            for field, each in properties.items():
                yield f"| `{field}` | {_kind(each)} | {_cell(each.get('description', ''))} |"


def _kind(schema: Mapping[str, Any]) -> str:
    if "$ref" in schema:
        name = str(schema["$ref"]).rpartition("/")[2]
        return f"[{name}](#{name.lower()})"
    if any_of := schema.get("anyOf") or schema.get("oneOf"):
        return " or ".join(map(_kind, any_of))
    if enum := schema.get("enum"):
        return " or ".join(f"`{value}`" for value in enum)
    if "const" in schema:
        return f"`{schema['const']}`"
    if schema.get("type") == "array":
        return f"list of {_kind(schema.get('items', {}))}"
    return str(schema.get("type", "any"))


def _cell(text: str) -> str:
    return " ".join(str(text).split()).replace("|", "\\|")
