"""What this plugin registers."""

from probekit.hooks import HookQuery
from probekit.papers import BAAN2019, LAKRETZ2019
from probekit.specs import AnalysisSpec

weight_heatmap = AnalysisSpec(
    name="weight-heatmap",
    summary="weight matrices as heatmaps, units and words along the sides",
    implementation="probekit_weights.heatmap:WeightHeatmap",
    params="probekit_weights.params:HeatmapParams",
    papers=(BAAN2019,),
)

weight_graph = AnalysisSpec(
    name="weight-graph",
    summary="the strongest weights as edges between units, and how few units hold them",
    implementation="probekit_weights.graph:WeightGraph",
    params="probekit_weights.params:GraphParams",
    papers=(BAAN2019,),
)

strongest_units = AnalysisSpec(
    name="strongest-units",
    summary="units ranked by the strength of the weights that connect them",
    implementation="probekit_weights.strongest:StrongestUnits",
    params="probekit_weights.params:StrengthParams",
    papers=(BAAN2019,),
)

group_connectivity = AnalysisSpec(
    name="group-connectivity",
    summary="whether the units of a group are among the most strongly connected ones",
    implementation="probekit_weights.connectivity:GroupConnectivity",
    params="probekit_weights.params:GroupParams",
    papers=(BAAN2019,),
)

efferent_weights = AnalysisSpec(
    name="efferent-weights",
    summary="how far output weights from single units set singular and plural verb forms apart",
    implementation="probekit_weights.efferent:EfferentWeights",
    params="probekit_weights.params:EfferentParams",
    labels=("number", "wrong"),
    papers=(LAKRETZ2019,),
)

afferent_weights = AnalysisSpec(
    name="afferent-weights",
    summary="which units drive the gates of single units: weights by the activity of their source",
    implementation="probekit_weights.afferent:AfferentWeights",
    params="probekit_weights.params:AfferentParams",
    wants=(HookQuery(kind="hidden"),),
    papers=(LAKRETZ2019,),
)
