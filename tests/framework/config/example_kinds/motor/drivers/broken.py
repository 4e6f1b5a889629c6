"""A driver whose vendor's library is not installed, and that imports it too early."""

import acme_vendor_library  # noqa: F401
