"""What is installed, and which models each analysis can read: all without importing torch."""

import sys

from probekit import HookQuery
from probekit.registry import registry
from probekit.testing.specs import tiny_model

found = registry()
for entry in found.of("analysis", "model", "dataset"):
    print(f"{entry.spec.noun:9} {entry.id} {entry.version}: {entry.spec.summary}")
for row in found.broken:
    print(f"broken    {row.id}: {row.reason}")

for entry in found.of("analysis"):
    fits = [model.spec.name for model in found.of("model") if entry.spec.fits(model.spec)]
    print(f"{entry.spec.name} can read {', '.join(fits) or 'no model that is installed'}")

gates = [offer for offer in tiny_model.offers if HookQuery(kind="gate").admits(offer)]
print(f"the tiny model of probekit.testing offers {' and '.join(map(str, gates))} hook points")
print("torch is loaded" if "torch" in sys.modules else "torch is not loaded")
