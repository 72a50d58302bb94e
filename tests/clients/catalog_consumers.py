"""Opens what `doorward catalog export` writes as others would; prints what they make of it as JSON.

schema FILE SCHEMA [REFERRED...]   validates strictly, formats included
cyclonedx FILE                     OWASP's cyclonedx-python-lib: strict validation, then its model
sarif FILE                         Microsoft's sarif-tools: what its loader and its summary say
otm FILE                           open-threat-model: the architecture that it imports
"""

import json
import sys
from contextlib import redirect_stdout
from pathlib import Path


def schema(file, main, *referred):
    from jsonschema import FormatChecker
    from jsonschema.validators import validator_for
    from referencing import Registry, Resource

    def load(path):
        return json.loads(Path(path).read_text())

    resources = [Resource.from_contents(load(path)) for path in referred]
    registry = Registry().with_resources((resource.id(), resource) for resource in resources)
    wanted = load(main)
    kind = validator_for(wanted)
    kind.check_schema(wanted)
    validator = kind(wanted, registry=registry, format_checker=FormatChecker())
    faults = [f"{error.json_path}: {error.message[:300]}" for error in validator.iter_errors(load(file))]
    return {"faults": faults[:20]}


def cyclonedx(file):
    from cyclonedx.model.bom import Bom
    from cyclonedx.schema import SchemaVersion
    from cyclonedx.validation.json import JsonStrictValidator

    text = Path(file).read_text()
    fault = JsonStrictValidator(SchemaVersion.V1_6).validate_str(text)
    bom = Bom.from_json(json.loads(text))
    return {
        "faults": [str(fault)[:300]] if fault else [],
        "subject": bom.metadata.component.name,
        "components": sorted(component.name for component in bom.components),
        "standards": {standard.name: len(standard.requirements) for standard in bom.definitions.standards},
    }


def sarif(file):
    from sarif.loader import load_sarif_file
    from sarif.operations.summary_op import generate_summary
    from sarif.sarif_file import SarifFileSet

    loaded = load_sarif_file(file)
    files = SarifFileSet()
    files.add_file(loaded)
    generate_summary(files, output=f"{file}.summary", output_multiple_files=False)
    return {
        "tools": sorted(loaded.get_distinct_tool_names()),
        "results": loaded.get_result_count(),
        "rules": sorted({record["Code"] for record in loaded.get_records()}),
        "summary": Path(f"{file}.summary").read_text(),
    }


def otm(file):
    from otm_artifact_import.otm_native import import_otm_text

    model = import_otm_text(Path(file).read_text())
    return {
        "title": model.metadata.title,
        "boundaries": len(model.trust_boundaries),
        "components": len(model.components),
        "flows": len(model.data_flows),
        "assets": len(model.assets),
    }


if __name__ == "__main__":
    opened = {"schema": schema, "cyclonedx": cyclonedx, "sarif": sarif, "otm": otm}[sys.argv[1]]
    # What they print themselves is no JSON.
    with redirect_stdout(sys.stderr):
        found = opened(*sys.argv[2:])
    print(json.dumps(found))
