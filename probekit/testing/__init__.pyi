"""What `import probekit.testing` gives, for type checkers: the same names as in `__init__.py`."""

from probekit.testing.analyses import AnalysisContract as AnalysisContract
from probekit.testing.check import check_installed as check_installed
from probekit.testing.contract import Contract as Contract
from probekit.testing.contract import Outcome as Outcome
from probekit.testing.datasets import DatasetContract as DatasetContract
from probekit.testing.doubles import TinyModel as TinyModel
from probekit.testing.doubles import tiny_dataset as tiny_dataset
from probekit.testing.inputs import GivenInputs as GivenInputs
from probekit.testing.models import ModelContract as ModelContract
