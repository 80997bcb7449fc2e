"""What people see of the catalog's documents: a file a noun."""

from catalog.views.certificate import certificate_view
from catalog.views.flavour import flavour_view, namespace_view
from catalog.views.image import image_view
from catalog.views.job import job_view
from catalog.views.version import counts_of, version_view

__all__ = ["certificate_view", "counts_of", "flavour_view", "image_view", "job_view", "namespace_view", "version_view"]
