"""Switch every unit of a language model off in turn, and see which sentences it then gets wrong."""

from probekit_agreement.agreement import number_agreement
from probekit_agreement.params import AgreementParams
from probekit_lstm.checkpoints import load_lstm
from probekit_lstm.params import LstmParams

from probekit import Ablation, HookQuery, select

model = load_lstm(LstmParams(), "cpu")
pairs = list(number_agreement(AgreementParams(task=("nounpp",), sentences=25)))
example = pairs[0]
print(f"{' '.join(example.words)} ... {example.target[0]}, not {example.labels['wrong']}")

top = select(model.hook_specs, HookQuery(kind="hidden", layer=1))[0]
ablations = [Ablation(), *(Ablation({top.name: (unit,)}) for unit in range(top.width))]
margins = model.margins(pairs, ablations)  # [ablation, pair], log-odds of the right form
intact, without = margins[0], margins[1:]
print(f"{len(pairs)} pairs, {(intact > 0).float().mean():.1%} right")

for unit in (intact - without).mean(dim=1).argsort(descending=True)[:3].tolist():
    lost = (intact - without[unit]).mean()
    right = (without[unit] > 0).float().mean()
    print(f"without unit {unit} of {top.name}: log-odds {lost:.2f} lower, {right:.1%} right")
