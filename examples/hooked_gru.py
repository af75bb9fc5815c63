"""See inside a torch.nn.GRU: name its gates, keep them, and switch units off row by row."""

import torch

from probekit import HookedGRU, HookQuery, select, zero_units

torch.manual_seed(0)
plain = torch.nn.GRU(input_size=8, hidden_size=5, batch_first=True)
hooked = HookedGRU(8, 5)
hooked.load_state_dict(plain.state_dict())

x = torch.randn(3, 7, 8)  # [batch, pos, input]
with torch.no_grad():
    (output, _), cache = hooked.run_with_cache(x)
    print(f"largest difference from torch: {(output - plain(x)[0]).abs().max():.0e}")

for spec in select(hooked.hook_specs, HookQuery(kind="gate")):
    gate = cache[spec.name]  # [batch, pos, unit]
    print(f"{spec.name} {list(gate.shape)}: mean {gate.mean():.2f}; near 1 {spec.high}")

# Another unit at zero in each row of one batch: unit 4 in row 0, unit 2 in row 2.
off = zero_units("layers.0.hook_hidden", rows=[0, 2], units=[4, 2])
with torch.no_grad():
    changed, _ = hooked.run_with_hooks(x, fwd_hooks=[off])
for row in range(3):
    silent = (changed[row] == 0).all(0).nonzero().flatten().tolist()
    moved = (changed[row] - output[row]).abs().max()
    print(f"row {row}: units {silent} are silent, the output moved by up to {moved:.2f}")
