"""What this plugin registers."""

from probekit.specs import DatasetSpec

corpus = DatasetSpec(
    name="corpus",
    summary="running text of several domains: files, folders, JSON lines, arrow",
    implementation="probekit_text.corpus:Corpus",
    params="probekit_text.params:CorpusParams",
    labels=("domain", "document", "text"),
)
