#!/usr/bin/env python3
"""validate_json.py SCHEMA DOCUMENT: says what in the document is not as the schema has it.

Exit status 0: it is valid; 1: it is not, or there is no python3-jsonschema."""
import json
import sys

try:
    import jsonschema
except ImportError:
    sys.exit("needs python3-jsonschema")

with open(sys.argv[1]) as file:
    schema = json.load(file)
with open(sys.argv[2]) as file:
    document = json.load(file)
validator = jsonschema.validators.validator_for(schema)
validator.check_schema(schema)
errors = list(validator(schema).iter_errors(document))
for error in errors:
    print("/".join(map(str, error.absolute_path)) + ": " + error.message[:300])
sys.exit(1 if errors else 0)
