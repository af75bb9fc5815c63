"""What this plugin registers."""

from probekit.hooks import HookQuery
from probekit.specs import AnalysisSpec

silent_units = AnalysisSpec(
    name="silent-units",
    summary="how often each unit is nearly zero",
    implementation="probekit_example_silence.silence:SilentUnits",
    params="probekit_example_silence.params:SilenceParams",
    wants=(HookQuery(),),  # some hook point of any kind; the parameter `kind` says which
)
