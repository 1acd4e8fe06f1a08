"""Two replicas, and a proxy before each one's store that is cut off, slow or there."""
