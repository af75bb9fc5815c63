"""Parameters of the analysis."""

from pydantic import Field

from probekit.hooks import Kind
from probekit.params import StreamingParams


class SilenceParams(StreamingParams):
    """Where to look, and what counts as silence."""

    kind: Kind = Field("hidden", description="the kind of hook point")
    threshold: float = Field(0.01, ge=0, description="values this near to zero are silent")
