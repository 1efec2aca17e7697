#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""Validates lines of JSON in a file against a schema.

usage: validate.py SCHEMA FILE [--closed]

--closed: no member may be there that the schema does not name. Readers of a later version of the
same schema must not do that; a test of what this version writes must.
"""
import copy
import json
import sys

import jsonschema


def closed(schema):
    """The schema, with every object limited to the members it names itself or by a reference."""
    root = copy.deepcopy(schema)

    def walk(node):
        if not isinstance(node, dict):
            return
        for key, child in node.items():
            if key != "allOf":  # its parts share one object, which the node itself closes
                walk(child)
        if "$ref" in node or "allOf" in node or isinstance(node.get("properties"), dict):
            node.setdefault("unevaluatedProperties", False)

    for key, child in root.items():
        if key != "$defs":
            walk(child)
    root.setdefault("unevaluatedProperties", False)
    return root


def main():
    with open(sys.argv[1], encoding="utf-8") as file:
        schema = json.load(file)
    jsonschema.Draft202012Validator.check_schema(schema)
    if "--closed" in sys.argv[3:]:
        schema = closed(schema)
    validator = jsonschema.Draft202012Validator(schema)
    documents = wrong = 0
    with open(sys.argv[2], encoding="utf-8") as file:
        lines = file.readlines()
    for line in lines:
        documents += 1
        for error in validator.iter_errors(json.loads(line)):
            wrong += 1
            print(f"document {documents}: {error.json_path}: {error.message}")
    if documents == 0:
        print("no document")
    return 0 if documents and not wrong else 1


sys.exit(main())
