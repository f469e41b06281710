"""An item's two files of XML as the document that the API gives."""

from __future__ import annotations

import re
from typing import Any
from xml.parsers import expat

from lockgroove.sources.dumpreading import Malformed
from lockgroove.sources.internetarchive_files import Item

_NO_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_DEPTH_MAX = 8


def from_xml(item: Item) -> dict[str, Any]:
    """The document, with the XML itself as the item's body. Raises Malformed."""
    item.body = {"meta_xml": _text(item.data)}
    document = {"metadata": _Fields(item.data, item).fields}
    if item.files_xml is not None:
        item.body["files_xml"] = _text(item.files_xml)
        document["files"] = _Fields(item.files_xml, item).files  # type: ignore[assignment]
    return document


def _text(data: bytes) -> str:
    return data.decode("utf-8", "surrogateescape")


class _Fields:
    """What elements say: those below the root, and those of each `file` with its attributes."""

    def __init__(self, data: bytes, item: Item) -> None:
        try:
            self._parse(data)
        except expat.ExpatError:
            item.is_plain = False
            try:
                self._parse(_NO_XML.sub("\ufffd", data.decode("utf-8", "replace")).encode())
            except expat.ExpatError as error:
                raise Malformed(f"no XML: {error}") from error

    def _parse(self, data: bytes) -> None:
        self.fields: dict[str, Any] = {}
        self.files: list[dict[str, Any]] = []
        self._path: list[str] = []
        self._words: list[str] = []
        parser = expat.ParserCreate()
        parser.buffer_text = True
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._words.append
        parser.StartDoctypeDeclHandler = _no_doctype
        parser.Parse(data, True)

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        self._path.append(name)
        self._words.clear()
        if len(self._path) > _DEPTH_MAX:
            raise Malformed("nested too deeply")
        if self._path == ["files", "file"]:
            self.files.append(dict(attributes))

    def _end(self, name: str) -> None:
        depth = len(self._path)
        self._path.pop()
        if depth == 2 and name != "file":
            _add(self.fields, name, "".join(self._words))
        elif depth == 3 and self.files and self._path == ["files", "file"]:
            _add(self.files[-1], name, "".join(self._words))


def _no_doctype(*_: Any) -> None:
    raise Malformed("XML with a DOCTYPE, which no item has")


def _add(fields: dict[str, Any], name: str, value: str) -> None:
    """One value as text, several as a list, as the API does it."""
    if name not in fields:
        fields[name] = value
    elif isinstance(fields[name], list):
        fields[name].append(value)
    else:
        fields[name] = [fields[name], value]
