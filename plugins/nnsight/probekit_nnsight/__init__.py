"""Any torch module or Hugging Face model as a probekit Model, through nnsight."""
