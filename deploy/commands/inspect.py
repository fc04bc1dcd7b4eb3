"""`edgewise inspect`.

examples:
  edgewise inspect bundles/storefront/dist/bundle.zip
  edgewise inspect bundle.zip --json
"""

import argparse
from pathlib import Path

from contracts.bundle import Bundle, ModelSet
from contracts.catalog import CatalogSchema
from contracts.rule_ir import RuleIR
from contracts.slots import SlotSet
from deploy.bundle_files import read_bundle
from deploy.outcome import Outcome


def configure(parser: argparse.ArgumentParser) -> None:
    """Declares the words after `inspect`."""
    parser.add_argument("file", type=Path, help="a bundle file, from `edgewise build`")


def run(options: argparse.Namespace) -> Outcome:
    """Reads the file, every digest checked, and says what is in it."""
    bundle = read_bundle(options.file)
    data = {"revision": bundle.revision, "manifest": bundle.manifest, **_contents(bundle)}
    return Outcome(data, _text(bundle))


def _contents(bundle: Bundle) -> dict[str, object]:
    return {
        "slots": bundle.read("slots", SlotSet),
        "models": bundle.read("models", ModelSet),
        "catalog": bundle.read("catalog", CatalogSchema),
    }


def _text(bundle: Bundle) -> str:
    slots = bundle.read("slots", SlotSet)
    synthetic = [
        f"{table.name}.{column.name}"
        for table in bundle.read("catalog", CatalogSchema).tables
        for column in table.columns
        if column.is_synthetic
    ]
    lines = [f"{bundle.manifest.name}  {bundle.revision}", ""]
    lines += [f"  page {page}: {', '.join(names)}" for page, names in slots.pages.items()]
    lines += [f"  slot {slot.name}: {slot.kind} over {slot.table}, {len(slot.guards)} guards" for slot in slots.slots]
    for model in bundle.read("models", ModelSet).models:
        lines.append(f"  model {model.name}: {len(model.inputs)} inputs, gives a {model.output}")
    lines.append(f"  rules: {len(bundle.read('rules', RuleIR).rules)}")
    lines.append(f"  synthetic columns: {', '.join(synthetic) or 'none'}")
    lines.append(f"  needs: {', '.join(bundle.manifest.capabilities)}")
    lines += ["", f"  {'bytes':>12}  section"]
    sizes = sorted(bundle.manifest.sections.items(), key=lambda entry: -entry[1].size)
    lines += [f"  {ref.size:>12,}  {name}" for name, ref in sizes]
    return "\n".join(lines)
