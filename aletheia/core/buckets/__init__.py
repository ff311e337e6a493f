"""Objects in buckets (``s3://``): their addresses, a mirror of them on this machine, and files that are sent there."""

import os

# Some servers send the checksum of the whole object with a part of it, which the client would take for damage, whoever
# in this process opens it first: MLRun reads tables in parts.
os.environ.setdefault("AWS_RESPONSE_CHECKSUM_VALIDATION", "when_required")
