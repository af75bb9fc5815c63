"""What this plugin registers."""

from probekit.specs import AnalysisSpec, Paper

BAAN = Paper(
    key="baan2019",
    citation=(
        "Baan, Leible, Nikolaus, Rau, Ulmer, Baumgärtner, Hupkes and Bruni (2019). On the"
        " realization of compositionality in neural networks. BlackboxNLP."
    ),
    url="https://aclanthology.org/W19-4814",
)

weight_heatmap = AnalysisSpec(
    name="weight-heatmap",
    summary="weight matrices as heatmaps, units and words along the sides",
    implementation="probekit_weights.heatmap:WeightHeatmap",
    params="probekit_weights.params:HeatmapParams",
    papers=(BAAN,),
)

weight_graph = AnalysisSpec(
    name="weight-graph",
    summary="the strongest weights as edges between units, and how few units hold them",
    implementation="probekit_weights.graph:WeightGraph",
    params="probekit_weights.params:GraphParams",
    papers=(BAAN,),
)

strongest_units = AnalysisSpec(
    name="strongest-units",
    summary="units ranked by the strength of the weights that connect them",
    implementation="probekit_weights.strongest:StrongestUnits",
    params="probekit_weights.params:StrengthParams",
    papers=(BAAN,),
)

group_connectivity = AnalysisSpec(
    name="group-connectivity",
    summary="whether the units of a group are among the most strongly connected ones",
    implementation="probekit_weights.connectivity:GroupConnectivity",
    params="probekit_weights.params:GroupParams",
    papers=(BAAN,),
)
